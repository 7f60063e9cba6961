"""The wheel's version and what it needs, for scikit-build-core: a wheel is for one minor version of torch, whose C++ interface changes with each."""
import importlib.metadata
import pathlib
import re


def dynamic_metadata(field, settings=None, project=None):
    torch = ".".join(importlib.metadata.version("torch").split(".")[:2])
    if field == "dependencies":
        return [f"torch=={torch}.*"]
    cmake = (pathlib.Path(__file__).parents[2] / "CMakeLists.txt").read_text()
    return f"{re.search(r'project[(].*VERSION ([0-9.]+)', cmake)[1]}+torch{torch}"
