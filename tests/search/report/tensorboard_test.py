"""What `nas-run export --to tensorboard` writes, read by the format's own rules: records with masked CRC-32C checksums, and messages that protoc decodes by
field number alone.

usage: tensorboard_test.py NAS_RUN MAKE_REPORT_RUN; exits 77 where protoc is not installed.
"""
import pathlib
import re
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile

import checks
from checks import check, nas_run

if shutil.which("protoc") is None:
    print("skipped: there is no protoc; install protobuf-compiler")
    sys.exit(77)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(file):
    while file:
        (length,) = struct.unpack("<Q", file[:8])
        data = file[12 : 12 + length]
        check("checksum of a length", struct.unpack("<I", file[8:12])[0] == masked(file[:8]))
        check("checksum of a record", struct.unpack("<I", file[12 + length : 16 + length])[0] == masked(data))
        yield data
        file = file[16 + length :]


def decoded(record):
    text = subprocess.run(["protoc", "--decode_raw"], input=record, capture_output=True, check=True).stdout.decode()
    values = re.findall(r'1 \{\s+1: "([^"]+)"\s+2: 0x([0-9a-f]+)', text)
    step = re.search(r"^2: (\d+)", text, re.M)
    time = re.search(r"^1: 0x([0-9a-f]+)", text, re.M)
    return {
        "text": text,
        "time": struct.unpack(">d", bytes.fromhex(time[1].rjust(16, "0")))[0] if time else 0,
        "step": int(step[1]) if step else 0,
        "values": {tag: struct.unpack(">f", bytes.fromhex(bits.rjust(8, "0")))[0] for tag, bits in values},
    }


check("CRC-32C's check value", crc32c(b"123456789") == 0xE3069283)
with tempfile.TemporaryDirectory() as place:
    run, curves = pathlib.Path(place) / "run", pathlib.Path(place) / "curves"
    subprocess.run([sys.argv[2], run], check=True)
    for _ in range(2):  # a second export replaces the first
        made = nas_run("export", run, "--to", "tensorboard", "-o", curves)
        check("exit code", made.returncode == 0)
    database = sqlite3.connect(run / "experiment.db")
    wanted = {}
    for label, ended, split, name, value, epoch in database.execute(
        "select label, strftime('%s', finished_at), split, name, value, epoch from metrics join stages using (stage) where epoch is not null"
    ):
        wanted.setdefault(label.replace("/", "-"), {}).setdefault(epoch, (int(ended), {}))[1][split + "/" + name] = value
    folders = {folder.name: list(folder.iterdir()) for folder in curves.iterdir()}
    check("a folder for each training", set(folders) == set(wanted) and len(wanted) > 10)
    for name in list(folders)[:3]:
        (file,) = folders[name]
        check("name", "tfevents" in file.name)
        first, *events = [decoded(record) for record in records(file.read_bytes())]
        check("version", '3: "brain.Event:2"' in first["text"])
        check("epochs", [event["step"] for event in events] == sorted(wanted[name]))
        for event in events:
            ended, values = wanted[name][event["step"]]
            check("time", int(event["time"]) == ended)
            check("tags", set(event["values"]) == set(values))
            check("values", all(abs(event["values"][tag] - value) < 1e-6 for tag, value in values.items()))
    refused = nas_run("export", run, "3", "--to", "tensorboard", "-o", curves)
    check("of a trial: refused", refused.returncode == 2 and "whole run" in refused.stderr)
print("all as expected" if checks.failures == 0 else f"{checks.failures} checks failed")
sys.exit(1 if checks.failures else 0)
