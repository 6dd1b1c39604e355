"""What is committed under experiments/results agrees with itself and with the README."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from resinc.report import plotly
from resinc.report.archive import read_results
from resinc.report.figure import INK
from resinc.report.statistics import Verdict

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "experiments" / "results"
RESULTS = {result.name: result for result in read_results(FOLDER)}


def rows_below(heading):
    """(claim, its cell of the verdict, make target, its variables) of the table below a heading."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.partition(heading)[2].partition("\n## ")[0]
    row = re.compile(r"^\| *(\d*) \|(.+)\| `(?:claim-)?(\w+)((?: \w+=[\w,]+)*)` \|$", re.MULTILINE)
    verdicts = [verdict.value for verdict in Verdict]
    for number, middle, target, variables in row.findall(section):
        found = [cell.strip() for cell in middle.split("|") if cell.strip() in verdicts]
        if not found:
            continue  # The line of column names.
        (verdict,) = found
        yield number, verdict, target, variables.split()


CLAIMS = list(rows_below("## Ten claims"))
CIFAR = list(rows_below("## Two commands"))


def test_readme_gives_every_verdict_as_measured():
    assert [int(number) for number, *_ in CLAIMS if number] == list(range(1, 11))
    for number, verdict, experiment, _ in CLAIMS:
        name = experiment if experiment == "signs" else f"{experiment}-digits"
        assert verdict == RESULTS[name].report.verdict.value, name
        assert number in ("", str(RESULTS[name].report.number))


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
@pytest.mark.parametrize(
    ("dataset", "row"),
    [*(("digits", row) for row in CLAIMS), *(("cifar10", row) for row in CIFAR)],
    ids=lambda value: value if isinstance(value, str) else f"{value[2]} {' '.join(value[3])}",
)
def test_command_in_the_readme_is_the_one_that_was_run(dataset, row):
    _, _, experiment, variables = row
    target = experiment if experiment in ("signs", "curves") else f"claim-{experiment}"
    typed = ["make", "--dry-run", target, f"DATASET={dataset}", *variables]
    # Of the `make test` around this test: its variables would come before the Makefile's.
    alone = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    made = subprocess.run(
        typed, cwd=ROOT, env=alone, capture_output=True, text=True, check=True
    ).stdout
    sweep, out = (
        next(line for line in reversed(made.splitlines()) if f"resinc {command} " in line)
        for command in ("sweep", "report")
    )
    result = RESULTS[Path(out.split("--out ")[1]).name]
    assert settings(dict(result.facts)["Command"]) == settings(sweep)


def settings(command):
    """What decides the runs: the experiment and its settings, in any order."""
    words = command.split()
    place = words.index("sweep")
    return words[place + 1], sorted(re.findall(r"--set (\S+)", command))


def test_page_of_claims_shows_what_lies_beside_it():
    text = (FOLDER / "index.html").read_text(encoding="utf-8")
    shown = json.loads(re.search(r'type="application/json">(.*?)</script>', text, re.DOTALL)[1])
    panels = {
        f"{name}-{i}": plotly.figure(panel, INK)
        for name, result in RESULTS.items()
        for i, panel in enumerate(result.report.panels)
    }
    assert shown == json.loads(json.dumps(panels))


@pytest.mark.parametrize("name", RESULTS)
def test_every_result_says_how_it_was_measured(name):
    facts = dict(RESULTS[name].facts)
    assert {"Command", "Device", "Versions", "Code", "Time"} <= facts.keys()
    for file in ("figure.png", "figure.pdf", "table.md", "runs.csv", "index.html"):
        assert (FOLDER / name / file).stat().st_size > 0


@pytest.mark.parametrize("name", [name for name in RESULTS if name.endswith("-digits")] + ["signs"])
def test_claims_rest_on_three_seeds_at_least(name):
    assert len(dict(RESULTS[name].facts)["Seeds"].split(", ")) >= 3
