"""Training rates of the experiment's base net in plain PyTorch: the peer of `bench_train`.

Prints one JSON line: {"threads", "precision", "images_per_s", "torch"}. usage: peer.py THREADS|default fp32|bf16 SECONDS [best]

best: of what a user would try, the fastest, named in "by" with all rates: the net as it comes or channels last, each as it is or by torch.compile.
"""
import json
import sys
import time

import torch
from torch import nn


def vgg16_bn(width):
    layers, inputs = [], 1
    for v in [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"]:
        if v == "M":
            layers.append(nn.MaxPool2d(2, 2))
            continue
        outputs = int(v * width)
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
        inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 10))


def rate(bf16, seconds, layout=torch.contiguous_format, compiled=False):
    """Images a second of training, once it runs."""
    net = vgg16_bn(0.25).to(memory_format=layout)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=5e-4)
    images, labels = torch.randn(128, 1, 32, 32).to(memory_format=layout), torch.randint(0, 10, (128,))
    forward = torch.compile(net) if compiled else net

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            scores = forward(images)
        nn.functional.cross_entropy(scores.float(), labels).backward()
        optimizer.step()

    for _ in range(3):
        step()
    start, steps = time.time(), 0
    while time.time() - start < seconds:
        step()
        steps += 1
    return steps * 128 / (time.time() - start)


def main():
    if sys.argv[1] != "default":
        torch.set_num_threads(int(sys.argv[1]))
    bf16, seconds = sys.argv[2] == "bf16", float(sys.argv[3])
    line = {"threads": torch.get_num_threads(), "precision": sys.argv[2]}
    if sys.argv[4:] == ["best"]:
        rates = {name + (", compiled" if compiled else ""): round(rate(bf16, seconds, layout, compiled))
                 for name, layout in (("as it comes", torch.contiguous_format), ("channels last", torch.channels_last)) for compiled in (False, True)}
        by = max(rates, key=rates.get)
        line.update({"images_per_s": rates[by], "by": by, "rates": rates})
    else:
        line["images_per_s"] = round(rate(bf16, seconds))
    print(json.dumps({**line, "torch": torch.__version__}))


main()
