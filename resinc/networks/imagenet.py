"""The ImageNet family of He et al. 2015, Table 1: 18, 34, 50, 101 and 152 weighted layers.

conv7x7/2, max-pool 3x3/2, four stages, mean, dense. Depths 18 and 34 are of two-layer blocks
(plain, residual, pre-activated), the others of bottlenecks. Grouped (ResNeXt) and wide forms are
the bottleneck's options.
"""

import functools
from typing import Any

from resinc.errors import InputError
from resinc.networks.options import block_of, check_variant
from resinc.networks.staged import StagedNetwork, build_staged
from resinc.ops.pool import max_pool

# Blocks per stage, Table 1; the depth follows: layers per block times blocks, plus stem and head.
SIZES = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}


def build(
    section: Any, num_classes: int, norm_axis: str | None, *, pad: int = 1, bias: bool = False
) -> StagedNetwork:
    """The network of a `config.model` section.

    Args:
      section: `config.model`.
      num_classes: k.
      norm_axis: replica axis of a synchronised BatchNorm.
      pad: pixels around the max-pool's input.
      bias: of convolutions, beside a norm.

    Raises:
      InputError: an unknown block or option, or a depth that the family does not have.
    """
    kind, _ = block_of(section)
    check_variant(section, ("v1", "v1.5") if section.block == "bottleneck" else ("v1",))
    fitting = [d for d, n in SIZES.items() if d == kind.weighted_layers * sum(n) + 2]
    if section.depth not in fitting:
        raise InputError(
            f"depth {section.depth} of network {section.name!r} is not one that block "
            f"{section.block!r} builds: {', '.join(map(str, fitting)) or 'none'}"
        )
    pool = functools.partial(max_pool, window=3, stride=2, padding=pad)
    sizes = SIZES[section.depth]
    return build_staged(section, num_classes, norm_axis, sizes, bias, stem=(7, 2), pool=pool)
