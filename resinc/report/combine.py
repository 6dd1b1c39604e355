"""Several comparisons that make one hypothesis."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from resinc.report.inference import Evidence
from resinc.report.outcome import Finding, Outcome
from resinc.report.rows import Row

TESTED = ", with "  # So begins, in the rule of a comparison, how it is tested.


class Hypothesis(Protocol):
    """What can be put to the test: a Comparison, or several."""

    @property
    def id(self) -> str: ...
    @property
    def sentence(self) -> str: ...
    @property
    def primary(self) -> bool: ...
    @property
    def rule_text(self) -> str: ...
    @property
    def least(self) -> tuple[float, float]: ...
    def judge(self, rows: Sequence[Row]) -> Finding: ...


@dataclass(frozen=True)
class Combined:
    """Made by `all_of` and `any_of`."""

    id: str
    sentence: str
    parts: tuple[Hypothesis, ...]
    every: bool
    primary: bool = False

    @property
    def rule_text(self) -> str:
        """How it is decided, in words."""
        word = "All" if self.every else "At least one"
        texts = [part.rule_text for part in self.parts]
        # How it is tested is told once where it is the same of all.
        heads, _, tails = zip(*(text.partition(TESTED) for text in texts), strict=True)
        if len(set(tails)) == 1 and tails[0]:
            listed = "; ".join(f"({i}) {head}" for i, head in enumerate(heads, 1))
            listed += f", each{TESTED.lstrip(',')}{tails[0]}"
        else:
            listed = " ".join(f"({i}) {text}" for i, text in enumerate(texts, 1))
        return f"{word} of {len(self.parts)} must be supported: {listed}"

    @property
    def least(self) -> tuple[float, float]:
        """The smallest p-values that so many runs can give for the sentence and its opposite."""
        supported, opposed = zip(*(part.least for part in self.parts), strict=True)
        count = len(self.parts)
        if self.every:
            return max(supported), min(1.0, count * min(opposed))
        return min(1.0, count * min(supported)), max(opposed)

    def judge(self, rows: Sequence[Row]) -> Finding:
        """What the runs say; see Comparison.judge."""
        found = [part.judge(rows) for part in self.parts]
        supported, opposed = [f.supported for f in found], [f.reversed for f in found]
        evidence = (
            (_weakest(supported), _strongest(opposed))
            if self.every
            else (_strongest(supported), _weakest(opposed))
        )
        outcome = self._outcome([f.outcome for f in found], *evidence)
        told = " ".join(f"({i}) {f.text}" for i, f in enumerate(found, 1))
        word = "all" if self.every else "at least one"
        told += f" Of these {len(found)} {word} must hold."
        return Finding(
            self.id,
            self.sentence,
            self.rule_text,
            outcome,
            told,
            self.primary,
            *evidence,
            parts=tuple(found),
        )

    def _outcome(self, parts: list[Outcome], supported: Evidence, opposed: Evidence) -> Outcome:
        # Whatever the missing runs say, one part that is reversed decides against all of them, and
        # one that is supported decides for any of them.
        decisive, other = (
            (Outcome.REVERSED, Outcome.SUPPORTED)
            if self.every
            else (Outcome.SUPPORTED, Outcome.REVERSED)
        )
        if decisive in parts and (opposed if self.every else supported).holds():
            return decisive
        if all(part == other for part in parts):
            return other
        for outcome in (Outcome.UNTESTABLE, Outcome.UNDECIDED):
            if outcome in parts:
                return outcome
        return Outcome.UNDECIDED if decisive in parts else Outcome.IMMATERIAL


def all_of(id: str, sentence: str, *parts: Hypothesis, primary: bool = False) -> Combined:
    """A sentence that holds where all its parts do; the opposite of one is its opposite."""
    return Combined(id, sentence, parts, True, primary)


def any_of(id: str, sentence: str, *parts: Hypothesis, primary: bool = False) -> Combined:
    """A sentence that holds where one of its parts does; its opposite is that of all of them."""
    return Combined(id, sentence, parts, False, primary)


def _weakest(parts: list[Evidence]) -> Evidence:
    """That all hold: each at the full level (Berger 1982)."""
    return Evidence(max(p.p for p in parts), all(p.seeds for p in parts))


def _strongest(parts: list[Evidence]) -> Evidence:
    """That one holds: so many chances are paid for (Bonferroni)."""
    best = min(parts, key=lambda part: part.p)
    return Evidence(min(1.0, len(parts) * best.p), best.seeds)
