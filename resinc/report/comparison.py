"""A hypothesis put to the test: a sentence, two arms, a metric and a rule."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from resinc.report import wording
from resinc.report.arms import Arm, Runs, rates, runs_of
from resinc.report.combine import Hypothesis
from resinc.report.inference import (
    LEVEL,
    Contrast,
    Evidence,
    example_variance,
    least_p,
)
from resinc.report.metrics import TRAINING_ERROR, Metric, digits
from resinc.report.outcome import UNFINISHED, Finding, Outcome, among_all
from resinc.report.rows import Row
from resinc.report.rules import Judgement, Rule
from resinc.report.sides import Side, Step, signed, values_of

FAILED = 20.0  # % training error above which a network has not learned its task.
LEAST_RATES = 3  # At so many learning rates a network was tried before it is called failed.
ROOM = 0.05  # %; what is below is told as 0.0 %.


@dataclass(frozen=True)
class Comparison:
    """One hypothesis.

    Attributes:
      id: e.g. "degradation.plain".
      sentence: what is claimed.
      a: whose metric the rule is about.
      b: what it is compared with; None: with zero, or of ratios with 1.
      metric: what is measured.
      rule: by which it is decided.
      primary: whether it counts among those that are adjusted for being many.
      sample: seeds of an arm, fixed before: more are not used, fewer decide nothing.
      sample_of_b: of the reference, where it has more of them; 0: as many.
    """

    id: str
    sentence: str
    a: Side
    b: Side | None
    metric: Metric
    rule: Rule
    primary: bool = False
    sample: int = 5
    sample_of_b: int = 0

    @property
    def rule_text(self) -> str:
        """How it is decided, in words."""
        return wording.rule_text(self)

    def judge(self, rows: Sequence[Row]) -> Finding:
        """What the runs say, by itself: `decide` also counts how many hypotheses there are.

        Args:
          rows: all runs that the plan has, begun or not.
        """
        runs = {arm: runs_of(arm, rows, count) for arm, count in self.samples.items()}
        missing = [found.missing for found in runs.values() if found.missing]
        if missing:
            return self._finding(Outcome.UNDECIDED, f"{UNFINISHED}: {missing[0]}.")
        if unmeasured := self._unmeasured(runs):
            # What diverged was not measured, and had nothing of a trained network.
            why = _unlearned(runs, [*runs]) if self.metric.trained else ""
            outcome = Outcome.UNTESTABLE if why else Outcome.UNDECIDED
            return self._finding(outcome, f"{unmeasured} has no {self.metric.name}. {why}".strip())
        values = self._contrast(runs, self.metric, self.rule.times)
        loss = self.metric.loss if self.b else None
        losses = self._contrast(runs, loss, times=True) if loss else None
        found = self.rule.test(values, losses)
        told = wording.told(self, runs, values)
        if self.metric.trained and (why := self._meaningless(runs)):
            return self._finding(Outcome.UNTESTABLE, f"{told} {why}")
        if found.supported.holds() or found.reversed.holds():
            outcome = Outcome.SUPPORTED if found.supported.holds() else Outcome.REVERSED
            if self.metric.trained and (why := self._untuned(runs, rows)):
                return self._finding(Outcome.UNTESTABLE, f"{told} {why}")
            return self._finding(outcome, told, found)
        if found.immaterial:
            return self._finding(Outcome.IMMATERIAL, told, found)
        return self._finding(
            Outcome.UNDECIDED, f"{told} {wording.why_undecided(self, values)}", found
        )

    def _finding(self, outcome: Outcome, told: str, found: Judgement | None = None) -> Finding:
        evidence = [Evidence(float(e.p), bool(e.seeds)) for e in (found[:2] if found else ())]
        return Finding(
            self.id, self.sentence, self.rule_text, outcome, told, self.primary, *evidence
        )

    @property
    def samples(self) -> dict[Arm, int]:
        """All whose runs are compared, and how many seeds of each."""
        counts = (self.sample, self.sample_of_b or self.sample)
        sides = zip((self.a, self.b), counts, strict=True)
        return {arm: count for side, count in sides if side for _, arm in signed(side)}

    @property
    def least(self) -> tuple[float, float]:
        """The smallest p-values that so many runs can give for the sentence and its opposite."""
        p = least_p(self.sample, (self.sample_of_b or self.sample) if self.b else 0)
        return p, p

    def _unmeasured(self, runs: dict[Arm, Runs]) -> str:
        """The first run that ended without the number that is compared."""
        for found in runs.values():
            for group in found.by_seed.values():
                if self.metric.of(group) is None:
                    return group[0].name
        return ""

    def _contrast(self, runs: dict[Arm, Runs], metric: Metric, times: bool) -> Contrast:
        a, a_noise, seeds = values_of(self.a, runs, metric, times)
        of_examples = 0.0 if times else self._example_variance(runs, metric)
        if self.b is None:
            return Contrast(a, noise=(a_noise,), examples=of_examples)
        b, b_noise, others = values_of(self.b, runs, metric, times)
        # What a seed shares (order of examples, here and there the split) is paired.
        common = sorted(seeds.keys() & others.keys())
        a = [seeds[s] for s in common] + [seeds[s] for s in sorted(seeds.keys() - common)]
        b = [others[s] for s in common] + [others[s] for s in sorted(others.keys() - common)]
        return Contrast(a, b, (a_noise, b_noise), of_examples, pairs=len(common))

    def _example_variance(self, runs: dict[Arm, Runs], metric: Metric) -> float:
        """What the choice of test images adds to the scatter, where all runs have the same ones."""
        rows = [row for found in runs.values() for group in found.by_seed.values() for row in group]
        known = [row.correct[metric.split] for row in rows if metric.split in row.correct]
        if len(known) < len(rows) or len({(c.examples, len(c.right)) for c in known}) != 1:
            return 0.0
        share = np.zeros(len(known[0].right))
        for sign, side in ((1, self.a), (-1, self.b)):
            for inner, arm in signed(side) if side else []:
                group = [row for rows in runs[arm].by_seed.values() for row in rows]
                right = np.mean([row.correct[metric.split].right for row in group], axis=0)
                share += sign * inner * 100 * (1 - right)
        return example_variance(share)

    def _meaningless(self, runs: dict[Arm, Runs]) -> str:
        """Why nothing can be concluded in this setting; "" where it can."""
        references = [arm for _, arm in signed(self.b)] if self.b else []
        references += [arm for sign, arm in signed(self.a) if sign < 0]
        if why := _unlearned(runs, references, ", the reference,"):
            return why
        # Compared with a number: an error is what tells whether a network has learned.
        if self.b is None and not self.metric.percent and (why := _unlearned(runs, [*runs])):
            return why
        if self.metric.percent and self.rule.effect:
            values = [self.metric.of(g) for r in runs.values() for g in r.by_seed.values()]
            if all(value is not None and value < ROOM for value in values):
                return f"All of them end at 0.0 % {self.metric.name}: the effect has no room."
        return ""

    def _untuned(self, runs: dict[Arm, Runs], rows: Sequence[Row]) -> str:
        """Which network that failed was not given enough learning rates; "" where none."""
        for arm, found in runs.items():
            error, tried = _training_error(found), len(rates(arm, rows))
            if error > FAILED and tried < LEAST_RATES:
                return (
                    f"But {arm.name} end at {digits(error)} % training error and were tried at "
                    f"{tried} learning rate{'s' * (tried != 1)}: a network that fails gets "
                    f"{LEAST_RATES} at least."
                )
        return ""


def interaction(
    id: str, sentence: str, a: Comparison, b: Comparison, rule: Rule, primary: bool = False
) -> Comparison:
    """Whether what separates the arms of one comparison separates those of another less.

    The change from `b` to `a` within each comparison is compared between the two, by seed.
    """
    sides = []
    for part in (a, b):
        assert isinstance(part.a, Arm)
        assert isinstance(part.b, Arm)
        sides.append(Step(f"going from {part.b.name} to {part.a.name}", part.a, part.b))
    return Comparison(id, sentence, sides[0], sides[1], a.metric, rule, primary, a.sample)


def decide(
    hypotheses: Sequence[Hypothesis], rows: Sequence[Row], primary: int = 0
) -> list[Finding]:
    """What the runs of one data set say of some of the hypotheses that are put to the test on it.

    Args:
      hypotheses: those of one experiment, or all.
      rows: all that the plan has, begun or not.
      primary: primary hypotheses of all experiments on the data set; see `among_all`.
    """
    count = max(primary, sum(hypothesis.primary for hypothesis in hypotheses))
    found = []
    for hypothesis in hypotheses:
        finding = hypothesis.judge(rows)
        limits = out_of_reach(hypothesis, count)
        found.append(replace(finding, rule=f"{finding.rule} {limits}".strip()))
    return among_all(found, count)


def out_of_reach(hypothesis: Hypothesis, primary: int) -> str:
    """Which outcome no runs could bring about, since there are too few of them; "" where none.

    Args:
      hypothesis: whose number of runs is fixed.
      primary: as for `decide`.
    """
    among = primary if hypothesis.primary else 1
    ends = zip((Outcome.SUPPORTED, Outcome.REVERSED), hypothesis.least, strict=True)
    # Of many hypotheses the smallest p-value is multiplied by their number (Holm).
    never = [str(outcome) for outcome, p in ends if among * p > LEVEL]
    if not never:
        return ""
    those = f", as one of {among} primary hypotheses," if among > 1 else ""
    return f"So few runs{those} can never make it {' or '.join(never)}."


def _training_error(found: Runs) -> float:
    """Mean over the seeds, %."""
    errors = [TRAINING_ERROR.of(group[:1]) for group in found.by_seed.values()]
    return float(np.mean([error for error in errors if error is not None] or [0.0]))


def _unlearned(runs: dict[Arm, Runs], arms: Sequence[Arm], role: str = "") -> str:
    """Which of some networks has not learned its task; "" where none."""
    for arm in arms:
        error = _training_error(runs[arm])
        if error > FAILED:
            return (
                f"But {arm.name}{role} end at {digits(error)} % training error (above "
                f"{FAILED:g} %): where that has not learned, nothing follows."
            )
    return ""
