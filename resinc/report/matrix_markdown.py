"""The matrix of hypotheses in a Markdown file, such as the README, between two marks."""

from collections.abc import Sequence
from pathlib import Path

from resinc.errors import InputError
from resinc.file_paths import writing
from resinc.report.matrix import SIGNS, Entry, Group, tally
from resinc.report.outcome import Finding
from resinc.report.question import DATASETS, Stated
from resinc.report.table import Table

BEGIN, END = "<!-- matrix: written by `resinc overview` -->", "<!-- end of matrix -->"


def markdown(groups: Sequence[Group]) -> str:
    """The counts, then a table with a line per question and hypothesis."""
    counts = "; ".join(tally(groups, name) for name in DATASETS)
    counts = counts[:1] + counts[1:].replace("; Of", "; of")
    lines = []
    for question, entries in groups:
        lines.append([f"**{question.title}**", *([""] * (len(DATASETS) + 1))])
        lines += [_line(entry) for entry in entries]
    table = Table(["hypothesis", *DATASETS.values(), "literature"], lines)
    return f"{counts}.\n\n{table.markdown()}"


def _line(entry: Entry) -> list[str]:
    cells = [", ".join(word(*cell) for cell in entry.outcomes(name)) for name in DATASETS]
    stated = entry.stated
    literature = f"{stated.literature} ({stated.source})" if stated.literature else ""
    return [hypothesis(stated), *cells, literature]


def hypothesis(stated: Stated | Finding) -> str:
    """Its sentence, with a star where it is primary."""
    return stated.sentence + " \\*" * stated.primary


def word(outcome: str, more: str) -> str:
    """An outcome or NOT_RUN and what follows it, with its sign."""
    return f"{SIGNS[outcome]} {outcome}{more}"


def put(text: str, groups: Sequence[Group]) -> str:
    """The text of a file with the matrix between its two marks.

    Raises:
      InputError: it does not have them.
    """
    before, after = _around(text)
    return f"{before}{BEGIN}\n{markdown(groups)}{END}{after}"


def _around(text: str) -> tuple[str, str]:
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise InputError(f"there is no place for the matrix: {BEGIN!r}, and below it {END!r}")
    return before, after


def check_place(file: Path) -> None:
    """Check that a file can take the matrix.

    Raises:
      InputError: it cannot be read, or has no place for it.
    """
    with writing(file):
        _around(file.read_text(encoding="utf-8"))


def write(file: Path, groups: Sequence[Group]) -> None:
    """Put the matrix into a file.

    Raises:
      InputError: it cannot be read or written, or has no place for it.
    """
    with writing(file):
        text = put(file.read_text(encoding="utf-8"), groups)
        file.write_text(text, encoding="utf-8")
