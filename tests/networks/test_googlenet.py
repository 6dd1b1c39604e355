import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import base
from resinc import networks
from resinc.blocks.inception import InceptionModule
from resinc.cost.count import network_cost
from resinc.errors import InputError
from resinc.networks import paths
from resinc.networks.googlenet import MODULES
from resinc.networks.options import layers_of
from resinc.networks.variables import variable_shapes

IMAGE = (224, 224, 3)

# Szegedy et al. 2014, Table 1, as printed: output size, channels in and out, then #1x1, #3x3
# reduce, #3x3, #5x5 reduce, #5x5, pool proj. Behind them what these filters make, without biases:
# weights and multiply-adds at 224x224 pixels (the printed "params" of 4a, 4c to 5b and the printed
# "ops" of 5a do not follow from the filters).
TABLE_1 = {
    "3a": (28, 192, 256, (64, 96, 128, 16, 32, 32), 163_328, 128_049_152),
    "3b": (28, 256, 480, (128, 128, 192, 32, 96, 64), 388_096, 304_267_264),
    "4a": (14, 480, 512, (192, 96, 208, 16, 48, 64), 375_552, 73_608_192),
    "4b": (14, 512, 512, (160, 112, 224, 24, 64, 64), 448_512, 87_908_352),
    "4c": (14, 512, 512, (128, 128, 256, 24, 64, 64), 509_440, 99_850_240),
    "4d": (14, 512, 528, (112, 144, 288, 32, 64, 64), 604_672, 118_515_712),
    "4e": (14, 528, 832, (256, 160, 320, 32, 128, 128), 867_328, 169_996_288),
    "5a": (7, 832, 832, (256, 160, 320, 32, 128, 128), 1_042_432, 51_079_168),
    "5b": (7, 832, 1024, (384, 192, 384, 48, 128, 128), 1_442_816, 70_697_984),
}


def section(variant="lrn", **changes):
    model = base.get_config().model
    model.update(name="googlenet", variant=variant, **changes)
    return model


@functools.cache  # What is traced of a network is kept under it.
def build(variant="lrn", classes=1000, **changes):
    return networks.build(section(variant, **changes), classes)


def shapes(network, image=IMAGE):
    return variable_shapes(network, image)


@functools.cache
def params():
    return shapes(build())["params"]


@functools.cache
def cost(variant):
    return network_cost(build(variant), IMAGE)


@pytest.mark.parametrize("name", TABLE_1)
def test_modules_are_those_of_the_papers_table(name):
    size, channels, features, filters, weights, multiply_adds = TABLE_1[name]
    one, reduce3, three, reduce5, five, project = filters
    module = params()[f"inception{name}"]
    kernels = {unit: leaves["conv"]["kernel"].shape for unit, leaves in module.items()}
    assert kernels == {
        "branch1_conv1": (1, 1, channels, one),
        "branch2_conv1": (1, 1, channels, reduce3),
        "branch2_conv2": (3, 3, reduce3, three),
        "branch3_conv1": (1, 1, channels, reduce5),
        "branch3_conv2": (5, 5, reduce5, five),
        "branch4_conv1": (1, 1, channels, project),
    }
    assert one + three + five + project == features
    rows = [layer for layer in cost("lrn").layers if layer.path.startswith(f"inception{name}/")]
    assert {row.shape[:2] for row in rows} == {(size, size)}
    assert sum(row.multiply_adds for row in rows) == multiply_adds
    biases = sum(filters)
    assert sum(row.parameters for row in rows) == weights + biases


def test_the_table_has_all_modules():
    assert list(MODULES) == list(TABLE_1)


# Without and with the auxiliary classifiers. The first from the filters of Table 1 and section 5,
# the last from torchvision 0.21; the second is the first with 2 numbers of a norm for each bias.
@pytest.mark.parametrize(
    ("variant", "alone", "with_auxiliary"),
    [
        ("lrn", 6_998_552, 13_378_280),
        ("batch_norm", 6_998_552 + 7_280, 13_378_280 + 7_280 + 2 * 128),
        ("torchvision", 6_624_904, 13_004_888),
    ],
)
def test_parameters_without_and_with_the_auxiliary_classifiers(variant, alone, with_auxiliary):
    layers = cost(variant).layers
    auxiliary = [layer for layer in layers if layer.path.startswith("aux")]
    assert sum(layer.parameters for layer in layers) == with_auxiliary
    assert with_auxiliary - sum(layer.parameters for layer in auxiliary) == alone
    assert [layer.calls for layer in auxiliary] == [0] * len(auxiliary)


def test_order_of_names_is_the_order_of_computation():
    network = build("batch_norm")
    traced = [layer.path for layer in cost("batch_norm").layers]
    names = paths.layer_paths(shapes(network)["params"])
    assert [n for n in names if n[:3] != "aux"] == [n for n in traced if n[:3] != "aux"]


@pytest.mark.parametrize("variant", ["lrn", "batch_norm", "torchvision"])
@pytest.mark.parametrize("size", [32, 225])
def test_auxiliary_logits_are_there_in_training_alone(variant, size):
    network = build(variant, 7)
    x = jax.ShapeDtypeStruct((2, size, size, 3), jnp.float32)
    variables = shapes(network, (size, size, 3))

    def run(train):
        return jax.eval_shape(
            lambda v, x: network.apply(
                v,
                x,
                train=train,
                mutable=["auxiliary", "batch_stats"],
                rngs={"dropout": jax.random.key(0)},
            ),
            variables,
            x,
        )

    logits, updates = run(train=False)
    assert (logits.shape, updates.get("auxiliary", {})) == ((2, 7), {})
    logits, updates = run(train=True)
    assert set(updates["auxiliary"]) == {"aux4a", "aux4d"}
    others = jax.tree.leaves(updates["auxiliary"])
    assert [other.shape for other in others] == [logits.shape] * 2
    assert {other.dtype for other in others} == {jnp.dtype(jnp.float32)}


@pytest.mark.slow
def test_an_auxiliary_classifier_trains_what_is_before_it_and_nothing_behind():
    network = build(classes=3, dropout=0.0)
    image = (32, 32, 3)
    random = np.random.default_rng(0)
    params = jax.tree.map(
        lambda leaf: random.normal(0, 0.1, leaf.shape).astype(np.float32),
        shapes(network, image)["params"],
    )
    x = random.normal(size=(2, *image)).astype(np.float32)

    @jax.jit
    @jax.grad
    def gradient(params):
        _, updates = network.apply({"params": params}, x, train=True, mutable=["auxiliary"])
        return jnp.sum(updates["auxiliary"]["aux4a"]["logits"][0])

    norms = {
        name: max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(tree))
        for name, tree in gradient(params).items()
    }
    reached = {name for name, norm in norms.items() if norm > 0}
    before = {"stem_conv1", "stem_conv2", "stem_conv3"} | {f"inception{n}" for n in ("3a", "3b")}
    assert reached == before | {"inception4a", "aux4a"}


def test_images_below_32_pixels_are_refused():
    with pytest.raises(InputError, match="31x64 pixels are too small for network 'googlenet'"):
        shapes(build(), (31, 64, 3))


def test_an_unknown_variant_names_the_choices():
    with pytest.raises(InputError, match="lrn, batch_norm, torchvision"):
        build("bn")


# The module on its own: which pixels of its output see one pixel of its input.


@pytest.fixture(scope="module")
def module():
    """y(x) of module 3a with random weights on 9x9 pixels, and its slices of output channels."""
    layers = layers_of(section(), None, norm="none")(train=False)
    inception = InceptionModule(layers, MODULES["3a"])
    random = np.random.default_rng(0)
    x = random.normal(size=(1, 9, 9, 192)).astype(np.float32)
    shape = jax.eval_shape(lambda: inception.init(jax.random.key(0), x))
    variables = jax.tree.map(
        lambda leaf: random.normal(0, 0.1, leaf.shape).astype(np.float32), shape
    )
    ends = np.cumsum([0, 64, 128, 32, 32])
    slices = [slice(a, b) for a, b in itertools.pairwise(ends)]
    return x, variables, jax.jit(lambda x: inception.apply(variables, x)), slices


@pytest.mark.parametrize(("branch", "reach"), [(1, 0), (2, 1), (3, 2), (4, 1)])
def test_a_pixel_reaches_as_far_as_the_branch_is_wide(module, branch, reach):
    x, _, apply, slices = module
    higher = x.copy()
    higher[0, 4, 4] += 10  # Above all others, so that a maximum sees it too.
    part = slices[branch - 1]
    changed = np.any(np.asarray(apply(higher) != apply(x))[0, :, :, part], axis=-1)
    expected = np.zeros((9, 9), bool)
    expected[4 - reach : 5 + reach, 4 - reach : 5 + reach] = True
    np.testing.assert_array_equal(changed, expected)


def test_the_pooling_branch_takes_the_maximum(module):
    x, variables, apply, slices = module
    lower = x.copy()
    lower[0, 4, 4] = x.min() - 1
    still_lower = lower.copy()
    still_lower[0, 4, 4] -= 10
    difference = np.abs(np.asarray(apply(still_lower) - apply(lower)))[0]
    # Nowhere the maximum, the pixel has no part in the pooling; convolutions all see it.
    assert [bool(difference[:, :, part].any()) for part in slices] == [True, True, True, False]
    padded = np.pad(x[0], ((1, 1), (1, 1), (0, 0)), constant_values=-np.inf)
    highest = np.max([padded[i : i + 9, j : j + 9] for i in range(3) for j in range(3)], axis=0)
    unit = variables["params"]["branch4_conv1"]["conv"]
    expected = np.maximum(highest @ unit["kernel"][0, 0] + unit["bias"], 0)
    np.testing.assert_allclose(apply(x)[0, :, :, slices[3]], expected, rtol=1e-4, atol=1e-4)
