"""Scores of logits, against sorting and averaging by hand."""

import jax
import numpy as np
import pytest

from resinc.ops.loss import mean_answer, misses, mistakes


@pytest.mark.parametrize("levels", [1000, 4])  # 4: nearly all are equal to another.
def test_miss_is_a_label_outside_of_the_largest_five(levels):
    random = np.random.RandomState(0)
    logits = random.randint(levels, size=(200, 12)).astype(np.float32)
    labels = random.randint(12, size=200)
    best = np.argsort(-logits, axis=1, kind="stable")[:, :5]
    expected = ~(best == labels[:, None]).any(axis=1)
    assert 0 < expected.sum() < 200
    np.testing.assert_array_equal(misses(logits, labels), expected)
    np.testing.assert_array_equal(misses(logits, labels, most=1), mistakes(logits, labels))


def test_numbers_that_are_none_are_missed():
    logits = np.full((1, 12), np.nan, np.float32)
    assert misses(logits, np.array([0])).tolist() == [1]


def test_answer_of_crops_is_the_mean_of_their_probabilities():
    logits = np.random.RandomState(0).normal(size=(3, 10, 4)).astype(np.float32)
    found = np.exp(mean_answer(logits.reshape(30, 4), 10))
    np.testing.assert_allclose(found, jax.nn.softmax(logits).mean(axis=1), rtol=1e-5)
