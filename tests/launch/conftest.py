"""Clusters to run sweeps in: a real SLURM, and what stands in for Kubernetes on GKE."""

import json
import os
import signal
import sys
from pathlib import Path

import pytest

from resinc.launch.queue import queued
from tests.launch import slurm

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def daemons(tmp_path_factory):
    """Of SLURM, for the tests of a file."""
    if why := slurm.missing():
        pytest.skip(why)
    with slurm.running(tmp_path_factory.mktemp("slurm")) as started:
        yield started


@pytest.fixture
def cluster(daemons):
    """SLURM with both nodes idle."""
    daemons.wait_for_nodes()
    return daemons


@pytest.fixture
def quick(monkeypatch):
    """Jobs find resinc, and are asked after often; there is a proxy, which they must not use."""
    monkeypatch.setattr(queued, "POLL_SECONDS", 0.5)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("https_proxy", "http://nowhere.invalid:1")


@pytest.fixture
def kubernetes(tmp_path, monkeypatch):
    """A fake one; kubectl is on the PATH, and pods find resinc as an image would have it."""
    folder, programs = tmp_path / "cluster", tmp_path / "bin"
    folder.mkdir()
    programs.mkdir()
    script = Path(__file__).parent / "fake_kubectl.py"
    (programs / "kubectl").write_text(f'#!/bin/sh\nexec {sys.executable} -S {script} "$@"\n')
    (programs / "kubectl").chmod(0o755)
    monkeypatch.setenv("FAKE_CLUSTER", str(folder))
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(queued, "POLL_SECONDS", 0.3)
    yield folder
    for path in folder.parent.rglob("ran"):  # No pod is left behind.
        for line in path.read_text().splitlines():
            try:
                if (
                    str(folder.parent).encode()
                    in Path(f"/proc/{json.loads(line)['pid']}/cmdline").read_bytes()
                ):
                    os.kill(json.loads(line)["pid"], signal.SIGKILL)
            except OSError:
                continue
