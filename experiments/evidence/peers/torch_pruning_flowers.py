"""What Torch-Pruning makes of flowers17.yaml's net: the same photos in the same splits, weights, epochs, cuts, learning rate and distillation.

usage: torch_pruning_flowers.py PHOTOS WEIGHTS RESULTS.jsonl SEED..., and --table RESULTS.jsonl for the means over seeds; needs torch, torchvision, torch-pruning, safetensors and pillow, as `make
peers-evidence` installs them. PHOTOS: a folder a kind of flower; WEIGHTS: torchvision's SqueezeNet 1.1 for ImageNet as safetensors. A line a net is
added to the results; seeds that they hold are passed over. Its own choices: its taylor and l1 importance of groups of layers, ranked over the whole
net or with one share for all layers (`uniform`), in 400 steps by one gradient as its examples have it; the training epoch that validates best.
"""
import copy
import hashlib
import json
import math
import os
import pathlib
import sys
import time

import torch
import torch.nn.functional as F
import torch_pruning
import torchvision
from PIL import Image
from safetensors.torch import load_file

SIZE, MARGIN, BATCH, CLASSES = 96, 8, 32, 17
MEAN, DEVIATION = torch.tensor([0.48235, 0.45882, 0.40784]).view(3, 1, 1), 0.0039216
KEEP = (0.5, 0.25)
CRITERIA = {
    "taylor": (lambda: torch_pruning.importance.GroupTaylorImportance(), True),
    "taylor uniform": (lambda: torch_pruning.importance.GroupTaylorImportance(), False),
    "l1": (lambda: torch_pruning.importance.GroupMagnitudeImportance(p=1), True),
}


def splits_of(photos):
    """{split: [(file, label)]} as nas-run draws them: of each class, by a hash of each file's name, 0.25 test, then 0.1667 of the rest."""
    drawn = {"train": [], "val": [], "test": []}
    for label, folder in enumerate(sorted(path for path in photos.iterdir() if path.is_dir())):
        files = sorted(folder.iterdir(), key=lambda file: hashlib.sha256(f"1 {folder.name}/{file.name}".encode()).hexdigest())
        test = round(0.25 * len(files))
        validation = round(0.1667 * (len(files) - test))
        for split, some in (("test", files[:test]), ("val", files[test:test + validation]), ("train", files[test + validation:])):
            drawn[split] += [(file, label) for file in some]
    return drawn


def decoded(files):
    """The middle square of each photo, [N, 3, SIZE + 2 * MARGIN, ...] bytes, and the labels."""
    side, images = SIZE + 2 * MARGIN, []
    for file, _ in files:
        image = Image.open(file).convert("RGB")
        least = min(image.size)
        left, top = (image.width - least) / 2, (image.height - least) / 2
        image = image.resize((side, side), Image.Resampling.BOX, box=(left, top, left + least, top + least))
        images.append(torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8).view(side, side, 3).permute(2, 0, 1))
    return torch.stack(images), torch.tensor([label for _, label in files])


def normalised(pixels):
    return (pixels.float() / 255 - MEAN) / DEVIATION


def middle(images):
    return normalised(images[:, :, MARGIN:-MARGIN, MARGIN:-MARGIN])


def augmented(images, generator):
    crops = []
    for image in images:
        down, right = torch.randint(0, 2 * MARGIN + 1, (2,), generator=generator).tolist()
        crop = image[:, down:down + SIZE, right:right + SIZE]
        crops.append(crop.flip(2) if torch.rand((), generator=generator) < 0.5 else crop)
    return normalised(torch.stack(crops))


@torch.no_grad()
def accuracy(net, data):
    images, labels = data
    net.eval()
    return sum(int((net(middle(some)).argmax(1) == of).sum()) for some, of in zip(images.split(64), labels.split(64))) / len(labels)


def train(net, data, epochs, generator, teacher=None):
    """flowers17.yaml's recipe; keeps the epoch that validates best and returns its accuracy."""
    images, labels = data["train"]
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-4, weight_decay=0.01)
    steps, done, best = epochs * math.ceil(len(labels) / BATCH), 0, (-1, None)
    for _ in range(epochs):
        net.train()
        for batch in torch.randperm(len(labels), generator=generator).split(BATCH):
            for group in optimizer.param_groups:
                group["lr"] = 3e-4 * 0.5 * (1 + math.cos(math.pi * done / steps))
            done += 1
            pixels = augmented(images[batch], generator)
            scores = net(pixels)
            loss = F.cross_entropy(scores, labels[batch])
            if teacher:
                with torch.no_grad():
                    wanted = teacher(pixels)
                soft = F.kl_div(F.log_softmax(scores / 4, 1), F.log_softmax(wanted / 4, 1), log_target=True, reduction="batchmean")
                loss = 0.5 * loss + 0.5 * 16 * soft
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        validated = accuracy(net, data["val"])
        if validated > best[0]:
            best = validated, copy.deepcopy(net.state_dict())
    net.load_state_dict(best[1])
    return best[0]


def cut(net, data, keep_macs, importance, ranked_globally, example):
    """Removes groups until the net has at most so many MACs."""
    net.eval()
    pruner = torch_pruning.pruner.BasePruner(net, example, importance=importance, pruning_ratio=0.97, iterative_steps=400, global_pruning=ranked_globally,
                                             ignored_layers=[net.classifier[1]], max_pruning_ratio=0.9)
    images, labels = data["train"]
    net.zero_grad()
    for some, of in zip(images.split(64), labels.split(64)):
        F.cross_entropy(net(middle(some)), of).backward()
    while torch_pruning.utils.count_ops_and_params(net, example)[0] > keep_macs and pruner.current_step < 400:
        pruner.step()


def run(photos, weights, results, seed):
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    data = {split: decoded(files) for split, files in splits_of(photos).items()}
    example = torch.zeros(1, 3, SIZE, SIZE)
    base = torchvision.models.squeezenet1_1()
    base.load_state_dict({name: tensor.float() for name, tensor in load_file(weights).items()})
    base.classifier[1] = torch.nn.Conv2d(512, CLASSES, 1)
    torch.nn.init.normal_(base.classifier[1].weight, std=0.01)
    torch.nn.init.ones_(base.classifier[1].bias)  # as nas-run: a ReLU follows

    def report(criterion, keep, net, validated, as_cut, began):
        macs, parameters = torch_pruning.utils.count_ops_and_params(net.eval(), example)
        row = {"seed": seed, "criterion": criterion, "keep": keep, "accuracy_val": validated, "accuracy_test": accuracy(net, data["test"]),
               "as_cut_val": as_cut, "macs": int(macs), "params": int(parameters), "seconds": round(time.time() - began),
               "torch": torch.__version__, "torch_pruning": torch_pruning.__version__}
        print(json.dumps(row), flush=True)
        with results.open("a") as file:
            file.write(json.dumps(row) + "\n")
        return macs

    began = time.time()
    macs = report("base", 1, base, train(base, data, 15, generator), None, began)
    for criterion, (importance, ranked_globally) in CRITERIA.items():
        net = copy.deepcopy(base)
        for keep in KEEP:
            began = time.time()
            cut(net, data, keep * macs, importance(), ranked_globally, example)
            as_cut = accuracy(net, data["val"])
            report(criterion, keep, net, train(net, data, 20, generator, base.eval()), as_cut, began)


def table(results):
    """Means over seeds, with half of the 95 % interval by Student's t."""
    quantile = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}
    rows = [json.loads(line) for line in pathlib.Path(results).read_text().splitlines()]

    def shown(of, key):
        values = [100 * row[key] for row in of if row[key] is not None]
        if not values:
            return ""
        mean = sum(values) / len(values)
        spread = math.sqrt(sum((value - mean) ** 2 for value in values) / max(1, len(values) - 1))
        return f"{mean:.1f} ± {quantile[len(values)] * spread / math.sqrt(len(values)):.1f}" if len(values) in quantile else f"{mean:.1f}"

    print("| criterion | seeds | MACs | parameters | as cut, validation | test | minutes |\n|---|---|---|---|---|---|---|")
    for criterion, keep in dict.fromkeys((row["criterion"], row["keep"]) for row in rows):
        of = [row for row in rows if (row["criterion"], row["keep"]) == (criterion, keep)]
        mean = lambda key: sum(row[key] for row in of) / len(of)
        print(f"| {criterion}, {keep} | {len(of)} | {mean('macs') / 1e6:.2f} M | {mean('params') / 1e3:.1f} k | {shown(of, 'as_cut_val')} | "
              f"{shown(of, 'accuracy_test')} | {mean('seconds') / 60:.1f} |")


def main(photos, weights, results, *seeds):
    torch.set_num_threads(int(os.environ.get("THREADS", "1")))
    results = pathlib.Path(results)
    done = {json.loads(line)["seed"] for line in results.read_text().splitlines()} if results.exists() else set()
    for seed in map(int, seeds):
        if seed not in done:
            run(pathlib.Path(photos), weights, results, seed)


if sys.argv[1] == "--table":
    table(sys.argv[2])
else:
    main(*sys.argv[1:])
