"""The modules of Inception-v4. Szegedy et al. 2016 (arXiv 1602.07261), Fig. 3 to 9, Table 1."""

import flax.linen as nn
import jax

from resinc.blocks.block import Block
from resinc.blocks.branches import HALVE, MEAN, Fork, Table, Unit, concat_branches

_FORK = Fork((Unit(256, (1, 3)), Unit(256, (3, 1))))

# Fig. 4, 35x35 pixels, 384 channels.
MODULE_A: Table = (
    (Unit(96),),
    (Unit(64), Unit(96, 3)),
    (Unit(64), Unit(96, 3), Unit(96, 3)),
    (MEAN, Unit(96)),
)
# Fig. 5, 17x17 pixels, 1024 channels.
MODULE_B: Table = (
    (Unit(384),),
    (Unit(192), Unit(224, (1, 7)), Unit(256, (7, 1))),
    (Unit(192), Unit(192, (7, 1)), Unit(224, (1, 7)), Unit(224, (7, 1)), Unit(256, (1, 7))),
    (MEAN, Unit(128)),
)
# Fig. 6, 8x8 pixels, 1536 channels.
MODULE_C: Table = (
    (Unit(256),),
    (Unit(384), _FORK),
    (Unit(384), Unit(448, (3, 1)), Unit(512, (1, 3)), _FORK),
    (MEAN, Unit(256)),
)
# Fig. 3, the three places where the stem splits.
STEM: tuple[Table, ...] = (
    ((HALVE,), (Unit(96, 3, 2, "VALID"),)),
    (
        (Unit(64), Unit(96, 3, 1, "VALID")),
        (Unit(64), Unit(64, (1, 7)), Unit(64, (7, 1)), Unit(96, 3, 1, "VALID")),
    ),
    ((Unit(192, 3, 2, "VALID"),), (HALVE,)),
)
# Fig. 8, 17x17 to 8x8 pixels.
REDUCTION_B: Table = (
    (Unit(192), Unit(192, 3, 2, "VALID")),
    (Unit(256), Unit(256, (1, 7)), Unit(320, (7, 1)), Unit(320, 3, 2, "VALID")),
    (HALVE,),
)


def reduction_a(k: int, l: int, m: int, n: int) -> Table:  # noqa: E741, the paper's letters
    """35x35 to 17x17 pixels, for Inception-v4 and both Inception-ResNets. Fig. 7 and Table 1."""
    return (
        (Unit(n, 3, 2, "VALID"),),
        (Unit(k), Unit(l, 3), Unit(m, 3, 2, "VALID")),
        (HALVE,),
    )


class InceptionV4Block(Block):
    """y = concat(branch1(x), branch2(x), ...), one of many alike in a stage. Fig. 4, 5 and 6.

    Attributes:
      table: the branches; their channels sum to `features`, and their stride is 1.
    """

    table: Table = ()

    has_branch = False

    @nn.compact
    def __call__(self, x: jax.Array, gain: jax.Array | None = None) -> jax.Array:
        return concat_branches(self.layers, x, self.table)
