"""`resinc train` as a process that tests kill or ask to stop."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

# `resinc train`, save that it waits at step PAUSE until it is asked to stop: however busy the
# machine is, it has not ended before it is killed or told. Where tests run under nohup, a hang-up
# is ignored by what they start too.
PAUSING = """
import os, signal, sys, time
from resinc import cli
from resinc.train.recording.writer import MetricsWriter

signal.signal(signal.SIGHUP, signal.SIG_DFL)
write, told = MetricsWriter.train, signal.getsignal(signal.SIGTERM)

def write_and_wait(self, step, *values):
    write(self, step, *values)
    end = time.monotonic() + 300
    untold = step == int(os.environ["PAUSE"])
    while untold and time.monotonic() < end:
        untold = signal.getsignal(signal.SIGTERM) != told
        time.sleep(0.01)

MetricsWriter.train = write_and_wait
sys.exit(cli.main(sys.argv[1:]))
"""


def start(
    folder: Path, arguments: Sequence[str], pause: int = 0, **environment: str
) -> subprocess.Popen:
    """Train in `folder`, with these variables in the environment besides."""
    return subprocess.Popen(
        [sys.executable, "-c", PAUSING, "train", *arguments, f"--workdir={folder}"],
        env=os.environ | {"PAUSE": str(pause)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def wait_for(folder: Path, process: subprocess.Popen, step: int) -> None:
    """Until the metrics reach a step."""
    path = folder / "metrics.jsonl"
    while process.poll() is None:
        lines = path.read_text().splitlines() if path.exists() else []
        if any(f'"step": {s},' in line for line in lines for s in range(step, 1000)):
            return
        time.sleep(0.002)
    raise AssertionError(process.stdout.read().decode() if process.stdout else "")


def ended(process: subprocess.Popen) -> str:
    """What it said, once it has ended well."""
    output = process.communicate()[0].decode()
    assert process.returncode == 0, output
    return output
