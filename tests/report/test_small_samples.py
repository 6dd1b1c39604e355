"""One arm, three seeds, many parts: which outcomes they can have, and that the rule says it."""

import math
from dataclasses import replace

import numpy as np
import pytest

from resinc.report.arms import Arm
from resinc.report.combine import all_of, any_of
from resinc.report.comparison import Comparison, decide, out_of_reach
from resinc.report.inference import LEVEL, Contrast, least_p
from resinc.report.metrics import TRAINING_ERROR, Metric
from resinc.report.outcome import Outcome
from resinc.report.rules import less_than, more_than
from tests.report.trained import pilots, run, runs

DEEP = Arm("56-layer plain networks", kind="plain", depth=56)
SHALLOW = Arm("20-layer plain networks", kind="plain", depth=20)
COST = Metric("cost", lambda rows: rows[0].measurements.get("cost"), " points", trained=True)
ALONE = Comparison("lesion", "a lesion costs", SHALLOW, None, COST, more_than(1))
WORSE = Comparison("worse", "depth harms", DEEP, SHALLOW, TRAINING_ERROR, more_than(1))


def measured(costs, error=1.0, state="done"):
    return [
        run("plain", 20, s, error, state=state, measurements={} if cost is None else {"cost": cost})
        for s, cost in enumerate(costs)
    ]


@pytest.mark.parametrize(
    ("costs", "error", "outcome"),
    [
        ((5.0, 6.0, 5.5, 6.5, 5.8), 1.0, Outcome.SUPPORTED),
        ((-5.0, -6.0, -5.5, -6.5, -5.8), 1.0, Outcome.REVERSED),
        ((0.1, 0.2, 0.0, -0.1, 0.1), 1.0, Outcome.IMMATERIAL),
        ((5.0, 6.0, 5.5, 6.5, 0.5), 1.0, Outcome.UNDECIDED),
        ((5.0, 6.0, 5.5, 6.5, 5.8), 60.0, Outcome.UNTESTABLE),
    ],
)
def test_five_outcomes_of_one_arm_alone(costs, error, outcome):
    found = ALONE.judge(measured(costs, error))
    assert found.outcome == outcome
    if outcome == Outcome.UNTESTABLE:
        assert "20-layer plain networks end at 60.0 % training error" in found.told


def test_an_error_compared_with_a_number_tells_by_itself_whether_a_network_has_learned():
    learned = replace(ALONE, metric=TRAINING_ERROR, rule=less_than(50))
    rows = [*runs("plain", 20, 30.0, 31.0, 29.0, 33.0, 30.0), *pilots("plain", 20)]
    assert learned.judge(rows).outcome == Outcome.SUPPORTED


def test_networks_that_diverged_and_could_not_be_measured_test_nothing():
    found = ALONE.judge(measured([None] * 5, state="diverged"))
    assert found.outcome == Outcome.UNTESTABLE
    assert "plain-20,seed=0 has no cost. But 20-layer plain networks end at 90.0 %" in found.told
    # One of five: the others have learned, but not all of them were measured.
    rows = [*measured([5.0, 6.0, 5.5, 6.5]), run("plain", 20, 4, state="diverged")]
    assert ALONE.judge(rows).outcome == Outcome.UNDECIDED


def three(*deep):
    return [*runs("plain", 56, *deep), *runs("plain", 20, 0.1, 0.2, 0.1), *pilots("plain", 56)]


@pytest.mark.parametrize(
    ("deep", "outcome"),
    [
        ((70.0, 72.0, 75.0), Outcome.SUPPORTED),
        ((0.1, 0.2, 0.1), Outcome.IMMATERIAL),
        ((0.1, 72.0, 75.0), Outcome.UNDECIDED),
    ],
)
def test_three_seeds_can_tell(deep, outcome):
    assert replace(WORSE, sample=3).judge(three(*deep)).outcome == outcome


def test_three_seeds_can_reverse():
    rows = [*runs("plain", 56, 0.1, 0.2, 0.1), *runs("plain", 20, 8.0, 8.5, 9.0)]
    assert replace(WORSE, sample=3).judge(rows).outcome == Outcome.REVERSED


@pytest.mark.parametrize(("a", "b"), [(5, 5), (3, 3), (3, 5), (5, 0), (10, 0)])
def test_least_p_is_that_of_runs_that_could_not_be_clearer(a, b):
    random = np.random.RandomState(0)
    high, low = 100 + random.rand(a), random.rand(b) if b else None
    found = Contrast(high, low).above(1.0)
    assert found.p == pytest.approx(least_p(a, b))
    assert least_p(a, b) == pytest.approx(1 / math.comb(a + b, a) if b else 0.5**a)


def test_what_so_few_runs_can_never_say_stands_in_the_rule():
    few = replace(WORSE, sample=3)
    steps = all_of("all", "all", few, few, few)
    assert out_of_reach(few, 10) == ""
    assert out_of_reach(steps, 10) == "So few runs can never make it reversed."
    assert decide([steps], [])[0].rule == f"{steps.rule_text} {out_of_reach(steps, 0)}"
    either = any_of("any", "any", few, few)
    assert out_of_reach(either, 10) == "So few runs can never make it supported."
    assert out_of_reach(replace(WORSE, primary=True), 10) == ""
    assert out_of_reach(replace(ALONE, primary=True), 10) == (
        "So few runs, as one of 10 primary hypotheses, can never make it supported or reversed."
    )


def test_how_parts_are_tested_is_told_once_where_it_is_the_same():
    both = all_of("all", "all", WORSE, replace(WORSE, rule=more_than(3))).rule_text
    assert both.count("is more than") == 2
    same = all_of("all", "all", WORSE, replace(WORSE, a=SHALLOW, b=DEEP)).rule_text
    assert "; (2) training error of 20-layer plain networks minus" in same
    assert same.count("permutation test") == 1
    assert "is more than 1 point, each with all 5 seeds, by the exact" in same
    assert both.count("permutation test") == 2  # Their margins differ.


def test_a_reference_with_more_seeds_lets_three_tell_what_two_ways_could():
    more = replace(WORSE, sample=3, sample_of_b=5)
    assert 2 * more.least[0] < LEVEL < 2 * replace(WORSE, sample=3).least[0]
    rows = [*three(70.0, 72.0, 75.0), run("plain", 20, 3, 0.1), run("plain", 20, 4, 0.2)]
    found = any_of("any", "any", more, more).judge(rows)
    assert found.outcome == Outcome.SUPPORTED
    assert "3 and 5 runs" in found.told
    assert more.judge(three(70.0, 72.0, 75.0)).outcome == Outcome.UNDECIDED
