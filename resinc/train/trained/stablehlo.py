"""A trained network as a program that needs neither resinc nor its weights: StableHLO.

Read back by `jax.export.deserialize`, or by any runtime that takes StableHLO.
"""

import importlib.util
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from resinc.errors import InputError
from resinc.file_paths import written
from resinc.train.trained.load import Trained, load_trained

PLATFORMS = ("cpu", "cuda", "rocm", "tpu")


def export_program(folder: Path, which: str, out: Path, average: bool = False) -> int:
    """Write the program: images uint8 [b, h, w, c] -> logits float32 [b, k], for any b.

    Normalisation and weights are inside; it runs on PLATFORMS.

    Args:
      folder: workdir of the run.
      which: "latest", "best" (on validation) or a step.
      out: file, ends in .stablehlo.
      average: of the average of the weights.

    Returns:
      Its size in bytes.

    Raises:
      InputError: as `load_trained`; flatbuffers is not installed, or the file cannot be written.
    """
    if out.suffix != ".stablehlo":
        raise InputError(f"{str(out)!r} does not end in .stablehlo")
    if importlib.util.find_spec("flatbuffers") is None:
        raise InputError(f"{str(out)!r} needs the package flatbuffers: pip install flatbuffers")
    content = serialized(load_trained(folder, which, average))
    with written(out) as part:
        part.write_bytes(content)
    return len(content)


def serialized(trained: Trained) -> bytes:
    """The program as `jax.export` serialises it."""
    from jax import export

    def logits(images: jax.Array) -> Any:
        return trained.logits(trained.variables, images)

    (batch,) = export.symbolic_shape("b")
    shape = (batch, *trained.setup.dataset.spec.image_shape)
    images = jax.ShapeDtypeStruct(shape, jnp.uint8)
    program = export.export(jax.jit(logits), platforms=PLATFORMS)(images)
    return bytes(program.serialize())
