"""The benchmark of a GPU goes on where it was, ends in time, and tables what was measured."""

import json
import time

import pytest

from experiments.benchmarks import gpu, ours
from experiments.benchmarks.gpu_table import markdown, peak_of, rows
from experiments.benchmarks.harness import read
from experiments.gpu import device
from resinc.data import DATASETS
from resinc.data.dataset import find
from resinc.errors import InputError
from tests.experiments.bare import run_bare

LINE = {"case": "resnet-20", "precision": "bfloat16", "cells": 1, "steps_per_call": 1}
LINE |= {"device": "NVIDIA H100 80GB HBM3", "batch_size": 128}


class Fake:
    """In place of a worker: counts the processes that were started."""

    started = 0

    def __init__(self, cores, seconds, **work):
        Fake.started += 1
        self.about = {"batch_size": 128, "multiply_adds": 10}

    def turn(self):
        return {"seconds": 1.0}

    def end(self):
        pass


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr(gpu, "Worker", Fake)
    monkeypatch.setattr(Fake, "started", 0)
    return Fake


@pytest.mark.slow
def test_packed_cells_are_timed_without_what_a_bare_machine_lacks(tmp_path):
    words = ("bench", "--quick", "--only=cells=2", f"--out={tmp_path}")
    done = run_bare(tmp_path, *words)
    assert done.returncode == 0, done.stderr
    (line,) = read(tmp_path / "gpu.jsonl")
    assert line["command"] == f"python -m experiments.gpu {' '.join(words)}"
    assert line["seconds"] > 0
    assert {"versions", "device", "commit", "dirty", "multiply_adds"} <= line.keys()
    assert "| tiny | float32 | ours | 2 | 3 |" in (tmp_path / "gpu.md").read_text(encoding="utf-8")


def test_a_missing_package_is_named_before_anything_starts(tmp_path):
    done = run_bare(tmp_path, "bench", "--quick", absent=("ml_collections", "tensorboardX"))
    assert done.returncode == 2
    assert "not installed here: ml-collections, tensorboardX; " in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_a_gpu_nothing_is_measured_in_earnest(tmp_path, fake, monkeypatch):
    monkeypatch.setattr(device, "visible_devices", lambda: ())
    with pytest.raises(InputError, match="no GPU here"):
        gpu.main([f"--out={tmp_path}"])
    assert fake.started == 0


def test_what_was_measured_is_not_measured_again(tmp_path, fake, capsys):
    names = [piece.name for piece in gpu.pieces(quick=True)]
    assert gpu.main(["--quick", f"--out={tmp_path}", f"--only={names[0]}"]) == 0
    assert gpu.main(["--quick", f"--out={tmp_path}"]) == 0
    assert gpu.main(["--quick", f"--out={tmp_path}"]) == 0
    assert fake.started == len(names) == len(read(tmp_path / "gpu.jsonl"))


def test_no_measurement_begins_that_would_not_end_in_time(tmp_path, fake, capsys, monkeypatch):
    monkeypatch.setattr(fake, "turn", lambda self: time.sleep(0.3) or {"seconds": 0.3})
    assert gpu.main(["--quick", f"--out={tmp_path}", "--limit-seconds=0.5"]) == 0
    assert fake.started == 1
    left = sum(1 for _ in gpu.pieces(quick=True)) - 1
    assert f"{left} of {left + 1} are left: the same command goes on" in capsys.readouterr().out


def test_one_that_fails_stops_no_other(tmp_path, fake, capsys, monkeypatch):
    def turn(self):
        if Fake.started == 1:
            raise RuntimeError("out of memory")
        return {"seconds": 1.0}

    monkeypatch.setattr(fake, "turn", turn)
    assert gpu.main(["--quick", f"--out={tmp_path}"]) == 1
    assert "failed: out of memory" in capsys.readouterr().out
    assert len(read(tmp_path / "gpu.jsonl")) == fake.started - 1 > 0


@pytest.mark.parametrize("case", gpu.CASES)
def test_images_of_every_case_are_of_the_size_it_names(case, monkeypatch):
    monkeypatch.setitem(DATASETS, ours.PHOTOGRAPHS.name, ours.PHOTOGRAPHS)
    pixels = find(ours.configuration(**gpu.CASES[case]).data).spec.image_shape[0]
    assert pixels == (224 if case.endswith("at 224") else 32)


def test_no_two_measurements_have_one_name():
    for quick in (True, False):
        names = [piece.name for piece in gpu.pieces(quick)]
        assert len(names) == len(set(names))
    keys = {json.dumps(piece.key) for piece in gpu.pieces()}
    assert {cells for piece in gpu.pieces() if (cells := piece.key["cells"])} == {1, 2, 4, 8, 16}
    assert {piece.key["steps_per_call"] for piece in gpu.pieces()} == {1, 10, 100}
    assert len(keys) == sum(1 for _ in gpu.pieces())


def test_the_table_counts_flops_of_all_cells_and_judges_by_the_faster_peer():
    lines = [
        LINE | {"side": "ours", "seconds": 0.001, "multiply_adds": 40_000_000},
        LINE | {"side": "ours", "seconds": 0.002, "cells": 4, "steps_per_call": 100},
        LINE | {"side": "pytorch compiled", "seconds": 0.004},
        LINE | {"side": "pytorch compiled, CUDA graphs", "seconds": 0.003},
        LINE | {"side": "ours, bits vary", "seconds": 0.0005},
    ]
    one, packed, *_ = rows(lines)
    # 128 images of 6 * 40 M FLOPs in a millisecond are 30.7 TFLOP/s, of 989.
    assert one[5:] == ("1.000", "128,000", "30.7", "3.1%", "3.00")
    assert packed[5:] == ("2.000", "256,000", "61.4", "6.2%", "")
    assert "resnet-20: 256,000 images/s at best, 250,000 aimed at, met" in markdown(lines)


def test_a_device_that_is_not_listed_has_no_peak():
    assert peak_of("AMD EPYC", "float32") == 0
    assert peak_of("NVIDIA H100 PCIe", "bfloat16") < peak_of("NVIDIA H100 80GB HBM3", "bfloat16")
