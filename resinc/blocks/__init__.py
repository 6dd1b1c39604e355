"""Blocks: [b, h, w, c] -> [b, h/stride, w/stride, features]. One file, one idea, one paper.

A block is a Linen module with the fields `layers` (ops.layers.Layers), `features` and `stride`.
To add one: write its file and add its line here; the tests loop over `BLOCKS`.
"""

from resinc.blocks.plain import PlainBlock
from resinc.blocks.residual import ResidualBlock

BLOCKS = {"plain": PlainBlock, "residual": ResidualBlock}
