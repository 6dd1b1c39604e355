"""One self-contained HTML page: answer, figure, numbers, method, state of every cell."""

import base64
import html
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from string import Template
from typing import Any

from resinc.duration import duration
from resinc.report.outcome import findings_table
from resinc.report.report import Report
from resinc.report.rows import Row
from resinc.report.style import document
from resinc.report.table import Table
from resinc.runs.status import CellState

BODY = Template("""<figure>
<picture>
<source media="(max-width: 820px)" srcset="$tall">
<img src="$wide" alt="$alt">
</picture>
<figcaption>$caption</figcaption>
</figure>
$notes
<section aria-labelledby="numbers">
<h2 id="numbers">The numbers</h2>
$tables
</section>
<section aria-labelledby="method">
<h2 id="method">How it was measured</h2>
<dl>
$method
</dl>
</section>
<section aria-labelledby="cells">
<h2 id="cells">Every run</h2>
<p>$states</p>
<div class="scroll" role="region" aria-label="State of every run" tabindex="0">
$cells
</div>
</section>
<footer>
<p>As files: <a href="figure.pdf">figure (PDF)</a>, <a href="figure.png">figure (PNG)</a>,
<a href="table.md">table (Markdown)</a>, <a href="runs.csv">all runs (CSV)</a>.</p>
</footer>
""")

# Of a commit: what ran is not what it holds.
UNCOMMITTED = "with uncommitted changes"

# What the words mean is the same in every experiment.
MEANINGS = (
    (
        "Training error",
        "in the table: exact over the training split at the last step, in evaluation mode, without "
        "augmentation. In the curves: mean over the window since the point before, in training "
        "mode, with the augmentation that the network was trained on.",
    ),
    (
        "Test set",
        "evaluated, never selected on: every number is that of the last step, not of the best.",
    ),
)


def page(
    report: Report, rows: Sequence[Row], about: Mapping[str, Any], wide: str, tall: str
) -> str:
    """The page as text.

    Args:
      report: of the experiment.
      rows: all cells.
      about: may hold "command", the command line of the sweep.
      wide: the figure as SVG, panels side by side.
      tall: the same, panels below each other, for narrow screens.
    """
    facts = [*measured(rows, about), *MEANINGS, *rules_of(report), *report.method]
    notes = "".join(f"<li>{html.escape(note)}</li>\n" for note in report.notes)
    body = BODY.substitute(
        alt=html.escape(f"{report.title}. {report.answer} {report.caption}", quote=True),
        wide=data_url(wide),
        tall=data_url(tall),
        caption=html.escape(report.caption),
        notes=f'<ul class="notes">\n{notes}</ul>' if notes else "",
        tables="\n".join(scrolling(table, "Results") for table in tables(report)),
        method=described(facts),
        states=html.escape(states(rows)),
        cells=cells(rows).html(),
    )
    return document(html.escape(report.title), sentence(report.answer), body)


def tables(report: Report) -> list[Table]:
    """What the runs say of each hypothesis, and the further numbers; without what is empty."""
    findings = [findings_table(report.findings)] if report.findings else []
    return [*findings, *([report.table] if report.table else [])]


def rules_of(report: Report) -> list[tuple[str, str]]:
    """(hypothesis, how it is decided) pairs."""
    return [(finding.id, finding.rule) for finding in report.findings]


def scrolling(table: Table, name: str) -> str:
    """As HTML, that does not make its page wider; `name`, already HTML, is read out."""
    return (
        f'<div class="scroll" role="region" aria-label="{name}" tabindex="0">\n'
        f'{table.html()}\n</div>\n<p class="caption">{html.escape(table.caption)}</p>'
    )


def states(rows: Sequence[Row]) -> str:
    """e.g. "14 of 16 runs done, 1 diverged, 1 unfinished."."""
    counts = Counter(row.state for row in rows)
    done = counts.pop(CellState.DONE, 0)
    words = {CellState.NEW: "not started"}
    rest = [f", {counts[s]} {words.get(s, s.value)}" for s in CellState if counts[s]]
    return f"{done} of {len(rows)} runs done{''.join(rest)}."


def cells(rows: Sequence[Row]) -> Table:
    """State of every cell; those that are not done come first."""
    order = sorted(rows, key=lambda row: row.done)
    lines = [
        [
            row.name,
            ("not started" if row.state == CellState.NEW else row.state.value)
            + (f": {row.message}" if row.message and not row.done else ""),
            f"{row.step:,} of {row.steps:,}" if row.steps else "–",
            duration(row.seconds) if row.seconds else "–",
        ]
        for row in order
    ]
    return Table(["run", "state", "steps", "time"], lines, numeric=2)


def measured(rows: Sequence[Row], about: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the runs' own provenance says; values that differ between runs are all listed."""
    facts = [("Command", str(about["command"]))] if about.get("command") else []
    if about.get("tags"):
        facts.append(("Tags", ", ".join(about["tags"])))
    if about.get("note"):
        facts.append(("Note", str(about["note"])))
    origins = [
        {**row.provenance, **start}
        for row in rows
        for start in row.provenance.get("starts") or [row.provenance]
        if row.provenance
    ]
    steps = sorted({row.step for row in rows if row.done})
    seeds = sorted({row.config["seed"] for row in rows if "seed" in row.config})
    facts += [
        ("Steps really run", ", ".join(f"{step:,}" for step in steps) or "no run is done"),
        ("Seeds", ", ".join(map(str, seeds)) or "unknown"),
    ]
    if not origins:
        return facts
    data = [origin.get("data") or {} for origin in origins]
    split = (
        "{train_size:,} for training, {validation_size:,} for validation, {test_size:,} for test; "
        "split seed {split_seed}"
    )
    device = "{device_count} × {device_kind} ({platform}), {replicas} data-parallel"
    versions = [origin.get("versions") or {} for origin in origins]
    facts += [
        ("Data", _each(data, "{name}, checksum {checksum}")),
        ("Split", _each(data, split)),
        ("Device", _each(origins, device)),
        (
            "Versions",
            _distinct(", ".join(f"{k} {v}" for k, v in sorted(d.items())) for d in versions),
        ),
        ("Code", _distinct(_commit(origin) for origin in origins)),
        (
            "Time",
            f"{duration(sum(row.seconds for row in rows))} over all runs, "
            "compilation included; runs side by side share the machine",
        ),
    ]
    return [(what, how) for what, how in facts if how]


def _each(values: Sequence[Mapping[str, Any]], form: str) -> str:
    texts = []
    for value in values:
        try:
            texts.append(form.format_map(value))
        except (KeyError, ValueError, TypeError):
            continue
    return _distinct(texts)


def _distinct(texts: Any) -> str:
    return "; ".join(sorted(set(filter(None, texts))))


def _commit(origin: Mapping[str, Any]) -> str:
    commit = str(origin.get("git_commit") or "")
    changed = f" {UNCOMMITTED}" if origin.get("git_dirty") else ""
    return f"commit {commit[:12]}{changed}" if commit else ""


def sentence(text: str) -> str:
    """As HTML, with a number and its unit on one line."""
    return re.sub(r"(\d) (%|layers|steps|seeds|times)", r"\1&nbsp;\2", html.escape(text))


def described(facts: Sequence[tuple[str, str]]) -> str:
    """(what, how) pairs as the entries of a description list."""
    return "\n".join(
        f"<div><dt>{html.escape(what)}</dt><dd>{_fact(what, how)}</dd></div>" for what, how in facts
    )


def _fact(what: str, how: str) -> str:
    text = html.escape(how)
    return f"<code>{text}</code>" if what == "Command" else text


def data_url(svg: str) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
