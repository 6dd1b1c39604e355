"""A report as a JSON file, from which the page of all results is made without the runs."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from resinc.errors import InputError
from resinc.report.chart import Grid, Line, Panel
from resinc.report.inference import Evidence
from resinc.report.outcome import Finding, Outcome
from resinc.report.report import Report
from resinc.report.table import Table

FILE = "report.json"
_DIGITS = 6  # Of numbers in figures: more than any eye or hover text resolves.


class Result(NamedTuple):
    """A report as it was written.

    Attributes:
      name: of its folder.
      report: see there.
      facts: (what, how) pairs of how it was measured: command, device, time, versions.
    """

    name: str
    report: Report
    facts: Sequence[tuple[str, str]]


def to_json(report: Report, facts: Sequence[tuple[str, str]]) -> str:
    """The content of report.json; the same report gives the same bytes."""
    fields = {name: getattr(report, name) for name in Report.__dataclass_fields__}
    fields |= {
        "panels": [
            _fields(panel) | {"lines": [*map(_fields, panel.lines)]} for panel in report.panels
        ],
        "table": dataclasses.asdict(report.table) if report.table else None,
        "findings": [dataclasses.asdict(finding) for finding in report.findings],
        "facts": list(facts),
    }
    return json.dumps(fields, indent=1, ensure_ascii=False) + "\n"


def from_json(name: str, text: str) -> Result:
    """The inverse of `to_json`.

    Raises:
      ValueError, KeyError, TypeError: it is not such a file.
    """
    fields = json.loads(text)
    facts = fields.pop("facts")
    fields["table"] = Table(**fields["table"]) if fields["table"] else None
    fields["findings"] = tuple(map(_finding, fields["findings"]))
    fields["panels"] = [_panel(panel) for panel in fields["panels"]]
    fields["method"] = [(what, how) for what, how in fields["method"]]
    return Result(name, Report(**fields), [(what, how) for what, how in facts])


def read_results(folder: Path) -> list[Result]:
    """Every report.json one level below `folder`, by name, those of the digits first.

    Raises:
      InputError: there is none, or one is damaged.
    """
    results = [read_result(path.parent) for path in sorted(folder.glob(f"*/{FILE}"))]
    if not results:
        raise InputError(f"no result in {str(folder)!r}: no folder in it holds a {FILE}")
    return sorted(results, key=lambda result: ("digits" not in result.name, result.name))


def read_result(folder: Path) -> Result:
    """The result that `resinc report` wrote into a folder.

    Raises:
      InputError: its report.json cannot be read.
    """
    path = folder / FILE
    try:
        return from_json(folder.name, path.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{str(path)!r} is not what `resinc report` writes: {error}") from None


def _fields(part: Line | Panel | Grid) -> dict[str, Any]:
    """Without what is as always, and without a panel's lines."""
    usual = part._field_defaults
    return {
        name: _rounded(value)
        for name, value in part._asdict().items()
        if name != "lines" and (name not in usual or value != usual[name])
    }


def _panel(fields: dict[str, Any]) -> Panel:
    lines = [Line(**line) for line in fields.pop("lines")]
    grid = fields.pop("grid", None)
    return Panel(**fields, lines=lines, grid=Grid(**grid) if grid else None)


def _finding(fields: dict[str, Any]) -> Finding:
    fields["outcome"] = Outcome(fields["outcome"])
    for side in ("supported", "reversed"):
        fields[side] = Evidence(*fields[side])
    return Finding(**fields | {"parts": tuple(map(_finding, fields["parts"]))})


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, Grid):
        return _fields(value)
    if value is None or isinstance(value, str | bool | int):
        return value
    return [_rounded(item) for item in value]
