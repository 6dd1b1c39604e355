"""What the machine or the user did is one sentence and a status; all else is `main`'s own."""

import errno

import pytest

from resinc.errors import InputError
from resinc.exit_status import exit_status


def raising(error):
    def main():
        raise error

    return main


def test_a_mistake_is_one_sentence(capsys):
    assert exit_status("repeated", raising(InputError("no result in 'x'"))) == 2
    assert capsys.readouterr().err == "repeated: no result in 'x'\n"


def test_a_full_disk_is_one_sentence(capsys):
    full = OSError(errno.ENOSPC, "No space left on device", "runs/sweep.json")
    assert exit_status("evidence", raising(full)) == 1
    assert capsys.readouterr().err == "evidence: No space left on device: 'runs/sweep.json'\n"


def test_ctrl_c_is_one_sentence(capsys):
    assert exit_status("evidence", raising(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == "evidence: stopped by Ctrl-C\n"


@pytest.mark.parametrize("status", [0, 1, 143])
def test_the_status_of_what_ends_by_itself_is_its_own(status):
    assert exit_status("evidence", lambda: status) == status


def test_any_other_error_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        exit_status("evidence", raising(ZeroDivisionError()))
