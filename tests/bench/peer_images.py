"""The peer of `bench_images`: the same folder through torchvision with two workers.

Prints one JSON line: {"first_epoch_images_per_s", "images_per_s"}. usage: peer_images.py FOLDER
"""
import json
import sys
import time

import torch
from torchvision import datasets, transforms


def main():
    work = transforms.Compose([
        transforms.Grayscale(), transforms.RandomCrop(64, padding=4), transforms.RandomHorizontalFlip(), transforms.ToTensor(),
        transforms.Normalize([0.5], [0.25])
    ])
    data = datasets.ImageFolder(sys.argv[1], work)
    loader = torch.utils.data.DataLoader(data, batch_size=128, shuffle=True, num_workers=2, persistent_workers=True)
    rates = []
    for _ in range(3):
        start = time.time()
        for images, _labels in loader:
            images.contiguous(memory_format=torch.channels_last)
        rates.append(len(data) / (time.time() - start))
    print(json.dumps({"first_epoch_images_per_s": round(rates[0]), "images_per_s": round(max(rates))}))


main()
