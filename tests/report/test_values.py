"""The table of what was measured, and numbers that a probe left."""

from dataclasses import replace

from resinc.report.arms import Arm
from resinc.report.combine import all_of
from resinc.report.comparison import Comparison
from resinc.report.metrics import TRAINING_ERROR, probed
from resinc.report.rules import less_than, more_than
from resinc.report.values import values
from tests.report.trained import run, runs

DEEP, SHALLOW = (Arm(f"{d}-layer networks", kind="plain", depth=d) for d in (56, 20))
WORSE = Comparison("worse", "worse", DEEP, SHALLOW, TRAINING_ERROR, more_than(1))


def test_each_network_stands_once_with_median_and_extremes():
    both = all_of("both", "both", WORSE, replace(WORSE, id="other", rule=less_than(90)))
    table = values([both], [*runs("plain", 56, 1, 70, 2, 80, 75), *runs("plain", 20, 1, 2, 3, 4)])
    assert table.lines == [
        ["training error (%)", "56-layer networks", "5", "70.0", "1.0", "80.0"],
        ["training error (%)", "20-layer networks", "0", "–", "–", "–"],
    ]


def test_probe_is_read_at_the_step_that_is_meant():
    measured = {"lesions": {"0": {"whole": 0.9}, "120": {"whole": 0.1}, "60": {"whole": 0.5}}}
    rows = [run("plain", 56, 0, measurements=measured)]
    whole = probed("error", "lesions", lambda found: found["whole"])
    assert whole.of(rows) == 0.1
    assert probed("error", "lesions", lambda found: found["whole"], at_start=True).of(rows) == 0.9
    assert probed("error", "branches", lambda found: found["whole"]).of(rows) is None
