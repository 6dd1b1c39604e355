"""Networks that classify, and stacks that reproduce what they are given."""

import jax.numpy as jnp
import numpy as np
import pytest

from resinc.errors import InputError
from resinc.ops.loss import reproduce
from resinc.train.assemble import assemble
from resinc.train.loop import train
from tests.train.runs import config, metrics

STACK = {"model__name": "stack", "objective": "reproduce", "data__normalize": "none"}


def test_error_is_the_unexplained_part_of_each_image():
    images = jnp.asarray(np.random.RandomState(0).rand(3, 4, 4, 2), jnp.float32)
    mean = jnp.broadcast_to(images.mean((1, 2), keepdims=True), images.shape)
    labels = jnp.zeros(3, jnp.int32)
    np.testing.assert_allclose(reproduce(images, images, labels).error, 0)
    np.testing.assert_allclose(reproduce(mean, images, labels).error, 1, rtol=1e-5)
    half = reproduce((images + mean) / 2, images, labels)
    np.testing.assert_allclose(half.error, 0.25, rtol=1e-5)


def test_a_residual_stack_of_zero_branches_reproduces_at_once(tmp_path):
    settings = {"model__zero_last_norm": True, "optimizer__lr": 1e-30, "steps": 2}
    train(config(**STACK, **settings, data__augment="none"), tmp_path)
    found = {line["split"]: line["error"] for line in metrics(tmp_path) if "split" in line}
    assert found.keys() == {"train", "validation", "test"}
    assert max(found.values()) < 1e-6


def test_an_objective_that_does_not_fit_is_one_sentence():
    for changes, said in (
        ({"objective": "reproduce"}, r"an output \[8, 8, 1\].*'cifar' gives \[10\]"),
        ({"model__name": "stack"}, r"an output \[10\].*'stack' gives \[8, 8, 1\]"),
        ({"objective": "reproduced"}, "did you mean 'reproduce'"),
        ({**STACK, "model__depth": 7}, "depth 7 is not a positive multiple of the 2"),
    ):
        with pytest.raises(InputError, match=said):
            assemble(config(**changes))
