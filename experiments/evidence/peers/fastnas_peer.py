"""What ModelOpt's FastNAS makes of an experiment's base nets. usage: fastnas_peer.py EXPERIMENT.yaml DATA BASES RESULTS.jsonl, as work.py says.

It searches widths by the accuracy of nets that are not trained further, channels chosen by their L1 norm. Here in tenths of each layer's width, which it
takes as multiples of 4, scored on training images, as many as have 2.5 million pixels, at most 1,000: its own advice is a subset where a score takes
seconds. The validation images choose the epoch only.
"""
import copy
import sys

import modelopt
import modelopt.torch.prune as prune
import numpy
import torch
import torch_pruning
from torch.utils.data import DataLoader, RandomSampler, TensorDataset
from work import Work


def search_space():
    """FastNAS's own configuration, its widths made finer."""
    space = prune.fastnas.FastNASConfig().model_dump()
    for kinds in space.values():
        for options in (kinds or {}).values():
            for key in options:
                if key.endswith("_divisor"):
                    options[key] = 4
                if key.endswith("_ratio"):
                    options[key] = tuple(numpy.round(numpy.arange(0.1, 1.01, 0.1), 2).tolist())
    return space


def plain(net, pruned):
    """net with the widths and weights of pruned: what ModelOpt 0.47 returns can't be cut again, its batch norm is then not estimated."""
    cut = dict(pruned.named_modules())
    for name, layer in net.named_modules():
        for width in ("in_channels", "out_channels", "groups", "num_features", "in_features", "out_features"):
            if hasattr(layer, width):
                setattr(layer, width, getattr(cut[name], width))
        for tensors in ("_parameters", "_buffers"):
            setattr(layer, tensors, {key: copy.deepcopy(value) for key, value in getattr(cut[name], tensors).items()})
    return net


def main(*arguments):
    work = Work(*arguments)
    images, labels = work.splits["train"]
    examples = TensorDataset(work.middle(images), labels)
    loader = DataLoader(examples, 16, sampler=RandomSampler(examples, replacement=True, num_samples=50 * 16))  # what it estimates batch norm by: 50 batches
    scored = torch.randperm(len(labels), generator=torch.Generator().manual_seed(1))[:min(1_000, 2_500_000 // work.side**2)]
    work.splits["scored"] = [images[scored], labels[scored]]

    def cut(net, keep, base_macs):
        original = copy.deepcopy(net)
        now, _ = torch_pruning.utils.count_ops_and_params(net, work.example)
        pruned, _ = prune.prune(model=net, mode=[("fastnas", search_space())], constraints={"flops": f"{100 * keep * base_macs / now:.4g}%"},
                                dummy_input=work.example, config={"data_loader": loader, "score_func": lambda each: work.accuracy(each, "scored"),
                                                                  "checkpoint": None, "collect_func": lambda batch: batch[0],
                                                                  "verbose": False})
        return plain(original, pruned)

    work.run({"ModelOpt, FastNAS": cut}, torch_pruning.utils.count_ops_and_params, {"modelopt": modelopt.__version__})


main(*sys.argv[1:])
