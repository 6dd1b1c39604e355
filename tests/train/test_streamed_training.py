"""A folder of image files trains and is evaluated like any other source."""

import jax
import numpy as np
import pytest

from resinc.data.image_files.image_sets import open_splits
from resinc.data.image_files.streamed import Streamed
from resinc.data.image_files.view import EvaluationView, TrainingView
from resinc.data.on_device.normalize import normalizer
from resinc.train.assemble import assemble
from resinc.train.compiled.program import Program
from resinc.train.evaluate import evaluate
from resinc.train.replica.state import init_state
from tests.data.pictures import folder
from tests.train.runs import config

SIZE = 16


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Ten classes, as the network's, each of one colour; 30 images to train on, 15 to test."""
    place = tmp_path_factory.mktemp("images")
    folder(place, {f"class{number}": 3 for number in range(10)})
    return folder(place, {f"class{number}": 1 + number % 2 for number in range(10)}, split="val")


def streamed(root):
    views = TrainingView(SIZE), EvaluationView(SIZE, 20)
    return Streamed(open_splits("", root), *views, SIZE, seed=3, batch_size=8)


def begun(root):
    machine = assemble(
        config(**{"data.name": "synthetic", "batch_size": 8, "parallel.replicas": 4})
    )
    source = streamed(root)
    program = Program(machine, source, normalizer(np.zeros((1, 1, 1, 3), np.uint8), "imagenet"))
    shape = (SIZE, SIZE, 3)
    state = program.place(init_state(machine.network, machine.optimizer, shape, 0))
    return program, source, state


def test_run_resumed_in_the_middle_of_an_epoch_has_the_same_bits_and_evaluates_all(root):
    program, source, state = begun(root)
    with source:
        for step in range(6):
            if step == 3:
                middle = jax.device_get(state)
            state, _ = program.train(state, [source.batch(step)])
        result = evaluate(program, source, state, ("test",), 8)["test"]
    assert result.seen == 15
    with streamed(root) as source:
        resumed = program.place(middle)
        for step in range(3, 6):
            resumed, _ = program.train(resumed, [source.batch(step)])
    for one, other in zip(jax.tree.leaves(state), jax.tree.leaves(resumed), strict=True):
        np.testing.assert_array_equal(one, other)
    pairs = zip(*map(jax.tree.leaves, (middle.params, state.params)), strict=True)
    assert any((one != other).any() for one, other in pairs)
