"""What is kept between processes: in the user's place, bounded, and never in the way."""

import json
import os
import subprocess
import sys

import pytest

from resinc.cache import cache_folder, keep_compiled, prune
from tests.train.runs import flags
from tests.train.several import environment as one_device

COMMAND = [sys.executable, "-m", "resinc", "train", "--config=configs/digits.py:depth=8"]


def test_the_xdg_folder_is_taken_and_a_relative_one_ignored(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder("x") == tmp_path / "xdg" / "resinc" / "x"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder("x") == tmp_path / ".cache" / "resinc" / "x"


def test_a_folder_that_cannot_be_made_keeps_nothing(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert cache_folder("x") is None
    environment: dict[str, str] = {}
    keep_compiled(environment)
    assert environment == {}


def test_no_home_keeps_nothing(monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # As without a passwd entry.
    assert cache_folder("x") is None


def test_jaxs_own_variable_wins():
    environment = {"JAX_COMPILATION_CACHE_DIR": "elsewhere"}
    keep_compiled(environment)
    assert environment == {"JAX_COMPILATION_CACHE_DIR": "elsewhere"}


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="affinity is Linux's")
def test_programs_for_other_cores_are_kept_apart():
    """A compiled program holds the number of threads that its sums are shared out to."""
    found = []
    cores = os.sched_getaffinity(0)
    try:
        for few in ({min(cores)}, cores):
            os.sched_setaffinity(0, few)
            environment: dict[str, str] = {}
            keep_compiled(environment)
            found.append(environment["JAX_COMPILATION_CACHE_DIR"])
    finally:
        os.sched_setaffinity(0, cores)
    assert (found[0] == found[1]) == (len(cores) == 1)


def test_the_oldest_go_first_and_the_young_stay(tmp_path):
    for i, name in enumerate("abcd"):
        (tmp_path / name).write_bytes(bytes(10))
        os.utime(tmp_path / name, (1_000 + i, 1_000 + i))
    (tmp_path / "young").write_bytes(bytes(100))
    prune(tmp_path, 120)
    assert {path.name for path in tmp_path.iterdir()} == {"c", "d", "young"}
    prune(tmp_path, 0)
    assert {path.name for path in tmp_path.iterdir()} == {"young"}


@pytest.mark.slow
def test_a_run_from_cached_programs_has_the_same_bits(tmp_path):
    """And nothing is compiled again."""
    environment = one_device(1) | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    environment.pop("JAX_COMPILATION_CACHE_DIR")

    def run(name: str) -> tuple[str, int]:
        folder = tmp_path / name
        command = [*COMMAND, *flags(steps=4), f"--workdir={folder}"]
        subprocess.run(command, env=environment, check=True, capture_output=True)
        kept = len(list((tmp_path / "cache").rglob("*-cache")))
        return (folder / "metrics.jsonl").read_text(encoding="utf-8"), kept

    compiled, some = run("compiled")
    loaded, same = run("loaded")
    assert some > 2
    assert same == some
    assert compiled == loaded
    assert json.loads(loaded.splitlines()[0])["step"] == 4
