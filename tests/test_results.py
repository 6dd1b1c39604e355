"""What is committed under experiments/results is whole, and agrees with the page beside it."""

from pathlib import Path

import pytest

from experiments.questions import QUESTIONS
from resinc.report import FILES, overview
from resinc.report.archive import read_results

FOLDER = Path(__file__).parent.parent / "experiments" / "results"
RESULTS = {r.name: r for r in read_results(FOLDER)} if FOLDER.is_dir() else {}


@pytest.mark.parametrize("name", RESULTS)
def test_every_result_says_how_it_was_measured(name):
    facts = dict(RESULTS[name].facts)
    assert {"Command", "Device", "Versions", "Code", "Time"} <= facts.keys()
    for file in FILES:
        assert (FOLDER / name / file).stat().st_size > 0


@pytest.mark.skipif(not RESULTS, reason="no result is committed")
def test_page_of_results_shows_what_lies_beside_it():
    text = (FOLDER / "index.html").read_text(encoding="utf-8")
    assert text == overview.page(list(RESULTS.values()), questions=QUESTIONS)
