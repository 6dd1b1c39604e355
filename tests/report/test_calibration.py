"""Errors by class and calibration, against numbers worked out by hand."""

import numpy as np
import pytest

from resinc.report.calibration import (
    by_class,
    expected_calibration_error,
    probabilities,
    reliability,
)


def logits_of(*chances):
    return np.log(np.array(chances, np.float32))


# Confidences 0.6, 0.6, 0.9, 1/3 of three classes; the second and the last are wrong.
LOGITS = logits_of((0.6, 0.3, 0.1), (0.6, 0.3, 0.1), (0.05, 0.05, 0.9), (0.3334, 0.3333, 0.3333))
LABELS = np.array([0, 1, 2, 1])


def test_probabilities_sum_to_one_whatever_the_size_of_the_logits():
    np.testing.assert_allclose(probabilities(LOGITS[:1] + 500), [[0.6, 0.3, 0.1]], rtol=1e-5)


def test_each_class_has_its_own_error_and_what_it_is_taken_for():
    rows = by_class(LOGITS, LABELS)
    assert [(r.examples, r.error, r.taken_for) for r in rows] == [
        (1, 0.0, -1),
        (2, 1.0, 0),
        (1, 0.0, -1),
    ]
    assert by_class(LOGITS, np.zeros(4, int))[1][1:] == (0, 0.0, -1)


def test_calibration_error_is_the_mean_gap_of_the_bins():
    found = reliability(LOGITS, LABELS, bins=4)
    # (0.25, 0.5]: 1/3 sure, wrong. (0.5, 0.75]: two, 0.6 sure, one right. (0.75, 1]: 0.9, right.
    assert [(b.low, b.high, b.examples, b.accuracy) for b in found] == [
        (0.25, 0.5, 1, 0.0),
        (0.5, 0.75, 2, 0.5),
        (0.75, 1.0, 1, 1.0),
    ]
    by_hand = (1 * 0.3334 + 2 * 0.1 + 1 * 0.1) / 4
    assert expected_calibration_error(found) == pytest.approx(by_hand, abs=1e-5)


def test_a_confidence_on_a_border_belongs_to_the_lower_bin():
    found = reliability(logits_of((0.5, 0.5), (1.0, 1e-30)), np.array([0, 0]), bins=2)
    assert [(b.low, b.examples) for b in found] == [(0.0, 1), (0.5, 1)]
