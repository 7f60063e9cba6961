"""The package for Python, as it is installed: run by a Python that has it (`make test-wheel`). A small search through its interface, its net against
the program's own word, its libraries, and what it says where torch is another."""
import importlib.metadata
import pathlib
import re
import subprocess
import sys
import tempfile

import nas_run
import torch

# What every Linux has, as PEP 600 lists it; and what belongs to torch.
SYSTEM = {"linux-vdso.so.1", "ld-linux-x86-64.so.2", "libc.so.6", "libm.so.6", "libdl.so.2", "librt.so.1", "libpthread.so.0", "libutil.so.1",
          "libstdc++.so.6", "libgcc_s.so.1", "libz.so.1"}
EXPERIMENT = """
schema: 1
name: small
tasks: [{name: clothes, dataset: clothes}]
data:
  clothes: {format: idx, root: "${FASHION_MNIST_ROOT:-/usr/share/datasets/fashion-mnist}", pad: 2, train_images: 500, validation_images: 200, test_images: 200}
nets: [{name: vgg16_bn, width: 0.125}]
train: {epochs: 2, batch: 64}
prune: {criteria: [l1], schedules: [{name: once, keep: [0.5], of: macs}], retrain: {epochs: 1}}
search: {strategy: sweep, seeds: 1}
"""
failures = []


def check(holds, what):
    print(("ok      " if holds else "FAILED  ") + what, flush=True)
    if not holds:
        failures.append(what)


def foreign_libraries(program, packages):
    """Those that are found neither in the packages nor on every Linux."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    found = [(line.split()[0], line) for line in listed.splitlines()]
    return [line.strip() for name, line in found if pathlib.Path(name).name not in SYSTEM and str(packages) not in line]


def main():
    package, program = pathlib.Path(nas_run.__file__).parent, pathlib.Path(sys.executable).parent / "nas-run"
    for name in ("nas-run", "nas-worker"):
        foreign = foreign_libraries(package / "bin" / name, package.parent.resolve())
        check(not foreign, f"{name} needs no library of the system {foreign or ''}")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "small.yaml").write_text(EXPERIMENT)
        results = nas_run.run(folder / "small.yaml", output=folder / "results", settings={"train.epochs": 1}, progress=False)
        check(results == folder / "results", "run returns the folder of the results")
        rows = nas_run.trials(results)
        check(len(rows) == 2 and rows[1]["macs"] < 0.51 * rows[0]["macs"], "trials are a dict for each net")
        net = nas_run.load(results, rows[1]["trial"])
        check(isinstance(net, torch.nn.Module) and not net.training, "load gives a module in evaluation mode")
        check(sum(each.numel() for each in net.parameters()) == rows[1]["params"], "its parameters are those of the row")
        check(net(torch.zeros(2, 1, 32, 32)).shape == (2, 10), "it takes images and gives scores")
        check(sum(each.numel() for each in nas_run.load(results, rows[1]["trial"], step=0).parameters()) == rows[0]["params"], "step 0 is the base")
        model, again = folder / "net.onnx", folder / "again.safetensors"  # protobuf of the package beside that in LibTorch
        subprocess.run([program, "export", results, "1", "--to", "onnx", "-o", model], check=True)
        subprocess.run([program, "convert", "--weights", model, "--to", "safetensors", "-o", again], check=True)
        check(again.stat().st_size > 4 * rows[1]["params"], "ONNX is written and read")
        try:
            nas_run.load(results, 99)
            check(False, "an unknown trial raises")
        except nas_run.Error as error:
            check(error.code == 2 and "99" in str(error), "an unknown trial raises what nas-run says, with its code")
        try:
            nas_run.run(folder / "absent.yaml", progress=False)
            check(False, "an absent file raises")
        except nas_run.Error as error:
            check("absent.yaml" in str(error), "an absent file raises with its name")
    other = subprocess.run([sys.executable, "-c", "import importlib.metadata as m, nas_run; real = m.version; "
                            "m.version = lambda name: '1.0.0' if name == 'torch' else real(name); nas_run.trials('x')"], capture_output=True, text=True)
    said = other.stderr.splitlines()[-1]
    check(re.search(r"built for torch [0-9.]+, and torch 1\.0\.0 is installed; valid: pip install 'torch==[0-9.]+\*'", said), f"another torch is told: {said}")
    console = subprocess.run([program, "--version"], capture_output=True, text=True)
    check(console.returncode == 0 and importlib.metadata.version("nas-run").startswith(console.stdout.split()[-1]), "the console script is the program")
    print(f"torch {torch.__version__}, nas-run {importlib.metadata.version('nas-run')}: {len(failures)} failed")
    return bool(failures)


sys.exit(main())
