"""Copy results into the folder of reference results; whatever a user runs writes elsewhere."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from resinc.errors import InputError
from resinc.file_paths import show
from resinc.report import FILES, matrix_markdown, overview
from resinc.report.archive import FILE, Result, read_result
from resinc.report.page import UNCOMMITTED
from resinc.report.question import Question


def publish(
    results: Sequence[Path],
    folder: Path,
    questions: Sequence[Question] = (),
    readme: Path | None = None,
) -> list[Path]:
    """Copy what `resinc report` wrote, a folder each, and write the page of all results again.

    Args:
      results: folders of one result each, or of several such folders.
      folder: of the published results; one of the same name is replaced.
      questions: of the page.
      readme: a Markdown file that takes the matrix of all published results.

    Returns:
      The folders written, and last the page.

    Raises:
      InputError: a folder holds no result, or one that nobody could make again: of uncommitted
        code, of an unknown commit, or without the command; or the file has no place for the
        matrix; nothing was written.
    """
    found = [result for given in results for result in _results(given)]
    for path in found:
        _check(path, read_result(path))
    if readme:
        matrix_markdown.check_place(readme)
    written = []
    for path in found:
        target = folder / path.name
        try:
            target.mkdir(parents=True, exist_ok=True)
            for file in FILES:
                shutil.copyfile(path / file, target / file)
        except OSError as error:
            raise InputError(f"cannot publish {show(path)}: {error}") from None
        written.append(target)
    return [*written, overview.write(folder, folder / "index.html", questions, readme)]


def _results(given: Path) -> list[Path]:
    if (given / FILE).exists():
        return [given]
    inside = sorted(path.parent for path in given.glob(f"*/{FILE}"))
    if not inside:
        raise InputError(f"nothing to publish in {show(given)}: it holds no {FILE}")
    return inside


def _check(path: Path, result: Result) -> None:
    facts = dict(result.facts)
    code = facts.get("Code", "")
    if UNCOMMITTED in code:
        raise InputError(
            f"{show(path)} may not be published: its runs are of {code}; commit, and run again "
            "from a clean checkout"
        )
    for fact, what in (("Code", "commit"), ("Command", "command")):
        if not facts.get(fact):
            raise InputError(
                f"{show(path)} may not be published: it does not say which {what} made it"
            )
