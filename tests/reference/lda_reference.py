"""The paper's rule from its formulas alone, in NumPy, against `nas-run score`: scatter, v, utilities, and what the threshold is made of.

Tian, Arbel, Clark 2021: Sw, Sb and v = Sb/Sw on the diagonal (section 3.1), the utility map U = mean over images of the selected firings traced down
by transposed filters, ReLU and un-pooling (equation 11), u = its maximum (12), t = eta * standard deviation of its non-zero values (13). Nothing here
shares code with the program. usage: lda_reference.py NAS_RUN WRITE_NETS; exits 77 where OpenCV for Python, which writes the images, is not installed.
"""
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

import numpy as np

from checks import check, failures, nas_run  # noqa: F401

try:
    import cv2
except ImportError as missing:
    print(f"skipped: {missing}; install python3-opencv")
    sys.exit(77)

NETS = ["vgg11", "vgg11_bn", "googlenet", "resnet18", "mobilenet_v2"]
CLASSES, IMAGES, SIDE, SELECTED = 4, 6, 32, 5
FILTERS = ("convolution", "linear")


def read_net(path):
    raw = path.read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    header, body = json.loads(raw[8:8 + length]), raw[8 + length:]
    spec = json.loads(header.pop("__metadata__")["net_spec"])
    tensors = {name: np.frombuffer(body[slice(*entry["data_offsets"])], np.float32).reshape(entry["shape"]).astype(float) for name, entry in header.items()}
    return spec["layers"], tensors


def windows(x, kernel, stride, padding, fill, ceil_mode=False):
    """[N, C, rows, columns, kernel, kernel] of x, and the padded extents."""
    extra = [0, 0]
    for axis in (0, 1):
        size = x.shape[2 + axis] + 2 * padding[axis] - kernel[axis]
        if ceil_mode and size % stride[axis]:
            steps = -(-size // stride[axis])
            if steps * stride[axis] < x.shape[2 + axis] + padding[axis]:  # the last window starts inside
                extra[axis] = steps * stride[axis] - size
    padded = np.pad(x, ((0, 0), (0, 0), (padding[0], padding[0] + extra[0]), (padding[1], padding[1] + extra[1])), constant_values=fill)
    view = np.lib.stride_tricks.sliding_window_view(padded, tuple(kernel), (2, 3))[:, :, ::stride[0], ::stride[1]]
    return view, padded.shape


def convolve(layer, weight, bias, x):
    view, _ = windows(x, layer["kernel"], layer["stride"], layer["padding"], 0)
    group = layer["groups"]
    n, c = x.shape[:2]
    view = view.reshape(n, group, c // group, *view.shape[2:])
    filters = weight.reshape(group, -1, *weight.shape[1:])
    out = np.einsum("ngcyxij,gocij->ngoyx", view, filters, optimize=True)
    out = out.reshape(n, -1, *out.shape[3:])
    return out if bias is None else out + bias[:, None, None]


def convolve_back(layer, weight, x, signal):
    """Equation 11's double sum: every output's signal times its filter, to the places that the filter read."""
    kernel, stride, padding, group = layer["kernel"], layer["stride"], layer["padding"], layer["groups"]
    n, c, height, width = x.shape
    parts = np.einsum("ngoyx,gocij->ngcyxij", signal.reshape(n, group, -1, *signal.shape[2:]), weight.reshape(group, -1, *weight.shape[1:]), optimize=True)
    parts = parts.reshape(n, c, *parts.shape[3:])
    below = np.zeros((n, c, height + 2 * padding[0], width + 2 * padding[1]))
    rows, columns = signal.shape[2:]
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            below[:, :, i:i + rows * stride[0]:stride[0], j:j + columns * stride[1]:stride[1]] += parts[..., i, j]
    return below[:, :, padding[0]:padding[0] + height, padding[1]:padding[1] + width]


def maxima(layer, x):
    """Values of the windows' maxima, and their rows and columns in x."""
    kernel, stride, padding = layer["kernel"], layer["stride"], layer["padding"]
    view, _ = windows(x, kernel, stride, padding, -np.inf, layer["ceil_mode"])
    flat = view.reshape(*view.shape[:4], -1)
    best = flat.argmax(-1)
    row = np.arange(view.shape[2])[:, None] * stride[0] - padding[0] + best // kernel[1]
    column = np.arange(view.shape[3])[None, :] * stride[1] - padding[1] + best % kernel[1]
    return flat.max(-1), row, column


def average(layer, x):
    view, _ = windows(x, layer["kernel"], layer["stride"], layer["padding"], 0)
    return view.mean((-1, -2))


def cells(size, parts):
    return [(i * size // parts, -(-(i + 1) * size // parts)) for i in range(parts)]


def forward(layers, tensors, images):
    outputs = []
    for layer in layers:
        inputs = [outputs[i] for i in layer["inputs"]]
        x, name, kind = (inputs or [images])[0], layer["name"], layer["kind"]
        if kind == "input":
            y = images
        elif kind == "convolution":
            y = convolve(layer, tensors[name + ".weight"], tensors.get(name + ".bias"), x)
        elif kind == "linear":
            y = x @ tensors[name + ".weight"].T + tensors.get(name + ".bias", 0)
        elif kind == "batch_norm":
            scale = tensors[name + ".weight"] / np.sqrt(tensors[name + ".running_var"] + layer["epsilon"])
            y = (x - tensors[name + ".running_mean"][:, None, None]) * scale[:, None, None] + tensors[name + ".bias"][:, None, None]
        elif kind in ("relu", "relu6"):
            y = np.clip(x, 0, 6 if kind == "relu6" else None)
        elif kind == "max_pool":
            y = maxima(layer, x)[0]
        elif kind == "adaptive_average_pool":
            y = np.stack([np.stack([x[:, :, a:b, c:d].mean((2, 3)) for c, d in cells(x.shape[3], layer["size"])], -1) for a, b in cells(x.shape[2], layer["size"])], 2)
        elif kind == "concat":
            y = np.concatenate(inputs, 1)
        elif kind == "add":
            y = sum(inputs)
        elif kind == "flatten":
            y = x.reshape(len(x), -1)
        elif kind == "dropout":
            y = x
        else:
            raise ValueError(f"{name}: {kind} is not part of this reference")
        outputs.append(y)
    return outputs


def backward(layers, tensors, outputs, index, signal):
    """The signal at the inputs of layer `index`."""
    layer = layers[index]
    name, kind = layer["name"], layer["kind"]
    inputs = [outputs[i] for i in layer["inputs"]]
    x = inputs[0]
    if kind == "convolution":
        return [convolve_back(layer, tensors[name + ".weight"], x, signal)]
    if kind == "linear":
        return [signal @ tensors[name + ".weight"]]
    if kind == "batch_norm":
        scale = tensors[name + ".weight"] / np.sqrt(tensors[name + ".running_var"] + layer["epsilon"])
        return [signal * scale[:, None, None]]
    if kind in ("relu", "relu6"):
        return [np.maximum(signal, 0)]
    if kind == "max_pool":
        _, row, column = maxima(layer, x)
        below = np.zeros_like(x)
        n, c = np.indices(signal.shape)[:2]
        below[n, c, row, column] = signal  # where several windows write, the last
        return [below]
    if kind == "adaptive_average_pool":
        below = np.zeros_like(x)
        for i, (a, b) in enumerate(cells(x.shape[2], layer["size"])):
            for j, (c, d) in enumerate(cells(x.shape[3], layer["size"])):
                below[:, :, a:b, c:d] += signal[:, :, i, j][:, :, None, None] / ((b - a) * (d - c))
        return [below]
    if kind == "concat":
        return np.split(signal, np.cumsum([i.shape[1] for i in inputs])[:-1], 1)
    if kind == "add":
        return [signal] * len(inputs)
    return [signal.reshape(x.shape)]  # flatten, dropout


def readers_of(layers):
    readers = [[] for _ in layers]
    for index, layer in enumerate(layers):
        for source in layer["inputs"]:
            readers[source].append(index)
    return readers


def entrance(layers, outputs, readers, producer):
    """Where the channels that a layer makes enter the next layer with filters or a place where branches part: (layer, first channel)."""
    index, first = producer, 0
    while len(readers[index]) == 1:
        reader = readers[index][0]
        if layers[reader]["kind"] in FILTERS + ("flatten",):
            break
        if layers[reader]["kind"] == "concat":
            inputs = layers[reader]["inputs"]
            first += sum(outputs[i].shape[1] for i in inputs[:inputs.index(index)])
        index = reader
    return index, first


def utility_maps(layers, tensors, outputs, top, neurons):
    """The mean over images of the map at every layer's output, by layer."""
    signals = {top: outputs[top] * np.isin(np.arange(outputs[top].shape[1]), neurons).reshape((1, -1) + (1,) * (outputs[top].ndim - 2))}
    maps = {}
    for index in range(top, 0, -1):
        if index not in signals:
            continue
        signal = signals.pop(index)
        maps[index] = signal.mean(0)
        for source, below in zip(layers[index]["inputs"], backward(layers, tensors, outputs, index, signal)):
            signals[source] = signals.get(source, 0) + below
    return maps


def write_images(folder):
    """A folder of train/ and val/ by class, and the training images as [N, 3, side, side] in [0, 1] with their labels."""
    random = np.random.default_rng(5)
    pixels, labels = [], []
    for part, count in (("train", IMAGES), ("val", 2), ("test", 1)):
        for label in range(CLASSES):
            place = folder / part / f"class{label}"
            place.mkdir(parents=True)
            for i in range(count):
                image = np.clip(random.normal(60 + 40 * label, 50, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)
                cv2.imwrite(str(place / f"{i}.png"), image[..., ::-1])  # OpenCV writes blue first
                if part == "train":
                    pixels.append(image.transpose(2, 0, 1) / 255)
                    labels.append(label)
    return np.array(pixels), np.array(labels)


def scatter(firings, labels):
    within = sum(((firings[labels == k] - firings[labels == k].mean(0)) ** 2).sum(0) for k in range(CLASSES))
    between = sum((labels == k).sum() * (firings[labels == k].mean(0) - firings.mean(0)) ** 2 for k in range(CLASSES))
    return within, between


def largest_difference(ours, reference):
    """Relative to the largest of the reference."""
    ours, reference = np.asarray(ours, float), np.asarray(reference, float)
    if ours.shape != reference.shape:
        return np.inf
    return np.abs(ours - reference).max() / max(np.abs(reference).max(), 1e-300)


def compare(net, folder, images, labels):
    layers, tensors = read_net(folder / f"{net}.safetensors")
    answer = nas_run("score", "--weights", folder / f"{net}.safetensors", "--criterion", "lda", "--option", f"select={SELECTED}", "--option", "trace_images=1000",
                     "--data", f"folder:{folder / 'images'}?size={SIDE}", "--eta", 2, "--json")
    check(f"{net}: score ends well: {answer.stderr}", answer.returncode == 0)
    if answer.returncode:
        return
    told = json.loads(answer.stdout)
    check(f"{net}: it says how many images it looked at: {told['images']}", told["images"] == len(images))
    check(f"{net}: and where each layer would be cut: {told['thresholds'][:1]}",
          told["thresholds"] == [{"layer": entry["layer"], "threshold": 2 * entry["deviation"], "deviation": entry["deviation"], "nonzero": entry["nonzero"]}
                                 for entry in told["layers"] if "deviation" in entry] and len(told["thresholds"]) > 1)
    outputs = forward(layers, tensors, images)
    decision = max(i for i, layer in enumerate(layers) if layer["kind"] in FILTERS)
    top = layers[decision]["inputs"][0]
    firings = outputs[top].reshape(*outputs[top].shape[:2], -1).mean(-1)
    within, between = scatter(firings, labels)
    lively = within + between > 1e-12 * len(images) * firings.mean(0) ** 2
    v = np.where(lively, between / np.where(lively, within, 1), 0)
    found = told["pre_decision"]
    for name, reference in (("within", within), ("between", between), ("v", v)):
        difference = largest_difference(found[name], reference)
        check(f"{net}: {name} differs by {difference:.1e}", difference < 1e-4)  # of firings in single precision; fisher_test has the same doubles
    neurons = found["selected"]
    check(f"{net}: the {SELECTED} of the largest v: {neurons}", len(neurons) == SELECTED and v[neurons].min() >= np.delete(v, neurons).max() * (1 - 1e-5))

    maps = utility_maps(layers, tensors, outputs, top, neurons)
    readers = readers_of(layers)
    groups = {}  # layers that are tied, as those of a residual sum, have the same scores: the mean over the places where they are read
    for entry in told["layers"]:
        index = next(i for i, layer in enumerate(layers) if layer["name"] == entry["layer"])
        if entry["scores"]:
            groups.setdefault(tuple(entry["scores"]), []).append((index, entry))
    compared, worst = 0, 0
    for members in groups.values():
        places = [entrance(layers, outputs, readers, index) for index, _ in members]
        utilities, deviations, nonzero = {}, {}, {}
        for place, first in places:
            width = len(members[0][1]["scores"])
            utilities[place, first] = maps[place][first:first + width].reshape(width, -1).max(1)
            values = maps[place][maps[place] != 0]
            deviations[place], nonzero[place] = values.std(ddof=1), len(values)
        differences = [largest_difference(members[0][1]["scores"], np.mean(list(utilities.values()), 0)),
                       largest_difference([members[0][1]["deviation"]], [np.mean(list(deviations.values()))])]
        worst = max(worst, *differences)
        compared += 1
        check(f"{net}: utilities and deviation of {members[0][1]['layer']} differ by {differences[0]:.1e}, {differences[1]:.1e}", max(differences) < 1e-5)
        check(f"{net}: values of {members[0][1]['layer']} that are not 0: {members[0][1]['nonzero']}, {sum(nonzero.values())}",
              abs(members[0][1]["nonzero"] - sum(nonzero.values())) <= 0.001 * sum(nonzero.values()))
    print(f"{net}: {compared} groups of layers, largest difference {worst:.1e}")
    check(f"{net}: most layers are compared", compared > 5)


def main():
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        pixels, labels = write_images(folder / "images")
        mean, deviation = pixels.mean((0, 2, 3)), pixels.std((0, 2, 3))
        images = (pixels - mean[:, None, None]) / deviation[:, None, None]
        subprocess.run([sys.argv[2], str(folder), *NETS], check=True)
        for net in NETS:
            compare(net, folder, images, labels)
    import checks
    sys.exit(1 if checks.failures else 0)


if __name__ == "__main__":
    main()
