"""The criterion `reconstruct` from its definition alone, in NumPy, against `nas-run score`: channels go one by one in the order that the scores tell, and
after each the layers that read them are fitted anew by numpy.linalg.lstsq, the ridge as rows of its own. The error, as a share of the variance of each layer's
outputs, must be the score, and no other channel may raise it less. Nothing here shares code with the program. usage: reconstruct_reference.py NAS_RUN WRITE_NETS; exits 77 without OpenCV.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

import checks
import lda_reference
from checks import check, nas_run
from lda_reference import FILTERS, forward, read_net, windows, write_images

NETS = ["vgg11", "squeezenet1_1", "resnet18", "mobilenet_v2"]
RIDGE = 1e-5
EVERY, CANDIDATES = 16, 2  # removals of which one is looked at, and others that could have gone instead
LARGEST = 256  # units of a set: of more lstsq would take minutes


def units_of(layers):
    """For each layer the unit of each of its channels, by number: channels of one unit live or die together; and which units stay."""
    parent, units, fixed = [], [], set()

    def root(unit):
        while parent[unit] != unit:
            unit = parent[unit]
        return unit

    def fresh(count):
        parent.extend(range(len(parent), len(parent) + count))
        return list(range(len(parent) - count, len(parent)))

    shapes = []
    for layer in layers:
        inputs = [units[i] for i in layer["inputs"]]
        kind = layer["kind"]
        if kind == "input" or kind in FILTERS:
            own = fresh(layer["channels"])
            if kind == "input":
                fixed.update(own)
            if kind == "convolution" and layer["groups"] > 1:  # depthwise
                for a, b in zip(inputs[0], own):
                    parent[root(b)] = root(a)
        elif kind == "add":
            own = inputs[0]
            for other in inputs[1:]:
                for a, b in zip(own, other):
                    parent[root(b)] = root(a)
        elif kind == "concat":
            own = sum(inputs, [])
        else:
            own = inputs[0]
        units.append(own)
        shapes.append(kind)
    fixed.update(units[-1])
    return units, root, fixed


class Reader:
    """A layer's least squares, as triangular factors: columns, the unit of each column, and what they are to give."""

    def __init__(self, layer, weight, x, units, intercept):
        if layer["kind"] == "linear":
            samples, filters = x, weight.T
        else:
            view, _ = windows(x, layer["kernel"], layer["stride"], layer["padding"], 0)
            samples = view.transpose(0, 2, 3, 1, 4, 5).reshape(-1, weight[0].size)
            filters = weight.reshape(len(weight), -1).T
        self.units = np.repeat(units, samples.shape[1] // len(units))
        count, inputs = samples.shape
        centred = samples - samples.mean(0)
        variance = ((centred @ filters) ** 2).sum()
        samples = centred if intercept else samples
        self.by_weights = count >= 2 * inputs
        if self.by_weights:
            factor = np.linalg.qr(samples, "r")
            known = filters
        else:  # one coefficient for what each unit gives
            names = np.unique(self.units)
            gives = np.stack([(samples[:, self.units == unit] @ filters[self.units == unit]).ravel() for unit in names], 1)
            factor = np.linalg.qr(gives, "r")
            known = np.ones((len(names), 1))
            self.units = names
        ridge = RIDGE * (factor ** 2).sum() / factor.shape[1]
        self.factor = np.linalg.qr(np.vstack([factor, np.sqrt(ridge) * np.eye(factor.shape[1])]), "r") / np.sqrt(variance)
        self.target = self.factor @ known

    def error(self, gone):
        kept = ~np.isin(self.units, list(gone))
        fit = np.linalg.lstsq(self.factor[:, kept], self.target, rcond=None)[0] if kept.any() else np.zeros((0, self.target.shape[1]))
        return ((self.factor[:, kept] @ fit - self.target) ** 2).sum()


def compare(net, folder, images):
    layers, tensors = read_net(folder / f"{net}.safetensors")
    answer = nas_run("score", "--weights", folder / f"{net}.safetensors", "--criterion", "reconstruct", "--option", f"ridge={RIDGE}",
                     "--data", f"folder:{folder / 'images'}?size={lda_reference.SIDE}", "--json")
    check(f"{net}: score ends well: {answer.stderr}", answer.returncode == 0)
    if answer.returncode:
        return
    units, root, fixed = units_of(layers)
    fixed = {root(unit) for unit in fixed}
    scores = {}
    for entry in json.loads(answer.stdout)["layers"]:
        index = next(i for i, layer in enumerate(layers) if layer["name"] == entry["layer"])
        for unit, score in zip(units[index], entry["scores"]):
            scores[root(unit)] = score

    outputs = forward(layers, tensors, images)
    sets = []  # of units and of the layers that read them
    for index, layer in enumerate(layers):
        if layer["kind"] not in FILTERS or layer.get("groups", 1) > 1:
            continue
        x = outputs[layer["inputs"][0]]
        read = np.array([root(unit) for unit in units[layer["inputs"][0]]])
        read = np.repeat(read, x.shape[1] // len(read))  # behind a flatten
        own = set(read) - fixed
        if not own:
            continue
        consumers = [other for other in layers if index in other["inputs"]]
        intercept = layer.get("bias", True) or (len(consumers) == 1 and consumers[0]["kind"] == "batch_norm")
        reader = Reader(layer, tensors[layer["name"] + ".weight"], x, read, intercept)
        joined = [one for one in sets if one[0] & own]
        sets = [one for one in sets if not one[0] & own]
        sets.append((own.union(*(one[0] for one in joined)), [reader] + sum((one[1] for one in joined), [])))

    random = np.random.default_rng(1)
    worst, removals, forms = 0, 0, set()
    for own, readers in sets:
        if len(own) > LARGEST:
            continue
        forms.update(reader.by_weights for reader in readers)
        order = sorted(own, key=lambda unit: scores[unit])
        gone = set()
        for place, unit in enumerate(order):
            gone.add(unit)
            removals += 1
            if place % EVERY and unit != order[-1]:
                continue
            error = sum(reader.error(gone) for reader in readers)
            worst = max(worst, abs(error - scores[unit]))
            others = order[place + 1:]
            for other in random.choice(others, min(CANDIDATES, len(others)), replace=False):
                instead = sum(reader.error(gone - {unit} | {other}) for reader in readers)
                check(f"{net}: {unit} goes before {other}", instead >= error - 1e-6)
    print(f"{net}: {removals} channels in {len(sets)} sets, largest difference {worst:.1e}")
    check(f"{net}: the scores differ by {worst:.1e}", worst < 1e-6)  # of activations in single precision; elimination_test has doubles
    check(f"{net}: fitted by weights and by coefficients", forms == {True, False})


def main():
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        lda_reference.IMAGES = 2  # of each class: so few that all places of every map are taken
        pixels, _ = write_images(folder / "images")
        mean, deviation = pixels.mean((0, 2, 3)), pixels.std((0, 2, 3))
        subprocess.run([sys.argv[2], str(folder), *NETS], check=True)
        for net in NETS:
            compare(net, folder, (pixels - mean[:, None, None]) / deviation[:, None, None])
    sys.exit(1 if checks.failures else 0)


main()
