"""Standard deviation of layer responses. He et al. 2015, section 4.2 and Fig. 7.

A response is what a convolution puts out, behind its BatchNorm and before relu or addition. In a
residual network it shows the strength of the residual functions: the nearer to zero, the less a
block changes what passes through.
"""

from typing import Any

import jax
import jax.numpy as jnp

from resinc.errors import InputError
from resinc.networks.paths import flatten, layer_of, unstack
from resinc.ops.norm import BatchNorm
from resinc.probes.subject import STAGED, Subject

BLOCKS = ("plain", "residual")


def check(section: Any) -> None:
    """Check that a BatchNorm follows each convolution.

    Raises:
      InputError: it does not, or the network has no such blocks.
    """
    if section.name not in STAGED or section.block not in BLOCKS or section.norm != "batch":
        raise InputError(
            f"probe 'responses' needs blocks ({', '.join(BLOCKS)}) with model.norm 'batch' in a "
            f"network of blocks ({', '.join(STAGED)}), not {section.block!r} with "
            f"{section.norm!r} in {section.name!r}"
        )


def measure(subject: Subject) -> dict[str, float]:
    """Over examples, pixels and channels of the training examples, in evaluation mode.

    Returns:
      {path of a convolution: standard deviation}, e.g. "stage1/block02/conv1", in depth order and
      without projections.
    """
    # A scan would swallow what is captured inside it.
    network = subject.network.clone(scan=False)
    variables = {name: unstack(tree) for name, tree in subject.variables.items()}

    @jax.jit
    def run(variables: Any, images: jax.Array) -> Any:
        _, kept = network.apply(
            variables,
            images,
            train=False,
            capture_intermediates=lambda module, _: isinstance(module, BatchNorm),
            mutable=["intermediates"],
        )
        return jax.tree.map(jnp.std, kept["intermediates"])

    # stage1/block02/norm1/__call__/0 -> stage1/block02/conv1
    return {
        layer_of(layer_of(path)).replace("norm", "conv"): float(value)
        for path, value in flatten(jax.device_get(run(variables, subject.batch[0])))
        if "shortcut" not in path
    }
