"""What of a checkpoint is on the disk, and under which name, at the moments that count."""

import jax.numpy as jnp
import optax
import pytest

from resinc.runs import files
from resinc.train.checkpoints import checkpoint
from resinc.train.checkpoints.checkpoint import Checkpoints
from resinc.train.replica.state import first_state

pytestmark = pytest.mark.crash("moments of a save")
STATE = first_state({"kernel": jnp.arange(4.0)}, {}, optax.sgd(0.1))


def save(folder, *steps):
    checkpoints = Checkpoints(folder, keep=2)
    for step in steps:
        state = STATE._replace(step=jnp.int32(step))
        checkpoints.save(state, {"batch_size": 8}, {"data": {}}, None)
        checkpoints.wait()
    checkpoints.close()


def test_all_that_is_read_of_a_checkpoint_is_synced_before_it_has_its_name(tmp_path, monkeypatch):
    """Orbax leaves its small files to the system; a power cut would empty them."""
    step, synced, sync = tmp_path / "checkpoints" / "3", set(), files._sync

    def sync_and_note(path):
        sync(path)
        if not step.exists():
            synced.add(path.stat().st_ino)

    monkeypatch.setattr(files, "_sync", sync_and_note)
    save(tmp_path, 3)
    # Orbax writes these when it has its name; nothing needs them.
    late = {path for path in step.rglob("*") if path.stat().st_ino not in synced}
    assert {path.name for path in late} <= {"commit_success.txt", "_CHECKPOINT_METADATA"}
    for path in late:
        path.unlink()
    (step / "_CHECKPOINT_METADATA").write_text("")
    save(tmp_path, 4)
    reading = Checkpoints(tmp_path, read_only=True)
    assert int(reading.restore_state(3, STATE).step) == 3
    assert reading.saved(3).config == {"batch_size": 8}


def test_a_checkpoint_that_is_being_deleted_has_lost_its_name(tmp_path, monkeypatch):
    """Killed before the first file is deleted, or at any later one; the next start goes on."""
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.shutil, "rmtree", lambda path, ignore_errors: None)
        save(tmp_path, 1, 2, 3)
    assert Checkpoints(tmp_path, read_only=True).steps() == [2, 3]
    assert (tmp_path / "checkpoints" / "removed" / "1").is_dir()
    Checkpoints(tmp_path).close()
    assert {path.name for path in (tmp_path / "checkpoints").iterdir()} == {"2", "3"}
