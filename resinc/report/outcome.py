"""The five things that runs can say of a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from resinc.report.inference import LEVEL, Evidence, holm
from resinc.report.table import Table

NONE = Evidence(1.0, False)
UNFINISHED = "Not all runs are there"  # So begins what is told where some are missing.


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

    @property
    def unfinished(self) -> bool:
        """Whether it is undecided because runs are missing."""
        return self.outcome == Outcome.UNDECIDED and UNFINISHED in self.told


def among_all(findings: Sequence[Finding], count: int = 0) -> list[Finding]:
    """Withdraw what a primary finding says by itself, but not as one of so many (Holm 1979).

    Args:
      findings: of one data set; exploratory ones stay as they are.
      count: primary ones that there are on it. Those that are not given are taken for as weak as
        may be: what holds then holds with all of them.
    """
    primary = [finding for finding in findings if finding.primary]
    count = max(count, len(primary))
    absent = [1.0] * (count - len(primary))
    adjusted = {
        (outcome, finding.id): p
        for outcome in (Outcome.SUPPORTED, Outcome.REVERSED)
        for finding, p in zip(
            primary, holm([*(_evidence(f, outcome).p for f in primary), *absent]), strict=False
        )
    }

    def judged(finding: Finding) -> Finding:
        p = adjusted.get((finding.outcome, finding.id), 0.0)
        if p <= LEVEL:
            return finding
        own = _evidence(finding, finding.outcome).p
        why = (
            f"By itself this would be {finding.outcome} (p = {own:.2g}); one of {count} "
            f"hypotheses comes out so by chance too often (p = {p:.2g} of {LEVEL:g} allowed)."
        )
        return replace(finding, outcome=Outcome.UNDECIDED, told=f"{finding.told} {why}")

    return [judged(finding) for finding in findings]


def outcomes(findings: Sequence[Finding]) -> str:
    """e.g. "A deep plain network trains worse: supported. With shortcuts it does not: ..."."""
    return " ".join(f"{capital(finding.sentence)}: {finding.outcome}." for finding in findings)


def capital(text: str) -> str:
    """The same, as it begins a sentence."""
    return text[:1].upper() + text[1:]


def findings_table(findings: Sequence[Finding]) -> Table:
    """One line per hypothesis: what is claimed, what came out, what was measured."""
    lines = [
        [
            f.id + " *" * f.primary,
            f.sentence,
            str(f.outcome),
            f.told,
        ]
        for f in findings
    ]
    caption = (
        "* Primary: what these say is adjusted for their number (Holm); the others are exploratory."
    )
    return Table(["hypothesis", "sentence", "outcome", "measured"], lines, caption=caption)


def _evidence(finding: Finding, outcome: Outcome) -> Evidence:
    return finding.reversed if outcome == Outcome.REVERSED else finding.supported
