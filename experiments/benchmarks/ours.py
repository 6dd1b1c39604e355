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


def program_of(recipe: str, **fields: Any) -> tuple[Any, Any, Any]:
    """(program, source, state): as a run has them, with random images for four batches."""
    prepare_jax(deterministic=True)
    from resinc.data import DATASETS, normalize
    from resinc.data.source import Examples, Resident
    from resinc.train.assemble import assemble
    from resinc.train.program import Program
    from resinc.train.state import init_state

    config = configuration(recipe, **fields)
    machine = assemble(config)
    spec = DATASETS[config.data.name]
    random = np.random.RandomState(0)
    size = 4 * config.batch_size
    images = random.randint(0, 256, (size, *spec.image_shape)).astype(np.uint8)
    labels = random.randint(0, spec.num_classes, size).astype(np.int32)
    held, parts = Examples(images, labels), {"train": range(size)}
    source = Resident(held, parts, config.seed, config.batch_size)
    program = Program(machine, source, normalize.configured(images, config.data))
    state = init_state(machine.network, machine.optimizer, spec.image_shape, config.seed)
    return program, source, program.place(state)


def prepare(
    recipe: str, evaluating: bool = False, **fields: Any
) -> tuple[Callable[[], None], dict[str, Any]]:
    """A call that makes one step, or evaluates one batch, and waits for it."""
    program, source, state = program_of(recipe, **fields)
    import jax

    about = {"parameters": sum(leaf.size for leaf in jax.tree.leaves(state.params))}
    if evaluating:
        batch = next(source.evaluation("train", source.batch_size))

        def evaluate() -> None:
            jax.block_until_ready(program.sums(state, *batch))

        return evaluate, about
    batch = source.batch(0)

    def call() -> None:
        nonlocal state
        state, _ = program.train(state, [batch])
        jax.block_until_ready(state)

    return call, about
