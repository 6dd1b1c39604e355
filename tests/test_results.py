"""What is committed under experiments/results is whole, and agrees with the page beside it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from experiments.questions import QUESTIONS
from resinc.report import FILES, matrix_markdown, overview
from resinc.report.archive import read_results
from resinc.report.matrix import matrix

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "experiments" / "results"
RESULTS = {r.name: r for r in read_results(FOLDER)} if FOLDER.is_dir() else {}


README = (ROOT / "README.md").read_text(encoding="utf-8")
TARGETS = sorted(set(re.findall(r"(?:^|`)make ([\w-]+)", README, re.MULTILINE)))


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
@pytest.mark.parametrize("target", TARGETS)
def test_command_in_the_readme_is_one_that_make_knows(target):
    # Of the `make test` around this test: its variables would come before the Makefile's.
    alone = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    done = subprocess.run(
        ["make", "--dry-run", target], cwd=ROOT, env=alone, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    for file in re.findall(r"\bexperiments/\w+\.py", done.stdout):
        assert (ROOT / file).is_file()


@pytest.mark.parametrize("name", RESULTS)
def test_every_result_says_how_it_was_measured(name):
    facts = dict(RESULTS[name].facts)
    assert {"Command", "Device", "Versions", "Code", "Time"} <= facts.keys()
    for file in FILES:
        assert (FOLDER / name / file).stat().st_size > 0


def test_readme_shows_the_matrix_of_what_is_committed():
    assert matrix_markdown.put(README, matrix(QUESTIONS, list(RESULTS.values()))) == README


@pytest.mark.skipif(not RESULTS, reason="no result is committed")
def test_page_of_results_shows_what_lies_beside_it():
    text = (FOLDER / "index.html").read_text(encoding="utf-8")
    again = overview.page(list(RESULTS.values()), questions=QUESTIONS)
    # Another version of matplotlib draws other bytes.
    text, again = (re.sub(r'url\("data:[^"]+"\)', "url()", page) for page in (text, again))
    assert text == again
