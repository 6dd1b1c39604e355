"""Numbers that a probe left."""

from resinc.report.metrics import probed
from tests.report.trained import run


def test_probe_is_read_at_the_step_that_is_meant():
    measured = {"lesions": {"0": {"whole": 0.9}, "120": {"whole": 0.1}, "60": {"whole": 0.5}}}
    rows = [run("plain", 56, 0, measurements=measured)]

    def of(found):
        return found["whole"]

    assert probed("lesions", of)(rows) == 0.1
    assert probed("lesions", of, at_start=True)(rows) == 0.9
    assert probed("branches", of)(rows) is None
