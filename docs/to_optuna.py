#!/usr/bin/env python3
"""A run of nas-run as Optuna studies, one for each task: a trial for each net, the experiment's objectives as its values.

Reads the views that docs/database.md describes; needs Optuna 3 or later. What failed is FAIL, what is still to run WAITING: Study.ask gives it out.
"""
import argparse
import datetime
import json
import pathlib
import sqlite3
import sys

import optuna
from optuna.trial import TrialState

PARAMETERS = ["net", "criterion", "schedule", "seed", "step", "width", "fold"]  # those in which the nets of a task differ


def metric(run, step, name):
    """A metric of a net that is done, as objectives and constraints name it; None where the net has no finite one."""
    if name in ("accuracy_val", "params", "macs"):
        return step[name]
    if name == "size":
        row = run.execute("select bytes from artifacts where stage = ? and name = 'weights'", [step["stage"]]).fetchone()
    elif name.startswith("latency_"):  # by the last stage that timed it
        row = run.execute("select value from inputs join metrics using (stage) join stages using (stage) where source = ? and role = 'net' "
                          "and kind = 'latency' and name = ? order by number desc", [step["stage"], name]).fetchone()
    else:
        place = "val/loss" if name == "loss_val" else name
        row = run.execute("select value from metrics where stage = ? and epoch is null and split = ? and name = ?",
                          [step["stage"], *place.split("/")]).fetchone()
    return next(iter(row.values())) if row else None


def beyond(run, step, constraint):
    """How far the net is beyond a constraint, as in 'macs <= 2e8'; a net that lacks the metric does not hold it."""
    name, relation, bound = constraint.split()
    value = metric(run, step, name)
    if value is None:
        return sys.float_info.max
    return value - float(bound) if relation == "<=" else float(bound) - value


def add(study, run, settings, distributions, trial, step):
    """The net after one step of a trial; `step`: its row of `steps`, or None where it is not done."""
    params = {name: trial[name] for name in distributions}
    known = {key: value for key, value in {**trial, **(step or {})}.items() if value is not None and key not in params}
    if step is None and trial["state"] != "failed":
        return study.enqueue_trial(params, user_attrs=known)
    values = [metric(run, step, each["metric"]) for each in settings["objectives"]] if step else [None]
    complete = None not in values
    made = optuna.trial.create_trial(
        state=TrialState.COMPLETE if complete else TrialState.FAIL, values=values if complete else None, params=params,
        distributions=distributions, user_attrs=known,
        system_attrs={"constraints": [beyond(run, step, each) for each in settings["constraints"]]} if step else {})
    if step:
        times = run.execute("select started_at, finished_at from stages where stage = ?", [step["stage"]]).fetchone()
        made.datetime_start, made.datetime_complete = (datetime.datetime.fromisoformat(time.rstrip("Z")) for time in times.values())
    study.add_trial(made)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=pathlib.Path, help="directory of a run, as in results/fashion_mnist")
    parser.add_argument("storage", help="Optuna's, without studies of the tasks' names, as in sqlite:///study.db")
    parser.add_argument("--last", action="store_true", help="of each trial only the last net, not those on the way to it")
    arguments = parser.parse_args()
    if not (arguments.results / "experiment.db").is_file():
        parser.error(f"{arguments.results}: no experiment.db; valid: the directory of a run")
    run = sqlite3.connect((arguments.results.resolve() / "experiment.db").as_uri() + "?mode=ro", uri=True)
    run.row_factory = lambda cursor, row: {column[0]: value for column, value in zip(cursor.description, row)}
    run.execute("begin")  # all of one moment, also while the run goes on
    settings = json.loads(run.execute("select settings from experiments order by experiment desc").fetchone()["settings"])
    for task in run.execute("select * from tasks").fetchall():
        nets = []
        for trial in run.execute("select * from trials where task = ?", [task["task"]]).fetchall():
            done = {step["step"]: step for step in run.execute("select * from steps where trial = ?", [trial["trial"]])}
            for step in range(trial["steps"] if arguments.last else 0, trial["steps"] + 1):
                nets.append(({**trial, "step": step}, done.get(step)))
        choices = {name: list(dict.fromkeys(trial[name] for trial, _ in nets)) for name in PARAMETERS}
        distributions = {name: optuna.distributions.CategoricalDistribution(each) for name, each in choices.items() if len(each) > 1}
        try:
            study = optuna.create_study(study_name=task["task"], storage=arguments.storage,
                                        directions=[each["direction"] for each in settings["objectives"]])
        except optuna.exceptions.DuplicatedStudyError:
            parser.error(f"{arguments.storage}: has a study '{task['task']}' already; valid: another storage, or one without it")
        for key, value in task.items():
            study.set_user_attr(key, value)
        for trial, step in nets:
            add(study, run, settings, distributions, trial, step)


if __name__ == "__main__":
    main()
