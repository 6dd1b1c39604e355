"""Small real runs for the tests of the trainer."""

import json
from pathlib import Path

import jax
from ml_collections import ConfigDict

from configs import digits
from resinc.train.assemble import assemble
from resinc.train.checkpoint import Checkpoints
from resinc.train.state import State, init_state

OVERRIDES = {
    "steps": 30,
    "batch_size": 32,
    "model.width": 4,
    "log_every_steps": 4,
    "eval_every_steps": 10,
    "checkpoint_every_steps": 5,
    "parallel.replicas": 1,
    "data.augment": "crop",
    "data.crop_pad": 1,
}


def config(**changes) -> ConfigDict:
    """Eight layers on the digits; log windows and checkpoints do not coincide."""
    out = digits.get_config("depth=8")
    out.update_from_flattened_dict(
        OVERRIDES | {k.replace("__", "."): v for k, v in changes.items()}
    )
    return out.lock()


def flags(**changes) -> list[str]:
    values = OVERRIDES | {k.replace("__", "."): v for k, v in changes.items()}
    return [f"--config.{name}={value}" for name, value in values.items()]


def final_state(folder: Path, which: str = "latest") -> State:
    """Every array of a checkpoint, as it lies on disk."""
    saved = ConfigDict(json.loads((folder / "config.json").read_text()))
    machine = assemble(saved)
    checkpoints = Checkpoints(folder, read_only=True)
    averaged = saved.get("average_decay", 0) > 0
    like = init_state(machine.network, machine.optimizer, (8, 8, 1), 0, averaged)
    return jax.device_get(checkpoints.restore_state(checkpoints.step_of(which), like))


def metrics(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
