"""The table of `resinc status` as a page, for a sweep that is watched from elsewhere."""

import html
from datetime import UTC, datetime
from pathlib import Path
from string import Template

from resinc.file_paths import writing
from resinc.launch.status import COLUMNS, Look, cells_of, failures, heading
from resinc.report.page import scrolling
from resinc.report.style import document
from resinc.report.table import Table
from resinc.runs.files import write_text
from resinc.runs.status import STANDS

REFRESH_SECONDS = 10
CSS = """
pre { overflow-x: auto; font: .85rem/1.4 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
"""
BODY = Template("""<section aria-labelledby="runs">
<h2 id="runs">Every run</h2>
$table
</section>
$failed<footer><p>As of $time.</p></footer>
""")


def page(seen: Look) -> str:
    """As text; it loads itself anew while runs go on."""
    folder, runs = seen
    title, *notes, done = heading(folder, runs)
    going = not all(run.ended for run in runs)
    table = Table(COLUMNS, [cells_of(run) for run in runs])
    failed = "".join(
        f"<h3>{html.escape(f'{run.name} {STANDS[run.state]}')}</h3>\n"
        f"<p>{html.escape(run.message)}</p>\n"
        f"<pre>{html.escape(chr(10).join(run.log))}</pre>\n"
        for run in failures(runs)
    )
    body = BODY.substitute(
        table=scrolling(table, "State of every run"),
        failed=f'<section aria-labelledby="failed">\n<h2 id="failed">What went wrong</h2>\n{failed}'
        "</section>\n"
        if failed
        else "",
        time=datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
    )
    return document(
        html.escape(title),
        html.escape(done),
        body,
        under="".join(f"<p>{html.escape(note)}</p>\n" for note in notes),
        css=CSS,
        head=f'<meta http-equiv="refresh" content="{REFRESH_SECONDS}">\n' if going else "",
    )


def write(seen: Look, path: Path) -> None:
    """Whole or not at all: a browser may read it at any moment.

    Raises:
      InputError: it cannot be written.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, page(seen))
