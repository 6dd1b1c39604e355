"""One branch of the naive inception module alone: the filter size is chosen, not tried.

The controls of the inception module, Szegedy et al. 2014, Fig. 2 (a). Their units have the names
that they have in the module.
"""

from resinc.blocks.inception import Filters, ModuleBlock


class Only1x1Block(ModuleBlock):
    """y = relu(BN(conv1x1(x)))."""

    weighted_layers = 1

    def filters(self) -> Filters:
        return Filters(self.features, 0, 0, 0, 0, 0, pool=False)


class Only3x3Block(ModuleBlock):
    """y = relu(BN(conv3x3(x)))."""

    weighted_layers = 1

    def filters(self) -> Filters:
        return Filters(0, 0, self.features, 0, 0, 0, pool=False)


class Only5x5Block(ModuleBlock):
    """y = relu(BN(conv5x5(x)))."""

    weighted_layers = 1

    def filters(self) -> Filters:
        return Filters(0, 0, 0, 0, self.features, 0, pool=False)


class OnlyPoolBlock(ModuleBlock):
    """y = relu(BN(conv1x1(max3x3(x))))."""

    weighted_layers = 1

    def filters(self) -> Filters:
        return Filters(0, 0, 0, 0, 0, self.features)
