"""From the folders of a sweep to a figure, a table and a page; no JAX anywhere."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from resinc.file_paths import writing
from resinc.report.archive import FILE, to_json
from resinc.report.chart import Line, Panel
from resinc.report.page import UNCOMMITTED, measured, page, rules_of, tables
from resinc.report.report import Report
from resinc.report.rows import Row, Sweep, read_rows, read_sweep
from resinc.report.table import Table, runs_csv

__all__ = [
    "FILES",
    "Line",
    "Panel",
    "Report",
    "Row",
    "Sweep",
    "Table",
    "read_rows",
    "read_sweep",
    "write",
]

NOT_REPRODUCIBLE = (
    "Runs of this result were made by code with uncommitted changes, which nobody else can have: "
    "it is for the eyes of whoever made it, and `resinc publish` refuses it."
)
FILES = ("figure.png", "figure.pdf", "table.md", "runs.csv", "index.html", FILE)


def write(
    report: Report,
    rows: Sequence[Row],
    out_dir: str | Path,
    about: Mapping[str, Any] | None = None,
) -> list[Path]:
    """Write figure.png, figure.pdf, table.md, runs.csv, index.html and report.json.

    Panels, and rows of dot plots, for which no run is done are left out and named, unless all
    panels are.

    Args:
      report: of the experiment.
      rows: all cells, the unfinished and the failed too.
      out_dir: created if need be.
      about: the sweep's own words, `read_sweep(root).about`; its "command" goes on the page.

    Returns:
      The paths written, in the order of FILES.

    Raises:
      InputError: the folder cannot be written.
    """
    from resinc.report import figure as figure_lib  # Matplotlib, which only this needs.

    out_dir = Path(out_dir)
    facts = measured(rows, about or {})
    if UNCOMMITTED in dict(facts).get("Code", ""):
        report = dataclasses.replace(report, notes=[*report.notes, NOT_REPRODUCIBLE])
    report = _without_what_is_empty(report)
    wide, tall = (figure_lib.draw(report.panels, tall) for tall in (False, True))
    table = f"**{report.answer}**\n"
    table += "".join(f"\n{part.markdown()}" for part in tables(report))
    table += "".join(f"\n{name}: {rule}\n" for name, rule in rules_of(report))
    table += "".join(f"\n{note}\n" for note in report.notes)
    contents = {
        "figure.png": figure_lib.to_png(wide),
        "figure.pdf": figure_lib.to_pdf(wide),
        "table.md": table.encode(),
        "runs.csv": runs_csv(rows, about).encode(),
        "index.html": page(
            report, rows, about or {}, figure_lib.to_svg(wide), figure_lib.to_svg(tall)
        ).encode(),
        FILE: to_json(report, [*facts, *report.method]).encode(),
    }
    with writing(out_dir):
        out_dir.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            (out_dir / name).write_bytes(contents[name])
    return [out_dir / name for name in FILES]


def _without_what_is_empty(report: Report) -> Report:
    if all(panel.empty for panel in report.panels):
        return report
    shown, missing = [], []
    for panel in report.panels:
        if panel.empty:
            missing.append(panel.title)
            continue
        shown.append(panel.without_empty_rows())
        if names := [f"'{name}'" for name in panel.names if name not in shown[-1].names]:
            missing.append(f"{panel.title} ({', '.join(names)})")
    notes = list(report.notes)
    if missing:
        notes.append(f"Left out of the figure, as no run for it is done: {'; '.join(missing)}.")
    return dataclasses.replace(report, panels=shown, notes=notes)
