"""Evaluation with running and with present statistics, against BatchNorm written out in float64."""

import numpy as np
import pytest

from resinc.errors import InputError
from resinc.probes import check_probes, running_statistics
from resinc.runs.shape import MEASUREMENTS, fits
from tests.probes import by_hand
from tests.probes.staged import section, subject

EPSILON = 1e-5


def logits(measured, images, moments):
    """Plain blocks on images of 1x1 pixels, all at once: [b, c] -> [b, k].

    Args:
      moments: (path of a BatchNorm, what it is given [b, w]) -> mean and variance [w].
    """

    def layer(tree, path, number, h):
        conv, norm = f"{path}conv{number}", f"{path}norm{number}"
        z = h @ np.asarray(tree[conv.rpartition("/")[2]]["kernel"], np.float64)[1, 1]
        own = tree[norm.rpartition("/")[2]]
        mean, variance = moments(norm, z)
        scaled = (z - mean) / np.sqrt(variance + EPSILON) * np.asarray(own["scale"], np.float64)
        return np.maximum(scaled + np.asarray(own["bias"], np.float64), 0)

    h = layer(measured.params, "stem_", "", images)
    for stage in ("stage1", "stage2", "stage3"):
        block = measured.params[stage]["block01"]
        for number in (1, 2):
            h = layer(block, f"{stage}/block01/", number, h)
    head = measured.params["head"]
    return h @ np.asarray(head["kernel"], np.float64) + np.asarray(head["bias"], np.float64)


def ends(outputs, labels):
    odds = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
    error = np.mean(outputs.argmax(axis=1) != labels)
    return {"error": error, "loss": np.mean(-np.log(odds[np.arange(len(labels)), labels]))}


def test_both_modes_are_those_written_out():
    """Test examples are judged with statistics of training examples, not with their own."""
    options = by_hand.OPTIONS | {"block": "plain", "norm": "batch"}
    measured = subject(by_hand.SHAPE, **options)
    images, labels = (np.asarray(part) for part in measured.batch)
    train, test = images[:24].reshape(24, 3), images[24:].reshape(16, 3)
    measured = measured._replace(
        batch=(measured.batch[0][:24], measured.batch[1][:24]),
        test=(measured.test[0][24:], measured.test[1][24:]),
    )

    def running(path, z):
        tree = measured.batch_stats
        for name in path.split("/"):
            tree = tree[name]
        return (np.asarray(tree[name], np.float64) for name in ("mean", "var"))

    present = {}

    def taken(path, z):
        present[path] = z.mean(axis=0), z.var(axis=0)
        return present[path]

    logits(measured, train.astype(np.float64), taken)
    expected = {
        "evaluation": ends(logits(measured, test, running), labels[24:]),
        "training": ends(logits(measured, test, lambda path, z: present[path]), labels[24:]),
    }
    found = running_statistics.measure(measured)
    for mode, numbers in expected.items():
        assert found[mode] == pytest.approx(numbers, rel=1e-3), mode
    own = ends(logits(measured, test, lambda path, z: (z.mean(axis=0), z.var(axis=0))), labels[24:])
    assert len({round(mode["loss"], 2) for mode in (*expected.values(), own)}) == 3
    assert fits({"8": found}, MEASUREMENTS["running_statistics"])


def test_networks_without_running_statistics_are_refused():
    check_probes(["running_statistics"], section(name="signs", block="bottleneck", depth=50))
    with pytest.raises(InputError, match="norm 'batch', not 'none'"):
        check_probes(["running_statistics"], section(norm="none"))
    with pytest.raises(InputError, match="not 'nin'"):
        check_probes(["running_statistics"], section(name="nin"))
