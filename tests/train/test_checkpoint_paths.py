"""Checkpoints come back from a folder of any name."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from resinc.train.checkpoints.checkpoint import Checkpoints
from resinc.train.replica.state import first_state


@pytest.mark.parametrize("name", ["[old]", "a*b", "what?", "[!a] {b}", "two words", "ligne–une"])
def test_arrays_come_back_from_a_folder_of_any_name(name, tmp_path):
    """Orbax searches by patterns: "[old]" is one, and it found nothing of what it had written."""
    folder = tmp_path / name
    folder.mkdir()
    state = first_state({"kernel": jnp.arange(4.0)}, {}, optax.sgd(0.1))
    writing = Checkpoints(folder)
    writing.save(state, {"batch_size": 1}, {}, None)
    writing.wait()
    writing.close()
    back = Checkpoints(folder, read_only=True).restore_state(0, state)
    jax.tree.map(np.testing.assert_array_equal, back, state)
    assert (folder / "checkpoints" / "0").is_dir()


def test_folders_of_other_names_are_no_checkpoints(tmp_path):
    """Copies that a user made; "0004" was taken for 4, and then not found."""
    for name in ("4", "0012", "4 (copy)", "9.bak", "²", "7.orbax-checkpoint-tmp"):
        (tmp_path / "checkpoints" / name).mkdir(parents=True)
    assert Checkpoints(tmp_path, read_only=True).steps() == [4]
