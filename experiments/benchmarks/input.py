"""Share of a CIFAR step that waits for input or dispatch: the loop's step against the bare one."""

from collections.abc import Callable
from typing import Any

from experiments.benchmarks.harness import Results

RECIPE = "configs/cifar.py:depth=20"
STEPS = 5  # Of one call: what overlaps between steps does so here.


def run(results: Results, quick: bool = False) -> None:
    work: dict[str, Any] = {"module": "input", "recipe": RECIPE, "data.augment": "crop_flip"}
    if quick:
        work |= {"model.depth": 8, "model.width": 4, "batch_size": 2}
    sides = {"fed": work | {"fed": True}, "bare": work | {"fed": False}}
    for cores in (1,) if quick else (1, 2):
        results.compare(sides, cores, turns=1 if quick else 9, case="resnet-20")


def prepare(recipe: str, fed: bool, **fields: Any) -> tuple[Callable[[], None], dict[str, Any]]:
    """The worker's: STEPS steps; `fed` draws and moves the indices as the loop does."""
    import time

    import jax

    from experiments.benchmarks.ours import program_of
    from resinc.data.order import batch_indices
    from resinc.data.source import Places

    program, source, state = program_of(recipe, **fields)
    batch_size = source.batch_size
    fixed = source.batch(0)
    at = 0

    def places() -> Any:
        nonlocal at
        at += 1
        # Of as many examples as CIFAR-10 has for training; here there are four batches.
        ids = batch_indices(source.seed, 45_000, batch_size, at) % (4 * batch_size)
        return Places(source.rows[ids], ids)

    def call() -> None:
        nonlocal state
        for _ in range(STEPS):
            state, _ = program.train(state, [places() if fed else fixed])
        jax.block_until_ready(state)

    places()  # The first of an epoch draws its order.
    begun = time.perf_counter()
    for _ in range(100):
        places()
    return call, {"steps": STEPS, "host_seconds": round((time.perf_counter() - begun) / 100, 7)}
