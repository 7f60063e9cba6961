#!/bin/sh
# `nas-run init` on a folder of drawn images: what it writes is valid and runs at once, and the net that comes of it knows its classes.
# usage: init_test.sh NAS_RUN
set -eu
nas_run=$1
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
XDG_CACHE_HOME=$directory/cache
export XDG_CACHE_HOME
fail() {
  echo "FAILED: $*"
  exit 1
}
"$nas_run" sample imagenet -o drawn --images 120 --size 40 >/dev/null
mv drawn/train photos  # a folder a class, without splits
head -c 200 "$(find photos -name '*.JPEG' -o -name '*.jpg' | sort | head -1)" >cut.jpg
cp cut.jpg "$(find photos -mindepth 1 -type d | sort | head -1)/broken.jpg"

"$nas_run" init photos --minutes 1 >said
cat said
grep -q "^photos.yaml: .* images of 10 classes at 32 pixels; resnet18 at width " said || fail "what init says"
grep -q "bad_images: skip  # 1 files cannot be read" photos.yaml || fail "the broken file is not told"
if "$nas_run" init photos 2>err; then fail "photos.yaml was replaced"; fi
grep -q "photos.yaml is there already; valid: another file with -o" err || fail "$(cat err)"
"$nas_run" validate photos.yaml >valid 2>/dev/null
[ "$(grep -c "^[a-z0-9]* .* [0-9]* *[0-9]* *[0-9]*$" valid)" -ge 10 ] || fail "validate lists no classes"
grep -q "^ok$" valid || fail "the draft is not valid"

"$nas_run" photos.yaml -s train.epochs=1 -s prune.retrain.epochs=1 -s search.seeds=1 -s "prune.criteria=[l1]" >answer 2>log || { cat log; fail "the run"; }
grep -q "^what: take " answer || fail "no answer"
"$nas_run" show results/photos 1 | grep -q "^ *says 0 " || fail "show does not list the classes"
if "$nas_run" validate photos.yaml -s nets.0.width=0.3 >said 2>err; then fail "another base is valid where its run would be refused"; fi
grep -q "can't go on with .*results/photos: net 'resnet18' has changed since" err || fail "$(cat err)"
if "$nas_run" plan photos.yaml -s nets.0.width=0.3 2>err; then fail "a plan of another base is told as if it could run here"; fi
grep -q "can't go on with .*results/photos: net 'resnet18' has changed since" err || fail "$(cat err)"
"$nas_run" plan photos.yaml -s nets.0.width=0.3 -o elsewhere >/dev/null || fail "the same in another folder"
"$nas_run" export results/photos 1 --to json -o net.json
grep -q '"class_names"' net.json || fail "the JSON does not know its classes"
"$nas_run" export results/photos 1 -o net.py
/usr/bin/python3 -c "
import net
from PIL import Image
scores = net.load()(net.preprocess(Image.new('RGB', (70, 50))))
assert scores.shape == (1, len(net.CLASSES)), scores.shape
white = net.preprocess(Image.new('RGB', (70, 50), 'white'))[0, :, 0, 0]
assert white.allclose((1 - net.torch.tensor(net.MEAN)) / net.torch.tensor(net.DEVIATION), rtol=1e-4), white
# As in training: turned as EXIF says, and what is transparent black.
left = Image.new('RGB', (64, 64), 'white'); left.paste('black', (0, 0, 32, 64))
turned = left.transpose(Image.Transpose.ROTATE_90); turned.getexif()[0x0112] = 6
assert net.preprocess(turned).allclose(net.preprocess(left)), 'not turned'
assert net.preprocess(Image.new('RGBA', (64, 64), (255, 255, 255, 0))).allclose(net.preprocess(Image.new('RGB', (64, 64)))), 'not black'
outer = net.SIZE[1]
striped = Image.frombytes('L', (outer * 3 // 2, outer * 3 // 2), bytes([0, 90, 180]) * (outer // 2) * (outer * 3 // 2))
row = net.preprocess(striped)[0, 0, 0] * net.DEVIATION[0] + net.MEAN[0]  # of 1.5 pixels each: (0 + 90 / 2) / 1.5, (90 / 2 + 180) / 1.5
assert row.allclose(net.torch.tensor([30., 150.]).repeat(outer // 2) / 255, atol=1e-4), row
deep = Image.frombytes('I;16', (64, 64), (200 * 257).to_bytes(2, 'little') * 4096)
assert net.preprocess(deep).allclose(net.preprocess(Image.new('L', (64, 64), 200))), '16 bits are not scaled'
" || fail "the exported module"
"$nas_run" validate photos.yaml -s "nets=[{spec: net.json}]" >/dev/null 2>&1 || fail "a net that says its classes is not read"

# Its name is that of the file, so that two drafts have results of their own; started among the images, these are no class.
cp -r photos among
cd among
"$nas_run" init . --minutes 1 -o "a longer one.yaml" >said
grep -q "^name: a_longer_one$" "a longer one.yaml" || fail "$(cat "a longer one.yaml")"
grep -q "^run:   nas-run 'a longer one.yaml'$" said || fail "$(cat said)"
for each in first second; do
  "$nas_run" "a longer one.yaml" -s train.epochs=1 -s prune.retrain.epochs=1 -s search.seeds=1 -s "prune.criteria=[l1]" >/dev/null 2>log || { cat log; fail "the $each run among the images"; }
done
"$nas_run" validate "a longer one.yaml" >valid 2>/dev/null
grep -q results valid && grep -q "^ok$" valid || fail "$(cat valid)"
mkdir empty
if "$nas_run" validate "a longer one.yaml" >valid 2>err; then fail "a class without images is valid"; fi
grep -q "empty: holds no " err || fail "$(cat err)"
echo "all as expected"
