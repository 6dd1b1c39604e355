"""The training step of a config, compiled for any number of devices without having them.

XLA's devices of a CPU are as many as one asks for before JAX starts; nothing runs on them, and no
example is read.
"""

import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from resinc.cost.scaling import Step
from resinc.data.image_files.streamed import Streamed
from resinc.data.on_device.normalize import Normalizer
from resinc.data.source import Batch
from resinc.data.spec import DATASETS, Spec
from resinc.errors import InputError
from resinc.networks.options import DTYPES
from resinc.ops.platform import as_defined
from resinc.train.assemble import assemble
from resinc.train.compiled.program import Program
from resinc.train.replica.state import init_state

# e.g. "f32[3,3,16,16]{3,2,1,0}", in the result of an all-reduce: sizes of XLA's types in bits.
_SHAPE = re.compile(r"\b[a-z]+(\d+)\[([\d,]*)\]")
_REDUCE = re.compile(r"= (.*?) all-reduce(?:-start)?\(")


def compile_steps(
    config: ConfigDict, classes: int, counts: Sequence[int], each: int = 0
) -> dict[int, Step]:
    """`compile_step` for several numbers of devices, which JAX must have been started with.

    Args:
      config: a filled `configs.base` schema.
      classes: as for `sizes`.
      counts: devices.
      each: images of a step for each of them; 0: the config's batch, divided.

    Raises:
      InputError: as `sizes` and `compile_step`.
    """
    spec = sizes(config, classes)
    if not each:
        for count in counts:
            if config.batch_size % count:
                raise InputError(
                    f"batch size {config.batch_size} is not divisible by {count} devices: give "
                    "--per-device, or a batch_size that all of --devices divide"
                )
    return {
        count: compile_step(config, spec, count, each or config.batch_size // count)
        for count in counts
    }


class _Sizes(NamedTuple):
    """A set of which only the sizes are known, in the place of a `data.dataset.Dataset`."""

    spec: Spec


class _Moving:
    """In the place of a `Source`: all of a batch moves with its step, as of image files."""

    held = ()

    gather = staticmethod(Streamed.gather)


def sizes(config: ConfigDict, classes: int) -> Spec:
    """Of the set that a config names, which need not be there.

    Args:
      config: a filled `configs.base` schema.
      classes: of a set of image files; not asked of those that are held in memory.

    Raises:
      InputError: a set of image files without `data.image_size` or classes.
    """
    section = config.data
    if section.name in DATASETS:
        return DATASETS[section.name]
    if not section.image_size or not classes:
        raise InputError(
            f"the images of {section.name!r} are files: a plan needs data.image_size (now "
            f"{section.image_size}) and --classes (now {classes})"
        )
    shape = (section.image_size, section.image_size, 3)
    return Spec(section.name, shape, classes, 0, 0, 0, "not read")


def compile_step(config: ConfigDict, spec: Spec, count: int, each: int) -> Step:
    """What one of `count` devices does in a step.

    Blocks are unrolled, because XLA counts the body of a loop once; layers are those that other
    platforms than a CPU run. A CPU computes bfloat16 convolutions in float32, so that activations
    are compiled as float32 and their bytes scaled to those of `model.dtype`.

    Args:
      config: a filled `configs.base` schema.
      spec: of `sizes`.
      count: devices; JAX must have been started with as many.
      each: images of a step for each of them.

    Raises:
      InputError: as `assemble`.
    """
    itemsize = jnp.dtype(DTYPES[config.model.dtype]).itemsize
    config = config.copy_and_resolve_references().unlock()
    config.model.scan, config.model.dtype = False, "float32"
    config.parallel.replicas, config.batch_size = count, each * count
    setup = assemble(config.lock(), dataset=cast(Any, _Sizes(spec)))
    mean = np.zeros(spec.image_shape, np.float32)
    program = Program(setup, cast(Any, _Moving()), Normalizer(mean, mean + 1))
    averaged = bool(config.average_decay)
    state = jax.eval_shape(
        lambda: init_state(setup.network, setup.optimizer, spec.image_shape, 0, averaged)
    )
    numbers = jax.ShapeDtypeStruct((count, each), jnp.int32)
    images = jax.ShapeDtypeStruct((count, each, *spec.image_shape), jnp.uint8)
    step: Any = program.step
    with as_defined():
        lowered = step.lower(state, ({}, {}), (), Batch(images, numbers, numbers))
    compiled = lowered.compile()
    analysis, memory = compiled.cost_analysis(), compiled.memory_analysis()
    scale = itemsize / 4
    return Step(
        images=each,
        multiply_adds=analysis["flops"] / 2,
        traffic=analysis["bytes accessed"] * scale,
        reduced=reduced(compiled.as_text()),
        memory=memory.argument_size_in_bytes + memory.temp_size_in_bytes * scale,
        itemsize=itemsize,
        decodes=spec.name not in DATASETS,
    )


def reduced(program: str) -> float:
    """Bytes that the all-reduces of a compiled program average over devices."""
    return sum(
        int(bits) / 8 * math.prod(int(size) for size in shape.split(",") if size)
        for result in _REDUCE.findall(program)
        for bits, shape in _SHAPE.findall(result)
    )
