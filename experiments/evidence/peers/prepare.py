"""What the peers of an experiment need of its run. usage: prepare.py NAS_RUN EXPERIMENT.yaml DATA_NAME RESULTS FOLDER

FOLDER/data: the images in their splits. FOLDER/bases: seedN.py with its weights for each seed that RESULTS has. FOLDER/nas_run.jsonl: a line for each net of
RESULTS that the first schedule cut, as the peers write theirs.
"""
import json
import pathlib
import subprocess
import sys

import yaml


def main(nas_run, experiment, data, results, folder):
    folder = pathlib.Path(folder)
    (folder / "bases").mkdir(parents=True, exist_ok=True)
    subprocess.run([nas_run, "data", experiment, data, "-o", folder / "data"], check=True)
    subprocess.run([nas_run, "export", results, "--to", "jsonl", "-o", folder / "nets.jsonl"], check=True)
    with (folder / "nets.jsonl").open(encoding="utf-8") as lines:
        nets = [json.loads(line) for line in lines]
    schedule = yaml.safe_load(pathlib.Path(experiment).read_text())["prune"]["schedules"][0]
    cuts = [net for net in nets if net["role"] == "pruned" and net["step"] > 0 and net["schedule"] == schedule["name"]]
    for seed, trial in {net["seed"]: net["trial"] for net in cuts}.items():
        subprocess.run([nas_run, "export", results, str(trial), "--step", "0", "-o", folder / "bases" / f"seed{seed}.py"], check=True)
    with (folder / "nas_run.jsonl").open("w") as file:
        for net in cuts:
            row = {"seed": net["seed"], "method": f"nas-run, {net['criterion']}", "keep": schedule["keep"][net["step"] - 1],
                   "accuracy_val": net["accuracy_val"], "accuracy_test": net["accuracy_test"], "macs_ratio": net["macs_ratio"], "macs": net["macs"],
                   "params": net["params"], "seconds": round(net["wall_s"])}
            file.write(json.dumps(row) + "\n")


main(*sys.argv[1:])
