"""Nets that come from torchvision and go to other programs compute the same: the peers are PyTorch, the ONNX checker, OpenCV's
dnn and, where it is installed, onnxruntime.

For each net: random weights -> torchvision's as safetensors, others as PyTorch exports them to ONNX -> `nas-run convert` to TorchScript, ONNX and a Python module, and
`nas-run prune --mask` of random groups against the masked original. What a file says of its net's use (classes, mean, deviation) is in every format.
Outputs agree to 1e-4 of the largest. usage: interop_test.py NAS_RUN; exits 77 where a peer is not installed.
"""
import json
import pathlib
import sys
import tempfile

try:
    import numpy
    import onnx
    import torch
    import torchvision
    from interop import check, check_onnx, check_python, caller, export, lively, mask, run_opencv, write_safetensors
except ImportError as missing:
    print(f"skipped: {missing}; install python3-torchvision, python3-onnx and python3-opencv")
    sys.exit(77)

NETS = {  # input extents that keep the test quick; widths and layouts are the published ones
    "squeezenet1_1": (torchvision.models.squeezenet1_1, {}, 96),
    "mobilenet_v2": (torchvision.models.mobilenet_v2, {}, 96),
    "googlenet": (torchvision.models.googlenet, {"aux_logits": True, "init_weights": False}, 96),
    "resnet18": (torchvision.models.resnet18, {}, 96),
    "vgg11_bn": (torchvision.models.vgg11_bn, {}, 224),
}


CLASSES = [f"class {i}" for i in range(999)] + ["the last, 'größte'"]
MEAN, DEVIATION = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
INFO = {"task": "what", "class_names": json.dumps(CLASSES), "mean": json.dumps(MEAN), "deviation": json.dumps(DEVIATION)}


class Gated(torch.nn.Module):
    """Leaky ReLU, and squeeze and excitation by linear layers, as SENet has it."""

    def __init__(self, num_classes):
        super().__init__()
        self.stem = torch.nn.Conv2d(3, 16, 3, stride=2)
        self.bn = torch.nn.BatchNorm2d(16)
        self.squeeze = torch.nn.Linear(16, 4)
        self.excite = torch.nn.Linear(4, 16)
        self.fc = torch.nn.Linear(16, num_classes)

    def forward(self, images):
        maps = torch.nn.functional.leaky_relu(self.bn(self.stem(images)), 0.2)
        gate = torch.sigmoid(self.excite(torch.nn.functional.silu(self.squeeze(maps.mean((2, 3))))))
        return self.fc((maps * gate.view(-1, 16, 1, 1)).mean((2, 3)))


EXPORTED = {  # nets of the user's own, with the operator set that they are exported with
    "mobilenet_v3_small": (lambda: torchvision.models.mobilenet_v3_small(weights=None), 96, 14),  # hard swish, gates by hard sigmoid
    "efficientnet_b0": (lambda: torchvision.models.efficientnet_b0(weights=None), 64, 13),  # SiLU, gates by sigmoid
    "shufflenet_v2_x0_5": (lambda: torchvision.models.shufflenet_v2_x0_5(weights=None), 64, 12),  # split and shuffled channels
    "gated": (lambda: Gated(10), 32, 11),
}


def check_info(call, source, net, folder, extent):
    """What the file says of the net's use goes to every format, and a file made end to end takes pixels and gives probabilities."""
    write_safetensors(folder / "in.safetensors", net.state_dict(), INFO)
    pixels = torch.randint(0, 256, (2, 3, extent, extent), dtype=torch.uint8)
    mean, deviation = torch.tensor(MEAN).view(3, 1, 1), torch.tensor(DEVIATION).view(3, 1, 1)
    wanted = torch.softmax(net((pixels / 255 - mean) / deviation), 1)
    call("convert", *source, "--to", "torchscript", "--end-to-end", "-o", folder / "pixels.pt")
    script = torch.jit.load(str(folder / "pixels.pt")).eval()
    check("end to end, TorchScript", script(pixels), wanted)
    call("convert", *source, "--to", "onnx", "--end-to-end", "--opset", "17", "-o", folder / "pixels.onnx")
    check("end to end, ONNX", run_opencv(folder / "pixels.onnx", pixels.float()), wanted)
    call("convert", *source, "--to", "onnx", "-o", folder / "plain.onnx")
    call("convert", "--weights", folder / "plain.onnx", "--to", "safetensors", "-o", folder / "plain.safetensors")
    call("convert", "--weights", folder / "plain.safetensors", "--to", "onnx", "-o", folder / "again.onnx")
    read = lambda value: json.loads(value) if value[0] == "[" else value
    said = {"input_size": [3, extent, extent], "colours": "RGB", "takes": "(pixel / 255 - mean) / deviation", "task": "what", "class_names": CLASSES}
    for name in ("pixels", "plain", "again"):
        found = {entry.key: read(entry.value) for entry in onnx.load(str(folder / (name + ".onnx"))).metadata_props}
        numbers = [found.pop("mean", None), found.pop("deviation", None)]
        if name == "pixels":  # built in
            same, expected = numbers == [None, None], {**said, "takes": "pixels from 0 to 255"}
        else:
            same, expected = numpy.allclose(numbers, [MEAN, DEVIATION], atol=1e-7), said
        if not same or found != expected:
            sys.exit(f"FAILED: {name}.onnx says {found}, {numbers}")
    call("convert", *source, "--to", "torchscript", "-o", folder / "plain.pt")
    plain = torch.jit.load(str(folder / "plain.pt"))
    if (plain.class_names, plain.task, plain.input_size, plain.takes) != (CLASSES, "what", [3, extent, extent], said["takes"]):
        sys.exit("FAILED: the attributes of the TorchScript file")
    if not numpy.allclose([plain.mean, plain.deviation], [MEAN, DEVIATION], atol=1e-7):
        sys.exit("FAILED: mean and deviation in the TorchScript file")
    if script.takes != "pixels from 0 to 255" or script.class_names != CLASSES or hasattr(script, "mean"):
        sys.exit("FAILED: the attributes of the TorchScript file that is made end to end")


def main(nas_run):
    torch.manual_seed(1)

    call = caller(nas_run)

    def compare(name, net, images, source, folder):
        call("convert", *source, "--to", "torchscript", "-o", folder / "out.pt")
        check(f"{name} TorchScript", torch.jit.load(str(folder / "out.pt"))(images), net(images))
        made = check_onnx(f"{name} ONNX", lambda *options: call("convert", *source, "--to", "onnx", *options[:-1], "-o", options[-1]), folder, images, net(images))
        call("convert", "--weights", made, "--to", "torchscript", "-o", folder / "back.pt")
        check(f"{name} ONNX read back", torch.jit.load(str(folder / "back.pt"))(images), net(images))

        kept = call("prune", *source, "--criterion", "random", "--keep", "0.6", "--of", "channels", "-o", folder / "random.safetensors")["kept"]
        (folder / "mask.json").write_text(json.dumps(kept))
        call("prune", *source, "--mask", folder / "mask.json", "-o", folder / "cut.safetensors")
        mask(net, kept, images)
        cut = ("convert", "--weights", folder / "cut.safetensors", "--to")
        call(*cut, "torchscript", "-o", folder / "cut.pt")
        check(f"{name} cut, TorchScript", torch.jit.load(str(folder / "cut.pt"))(images), net(images))
        check_onnx(f"{name} cut, ONNX", lambda *options: call(*cut, "onnx", *options[:-1], "-o", options[-1]), folder, images, net(images))
        call(*cut, "python", "-o", folder / "cut.py")
        check_python(f"{name} cut", folder / "cut.py", images, net(images))
        call("convert", "--weights", folder / "saved.safetensors", "--to", "torchscript", "-o", folder / "saved.pt")
        check(f"{name} cut, saved by Python", torch.jit.load(str(folder / "saved.pt"))(images), net(images))

    for name, (make, options, extent) in NETS.items():
        with tempfile.TemporaryDirectory() as folder, torch.no_grad():
            folder = pathlib.Path(folder)
            net = lively(make(weights=None, num_classes=1000, **options))
            images = torch.randn(2, 3, extent, extent)
            write_safetensors(folder / "in.safetensors", net.state_dict())
            source = ("--net", name, "--input", f"3,{extent},{extent}", "--layout", "imagenet", "--weights", folder / "in.safetensors")
            if name == "squeezenet1_1":
                check_info(call, source, net, folder, extent)
            compare(name, net, images, source, folder)
    for name, (make, extent, operator_set) in EXPORTED.items():
        with tempfile.TemporaryDirectory() as folder, torch.no_grad():
            folder = pathlib.Path(folder)
            net = lively(make())
            images = torch.randn(2, 3, extent, extent)
            export(net, images, folder / "in.onnx", operator_set)
            compare(name, net, images, ("--weights", folder / "in.onnx"), folder)


main(sys.argv[1])
