"""Results of other runs beside the published ones: what came out as before, and what did not."""

from dataclasses import replace

import pytest

from experiments import repeated
from resinc.errors import InputError
from resinc.report import archive
from resinc.report.outcome import UNFINISHED, Outcome
from tests.report import invented

PLAIN, RESIDUAL, FLAT = (
    invented.finding(id, Outcome.SUPPORTED, told=f"{id} was measured.")
    for id in ("degradation.plain", "degradation.residual", "gradient.flat")
)
MISSING = replace(FLAT, outcome=Outcome.UNDECIDED, told=f"{UNFINISHED}: two are not done.")


def results(folder, *findings):
    (folder / "x-digits").mkdir(parents=True)
    text = archive.to_json(invented.report(findings=findings), [("Data", "digits, checksum a")])
    (folder / "x-digits" / "report.json").write_text(text)
    return folder


def printed(capsys, tmp_path, first, second):
    published, again = results(tmp_path / "a", *first), results(tmp_path / "b", *second)
    assert repeated.main([str(again), "--published", str(published)]) == 0
    return capsys.readouterr().out


def test_the_same_runs_repeat(capsys, tmp_path):
    out = printed(capsys, tmp_path, (PLAIN, RESIDUAL), (PLAIN, RESIDUAL))
    assert out.startswith("Of 2 hypotheses 2 came out as before, 0 otherwise.\n")
    assert "**" not in out


def test_what_differs_stands_out_with_both_measurements(capsys, tmp_path):
    other = replace(RESIDUAL, outcome=Outcome.REVERSED, told="This time it fell.")
    out = printed(capsys, tmp_path, (PLAIN, RESIDUAL), (PLAIN, other))
    assert out.startswith("Of 2 hypotheses 1 came out as before, 1 otherwise.\n")
    assert "| ✓ supported | **✗ reversed** |" in out
    assert "| ✓ supported | ✓ supported |" in out
    told = "published: degradation.residual was measured. Supported.\n\nAgain: This time it fell."
    assert f"**degradation.residual**, {told} Reversed.\n" in out


def test_runs_that_are_missing_are_no_difference(capsys, tmp_path):
    out = printed(capsys, tmp_path, (PLAIN, FLAT), (PLAIN, MISSING))
    assert out.startswith("Of 2 hypotheses 1 came out as before, 0 otherwise, 1 lack runs.\n")
    assert "| ✓ supported | ? undecided (unfinished) |" in out


def test_only_what_both_have_is_compared(capsys, tmp_path):
    out = printed(capsys, tmp_path, (PLAIN, RESIDUAL), (RESIDUAL, FLAT))
    assert out.startswith("Of 1 hypotheses 1 came out as before")


def test_nothing_in_common_is_refused(tmp_path):
    published, again = results(tmp_path / "a", PLAIN), results(tmp_path / "b", FLAT)
    with pytest.raises(InputError, match="nothing to compare"):
        repeated.main([str(again), "--published", str(published)])


def test_what_is_published_repeats_itself(capsys):
    assert repeated.main([str(repeated.PUBLISHED)]) == 0
    assert " 0 otherwise" in capsys.readouterr().out.splitlines()[0]
