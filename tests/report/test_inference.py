"""The tests behind an outcome, against textbooks and SciPy."""

import numpy as np
import pytest
from scipy import stats

from resinc.report.inference import (
    Contrast,
    counting_noise,
    example_variance,
    holm,
    needed,
)
from resinc.report.rules import less_than, more_than, more_than_times

A, B = [3.0, 4.0, 5.0, 4.5, 3.5], [1.0, 2.0, 1.5, 0.5, 3.4]


def test_interval_is_welch_s_at_90_percent():
    low, high = Contrast(A, B).interval
    wanted = stats.ttest_ind(A, B, equal_var=False).confidence_interval(0.9)
    np.testing.assert_allclose([low, high], wanted)


def test_interval_of_one_side_is_student_s_at_90_percent():
    wanted = stats.ttest_1samp(A, 0).confidence_interval(0.9)
    np.testing.assert_allclose(Contrast(A).interval, wanted)


@pytest.mark.parametrize("margin", [0.0, 0.05, -2.0])
def test_p_value_is_the_larger_of_the_permutation_test_and_welch(margin):
    found = Contrast(A, B).above(margin)
    shifted = np.subtract(A, margin)
    welch = stats.ttest_ind(shifted, B, equal_var=False, alternative="greater").pvalue
    # Independent of scipy's permutation_test: all 252 ways to call five of the ten runs "a".
    everything = np.concatenate([shifted, B])
    chosen = [
        everything[[i for i in range(10) if mask >> i & 1]].sum()
        for mask in range(1024)
        if mask.bit_count() == 5
    ]
    permutation = np.mean(np.array(chosen) >= shifted.sum() - 1e-9)
    assert found.seeds
    assert found.p == pytest.approx(max(welch, permutation))


def test_five_against_five_reach_1_in_252():
    found = Contrast(np.arange(5) + 100, np.arange(5) / 10).above(1)
    assert found.p == pytest.approx(1 / 252)


def test_below_is_above_of_the_opposite():
    below = Contrast(B, A).below(-0.05)
    above = Contrast(A, B).above(0.05)
    assert below.seeds == above.seeds
    assert below.p == pytest.approx(above.p)


def test_one_seed_that_disagrees_leaves_nothing_said():
    worse = [9.0, 9.0, 9.0, 9.0, 0.0]
    found = Contrast(worse, np.zeros(5)).above(1)
    assert not found.holds()
    assert Contrast(worse, np.zeros(5)).seeds_above(1) == 4


def test_so_many_seeds_must_agree_that_chance_seldom_does():
    assert [needed(n) for n in (3, 5, 8, 10)] == [3, 5, 7, 9]
    for n in (5, 8, 10):
        assert stats.binom.sf(needed(n) - 1, n, 0.5) <= 0.05 < stats.binom.sf(needed(n) - 2, n, 0.5)


def test_only_common_seeds_are_paired():
    found = Contrast([5.0, 5.0, 0.0], [1.0, 1.0, 1.0, 1.0], pairs=2)
    assert found.seeds_above(1) == 2
    assert found.pairs == 2


def test_counting_is_the_least_scatter():
    noise = 100 * counting_noise(0.0, 360)
    assert noise == pytest.approx(0.28, abs=0.01)  # One of 360 images.
    low, high = Contrast([0.0] * 5, [0.0] * 5, (noise, noise)).interval
    assert low < 0 < high
    # Two variances of 0.277**2 / 5 with 8 degrees of freedom: t = 1.860.
    assert high == pytest.approx(1.860 * 0.2762 * np.sqrt(2 / 5), rel=0.01)


def test_scatter_above_the_counting_noise_is_left_as_it_is():
    assert Contrast(A, B, (0.01, 0.01)).interval == Contrast(A, B).interval


def test_test_examples_widen_the_interval():
    """100 images, of which one network misses three more than the other."""
    wrong = np.zeros(100)
    wrong[:3] = 1.0
    variance = example_variance(wrong)
    assert variance == pytest.approx(0.03 * 0.97 / 99)
    narrow, wide = Contrast(A, B), Contrast(A, B, examples=variance)
    assert wide.error == pytest.approx(np.hypot(narrow.error, np.sqrt(variance)))


def test_holm_s_textbook_example():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


def test_a_whole_axis_of_experiments_is_judged_as_each_alone():
    random = np.random.RandomState(0)
    a, b = random.normal(2, 1, (20, 5)), random.normal(0, 1, (20, 5))
    together = more_than(0.5).test(Contrast(a, b))
    for i in range(20):
        alone = more_than(0.5).test(Contrast(a[i], b[i]))
        assert together.supported.p[i] == pytest.approx(float(alone.supported.p))
        assert together.immaterial[i] == alone.immaterial


def test_an_effect_needs_the_loss_to_differ_in_its_direction():
    errors = Contrast([9.0, 8, 9, 8, 9], [1.0, 2, 1, 2, 1])
    higher = Contrast([0.3, 0.2, 0.3, 0.2, 0.3], np.zeros(5))
    lower = Contrast([-0.3, -0.2, -0.3, -0.2, -0.3], np.zeros(5))
    assert more_than(1).test(errors, higher).supported.holds()
    assert not more_than(1).test(errors, lower).supported.holds()


def test_the_absence_of_an_effect_does_not_need_equal_losses():
    errors = Contrast([1.0, 1.1, 1.2, 1.1, 1.0], [1.1, 1.0, 1.1, 1.0, 1.1])
    higher = Contrast([0.3, 0.2, 0.3, 0.2, 0.3], np.zeros(5))
    assert less_than(0.5).test(errors, higher).supported.holds()


def test_mirrored_rules():
    a, b = np.array([9.0, 8, 9, 8, 9]), np.array([1.0, 2, 1, 2, 1])
    assert more_than(1).test(Contrast(b, a)).reversed.holds()
    assert less_than(1).test(Contrast(a, b)).reversed.holds()
    assert less_than(1).test(Contrast(b, a)).supported.holds()


def test_ratios_are_compared_as_logarithms():
    tenfold = Contrast(np.log10([30.0, 31, 32, 33, 34]), np.log10([2.0, 2.1, 2.2, 2.3, 2.4]))
    assert more_than_times(10).test(tenfold).supported.holds()
    assert not more_than_times(20).test(tenfold).supported.holds()
