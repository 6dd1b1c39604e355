"""A small table as Markdown and HTML, and one CSV line per run."""

import csv
import html
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resinc.report.rows import Row, varying

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Table:
    """Text cells; `numeric` counts the columns from the right that are aligned right."""

    header: Sequence[str]
    lines: Sequence[Sequence[str]]
    numeric: int = 0
    caption: str = ""

    def markdown(self) -> str:
        left = len(self.header) - self.numeric
        rule = [":--" if i < left else "--:" for i in range(len(self.header))]
        lines = [self.header, rule, *self.lines]
        text = "\n".join("| " + " | ".join(map(_escaped, line)) + " |" for line in lines)
        return text + "\n" + (f"\n{self.caption}\n" if self.caption else "")

    def html(self) -> str:
        """Without the caption, which must not scroll away with a wide table."""
        left = len(self.header) - self.numeric

        def cell(i: int, text: str, tag: str, extra: str = "") -> str:
            kind = "" if i < left else ' class="number"'
            return f"<{tag}{extra}{kind}>{html.escape(text)}</{tag}>"

        head = "".join(cell(i, text, "th", ' scope="col"') for i, text in enumerate(self.header))
        body = "\n".join(
            "<tr>" + "".join(cell(i, text, "td") for i, text in enumerate(line)) + "</tr>"
            for line in self.lines
        )
        return f"<table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table>"


def runs_csv(rows: Sequence[Row], about: Mapping[str, Any] | None = None) -> str:
    """One line per cell, as `pandas.read_csv` takes it.

    Its labels and the config fields in which the cells differ, state, final errors (fractions) and
    losses, where it ran; the sweep's tags where `about`, of its sweep.json, has some. A label that
    is called as another column gets "label." before its name.
    """
    fields = varying(list(rows))
    finals = [f"{split}_{what}" for split in SPLITS for what in ("error", "loss")]
    origin = ["git_commit", "git_dirty", "platform", "device", "device_count", "data_checksum"]
    fixed = ["state", "step", "steps", *finals, "seconds", *origin, "message"]
    tags = (about or {}).get("tags", ())
    # An axis of a sweep is a label and a field alike.
    labels = [n for n in dict.fromkeys(n for row in rows for n in row.labels) if n not in fields]
    called = [f"label.{name}" if name in ("name", "tags", *fixed) else name for name in labels]
    header = ["name", *called, *fields, *fixed, *(["tags"] if tags else [])]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        points = [row.final(split) for split in SPLITS]
        values = [v for p in points for v in ((p.error, p.loss) if p else ("", ""))]
        origins = [
            *(row.provenance.get(name, "") for name in ("git_commit", "git_dirty", "platform")),
            row.provenance.get("device_kind", ""),
            row.provenance.get("device_count", ""),
            (row.provenance.get("data") or {}).get("checksum", ""),
        ]
        labelled = [row.labels.get(name, "") for name in labels]
        varied = [_field(name, row.config.get(name, "")) for name in fields]
        start = [row.name, *labelled, *varied, row.state, row.step, row.steps]
        end = [row.seconds, *origins, row.message, *([" ".join(tags)] if tags else [])]
        writer.writerow([*start, *values, *end])
    return out.getvalue()


def _field(name: str, value: Any) -> Any:
    if name == "init_from":
        return Path(value).name  # Of the run, wherever it lay.
    return json.dumps(value) if isinstance(value, list | tuple | dict) else value


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
