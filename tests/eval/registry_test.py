"""Every net that nas-run knows, cut at half, in other runtimes: at 224 pixels and at 90 x 75, which no stride or window divides.

Random weights, of torchvision's net where it has that net, cut by l1 to half of the MACs and written as ONNX, give in onnxruntime and OpenCV what the cut
net gives as a Python module, and the whole net gives what torchvision's gives. usage: registry_test.py NAS_RUN WRITE_NETS [NET...], with the Python of
exporter_test.py.
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


def main(nas_run, write_nets, *names):
    call = caller(nas_run)
    names = names or [net["name"] for net in json.loads(subprocess.run([nas_run, "nets", "--json"], capture_output=True, check=True).stdout)]
    for name in names:
        with tempfile.TemporaryDirectory() as folder, torch.no_grad():
            folder, net = pathlib.Path(folder), None
            if hasattr(torchvision.models, name):
                torch.manual_seed(1)
                net = lively(getattr(torchvision.models, name)(**({"aux_logits": True, "init_weights": False} if name == "googlenet" else {})))
                write_safetensors(folder / f"{name}.safetensors", net.state_dict())
            for size in SIZES:
                extent, images = f"{size[0]}x{size[1]}", torch.randn(2, 3, *size)
                what, source = f"{name}, {extent}", ("--weights", folder / f"{name}.safetensors")
                if net:
                    source = ("--net", name, "--input", f"3,{size[0]},{size[1]}", "--layout", "imagenet", *source)
                    call("convert", *source, "--to", "python", "-o", folder / "whole.py")
                    check(f"{what}, whole, Python", load_module(folder / "whole.py").load()(images), net(images))
                else:
                    subprocess.run([write_nets, folder, extent, name], check=True)
                call("prune", *source, "--criterion", "l1", "--keep", "0.5", "--of", "macs", "-o", folder / "cut.safetensors")
                made = ("convert", "--weights", folder / "cut.safetensors", "--to")
                call(*made, "python", "-o", folder / "cut.py")
                wanted = load_module(folder / "cut.py").load()(images)
                if name == COMPILED:
                    check(f"{what}, torch.compile", torch.compile(load_module(folder / "cut.py").load())(images), wanted)
                check_onnx(f"{what}, cut", lambda *options: call(*made, "onnx", *options[:-1], "-o", options[-1]), folder, images, wanted)
    print(f"{len(names)} nets in {len(SIZES)} sizes are right")


main(*sys.argv[1:])
