"""The page of all results opens with every hypothesis, run or not, and needs no script for it."""

import html
import re
from dataclasses import replace

import pytest

from resinc.report import archive, overview
from resinc.report.matrix import DATASETS, SYMBOLS, dataset_of
from resinc.report.outcome import Outcome
from resinc.report.question import Question, Stated
from tests.report import invented

QUESTIONS = (
    Question(
        "degradation",
        "Does depth harm?",
        "Deeper is <worse>.",
        (
            *(Stated(f.id, "as planned") for f in invented.FINDINGS[:4]),
            Stated("degradation.strictly", "it falls at every step", "yes & no", "They 2015"),
        ),
    ),
    Question("gradient", "Does it vanish?", "It fades.", (Stated("gradient.direct", "straight"),)),
)
FACTS = {
    "digits": [("Command", "resinc sweep '<x>'"), ("Data", "digits, checksum a")],
    "cifar10": [("Command", "resinc sweep y"), ("Data", "cifar10, checksum b")],
}


def write(root, name, dataset, **changes):
    (root / name).mkdir(parents=True)
    report = invented.report(**{"findings": invented.FINDINGS} | changes)
    (root / name / "report.json").write_text(archive.to_json(report, FACTS[dataset]))


def row(text, id):
    """(what stands closed, what opens) of a hypothesis."""
    found = re.search(rf'<details id="{re.escape(id)}">(.*?)</summary>(.*?)</details>', text, re.S)
    return found[1], html.unescape(found[2])


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    root = tmp_path_factory.mktemp("results")
    write(root, "degradation-digits", "digits")
    write(root, "depth", "cifar10", findings=invented.FINDINGS[:1])
    return overview.write(root, root / "index.html", QUESTIONS).read_text()


def test_every_hypothesis_has_a_row_with_its_outcome_per_data_set(page):
    for finding in invented.FINDINGS:
        closed, opened = row(page, finding.id)
        words = re.findall(r"</svg>([^<(]+)", closed)
        other = finding.outcome if finding is invented.FINDINGS[0] else "not run"
        assert [word.strip() for word in words] == [finding.outcome, other]
        for text in (finding.told, finding.rule, "resinc sweep '<x>'"):
            assert text in opened
        assert f'href="#symbol-{finding.outcome.replace(" ", "-")}"' in closed
    assert "(unfinished)" in row(page, "degradation.any_rate")[0]
    assert "so it does <b>" in row(page, "gradient.direct")[1]


def test_what_was_not_run_says_so_beside_what_others_found(page):
    closed, opened = row(page, "degradation.strictly")
    assert closed.count("not run") == len(DATASETS)
    assert "It falls at every step" in closed
    assert "yes &amp; no" in closed
    assert "No run has been made" in opened
    assert "(They 2015)" in opened


def test_outcomes_differ_in_shape_not_only_in_colour():
    assert set(SYMBOLS) >= set(Outcome)
    assert len(set(SYMBOLS.values())) == len(SYMBOLS)


def test_matrix_needs_no_script_and_follows_the_story(page):
    assert "<script" not in page
    assert page.index("Deeper is &lt;worse&gt;.") < page.index('id="degradation.plain"')
    assert len(re.findall(r'id="([^"]+)"', page)) == len(set(re.findall(r'id="([^"]+)"', page)))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(re.findall(r'id="([^"]+)"', page))


def test_sweep_that_lacks_runs_does_not_speak_where_another_decides(tmp_path):
    write(tmp_path, "degradation-digits", "digits")
    partial = replace(invented.FINDINGS[3], id="degradation.plain")
    write(tmp_path, "map-digits", "digits", findings=(partial,), panels=[invented.MAP])
    text = overview.write(tmp_path, tmp_path / "index.html", QUESTIONS).read_text()
    closed, _ = row(text, "degradation.plain")
    assert "supported" in closed
    assert "unfinished" not in closed
    # The map is the one figure that stands above the matrix.
    assert text.index("<figure>") < text.index('class="matrix"')


def test_data_set_is_that_of_the_runs_or_else_of_the_folder():
    report = invented.report()
    assert dataset_of(archive.Result("a", report, FACTS["cifar10"])) == "cifar10"
    assert dataset_of(archive.Result("depth-digits", report, ())) == "digits"
    assert dataset_of(archive.Result("signs", report, ())) == ""
