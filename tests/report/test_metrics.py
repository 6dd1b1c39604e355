"""Numbers that a probe left."""

from resinc.report.metrics import probed
from tests.report.trained import run


def test_probe_is_read_at_the_step_that_is_meant():
    measured = {"lesions": {"0": {"whole": 0.9}, "120": {"whole": 0.1}, "60": {"whole": 0.5}}}
    rows = [run("plain", 56, 0, measurements=measured)]
    whole = probed("error", "lesions", lambda found: found["whole"])
    assert whole.of(rows) == 0.1
    assert probed("error", "lesions", lambda found: found["whole"], at_start=True).of(rows) == 0.9
    assert probed("error", "branches", lambda found: found["whole"]).of(rows) is None
