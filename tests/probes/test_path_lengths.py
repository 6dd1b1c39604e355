"""Gradients by paths, against the product of their Jacobians written out in float64."""

import itertools
import math

import numpy as np
import pytest

from resinc.errors import InputError
from resinc.probes import check_probes, path_lengths
from tests.probes import by_hand
from tests.probes.staged import section, subject


@pytest.fixture(scope="module")
def measured():
    return subject(by_hand.SHAPE, block="residual", **by_hand.OPTIONS)


def by_path(measured, path):
    """[b, c] of the mean loss."""
    images, labels = (np.asarray(part[: path_lengths.EXAMPLES]) for part in measured.batch)
    out = []
    for image, label in zip(images, labels, strict=True):
        own = by_hand.example(measured.params, image, residual=True)
        likely = np.exp(own.logits) / np.exp(own.logits).sum()
        out.append(own.along(path) @ own.head @ (likely - np.eye(3)[label]) / len(images))
    return np.asarray(out)


def test_every_path_brings_the_product_of_its_jacobians(measured):
    gradient = path_lengths.path_gradients(measured)
    total = 0
    for path in itertools.product((False, True), repeat=3):
        found = gradient(np.asarray(path)).reshape(-1, 3)
        expected = by_path(measured, path)
        np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
        total = total + expected
    # All paths together are the network.
    images, labels = (np.asarray(part[: path_lengths.EXAMPLES]) for part in measured.batch)
    for row, image, label in zip(total, images, labels, strict=True):
        own = by_hand.example(measured.params, image, residual=True)
        likely = np.exp(own.logits) / np.exp(own.logits).sum()
        whole = own.features() @ own.head @ (likely - np.eye(3)[label]) / len(images)
        np.testing.assert_allclose(row, whole, atol=1e-9)


def test_shares_are_magnitudes_times_the_number_of_paths(measured):
    found = path_lengths.measure(measured)
    assert found["blocks"] == 3
    norms = {
        k: [
            np.linalg.norm(by_path(measured, path))
            for path in itertools.product((False, True), repeat=3)
            if sum(path) == k
        ]
        for k in range(4)
    }
    expected = [np.mean(values) for values in norms.values()]
    np.testing.assert_allclose(list(found["magnitude"].values()), expected, rtol=1e-4)
    brought = [math.comb(3, k) * value for k, value in enumerate(expected)]
    shares = np.asarray(brought) / sum(brought)
    np.testing.assert_allclose(list(found["share"].values()), shares, rtol=1e-4)
    assert found["short"] == pytest.approx(shares[0] + shares[1], rel=1e-4)


def test_many_paths_are_drawn_each_of_its_length():
    random = np.random.RandomState(0)
    drawn = list(path_lengths.paths(27, 9, random))
    assert [path.sum() for path in drawn] == [9] * path_lengths.DRAWS
    assert len({path.tobytes() for path in drawn}) > 1
    assert len(list(path_lengths.paths(27, 0, random))) == 1


def test_networks_without_shortcuts_are_refused():
    for block in ("preact", "inception_residual"):
        check_probes(["path_lengths"], section(block=block))
    with pytest.raises(InputError, match="not 'plain' in 'cifar'"):
        check_probes(["path_lengths"], section(block="plain"))
