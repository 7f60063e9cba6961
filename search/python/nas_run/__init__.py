"""Searches for the small vision network that a task needs, by pruning a big one.

    import nas_run
    results = nas_run.run("photos.yaml", settings={"search.seeds": 3})
    for trial in nas_run.trials(results):
        print(trial["name"], trial["accuracy_val"], trial["macs"])
    net = nas_run.load(results, 7)      # an nn.Module, in evaluation mode

All of it is the program `nas-run`, which this package brings; `nas-run --help` and `nas-run reference` say what it does and takes.
"""
import importlib.metadata
import importlib.util
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

__all__ = ["Error", "load", "run", "trials"]

_FOLDER = pathlib.Path(__file__).parent
_PROGRAM = _FOLDER / "bin" / "nas-run"
_CLOTHES = _FOLDER / "share" / "nas-run" / "fashion-mnist"


class Error(RuntimeError):
    """What nas-run said when it ended without success; `code` is its exit code, listed in the README."""

    def __init__(self, message, code):
        super().__init__(message)
        self.code = code


def _unfit():
    """Why the torch package of this Python will not do for the worker, or nothing."""
    wanted = next(need for need in importlib.metadata.requires("nas-run") if need.startswith("torch=="))
    minor = wanted.removeprefix("torch==").removesuffix(".*")
    try:
        found = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        found = None
    if found and (found + ".").startswith(minor + "."):
        return None
    return f"this nas-run is built for torch {minor}, and {f'torch {found}' if found else 'no torch'} is installed; valid: pip install '{wanted}', or the wheel for that torch"


def _environment():
    """Of the program: the clothes of `nas-run demo` are the package's own where the system has none, and torch is found where it does not lie beside it."""
    environment = dict(os.environ)
    torch = importlib.util.find_spec("torch")
    if torch and pathlib.Path(torch.origin).parent != _FOLDER.parent / "torch":
        folders = [str(pathlib.Path(torch.origin).parent / "lib"), environment.get("LD_LIBRARY_PATH")]
        environment["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, folders))
    if _CLOTHES.is_dir() and not pathlib.Path("/usr/share/datasets/fashion-mnist").is_dir():
        environment.setdefault("FASHION_MNIST_ROOT", str(_CLOTHES))
    return environment


def _ask(*arguments, progress=False):
    """What nas-run prints for the arguments. An interrupt reaches it as well, and it stops cleanly."""
    unfit = _unfit()
    if unfit:
        raise Error(unfit, 6)
    process = subprocess.Popen([_PROGRAM, *map(str, arguments)], env=_environment(), text=True, stdout=subprocess.PIPE,
                               stderr=None if progress else subprocess.PIPE)
    while True:
        try:
            printed, said = process.communicate()
            break
        except KeyboardInterrupt:
            continue
    if process.returncode in (130, -signal.SIGINT):  # the second before it has learnt to stop
        raise KeyboardInterrupt
    if process.returncode:
        raise Error((said or f"nas-run ended with exit code {process.returncode}; what it said is on stderr").strip(), process.returncode)
    return printed


def run(experiment, output=None, settings=None, progress=True):
    """Runs an experiment's YAML file, or goes on with it, and returns the folder of its results.

    output: that folder, by default results/NAME; settings: values of the file to replace, as {"search.seeds": 3}; progress: shown on stderr, as is why it
    failed; without it that is the Error's text.
    Raises Error, and KeyboardInterrupt once it has stopped cleanly: the same call goes on.
    """
    arguments = [experiment, "--json"]
    if output:
        arguments += ["-o", output]
    for key, value in (settings or {}).items():
        arguments += ["-s", f"{key}={value if isinstance(value, str) else json.dumps(value)}"]
    return pathlib.Path(json.loads(_ask(*arguments, progress=progress))["directory"])


def trials(directory):
    """A dict for each net of each trial, step 0 being the base: what the trial is, and the net's size and accuracy (`nas-run export DIR --to jsonl`)."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "nets.jsonl"
        _ask("export", directory, "--to", "jsonl", "-o", path)
        with path.open(encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]


def load(directory, trial, step=None):
    """The net of a trial, by number or name, as an nn.Module in evaluation mode; step 0 is the base, by default the last that is done.

    The module is that of `nas-run export DIR TRIAL -o net.py`: it takes normalised images [N, C, H, W] and gives scores [N, classes].
    """
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "net.py"
        _ask("export", directory, trial, "-o", path, *([] if step is None else ["--step", step]))
        spec = importlib.util.spec_from_file_location("nas_run_net", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.load()


def main():
    """The console script: becomes the program. Commands that read only need no torch, so a wrong one is told and does not stop them."""
    unfit = _unfit()
    if unfit:
        print(f"nas-run: {unfit}", file=sys.stderr)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.execve(_PROGRAM, [str(_PROGRAM), *sys.argv[1:]], _environment())
