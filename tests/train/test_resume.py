"""A run that was stopped ends with the same bits as one that was not."""

import signal
import subprocess
from pathlib import Path

import jax
import pytest

from resinc.runs.provenance import read_provenance
from resinc.runs.status import read_status
from resinc.train.assemble import assemble
from resinc.train.loop import train
from resinc.train.replica.state import State, init_state
from resinc.train.start import find
from tests.train import processes
from tests.train.processes import wait_for
from tests.train.runs import assert_same_end, config, flags


def start(folder: Path, pause: int) -> subprocess.Popen:
    """A process of its own, which compiles no other programs than this one."""
    kept = {"JAX_COMPILATION_CACHE_DIR": jax.config.jax_compilation_cache_dir}
    kept |= {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    recipe = "--config=configs/digits.py:depth=8"
    return processes.start(folder, [recipe, *flags()], pause, **kept)


def finish(folder: Path, **changes) -> int:
    """Train to the end, in this process; the step that the run was at before."""
    assert train(config(**changes), folder).state == "done"
    return read_provenance(folder)["starts"][-1].get("step", 0)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("resume") / "whole"
    finish(folder)
    return folder


@pytest.mark.crash("signal during training")
@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGHUP, marks=pytest.mark.slow)]
)
def test_signal_saves_where_it_stands_and_resumes_bitwise(uninterrupted, number):
    folder = uninterrupted.parent / number.name
    process = start(folder, pause=8)
    wait_for(folder, process, 4)
    process.send_signal(number)
    output = process.communicate()[0].decode()
    assert process.returncode == 128 + number, output
    status = read_status(folder)
    assert status["state"] == "interrupted"
    assert (folder / "checkpoints" / str(status["step"])).is_dir()
    assert finish(folder) == status["step"]
    assert_same_end(folder, uninterrupted)


def test_other_seed_ends_elsewhere(uninterrupted):
    """Else the comparisons above would prove nothing."""
    folder = uninterrupted.parent / "other"
    finish(folder, seed=1)
    with pytest.raises(AssertionError):
        assert_same_end(folder, uninterrupted)


def test_weights_are_drawn_where_no_checkpoint_is(uninterrupted, tmp_path, monkeypatch):
    """To read one, shapes are enough."""
    setup, drawn = assemble(config()), []

    def watched(*args) -> State:
        state = init_state(*args)
        drawn.append(not isinstance(state.step, jax.core.Tracer))
        return state

    monkeypatch.setattr(find, "init_state", watched)
    assert find.find_start(setup, None, uninterrupted, ()).step == setup.config.steps
    assert not any(drawn)
    assert find.find_start(setup, None, tmp_path, ()).step == 0
    assert any(drawn)
