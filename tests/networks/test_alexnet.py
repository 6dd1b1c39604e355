import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import base
from resinc import networks
from resinc.cost.count import network_cost
from resinc.errors import InputError
from resinc.networks import paths


def build(variant="one_tower", classes=1000, **changes):
    section = base.get_config().model
    section.update(name="alexnet", variant=variant, **changes)
    return networks.build(section, classes)


def shapes(network, size=224):
    x = jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32)
    return jax.eval_shape(lambda x: network.init(jax.random.key(0), x, train=False), x)["params"]


# torchvision 0.21; Krizhevsky et al. 2012 by its filter counts (they print 60 million).
@pytest.mark.parametrize(
    ("variant", "parameters"), [("one_tower", 61_100_840), ("two_groups", 60_965_224)]
)
def test_parameters_are_those_of_the_source(variant, parameters):
    assert network_cost(build(variant), (224, 224, 3)).parameters == parameters


# Section 3.5: "48 x 5 x 5", "256 x 3 x 3", "192 x 3 x 3" are what a kernel of each group sees.
def test_groups_are_those_of_the_paper():
    params = shapes(build("two_groups"))
    assert [params[f"conv{i}"]["kernel"].shape for i in range(1, 6)] == [
        (11, 11, 3, 96),
        (5, 5, 48, 256),
        (3, 3, 256, 384),
        (3, 3, 192, 384),
        (3, 3, 192, 256),
    ]


@pytest.mark.parametrize("variant", ["one_tower", "two_groups"])
def test_224_pixels_become_55_27_13(variant):
    rows = {layer.path: layer.shape for layer in network_cost(build(variant), (224, 224, 3)).layers}
    assert [rows[f"conv{i}"][:2] for i in range(1, 6)] == [(55, 55), (27, 27)] + 3 * [(13, 13)]


def test_order_of_names_is_the_order_of_computation():
    traced = [layer.path for layer in network_cost(build(), (224, 224, 3)).layers]
    assert paths.layer_paths(shapes(build())) == traced


@pytest.mark.parametrize("size", [63, 128, 299])
def test_parameters_fit_every_image_size(size):
    network = build("two_groups")
    assert shapes(network, size) == shapes(network)


def test_images_below_63_pixels_are_refused():
    with pytest.raises(InputError, match="62x62 pixels are too small for network 'alexnet'"):
        shapes(build(), 62)


@pytest.mark.parametrize("variant", ["one_tower", "two_groups"])
def test_dropout_is_of_training_alone_and_can_be_off(variant):
    x = np.random.default_rng(0).normal(size=(1, 63, 63, 3)).astype(np.float32)
    # 57 million numbers, of which a million are drawn.
    some = np.random.default_rng(1).normal(size=1_000_003, scale=0.02).astype(np.float32)
    params = jax.tree.map(lambda leaf: np.resize(some, leaf.shape), shapes(build(variant, 5), 63))

    @functools.partial(jax.jit, static_argnums=(1, 2))
    def apply(params, train, dropout):
        network = build(variant, 5, dropout=dropout)
        rngs = {"dropout": jax.random.key(0)}
        return network.apply({"params": params}, x, train=train, rngs=rngs)

    def logits(train, dropout=-1.0):
        return np.asarray(apply(params, train, dropout))

    np.testing.assert_array_equal(logits(True, dropout=0.0), logits(False))
    assert np.abs(logits(True) - logits(False)).max() > 1e-3 * np.abs(logits(False)).max()
