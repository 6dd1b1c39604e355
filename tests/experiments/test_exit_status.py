"""A mistake in the input is one sentence and 2, Ctrl-C is 130; all else is `main`'s own."""

import pytest

from experiments.exit_status import exit_status
from resinc.errors import InputError


def raising(error):
    def main():
        raise error

    return main


def test_a_mistake_is_one_sentence(capsys):
    assert exit_status("repeated", raising(InputError("no result in 'x'"))) == 2
    assert capsys.readouterr().err == "repeated: no result in 'x'\n"


def test_ctrl_c_is_quiet(capsys):
    assert exit_status("evidence", raising(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("status", [0, 1, 143])
def test_the_status_of_what_ends_by_itself_is_its_own(status):
    assert exit_status("evidence", lambda: status) == status


def test_any_other_error_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        exit_status("evidence", raising(ZeroDivisionError()))
