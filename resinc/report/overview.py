"""One self-contained page of all results: the matrix of hypotheses, figures, numbers, commands."""

import os
from collections.abc import Sequence
from pathlib import Path

from resinc.file_paths import writing
from resinc.report import matrix_html, matrix_markdown
from resinc.report.archive import Result, read_results
from resinc.report.matrix import matrix
from resinc.report.question import Question
from resinc.report.style import document

QUESTION = "Why do residual and inception networks work?"
MAP = "map.png"
MATRIX_CSS = (Path(__file__).parent / "matrix.css").read_text(encoding="utf-8")


def write(
    folder: Path, out: Path, questions: Sequence[Question] = (), readme: Path | None = None
) -> Path:
    """Write the page of all results below `folder`, and beside it its first figure as map.png.

    Args:
      folder: holds a folder per result, as `resinc report` writes them.
      out: file to write; links to the results are relative to it.
      questions: rows of the matrix.
      readme: a Markdown file that takes the matrix, too.

    Raises:
      InputError: no result, a damaged one, a file that cannot be written, or no place for the
        matrix in it.
    """
    results = read_results(folder)
    if readme:
        matrix_markdown.check_place(readme)
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(page(results, _from(out.parent, folder), questions), encoding="utf-8")
        if picture := matrix_html.map_png(results):
            (out.parent / MAP).write_bytes(picture)
    if readme:
        matrix_markdown.write(readme, matrix(questions, results))
    return out


def page(results: Sequence[Result], base: str = "", questions: Sequence[Question] = ()) -> str:
    """The page as text.

    Args:
      results: in the order in which they are shown.
      base: path from the page to their folders, "" or ending in "/".
      questions: rows of the matrix.
    """
    parts = (
        matrix_html.first_map(results),
        matrix_html.section(matrix(questions, results)),
        matrix_html.details(results, base),
    )
    return document(
        QUESTION,
        QUESTION,
        "".join(parts),
        kicker="resinc: the common story, sentence by sentence, put to the test",
        css=MATRIX_CSS + matrix_html.drawings(results),
    )


def _from(start: Path, folder: Path) -> str:
    path = os.path.relpath(folder.resolve(), start.resolve())
    return "" if path == "." else f"{Path(path).as_posix()}/"
