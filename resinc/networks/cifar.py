"""The CIFAR family: conv3x3, three stages of n blocks, mean, dense; only the block changes.

With plain or residual blocks it is that of He et al. 2015, section 4.2, of 6n+2 weighted layers;
with pre-activated ones that of He et al. 2016; with `widen`, that of Zagoruyko and Komodakis 2016.
Inception and mlpconv blocks take the same places. The stages halve the resolution at their first
block (32, 16, 8 pixels for CIFAR). Any input of at least 4x4 pixels works.
"""

from typing import Any

from resinc.errors import InputError
from resinc.networks.options import block_of, check_variant
from resinc.networks.staged import StagedNetwork, build_staged


def blocks_per_stage(depth: int, per_block: int = 2) -> int:
    """n of depth = 3 * per_block * n + 2: a stem, three stages of n blocks, a dense layer.

    Args:
      depth: weighted layers.
      per_block: of which in a block; 2 gives the paper's 6n+2.

    Raises:
      InputError: no n >= 1 gives this depth.
    """
    step = 3 * per_block
    n, rest = divmod(depth - 2, step)
    if rest or n < 1:
        least = step + 2
        below = max(least, depth - rest)
        near = (below, below + step) if depth > least else (least, least + step)
        raise InputError(
            f"depth {depth} is not {step}n+2 with n >= 1: the nearest are {near[0]} and {near[1]}"
        )
    return n


def build(section: Any, num_classes: int, norm_axis: str | None) -> StagedNetwork:
    """The network of a `config.model` section.

    Raises:
      InputError: an unknown block or option, or a depth that is not 6n+2.
    """
    kind, _ = block_of(section)
    n = blocks_per_stage(section.depth, kind.weighted_layers)
    check_variant(section, ("", "v1.5") if section.block == "bottleneck" else ("",))
    return build_staged(section, num_classes, norm_axis, (n, n, n))
