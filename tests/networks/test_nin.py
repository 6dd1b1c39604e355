"""Network in Network: its widths and its variants."""

import pytest

from configs import base
from resinc import networks
from resinc.cost.count import network_cost
from resinc.errors import InputError
from resinc.zoo import ZOO


def build(name="nin", **fields):
    section = base.get_config().model
    section.update(ZOO[name].model | fields)
    return networks.build(section, 10)


def widths(**fields):
    return widths_of(build(**fields), (8, 8, 1))


def widths_of(network, image):
    layers = network_cost(network, image).layers
    return [layer.shape[-1] for layer in layers if layer.kind in ("conv", "dense")]


def test_widths_follow_from_one():
    assert widths() == [192, 160, 96, 192, 192, 192, 192, 192, 10]
    assert widths(width=32) == [32, 27, 16, 32, 32, 32, 32, 32, 10]
    assert widths(width=32, head="dense")[-2:] == [32, 10]
    with pytest.raises(InputError, match=r"model\.width 1 is below 2"):
        build(width=1)


def test_without_1x1_convolutions_one_is_left_of_three():
    assert widths(width=32, variant="conv") == [16, 32, 10]


def test_imagenet_model_has_the_widths_and_maps_of_the_authors():
    layers = network_cost(build("nin-imagenet"), (224, 224, 3)).layers
    shapes = [layer.shape for layer in layers if layer.kind == "conv"]
    expected = [(54, 54, 96), (27, 27, 256), (13, 13, 384), (6, 6, 1024)]
    assert shapes == [*[shape for shape in expected for _ in range(3)][:-1], (6, 6, 10)]
    narrow = widths_of(build("nin-imagenet", width=6, head="dense"), (39, 39, 3))
    assert narrow == [6] * 3 + [16] * 3 + [24] * 3 + [64] * 3 + [10]
    with pytest.raises(InputError, match="38x38 pixels are too small for network 'nin'"):
        network_cost(build("nin-imagenet"), (38, 38, 3))
