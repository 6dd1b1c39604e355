"""What the cells of a sweep would compute: their networks built and counted, nothing trained.

Imports JAX, on the CPU alone: a process that holds a device keeps it from the runs.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from resinc import config as config_lib
from resinc.launch.cell import Cell

# What leaves the network as it is, and has no rule beyond its own range.
APART = ("seed", "optimizer", "schedule", "init_from")
# Half a second each; one process may run several sweeps of the same networks.
_CHECKED: set[str] = set()


def check_networks(cells: Sequence[Cell], root: Path) -> None:
    """Build the network of every cell that trains one, each once, and check it with its data set.

    Raises:
      InputError: e.g. a depth that the network does not have; quotes value and rule.
    """
    from resinc.train.assemble import assemble
    from resinc.train.distributed.parallel import Replicas

    for _, config in _training(cells, root):
        key = _key(config, APART)
        if key not in _CHECKED:
            _stay_on_cpu()
            assemble(config, Replicas("vmap", 1))
            _CHECKED.add(key)


def multiply_adds(cells: Sequence[Cell], root: Path) -> dict[str, int]:
    """Name of a cell that trains -> multiply-adds of its network for one image, forwards."""
    from resinc.train.assemble import assemble, count
    from resinc.train.distributed.parallel import Replicas

    counted: dict[str, int] = {}
    found = {}
    for name, config in _training(cells, root):
        key = _key(config, APART)
        if key not in counted:
            _stay_on_cpu()
            counted[key] = count(assemble(config, Replicas("vmap", 1)))
        found[name] = counted[key]
    return found


def _training(cells: Sequence[Cell], root: Path) -> Iterator[tuple[str, ConfigDict]]:
    for cell in cells:
        if cell.task == "train":
            yield cell.name, config_lib.load(cell.recipe, cell.flags_in(root))


def _key(config: ConfigDict, without: Sequence[str]) -> str:
    values: dict[str, Any] = config_lib.to_dict(config)
    return json.dumps({name: v for name, v in values.items() if name not in without})


def _stay_on_cpu() -> None:
    import jax

    jax.config.update("jax_platforms", "cpu")
