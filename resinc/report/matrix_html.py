"""The matrix of hypotheses as HTML: the page of all results opens with it.

A row is a native <details>: nothing here needs JavaScript.
"""

import html
import re
from collections.abc import Sequence

from resinc.report import figure as figure_lib
from resinc.report.archive import Result
from resinc.report.chart import GRID_CAPTION, Panel
from resinc.report.glossary import GLOSSARY, MEANINGS
from resinc.report.matrix import NOT_RUN, Entry, Found, Group, tally
from resinc.report.outcome import Outcome, capital
from resinc.report.page import data_url, described, scrolling, sentence
from resinc.report.question import DATASETS

# Of 16 by 16, drawn in the ink of their word: shapes tell them apart where colours do not.
SYMBOLS = {
    Outcome.SUPPORTED: '<path d="M2.5 8.5l4 4 7-9"/>',
    Outcome.REVERSED: '<path d="M3 3l10 10M13 3L3 13"/>',
    Outcome.IMMATERIAL: '<path d="M2 6q3-3 6 0t6 0M2 11q3-3 6 0t6 0"/>',
    Outcome.UNDECIDED: '<path d="M5 5.5q0-3 3-3t3 2.6q0 2-3 3.6v1.6M8 13v.6"/>',
    Outcome.UNTESTABLE: '<circle cx="8" cy="8" r="5.5"/><path d="M4 12L12 4"/>',
    NOT_RUN: '<path d="M4.5 8h7"/>',
}

NOT_ASKED = '<span class="clause">not asked</span>'


def section(groups: Sequence[Group]) -> str:
    """The rows under their questions, and what their words mean."""
    head = "".join(f"<span>{name}</span>" for name in (*DATASETS.values(), "literature"))
    counts = "".join(f"<p>{sentence(tally(groups, name))}.</p>\n" for name in DATASETS)
    rows = "\n".join(map(_group, groups))
    return (
        f'<svg hidden width="0" height="0">{_symbols()}</svg>\n'
        f'<section class="matrix">\n<div class="counts">\n{counts}</div>\n'
        f'<div class="columns head" aria-hidden="true"><span>hypothesis</span>{head}</div>\n'
        f'{rows}\n<p class="caption">* Primary: fixed before the runs as those that count; what '
        "they say is adjusted for their number. The others are exploratory.</p>\n</section>\n"
        f'<section>\n<h2 id="words">What the words mean</h2>\n<dl>\n{_meanings()}\n'
        f"{described(GLOSSARY)}\n</dl>\n</section>\n"
    )


def first_map(results: Sequence[Result]) -> str:
    """The heat maps of the first result that has any: the one figure above the matrix."""
    if not (result := _first_with_maps(results)):
        return ""
    title = result.report.title
    return f"<figure>\n{_drawing('map', title, f'{title}. {GRID_CAPTION}')}\n</figure>\n"


def map_png(results: Sequence[Result]) -> bytes | None:
    """The same figure as a picture; None where there is none."""
    result = _first_with_maps(results)
    return figure_lib.to_png(figure_lib.draw(_maps(result), tall=False)) if result else None


def details(results: Sequence[Result], base: str) -> str:
    """Each result as a whole: figure, further numbers, files, method; facts after the others.

    Args:
      results: those without findings are facts.
      base: path from the page to their folders, "" or ending in "/".
    """
    parts = {
        "results": ("Experiments, one by one", [r for r in results if r.report.findings]),
        "facts": ("Facts", [r for r in results if not r.report.findings]),
    }
    return "".join(
        f'<section class="matrix">\n<h2 id="{name}">{title}</h2>\n'
        + "\n".join(_result(result, base) for result in group)
        + "\n</section>\n"
        for name, (title, group) in parts.items()
        if group
    )


def drawings(results: Sequence[Result]) -> str:
    """CSS: every figure once, however often the page shows it."""
    panels = {_class(result.name): result.report.panels for result in results}
    if first := _first_with_maps(results):
        panels["drawing-map"] = _maps(first)
    rules = []
    for name, shown in panels.items():
        figure = figure_lib.draw(shown, tall=False)
        width, height = figure.get_size_inches()
        rules.append(
            f".{name}{{aspect-ratio:{width:g}/{height:g};min-width:{18 * min(2, len(shown))}rem;"
            f'background-image:url("{data_url(figure_lib.to_svg(figure))}")}}'
        )
    return "\n".join(rules)


def _first_with_maps(results: Sequence[Result]) -> Result | None:
    return next(filter(_maps, results), None)


def _maps(result: Result) -> list[Panel]:
    return [panel for panel in result.report.panels if panel.grid and not panel.empty]


def _class(name: str) -> str:
    return "drawing-" + re.sub(r"[^\w-]", "_", name)


def _drawing(name: str, title: str, caption: str) -> str:
    title, caption = html.escape(title), html.escape(caption)
    return (
        f'<div class="scroll" role="region" aria-label="Figure: {title}" tabindex="0">'
        f'<div class="drawing {_class(name)}" role="img" aria-label="{title}. {caption}"></div>'
        f'</div>\n<p class="caption">{caption}</p>'
    )


def _group(group: Group) -> str:
    question, entries = group
    rows = "\n".join(map(_row, entries))
    return (
        f'<h2 id="{question.name}">{html.escape(question.title)}</h2>\n'
        f'<p class="story">The story: “{html.escape(question.story)}”</p>\n{rows}'
    )


def _row(entry: Entry) -> str:
    stated = entry.stated
    words = capital(stated.sentence)
    cells = "".join(
        _cell(title, "".join(_word(*cell) for cell in entry.outcomes(name)) or NOT_ASKED)
        for name, title in DATASETS.items()
    )
    literature = sentence(stated.literature) or "–"
    cells += _cell("literature", f'<span class="clause">{literature}</span>')
    told = "".join(_told(one) for found in entry.found.values() for one in found)
    source = f"<p>Literature: {literature} ({html.escape(stated.source)}).</p>\n"
    return (
        f'<details id="{stated.id}">\n<summary class="columns">'
        f'<span class="hypothesis">{html.escape(words)}{"&nbsp;*" * stated.primary}</span>'
        f"{cells}</summary>\n"
        f'<div class="opened">\n{told or "<p>No run has been made for this yet.</p>"}\n'
        f'{source if stated.literature else ""}<p class="caption"><code>{stated.id}</code></p>'
        "</div>\n</details>"
    )


def _cell(column: str, content: str) -> str:
    return f'<span class="cell"><span class="column">{column}: </span>{content}</span>'


def _told(found: Found) -> str:
    finding, result = found
    facts = dict(result.facts)
    parts = "".join(
        f"<li>{html.escape(part.sentence)}: {_word(part.outcome)}</li>" for part in finding.parts
    )
    origin = "; ".join(
        f"{'seeds ' * (what == 'Seeds')}{facts[what]}"
        for what in ("Seeds", "Device", "Code", "Time")
        if facts.get(what)
    )
    rule = capital(finding.rule)
    before = described([("Rule", rule), ("Measured", finding.told)])
    command = [("Command", facts["Command"])] if facts.get("Command") else []
    after = described([*command, ("Provenance", origin or "unknown")])
    badge = _word(*found.outcome)
    return (
        f"<h3>{html.escape(result.report.title)} {badge}</h3>\n"
        + (f"<ul>{parts}</ul>\n" if parts else "")
        + f"<dl>\n{before}\n</dl>\n"
        + _drawing(result.name, result.report.title, result.report.caption)
        + f"<dl>\n{after}\n<div><dt>More</dt><dd>"
        + f'<a href="#result-{html.escape(result.name)}">numbers, files, method</a></dd></div>'
        + "\n</dl>\n"
    )


def _result(result: Result, base: str) -> str:
    name, report, facts = result
    title, folder = html.escape(report.title), html.escape(base + name)
    # What stands in the rows is not said again; facts have no row.
    answer = "" if report.findings else f"<p>{sentence(report.answer)}</p>\n"
    numbers = scrolling(report.table, f"Numbers of {title}") if report.table else ""
    notes = "".join(f"<li>{sentence(note)}</li>" for note in report.notes)
    return (
        f'<details id="result-{html.escape(name)}">\n<summary>'
        f'<span class="hypothesis">{title}</span></summary>\n<div class="opened">\n{answer}'
        f"{_drawing(name, report.title, report.caption)}\n{numbers}"
        + (f'<ul class="notes">{notes}</ul>\n' if notes else "")
        + f"<dl>\n{described(facts)}\n</dl>\n<p>As files: "
        f'<a href="{folder}/figure.pdf">figure</a>, <a href="{folder}/runs.csv">all runs</a>, '
        f'<a href="{folder}/index.html">page of this result</a>.</p>\n</div>\n</details>'
    )


def _word(outcome: str, more: str = "") -> str:
    kind = _kind(outcome)
    return (
        f'<span class="outcome {kind}"><svg class="symbol" viewBox="0 0 16 16" aria-hidden="true">'
        f'<use href="#symbol-{kind}"/></svg>{outcome}{more}</span>'
    )


def _kind(outcome: str) -> str:
    return str(outcome).replace(" ", "-")


def _symbols() -> str:
    return "".join(
        f'<symbol id="symbol-{_kind(outcome)}" viewBox="0 0 16 16">{shape}</symbol>'
        for outcome, shape in SYMBOLS.items()
    )


def _meanings() -> str:
    return "\n".join(
        f"<div><dt>{_word(outcome)}</dt><dd>{html.escape(text)}</dd></div>"
        for outcome, text in MEANINGS
    )
