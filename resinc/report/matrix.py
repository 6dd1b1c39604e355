"""All hypotheses by data set and literature, as HTML: the page of all results opens with it.

A row is a native <details>: nothing here needs JavaScript.
"""

import html
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from resinc.report import figure as figure_lib
from resinc.report.archive import Result
from resinc.report.chart import Panel
from resinc.report.outcome import UNFINISHED, Finding, Outcome
from resinc.report.page import data_url, described, scrolling, sentence
from resinc.report.question import Question, Stated
from resinc.report.report import Report

DATASETS = {"digits": "digits", "cifar10": "CIFAR-10"}
NOT_RUN = "not run"

# Of 16 by 16, drawn in the ink of their word: shapes tell them apart where colours do not.
SYMBOLS = {
    Outcome.SUPPORTED: '<path d="M2.5 8.5l4 4 7-9"/>',
    Outcome.REVERSED: '<path d="M3 3l10 10M13 3L3 13"/>',
    Outcome.IMMATERIAL: '<path d="M2 6q3-3 6 0t6 0M2 11q3-3 6 0t6 0"/>',
    Outcome.UNDECIDED: '<path d="M5 5.5q0-3 3-3t3 2.6q0 2-3 3.6v1.6M8 13v.6"/>',
    Outcome.UNTESTABLE: '<circle cx="8" cy="8" r="5.5"/><path d="M4 12L12 4"/>',
    NOT_RUN: '<path d="M4.5 8h7"/>',
}

MEANINGS = (
    (Outcome.SUPPORTED, "the rule holds."),
    (Outcome.REVERSED, "the opposite of the sentence holds, by the same rule."),
    (Outcome.IMMATERIAL, "the difference is too small to matter: it lies inside the margin."),
    (Outcome.UNDECIDED, "none of these, or a planned run is unfinished."),
    (
        Outcome.UNTESTABLE,
        "the comparison means nothing in this setting, for instance because even the network that "
        "others are compared with has not learned its task.",
    ),
)
GLOSSARY = (
    (
        "Training error",
        "the share of the training images that a network gets wrong. A network that is bad on "
        "these has not learned its task; one that is good on these and bad on new images has "
        "learned them by heart.",
    ),
    (
        "BatchNorm",
        "brings what leaves a layer to mean 0 and variance 1 over the images of a batch, then "
        "scales and shifts it by two learned numbers per channel.",
    ),
    (
        "Shortcut",
        "carries the input of a block past its layers and adds it to what they compute. A network "
        "with shortcuts is called residual, one without plain.",
    ),
    (
        "Branch",
        "one of several layers, or rows of layers, that work on the same input side by side; an "
        "inception module puts their outputs together.",
    ),
    (
        "Lesion",
        "a block is taken out of a trained network, to see how much worse it gets.",
    ),
    (
        "Seed",
        "the number that decides a run's random weights and order of images: runs with other seeds "
        "show how much is chance.",
    ),
    (
        "Permutation test",
        "asks how often a difference as large would come about if the runs of both networks were "
        "shuffled and dealt out anew. Rarely: then it is hardly chance.",
    ),
    (
        "Interval",
        "the range in which the true difference lies, as far as so many runs can tell; more runs "
        "make it narrower.",
    ),
)


class Found(NamedTuple):
    """A finding and the result that it is from."""

    finding: Finding
    result: Result


def matrix(questions: Sequence[Question], results: Sequence[Result], base: str = "") -> str:
    """The matrix, what its words mean, and then the results one by one, facts last.

    Args:
      questions: with their hypotheses, in order; what is not among them is left out.
      results: those without findings are facts.
      base: path from the page to their folders, "" or ending in "/".
    """
    judged = [result for result in results if result.report.findings]
    facts = [result for result in results if not result.report.findings]
    found: dict[tuple[str, str], list[Found]] = {}
    for result in judged:
        for finding in result.report.findings:
            place = (finding.id, dataset_of(result))
            found.setdefault(place, []).append(Found(finding, result))
    # Of a sweep that was not meant for them, where another one decides.
    for place, group in found.items():
        found[place] = [one for one in group if not _unfinished(one)] or group[:1]
    head = "".join(f"<span>{name}</span>" for name in (*DATASETS.values(), "literature"))
    groups = "\n".join(_question(question, found) for question in questions)
    shown = "\n".join(_result(result, base) for result in judged)
    told = "\n".join(_result(result, base) for result in facts)
    told = f'<section>\n<h2 id="facts">Facts</h2>\n{told}\n</section>\n' if facts else ""
    return (
        f'<svg hidden width="0" height="0">{_symbols()}</svg>\n'
        f"{_map(judged)}"
        f'<section class="matrix">\n<div class="columns head" aria-hidden="true">'
        f"<span>hypothesis</span>{head}</div>\n{groups}\n"
        f'<p class="caption">* Primary: fixed before the runs as those that count; what they say '
        f"is adjusted for their number. The others are exploratory.</p>\n</section>\n"
        f'<section>\n<h2 id="words">What the words mean</h2>\n<dl>\n{_meanings()}\n'
        f"{described(GLOSSARY)}\n</dl>\n</section>\n"
        f'<section>\n<h2 id="results">Figures, numbers, commands</h2>\n{shown}\n</section>\n'
        f"{told}"
    )


def _map(results: Sequence[Result]) -> str:
    """The heat maps of the first result that has any: the one figure above the matrix."""
    for _, report, _ in results:
        if panels := [panel for panel in report.panels if panel.grid and not panel.empty]:
            return f"<figure>\n{_drawing(panels, report)}\n</figure>\n"
    return ""


def dataset_of(result: Result) -> str:
    """A key of DATASETS, as its runs say or else the name of its folder; "" for none of them."""
    data = dict(result.facts).get("Data", "").partition(",")[0]
    return next((name for name in DATASETS if name in (data, *result.name.split("-"))), "")


def _question(question: Question, found: Mapping[tuple[str, str], Sequence[Found]]) -> str:
    rows = "\n".join(_row(stated, found) for stated in question.hypotheses)
    return (
        f'<h2 id="{question.name}">{html.escape(question.title)}</h2>\n'
        f'<p class="story">The story: “{html.escape(question.story)}”</p>\n{rows}'
    )


def _row(stated: Stated, found: Mapping[tuple[str, str], Sequence[Found]]) -> str:
    by_set = {name: found.get((stated.id, name), ()) for name in DATASETS}
    every = [one for group in by_set.values() for one in group]
    words = every[0].finding.sentence if every else stated.sentence
    star = " *" if any(one.finding.primary for one in every) else ""
    cells = "".join(
        _cell(DATASETS[name], "".join(map(_badge, group)) or _word(NOT_RUN))
        for name, group in by_set.items()
    )
    literature = sentence(stated.literature) or "–"
    cells += _cell("literature", f'<span class="clause">{literature}</span>')
    told = "".join(_told(DATASETS[name], one) for name, group in by_set.items() for one in group)
    source = f"<p>Literature: {literature} ({html.escape(stated.source)}).</p>\n"
    return (
        f'<details id="{stated.id}">\n<summary class="columns">'
        f'<span class="hypothesis">{html.escape(words[:1].upper() + words[1:])}{star}</span>'
        f"{cells}</summary>\n"
        f'<div class="opened">\n{told or "<p>No run has been made for this yet.</p>"}\n'
        f'{source if stated.literature else ""}<p class="caption"><code>{stated.id}</code></p>'
        "</div>\n</details>"
    )


def _cell(column: str, content: str) -> str:
    return f'<span class="cell"><span class="column">{column}: </span>{content}</span>'


def _badge(found: Found) -> str:
    return _word(found.finding.outcome, " (unfinished)" if _unfinished(found) else "")


def _unfinished(found: Found) -> bool:
    return found.finding.outcome == Outcome.UNDECIDED and UNFINISHED in found.finding.told


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


def _told(dataset: str, found: Found) -> str:
    finding, (name, report, pairs) = found
    facts = dict(pairs)
    parts = "".join(
        f"<li>{html.escape(part.sentence)}: {_word(part.outcome)}</li>" for part in finding.parts
    )
    origin = "; ".join(
        f"{'seeds ' * (what == 'Seeds')}{facts[what]}"
        for what in ("Seeds", "Device", "Code", "Time")
        if facts.get(what)
    )
    shown = [("Measured", finding.told), ("Rule", finding.rule)]
    listed = described([*shown, *((w, facts[w]) for w in ("Command",) if facts.get(w))])
    return (
        f"<h3>{html.escape(dataset)} {_badge(found)}</h3>\n"
        + (f"<ul>{parts}</ul>\n" if parts else "")
        + f"<dl>\n{listed}\n"
        + f"<div><dt>Provenance</dt><dd>{html.escape(origin or 'unknown')}</dd></div>\n"
        + f'<div><dt>Figure</dt><dd><a href="#result-{html.escape(name)}">'
        + f"{html.escape(report.title)}</a></dd></div>\n</dl>"
    )


def _result(result: Result, base: str) -> str:
    name, report, facts = result
    title, folder = html.escape(report.title), html.escape(base + name)
    # What stands in the rows is not said again; facts have no row.
    answer = "" if report.findings else f"<p>{sentence(report.answer)}</p>\n"
    numbers = scrolling(report.table, f"Numbers of {title}") if report.table else ""
    notes = "".join(f"<li>{sentence(note)}</li>" for note in report.notes)
    return (
        f'<figure id="result-{html.escape(name)}">\n<h3>{title}</h3>\n{answer}'
        f"{_drawing(report.panels, report)}\n<p>"
        f'As files: <a href="{folder}/figure.pdf">figure</a>, <a href="{folder}/runs.csv">all '
        f'runs</a>, <a href="{folder}/index.html">page of this result</a>.</p>\n'
        f'{numbers}<ul class="notes">{notes}</ul>\n'
        f"<details><summary>How it was measured</summary>\n<dl>\n{described(facts)}\n</dl>"
        "</details>\n</figure>"
    )


def _drawing(panels: Sequence[Panel], report: Report) -> str:
    drawing = data_url(figure_lib.to_svg(figure_lib.draw(panels, tall=False)))
    title, caption = html.escape(report.title), html.escape(report.caption)
    return (
        f'<div class="scroll" role="region" aria-label="Figure: {title}" tabindex="0">'
        f'<img style="min-width:{18 * min(2, len(panels))}rem" alt="{title}. {caption}" '
        f'src="{drawing}"></div>\n<figcaption>{title}. {caption}</figcaption>'
    )
