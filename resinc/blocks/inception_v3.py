"""The modules of Inception-v3: 5x5 and 7x7 factorised. Szegedy et al. 2015 (arXiv 1512.00567).

The paper's figures leave the filter counts out; these are those of the authors' code, which all
published weights have.
"""

from resinc.blocks.branches import HALVE, Fork, Pooling, Table, Unit


def module_a(project: int, mean: Pooling) -> Table:
    """On 35x35 pixels: the second 3x3 pair stands for a 5x5. Fig. 5; 224 + `project` channels."""
    return (
        (Unit(64),),
        (Unit(48), Unit(64, 5)),
        (Unit(64), Unit(96, 3), Unit(96, 3)),
        (mean, Unit(project)),
    )


def module_b(narrow: int, mean: Pooling) -> Table:
    """On 17x17 pixels: 1x7 and 7x1 in place of 7x7, `narrow` channels between. Fig. 6; 768."""
    n = narrow
    return (
        (Unit(192),),
        (Unit(n), Unit(n, (1, 7)), Unit(192, (7, 1))),
        (Unit(n), Unit(n, (7, 1)), Unit(n, (1, 7)), Unit(n, (7, 1)), Unit(192, (1, 7))),
        (mean, Unit(192)),
    )


def module_c(mean: Pooling) -> Table:
    """On 8x8 pixels: the last 3x3 of each branch split sideways. Fig. 7; 2048 channels."""
    fork = Fork((Unit(384, (1, 3)), Unit(384, (3, 1))))
    return (
        (Unit(320),),
        (Unit(384), fork),
        (Unit(448), Unit(384, 3), fork),
        (mean, Unit(192)),
    )


# 35x35 to 17x17 pixels, convolutions of stride 2 beside a pooling: Fig. 10; 480 + c channels.
REDUCTION_A: Table = (
    (Unit(384, 3, 2, "VALID"),),
    (Unit(64), Unit(96, 3), Unit(96, 3, 2, "VALID")),
    (HALVE,),
)
# 17x17 to 8x8 pixels; 512 + c channels.
REDUCTION_B: Table = (
    (Unit(192), Unit(320, 3, 2, "VALID")),
    (Unit(192), Unit(192, (1, 7)), Unit(192, (7, 1)), Unit(192, 3, 2, "VALID")),
    (HALVE,),
)
