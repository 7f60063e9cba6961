"""What leaves a whole run: docs/to_optuna.py makes studies that Optuna goes on with, `nas-run export` writes the rows of the views.

A run of stages that take no time, of which some are then said to have failed, to run, or to wait. usage: optuna_test.py NAS_RUN, with NAS_WORKER set to
tests/support/fake_worker; exits 77 where python3-optuna is not installed.
"""
import csv
import json
import pathlib
import sqlite3
import subprocess
import sys
import tempfile

import checks
from checks import check, nas_run

try:
    import optuna
    from optuna.trial import TrialState
except ImportError as missing:
    print(f"skipped: {missing}; install python3-optuna")
    sys.exit(77)

DATA = pathlib.Path("/usr/share/datasets/fashion-mnist")
if not DATA.is_dir():
    print("skipped: dataset-fashion-mnist is not installed")
    sys.exit(77)

optuna.logging.set_verbosity(optuna.logging.ERROR)
LARGEST = sys.float_info.max
SCRIPT = pathlib.Path(__file__).resolve().parents[3] / "docs/to_optuna.py"
EXPERIMENT = """
schema: 1
name: small
tasks: [{name: clothes, dataset: fashion}, {name: again, dataset: fashion}]
data: {fashion: {format: idx, pad: 2, train_images: 100, validation_images: 20, test_images: 20}}
nets: [{name: vgg11_bn, width: 0.125}]
baselines: [{name: narrow, keep: 0.3, of: macs}]
prune: {criteria: [l1, random], schedules: [{name: a, keep: [0.6, 0.3]}, {name: "b", keep: [0.6, 0.2]}]}
search: {seeds: 2}
constraints: ["params <= 5e6"]
"""


def to_optuna(*arguments):
    return subprocess.run([sys.executable, SCRIPT, *map(str, arguments)], capture_output=True, text=True)


def dominated(values, others):  # accuracy up, macs down
    return any(o != values and o[0] >= values[0] and o[1] <= values[1] for o in others)


def check_study(study, database):
    task = study.study_name
    steps = {(r["trial"], r["step"]): r for r in database.execute("select * from steps where task = ?", [task])}
    trials = {r["trial"]: r for r in database.execute("select * from trials where task = ?", [task])}
    check("directions", [d.name for d in study.directions] == ["MAXIMIZE", "MINIMIZE"])
    check("a trial for each step", len(study.trials) == sum(t["steps"] + 1 for t in trials.values()))
    check("numbered from 0", [t.number for t in study.trials] == list(range(len(study.trials))))
    for made in study.trials:
        trial = trials[made.user_attrs["trial"]]
        waits = made.state == TrialState.WAITING
        params = made.system_attrs["fixed_params"] if waits else made.params
        check("params", set(params) == {"net", "criterion", "schedule", "seed", "step", "width"} and all(params[k] == trial[k] for k in params if k != "step"))
        check("name", made.user_attrs["name"] == trial["name"])
        step = steps.get((trial["trial"], params["step"]))
        if step is not None:
            check("complete", made.state == TrialState.COMPLETE)
            check("values", made.values == [step["accuracy_val"], step["macs"]])
            # A net without what a constraint bounds is beyond it, whichever way the constraint is.
            check("constraints", made.system_attrs["constraints"] == [step["params"] - 5e6, LARGEST, LARGEST, 0.5 - step["accuracy_val"]])
            check("attributes", made.user_attrs["stage"] == step["stage"] and made.user_attrs["params"] == step["params"])
            check("times", made.datetime_complete >= made.datetime_start)
        elif trial["state"] == "failed":
            check("failed", made.state == TrialState.FAIL and made.user_attrs["failure"] == "made to fail")
        else:
            check("not there", waits and made.values is None)
    values = [[s["accuracy_val"], s["macs"]] for s in steps.values()]
    best = sorted(v for v in values if not dominated(v, values))
    # Every trial is beyond a constraint. Optuna 4 lists only those that are not, the versions before take no account of it.
    if int(optuna.__version__.split(".")[0]) >= 4:
        best = []
    check("best trials", values and sorted(t.values for t in study.best_trials) == best)


def check_going_on(study):
    """Optuna hands out what waits; then it makes trials of its own."""
    waiting = [t for t in study.trials if t.state == TrialState.WAITING]
    space = next(t.distributions for t in study.trials if t.state == TrialState.COMPLETE)
    for expected in waiting + [None]:
        trial = study.ask()
        drawn = {name: trial.suggest_categorical(name, each.choices) for name, each in space.items()}
        if expected is not None:
            check("a waiting trial is handed out", trial.number == expected.number and drawn == expected.system_attrs["fixed_params"])
        study.tell(trial, [0.5, 1e6])
    check("none waits any more", all(t.state != TrialState.WAITING for t in study.trials))


def main(work):
    (work / "small.yaml").write_text(EXPERIMENT)
    run = nas_run(work / "small.yaml", "-o", work / "run")
    check(f"the run: {run.stderr}", run.returncode == 0)
    with sqlite3.connect(work / "run/experiment.db") as edit:
        last = "select stage from trial_step join trial on number = trial where task = ? and step = ? and seed = ? and criterion = ? order by trial"
        stages = [edit.execute(last, key).fetchone()[0]
                  for key in [("clothes", 1, 1, "l1"), ("clothes", 2, 2, "l1"), ("clothes", 2, 1, "random")]]
        for stage, state, failure in zip(stages, ["failed", "running", "pending"], ["made to fail", None, None]):
            edit.execute("update stage set state = ?, failure = ?, architecture = null where number = ?", [state, failure, stage])
            edit.execute("delete from metric where stage = ?", [stage])
        constraints = ["params <= 5e6", "latency_ms >= 5", "size <= 5", "accuracy_val >= 0.5"]  # no net was timed, none left a file
        edit.execute("update experiment set settings = json_set(settings, '$.constraints', json(?))", [json.dumps(constraints)])
    edit.close()

    made = to_optuna(work / "run", f"sqlite:///{work}/study.db")
    check(f"to_optuna: {made.stderr}", made.returncode == 0)
    url = f"sqlite:///{work}/study.db"
    database = sqlite3.connect(work / "run/experiment.db")
    database.row_factory = sqlite3.Row
    check("studies", sorted(s.study_name for s in optuna.get_all_study_summaries(url)) == ["again", "clothes"])
    for name in ["clothes", "again"]:
        check_study(optuna.load_study(study_name=name, storage=url), database)
    states = {t.state for t in optuna.load_study(study_name="clothes", storage=url).trials}
    check("all states", states == {TrialState.COMPLETE, TrialState.FAIL, TrialState.WAITING})
    check_going_on(optuna.load_study(study_name="clothes", storage=url))

    refused = to_optuna(work / "run", url)
    check(f"a study that is there stays: {refused.stderr}", refused.returncode == 2 and "has a study '" in refused.stderr)
    refused = to_optuna(work, url)
    check(f"no run: {refused.stderr}", refused.returncode == 2 and "no experiment.db" in refused.stderr)
    check("to_optuna --last", to_optuna(work / "run", f"sqlite:///{work}/last.db", "--last").returncode == 0)
    numbers = [t.user_attrs["trial"] for t in optuna.load_study(study_name="again", storage=f"sqlite:///{work}/last.db").trials]
    check("of each trial the last", numbers == [r[0] for r in database.execute("select trial from trials where task = 'again'")])

    for to in ["csv", "jsonl"]:
        check("export", nas_run("export", work / "run", "--to", to, "-o", work / f"rows.{to}").returncode == 0)
        check("the file's end says the same", nas_run("export", work / "run", "-o", work / f"again.{to}").returncode == 0
              and (work / f"again.{to}").read_bytes() == (work / f"rows.{to}").read_bytes())
    lines = [json.loads(line) for line in (work / "rows.jsonl").read_text().splitlines()]
    with open(work / "rows.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    steps = list(database.execute("select * from steps"))
    check("a line for each step", len(lines) == len(rows) == len(steps))
    for line, row, step in zip(lines, rows, steps):
        for key in step.keys():
            check(f"{key} in JSON Lines", line[key] == step[key])
            check(f"{key} in CSV", row[key] == "" if step[key] is None else type(step[key])(row[key]) == step[key])
    check("bytes", b"\r\n" in (work / "rows.csv").read_bytes() and (work / "rows.jsonl").read_bytes().endswith(b"}\n"))

    wrong = nas_run("export", work / "run", "1", "--to", "csv", "-o", work / "x.csv")
    check("no trial", wrong.returncode == 2 and "of the whole run, not of trial '1'" in wrong.stderr)
    for to in [["--to", "onnx"], []]:
        wrong = nas_run("export", work / "run", *to, "-o", work / "x.onnx")
        check("a trial", wrong.returncode == 2 and "onnx is of one net, and no trial is named" in wrong.stderr)
    wrong = nas_run("export", work / "run", "--to", "csv", "-o", work / "run/experiment.db")
    check("not over the database", wrong.returncode == 2 and "would be replaced" in wrong.stderr)
    wrong = nas_run("export", work / "run", "--to", "csv", "-o", work / "nowhere/x.csv")
    check(f"nowhere: {wrong.stderr}", wrong.returncode == 6)
    wrong = nas_run("export", work / "run", "--to", "optuna", "-o", work / "x.db")
    check(f"the script is named: {wrong.stderr}", wrong.returncode == 2 and "docs/to_optuna.py DIR sqlite:///study.db" in wrong.stderr)


with tempfile.TemporaryDirectory() as folder:
    main(pathlib.Path(folder))
print("all as expected" if checks.failures == 0 else f"{checks.failures} failures")
sys.exit(checks.failures != 0)
