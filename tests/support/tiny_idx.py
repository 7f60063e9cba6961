"""Random grey images of 28 x 28 pixels in MNIST's files: 60 to train, 20 to test. usage: tiny_idx.py FOLDER"""
import gzip
import random
import struct
import sys

random.seed(1)
for name, count in (("train", 60), ("t10k", 20)):
    with gzip.open(f"{sys.argv[1]}/{name}-images-idx3-ubyte.gz", "wb") as file:
        file.write(struct.pack(">4i", 2051, count, 28, 28) + bytes(random.randrange(256) for _ in range(count * 784)))
    with gzip.open(f"{sys.argv[1]}/{name}-labels-idx1-ubyte.gz", "wb") as file:
        file.write(struct.pack(">2i", 2049, count) + bytes(i % 10 for i in range(count)))
