"""Every pair of these settings of training, cutting and measuring runs once on tiny data, in as few experiments as a greedy choice finds.
usage: pairs_test.py NAS_RUN
"""
import itertools
import os
import pathlib
import random
import sqlite3
import subprocess
import sys
import tempfile

import checks
from checks import check, nas_run

SETTINGS = [
    ["nets=[{name: vgg11_bn, width: 0.125}]", "nets=[{name: resnet18, width: 0.125}]", "nets=[{name: squeezenet1_1, width: 0.25}]"],
    ["prune.criteria=[{name: lda, variant: wilks}]", "prune.criteria=[{name: lda, variant: paper}]", "prune.criteria=[taylor]", "prune.criteria=[reconstruct]"],
    ["prune.schedules=[{name: s, keep: [0.5], of: macs}]", "prune.schedules=[{name: s, keep: [0.6, 0.4], of: params}]", "prune.schedules=[{name: s, keep: [0.5], of: channels}]"],
    ["train.lr_schedule=cosine", "train.lr_schedule=step", "train.lr_schedule=constant"],
    ["prune.lr_start=restart", "prune.lr_start=auto", "prune.lr_start=rewind"],
    ["prune.refit=true", "prune.refit=false", "prune.refit={images: 30, fisher: 0.5}"],
    ["prune.substeps=1", "prune.substeps=2"],
    ["prune.round_to=1", "prune.round_to=4"],
    ["prune.combine=mean", "prune.combine=max"],
    ["baselines=[]", "baselines=[{name: scratch, effort: flops}]", "baselines=[{name: narrow, keep: 0.3, of: params, train: {distill: {}}}]"],
    ["train.optimizer.name=sgd", "train.optimizer.name=adamw"],
    ["train.optimizer.decay=weights", "train.optimizer.decay=all"],
    ["train.mixup=0", "train.mixup=0.4"],
    ["train.cutmix=0", "train.cutmix=1"],
    ["train.ema=0", "train.ema=0.9"],
    ["train.class_weights=none", "train.class_weights=balanced"],
    ["train.micro_batch=0", "train.micro_batch=8"],
    ["train.clip=0", "train.clip=1"],
    ["train.bn_l1=0", "train.bn_l1=0.001"],
    ["train.body_lr_factor=1", "train.body_lr_factor=0.5"],
    ["train.augment=[]", "train.augment=[crop, jitter, cutout]", "train.augment=[trivial_augment]"],
    ["train.precision=auto", "train.precision=bf16"],
    ["prune.retrain.early_stop=0", "prune.retrain.early_stop=1", "prune.retrain.distill={form: dkd}"],
    ["evaluate.robustness={}", "evaluate.robustness={images: 4, noise: [{name: gaussian, levels: [20]}], attacks: [fgsm]}"],
]
EXPERIMENT = """schema: 1
name: pairs
tasks: [{name: t, dataset: d}]
data: {d: {format: idx, root: data, pad: 2}}
nets: [{name: vgg11_bn}]
train: {epochs: 2, batch: 16, optimizer: {lr: 0.01}}
prune: {criteria: [l1], schedules: [{name: s, keep: [0.5]}], retrain: {epochs: 1}}
search: {seeds: 1}
"""


def rows():
    """Choices of one value for each setting, which together hold every pair of values."""
    draw, missing = random.Random(1), {frozenset((a, b)) for one, other in itertools.combinations(SETTINGS, 2) for a in one for b in other}
    while missing:
        row = []
        for values in draw.sample(SETTINGS, len(SETTINGS)):
            gain = {value: sum(frozenset((value, chosen)) in missing for chosen in row) for value in values}
            row.append(max(values, key=lambda value: (gain[value], draw.random())))
        missing -= {frozenset(pair) for pair in itertools.combinations(row, 2)}
        yield sorted(row)


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        (folder / "data").mkdir()
        subprocess.run([sys.executable, pathlib.Path(__file__).parents[2] / "support" / "tiny_idx.py", folder / "data"], check=True)
        (folder / "pairs.yaml").write_text(EXPERIMENT)
        for number, row in enumerate(rows()):
            settings = [part for setting in row if setting != "evaluate.robustness={}" for part in ("-s", setting)]
            result = nas_run("run", folder / "pairs.yaml", "-o", folder / str(number), "--slots", 1, "--threads-per-slot", 1, *settings)
            check(f"experiment {number} ends with {result.returncode}: {' '.join(settings)}\n{result.stderr[-2000:]}", result.returncode == 0)
            if result.returncode == 0:
                run = sqlite3.connect(folder / str(number) / "experiment.db")
                check(f"experiment {number}: every net has an accuracy", run.execute("SELECT count(*) FROM steps WHERE accuracy_test IS NULL").fetchone() == (0,))
        print(number + 1, "experiments")


main()
sys.exit(checks.failures > 0)
