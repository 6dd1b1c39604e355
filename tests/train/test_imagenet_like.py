"""ResNet-50 and GoogLeNet train on a folder like ImageNet; killed and resumed, to the same bits.

The large form, 1,000 classes for some hundred steps: `make imagenet-like`.
"""

import os
import signal
import time

import jax
import numpy as np
import pytest

from experiments.benchmarks import imagenet_like
from resinc.data.image_files.decode import Picture
from resinc.runs.unusable import read_unusable
from tests.crash.trainer import checkpoints
from tests.train.processes import ended, start, wait_for
from tests.train.runs import final_state, metrics

# Classes, images of each to train on, pixels, batch, steps.
CLASSES, EACH, PIXELS, BATCH, STEPS = (
    map(int, os.environ["IMAGENET_LIKE"].split(","))
    if "IMAGENET_LIKE" in os.environ
    else (12, 5, 32, 8, 12)
)

FAST = {"XLA_FLAGS": ""}  # Without those of the tests, by which programs run slowly.


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder, and its training files that cannot be used."""
    root = tmp_path_factory.mktemp("images") / "imagenet"
    return root, imagenet_like.write(root, CLASSES, EACH)


def arguments(root, network):
    values = {
        "data.dir": root,
        "data.image_size": PIXELS,
        "data.on_error": "skip",
        "steps": STEPS,
        "log_every_steps": 1,
        "eval_every_steps": 0,
        "checkpoint_every_steps": STEPS // 3,
        "checkpoints_to_keep": 1,
        "parallel.replicas": 1,
    }
    recipe = f"--config=configs/imagenet.py:network={network},images={CLASSES * EACH},batch={BATCH}"
    return [recipe, *(f"--config.{name}={value}" for name, value in values.items())]


def test_folder_has_what_imagenet_has_and_what_may_be_wrong(made):
    root, unusable = made
    files = {path.name: path for path in (root / "train").glob("*/*")}
    sizes = {(p.height, p.width) for p in map(read, set(files.values()) - set(unusable)) if p}
    assert {(375, 500), (500, 375)} <= sizes
    kinds = {name.partition(".")[0] for name in files if not name.startswith("n0")}
    assert kinds == {"cmyk", "grey", "png", "deep", "turned"}
    assert len(unusable) == 4
    assert len(list((root / "train").iterdir())) == CLASSES + 1


def read(path):
    return Picture(path.read_bytes())


@pytest.mark.slow  # Each network is compiled whole.
@pytest.mark.parametrize("network", ["resnet-50-v1.5", "googlenet"])
def test_killed_and_resumed_it_ends_with_the_same_bits(made, network, tmp_path):
    root, unusable = made
    command = arguments(root, network)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    said = ended(start(whole, command, **FAST))
    process = start(killed, command, STEPS - 2, **FAST)
    wait_for(killed, process, STEPS // 2)
    while not checkpoints(killed) and process.poll() is None:  # 100 MB and more: they take a while.
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert "resumed at step" in ended(start(killed, command, **FAST))
    for file in ("metrics.jsonl", "correct.json"):
        assert (whole / file).read_bytes() == (killed / file).read_bytes()
    states = (final_state(folder, image=(PIXELS, PIXELS, 3)) for folder in (whole, killed))
    jax.tree.map(np.testing.assert_array_equal, *states)
    # All that can be used is evaluated, all that cannot is named.
    assert set(read_unusable(whole)) == {str(path) for path in unusable}
    assert f"{len(unusable)} images could not be used" in " ".join(said.split())
    counts = {line["split"]: line["count"] for line in metrics(whole) if line["kind"] == "eval"}
    assert counts == {"train": CLASSES * EACH - len(unusable), "test": CLASSES}
    losses = [line["loss"] for line in metrics(whole) if line["kind"] == "train"]
    assert len(losses) == STEPS
    assert np.isfinite(losses).all()
