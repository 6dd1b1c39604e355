"""Which outcomes repeat: results of one's own beside those that are published here.

    python -m experiments.repeated runs/results

prints a Markdown table of all hypotheses that both have decided, or tried to.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from experiments.questions import QUESTIONS
from resinc.errors import InputError
from resinc.exit_status import exit_status
from resinc.report.archive import Result, read_results
from resinc.report.matrix import Found, matrix
from resinc.report.matrix_markdown import hypothesis, word
from resinc.report.question import DATASETS
from resinc.report.table import Table

PUBLISHED = Path(__file__).parent / "results"


class Pair(NamedTuple):
    """A hypothesis on one data set, twice.

    Attributes:
      dataset: a key of DATASETS.
      published: what was said first.
      again: what was said by other runs.
    """

    dataset: str
    published: Found
    again: Found

    @property
    def unfinished(self) -> bool:
        """Whether either lacks runs, so that nothing has been repeated yet."""
        return self.published.finding.unfinished or self.again.finding.unfinished

    @property
    def differs(self) -> bool:
        return not self.unfinished and self.published.outcome != self.again.outcome


def pairs(published: Sequence[Result], again: Sequence[Result]) -> Iterator[Pair]:
    """Every hypothesis of which both say something, in the order of the questions."""
    for (_, first), (_, second) in zip(
        matrix(QUESTIONS, published), matrix(QUESTIONS, again), strict=True
    ):
        for one, other in zip(first, second, strict=True):
            for name in DATASETS:
                if name in one.found and name in other.found:
                    yield Pair(name, one.found[name][0], other.found[name][0])


def markdown(found: Sequence[Pair]) -> str:
    """How many repeat; all of them in a table; what was measured where they differ.

    Raises:
      InputError: none is there twice.
    """
    if not found:
        raise InputError("no hypothesis has a result in both folders: there is nothing to compare")
    differ = [pair for pair in found if pair.differs]
    open_ = sum(pair.unfinished for pair in found)
    counts = [
        f"{len(found) - len(differ) - open_} came out as before",
        f"{len(differ)} otherwise",
        *([f"{open_} lack runs"] if open_ else []),
    ]
    table = Table(["hypothesis", "data", "published", "again"], [*map(_line, found)]).markdown()
    parts = [f"Of {len(found)} hypotheses {', '.join(counts)}.", table.rstrip()]
    for pair in differ:
        first, second = pair.published.finding, pair.again.finding
        parts.append(f"**{first.id}**, published: {first.text}\n\nAgain: {second.text}")
    return "\n\n".join(parts) + "\n"


def _line(pair: Pair) -> list[str]:
    first, second = (word(*found.outcome) for found in (pair.published, pair.again))
    again = f"**{second}**" if pair.differs else second
    return [hypothesis(pair.published.finding), DATASETS[pair.dataset], first, again]


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m experiments.repeated", description=__doc__)
    parser.add_argument("folder", type=Path, help="of results, as `make evidence` writes them")
    parser.add_argument("--published", type=Path, default=PUBLISHED, help="of those to compare to")
    args = parser.parse_args(argv)
    print(markdown([*pairs(read_results(args.published), read_results(args.folder))]), end="")
    return 0


if __name__ == "__main__":
    sys.exit(exit_status("repeated", main))
