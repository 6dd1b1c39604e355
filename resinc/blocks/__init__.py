"""Blocks: [b, h, w, c] -> [b, h/stride, w/stride, features]. One file, one idea, one paper.

To add one: write its file, a subclass of `blocks.block.Block`, and add its line here; the tests
loop over `BLOCKS`.
"""

from resinc.blocks.bottleneck import BottleneckBlock
from resinc.blocks.inception import (
    InceptionBlock,
    NaiveInceptionBlock,
    ResidualInceptionBlock,
    UnreducedInceptionBlock,
)
from resinc.blocks.mlpconv import MlpconvBlock
from resinc.blocks.plain import PlainBlock
from resinc.blocks.preact import PreactBlock, PreactBottleneckBlock
from resinc.blocks.residual import ResidualBlock
from resinc.blocks.single_filter import Only1x1Block, Only3x3Block, Only5x5Block, OnlyPoolBlock

BLOCKS = {
    "plain": PlainBlock,
    "residual": ResidualBlock,
    "bottleneck": BottleneckBlock,
    "preact": PreactBlock,
    "preact_bottleneck": PreactBottleneckBlock,
    "mlpconv": MlpconvBlock,
    "inception": InceptionBlock,
    "inception_naive": NaiveInceptionBlock,
    "inception_unreduced": UnreducedInceptionBlock,
    "inception_residual": ResidualInceptionBlock,
    "only_1x1": Only1x1Block,
    "only_3x3": Only3x3Block,
    "only_5x5": Only5x5Block,
    "only_pool": OnlyPoolBlock,
}
