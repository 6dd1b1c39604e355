"""The harness runs, goes on where it was, and judges rightly; no timing is tested."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from experiments.benchmarks import gpu, ours
from experiments.benchmarks.__main__ import NAMES
from experiments.benchmarks.harness import Results, read
from experiments.benchmarks.step import CASES, IN_JAX
from experiments.benchmarks.table import markdown, rows
from resinc import networks
from resinc.data import DATASETS
from resinc.networks.variables import variable_shapes

ROOT = Path(__file__).parents[2]
ALL = CASES | gpu.CASES
LINE = {"benchmark": "step", "case": "x", "cores": 1}


@pytest.mark.slow  # Two processes, and one for each library that is compared.
def test_a_tiny_step_is_compared_and_the_second_time_taken_from_the_file(tmp_path):
    command = [
        sys.executable,
        "-m",
        "experiments.benchmarks",
        "--quick",
        f"--out={tmp_path}",
        "step",
    ]
    first, second = (
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
        for _ in range(2)
    )
    lines = read(tmp_path / "step.jsonl")
    optional = {"pytorch": "torch", "flax": "flax", "keras": "keras"}
    peers = [side for side, name in optional.items() if importlib.util.find_spec(name)]
    assert [line["side"] for line in lines] == ["ours", *peers]
    assert len({line["parameters"] for line in lines}) == 1
    assert all(line["seconds"] > 0 and len(line["turns"]) == 2 for line in lines)
    assert all({"versions", "device", "commit", "dirty"} <= line.keys() for line in lines)
    assert "side ours" in first
    assert "side ours" not in second
    assert "| step: tiny, plain Flax's time / ours | 1 |" in second


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if name != "step"])
def test_every_benchmark_runs_at_a_tiny_size(name, tmp_path):
    command = [sys.executable, "-m", "experiments.benchmarks", "--quick", f"--out={tmp_path}", name]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert len(read(tmp_path / f"{name}.jsonl")) >= 1
    assert f"| {name}: " in done.stdout


def config_and_sizes(case):
    """The config of a case, and the sizes of our network's parameters, sorted."""
    config = ours.configuration(**ALL[case] | {"model.scan": False})
    spec = DATASETS[config.data.name]
    shapes = variable_shapes(networks.build(config.model, spec.num_classes), spec.image_shape)
    return config, sorted(leaf.size for leaf in jax.tree.leaves(shapes["params"]))


@pytest.mark.parametrize("case", ALL)
def test_the_twin_in_pytorch_has_the_same_parameters(case, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setitem(DATASETS, ours.PHOTOGRAPHS.name, ours.PHOTOGRAPHS)
    from experiments.benchmarks import torch_twin

    config, sizes = config_and_sizes(case)
    assert sorted(p.numel() for p in torch_twin.network(config).parameters()) == sizes


@pytest.mark.parametrize("case", IN_JAX)
def test_the_twin_in_keras_has_the_same_parameters(case, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    if keras.backend.backend() != "jax":
        pytest.skip("Keras runs on another back end")
    from experiments.benchmarks import keras_twin

    config, sizes = config_and_sizes(case)
    weights = keras_twin.network(config).trainable_weights
    assert sorted(weight.value.size for weight in weights) == sizes


def test_lines_of_other_code_do_not_count(tmp_path):
    Results(tmp_path, "step").add(case="x")
    assert Results(tmp_path, "step").has(case="x")
    path = tmp_path / "step.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace('"commit": "', '"commit": "0'))
    assert not Results(tmp_path, "step").has(case="x")


def test_a_ratio_is_judged_by_its_target():
    def line(side: str, seconds: float) -> dict:
        return LINE | {"side": side, "seconds": seconds}

    slow = list(rows([line("ours", 2.0), line("pytorch", 1.0)]))
    fast = list(rows([line("ours", 1.0), line("pytorch", 1.0)]))
    assert [row[-3:] for row in slow] == [("0.5", "at least 0.8", "no")]
    assert [row[-3:] for row in fast] == [("1.0", "at least 0.8", "yes")]
    assert markdown([line("ours", 1.0)]).count("\n") == 1  # No peer, no row.
