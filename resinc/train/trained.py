"""A trained network, from the folder of its run."""

from pathlib import Path
from typing import Any, NamedTuple

import jax

from resinc import data
from resinc.data import normalize
from resinc.errors import InputError
from resinc.networks.variables import variable_shapes
from resinc.runs.config import training_config
from resinc.train.assemble import Machine, assemble
from resinc.train.parallel import all_devices
from resinc.train.restore import read_weights
from resinc.weights.layouts import OWN
from resinc.weights.match import match, refuse
from resinc.weights.variables import flatten


class Trained(NamedTuple):
    """A network, its weights and what it was trained on."""

    machine: Machine
    step: int  # Of the checkpoint.
    variables: dict[str, Any]  # {"params", "batch_stats"}, NumPy.
    splits: data.Splits
    normalizer: normalize.Normalizer  # Of the training split.

    def logits(self, variables: Any, images: jax.Array) -> Any:
        """What the network puts out in evaluation mode, with the weights given.

        Args:
          variables: like `self.variables`, given so that a compiled caller need not hold them.
          images: uint8 [b, h, w, c], of the data set.
        """
        prepared = normalize.prepare(images, self.normalizer)
        return self.machine.network.apply(variables, prepared, train=False)

    def split(self, name: str) -> data.Split:
        """Train, validation or test.

        Raises:
          InputError: it has no examples.
        """
        split: data.Split = getattr(self.splits, name)
        if not len(split):
            held_out = f"data.validation_size is {self.machine.config.data.validation_size}"
            raise InputError(f"this run has no {name} examples: {held_out}")
        return split


def load_trained(folder: Path, which: str, average: bool = False) -> Trained:
    """Read a checkpoint of a run, and its data.

    Args:
      folder: workdir of the run.
      which: "latest", "best" (on validation) or a step.
      average: of the average of the weights, which `average_decay` keeps.

    Raises:
      InputError: no run or no such checkpoint there, its weights are damaged, not finite or of
        another network, there is no average, or its data is missing.
    """
    machine = assemble(training_config(folder), all_devices())
    step, variables = read_weights(folder, which, average)
    splits = data.load(machine.config.data)
    like = variable_shapes(machine.network, splits.spec.image_shape)
    refuse(match(OWN, flatten(variables), flatten(like)), flatten(like), f"{str(folder)!r}")
    normalizer = normalize.configured(splits.train.image, machine.config.data)
    return Trained(machine, step, variables, splits, normalizer)
