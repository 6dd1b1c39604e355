"""How often a rule errs, on runs made up so that the truth is known.

At the margin a sentence "more than the margin" is just not true: a run of `a`, less the margin, is
as often below as above a run of `b`. docs/statistics.md has the table of which this is a check.
"""

import numpy as np
import pytest

from resinc.report.inference import Contrast, counting_noise, holm
from resinc.report.rules import less_than, more_than

EXPERIMENTS, SEEDS, MARGIN = 4_000, 5, 1.0
# What 4,000 experiments at a true rate of 5 % stay below in 999 of 1,000 cases.
AT_MOST = 0.061


class Draw:
    """Errors in % of EXPERIMENTS times SEEDS runs."""

    def __init__(self, seed=0, experiments=EXPERIMENTS, seeds=SEEDS):
        self._random = np.random.RandomState(seed)
        self._shape = experiments, seeds

    def normal(self, middle, scatter):
        return self._random.normal(middle, scatter, self._shape)

    def skewed(self, mean):
        return self._random.exponential(mean, self._shape)

    def failing(self, share, trained=0.1, failed=80.0):
        """Runs that either train or do not."""
        bad = self._random.uniform(size=self._shape) < share
        return np.where(bad, self.normal(failed, 3), np.abs(self.normal(trained, 0.05)))


def counted(errors, images):
    """In whole images, as errors are: many are equal."""
    return np.round(np.clip(errors, 0, 100) * images / 100) * 100 / images


def at_the_margin():
    """Name -> (a, b), each P(a - MARGIN > b) <= 1/2."""
    d = Draw()
    yield "normal", d.normal(6, 1), d.normal(5, 1)
    yield "unequal scatter", d.normal(6, 2), d.normal(5, 0.2)
    yield "unequal scatter, mirrored", d.normal(6, 0.2), d.normal(5, 2)
    yield "one side without scatter", d.normal(6, 1), np.full((EXPERIMENTS, SEEDS), 5.0)
    yield "bounded at 0", np.maximum(0, d.normal(0, 1)) + 1, np.maximum(0, d.normal(0, 1))
    yield "skewed", d.skewed(2) + 1, d.skewed(2)
    yield "skewed on one side", d.normal(5 * np.log(2) + 1, 0.01), d.skewed(5)
    yield "bimodal", d.failing(0.3) + 1, d.failing(0.3)
    yield "bimodal, as many points more as the margin", d.failing(0.3 + 1 / 80), d.failing(0.3)
    yield "half of the runs fail", d.failing(0.5), np.full((EXPERIMENTS, SEEDS), 0.0)
    yield "half of the reference fails", np.full((EXPERIMENTS, SEEDS), 40.0), d.failing(0.5)
    yield "saturated", np.minimum(91, d.normal(91, 1)), np.minimum(90, d.normal(90, 1))
    yield "ties", counted(d.normal(6, 0.3), 300), counted(d.normal(5, 0.3), 300)
    yield "nearly all trained", d.failing(1 / 80), d.failing(0.0)


def without_effect():
    d = Draw(1)
    yield "normal", d.normal(5, 1), d.normal(5, 1)
    yield "normal, wide", d.normal(50, 20), d.normal(50, 20)
    yield "unequal scatter", d.normal(50, 20), d.normal(50, 2)
    yield "bounded at 0", np.maximum(0, d.normal(0, 1)), np.maximum(0, d.normal(0, 1))
    yield "bimodal", d.failing(0.5), d.failing(0.5)
    yield "saturated", np.minimum(90, d.normal(90, 1)), np.minimum(90, d.normal(90, 1))
    yield "all at 0", *[np.zeros((EXPERIMENTS, SEEDS))] * 2
    yield "ties", counted(d.normal(1, 1), 360), counted(d.normal(1, 1), 360)


def test_more_than_the_margin_is_wrongly_supported_in_at_most_5_percent():
    for name, a, b in [*at_the_margin(), *without_effect()]:
        rate = more_than(MARGIN).test(Contrast(a, b)).supported.holds().mean()
        assert rate <= AT_MOST, (name, rate)


def test_the_mirrored_rule_errs_as_seldom():
    for name, a, b in [*at_the_margin(), *without_effect()]:
        rate = more_than(MARGIN).test(Contrast(b, a)).reversed.holds().mean()
        assert rate <= AT_MOST, (name, rate)


def test_less_than_the_margin_is_wrongly_supported_in_at_most_5_percent():
    for name, a, b in at_the_margin():
        # These two lie well inside the margin but for single runs: what is told is true of most.
        if name not in ("bimodal, as many points more as the margin", "nearly all trained"):
            rate = less_than(MARGIN).test(Contrast(a, b)).supported.holds().mean()
            assert rate <= AT_MOST, (name, rate)


def test_permutation_and_welch_alone_would_err_more_often():
    """Why the seeds must agree too: without that, this is the rate of a rule of p-values."""
    a, b = Draw().failing(0.5), np.zeros((EXPERIMENTS, SEEDS))
    # Four or five of five runs fail.
    failed = (a > 40).sum(-1) >= 4
    contrast = Contrast(a[failed], b[failed])
    contrast.seeds_above = lambda margin: np.full(len(contrast.difference), SEEDS)
    assert failed.mean() * contrast.above(MARGIN).holds().mean() > 0.15


@pytest.mark.parametrize("scatter", [(0.4, 0.4), (1.0, 1.0), (0.8, 0.1), (3.0, 0.1)])
def test_no_material_effect_is_wrongly_told_in_at_most_5_percent(scatter):
    d = Draw(2)
    for middle in (MARGIN, 1.5 * MARGIN, -MARGIN):
        a, b = d.normal(5 + middle, scatter[0]), d.normal(5, scatter[1])
        rate = more_than(MARGIN).test(Contrast(a, b)).immaterial.mean()
        assert rate <= AT_MOST, (middle, rate)


def test_no_material_effect_of_runs_half_of_which_are_beyond_the_margin():
    d = Draw(3)
    beyond = np.where(d.normal(0, 1) > 0, 2 * MARGIN, 0.0)
    noise = 100 * counting_noise(0.0, 1258)
    found = Contrast(beyond, np.zeros_like(beyond), (noise, noise))
    assert more_than(MARGIN).test(found).immaterial.mean() <= AT_MOST


def familywise(names, count=11):
    """Share of experiments in which one of `count` hypotheses at the margin is supported: (by
    itself, after Holm's procedure)."""
    cases = [(a, b) for name, a, b in at_the_margin() if name in names]
    p = []
    for i in range(count):
        a, b = cases[i % len(cases)]
        order = np.random.RandomState(i).permutation(EXPERIMENTS)  # One independent of the other.
        p.append(more_than(MARGIN).test(Contrast(a[order], b[order])).supported.p)
    p = np.stack(p, axis=1)
    some = p[p.min(1) <= 0.05]
    return len(some) / EXPERIMENTS, sum(min(holm(row)) <= 0.05 for row in some) / EXPERIMENTS


def test_of_many_primary_hypotheses_one_is_wrongly_supported_in_at_most_5_percent():
    shifted = ("normal", "bounded at 0", "skewed", "bimodal", "saturated", "ties")
    alone, together = familywise((*shifted, "unequal scatter", "unequal scatter, mirrored"))
    assert alone > 0.15, "Holm's procedure has something to prevent"
    assert together <= AT_MOST


def test_holm_holds_less_where_single_runs_decide_everything():
    """11 such hypotheses, each wrongly supported in 3 %: five seeds cannot prevent that."""
    worst = ("half of the runs fail", "half of the reference fails", "one side without scatter")
    alone, together = familywise(worst)
    assert AT_MOST < together < alone


@pytest.mark.parametrize(
    ("scatter", "least"), [(0.1, 0.99), (0.25, 0.95), (0.5, 0.6)], ids=lambda value: str(value)
)
def test_an_effect_of_twice_the_margin_is_found(scatter, least):
    d = Draw(5)
    a, b = d.normal(5 + 2 * MARGIN, scatter), d.normal(5, scatter)
    assert more_than(MARGIN).test(Contrast(a, b)).supported.holds().mean() >= least
    assert more_than(MARGIN).test(Contrast(b, a)).reversed.holds().mean() >= least
    # Of the absence of an effect: there is none, and the margin is as far away.
    a, b = d.normal(5, scatter), d.normal(5, scatter)
    assert less_than(MARGIN).test(Contrast(a, b)).supported.holds().mean() >= least


@pytest.mark.parametrize(("scatter", "least"), [(0.1, 0.99), (0.25, 0.99), (0.5, 0.5)])
def test_no_effect_at_all_is_told_to_be_none(scatter, least):
    d = Draw(6)
    found = more_than(MARGIN).test(Contrast(d.normal(5, scatter), d.normal(5, scatter)))
    assert found.immaterial.mean() >= least


def test_degradation_is_found_where_the_deep_network_nearly_always_fails():
    d = Draw(7)
    found = more_than(MARGIN).test(Contrast(d.failing(0.99), d.failing(0.0)))
    assert found.supported.holds().mean() > 0.9
