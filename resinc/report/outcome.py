"""The five things that runs can say of a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from resinc.report.inference import LEVEL, Evidence, holm

NONE = Evidence(1.0, False)


class Outcome(StrEnum):
    """Of a hypothesis."""

    SUPPORTED = "supported"
    REVERSED = "reversed"  # Its opposite holds, by the same rule mirrored.
    IMMATERIAL = "no material effect"  # The difference lies inside the margin.
    UNDECIDED = "undecided"  # None of these, or a planned run is unfinished.
    UNTESTABLE = "not testable here"  # The comparison means nothing in this setting.


@dataclass(frozen=True)
class Finding:
    """What the runs say of one hypothesis.

    Attributes:
      id: e.g. "degradation.plain".
      sentence: the hypothesis.
      rule: by which it was decided, in words.
      outcome: what came out.
      told: what was measured, and what follows, to be understood by itself.
      primary: whether it is one of those among which chance findings are counted; the others are
        exploratory.
      supported: evidence for the sentence.
      reversed: evidence for its opposite.
      parts: the findings that it combines.
    """

    id: str
    sentence: str
    rule: str
    outcome: Outcome
    told: str
    primary: bool = False
    supported: Evidence = NONE
    reversed: Evidence = NONE
    parts: tuple["Finding", ...] = ()

    @property
    def text(self) -> str:
        """e.g. "56-layer plain networks end at ...: 76.0 points more (...). Supported."."""
        return f"{self.told} {str(self.outcome).capitalize()}."


def among_all(findings: Sequence[Finding]) -> list[Finding]:
    """Withdraw what a primary finding says by itself, but not as one of so many (Holm 1979).

    Args:
      findings: all of one data set, or those of them that there are; exploratory ones stay.
    """
    primary = [finding for finding in findings if finding.primary]
    kept = {
        outcome: dict(
            zip(
                (f.id for f in primary),
                holm([_evidence(f, outcome).p for f in primary]),
                strict=True,
            )
        )
        for outcome in (Outcome.SUPPORTED, Outcome.REVERSED)
    }

    def judged(finding: Finding) -> Finding:
        p = kept.get(finding.outcome, {}).get(finding.id, 0.0)
        if p <= LEVEL:
            return finding
        own = _evidence(finding, finding.outcome).p
        why = (
            f"By itself this would be {finding.outcome} (p = {own:.2g}); one of {len(primary)} "
            f"hypotheses comes out so by chance too often (p = {p:.2g} of {LEVEL:g} allowed)."
        )
        return replace(finding, outcome=Outcome.UNDECIDED, told=f"{finding.told} {why}")

    return [judged(finding) for finding in findings]


def _evidence(finding: Finding, outcome: Outcome) -> Evidence:
    return finding.reversed if outcome == Outcome.REVERSED else finding.supported
