"""What the tests of nas-run's output share: counting what fails, and running the program that the first argument names.

PYTHONPATH=tests/support finds it."""
import subprocess
import sys

failures = 0


def check(what, condition):
    global failures
    if not condition:
        failures += 1
        print("FAILED:", what)


def nas_run(*arguments):
    return subprocess.run([sys.argv[1], *map(str, arguments)], capture_output=True, text=True)
