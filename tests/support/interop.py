"""What the tests against other programs share: nets of PyTorch made lively, files as others write them, and runs in other runtimes."""
import importlib.util
import json
import struct
import subprocess
import sys
import warnings

import cv2
import numpy
import onnx
import torch

try:
    import onnxruntime
except ImportError:
    onnxruntime = None

TOLERANCE = 1e-4
OLD_OPENCV = int(cv2.__version__.split(".")[0]) < 5  # reads Clip and Gather of operator set 10 only
OLD_ONNX = tuple(map(int, onnx.__version__.split(".")[:2])) < (1, 13)  # its checker knows no operator set 18


def write_safetensors(path, tensors, metadata=None):
    header, offset, blobs = {"__metadata__": metadata} if metadata else {}, 0, []
    types = {torch.float32: "F32", torch.int64: "I64"}
    for name, tensor in tensors.items():
        blob = tensor.detach().contiguous().numpy().tobytes()
        header[name] = {"dtype": types[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [offset, offset + len(blob)]}
        offset += len(blob)
        blobs.append(blob)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def lively(net):
    """Random running statistics and shifts, so that no tensor could be left out unnoticed."""
    generator = torch.Generator().manual_seed(7)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor, low, high in ((module.running_mean, -0.3, 0.3), (module.running_var, 0.5, 2), (module.weight.data, 0.5, 1.5), (module.bias.data, -0.3, 0.3)):
                tensor.copy_(torch.rand(tensor.shape, generator=generator) * (high - low) + low)
    return net.eval()


def reads_of(net, images):
    """The batch norm that follows each convolution, by what it reads."""
    made, pairs, hooks = {}, {}, []
    for name, module in net.named_modules():
        if isinstance(module, torch.nn.Conv2d):
            hooks.append(module.register_forward_hook(lambda m, i, o, name=name: made.__setitem__(id(o), (name, o))))
        if isinstance(module, torch.nn.BatchNorm2d):
            hooks.append(module.register_forward_hook(lambda m, i, o: pairs.__setitem__(made[id(i[0])][0], m)))
    net(images)
    for hook in hooks:
        hook.remove()
    return pairs


def mask(net, kept, images):
    """Zeroes the filters that are not kept: their activations become 0 wherever they are read."""
    norms = reads_of(net, images)
    for name, module in net.named_modules():
        if name not in kept:
            continue
        dropped = torch.ones(module.weight.shape[0], dtype=torch.bool)
        dropped[kept[name]] = False
        for tensor in (module.weight, module.bias, getattr(norms.get(name), "weight", None), getattr(norms.get(name), "bias", None)):
            if tensor is not None:
                tensor.data[dropped] = 0


def check(what, got, wanted):
    difference = (torch.as_tensor(got) - wanted).abs().max() / wanted.abs().max()
    print(f"{what}: {difference:.1e}")
    if not difference <= TOLERANCE:
        sys.exit(f"FAILED: {what} differs by {difference:.1e} of the largest output, more than {TOLERANCE}")


def export(net, images, path, operator_set):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(net, images, str(path), opset_version=operator_set, do_constant_folding=False,
                          training=torch.onnx.TrainingMode.PRESERVE)  # batch norm stays by itself


def run_opencv(path, images):
    runtime = cv2.dnn.readNetFromONNX(str(path))
    types = {node.op_type for node in onnx.load(str(path)).graph.node}
    outputs = []
    for batch in images.split(1 if types & {"Mul", "Reshape"} else len(images)):  # where the batch is free, OpenCV 4.6 fixes that of a gate at 1
        runtime.setInput(batch.numpy())
        outputs.append(torch.as_tensor(runtime.forward().copy()))
    return torch.cat(outputs)


def check_onnx(what, convert, folder, images, wanted):
    """The ONNX file that `convert(*options, path)` writes, in every runtime that is here; returns the file."""
    path = folder / "checked.onnx"
    if OLD_OPENCV:
        convert("--opset", "10", path)
        check(f"{what}, operator set 10, OpenCV {cv2.__version__}", run_opencv(path, images), wanted)
    convert(*(("--opset", "17") if OLD_ONNX else ()), path)
    onnx.checker.check_model(str(path), full_check=True)
    if onnxruntime:
        runtime = onnxruntime.InferenceSession(str(path))
        check(f"{what}, onnxruntime", runtime.run(None, {"images": images.numpy()})[0], wanted)
    if not OLD_OPENCV:
        check(f"{what}, OpenCV {cv2.__version__}", run_opencv(path, images), wanted)
    return path


def load_module(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tensor_names(path):
    data = path.read_bytes()
    return {name for name in json.loads(data[8:8 + struct.unpack("<Q", data[:8])[0]]) if name != "__metadata__"}


def check_python(what, path, images, wanted):
    """A .py file is a module of PyTorch like any other: loaded, traced, exported, trained, saved. Returns its net."""
    module = load_module(path)
    net = module.load()
    check(f"{what}, Python", net(images), wanted)
    names = {name for name in net.state_dict() if not name.endswith("num_batches_tracked")}
    if names != tensor_names(path.with_suffix(".safetensors")):
        sys.exit(f"FAILED: {what}: the module's state_dict has {sorted(names ^ tensor_names(path.with_suffix('.safetensors')))[:4]} too many or too few")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of torch.jit
        check(f"{what}, Python traced", torch.jit.trace(net, images)(images), wanted)
    if hasattr(torch, "compile"):  # "eager": what is compiled is the graph alone, in a second rather than a minute
        check(f"{what}, torch.compile's graph", torch.compile(net, fullgraph=True, backend="eager")(images), wanted)
    if hasattr(torch, "export"):
        check(f"{what}, torch.export", torch.export.export(net, (images,)).module()(images), wanted)
    module.save(net, path.with_name("saved.safetensors"))
    with torch.enable_grad():
        trained = module.load().train()
        torch.nn.functional.cross_entropy(trained(images), torch.tensor([0, 1])).backward()
        learns = [name for name, tensor in trained.named_parameters() if tensor.grad is not None and tensor.grad.abs().max() > 0]
        total = len(list(trained.parameters()))
        if len(learns) < 0.9 * total:  # channels that no image reaches may have none
            sys.exit(f"FAILED: {what}: {len(learns)} of {total} tensors have a gradient")
    return net


def caller(nas_run):
    """Runs a command of nas-run and reads its JSON."""

    def call(*arguments):
        done = subprocess.run([nas_run, *map(str, arguments), "--json"], stdout=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit(f"FAILED: nas-run {' '.join(map(str, arguments))}: exit code {done.returncode}")
        return json.loads(done.stdout)

    return call
