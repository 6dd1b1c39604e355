"""What is committed under experiments/results agrees with itself and with the README."""

import json
import re
from pathlib import Path

import pytest

from resinc.report import plotly
from resinc.report.archive import read_results
from resinc.report.figure import INK
from resinc.report.statistics import Verdict

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "experiments" / "results"
RESULTS = {result.name: result for result in read_results(FOLDER)}


def readme_rows():
    """(claim's number, verdict, experiment) of the README's table of claims."""
    verdicts = "|".join(verdict.value for verdict in Verdict)
    row = re.compile(
        rf"\| *(\d*) \|[^|]+\| ({verdicts}) \|[^|]+\| `(?:claim-)?(\w+)(?: SEEDS=\d)?` \|"
    )
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    # Up to the next heading: further below stands what CIFAR-10 gave.
    return row.findall(text.partition("## Ten claims")[2].partition("\n## ")[0])


def test_readme_gives_every_verdict_as_measured():
    rows = readme_rows()
    assert [int(number) for number, *_ in rows if number] == list(range(1, 11))
    for number, verdict, experiment in rows:
        name = experiment if experiment == "signs" else f"{experiment}-digits"
        assert verdict == RESULTS[name].report.verdict.value, name
        assert number in ("", str(RESULTS[name].report.number))


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
