"""Every net that nas-run knows and torchvision too, cut at half, in other runtimes: at 224 pixels and at 90 x 75, which no stride or window divides.

Random weights of torchvision's net, cut by l1 to half of the MACs and written as ONNX, give in onnxruntime and OpenCV what the cut net gives as a Python
module; at 224 the whole net gives what torchvision's gives. usage: registry_test.py NAS_RUN [NET...], with the Python of exporter_test.py.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import torch
import torchvision
from interop import caller, check, check_onnx, lively, load_module, write_safetensors

SIZES = ((224, 224), (90, 75))
COMPILED = "squeezenet1_1"  # by torch.compile's own backend too, which takes a minute


def main(nas_run, names):
    call = caller(nas_run)
    names = names or [net["name"] for net in json.loads(subprocess.run([nas_run, "nets", "--json"], capture_output=True, check=True).stdout)]
    missing = [name for name in names if not hasattr(torchvision.models, name)]
    print(f"torchvision has no {', '.join(missing) or 'other'}", flush=True)
    names = [name for name in names if name not in missing]
    for name in names:
        with tempfile.TemporaryDirectory() as folder, torch.no_grad():
            folder = pathlib.Path(folder)
            torch.manual_seed(1)
            net = lively(getattr(torchvision.models, name)(**({"aux_logits": True, "init_weights": False} if name == "googlenet" else {})))
            write_safetensors(folder / "in.safetensors", net.state_dict())
            for size in SIZES:
                what, images = f"{name}, {size[0]} x {size[1]}", torch.randn(2, 3, *size)
                source = ("--net", name, "--input", f"3,{size[0]},{size[1]}", "--layout", "imagenet", "--weights", folder / "in.safetensors")
                call("convert", *source, "--to", "python", "-o", folder / "whole.py")
                check(f"{what}, whole, Python", load_module(folder / "whole.py").load()(images), net(images))
                call("prune", *source, "--criterion", "l1", "--keep", "0.5", "--of", "macs", "-o", folder / "cut.safetensors")
                made = ("convert", "--weights", folder / "cut.safetensors", "--to")
                call(*made, "python", "-o", folder / "cut.py")
                wanted = load_module(folder / "cut.py").load()(images)
                if name == COMPILED:
                    check(f"{what}, torch.compile", torch.compile(load_module(folder / "cut.py").load())(images), wanted)
                check_onnx(f"{what}, cut", lambda *options: call(*made, "onnx", *options[:-1], "-o", options[-1]), folder, images, wanted)
    print(f"{len(names)} nets in {len(SIZES)} sizes are right")


main(sys.argv[1], sys.argv[2:])
