"""nas-worker by its protocol: one request a line on stdin, one result a line on descriptor 3. It refuses what the run did not plan.

usage: worker_test.py NAS_RUN NAS_WORKER
"""
import json
import os
import pathlib
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile

import checks
from checks import check, nas_run

def write_idx(folder, shade):
    """30 training and 10 test images of 28 x 28 pixels of one shade."""
    for prefix, count in (("train", 30), ("t10k", 10)):
        (folder / f"{prefix}-images-idx3-ubyte").write_bytes(struct.pack(">IIII", 0x803, count, 28, 28) + bytes([shade]) * (count * 784))
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, count) + bytes(i % 10 for i in range(count)))


def spec_of_two_groups():
    """Without batch norm. `wide` is in two groups: its first half is tied to `left`, the other to `right`."""
    def layer(name, kind, inputs, **fields):
        return {"name": name, "kind": kind, "inputs": inputs, **fields}

    def convolution(name, source, channels):
        return layer(name, "convolution", [source], channels=channels, kernel=[3, 3], stride=[2, 2], padding=[1, 1], dilation=[1, 1], groups=1, bias=True)

    return {"name": "two", "layers": [
        layer("input", "input", [], channels=1, extent=[32, 32]), convolution("left", 0, 8), convolution("right", 0, 8), convolution("wide", 0, 16),
        layer("join", "concat", [1, 2]), layer("sum", "add", [4, 3]), layer("act", "silu", [5]),
        layer("pool", "adaptive_average_pool", [6], size=1), layer("flat", "flatten", [7]), layer("fc", "linear", [8], channels=10, bias=True)]}


def check_substeps(folder):
    """One net: deep cuts that are refitted are made in four steps unless it is said otherwise, and end where one step ends."""
    def cut(*options):
        done = nas_run("prune", "--weights", folder / "w.safetensors", "--criterion", "l1", "--keep", 0.3, "--data", f"idx:{folder}?pad=2",
                       *options, "-o", folder / "cut.safetensors", "--json")
        check(f"{options}: {done.stderr}", done.returncode == 0)
        answer = json.loads(done.stdout)
        shapes = {name: len(values) for name, values in tensors_of(folder / "cut.safetensors").items()}
        check(f"{options}: the biases of the layers are as many as the channels kept", all(
            shapes[f"{layer}.bias"] == len(kept) for layer, kept in answer["kept"].items() if f"{layer}.bias" in shapes))
        return answer

    for options, steps in (((), 1), (("--refit", 20), 4), (("--refit", 20, "--substeps", 1), 1), (("--substeps", 3), 3)):
        answer = cut(*options)
        check(f"{options}: steps: {answer['substeps']}, left: {answer['left']}", answer["substeps"] == steps and 0.2 < answer["left"] <= 0.3)


def check_folder_of_images(folder):
    """A net from a file and a folder of images without labels: cut to a half, refitted, written as ONNX that reads back."""
    photos = folder / "photos"
    check("images", nas_run("sample", "imagenet", "-o", photos, "--images", 60, "--size", 28).returncode == 0)
    (photos / "live.heic").write_bytes(b"not read here")
    for name in ("onnx", "py"):
        done = nas_run("prune", "--weights", folder / "w.safetensors", "--keep", 0.5, "--of", "macs", "--refit", photos, "-o", folder / f"half.{name}", "--json")
        check(f"{name}: {done.stderr}", done.returncode == 0 and "1 images cannot be used and are left out, the first: live.heic: is of a format" in done.stderr)
        answer = json.loads(done.stdout)
        check(f"half of it, refitted on all of them, with no accuracy to tell: {answer}", answer["macs"] <= 0.5 * answer["before"]["macs"]
              and answer["refit"]["images"] == 60 and "accuracy" not in answer["refit"])
        read = nas_run("convert", "--weights", folder / ("half.onnx" if name == "onnx" else "half.safetensors"), "--to", "safetensors", "-o",
                       folder / "back.safetensors", "--json")
        check(f"what was written reads back: {read.stderr}", json.loads(read.stdout)["macs"] == answer["macs"])


def check_kept(folder):
    """A net whose file says what it kept of the first one: hostile, of another net, and right."""
    def cut(kept):
        with_metadata(folder / "w.safetensors", folder / "kept.safetensors", kept=kept)
        return nas_run("prune", "--weights", folder / "kept.safetensors", "--criterion", "l1", "--keep", 0.5, "-o", folder / "cut.safetensors", "--json")

    for kept, reason in (("5", "the metadata 'kept' is"), ('{"layer0": 5}', "the metadata 'kept' is"), ("[" * 200000 + "]" * 200000, "the metadata 'kept' is"),
                         ("{}", "what the net kept of its first one has no channel")):
        done = cut(kept)
        check(f"kept {kept[:20]}: {done.returncode} {done.stderr}", done.returncode == 3 and reason in done.stderr)
    counts = {name[:-len(".bias")]: len(values) for name, values in tensors_of(folder / "w.safetensors").items() if name.endswith(".bias")}
    done = cut(json.dumps({name: [2 * i for i in range(count)] for name, count in counts.items()}))
    check(f"kept of a net cut before: {done.stderr}", done.returncode == 0 and all(
        channel % 2 == 0 for kept in json.loads(done.stdout)["kept"].values() for channel in kept))


def check_class_order(folder):
    """A net whose classes the data have in another order would be told right where it is wrong."""
    def evaluate(names):
        with_metadata(folder / "w.safetensors", folder / "named.safetensors", class_names=json.dumps(names))
        return nas_run("evaluate", "--weights", folder / "named.safetensors", "--data", f"idx:{folder}?pad=2", "--json")

    digits = [str(digit) for digit in range(10)]
    for names in (digits, [f"kind {digit}" for digit in digits]):  # other names say nothing of the order
        done = evaluate(names)
        check(f"{names}: {done.stderr}", done.returncode == 0)
        check(f"{names}: unknown names are told", ("does not name: 0, 1, 2" in done.stderr) == (names != digits))
    for names in (digits[::-1], ["first", *digits[:9]]):  # one that is not known moves the others
        done = evaluate(names)
        check(f"another order: {done.returncode} {done.stderr}", done.returncode == 3 and "in another order than the net" in done.stderr
              and "valid: the net's order" in done.stderr)


def check_given_pixels(folder):
    """Mean and deviation that the command says are the net's: they act, are stored, and must be as many as its colours."""
    with_metadata(folder / "w.safetensors", folder / "silent.safetensors", mean=None, deviation=None)

    def cut(*options, data=f"idx:{folder}?pad=2"):
        return nas_run("prune", "--weights", folder / "silent.safetensors", "--criterion", "l1", "--keep", 0.5, "--refit", 20, "--data", data, *options,
                       "-o", folder / "cut.safetensors", "--json")

    plain, given = cut(), cut("--mean", 0.25, "--deviation", 0.5)
    check(f"without them it says what it takes: {plain.stderr}", "does not say how the net takes pixels: mean " in plain.stderr)
    check(f"with them it is silent: {given.stderr}", given.returncode == 0 and "does not say" not in given.stderr)
    errors = [[layer["error_before"] for layer in json.loads(done.stdout)["refit"]["layers"]] for done in (plain, given)]
    check(f"the layers see other pixels: {errors}", errors[0] != errors[1])
    blob = (folder / "cut.safetensors").read_bytes()
    size, = struct.unpack("<Q", blob[:8])
    metadata = json.loads(blob[8:8 + size])["__metadata__"]
    check(f"the cut net's file says them: {metadata}", json.loads(metadata["mean"]) == [0.25] and json.loads(metadata["deviation"]) == [0.5])
    for options, data, reason in ((("--mean", "0.1,0.2,0.3", "--deviation", "1,1,1"), f"idx:{folder}?pad=2", "valid: 1 each"),
                                  (("--mean", 0.1), f"idx:{folder}?pad=2", "--deviation"),
                                  (("--mean", 0.1, "--deviation", 1), f"idx:{folder}?pad=2&mean=0.5&deviation=0.5", "valid: one of the two")):
        done = cut(*options, data=data)
        check(f"{options}: {done.returncode} {done.stderr}", done.returncode == 2 and reason in done.stderr)
    with_metadata(folder / "w.safetensors", folder / "silent.safetensors", mean="[0.25]", deviation="[0.5]")
    check("what the file says may be said again", cut("--mean", 0.25, "--deviation", 0.5).returncode == 0)
    done = cut("--mean", 0.1, "--deviation", 0.5)
    check(f"but not otherwise: {done.returncode} {done.stderr}", done.returncode == 2
          and "says how its net takes pixels: mean 0.25, deviation 0.5; valid: without them" in done.stderr)


def with_metadata(source, target, **metadata):
    """A copy of a safetensors file with more metadata, or less: None is nothing."""
    blob = source.read_bytes()
    size, = struct.unpack("<Q", blob[:8])
    header = json.loads(blob[8:8 + size])
    header["__metadata__"].update(metadata)
    header["__metadata__"] = {key: value for key, value in header["__metadata__"].items() if value is not None}
    text = json.dumps(header).encode()
    target.write_bytes(struct.pack("<Q", len(text)) + text + blob[8 + size:])


def tensors_of(path):
    """Name to floats, of a safetensors file."""
    blob = path.read_bytes()
    size, = struct.unpack("<Q", blob[:8])
    header = json.loads(blob[8:8 + size])
    spans = {name: entry["data_offsets"] for name, entry in header.items() if name != "__metadata__"}
    return {name: struct.unpack(f"<{(end - begin) // 4}f", blob[8 + size + begin:8 + size + end]) for name, (begin, end) in spans.items()}


def results_of(worker, requests, *options, **environment):
    """What it says of how the stages end, in order."""
    read, write = os.pipe()
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    process = subprocess.Popen(["/bin/bash", "-c", f'exec "$0" "$@" 3>&{write}', worker, *options], stdin=subprocess.PIPE, pass_fds=[write], text=True,
                               env={**os.environ, **environment})
    os.close(write)
    process.stdin.write(lines)
    process.stdin.flush()
    messages = []
    with os.fdopen(read) as events:
        for line in events:
            messages.append(json.loads(line))
            if sum(message["event"] == "result" for message in messages) == len(requests):
                break
        process.stdin.close()  # before, it would say that nobody waits for what is under way
        messages += [json.loads(line) for line in events]
    check(f"the worker ends by itself: {process.wait()}", process.returncode == 0)
    check("all that it says names the stage and the attempt", all(message["stage"] in [r["stage"] for r in requests] and message["attempt"] == 3
                                                                 for message in messages if message["event"] != "alive"))
    return [message for message in messages if message["event"] == "result"]


def run(worker, requests):
    """The outcomes of the stages, in order."""
    return [result["outcome"] for result in results_of(worker, requests)]


def run_search(what, file, results, kinds):
    """Runs the experiment; its database, in which so many stages of each kind are done."""
    done = nas_run("run", file, "-o", results)
    check(f"{what}: {done.stderr}", done.returncode == 0)
    database = sqlite3.connect(results / "experiment.db")
    rows = dict(database.execute("SELECT kind, count(*) FROM stage WHERE state = 'done' GROUP BY kind"))
    check(f"what it ran: {rows}", rows == kinds)
    return database


def check_finished(file, results):
    again = nas_run("run", file, "-o", results, "--json")
    check(f"and again there is nothing to do: {again.stdout}", again.returncode == 0 and json.loads(again.stdout)["summary"]["executed"] == 0)
    front = nas_run("pareto", results, "--json")
    check(f"the front has nets: {front.stdout} {front.stderr}", front.returncode == 0 and all(0 <= net["accuracy_val"] <= 1 and net["params"] > 0 for net in json.loads(front.stdout)))
    check("as a table", nas_run("pareto", results).stdout.startswith("task "))


def check_widths(folder):
    """A search over widths from a base that learnt all classes first, for a task of four of them; the shape found is trained from scratch too."""
    file = folder / "widths.yaml"
    file.write_text("""schema: 1
name: widths
tasks: [{name: few, dataset: few}]
data:
  all: {format: idx, root: ., pad: 2, validation_images: 6}
  few: {format: idx, root: ., pad: 2, classes: [0, 2, 4, 6], validation_images: 4}
nets: [{name: vgg11_bn, width: 0.125, pretrain: {dataset: all, train: {epochs: 2}}}]
baselines: [scratch, {name: narrow, keep: 0.5, pretrain: same, train: {distill: {form: dkd}}}]
train: {epochs: 1, batch: 8, precision: fp32}
prune: {criteria: [l1], retrain: {epochs: 2, distill: {}}, lr_start: auto}
search: {strategy: widths, keep: 0.5, candidates: 5, rounds: 2, images: 16, finalists: 2}
""")
    results = folder / "widths"
    database = run_search("a search over widths", file, results, {"train": 4, "candidates": 2, "prune": 2, "extend": 1, "scratch": 1, "evaluate": 4})
    rounds = [json.loads(result) for result, in database.execute("SELECT result FROM stage WHERE kind = 'candidates' ORDER BY number")]
    accuracies = [[each["accuracy"] for each in values["best"]] for values in rounds]
    check(f"candidates are listed by their accuracy, those of both rounds in the second: {accuracies}",
          len(accuracies[0]) == 5 < len(accuracies[1]) <= 10 and all(each == sorted(each, reverse=True) for each in accuracies))
    shapes = dict(database.execute("SELECT net, architecture FROM steps WHERE (net = 'vgg11_bn' AND step = 1) OR net = 'scratch-vgg11_bn'"))
    check(f"the shape from scratch is the one that was found: {shapes}", len(shapes) == 2 and len(set(shapes.values())) == 1)
    shares = [share for share, in database.execute("SELECT macs_ratio FROM steps WHERE net = 'vgg11_bn' AND step = 1")]
    check(f"it costs what was asked for: {shares}", len(shares) == 1 and 0.49 < shares[0] <= 0.5)
    starts = [json.loads(result)["lr_start"] for result, in database.execute("SELECT result FROM stage WHERE kind = 'prune'")]
    check(f"retraining begins below the rate: {starts}", all(0 < start <= 0.05 for start in starts))
    check_finished(file, results)


def check_transfer(folder):
    """Cuts where all classes were learnt, from where four of them are learnt, at a rate so low that the weights stay what they were."""
    file = folder / "transfer.yaml"
    file.write_text("""schema: 1
name: transfer
tasks: [{name: few, dataset: few}]
data:
  all: {format: idx, root: ., pad: 2, validation_images: 6}
  few: {format: idx, root: ., pad: 2, classes: [0, 2, 4, 6], validation_images: 4}
nets: [{name: vgg11_bn, width: 0.125, pretrain: {dataset: all, train: {epochs: 2}, retrain: {epochs: 1, distill: {}}}}]
baselines: [{name: narrow, keep: 0.5, pretrain: same}, {name: scratch, effort: flops}]
train: {epochs: 1, batch: 8, precision: fp32}
prune:
  criteria: [l1]
  schedules: [{name: early, keep: [0.7, 0.5], of: params, at: pretraining}]
  retrain: {epochs: 2, distill: {}, optimizer: {name: sgd, lr: 1.0e-9, weight_decay: 0}}
search: {seeds: 2}
""")
    results = folder / "transfer"
    database = run_search("cuts at the pretraining", file, results, {"train": 6, "prune": 2, "transfer": 4, "scratch": 4, "evaluate": 12})
    shares = [share for share, in database.execute("SELECT params_ratio FROM steps WHERE net = 'vgg11_bn' AND step > 0 ORDER BY trial, step")]
    check(f"the nets of the task have the share that was asked for: {shares}",
          len(shares) == 4 and all(asked - 0.03 < share <= asked + 0.001 for share, asked in zip(shares, 2 * [0.7, 0.5])))
    starts = list(database.execute("SELECT stage, source FROM inputs JOIN stages USING (stage) WHERE kind = 'transfer' AND role = 'start'"))
    check(f"each cut net learns the task: {starts}", len(starts) == 4)
    for stage, start in starts:
        nets = [tensors_of(results / "artifacts" / digest[:2] / digest) for digest in (
            database.execute("SELECT hash FROM artifacts WHERE stage = ? AND name = 'weights'", (each,)).fetchone()[0] for each in (stage, start))]
        heads = [[len(values) for name, values in net.items() if name.startswith("classifier") and name.endswith(".bias")] for net in nets]
        check(f"a net of four classes: {heads}", [head[-1] for head in heads] == [4, 10])
        filters = [name for name in nets[0] if name.endswith(".weight") and name.startswith("features")]
        check("it begins with the cut net's weights", len(filters) == 16 and all(
            len(nets[0][name]) == len(nets[1][name]) and max(abs(a - b) for a, b in zip(nets[0][name], nets[1][name])) < 1e-6 for name in filters))
        layers = [list(database.execute("SELECT layer, channels, base_channels FROM layers WHERE stage = ? ORDER BY layer", (each,))) for each in (stage, start)]
        heads, bodies = ([[row for row in rows if row[0].startswith("classifier") == head] for rows in layers] for head in (True, False))
        check(f"what was cut of it is known: {layers[0]}", len(bodies[0]) > 7 and bodies[0] == bodies[1])
        check(f"and that it has classes of its own: {heads}", heads[0][-1][1:] == (4, 4) and heads[1][-1][1:] == (10, 10))
        kept = json.loads(database.execute("SELECT kept FROM lineage WHERE stage = ?", (stage,)).fetchone()[0])
        check(f"all of them are kept: {kept}", [0, 1, 2, 3] in kept.values() and list(range(10)) not in kept.values())
    way = nas_run("lineage", results, "few/vgg11_bn/l1/early/s1", "--json")
    check(f"where it comes from: {way.stdout}", [net["kind"] for net in json.loads(way.stdout)] == ["train", "prune", "prune", "transfer"])
    check("in words", "trained on the task, its classes anew" in nas_run("lineage", results, "few/vgg11_bn/l1/early/s1").stdout)
    check_finished(file, results)


def check_latency(folder):
    """Cuts to a share of the latency, by one table of the layers' times, and to a bound that no net can meet, so that floors alone end the cut;
    shapes from scratch for as many multiply-accumulates as the cut nets."""
    file = folder / "latency.yaml"
    file.write_text("""schema: 1
name: latency
tasks: [{name: t, dataset: d}]
data: {d: {format: idx, root: ., pad: 2, validation_images: 6}}
nets: [{name: vgg11_bn, width: 0.125}]
baselines: [{name: scratch, effort: flops}]
train: {epochs: 2, batch: 8, precision: fp32}
prune:
  criteria: [{name: l1, allocation: greedy}]
  schedules: [{name: quick, keep: [0.9], of: latency}, {name: small, keep: [0.9]}]
  retrain: {epochs: 1}
evaluate: {latency: {batch: [1], seconds: 0.02}}
""")
    results = folder / "latency"
    database = run_search("cuts to a share of the latency", file, results, {"latency_table": 1, "train": 1, "prune": 2, "scratch": 2, "evaluate": 5, "latency": 5})
    whole, = [json.loads(result)["table"]["whole_ms"] for result, in database.execute("SELECT result FROM stage WHERE kind = 'latency_table'")]
    estimates = dict(database.execute("SELECT coalesce(schedule, ''), estimate_ms FROM steps JOIN latencies USING (stage) WHERE step > 0"))
    check(f"the estimate is what was asked for: {estimates} of {whole}", estimates["quick"] <= 0.9 * whole)
    check("every net that was timed has one", database.execute("SELECT count(*) FROM latencies WHERE estimate_ms IS NULL").fetchone() == (0,))
    spent = list(database.execute(
        "SELECT base.macs, cut.macs, max(metrics.epoch) FROM steps AS cut JOIN steps AS base ON base.trial = cut.trial AND base.step = 0 "
        "JOIN inputs ON inputs.source = cut.stage AND inputs.role = 'shape' JOIN metrics ON metrics.stage = inputs.stage "
        "WHERE cut.step = 1 GROUP BY cut.stage"))
    check(f"shapes from scratch train for as many multiply-accumulates: {spent}",
          len(spent) == 2 and all(epochs == round((2 * base + cut) / cut) for base, cut, epochs in spent))
    check_finished(file, results)
    shown = nas_run("show", results, "t/vgg11_bn/l1/quick/s1")
    check(f"show has measured and estimated times: {shown.stdout}", "p50_ms" in shown.stdout and "estimate_ms" in shown.stdout)

    file.write_text(file.read_text().replace("evaluate:", "constraints: ['latency_estimate_ms <= 1.0e-6']\nevaluate:"))
    done = nas_run("run", file, "-o", results)
    check(f"with a bound on the estimate: {done.stderr}", done.returncode == 0)
    left = [share for share, in database.execute("SELECT macs_ratio FROM steps WHERE net = 'vgg11_bn' AND step = 1")]
    check(f"cuts go on towards it before they are trained: {left}", len(left) == 2 and all(share < 0.2 for share in left))


def filters_of(database, results, stage):
    """Names of weights to their values, of a net without batch norm that a stage made."""
    digest, = database.execute("SELECT hash FROM artifacts WHERE stage = ? AND name = 'weights'", (stage,)).fetchone()
    return {name: values for name, values in tensors_of(results / "artifacts" / digest[:2] / digest).items() if name.endswith(".weight")}


def zeros_of(filters):
    return {name: [i for i, value in enumerate(values) if value == 0] for name, values in filters.items()}


def check_sparse_transfer(folder):
    """Single weights that went at the pretraining stay 0 where the net learns its task; a new head has none, and protected layers keep all."""
    file = folder / "sparse.yaml"
    file.write_text("""schema: 1
name: sparse
tasks: [{name: few, dataset: few}]
data:
  all: {format: idx, root: ., pad: 2, validation_images: 6}
  few: {format: idx, root: ., pad: 2, classes: [0, 2, 4, 6], validation_images: 4}
nets: [{spec: two.json, pretrain: {dataset: all, train: {epochs: 1}, retrain: {epochs: 1}}}]
train: {epochs: 1, batch: 8, precision: fp32}
prune:
  criteria: [magnitude]
  schedules: [{name: early, keep: [0.5], of: params, at: pretraining}]
  retrain: {epochs: 2}
  protect: [right]
""")
    results = folder / "sparse"
    database = run_search("single weights at the pretraining", file, results, {"train": 2, "prune": 1, "transfer": 1, "evaluate": 2})
    cut, learnt = (zeros_of(filters_of(database, results, stage)) for kind in ("prune", "transfer")
                   for stage, in database.execute("SELECT stage FROM stages WHERE kind = ?", (kind,)))
    counts = {name: len(zeros) for name, zeros in cut.items()}  # of 8 * 9, 8 * 9, 16 * 9 and 16 * 10 weights
    check(f"half of each layer went, of the protected one nothing: {counts}",
          counts == {"left.weight": 36, "right.weight": 0, "wide.weight": 72, "fc.weight": 80})
    check(f"the same are 0 where the task was learnt, but for the new head: {[len(zeros) for zeros in learnt.values()]}",
          learnt == {**cut, "fc.weight": []})
    sparsity = dict(database.execute("SELECT kind, value FROM metrics JOIN stages USING (stage) WHERE split = 'net' AND name = 'sparsity'"))
    check(f"what is stored of both is so: {sparsity}", sparsity == {"prune": 188 / 448, "transfer": 108 / 352})  # a head of 16 * 4


def check_sparse_start(folder):
    """`lr_start: auto` where single weights go: by the length that they had and how many of those that were not 0 went."""
    file = folder / "auto.yaml"
    file.write_text("""schema: 1
name: auto
tasks: [{name: t, dataset: d}]
data: {d: {format: idx, root: ., pad: 2, validation_images: 6}}
nets: [{spec: two.json}]
train: {epochs: 10, batch: 8, precision: fp32, optimizer: {name: sgd, lr: 0.05}}
prune: {criteria: [magnitude], schedules: [{name: s, keep: [0.3, 0.15]}], retrain: {epochs: 1}, lr_start: auto}
""")
    results = folder / "auto"
    database = run_search("single weights, at a rate by what went", file, results, {"train": 1, "prune": 2, "evaluate": 3})
    steps = [stage for stage, in database.execute("SELECT stage FROM steps WHERE criterion = 'magnitude' ORDER BY step")]
    check(f"a base and two cuts: {steps}", len(steps) == 3)
    for parent, child, keep in zip(steps, steps[1:], (0.3, 0.15)):
        layers = [sorted(map(abs, values)) for values in filters_of(database, results, parent).values()]
        taken = [value for values in layers for value in values[:len(values) - round(keep * len(values))]]
        whole = [value for values in layers for value in values if value != 0]
        length = (sum(value ** 2 for value in taken) / sum(value ** 2 for value in whole)) ** 0.5
        share = max(length / (sum(value != 0 for value in taken) / len(whole)) ** 0.5, 1 / 10)
        result, = database.execute("SELECT result FROM stage WHERE fingerprint = ?", (child,)).fetchone()
        start = json.loads(result)["lr_start"]
        check(f"keep {keep}: the rate begins at {start}, {share} of 0.05", share < 0.99 and abs(start - 0.05 * share) < 1e-4 * start)


def check_early_end_in_a_rung(folder, patience, ended):
    """A retraining that gains nothing ends by itself within a rung, or with it: the rungs above have nothing to go on from, and leave the net as it is."""
    file = folder / f"early{patience}.yaml"
    file.write_text("""schema: 1
name: early
tasks: [{name: t, dataset: d}]
data: {d: {format: idx, root: ., pad: 2, validation_images: 6}}
nets: [{spec: two.json}]
train: {epochs: 1, batch: 8, precision: fp32}
prune: {criteria: [l1], schedules: [{name: half, keep: [0.5]}], retrain: {epochs: 12, early_stop: PATIENCE, optimizer: {name: sgd, lr: 1.0e-9, weight_decay: 0}}}
search: {strategy: halving, min_epochs: 3, reduction: 2}
""".replace("PATIENCE", str(patience)))
    results = folder / f"early{patience}"
    database = run_search("halving of what ends early", file, results, {"train": 1, "prune": 1, "extend": 2, "evaluate": 2})
    hashes = {kind: set() for kind in ("prune", "extend")}
    for kind, name, digest in database.execute("SELECT kind, name, hash FROM artifacts JOIN stages USING (stage) WHERE kind IN ('prune', 'extend')"):
        check(f"{kind} leaves {name}: no checkpoint to go on from", name == "weights")
        hashes[kind].add(digest)
    check(f"the net stays as it was: {hashes}", len(hashes["prune"]) == 1 and hashes["prune"] == hashes["extend"])
    epochs = [epoch for epoch, in database.execute(
        "SELECT DISTINCT epoch FROM metrics JOIN stages USING (stage) WHERE kind = 'prune' AND split = 'val' AND name = 'accuracy' AND epoch > 0")]
    check(f"after {ended} of three epochs: {epochs}", len(epochs) == ended)


def check_few_widths(worker, folder):
    """A search over widths for a size that the floors keep it from: there is one width vector, of which a second finalist is none."""
    file = folder / "floors.yaml"
    file.write_text("""schema: 1
name: floors
tasks: [{name: t, dataset: d}]
data: {d: {format: idx, root: ., pad: 2, validation_images: 6}}
nets: [{spec: two.json}]
train: {epochs: 1, batch: 8, precision: fp32}
prune: {criteria: [l1], retrain: {epochs: 1}}
search: {strategy: widths, keep: 0.001, candidates: 2, rounds: 1, images: 16, finalists: 2}
""")
    results = folder / "floors"
    nas_run("run", file, "-o", results)
    database = sqlite3.connect(results / "experiment.db")
    failures = list(database.execute("SELECT failure_kind, failure FROM stages WHERE kind = 'prune' AND state = 'failed'"))
    check(f"a finalist that is none says how many there are: {failures}", len(failures) == 1 and failures[0][0] == "invalid"
          and all(part in failures[0][1] for part in ("finalist 2 ", "only 1 ", "'finalists: 1'", "a larger 'keep'")))
    reached = list(database.execute("SELECT target_reached FROM nets WHERE kind = 'prune'"))
    check(f"the other says that it is larger than was asked for: {reached}", reached == [(0,)])

    # Another round, after one of which some losses are no numbers. No net has an accuracy of 2, so what is tried now is behind them.
    parameters, result = map(json.loads, database.execute("SELECT parameters, result FROM stage WHERE kind = 'candidates'").fetchone())
    widths = result["best"][0]["widths"]
    earlier = [{"widths": [width + more if width == 3 else width for width in widths], "accuracy": 2.0, "loss": loss}
               for more, loss in ((1, "nan"), (2, 1.0), (3, "inf"), (4, 0.5))]
    base, spec, digest = database.execute(
        "SELECT made.result, net.spec, artifact.hash FROM stage AS made JOIN architecture AS net ON net.hash = made.architecture "
        "JOIN artifact ON artifact.stage = made.number AND artifact.name = 'weights' WHERE made.kind = 'train'").fetchone()
    inputs = {"net": {"values": json.loads(base), "architecture": {"spec": json.loads(spec)}, "artifacts": {"weights": digest}},
              "earlier": {"values": {"round": 0, "best": earlier}}}
    again, = run(worker, [{"stage": "c" * 32, "attempt": 3, "kind": "candidates", "parameters": parameters, "inputs": inputs, "directory": str(results)}])
    losses = [each["loss"] for each in (again.get("values") or {}).get("best", [])]
    check(f"of equal accuracy those with the least loss come first, then those without: {again}", losses[:4] == [0.5, 1.0, "nan", "inf"])


def check_pixels(folder, weights):
    """A net that says how it takes pixels takes them so, whatever the training images are that lie beside the test images."""
    other = folder / "other"
    other.mkdir()
    write_idx(other, 90)
    for path in folder.glob("t10k-*"):
        shutil.copy(path, other)
    losses = [json.loads(nas_run("evaluate", "--weights", weights, "--data", f"idx:{place}?pad=2", "--json").stdout)["loss"] for place in (folder, other)]
    check(f"the net's own normalisation is used: {losses}", losses[0] == losses[1])


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_idx(folder, 7)
        def experiment(name, net):
            file = folder / name
            file.write_text(f"schema: 1\nname: e\ntasks: [{{name: t, dataset: d}}]\nnets: [{{name: vgg11_bn, width: 0.125{net}}}]\n"
                            "train: {epochs: 1, precision: fp32}\ndata: {d: {format: idx, root: ., pad: 2, validation_images: 6}}\n")
            return file

        for step in (("run", experiment("first.yaml", ""), "-o", folder / "first"), ("export", folder / "first", 1, "--to", "safetensors", "-o", folder / "w.safetensors"),
                     ("run", experiment("second.yaml", ", weights: w.safetensors"), "-o", folder / "results")):
            done = nas_run(*step)
            check(f"{step[0]}: {done.stderr}", done.returncode == 0)
        check_pixels(folder, folder / "w.safetensors")
        planned = sqlite3.connect(folder / "results" / "experiment.db").execute("SELECT parameters FROM stage WHERE kind = 'train'").fetchone()[0]

        def request(change=lambda parameters: None):
            parameters = json.loads(planned)
            change(parameters)
            return {"stage": "a" * 32, "attempt": 3, "kind": "train", "parameters": parameters, "inputs": {}, "directory": str(folder / "again")}

        def diverging(parameters):
            parameters["train"]["precision"] = "bf16"
            parameters["train"]["batch"] = 4
            parameters["train"]["optimizer"]["lr"] = 1e3
            parameters["train"].update(epochs=40, lr_schedule="constant")

        as_planned, strange, missing, unknown, misspelt, diverged = run(sys.argv[2], [
            request(),
            request(lambda parameters: parameters.update(sead=2)),
            request(lambda parameters: parameters.pop("data")),
            {**request(), "kind": "evaluate"},
            request(lambda parameters: parameters["train"]["optimizer"].update(momentun=0.5)),
            {**request(diverging), "stage": "b" * 32},
        ])
        check(f"the stage runs by its parameters: {as_planned}", as_planned["state"] == "done")
        gone = results_of(sys.argv[2], [request()], "--device", "cuda", CUDA_VISIBLE_DEVICES="")
        check(f"a GPU that is not there: {gone}", [(each["device_gone"], each["outcome"]["state"], each["outcome"]["failure_kind"], each["outcome"]["failure"])
                                                   for each in gone] == [(True, "failed", "lost", "its GPU does not answer")])
        check(f"a parameter that nothing reads: {strange}", "reads no parameter 'sead' (did you mean 'seed'?)" in strange["failure"])
        check(f"a parameter that is missing: {missing}", "lacks the parameter 'data'" in missing["failure"])
        check(f"parameters of another kind: {unknown}", "a stage evaluate lacks the parameter 'split'" in unknown["failure"])
        check(f"an option that nothing reads: {misspelt}", misspelt["failure_kind"] == "invalid" and "momentun" in misspelt["failure"])
        check(f"what diverges in bf16 is tried in fp32, and says so: {diverged}", diverged["failure_kind"] == "diverged"
              and "bf16" in diverged["values"]["fp32_since"] and not diverged["failure"].startswith("in bf16"))

        done = nas_run("convert", "--weights", folder / "w.safetensors", "--to", "onnx", "-o", folder / "w.onnx")
        check(f"convert: {done.stderr}", done.returncode == 0)
        for kind in ("weights: w.safetensors", "onnx: w.onnx"):  # a net of the user's own, which the file describes
            own = folder / "own.yaml"
            own.write_text((folder / "first.yaml").read_text().replace("{name: vgg11_bn, width: 0.125}", f"{{{kind}}}") +
                           "baselines: [{name: narrow, keep: 0.3}]\nprune: {criteria: [l1], schedules: [{name: half, keep: [0.5]}], retrain: {epochs: 1}}\n")
            results = folder / kind.split(":")[0]
            done = nas_run("run", own, "-o", results)
            check(f"{kind}: {done.stderr}", done.returncode == 0)
            rows = dict(sqlite3.connect(results / "experiment.db").execute("SELECT kind, count(*) FROM stage WHERE state = 'done' GROUP BY kind"))
            check(f"{kind}: trained, cut and narrow nets: {rows}", rows.get("train") == 2 and rows.get("prune") == 1)

        check_latency(folder)
        check_widths(folder)
        check_transfer(folder)

        (folder / "two.json").write_text(json.dumps(spec_of_two_groups()))
        check_sparse_transfer(folder)
        check_sparse_start(folder)
        check_early_end_in_a_rung(folder, patience=1, ended=2)
        check_early_end_in_a_rung(folder, patience=2, ended=3)
        check_few_widths(sys.argv[2], folder)
        two = folder / "two.yaml"
        two.write_text((folder / "first.yaml").read_text().replace("{name: vgg11_bn, width: 0.125}", "{spec: two.json}") +
                       "prune: {criteria: [l1, magnitude], schedules: [{name: half, keep: [0.5, 0.25], of: params}], retrain: {epochs: 1}}\n")
        done = nas_run("run", two, "-o", folder / "two")
        check(f"a layer in two groups, and single weights: {done.stderr}", done.returncode == 0)
        database = sqlite3.connect(folder / "two" / "experiment.db")
        twice = database.execute("SELECT stage, count(*) FROM layers WHERE layer = 'wide' GROUP BY stage HAVING count(*) > 1").fetchall()
        check(f"a layer in two groups is recorded once: {twice}", not twice and database.execute("SELECT count(*) FROM layers WHERE layer = 'wide'").fetchone()[0])
        rows = database.execute("SELECT trial, step, steps.params, steps.macs_ratio, value FROM steps JOIN metrics USING (stage) "
                                "WHERE criterion = 'magnitude' AND metrics.name = 'sparsity' ORDER BY step").fetchall()
        check(f"sparsity is stored, and the layers stay: {rows}", [(row[1], row[3], round(row[4], 2)) for row in rows] == [(1, 1.0, 0.5), (2, 1.0, 0.75)])
        if rows:
            done = nas_run("export", folder / "two", rows[-1][0], "--to", "safetensors", "-o", folder / "sparse.safetensors")
            weights = {name: values for name, values in tensors_of(folder / "sparse.safetensors").items() if name.endswith(".weight")}
            zeros, total = sum(value == 0 for values in weights.values() for value in values), sum(map(len, weights.values()))
            check(f"after retraining {zeros} of {total} weights are 0: {done.stderr}", zeros == round(0.75 * total))
        done = nas_run("prune", "--weights", folder / "sparse.safetensors", "--criterion", "magnitude", "--keep", 0.1, "-o", folder / "sparser.safetensors", "--json")
        check(f"prune by magnitude: {done.stdout} {done.stderr}", done.returncode == 0 and abs(json.loads(done.stdout)["sparsity"] - 0.9) < 0.01)
        done = nas_run("prune", "--weights", folder / "sparse.safetensors", "--criterion", "magnitude", "--keep", 0.1, "--limit", "protect=wide", "-o",
                       folder / "sparser.safetensors")
        kept, now = (tensors_of(folder / f"{name}.safetensors")["wide.weight"] for name in ("sparse", "sparser"))
        check(f"a protected layer keeps its weights: {done.stderr}", done.returncode == 0 and kept == now)
        two.write_text((folder / "first.yaml").read_text().replace("{name: vgg11_bn, width: 0.125}", "{weights: sparse.safetensors, insert_batch_norm: true}"))
        done = nas_run("run", two, "-o", folder / "inserted")
        check(f"batch norm is put in: {done.stderr}", done.returncode == 0)
        done = nas_run("export", folder / "inserted", 1, "--to", "safetensors", "-o", folder / "inserted.safetensors")
        check(f"and trained with: {done.stderr}", done.returncode == 0 and {"left_bn.weight", "wide_bn.running_var"} <= set(tensors_of(folder / "inserted.safetensors")))

        cut = folder / "cut.yaml"
        cut.write_text((folder / "first.yaml").read_text() + "prune: {criteria: [l1], schedules: [{name: half, keep: [0.5]}], retrain: {epochs: 1}, "
                       "refit: {images: 20}, substeps: 2}\n")
        done = nas_run("run", cut, "-o", folder / "cut")
        database = sqlite3.connect(folder / "cut" / "experiment.db")
        ratio, before, as_cut, batch_norm = database.execute(
            "SELECT steps.macs_ratio, accuracy_before_retraining, accuracy_as_cut, accuracy_batch_norm FROM nets JOIN steps USING (stage) "
            "WHERE step = 1").fetchone() or [None] * 4
        check(f"a cut in two substeps, refitted: {done.stderr}", done.returncode == 0 and ratio is not None and 0.3 < ratio <= 0.5)
        check("its accuracies on the way", all(value is not None and 0 <= value <= 1 for value in (before, as_cut, batch_norm)))

        check_substeps(folder)
        check_folder_of_images(folder)
        check_kept(folder)
        check_class_order(folder)
        check_given_pixels(folder)

        weights = (folder / "w.safetensors").read_bytes()
        check(f"weights of more than 128 KiB: {len(weights)}", len(weights) > 128 << 10)
        for place in (len(weights) - 1, len(weights) // 2):
            (folder / "w.safetensors").write_bytes(weights[:place] + bytes([weights[place] ^ 1]) + weights[place + 1:])
            other_weights, = run(sys.argv[2], [request()])
            check(f"weights that have changed: {other_weights}", other_weights["failure_kind"] == "invalid"
                  and "w.safetensors: the files have changed since the run began" in other_weights["failure"])
        (folder / "w.safetensors").write_bytes(weights)
        write_idx(folder, 8)
        other_data, = run(sys.argv[2], [request()])
        check(f"data that have changed: {other_data}", other_data["failure_kind"] == "invalid"
              and f"data {name}" in other_data["failure"] and "the files have changed since the run began" in other_data["failure"])


main()
sys.exit(1 if checks.failures else 0)
