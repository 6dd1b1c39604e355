"""Small real runs for the tests of the trainer."""

import json
from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np
from ml_collections import ConfigDict

from configs import digits
from resinc.config import to_dict
from resinc.runs.config import write_config
from resinc.train.assemble import assemble
from resinc.train.checkpoints.checkpoint import Checkpoints
from resinc.train.replica.state import State, first_state, init_state
from tests import drawn

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


def final_state(
    folder: Path, which: str = "latest", image: tuple[int, int, int] = (8, 8, 1)
) -> State:
    """Every array of a checkpoint, as it lies on disk; `image`: [h, w, c] of the data set."""
    saved = ConfigDict(json.loads((folder / "config.json").read_text()))
    machine = assemble(saved)
    checkpoints = Checkpoints(folder, read_only=True)
    averaged = saved.get("average_decay", 0) > 0
    like = init_state(machine.network, machine.optimizer, image, 0, averaged)
    return jax.device_get(checkpoints.restore_state(checkpoints.step_of(which), like))


def drawn_run(settings: ConfigDict, folder: Path) -> State:
    """The files of a run as others read them, with weights and statistics drawn, none trained."""
    machine = assemble(settings)
    variables = drawn.variables(machine.network, (8, 8, 1))
    state = first_state(variables["params"], variables["batch_stats"], machine.optimizer)
    checkpoints = Checkpoints(folder)
    checkpoints.save(state, to_dict(settings), {}, None)
    checkpoints.close()
    write_config(folder, settings)
    return jax.device_get(state)


def assert_same_end(
    folder: Path, other: Path, checkpoints: Sequence[str] = ("latest", "best")
) -> None:
    """Two runs have the same metrics, right answers and states, to the bit."""
    for file in ("metrics.jsonl", "correct.json"):
        assert (folder / file).read_bytes() == (other / file).read_bytes()
    for which in checkpoints:
        states = final_state(folder, which), final_state(other, which)
        jax.tree.map(np.testing.assert_array_equal, *states)


def metrics(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
