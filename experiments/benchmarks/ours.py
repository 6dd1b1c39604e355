"""This codebase: the training step that `resinc train` compiles, and its evaluation."""

from collections.abc import Callable
from typing import Any

import numpy as np

from resinc.commands import prepare_jax
from resinc.config import load

# What the twins do too: no augmentation, no dropout, SGD with momentum and weight decay.
COMMON = {
    "data.augment": "none",
    "data.normalize": "channel",
    "model.dropout": 0.0,
    "optimizer.name": "momentum",
    "optimizer.lr": 0.01,
    "optimizer.weight_decay": 1e-4,
    "parallel.replicas": 1,
}


def configuration(recipe: str, **fields: Any) -> Any:
    """The config of a recipe, e.g. "configs/cifar.py:network=resnet-20", with fields changed."""
    return load(recipe, [f"--config.{name}={value}" for name, value in (COMMON | fields).items()])


def machine_of(recipe: str, **fields: Any) -> tuple[Any, Any, Any, Any]:
    """(machine, examples, normalizer, state): as a run has them, with random images."""
    prepare_jax(deterministic=True)
    from resinc.data import DATASETS, normalize
    from resinc.train.assemble import assemble
    from resinc.train.state import init_state
    from resinc.train.step import Examples

    machine = assemble(configuration(recipe, **fields))
    section = machine.config.data
    spec = DATASETS[section.name]
    random = np.random.RandomState(0)
    size = 4 * machine.config.batch_size
    images = random.randint(0, 256, (size, *spec.image_shape)).astype(np.uint8)
    labels = random.randint(0, spec.num_classes, size).astype(np.int32)
    normalizer = normalize.configured(images, section)
    state = init_state(machine.network, machine.optimizer, spec.image_shape, machine.config.seed)
    replicate = machine.replicas.replicate
    return machine, replicate(Examples(images, labels)), normalizer, replicate(state)


def prepare(
    recipe: str, evaluating: bool = False, **fields: Any
) -> tuple[Callable[[], None], dict[str, Any]]:
    """A call that makes one step, or evaluates one batch, and waits for it."""
    machine, examples, normalizer, state = machine_of(recipe, **fields)
    import jax

    from resinc.data import normalize
    from resinc.ops.loss import OBJECTIVES
    from resinc.train.program import training_step
    from resinc.train.step import make_eval_step

    replicas, batch = machine.replicas, machine.config.batch_size
    ids = replicas.split(np.arange(batch, dtype=np.int32))
    about = {"parameters": sum(leaf.size for leaf in jax.tree.leaves(state.params))}
    if evaluating:
        step = make_eval_step(
            machine.network,
            lambda images: normalize.prepare(images, normalizer),
            replicas,
            OBJECTIVES[machine.config.objective],
        )
        compiled = replicas.map(step, split=(False, False, False, True, True))
        mask = replicas.split(np.ones(batch, bool))

        def evaluate() -> None:
            jax.block_until_ready(compiled(state.params, state.batch_stats, examples, ids, mask))

        return evaluate, about
    train = training_step(machine, normalizer)

    def call() -> None:
        nonlocal state
        state, _ = train(state, examples, ids)
        jax.block_until_ready(state)

    return call, about
