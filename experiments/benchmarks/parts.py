"""`python -m experiments.benchmarks.parts`: the floor of a ResNet-20 step, by parts.

Each part alone, compiled apart from its neighbours, by the best of its turns, on one core and on
two; then the sum over the 18 units of the three stages. Stem, head, shortcuts and the update are
not in it. To be run while nothing else does.
"""

import time
from collections.abc import Callable
from typing import Any

from experiments.benchmarks.harness import Worker
from resinc.cores import available_cores

# Pixels of a side and features of a stage; units (convolution, BatchNorm, relu) in each.
STAGES = ((32, 16), (16, 32), (8, 64))
UNITS = 6
BATCH = 128
TURNS = 15


def main() -> None:
    counts = [cores for cores in (1, 2) if cores <= len(available_cores())]
    columns = [[_parts(cores, *stage) for cores in counts] for stage in STAGES]
    print(f"ms on {' / '.join(map(str, counts))} cores\n")
    print("| | " + " | ".join(f"{h}x{h}x{c}" for h, c in STAGES) + " |\n| --- | --- | --- | --- |")
    for name in columns[0][0]:
        cells = (" / ".join(f"{found[name]:.1f}" for found in column) for column in columns)
        print(f"| {name} | {' | '.join(cells)} |")
    totals = [sum(sum(column[i].values()) for column in columns) for i in range(len(counts))]
    print(f"\n{UNITS} units of each: {' / '.join(f'{UNITS * total:.0f}' for total in totals)} ms")


def _parts(cores: int, pixels: int, features: int) -> dict[str, float]:
    worker = Worker("parts", cores, pixels=pixels, features=features)
    worker.end()
    return worker.about


def prepare(pixels: int, features: int) -> tuple[Callable[[], None], dict[str, Any]]:
    """The worker's: part -> milliseconds."""
    from resinc.cli.jax_start import prepare_jax

    prepare_jax(deterministic=True)
    import jax

    from resinc.ops import norm
    from resinc.ops.conv import conv2d

    x, g, kernel = (
        jax.random.normal(jax.random.key(i), shape)
        for i, shape in enumerate(
            [(BATCH, pixels, pixels, features)] * 2 + [(3, 3, features, features)]
        )
    )

    def unit(x: jax.Array) -> jax.Array:
        mean, square = norm.moments(x)
        factor = jax.lax.rsqrt(square - mean**2 + 1e-5)
        return jax.nn.relu(norm.shift_and_scale(x, mean, factor, mean))

    parts: dict[str, Callable[..., Any]] = {
        "forward": lambda x, kernel, g: conv2d(x, kernel),
        "gradient of the input": lambda x, kernel, g: jax.vjp(conv2d, x, kernel)[1](g)[0],
        "gradient of the weights": lambda x, kernel, g: jax.vjp(conv2d, x, kernel)[1](g)[1],
        "BatchNorm and relu, both ways": lambda x, kernel, g: jax.vjp(unit, x)[1](g),
    }
    compiled = {name: jax.jit(part) for name, part in parts.items()}
    found: dict[str, float] = {}
    for turn in range(TURNS + 1):
        for name, part in compiled.items():
            begun = time.perf_counter()
            jax.block_until_ready(part(x, kernel, g))
            taken = 1000 * (time.perf_counter() - begun)
            if turn:  # The first compiles.
                found[name] = min(taken, found.get(name, taken))
    return lambda: None, found


if __name__ == "__main__":
    main()
