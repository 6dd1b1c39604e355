"""All hypotheses by data set: what stands in the matrix of the page and of the README."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from resinc.report.archive import Result
from resinc.report.outcome import Finding, Outcome
from resinc.report.question import DATASETS, Question, Stated

NOT_RUN = "not run yet"
UNFINISHED_RUNS = "unfinished"  # Said behind "undecided".
# By which a reader of plain text tells them apart at a glance.
SIGNS: Mapping[str, str] = {
    Outcome.SUPPORTED: "✓",
    Outcome.REVERSED: "✗",
    Outcome.IMMATERIAL: "≈",
    Outcome.UNDECIDED: "?",
    Outcome.UNTESTABLE: "⊘",
    NOT_RUN: "–",
}


class Found(NamedTuple):
    """A finding and the result that it is from."""

    finding: Finding
    result: Result

    @property
    def outcome(self) -> tuple[str, str]:
        """(outcome, what follows it)."""
        return self.finding.outcome, f" ({UNFINISHED_RUNS})" * self.finding.unfinished


@dataclass(frozen=True)
class Entry:
    """A row.

    Attributes:
      stated: the hypothesis.
      found: data set -> what its results say of it; without those that say nothing yet.
    """

    stated: Stated
    found: Mapping[str, Sequence[Found]]

    def outcomes(self, dataset: str) -> list[tuple[str, str]]:
        """(outcome or NOT_RUN, what follows it) of a cell; [] where it is not asked there."""
        found = self.found.get(dataset, ())
        if not found:
            return [(NOT_RUN, "")] if dataset in self.stated.datasets else []
        return [one.outcome for one in found]


class Group(NamedTuple):
    """The rows of one question."""

    question: Question
    entries: Sequence[Entry]


def matrix(questions: Sequence[Question], results: Sequence[Result]) -> list[Group]:
    """Every hypothesis, run or not, in the order of the questions.

    Args:
      questions: what is not among their hypotheses is left out.
      results: of all experiments and data sets.
    """
    found: dict[tuple[str, str], list[Found]] = {}
    for result in results:
        for finding in result.report.findings:
            place = (finding.id, dataset_of(result))
            found.setdefault(place, []).append(Found(finding, result))
    # Of a sweep that was not meant for them, where another one decides.
    for place, group in found.items():
        found[place] = [one for one in group if not one.finding.unfinished] or group[:1]

    def entry(stated: Stated) -> Entry:
        by_set = {name: found[stated.id, name] for name in DATASETS if (stated.id, name) in found}
        return Entry(stated, by_set)

    return [Group(question, [*map(entry, question.hypotheses)]) for question in questions]


def dataset_of(result: Result) -> str:
    """A key of DATASETS, as its runs say or else the name of its folder; "" for none of them."""
    data = dict(result.facts).get("Data", "").partition(",")[0]
    return next((name for name in DATASETS if name in (data, *result.name.split("-"))), "")


def tally(groups: Sequence[Group], dataset: str) -> str:
    """e.g. "Of 26 hypotheses on digits, 12 are supported, 3 reversed, 11 not run yet"."""
    entries = [entry for group in groups for entry in group.entries]
    # Where two results decide, the first counts.
    firsts = [cell[0] for entry in entries if (cell := entry.outcomes(dataset))]
    cells = [more.strip(" ()") or outcome for outcome, more in firsts]
    counts = Counter(cells)
    parts = [f"{counts[kind]} {kind}" for kind in _order() if counts[kind]]
    parts[:1] = [
        f"{number} {'is' if number == '1' else 'are'} {kind}"
        for number, _, kind in (part.partition(" ") for part in parts[:1])
    ]
    return f"Of {len(cells)} hypotheses on {DATASETS[dataset]}, {', '.join(parts)}"


def _order() -> Iterator[str]:
    yield from Outcome
    yield UNFINISHED_RUNS
    yield NOT_RUN
