import math

import numpy as np
import pytest

from resinc.report.statistics import Verdict, difference, judge, mean


def test_interval_covers_the_true_difference_as_often_as_it_says():
    random = np.random.RandomState(0)
    hits = 0
    for _ in range(400):
        found = difference(random.normal(2, 1, 4), random.normal(1, 3, 6))
        hits += found.low < 1 < found.high
    assert 0.92 < hits / 400 < 0.98


def test_textbook_difference():
    found = difference([3.0, 4.0, 5.0], [1.0, 2.0, 3.0])
    # Equal variances of 1 and 3 values: 2 ± 2.776 sqrt(2/3).
    np.testing.assert_allclose([found.mean, found.low, found.high], [2, -0.2667, 4.2667], rtol=1e-3)
    assert found.effect == pytest.approx(2 * (1 - 3 / 15))
    assert found.sizes == (3, 3)


@pytest.mark.parametrize(
    ("a", "b", "margin", "verdict"),
    [
        ([10, 11, 12], [1, 2, 3], 1, Verdict.SUPPORTED),
        ([1, 2, 3], [10, 11, 12], 1, Verdict.REFUTED),
        ([1, 5, 9], [2, 4, 6], 1, Verdict.UNDECIDED),
        ([0, 0, 0], [0, 0, 0], 1, Verdict.REFUTED),
        ([5, 5], [0, 0], 1, Verdict.SUPPORTED),
        ([5], [0, 0], 1, Verdict.UNDECIDED),
        ([3, 3.1, 3.2], [0.1, 0.2, 0.3], 3, Verdict.UNDECIDED),
    ],
)
def test_verdict_follows_the_interval(a, b, margin, verdict):
    assert judge(difference(a, b), margin) == verdict


def test_no_scatter_is_an_infinite_effect():
    assert difference([5, 5], [0, 0]).effect == math.inf
    assert difference([5, 5], [5, 5]).effect == 0
    assert "infinite" in difference([5, 5], [0, 0]).text(" points")


def test_textbook_mean():
    found = mean([1.0, 2.0, 3.0])
    # Student's quantile of 2 degrees of freedom: 4.303 / sqrt(3).
    np.testing.assert_allclose(found[:3], [2, 2 - 2.4841, 2 + 2.4841], rtol=1e-4)
    assert found.text(" points") == "2.00 points, 95 % interval -0.48 to 4.48, 3 seeds"
    assert mean([1.0]) is None
