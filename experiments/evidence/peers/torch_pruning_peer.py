"""What Torch-Pruning makes of an experiment's base nets. usage: torch_pruning_peer.py EXPERIMENT.yaml DATA BASES RESULTS.jsonl, as work.py says.

Its own choices: its taylor and l1 importance of groups of layers, ranked over the whole net or with one share for all layers (`uniform`), removed in 400
small steps by one gradient as its examples have it.
"""
import sys

import torch
import torch_pruning
from work import Work

STEPS = 400


def cut_by(work, importance, ranked_globally):
    def cut(net, keep, base_macs):
        net.eval()
        head = [layer for layer in net.modules() if getattr(layer, "out_features", getattr(layer, "out_channels", None)) == work.classes][-1:]
        pruner = torch_pruning.pruner.BasePruner(net, work.example, importance=importance(), pruning_ratio=0.97, iterative_steps=STEPS,
                                                 global_pruning=ranked_globally, ignored_layers=head, max_pruning_ratio=0.9)
        work.gradients(net)
        while torch_pruning.utils.count_ops_and_params(net, work.example)[0] > keep * base_macs and pruner.current_step < STEPS:
            pruner.step()
        return net

    return cut


def main(*arguments):
    work = Work(*arguments)
    taylor, l1 = torch_pruning.importance.GroupTaylorImportance, lambda: torch_pruning.importance.GroupMagnitudeImportance(p=1)
    methods = {"taylor": cut_by(work, taylor, True), "taylor uniform": cut_by(work, taylor, False), "l1": cut_by(work, l1, True)}
    methods = {f"Torch-Pruning, {name}": cut for name, cut in methods.items()}
    work.run(methods, torch_pruning.utils.count_ops_and_params, {"torch_pruning": torch_pruning.__version__})


main(*sys.argv[1:])
