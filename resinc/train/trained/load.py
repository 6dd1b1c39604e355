"""A trained network, from the folder of its run."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax

from resinc.data.dataset import no_examples
from resinc.data.on_device import normalize
from resinc.data.source import Source
from resinc.networks.variables import variable_shapes
from resinc.runs.config import training_config
from resinc.train.assemble import Setup, assemble
from resinc.train.checkpoints.restore import read_weights
from resinc.train.distributed.parallel import all_devices
from resinc.weights.layouts import OWN
from resinc.weights.match import match, refuse
from resinc.weights.variables import flatten


class Trained(NamedTuple):
    """A network and its weights; what it was trained on is `setup.dataset`."""

    setup: Setup
    step: int  # Of the checkpoint.
    variables: dict[str, Any]  # {"params", "batch_stats"}, NumPy.
    normalizer: normalize.Normalizer  # Of the training split.

    def logits(self, variables: Any, images: jax.Array) -> Any:
        """What the network puts out in evaluation mode, with the weights given.

        Args:
          variables: like `self.variables`, given so that a compiled caller need not hold them.
          images: uint8 [b, h, w, c], of the data set.
        """
        prepared = normalize.prepare(images, self.normalizer)
        return self.setup.network.apply(variables, prepared, train=False)

    @contextlib.contextmanager
    def source(self, *names: str, crops: int = 1) -> Iterator[Source]:
        """What its data set gives, closed at the end.

        Args:
          names: of the splits that are asked for: train, validation or test.
          crops: of each image, 1 or 10.

        Raises:
          InputError: one of them has no examples, or there are no such crops.
        """
        config = self.setup.config
        dataset, size = self.setup.dataset, config.batch_size
        with contextlib.closing(dataset.source(config.seed, size, crops=crops)) as source:
            for name in names:
                if name not in source.parts:
                    raise no_examples(name, config.data)
            yield source


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
    setup = assemble(training_config(folder), all_devices())
    step, variables = read_weights(folder, which, average)
    setup.dataset.read()
    like = variable_shapes(setup.network, setup.dataset.spec.image_shape)
    refuse(match(OWN, flatten(variables), flatten(like)), flatten(like), f"{str(folder)!r}")
    return Trained(setup, step, variables, setup.dataset.normalizer())
