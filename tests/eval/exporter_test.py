"""ONNX files as the newest PyTorch exports them: 18 nets of torchvision, in three forms each, are read, scored, cut at half and written again.

Each net with random weights is exported by torch.onnx with its weights in another file (the default), with them inside, and by the exporter of old.
nas-run writes it again as ONNX, which must be valid and give what PyTorch gave in onnxruntime and OpenCV, and as a Python module; cut at half by l1
and by lda, the ONNX file, the Python module and the masked net must agree; by l1 at two other sizes too. usage: exporter_test.py NAS_RUN [NET...], with a Python that has torch,
torchvision, onnx, onnxscript, onnxruntime and opencv-python-headless: `make test-exports` makes one.
"""
import logging
import pathlib
import sys
import tempfile
import warnings

import cv2
import numpy
import torch
import torchvision
from interop import caller, check, check_onnx, check_python, lively, load_module, mask

NETS = ("alexnet vgg11_bn vgg16 resnet18 resnext50_32x4d wide_resnet50_2 googlenet squeezenet1_1 densenet121 mobilenet_v2 mobilenet_v3_small "
        "mnasnet0_5 shufflenet_v2_x0_5 efficientnet_b0 regnet_y_400mf regnet_x_400mf inception_v3 convnext_tiny").split()
REFUSED = {"convnext_tiny"}  # a norm over channels
NORMS_FIRST = {"densenet121"}  # batch norm reads what several convolutions made: a filter of zeros is no mask there
FORMS = ("external", "inside", "legacy")
SIZES = ((224, 224), (90, 75))  # besides 96 x 96: as usual, and what no stride or window divides
CLASSES = 10


def make(name):
    torch.manual_seed(1)
    options = {"aux_logits": False, "init_weights": True} if name in ("googlenet", "inception_v3") else {}
    return lively(getattr(torchvision.models, name)(num_classes=CLASSES, **options))


def write(net, images, form, path):
    """Whether the exporter can."""
    with warnings.catch_warnings(), torch.enable_grad():
        warnings.simplefilter("ignore")
        try:
            if form == "legacy":
                torch.onnx.export(net, (images,), path, dynamo=False, input_names=["images"], dynamic_axes={"images": {0: "batch"}})
            else:
                torch.onnx.export(net, (images,), path, dynamo=True, external_data=form == "external", dynamic_shapes=({0: torch.export.Dim("batch")},), verbose=False)
        except Exception as error:
            print(f"{path.name}: not exported: {type(error).__name__}", flush=True)
            return False
    return True


def write_images(folder, extent):
    """Ten classes of four images of noise, each class with a brightness of its own: something to tell apart."""
    generator = numpy.random.default_rng(1)
    for label in range(CLASSES):
        (folder / f"class{label}").mkdir(parents=True)
        for number in range(4):
            cv2.imwrite(str(folder / f"class{label}" / f"{number}.png"), generator.integers(10 * label, 160 + 10 * label, (extent, extent, 3)).astype("uint8"))


def cut_at_half(call, name, form, file, images, data, folder):
    """By l1, and where there are data by lda."""
    source = ("--weights", file)
    call("convert", *source, "--to", "python", "-o", folder / "whole.py")
    criteria = [("l1", ())]
    if data:
        criteria.append(("lda", ("--option", "variant=wilks", "--data", f"folder:{data}?size={images.shape[-1]}")))
    for criterion, options in criteria:
        what = f"{name}, {form}, {images.shape[2]} x {images.shape[3]}, cut by {criterion}"
        cut = call("prune", *source, "--criterion", criterion, *options, "--keep", "0.5", "--of", "macs", "-o", folder / "cut.safetensors")
        made = ("convert", "--weights", folder / "cut.safetensors", "--to")
        if name in NORMS_FIRST:
            call(*made, "torchscript", "-o", folder / "cut.pt")
            wanted = torch.jit.load(folder / "cut.pt")(images)
        else:
            masked = load_module(folder / "whole.py").load()
            mask(masked, cut["kept"], images)
            wanted = masked(images)
        check_onnx(what, lambda *options: call(*made, "onnx", *options[:-1], "-o", options[-1]), folder, images, wanted)
        call(*made, "python", "-o", folder / "cut.py")
        check_python(what, folder / "cut.py", images, wanted)


def main(nas_run, names):
    call, read = caller(nas_run), {form: [] for form in FORMS}
    logging.disable(logging.WARNING)
    for name in names:
        with tempfile.TemporaryDirectory() as folder, torch.no_grad():
            folder = pathlib.Path(folder)
            extent = 128 if name == "inception_v3" else 96
            net, images = make(name), torch.randn(2, 3, extent, extent, generator=torch.Generator().manual_seed(2))
            wanted = net(images)
            write_images(folder / "data", extent)
            for form in FORMS:
                file = folder / f"{name}.{form}.onnx"
                if not write(net, images, form, file):
                    continue
                if name in REFUSED:
                    continue
                check_onnx(f"{name}, {form}", lambda *options: call("convert", "--weights", file, "--to", "onnx", *options[:-1], "-o", options[-1]), folder, images, wanted)
                read[form].append(name)
                if form == "external":  # the others have the same net
                    cut_at_half(call, name, form, file, images, folder / "data", folder)
            for size in SIZES:
                file, sized = folder / f"{name}.{size[0]}.onnx", torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(3))
                if name in REFUSED or not write(net, sized, "external", file):
                    continue
                check_onnx(f"{name}, {size[0]} x {size[1]}", lambda *options: call("convert", "--weights", file, "--to", "onnx", *options[:-1], "-o", options[-1]), folder, sized, net(sized))
                cut_at_half(call, name, "external", file, sized, None, folder)
    for form in FORMS:
        print(f"{form}: {len(read[form])} of {len(names)} read and right")


main(sys.argv[1], sys.argv[2:] or NETS)
