"""Lines of a run's metrics survive what damages one of them."""

import pytest

from resinc.runs.metrics import Lines, read_lines

LINES = [b'{"step": 1, "loss": 0.5}', b'{"step": 2, "loss": 0.25}', b'{"step": 3, "loss": 1}']


@pytest.mark.parametrize(
    "damage",
    [b"\xff\xfe\x00", b"[1]", b"3", b'{"loss": 1}', b'{"step": "x"}', b'{"step": 2, "lo', b""],
)
def test_a_damaged_line_goes_and_those_around_it_stay(damage, tmp_path):
    """Behind it, too: they are not written again where the run goes on from a later step."""
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b"\n".join([LINES[0], damage, *LINES[1:], b""]))
    lines = Lines(path, 2)
    lines.append({"step": 3, "loss": 2})
    lines.close()
    assert path.read_bytes() == b"\n".join([*LINES[:2], b'{"step": 3, "loss": 2}', b""])
    assert [line["step"] for line in read_lines(path)] == [1, 2, 3]


def test_a_file_that_cannot_be_read_now_is_not_taken_for_an_empty_one(tmp_path):
    (tmp_path / "metrics.jsonl").mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        Lines(tmp_path / "metrics.jsonl", 2)
