"""Seeds of the ONNX fuzzer as PyTorch's exporter writes them. usage: exported_seeds.py FOLDER, with a Python that has torch, onnx and onnxscript.

Small nets of every kind of operator that the reader knows, each with its weights inside and beside it. Those beside are in one file,
FOLDER/../weights.data, which the fuzzer puts beside what it makes.
"""
import logging
import pathlib
import sys
import warnings

import onnx
import torch
import torch.nn.functional as F
from torch import nn

CHANNELS, CLASSES, EXTENT = 4, 3, 10


class Net(nn.Module):
    """A convolution, what is to be exported, a linear head."""

    def __init__(self, middle, channels=CHANNELS, pool=True):
        super().__init__()
        self.stem = nn.Conv2d(3, CHANNELS, 3, bias=False)
        self.norm = nn.BatchNorm2d(CHANNELS)
        self.middle, self.pool = middle, pool
        self.head = nn.Linear(channels, CLASSES)

    def forward(self, images):
        maps = self.middle(self.norm(self.stem(images)))
        return self.head(maps.mean((2, 3)) if self.pool else maps.flatten(1))


class Call(nn.Module):
    def __init__(self, function, **modules):
        super().__init__()
        self.function = function
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, maps):
        return self.function(self, maps)


def shuffle(_, maps):
    n, channels, height, width = maps.shape
    return maps.view(n, 2, channels // 2, height, width).transpose(1, 2).reshape(n, channels, height, width)


def gate(self, maps):
    return maps * torch.sigmoid(self.excite(F.silu(self.squeeze(maps.mean((2, 3), keepdim=True)))))


def split(self, maps):
    left, right = maps.chunk(2, 1)
    return torch.cat([left, self.conv(right)], 1)


NETS = {
    "activations": Net(nn.Sequential(nn.ReLU(), nn.ReLU6(), nn.Hardswish(), nn.Hardsigmoid(), nn.SiLU(), nn.LeakyReLU(0.2), nn.PReLU(CHANNELS), nn.Sigmoid())),
    "shuffle": Net(Call(shuffle)),
    "gate": Net(Call(gate, squeeze=nn.Conv2d(CHANNELS, 2, 1), excite=nn.Conv2d(2, CHANNELS, 1))),
    "split": Net(Call(split, conv=nn.Conv2d(2, 2, 3, padding=1))),
    "residual": Net(Call(lambda self, maps: F.relu(maps + self.conv(maps)), conv=nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, groups=2))),
    "pools": Net(nn.Sequential(nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(2, 1, 1, count_include_pad=False), nn.AvgPool2d(2, ceil_mode=True))),
    "adaptive": Net(nn.AdaptiveAvgPool2d(3), CHANNELS * 9, pool=False),
    "adaptive_uneven": Net(nn.AdaptiveAvgPool2d((3, 5)), CHANNELS * 15, pool=False),
    "pads": Net(nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(CHANNELS, CHANNELS, 3, 2), nn.LocalResponseNorm(3))),
    "depthwise": Net(nn.Sequential(nn.Conv2d(CHANNELS, 2 * CHANNELS, 3, groups=CHANNELS, dilation=2), nn.Dropout(), nn.Conv2d(2 * CHANNELS, CHANNELS, 1))),
    "linear": Net(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(CHANNELS, 5), nn.ReLU(), nn.Linear(5, CHANNELS), nn.Unflatten(1, (CHANNELS, 1, 1)))),
}


def main(folder):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    images, blob = torch.randn(2, 3, EXTENT, EXTENT), b""
    for name, net in NETS.items():
        path = folder / f"{name}.exported"
        torch.onnx.export(net.eval(), (images,), path, dynamo=True, external_data=False, dynamic_shapes=({0: torch.export.Dim("batch")},), verbose=False)
        model = onnx.load(path)
        for node in model.graph.node:  # where in which source file it comes from: most of a small file
            del node.metadata_props[:]
        onnx.save(model, path)
        for tensor in model.graph.initializer:
            if not tensor.HasField("raw_data"):
                continue
            onnx.external_data_helper.set_external_data(tensor, "weights.data", offset=len(blob), length=len(tensor.raw_data))
            blob += tensor.raw_data
            tensor.ClearField("raw_data")
        (folder / f"{name}.external").write_bytes(model.SerializeToString())
    (folder.parent / "weights.data").write_bytes(blob)


main(sys.argv[1])
