"""Network in Network: its widths and its variants."""

import pytest

from configs import base
from resinc import networks
from resinc.cost.count import network_cost
from resinc.errors import InputError
from resinc.zoo import ZOO


def build(**fields):
    section = base.get_config().model
    section.update(ZOO["nin"].model | fields)
    return networks.build(section, 10)


def widths(**fields):
    layers = network_cost(build(**fields), (8, 8, 1)).layers
    return [layer.shape[-1] for layer in layers if layer.kind in ("conv", "dense")]


def test_widths_follow_from_one():
    assert widths() == [192, 160, 96, 192, 192, 192, 192, 192, 10]
    assert widths(width=32) == [32, 27, 16, 32, 32, 32, 32, 32, 10]
    assert widths(width=32, head="dense")[-2:] == [32, 10]
    with pytest.raises(InputError, match=r"model\.width 1 is below 2"):
        build(width=1)


def test_without_1x1_convolutions_one_is_left_of_three():
    assert widths(width=32, variant="conv") == [16, 32, 10]
