"""From runs to an outcome and to the sentence that tells it."""

from dataclasses import replace

import numpy as np
import pytest

from resinc.report.arms import Arm
from resinc.report.combine import all_of, any_of
from resinc.report.comparison import Comparison, decide, interaction
from resinc.report.metrics import GAP, TEST_ERROR, TRAINING_ERROR, TRAINING_LOSS, Metric, digits
from resinc.report.outcome import Outcome
from resinc.report.rules import less_than, more_than, more_than_times
from resinc.runs.correct import Correct
from tests.report.trained import pilots, run, runs

DEEP = Arm("56-layer plain networks", kind="plain", depth=56)
SHALLOW = Arm("20-layer plain networks", kind="plain", depth=20)
DEEP_RESIDUAL = Arm("56-layer residual networks", kind="residual", depth=56)
RESIDUAL = Arm("20-layer residual networks", kind="residual", depth=20)
WORSE = Comparison(
    "degradation.plain",
    "a deep plain network trains worse than a shallower one",
    DEEP,
    SHALLOW,
    TRAINING_ERROR,
    more_than(1),
    primary=True,
)
NOT_WORSE = replace(
    WORSE, id="degradation.residual", a=DEEP_RESIDUAL, b=RESIDUAL, rule=less_than(0.5)
)
BAD = (78.0, 74.0, 80.0, 76.5, 72.0)
GOOD = (0.1, 0.0, 0.2, 0.1, 0.1)
FINE = (0.2, 0.1, 0.1, 0.0, 0.1)


def plain(deep=BAD, shallow=GOOD):
    return [*runs("plain", 56, *deep), *runs("plain", 20, *shallow), *pilots("plain", 56)]


def test_sentence_of_an_outcome_is_understood_alone():
    found = WORSE.judge(plain())
    assert found.outcome == Outcome.SUPPORTED
    assert found.text == (
        "56-layer plain networks end at 76.1 % training error, 20-layer plain networks at 0.1 %: "
        "76.0 points worse (90 % interval 73.0 to 79.0; 5 runs each). Supported."
    )


def test_rule_is_told_by_the_object_that_decides():
    text = WORSE.rule_text
    assert text.startswith(
        "training error of 56-layer plain networks minus that of 20-layer plain networks is more "
        "than 1 point, with all 5 seeds"
    )
    assert "more than 3 points" in replace(WORSE, rule=more_than(3)).rule_text
    assert "9 of 10 seeds" in replace(WORSE, sample=10).rule_text
    assert "less than 0.5 points" in NOT_WORSE.rule_text


@pytest.mark.parametrize(
    ("deep", "shallow", "outcome"),
    [
        (BAD, GOOD, Outcome.SUPPORTED),
        (GOOD, (9.0, 8.0, 9.5, 8.2, 9.1), Outcome.REVERSED),
        ((0.3, 0.2, 0.3, 0.2, 0.3), GOOD, Outcome.IMMATERIAL),
        ((0.1, 78.0, 80.0, 76.0, 79.0), GOOD, Outcome.UNDECIDED),
        ((2.0, 0.3, 1.9, 0.4, 1.2), GOOD, Outcome.UNDECIDED),
        (BAD, (30.0, 31.0, 30.5, 32.0, 29.0), Outcome.UNTESTABLE),
        ((0.0,) * 5, (0.0,) * 5, Outcome.UNTESTABLE),
    ],
)
def test_five_outcomes_of_a_claimed_effect(deep, shallow, outcome):
    assert WORSE.judge(plain(deep, shallow)).outcome == outcome


@pytest.mark.parametrize(
    ("deep", "outcome"),
    [
        (FINE, Outcome.SUPPORTED),
        ((0.0,) * 5, Outcome.SUPPORTED),
        ((9.0, 8.0, 9.5, 8.2, 9.1), Outcome.REVERSED),
        ((0.1, 0.1, 0.1, 0.1, 12.0), Outcome.UNDECIDED),
    ],
)
def test_outcomes_of_a_claimed_absence(deep, outcome):
    rows = [*runs("residual", 56, *deep), *runs("residual", 20, *GOOD)]
    assert NOT_WORSE.judge(rows).outcome == outcome


@pytest.mark.parametrize("state", ["running", "unfinished", "failed", "new"])
def test_an_arm_with_an_unfinished_run_is_undecided_and_says_which(state):
    rows = [*plain()[1:], run("plain", 56, 0, state=state)]
    found = WORSE.judge(rows)
    assert found.outcome == Outcome.UNDECIDED
    assert "plain-56,seed=0" in found.text


def test_runs_that_diverged_count_as_chance_and_are_named():
    diverged = [run("plain", 56, seed, state="diverged") for seed in range(5)]
    found = WORSE.judge([*diverged, *runs("plain", 20, *GOOD), *pilots("plain", 56)])
    assert found.outcome == Outcome.SUPPORTED
    assert "end at 90.0 % training error" in found.text
    told = (
        "Diverged, counted as chance: plain-56,seed=0; plain-56,seed=1; plain-56,seed=2 and 2 more."
    )
    assert told in found.text


def test_chance_is_that_of_the_classes():
    six = {"provenance": {"classes": 6}}
    diverged = [run("plain", 56, seed, state="diverged", **six) for seed in range(5)]
    found = WORSE.judge([*diverged, *runs("plain", 20, *GOOD), *pilots("plain", 56)])
    assert "end at 83.3 % training error" in found.text


def test_a_reference_that_diverged_tests_nothing():
    rows = [*runs("plain", 56, *BAD), *(run("plain", 20, s, state="diverged") for s in range(5))]
    assert WORSE.judge(rows).outcome == Outcome.UNTESTABLE


def test_fewer_planned_seeds_than_fixed_before_decide_nothing():
    rows = [row for row in plain() if row.config["seed"] != 4]
    found = WORSE.judge(rows)
    assert found.outcome == Outcome.UNDECIDED
    assert "4 of 5 seeds are planned" in found.text


def test_more_seeds_than_fixed_before_are_not_used():
    added = [run("plain", 56, seed, 0.1) for seed in range(5, 9)]
    assert WORSE.judge([*added, *plain()]) == WORSE.judge(plain())


def test_a_failed_network_must_have_been_tried_at_three_rates():
    rows = [*runs("plain", 56, *BAD), *runs("plain", 20, *GOOD)]
    found = WORSE.judge(rows)
    assert found.outcome == Outcome.UNTESTABLE
    assert "tried at 1 learning rate:" in found.text
    assert WORSE.judge([*rows, *pilots("plain", 56)]).outcome == Outcome.SUPPORTED


def test_a_loss_that_says_the_opposite_leaves_it_undecided():
    rows = [
        *(run("plain", 56, seed, 8.0 + seed / 10, loss=0.01) for seed in range(5)),
        *(run("plain", 20, seed, 1.0 + seed / 10, loss=0.5) for seed in range(5)),
    ]
    found = WORSE.judge(rows)
    assert found.outcome == Outcome.UNDECIDED
    assert "The training loss does not say the same." in found.text


def test_single_runs_are_told_where_they_fall_apart():
    found = WORSE.judge(plain((0.1, 78.0, 80.0, 76.0, 79.0)))
    assert "fall apart: 0.1, 76.0, 78.0, 79.0, 80.0 %." in found.text
    assert "With 4 of 5 seeds the difference is more than 1 point; 5 are needed." in found.text


def test_test_errors_have_no_smaller_scatter_than_counting_gives():
    compared = replace(WORSE, metric=TEST_ERROR, rule=more_than(0.1))
    found = compared.judge(plain((1.0,) * 5, (0.5,) * 5))
    # Two images of 360 more in every run: 0.5 points, but each is uncertain by as much.
    assert "(90 % interval −0.1 to 1.1" in found.text
    assert found.outcome == Outcome.UNDECIDED


def with_examples(rows, wrong, examples="the same"):
    """Each run got these examples of 400 wrong."""
    return [
        replace(row, correct={"test": Correct(~np.isin(np.arange(400), wrong(row)), examples)})
        for row in rows
    ]


def test_test_errors_are_as_uncertain_as_the_examples_that_two_networks_differ_in():
    """Every run errs alike, and on 12 more of 400 images than those of the other network."""
    compared = replace(WORSE, metric=TEST_ERROR, rule=more_than(1))
    rows = plain((5.0,) * 5, (2.0,) * 5)

    def interval(wrong, **fields):
        return compared.judge(with_examples(rows, wrong, **fields)).told.split("interval ")[1]

    def deep(row):
        return row.labels["depth"] == 56

    alone = compared.judge(rows).told.split("interval ")[1]
    same = interval(lambda row: range(20) if deep(row) else range(8))
    other = interval(lambda row: range(20) if deep(row) else range(100, 108))
    assert alone.startswith("1.8 to 4.2")
    assert same.startswith("1.2 to 4.8")
    # As many wrong, but none in common: the difference hangs on more images.
    assert other.startswith("0.6 to 5.4")
    # Of other images than each other's, the seeds' own scatter tells it all.
    rows[0] = replace(rows[0], name="other")
    mixed = with_examples(rows[:1], lambda row: range(20), examples="others")
    found = compared.judge([*mixed, *with_examples(rows[1:], lambda row: range(9))])
    assert found.told.split("interval ")[1] == alone


def test_a_gap_is_test_minus_training_error():
    rows = [
        *(run("plain", 56, seed, 10.0 + seed / 10, 30.0) for seed in range(5)),
        *(run("plain", 20, seed, 10.0 + seed / 10, 12.0) for seed in range(5)),
    ]
    found = replace(WORSE, metric=GAP).judge(rows)
    assert "19.8 points gap between training and test error" in found.text
    assert found.outcome == Outcome.SUPPORTED


def test_interaction_compares_two_differences():
    residual = replace(WORSE, a=DEEP_RESIDUAL, b=RESIDUAL)
    hurts = interaction("degradation.interaction", "depth hurts plain more", WORSE, residual,
                        more_than(1))  # fmt: skip
    rows = [*plain(), *runs("residual", 56, *FINE), *runs("residual", 20, *GOOD)]
    found = hurts.judge(rows)
    assert found.outcome == Outcome.SUPPORTED
    assert found.text.startswith(
        "Going from 20-layer plain networks to 56-layer plain networks changes the training error "
        "by 76.0 points, going from 20-layer residual networks to 56-layer residual networks "
        "changes by 0.0 points: 76.0 points more"
    )
    assert hurts.judge(rows[:-1]).outcome == Outcome.UNDECIDED


def test_ratios_and_single_arms():
    slope = Metric("slope", lambda rows: rows[0].measurements["slope"], " decades a layer")
    rows = [run("plain", 56, seed, measurements={"slope": 0.02 + seed / 1000}) for seed in range(5)]
    fades = Comparison("gradient.fades", "it fades", DEEP, None, slope, more_than(0.01))
    found = fades.judge(rows)
    assert found.outcome == Outcome.SUPPORTED
    assert found.text.startswith("56-layer plain networks have 0.022 decades a layer slope (90 %")
    times = Comparison("t", "t", DEEP, SHALLOW, TRAINING_LOSS, more_than_times(10))
    found = times.judge(plain())
    assert found.outcome == Outcome.SUPPORTED
    assert "times as much" in found.text


def test_a_negative_number_of_one_arm_lies_in_its_interval():
    slope = Metric("slope", lambda rows: rows[0].measurements["slope"], " decades of", " decades")

    def lines(depth, slopes):
        return [run("plain", depth, i, measurements={"slope": s}) for i, s in enumerate(slopes)]

    rows = lines(56, (-0.03, -0.02, -0.02, -0.01, -0.02)) + lines(20, (0.01,) * 5)
    alone = Comparison("t", "t", DEEP, None, slope, more_than(0.1)).judge(rows)
    assert "−0.020 decades of slope (90 % interval −0.027 to −0.013;" in alone.text
    compared = Comparison("t", "t", DEEP, SHALLOW, slope, more_than(0.1)).judge(rows)
    assert "20-layer plain networks 0.010 decades: 0.030 decades less (90 %" in compared.text


def test_all_of_needs_all_and_is_reversed_by_one():
    residual = [*runs("residual", 56, *FINE), *runs("residual", 20, *GOOD)]
    both = all_of("both", "plain degrade, residual do not", WORSE, NOT_WORSE)
    found = both.judge([*plain(), *residual])
    assert found.outcome == Outcome.SUPPORTED
    assert found.text.count("Supported.") == 3
    worse = runs("residual", 56, 9.0, 8.0, 9.5, 8.2, 9.1)
    assert both.judge([*plain(), *worse, *residual[5:]]).outcome == Outcome.REVERSED
    assert both.judge([*plain(), *residual[1:]]).outcome == Outcome.UNDECIDED


def test_any_of_needs_one_and_pays_for_the_chances():
    twice = replace(WORSE, a=DEEP_RESIDUAL, b=RESIDUAL)
    residual = [*runs("residual", 56, *FINE), *runs("residual", 20, *GOOD)]
    either = any_of("either", "some degrade", WORSE, twice)
    found = either.judge([*plain(), *residual])
    assert found.outcome == Outcome.SUPPORTED
    assert found.supported.p == pytest.approx(2 * WORSE.judge(plain()).supported.p)


def test_a_primary_finding_must_stand_among_all_of_them():
    """Scattered runs: clear by themselves, not as one of twelve."""
    rows = plain((2.5, 3.5, 5.0, 1.9, 2.2), (0.9, 0.4, 0.1, 0.5, 1.0))
    assert WORSE.judge(rows).outcome == Outcome.SUPPORTED
    others = [replace(NOT_WORSE, id=f"other{i}") for i in range(11)]
    found = decide([WORSE, *others], rows)[0]
    assert found.outcome == Outcome.UNDECIDED
    assert "one of 12 hypotheses" in found.text
    assert decide([WORSE], rows, primary=12)[0] == found
    exploratory = replace(WORSE, primary=False)
    assert decide([exploratory, *others], rows)[0].outcome == Outcome.SUPPORTED
    assert decide([WORSE], rows)[0].outcome == Outcome.SUPPORTED


def test_labels_that_select_several_runs_of_a_seed_are_a_mistake_of_the_experiment():
    with pytest.raises(ValueError, match="labels select 2 runs of one seed"):
        WORSE.judge([*plain(), *runs("plain", 56, *BAD)])


def test_numbers_have_the_digits_that_a_reader_needs():
    values = (76.13, 0.5, 0.034, 0.0042, 12345.6, 0.0, -0.6)
    wanted = ["76.1", "0.5", "0.034", "0.0042", "12,346", "0.0", "−0.6"]
    assert [digits(value) for value in values] == wanted
