"""A stream that nobody reads is switched off, and the command goes on."""

import errno
import io
import os
import subprocess
import sys

import pytest

from resinc import cli
from resinc.cli import commands
from resinc.errors import outside_cause
from resinc.output import SurvivingStream, console, surviving_output
from resinc.train.loop import train
from tests.train.runs import config


class Failing(io.StringIO):
    """Takes one text and refuses from then on."""

    def __init__(self, error: Exception):
        super().__init__()
        self._error, self.refused = error, 0

    def write(self, text):
        if self.getvalue():
            self.refused += 1
            raise self._error
        return super().write(text)


FAILURES = [
    BrokenPipeError(errno.EPIPE, "Broken pipe"),
    OSError(errno.EIO, "Input/output error"),
    OSError(errno.ENOSPC, "No space left on device"),
    ValueError("I/O operation on closed file"),
]


@pytest.mark.parametrize("error", FAILURES, ids=["pipe", "terminal", "disk", "closed"])
def test_stream_that_fails_is_tried_no_more(error):
    stream = Failing(error)
    surviving = SurvivingStream(stream)
    for word in ("first", "second", "third"):
        assert surviving.write(word) == len(word)
        surviving.flush()
    assert (stream.getvalue(), stream.refused) == ("first", 1)


def test_letter_that_the_locale_has_not_is_no_lost_stream():
    stream = SurvivingStream(io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    with pytest.raises(UnicodeEncodeError):
        stream.write("±")
    stream.write("plain")
    stream.flush()
    assert stream.buffer.getvalue() == b"plain"


@pytest.mark.parametrize("error", FAILURES[:3], ids=["pipe", "terminal", "disk"])
def test_console_of_the_displays_survives(error, monkeypatch):
    monkeypatch.setattr(sys, "stdout", Failing(error))
    display = console()
    for line in ("one", "two", "three"):
        display.print(line)
    assert sys.stdout.refused == 1


def test_streams_are_given_back():
    before = sys.stdout, sys.stderr
    with surviving_output():
        assert isinstance(sys.stdout, SurvivingStream)
    assert (sys.stdout, sys.stderr) == before


@pytest.mark.crash("closed output")
def test_training_goes_on_when_its_display_fails(tmp_path, monkeypatch):
    changes = {"steps": 6, "log_every_steps": 1, "eval_every_steps": 0}
    assert train(config(**changes), tmp_path / "seen").state == "done"
    stream = Failing(BrokenPipeError(errno.EPIPE, "Broken pipe"))
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        assert train(config(**changes), tmp_path / "unseen").state == "done"
    assert stream.refused == 1
    seen, unseen = (tmp_path / name / "metrics.jsonl" for name in ("seen", "unseen"))
    assert unseen.read_bytes() == seen.read_bytes()


def run(code, **streams):
    return subprocess.run([sys.executable, "-c", code], timeout=600, **streams)


PRINTS = "from resinc import cli\nfrom resinc.cli import commands\n" + (
    "commands.run_data_list = lambda *a: print('x' * 100_000) or 0\n"
    "import sys\nsys.exit(cli.main(['data', 'list']))"
)


def test_command_whose_reader_is_gone_is_quiet_and_succeeds():
    reader, writer = os.pipe()
    os.close(reader)
    ended = run(PRINTS, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_command_whose_log_is_on_a_full_disk_is_quiet_and_succeeds():
    with open("/dev/full", "wb") as full:
        ended = run(PRINTS, stdout=full, stderr=subprocess.PIPE)
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.crash("closed output")
def test_closed_output_is_not_taken_over_by_the_next_file(tmp_path):
    """`>&-`: descriptor 1 is free, and a metrics file would get it."""
    code = (
        "import os\nos.close(1)\nfrom resinc.output import surviving_output\n"
        f"with surviving_output(), open({str(tmp_path / 'f')!r}, 'w') as f:\n"
        "    assert f.fileno() > 2, f.fileno()"
    )
    assert run(code).returncode == 0


def test_ctrl_c_is_one_line(monkeypatch, capsys):
    def interrupted(args, rest):
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "run_data_list", interrupted)
    assert cli.main(["data", "list"]) == 130
    assert capsys.readouterr().err == "resinc: stopped by Ctrl-C\n"


def test_full_disk_is_one_line(monkeypatch, capsys):
    def full(args, rest):
        try:
            raise OSError(errno.ENOSPC, "No space left on device", "runs/a/status.json")
        except OSError as error:
            raise RuntimeError("while writing") from error

    monkeypatch.setattr(commands, "run_data_list", full)
    assert cli.main(["data", "list"]) == 1
    assert capsys.readouterr().err == "resinc: No space left on device: 'runs/a/status.json'\n"


def test_own_mistake_keeps_its_traceback(monkeypatch):
    def broken(args, rest):
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", "x")

    monkeypatch.setattr(commands, "run_data_list", broken)
    with pytest.raises(FileNotFoundError):
        cli.main(["data", "list"])


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ("RESOURCE_EXHAUSTED: Error writing [OS error 28: No space left on device]", errno.ENOSPC),
        ("Failed to write 458195 bytes: File too large [os_error_code='27']", errno.EFBIG),
        ("Failed to open: something of the system's [os_error_code='116']", errno.ESTALE),
    ],
)
def test_cause_is_found_in_the_words_of_a_writing_thread(words, cause):
    assert outside_cause(ValueError(words)) == os.strerror(cause)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 4398046511104 bytes."),
    ],
)
def test_memory_that_does_not_suffice_is_told_with_what_needs_less(error):
    assert outside_cause(error).startswith("out of memory: a smaller batch or network")
