"""An experiment's work for another tool: its images in its splits, the base nets that it trained, its epochs, cuts and distillation, read from

    EXPERIMENT.yaml   the recipe: train, prune.retrain, prune.between, the cuts of the first schedule
    DATA              `nas-run data EXPERIMENT.yaml -o DATA`
    BASES             seed1.py, seed1.safetensors, ...: `nas-run export RESULTS TRIAL --step 0 -o BASES/seed1.py` of a trial of each seed
    RESULTS.jsonl     a line a net is added; what it holds of these bases, cuts and epochs is passed over, what it holds of others goes

So each net of the other tool and each of nas-run's is cut from the very same base, seed by seed. Validation images choose the epoch, test images are
used once a net. The cuts of a schedule follow each other, each trained before the next.
"""
import copy
import hashlib
import importlib.util
import json
import math
import os
import pathlib
import sys
import time

import numpy
import torch
import torch.nn.functional as F
import yaml


class Work:
    def __init__(self, experiment, data, bases, results):
        torch.set_num_threads(int(os.environ.get("THREADS", "1")))
        data, self.results = pathlib.Path(data), pathlib.Path(results)
        self.bases = sorted(pathlib.Path(bases).glob("seed*.py"))
        settings = yaml.safe_load(pathlib.Path(experiment).read_text())
        self.train_options, prune = settings["train"], settings["prune"]
        self.retrain_options = {**self.train_options, **prune["retrain"]}
        self.keep = prune["schedules"][0]["keep"]
        between = prune.get("between", self.retrain_options)["epochs"]
        self.epochs = [between] * (len(self.keep) - 1) + [self.retrain_options["epochs"]]
        about = json.loads((data / "data.json").read_text())
        channels = (1, -1, 1, 1)
        self.mean, self.deviation = torch.tensor(about["mean"]).view(channels), torch.tensor(about["deviation"]).view(channels)
        self.margin, self.classes = about["margin"], len(about["class_names"])
        self.splits = {split: [torch.from_numpy(numpy.load(data / f"{split}_{part}.npy")) for part in ("images", "labels")]
                       for split in ("train", "validation", "test")}
        images = self.splits["train"][0]
        self.side = images.shape[-1] - 2 * self.margin
        self.example = torch.zeros(1, images.shape[1], self.side, self.side)

    def normalised(self, pixels):
        return (pixels.float() / 255 - self.mean) / self.deviation

    def middle(self, images):
        end = images.shape[-1] - self.margin
        return self.normalised(images[:, :, self.margin:end, self.margin:end])

    def augmented(self, images):
        """Mirrored with probability 1/2 and moved by up to `padding` pixels: the margin shows there, and black beyond it."""
        most = self.train_options.get("padding", 2)
        black = max(0, most - self.margin)
        images = F.pad(images, (black,) * 4)
        crops = []
        for image in images:
            down, right = (self.margin + black + torch.randint(-most, most + 1, (2,))).tolist()
            crop = image[:, down:down + self.side, right:right + self.side]
            crops.append(crop.flip(2) if torch.rand(()) < 0.5 else crop)
        return self.normalised(torch.stack(crops))

    @torch.no_grad()
    def accuracy(self, net, split):
        images, labels = self.splits[split]
        net.eval()
        return sum(int((net(self.middle(some)).argmax(1) == of).sum()) for some, of in zip(images.split(64), labels.split(64))) / len(labels)

    def gradients(self, net):
        """Of the loss over all training images, as importance by Taylor expansion takes them."""
        net.zero_grad()
        images, labels = self.splits["train"]
        for some, of in zip(images.split(64), labels.split(64)):
            F.cross_entropy(net(self.middle(some)), of).backward()

    def optimizer(self, net):
        options = self.retrain_options["optimizer"]
        decayed = [each for each in net.parameters() if each.dim() > 1]
        groups = [{"params": decayed, "weight_decay": options.get("weight_decay", 5e-4)},
                  {"params": [each for each in net.parameters() if each.dim() <= 1], "weight_decay": 0}]
        if options["name"] == "adamw":
            return torch.optim.AdamW(groups, lr=options["lr"])
        return torch.optim.SGD(groups, lr=options["lr"], momentum=options.get("momentum", 0.9), nesterov=True)

    def retrain(self, net, epochs, teacher):
        """By the experiment's recipe, the learning rate falling to 0 as a cosine; leaves the epoch that validates best, and returns its accuracy."""
        images, labels = self.splits["train"]
        batch, distill, optimizer = self.retrain_options["batch"], self.retrain_options["distill"], self.optimizer(net)
        weight, temperature = distill["weight"], distill["temperature"]
        highest, steps, done, best = optimizer.param_groups[0]["lr"], epochs * math.ceil(len(labels) / batch), 0, (-1, None)
        for _ in range(epochs):
            net.train()
            for chosen in torch.randperm(len(labels)).split(batch):
                for group in optimizer.param_groups:
                    group["lr"] = highest * 0.5 * (1 + math.cos(math.pi * done / steps))
                done += 1
                pixels = self.augmented(images[chosen])
                scores = net(pixels)
                with torch.no_grad():
                    wanted = F.log_softmax(teacher(pixels) / temperature, 1)
                soft = F.kl_div(F.log_softmax(scores / temperature, 1), wanted, log_target=True, reduction="batchmean")
                loss = (1 - weight) * F.cross_entropy(scores, labels[chosen]) + weight * temperature**2 * soft
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            validated = self.accuracy(net, "validation")
            if validated > best[0]:
                best = validated, copy.deepcopy(net.state_dict())
        net.load_state_dict(best[1])
        return best[0]

    def run(self, methods, count, versions):
        """methods: {name: cut(net, keep, base_macs) -> net}; count: (MACs, parameters) of a net. Every cut of every method, for every base."""
        work = {int(path.stem.removeprefix("seed")): self.fingerprint(path) for path in self.bases}
        known = list(self.rows())
        kept = [row for row in known if row.get("work") == work.get(row["seed"])]
        if len(kept) < len(known):
            print(f"{self.results}: {len(known) - len(kept)} of {len(known)} rows are of other bases, or of none that is known, and go", file=sys.stderr)
        temporary = self.results.with_suffix(".new")
        temporary.write_text("".join(json.dumps(row) + "\n" for row in kept))
        temporary.replace(self.results)
        done = {(row["seed"], row["method"]) for row in kept}
        for path in self.bases:
            seed = int(path.stem.removeprefix("seed"))
            spec = importlib.util.spec_from_file_location(path.stem, path)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            teacher = module.load()
            base_macs, _ = count(copy.deepcopy(teacher), self.example)
            for name, cut in methods.items():
                if (seed, name) in done:
                    continue
                torch.manual_seed(seed)
                net, rows = module.load(), []
                for keep, epochs in zip(self.keep, self.epochs):
                    began = time.time()
                    net = cut(net, keep, base_macs)
                    as_cut = self.accuracy(net, "validation")
                    validated = self.retrain(net, epochs, teacher)
                    macs, parameters = count(net, self.example)
                    rows.append({"seed": seed, "method": name, "work": work[seed], "keep": keep, "accuracy_val": validated, "accuracy_test": self.accuracy(net, "test"),
                                 "as_cut_val": as_cut, "macs_ratio": macs / base_macs, "macs": int(macs), "params": int(parameters),
                                 "seconds": round(time.time() - began), **versions, "torch": torch.__version__})
                    print(json.dumps(rows[-1]), flush=True)
                with self.results.open("a") as file:
                    file.writelines(json.dumps(row) + "\n" for row in rows)

    def fingerprint(self, base):
        """Of a base's weights, and of what is done with it."""
        settings = json.dumps([self.keep, self.epochs, self.train_options, self.retrain_options], sort_keys=True)
        return hashlib.sha256(base.with_suffix(".safetensors").read_bytes() + settings.encode()).hexdigest()[:16]

    def rows(self):
        return [json.loads(line) for line in self.results.read_text().splitlines()] if self.results.exists() else []
