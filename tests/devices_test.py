"""A tensor that is made beside others lies where they do: every call that makes one from nothing says its device, takes it from another tensor, or is in
a file whose tensors are the processor's, for the reason given here. usage: devices_test.py SOURCE_FOLDER
"""
import pathlib
import re
import sys

ON_THE_PROCESSOR = {
    "eval/accuracy.cpp": "sums of a pass, in double precision",
    "eval/attacks/pgd.cpp": "drawn by a generator of the processor, so that devices agree",
    "eval/attacks/spatial.cpp": "losses and places that are compared there",
    "eval/data/loader.cpp": "batches are made there, pinned for a GPU",
    "eval/formats": "files are read and written there",
    "eval/latency.cpp": "drawn by a generator of the processor",
    "eval/layer_latency.cpp": "weights that the net takes to its device",
    "eval/nets/net.cpp": "initial weights are drawn there, so that devices agree",
    "eval/onnx_runtime.cpp": "ONNX Runtime runs there",
    "eval/robustness.cpp": "images are made there",
    "prune/batch_norm.cpp": "statistics of weights as they are stored",
    "prune/criteria/lda_paper.cpp": "neurons are chosen there",
    "prune/criteria/lda_wilks.cpp": "drawn by a generator of the processor, so that devices agree",
    "prune/criteria/reconstruct.cpp": "least squares, in double precision",
    "prune/fisher.cpp": "scatters, in double precision",
    "prune/fisher_weights.cpp": "directions are drawn there, so that devices agree",
    "prune/layer_samples.cpp": "places are drawn there, so that devices agree",
    "search/worker/requests/speed.cpp": "the processor's speed is asked for",
}
FACTORY = re.compile(r"\b(?:torch|at)::(?:tensor|zeros|ones|empty|full|arange|eye|rand|randn|randint|linspace|from_blob)\(")
SAYS = re.compile(r"device|kCPU|options\(\)|\.to\(")


def statement_at(text, begin):
    """To the semicolon behind the call, where that is not in parentheses."""
    depth = 0
    for end in range(begin, len(text)):
        depth += {"(": 1, "{": 1, ")": -1, "}": -1}.get(text[end], 0)
        if text[end] == ";" and depth <= 0:
            return text[begin:end]
    return text[begin:]


def main(root):
    root, silent = pathlib.Path(root), []
    for folder in ("eval", "prune", "search/worker"):
        for path in sorted((root / folder).rglob("*.cpp")):
            name = str(path.relative_to(root))
            if any(name == allowed or name.startswith(allowed + "/") for allowed in ON_THE_PROCESSOR):
                continue
            text = path.read_text()
            for match in FACTORY.finditer(text):
                if not SAYS.search(statement_at(text, match.start())):
                    silent.append(f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {text[match.start():].splitlines()[0]}")
    print("\n".join(silent))
    sys.exit(f"FAILED: {len(silent)} tensors are made without saying on which device" if silent else None)


main(sys.argv[1])
