"""What a chain of layers costs: counted, and measured as seconds and bytes."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from resinc.cost.chain import Chain, Layer, Shape, shapes
from resinc.cost.clock import time_in_turn
from resinc.cost.count import Cost

# What `compiled.memory_analysis()` knows of a program, without running it.
_BYTES = {
    "arguments": "argument_size_in_bytes",
    "outputs": "output_size_in_bytes",
    "temporary": "temp_size_in_bytes",
    "peak": "peak_memory_in_bytes",
}


class Programs(NamedTuple):
    """Compiled functions of (parameters, images), and what they are called with."""

    forward: Any
    step: Any
    inputs: tuple[Any, jax.Array]


def measure(
    layers: tuple[Layer, ...], reference: tuple[Layer, ...], cost: Cost, config: Any
) -> dict[str, Any]:
    """Compile and time, forward alone and a step.

    A step is forward and backward, to the parameters and to the input, as inside a network. XLA
    counts no products with the padding.

    Args:
      layers: of the chain.
      reference: timed in turn with it; none: nothing is.
      cost: of the chain, traced.
      config: a checked `configs.chain` schema.

    Returns:
      In counts of one image, in seconds per call for the batch, and in bytes:

        {"cost": {"layers": [{"name", "before", "after", "multiply_adds"}, ...],  (by formula)
                  "multiply_adds", "parameters", "activations",                   (traced)
                  "xla_multiply_adds"},                                           (half its flops)
         "time": {"forward_seconds", "step_seconds",                              (a list each)
                  "reference_forward_seconds", "reference_step_seconds"},
         "memory": {"forward": {"arguments", "outputs", "temporary", "peak"}, "step": likewise}}
    """
    programs = {"": compile_chain(layers, config, config.input)}
    if reference:
        programs["reference_"] = compile_chain(reference, config, config.input)
    return {
        "cost": count(layers, cost, config.input),
        "time": clock(programs, config.repeats),
        "memory": weigh(programs[""]),
    }


def count(layers: tuple[Layer, ...], cost: Cost, image: Shape) -> dict[str, Any]:
    """The "cost" of measurements.json."""
    places = shapes(layers, image)
    x = jax.ShapeDtypeStruct((1, *image), jnp.float32)
    forward, _, params = _functions(layers, image)
    analysis = jax.jit(forward).lower(params, x).cost_analysis()
    return {
        "layers": [
            {
                "name": layer.text,
                "before": before,
                "after": after,
                "multiply_adds": layer.multiply_adds(before),
            }
            for layer, before, after in zip(layers, places, places[1:], strict=False)
        ],
        "multiply_adds": cost.multiply_adds,
        "parameters": cost.parameters,
        "activations": cost.activations,
        "xla_multiply_adds": round((analysis or {})["flops"] / 2),
    }


def compile_chain(layers: tuple[Layer, ...], config: Any, image: Shape) -> Programs:
    """Compile forward and step, and draw parameters and images from the seed."""
    forward, step, _ = _functions(layers, image)
    draw, draw_images = jax.random.split(jax.random.key(config.seed))
    images = jax.random.normal(draw_images, (config.batch_size, *image))
    params = jax.jit(Chain(layers).init)(draw, images)
    inputs = (params, images)
    compiled = [jax.jit(f).lower(*inputs).compile() for f in (forward, step)]
    return Programs(compiled[0], compiled[1], inputs)


def clock(programs: dict[str, Programs], repeats: int) -> dict[str, list[float]]:
    """The "time" of measurements.json: all programs in turn."""
    calls = {}
    for prefix, (forward, step, inputs) in programs.items():
        # Bound now: the names change with the loop.
        calls[f"{prefix}forward_seconds"] = lambda f=forward, i=inputs: f(*i)
        calls[f"{prefix}step_seconds"] = lambda f=step, i=inputs: f(*i)
    return time_in_turn(calls, repeats)


def weigh(programs: Programs) -> dict[str, dict[str, int]]:
    """The "memory" of measurements.json, as the compiler lays it out."""
    return {
        name: {word: int(getattr(program.memory_analysis(), at)) for word, at in _BYTES.items()}
        for name, program in (("forward", programs.forward), ("step", programs.step))
    }


def _functions(layers: tuple[Layer, ...], image: Shape) -> tuple[Any, Any, Any]:
    """(forward, step, parameters as shapes)."""
    chain = Chain(layers)

    def forward(params: Any, x: jax.Array) -> jax.Array:
        return chain.apply(params, x)  # type: ignore[return-value]

    def step(params: Any, x: jax.Array) -> Any:
        # The output itself as its gradient: as much work as any other.
        y, backward = jax.vjp(forward, params, x)
        return backward(y)

    x = jax.ShapeDtypeStruct((1, *image), jnp.float32)
    return forward, step, jax.eval_shape(chain.init, jax.random.key(0), x)
