"""One self-contained page of all results: the claims, their verdicts, and figures to look into."""

import html
import itertools
import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from string import Template

from plotly.offline import get_plotlyjs

from resinc.errors import InputError
from resinc.report import plotly
from resinc.report.archive import Result, read_results
from resinc.report.figure import INK
from resinc.report.matrix import matrix
from resinc.report.page import described, scrolling, sentence, tables
from resinc.report.question import Question
from resinc.report.statistics import Verdict
from resinc.report.style import CSS

# Plotly writes its own style sheet and draws its buttons as data: or blob: images.
PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data: blob:; style-src 'unsafe-inline';
 script-src 'unsafe-inline'">
<title>Why do residual and inception networks work?</title>
<link rel="icon" href="data:,">
<style>$css</style>
</head>
<body>
<main>
<header>
<p class="kicker">resinc: every claim measured, plotted and judged</p>
<h1>Why do residual and inception networks work?</h1>
</header>
$matrix$first_round
</main>
$scripts
</body>
</html>
""")
FIRST_ROUND = Template("""$heading<p class="counts">$counts</p>
<p class="controls"><button type="button" id="all" aria-expanded="false">Open all</button>
<span class="hint">Drag over a figure to zoom, double-click to go back; a click on the legend hides
a line.</span></p>
<noscript><p>Figures need JavaScript; each result links to the same figure as PNG.</p></noscript>
$claims
<footer><p>How a verdict is reached stands with each claim: a comparison named before the runs, and
its 95&nbsp;% interval over seeds.</p></footer>
""")
SCRIPTS = Template("""<script>$library</script>
<script id="figures" type="application/json">$figures</script>
<script>$script</script>""")

EXTRA_CSS = "".join(
    (Path(__file__).parent / name).read_text(encoding="utf-8")
    for name in ("claims.css", "matrix.css")
)
SCRIPT = (Path(__file__).parent / "claims.js").read_text(encoding="utf-8")


def write(folder: Path, out: Path, questions: Sequence[Question] = ()) -> Path:
    """Write the page of all results below `folder`.

    Args:
      folder: holds a folder per result, as `resinc report` writes them.
      out: file to write; links to the results are relative to it.
      questions: rows of the matrix, which is there as soon as one result has findings.

    Raises:
      InputError: no result, a damaged one, or the file cannot be written.
    """
    results = read_results(folder)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(page(results, _way(out.parent, folder), questions), encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {str(out)!r}: {error.strerror}") from None
    return out


def page(results: Sequence[Result], way: str = "", questions: Sequence[Question] = ()) -> str:
    """The page as text.

    Args:
      results: in the order in which they are shown; those of one claim stand together.
      way: path from the page to their folders, "" or ending in "/".
      questions: rows of the matrix.
    """
    first = [result for result in results if not result.report.findings]
    judged = len(first) < len(results)
    return PAGE.substitute(
        css=CSS + EXTRA_CSS,
        matrix=matrix(questions, results, way) if judged else "",
        first_round=_first_round(first, way, judged) if first else "",
        scripts=_scripts(first) if first else "",
    )


def _first_round(results: Sequence[Result], way: str, below: bool) -> str:
    """What was judged before there were findings, by rules since replaced."""
    grouped = [list(group) for _, group in itertools.groupby(results, _numbered)]
    heading = '<h2 id="first-round">First round</h2>\n<p>Claims and rules since replaced.</p>\n'
    return FIRST_ROUND.substitute(
        heading=heading if below else "",
        counts=html.escape(counts([group for group in grouped if group[0].report.number])),
        claims="\n".join(_claim(group, way) for group in grouped),
    )


def _scripts(results: Sequence[Result]) -> str:
    figures = {
        f"{result.name}-{i}": plotly.figure(panel, INK)
        for result in results
        for i, panel in enumerate(result.report.panels)
    }
    return SCRIPTS.substitute(
        library=get_plotlyjs().replace("</script", "<\\/script"),
        # "<" would end the element where a name holds "</script".
        figures=json.dumps(figures, separators=(",", ":")).replace("<", "\\u003c"),
        script=SCRIPT,
    )


def counts(claims: Sequence[Sequence[Result]]) -> str:
    """e.g. "10 claims, 11 verdicts: 6 supported, 3 refuted, 2 not decided".

    A part of a claim has a verdict of its own, that of its first result.
    """
    found = Counter(group[0].report.verdict for group in claims)
    parts = [f"{found[verdict]} {verdict.value}" for verdict in Verdict if found[verdict]]
    count = len({group[0].report.number for group in claims})
    verdicts = "" if count == len(claims) else f", {len(claims)} verdicts"
    return f"{count} claim{'' if count == 1 else 's'}{verdicts}: {', '.join(parts)}"


def _numbered(result: Result) -> str:
    """Of the claim and its part: "9", "9b"; "" for what is not numbered."""
    number, part = result.report.number, result.report.part
    return f"{number}{chr(ord('a') + part) if part else ''}" if number else ""


def _claim(results: Sequence[Result], way: str) -> str:
    first, numbered = results[0].report, _numbered(results[0])
    badge = _badge(first.verdict) if first.claim else ""
    place = f'<span class="place">{numbered}</span> ' if numbered else ""
    anchor = f"claim-{numbered}" if numbered else "more"
    others = "".join(
        f'<span class="answer">{html.escape(other.report.title)} {_badge(other.report.verdict)}'
        "</span>"
        for other in results[1:]
        if other.report.claim
    )
    more = "".join(_result(result, way, several=len(results) > 1) for result in results)
    return (
        f'<details id="{anchor}">\n<summary>{place}<span class="what">'
        f'<span class="claim-text">{html.escape(first.claim or first.title)}</span> {badge}'
        f'<span class="answer">{sentence(first.answer)}</span>{others}</span></summary>\n'
        f"{more}</details>"
    )


def _badge(verdict: Verdict) -> str:
    signs = {Verdict.SUPPORTED: "✓", Verdict.REFUTED: "✗", Verdict.UNDECIDED: "?"}
    kind = verdict.value.split()[0]
    return (
        f'<strong class="verdict {kind}"><span aria-hidden="true">{signs[verdict]}</span> '
        f"{verdict.value}</strong>"
    )


def _result(result: Result, way: str, several: bool) -> str:
    report = result.report
    title = html.escape(report.title)
    head = f"<h2>{title}</h2>\n"
    if several and report.claim:
        head = f"<h2>{title} {_badge(report.verdict)}</h2>\n<p>{sentence(report.answer)}</p>\n"
    plots = "\n".join(
        f'<div class="panel"><h3>{html.escape(panel.title)}</h3>'
        f'<div class="plot" data-figure="{html.escape(result.name)}-{i}" role="img" '
        f'aria-label="{html.escape(f"{panel.title}: {panel.y} against {panel.x}")}">'
        f"{'' if not panel.empty else html.escape(panel.note)}</div></div>"
        for i, panel in enumerate(report.panels)
    )
    notes = "".join(f"<li>{html.escape(note)}</li>\n" for note in report.notes)
    base = html.escape(f"{way}{result.name}/")
    links = ", ".join(
        f'<a href="{base}{file}">{words}</a>'
        for file, words in (
            ("figure.png", "figure (PNG)"),
            ("figure.pdf", "figure (PDF)"),
            ("table.md", "table (Markdown)"),
            ("runs.csv", "all runs (CSV)"),
            ("index.html", "page of this result"),
        )
    )
    return (
        f'<section class="result">\n{head}<div class="panels">\n{plots}\n</div>\n'
        f'<p class="caption">{html.escape(report.caption)}</p>\n'
        + (f'<ul class="notes">\n{notes}</ul>\n' if notes else "")
        + "".join(f"{scrolling(table, f'Numbers of {title}')}\n" for table in tables(report))
        + f"<dl>\n{described(result.facts)}\n</dl>\n"
        f'<p class="files">As files: {links}.</p>\n</section>\n'
    )


def _way(start: Path, folder: Path) -> str:
    way = os.path.relpath(folder.resolve(), start.resolve())
    return "" if way == "." else f"{Path(way).as_posix()}/"
