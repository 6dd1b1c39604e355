"""Trainers that tests of several files meet at some moment."""

import pytest

from tests.crash.trainer import Trainers


@pytest.fixture(scope="package")
def trainers(tmp_path_factory):
    trainers = Trainers(tmp_path_factory.mktemp("trainers"))
    yield trainers
    trainers.close()


@pytest.fixture(scope="package")
def alone(trainers, tmp_path_factory):
    """A run that nothing happened to, and how often it touched its files."""
    folder = tmp_path_factory.mktemp("crash") / "alone"
    ended = trainers.run(folder)
    assert ended.code == 0, ended.output
    return folder, ended.touches
