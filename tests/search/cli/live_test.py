"""A run that is looked at while it goes on: `nas-run serve` and `nas-run status --watch`; and trials that are made again by `nas-run --only`.

usage: live_test.py NAS_RUN, with NAS_WORKER set to tests/support/fake_worker. Exits 77 where dataset-fashion-mnist is not installed.
"""
import fcntl
import json
import os
import pathlib
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

import checks
from checks import check, nas_run

if not pathlib.Path("/usr/share/datasets/fashion-mnist").is_dir():
    print("skipped: dataset-fashion-mnist is not installed")
    sys.exit(77)

HEAD = """
schema: 1
name: small
tasks: [{name: clothes, dataset: fashion}]
data: {fashion: {format: idx, root: "${FASHION}", pad: 2, train_images: 100, validation_images: 20, test_images: 20}}
nets: [{name: vgg11_bn, width: 0.125}]
train: {epochs: 2}
"""
SWEEP = HEAD + """
baselines: [{name: mobilenet_v2, width: 0.25}]
prune:
  criteria: [l1, {name: lda, variant: wilks, ridge: 0.02}, {name: random, widths: lda-wilks}]
  schedules: [{name: a, keep: [0.6, 0.3], of: params}, {name: "b", eta: {from: 0.1, step: 0.1}, steps: 2}]
  retrain: {epochs: 3}
  floor: 0.05
search: {seeds: 2}
"""
TARGET = HEAD + """
prune: {criteria: [l1]}
search: {strategy: target, tolerance: 1, max_cuts: 4}
"""


def fetch(url, method="GET", host=None):
    request = urllib.request.Request(url, method=method, headers={"Host": host} if host else {}, data=b"x" if method == "POST" else None)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def stages_of(database, name):
    """The stages of a trial's steps, what measures them, and all that these are made from."""
    return {row[0] for row in database.execute("""
        with recursive step(stage) as (select stage from steps join trials using (trial) where trials.name = ?), wanted(stage) as (
          select stage from step union
          select stage from inputs join stages using (stage) where source in step and kind = 'evaluate' union
          select source from inputs join wanted using (stage))
        select stage from wanted""", [name])}


def check_again(work, run, stages_of_trial):
    """Every trial, made again by itself, has the stages that it had, to the last digit of their results, and no others."""
    database = sqlite3.connect(run / "experiment.db")
    names = [row[0] for row in database.execute("select name from trials")]
    check("there are trials", len(names) > 0)
    (work / "again.yaml").write_text(nas_run("show", run, "--yaml").stdout)
    steps = "select step, stage, params, accuracy_val, accuracy_test from steps join trials using (trial) where name = ? order by step"
    for number, name in enumerate(names):
        directory = work / f"again-{run.name}-{number}"
        made = nas_run(work / "again.yaml", "--only", name, "-o", directory)
        check(f"{name} runs again: {made.stderr}", made.returncode == 0)
        again = sqlite3.connect(directory / "experiment.db")
        expected = database.execute(steps, [name]).fetchall()
        check(f"{name} has its nets again", expected and again.execute(steps, [name]).fetchall() == expected)
        check(f"{name} is made alone", [row[0] for row in again.execute("select name from trials")] == [name])
        check(f"{name} has no other stages", {row[0] for row in again.execute("select stage from stages")} == stages_of_trial(database, name))
    shown = nas_run("show", run, 1).stdout
    check(f"the command is shown: {shown}", f"nas-run show {run} --yaml > again.yaml && nas-run again.yaml --only {names[0]} -o again" in shown)
    check("the arithmetic is shown", "fp32, 1 thread)" in shown)
    here = subprocess.run([os.path.abspath(sys.argv[1]), "show", run.name, "1"], cwd=run.parent, capture_output=True, text=True).stdout
    check(f"the command names the results from anywhere: {here}", f"nas-run show {run.resolve()} --yaml > again.yaml" in here)


def check_only(work):
    whole = json.loads(nas_run("plan", work / "sweep.yaml", "--json").stdout)
    part = json.loads(nas_run("plan", work / "sweep.yaml", "--only", "clothes/vgg11_bn/l1/a/s2", "--json").stdout)
    # A probe, the base and its test; two cuts and their tests.
    check(f"a part is planned: {part}", (part["trials"], part["stages"], part["stages_without_sharing"]) == (1, 7, 7) and whole["trials"] == 14)
    wrong = nas_run(work / "sweep.yaml", "-n", "--only", "clothes/vgg11_bn/l1/a/s3")
    check(f"no such trial: {wrong.stderr}", wrong.returncode == 2 and "has no such trial (did you mean 'clothes/vgg11_bn/l1/a/s" in wrong.stderr)
    halving = ["-s", "search={strategy: halving, min_epochs: 1}", "-s", "prune.retrain.epochs=3", "-s", "prune.criteria=[l1, taylor]"]
    wrong = nas_run("plan", work / "sweep.yaml", *halving, "--only", "clothes/vgg11_bn/l1/a/s1")
    check(f"not apart: {wrong.stderr}", wrong.returncode == 2 and "halving finds a trial by what the others come to" in wrong.stderr)
    apart = nas_run("plan", work / "sweep.yaml", *halving, "--only", "clothes/mobilenet_v2-w0.25/s1", "--json")
    check(f"its baseline is: {apart.stdout}{apart.stderr}", apart.returncode == 0 and json.loads(apart.stdout)["trials"] == 1)


def check_watch(run):
    watched = nas_run("status", run, "--watch=0.1")
    check("a watch ends with the run", watched.returncode == 0 and watched.stdout.count("\n") == 1 and "stages " in watched.stdout)
    with open(run / "run.lock") as lock:  # as a run holds it
        fcntl.flock(lock, fcntl.LOCK_EX)
        watch = subprocess.Popen([sys.argv[1], "status", str(run), "--watch=0.1", "--json"], stdout=subprocess.PIPE, text=True)
        first = json.loads(watch.stdout.readline())
        check("that it goes on is told", first["goes_on"])
        with sqlite3.connect(run / "experiment.db") as edit:
            edit.execute("update stage set state = 'failed', failure = 'made to fail' where number = (select max(number) from stage)")
            edit.execute("insert into stage (fingerprint, kind, label, parameters, state, dropped) "
                         "values ('old', 'train', 'no trial needs it', '{}', 'failed', 1)")
        edit.close()
        second = json.loads(watch.stdout.readline())
        check("a change is told", (first["stages"]["failed"], second["stages"]["failed"]) == (0, 1) and watch.poll() is None)
    rest, _ = watch.communicate(timeout=60)
    check("it ends where no run goes on", watch.returncode == 0 and rest == "")
    check("a stage of settings that were changed since is not told", "no trial needs it" not in nas_run("status", run).stdout)
    with sqlite3.connect(run / "experiment.db") as edit:
        edit.execute("delete from stage where fingerprint = 'old'")
    edit.close()


def check_clock(work, run):
    """A clock that was set back: stages that a dead run left in the future are told without a negative age, and run again."""
    with sqlite3.connect(run / "experiment.db") as edit:
        edit.execute("delete from metric where stage in (select number from stage where kind = 'evaluate')")
        edit.execute("update stage set state = 'running', started_at = '2999-01-01T00:00:00.000Z' where kind = 'evaluate'")
    edit.close()
    status = json.loads(nas_run("status", run, "--json").stdout)
    running = status["running"]
    check("what runs has an age", running and all(stage["age_s"] == 0 for stage in running))
    check("that its run is dead is told", not status["goes_on"] and "no nas-run is at work here" in nas_run("status", run).stdout)
    with sqlite3.connect(run / "experiment.db") as edit:
        edit.execute("update attempt set fraction = 0.25, message = 'epoch 2/8, loss 0.410' where stage in (select number from stage where state = 'running')")
    edit.close()
    check("how far it is, is told", ": epoch 2/8, loss 0.410, 25 %, about 0 s left" in nas_run("status", run).stdout)
    check("and as JSON", all((stage["fraction"], stage["place"]) == (0.25, 0) for stage in json.loads(nas_run("status", run, "--json").stdout)["running"]))
    def label(change):
        with sqlite3.connect(run / "experiment.db") as labels:
            labels.execute(f"update stage set label = {change}")
        labels.close()
    label("label || char(27) || '[31m'")
    for command in ("status", "lineage"):
        text = nas_run(command, run).stdout
        check(f"{command} shows control characters and does not send them", "\\x1b[31m" in text and "\x1b" not in text)
    label("replace(label, char(27) || '[31m', '')")
    check("its report is written", nas_run("report", run, "-o", work / "clock.html").returncode == 0)
    again = nas_run(work / "target.yaml", "-o", run)
    check(f"it is run again: {again.stderr}", again.returncode == 0 and f"{len(running)} run" in again.stderr)


def check_serve(run):
    server = subprocess.Popen([sys.argv[1], "serve", str(run), "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    url = server.stdout.readline().strip()
    check(f"the address: {url}", url.startswith("http://127.0.0.1:") and url.endswith("/"))
    status, headers, page = fetch(url)
    check("the page", status == 200 and page.lower().startswith(b"<!doctype html") and b"clothes" in page)
    check("its type", headers["Content-Type"] == "text/html; charset=utf-8")
    check("safe headers", headers["Cache-Control"] == "no-store" and headers["X-Content-Type-Options"] == "nosniff"
          and headers["X-Frame-Options"] == "DENY")
    with sqlite3.connect(run / "experiment.db") as edit:
        edit.execute("update trial set name = 'renamed/since' where number = 1")
    edit.close()
    check("it follows the database", b"renamed/since" in fetch(url)[2])
    check("the same again", any(fetch(url)[2] == fetch(url)[2] for _ in range(5)))  # its date changes with the second
    status, headers, body = fetch(url, "HEAD")
    check("HEAD", status == 200 and body == b"")
    for path in ["experiment.db", "../experiment.db", "%2e%2e/experiment.db", "index.html"]:
        check(f"{path} is not there", fetch(url + path)[0] == 404)
    for method in ["POST", "PUT", "DELETE", "OPTIONS"]:
        status, headers, _ = fetch(url, method)
        check(f"{method} is refused", status == 405 and headers["Allow"] == "GET, HEAD")
    port = url.split(":")[2].rstrip("/")
    for host, expected in [("evil.example", 403), (f"evil.example:{port}", 403), ("127.0.0.1.evil.example", 403), ("localhost", 200),
                           (f"127.0.0.1:{port}", 200), ("[::1]:80", 200)]:
        check(f"host {host}", fetch(url, host=host)[0] == expected)
    second = nas_run("serve", run, "--port", port)
    check(f"a taken port: {second.stderr}", second.returncode == 6 and f"127.0.0.1:{port}" in second.stderr and "another --port" in second.stderr)
    with socket.create_connection(("127.0.0.1", int(port))) as silent:  # one that says nothing holds nobody up
        check("beside a silent client", fetch(url)[0] == 200)
        silent.sendall(b"\0\r\n\r\n")
    halves = [socket.create_connection(("127.0.0.1", int(port))) for _ in range(400)]
    for half in halves:
        half.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
    check("beside 400 clients that send half a request", fetch(url)[0] == 200)
    for half in halves:
        half.close()
    server.send_signal(signal.SIGINT)
    check("Ctrl-C ends it", server.wait(timeout=60) == 0)
    for _ in range(10):  # a signal that comes while it begins to listen
        server = subprocess.Popen([sys.argv[1], "serve", str(run), "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        server.stdout.readline()
        server.terminate()
        check("an early signal ends it", server.wait(timeout=20) == 0)
    check("no directory", nas_run("serve", run / "nowhere").returncode == 3)


def check_hangup(work):
    """A session that drops ends a run as Ctrl-C does; under nohup it goes on."""
    for ignored, code in [(False, 129), (True, 0)]:
        run = work / f"hangup-{ignored}"
        started = subprocess.Popen([sys.argv[1], work / "sweep.yaml", "-o", run], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                   preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL))
        for line in started.stderr:
            if re.match(r"\[ *1/", line):  # its first stage is done
                break
        started.send_signal(signal.SIGHUP)
        rest = started.stderr.read()
        check(f"a hangup, ignored {ignored}: {rest}", started.wait(timeout=60) == code and ("interrupted; the same command goes on" in rest) != ignored)


def check_warning(work):
    """A metric that no net came to have is said at the end: throughput is only measured where a net is trained for long enough."""
    (work / "warn.yaml").write_text(SWEEP.replace("search: {seeds: 2}", "search: {seeds: 1}\nobjectives: [accuracy_val, train/batch_parts]"))
    made = nas_run(work / "warn.yaml", "-o", work / "warn")
    check(f"a metric that no net has: {made.stderr[-400:]}", made.returncode == 0 and
          "warning: no net of this run has the metric 'train/batch_parts', which an objective names" in made.stderr)


def main(work):
    os.environ["FASHION"] = "/usr/share/datasets/fashion-mnist"
    for name, text in [("sweep", SWEEP), ("target", TARGET)]:
        (work / f"{name}.yaml").write_text(text)
        made = nas_run(work / f"{name}.yaml", "-o", work / name)
        check(f"the run: {made.stderr}", made.returncode == 0)
        check("the experiment as it was read", nas_run("show", work / name, "--yaml").stdout == text)
    check_hangup(work)
    check_warning(work)
    check_again(work, work / "sweep", stages_of)
    check_again(work, work / "target", lambda database, _: {row[0] for row in database.execute("select stage from stages")})  # one criterion and seed
    check_only(work)
    check_clock(work, work / "target")
    check_watch(work / "sweep")
    check_serve(work / "sweep")


with tempfile.TemporaryDirectory() as folder:
    main(pathlib.Path(folder))
print("all as expected" if checks.failures == 0 else f"{checks.failures} failures")
sys.exit(checks.failures != 0)
