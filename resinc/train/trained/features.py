"""What named layers put out for the examples of a split."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from resinc import networks
from resinc.data.on_device import normalize
from resinc.errors import InputError
from resinc.file_paths import written
from resinc.networks.paths import depth_key, unstack
from resinc.registry import lookup
from resinc.train.trained.load import load_trained

BATCH = 128


def write_features(
    folder: Path,
    which: str,
    names: Sequence[str],
    split: str,
    examples: int,
    out: Path,
    average: bool = False,
) -> dict[str, tuple[int, ...]]:
    """Write an .npz of what modules put out in evaluation, in the order of the split.

    Args:
      folder: workdir of the run.
      which: "latest", "best" (on validation) or a step.
      names: of modules, e.g. "stage1/block02", "stage1/block02/conv1", "head"; a block's is behind
        its addition and relu.
      split: train, validation or test.
      examples: the first so many; 0: all.
      out: ends in .npz; holds an array [n, ...] under each name, and "label", int32 [n].
      average: of the average of the weights.

    Returns:
      Name -> shape of its array.

    Raises:
      InputError: as `load_trained`; an unknown module, an empty split, or a file that cannot be
        written.
    """
    if out.suffix != ".npz":
        raise InputError(f"{str(out)!r} does not end in .npz")
    trained = load_trained(folder, which, average)
    spec = trained.setup.dataset.spec
    # Written out: a scan swallows what is captured inside it.
    section = ConfigDict(trained.setup.config.model.to_dict() | {"scan": False})
    network = networks.build(section, spec.num_classes)
    variables = {name: unstack(tree) for name, tree in trained.variables.items()}
    there = module_shapes(network, variables, spec.image_shape)
    for name in names:
        lookup(there, name, "module")
    with trained.source(split) as source:

        @jax.jit
        def run(variables: Any, held: Any, moved: Any) -> dict[str, jax.Array]:
            batch = source.gather(held, moved)
            prepared = normalize.prepare(batch.image, trained.normalizer)
            return _outputs(network, variables, prepared, names) | {"label": batch.label}

        held, count = jax.device_put(source.held), len(source.parts[split])
        most = min(examples or count, count)
        batches = source.evaluation(split, min(BATCH, most))
        parts = [
            jax.device_get(run(variables, held, moved))
            for moved, _ in itertools.islice(batches, -(-most // BATCH))
        ]
    arrays = {name: np.concatenate([part[name] for part in parts])[:most] for name in parts[0]}
    with written(out) as part, part.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    return {name: array.shape for name, array in arrays.items()}


def module_shapes(
    network: nn.Module, variables: Any, image_shape: tuple[int, int, int]
) -> dict[str, tuple[int, ...]]:
    """Path of every module that puts out one array -> its shape for one image, in depth order."""
    image = jax.ShapeDtypeStruct((1, *image_shape), jnp.float32)
    found = jax.eval_shape(lambda v, x: _outputs(network, v, x, None), variables, image)
    return {name: found[name].shape[1:] for name in sorted(found, key=depth_key)}


def _outputs(
    network: nn.Module, variables: Any, images: jax.Array, names: Sequence[str] | None
) -> dict[str, jax.Array]:
    """Path of a module -> what it put out when it was last called; of all where `names` is None."""

    def is_named(module: nn.Module, method: str) -> bool:
        path = "/".join(module.path)
        return method == "__call__" and bool(path) and (names is None or path in names)

    _, kept = network.apply(
        variables,
        images,
        train=False,
        capture_intermediates=is_named,
        mutable=["intermediates"],
    )
    outputs = {}
    for path, leaf in jax.tree_util.tree_flatten_with_path(kept.get("intermediates", {}))[0]:
        # stage1/block02/__call__/0: a number per call.
        *module, method, _ = jax.tree_util.keystr(path, simple=True, separator="/").split("/")
        if method == "__call__":
            outputs["/".join(module)] = leaf
    return outputs
