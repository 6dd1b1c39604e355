"""Every hypothesis stands in the matrix, run or not, on the page and in the README alike."""

import html
import re
from dataclasses import replace

import pytest

from resinc.errors import InputError
from resinc.report import archive, matrix_markdown, overview
from resinc.report.matrix import NOT_RUN, SIGNS, dataset_of, matrix, tally
from resinc.report.matrix_html import SYMBOLS
from resinc.report.outcome import Outcome
from resinc.report.question import DATASETS, Question, Stated
from tests.report import invented

QUESTIONS = (
    Question(
        "degradation",
        "Does depth harm?",
        "Deeper is <worse>.",
        (
            *(Stated(f.id, f.sentence, primary=f.primary) for f in invented.FINDINGS[:4]),
            Stated("degradation.strictly", "it falls at every step", "yes & no", "They 2015"),
            Stated("degradation.once", "of <one> | set", datasets=("digits",)),
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
        other = finding.outcome if finding is invented.FINDINGS[0] else NOT_RUN
        assert [word.strip() for word in words] == [finding.outcome, other]
        for text in (finding.told, finding.rule, "resinc sweep '<x>'"):
            assert text in opened
        assert f'href="#symbol-{finding.outcome.replace(" ", "-")}"' in closed
    assert "(unfinished)" in row(page, "degradation.any_rate")[0]
    assert "so it does <b>" in row(page, "gradient.direct")[1]


def test_what_was_not_run_says_so_beside_what_others_found(page):
    closed, opened = row(page, "degradation.strictly")
    assert closed.count(NOT_RUN) == len(DATASETS)
    assert row(page, "degradation.once")[0].count(NOT_RUN) == 1
    assert "not asked" in row(page, "degradation.once")[0]
    assert "It falls at every step" in closed
    assert "yes &amp; no" in closed
    assert "No run has been made" in opened
    assert "(They 2015)" in opened


def test_outcomes_differ_in_shape_not_only_in_colour():
    for shapes in (SYMBOLS, SIGNS):
        assert set(shapes) == {*Outcome, NOT_RUN}
        assert len(set(shapes.values())) == len(shapes)


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


def test_page_holds_a_figure_once_however_many_rows_show_it(page):
    assert page.count("data:image/svg+xml") == 2  # Of two results.
    assert page.count('class="drawing drawing-degradation-digits"') == 1 + len(invented.FINDINGS)


RESULTS = [archive.Result("degradation-digits", invented.report(findings=invented.FINDINGS), ())]


def test_tally_counts_what_is_asked_of_a_data_set():
    groups = matrix(QUESTIONS, RESULTS)
    assert tally(groups, "digits") == (
        "Of 7 hypotheses on digits, 1 is supported, 1 reversed, 1 no material effect, 1 not "
        "testable here, 1 unfinished, 2 not run yet"
    )
    assert tally(groups, "cifar10") == "Of 6 hypotheses on CIFAR-10, 6 are not run yet"


def test_readme_gets_the_same_rows_between_its_marks(tmp_path):
    file = tmp_path / "README.md"
    file.write_text(f"above\n{matrix_markdown.BEGIN}\nold\n{matrix_markdown.END}\nbelow\n")
    matrix_markdown.write(file, matrix(QUESTIONS, RESULTS))
    text = file.read_text(encoding="utf-8")
    assert (text[:6], text[-7:], "old" in text) == ("above\n", "\nbelow\n", False)
    assert "| depth & width help \\* | ✓ supported | – not run yet |  |\n" in text
    assert (
        "| it falls at every step | – not run yet | – not run yet | yes & no (They 2015) |" in text
    )
    assert "| of <one> \\| set | – not run yet |  |  |" in text
    assert "? undecided (unfinished)" in text
    matrix_markdown.write(file, matrix(QUESTIONS, RESULTS))
    assert file.read_text(encoding="utf-8") == text


def test_a_file_without_a_place_for_the_matrix_is_left_alone(tmp_path):
    file = tmp_path / "README.md"
    file.write_text(f"above {matrix_markdown.BEGIN} below")
    with pytest.raises(InputError, match="no place for the matrix"):
        matrix_markdown.write(file, [])
    assert file.read_text() == f"above {matrix_markdown.BEGIN} below"
    with pytest.raises(InputError, match="cannot be written"):
        matrix_markdown.write(tmp_path / "nothing.md", [])


def test_data_set_is_that_of_the_runs_or_else_of_the_folder():
    report = invented.report()
    assert dataset_of(archive.Result("a", report, FACTS["cifar10"])) == "cifar10"
    assert dataset_of(archive.Result("depth-digits", report, ())) == "digits"
    assert dataset_of(archive.Result("signs", report, ())) == ""
