"""What a run's database holds that another run of the same experiment must hold too. usage: rows.py steps|metrics|results RESULTS [OTHER]: prints the rows, a line
each; with OTHER only how many there are, or those that differ. Fails where they do, and where there are none. results: metrics but for speeds, waits and memory.
"""
import itertools
import sqlite3
import sys

METRICS = "SELECT fingerprint, state, split, metric.name, value FROM stage JOIN metric ON metric.stage = stage.number WHERE {} ORDER BY 1, 3, 4, metric.epoch"
QUERIES = {
    "steps": "SELECT stage, architecture, params, macs, accuracy_val, accuracy_test FROM steps ORDER BY stage, trial, step",
    "metrics": METRICS.format("true"),
    "results": METRICS.format("metric.name NOT LIKE '%per\\_s%' ESCAPE '\\' AND metric.name NOT IN ('data_wait_share', 'peak_memory_bytes')"),
}


def rows(kind, results):
    return sqlite3.connect(f"file:{results}/experiment.db?mode=ro", uri=True).execute(QUERIES[kind]).fetchall()


def main(kind, results, other=None):
    found = rows(kind, results)
    if other is None:
        print(*found, sep="\n")
        return bool(found)
    differing = [pair for pair in itertools.zip_longest(found, rows(kind, other)) if pair[0] != pair[1]]
    for pair in differing:
        print(*pair)
    print(len(found), "rows,", len(differing), "differ")
    return bool(found) and not differing


sys.exit(not main(*sys.argv[1:]))
