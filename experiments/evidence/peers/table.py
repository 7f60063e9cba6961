"""Means over seeds as Markdown, and the lead of the first file's methods over each other, paired by seed. usage: table.py NAS_RUN.jsonl PEER.jsonl..."""
import json
import math
import pathlib
import sys

QUANTILES = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}  # Student's t, 97.5 %, by degrees of freedom


def mean_and_half(values):
    """Of the 95 % interval; None for less than two."""
    mean = sum(values) / len(values)
    if len(values) < 2:
        return mean, None
    spread = math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
    return mean, QUANTILES[len(values) - 1] * spread / math.sqrt(len(values))


def shown(values):
    if not values:
        return ""
    mean, half = mean_and_half([100 * value for value in values])
    return f"{mean:.1f}" + ("" if half is None else f" ± {half:.1f}")


def lead(ours, theirs):
    """In points, in bold where the interval excludes 0."""
    values = [100 * (ours[seed] - theirs[seed]) for seed in ours if seed in theirs]
    if len(values) < 2:
        return ""
    mean, half = mean_and_half(values)
    text = f"{mean:+.1f} ({mean - half:+.1f} to {mean + half:+.1f})"
    return f"**{text}**" if abs(mean) > half else text


def main(first, *others):
    read = lambda path: [json.loads(line) for line in pathlib.Path(path).read_text().splitlines()]
    rows = read(first)
    ours = list(dict.fromkeys(row["method"] for row in rows))
    rows += [row for path in others for row in read(path)]
    methods = list(dict.fromkeys(row["method"] for row in rows))
    cuts = sorted({round(row["keep"], 2) for row in rows}, reverse=True)
    of = {}
    for row in rows:
        of.setdefault((row["method"], min(cuts, key=lambda cut: abs(cut - row["keep"]))), []).append(row)
    print("| method | seeds | MACs | of the base's | parameters | as cut, validation | test | minutes |" + "".join(f" {each} leads by |" for each in ours))
    print("|---" * (8 + len(ours)) + "|")
    for cut in cuts:
        for method in methods:
            some = of.get((method, cut))
            if not some:
                continue
            mean = lambda key: sum(row[key] for row in some) / len(some)
            by_seed = {row["seed"]: row["accuracy_test"] for row in some}
            leads = [lead({row["seed"]: row["accuracy_test"] for row in of.get((each, cut), [])}, by_seed) if each != method else "" for each in ours]
            as_cut = shown([row["as_cut_val"] for row in some if row.get("as_cut_val") is not None])
            print(f"| {method} | {len(some)} | {mean('macs') / 1e6:.2f} M | {mean('macs_ratio'):.3f} | {mean('params') / 1e3:.1f} k | {as_cut} | "
                  f"{shown(list(by_seed.values()))} | {mean('seconds') / 60:.1f} |" + "".join(f" {each} |" for each in leads))


main(*sys.argv[1:])
