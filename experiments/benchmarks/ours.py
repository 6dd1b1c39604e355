"""This codebase: the training step that `resinc train` compiles, and its evaluation."""

from collections.abc import Callable
from typing import Any

import numpy as np

from resinc.cli.jax_start import prepare_jax
from resinc.config import load
from resinc.data.spec import DATASETS, Spec

# Of the shape of ImageNet's, made up as all images that are timed; `data.name` in a worker.
PHOTOGRAPHS = Spec("photographs", (224, 224, 3), 1000, 1024, 0, 0, "none is needed")

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


def program_of(recipe: str, cells: int = 1, **fields: Any) -> tuple[Any, Any, Any]:
    """(program, source, state): as a run has them, with random images for four batches.

    Of more than one cell they are members of the program, which differ in their seed.
    """
    prepare_jax(deterministic=fields.get("parallel.deterministic", True))
    from resinc.data.on_device import normalize
    from resinc.data.source import Examples, Resident
    from resinc.train.assemble import assemble
    from resinc.train.compiled.program import Program
    from resinc.train.replica.state import init_state

    configs = [configuration(recipe, **fields | {"seed": seed}) for seed in range(cells)]
    config = configs[0]
    setup = assemble(config)
    spec = DATASETS[config.data.name]
    random = np.random.RandomState(0)
    size = 4 * config.batch_size
    images = random.randint(0, 256, (size, *spec.image_shape)).astype(np.uint8)
    labels = random.randint(0, spec.num_classes, size).astype(np.int32)
    held, parts = Examples(images, labels), {"train": range(size)}
    rows = np.arange(size, dtype=np.int32)
    source = Resident(held, parts, rows, config.seed, config.batch_size)
    members = configs if cells > 1 else ()
    program = Program(setup, source, normalize.configured(images, config.data), members)
    states = (
        init_state(setup.network, setup.optimizer, spec.image_shape, each.seed) for each in configs
    )
    return program, source, program.place(*states)


def prepare(
    recipe: str, evaluating: bool = False, cells: int = 1, calls: int = 1, **fields: Any
) -> tuple[Callable[[], None], dict[str, Any]]:
    """A call that makes steps, or evaluates one batch, and waits for it.

    Args:
      recipe: see `configuration`.
      evaluating: a batch, instead of steps.
      cells: trained in one program.
      calls: of the program, before it is waited for; each makes `steps_per_call` steps.
      **fields: changed in the recipe.
    """
    program, source, state = program_of(recipe, cells, **fields)
    import jax

    from resinc.cost.count import network_cost
    from resinc.networks import build
    from resinc.train.compiled.members import evaluation

    config = configuration(recipe, **fields)
    spec = DATASETS[config.data.name]
    cost = network_cost(build(config.model, spec.num_classes), spec.image_shape)
    about = {
        "batch_size": config.batch_size,
        "parameters": cost.parameters,
        "multiply_adds": cost.multiply_adds,
    }
    if evaluating:
        batch = next(evaluation([source] * cells, "train", source.batch_size))

        def evaluate() -> None:
            jax.block_until_ready(program.sums(state, *batch))

        return evaluate, about
    batch = source.batch(0)
    moved = [[batch] * cells if cells > 1 else batch] * fields.get("steps_per_call", 1)

    def call() -> None:
        nonlocal state
        for _ in range(calls):
            state, _ = program.train(state, moved)
        jax.block_until_ready(state)

    return call, about
