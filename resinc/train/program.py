"""The compiled training step of a config."""

from collections.abc import Callable

import jax

from resinc.data import augment
from resinc.data.normalize import Normalizer
from resinc.ops.loss import OBJECTIVES
from resinc.train.assemble import Machine
from resinc.train.step import make_train_step


def training_step(machine: Machine, normalizer: Normalizer) -> Callable:
    """`(state, examples, ids int32 [d, b/d]) -> (state, report)`, over the replicas.

    The state that is given is overwritten.
    """
    config = machine.config

    def augmented(images: jax.Array, ids: jax.Array, key: jax.Array) -> jax.Array:
        section = config.data
        return augment.augment(images, ids, key, normalizer, section.augment, section.crop_pad)

    step = make_train_step(
        machine.network,
        machine.optimizer,
        machine.schedule,
        augmented,
        machine.replicas,
        config.seed,
        config.log_every_steps,
        config.model.auxiliary_weight,
        config.log_gradients,
        OBJECTIVES[config.objective],
    )
    return machine.replicas.map(step, split=(False, False, True), donate=(0,))
