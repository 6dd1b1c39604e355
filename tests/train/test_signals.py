"""Signals ask a run to save; which, and how often."""

import os
import signal

import pytest

from resinc.train.signals import stop_on_signal


@pytest.fixture(autouse=True)
def terminal():
    """As in a terminal, also where the tests themselves run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_asks_to_stop(number):
    with stop_on_signal() as stop:
        os.kill(os.getpid(), number)
        assert stop.requested == number


def test_terminal_that_says_twice_that_it_closed_is_heard_once():
    before = signal.getsignal(signal.SIGHUP)
    with stop_on_signal() as stop:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGHUP)
        assert stop.requested == signal.SIGHUP
    assert signal.getsignal(signal.SIGHUP) == before


def test_run_under_nohup_goes_on():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with stop_on_signal() as stop:
        os.kill(os.getpid(), signal.SIGHUP)
        assert stop.requested is None
