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
from resinc.networks.inception_resnet import V1, V2
from resinc.networks.paths import stack, unstack
from resinc.networks.variables import variable_shapes
from tests import drawn

NAMES = ("inception_v3", "inception_v4", "inception_resnet")


@functools.cache  # What is traced of a network is kept under it.
def build(name, variant="", classes=1000, **changes):
    section = base.get_config().model
    section.update(name=name, variant=variant, **changes)
    return networks.build(section, classes)


def shapes(network, size=(299, 299)):
    return variable_shapes(network, (*size, 3))


def count(tree):
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


# Without and with the auxiliary classifier: torchvision 0.21.
def test_inception_v3_counts_without_and_with_its_auxiliary_classifier():
    params = shapes(build("inception_v3"))["params"]
    assert count(params) == 27_161_264
    assert count(params) - count(params["aux6e"]) == 23_834_568


# keras.io/api/applications counts the running statistics too; its norms have no scale.
@pytest.mark.parametrize(
    ("name", "variant", "parameters"),
    [("inception_v3", "keras", 23_851_784), ("inception_resnet", "v2_keras", 55_873_736)],
)
def test_keras_forms_have_norms_without_scale(name, variant, parameters):
    variables = shapes(build(name, variant))
    assert count(variables) == parameters
    assert not any(path.endswith("/scale") for path, _ in paths.flatten(variables["params"]))


# Multiply-adds at 299x299: torchvision prints 5.713e9; timm 12.28e9 and 13.18e9.
@pytest.mark.parametrize(
    ("name", "multiply_adds", "printed", "sizes"),
    [
        ("inception_v3", 5_713_216_096, 5.713e9, (35, 17, 8)),
        ("inception_v4", 12_253_974_624, 12.28e9, (35, 17, 8)),
        ("inception_resnet", 13_155_794_016, 13.18e9, (35, 17, 8)),
    ],
)
def test_cost_and_order_of_layers(name, multiply_adds, printed, sizes):
    network = build(name)
    cost = network_cost(network, (299, 299, 3))
    assert cost.multiply_adds == multiply_adds == pytest.approx(printed, rel=0.003)
    last = [layer.shape[0] for layer in cost.layers if layer.shape[2:]][-1]
    found = {layer.shape[0] for layer in cost.layers if layer.shape[2:]}
    assert set(sizes) <= found
    assert last == sizes[-1]
    traced = [layer.path for layer in cost.layers if layer.calls]
    names = paths.layer_paths(shapes(network)["params"])
    assert [path for path in names if path[:3] != "aux"] == traced


def test_v1_costs_about_as_much_as_inception_v3():
    # Szegedy et al. 2016, section 3.2; their own code for it was never published.
    cost = network_cost(build("inception_resnet", "v1"), (299, 299, 3))
    assert cost.parameters == 22_756_328
    assert cost.multiply_adds == pytest.approx(5_713_216_096, rel=0.1)


@pytest.mark.parametrize("name", NAMES)
def test_the_smallest_image_is_75_pixels(name):
    network = build(name, classes=7)
    x = jax.ShapeDtypeStruct((2, 75, 75, 3), jnp.float32)
    variables = shapes(network, (75, 75))
    assert count(variables) == count(shapes(network))
    logits, updates = jax.eval_shape(
        lambda v, x: network.apply(
            v,
            x,
            train=True,
            mutable=["batch_stats", "auxiliary"],
            rngs={"dropout": jax.random.key(0)},
        ),
        variables,
        x,
    )
    assert (logits.shape, logits.dtype) == ((2, 7), jnp.float32)
    assert set(updates.get("auxiliary", {})) == ({"aux6e"} if name == "inception_v3" else set())
    with pytest.raises(InputError, match=f"75x74 pixels are too small for network '{name}'"):
        jax.eval_shape(
            lambda v: network.apply(v, jnp.zeros((1, 75, 74, 3)), train=False), variables
        )


@pytest.mark.parametrize("size", [75, 107, 299])
def test_auxiliary_logits_are_there_in_training_alone(size):
    network = build("inception_v3", classes=7)
    x = jax.ShapeDtypeStruct((2, size, size, 3), jnp.float32)
    variables = shapes(network)

    def run(train):
        return jax.eval_shape(
            lambda v, x: network.apply(
                v,
                x,
                train=train,
                mutable=["auxiliary", "batch_stats"],
                rngs={"dropout": jax.random.key(0)},
            )[1],
            variables,
            x,
        )

    assert run(train=False).get("auxiliary", {}) == {}
    (logits,) = jax.tree.leaves(run(train=True)["auxiliary"])
    assert (logits.shape, logits.dtype) == ((2, 7), jnp.float32)


def test_the_two_means_differ_at_the_edge_alone():
    x = jnp.ones((1, 5, 5, 1))
    torchvision, keras = (build("inception_v3", v).mean(x)[0, :, :, 0] for v in ("", "keras"))
    assert float(jnp.abs(keras - 1).max()) < 1e-6
    np.testing.assert_allclose(torchvision[1:-1, 1:-1], 1, rtol=1e-6)
    np.testing.assert_allclose(torchvision[0, :2], [4 / 9, 6 / 9], rtol=1e-6)


def small(name, variant, scan):
    """Two or three blocks in each stage, and few classes."""
    network = build(name, variant, classes=5, scan=scan, dropout=0.0)
    if name == "inception_resnet":
        version = V1 if variant == "v1" else V2
        return network.clone(version=version._replace(sizes=(2, 3, 2)))
    return network.clone(sizes=(2, 2, 2))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "variant"), [("inception_v4", ""), ("inception_resnet", "v1")])
def test_scanned_equals_unrolled(name, variant):
    scanned, unrolled = small(name, variant, True), small(name, variant, False)
    variables = drawn.variables(unrolled, (75, 75, 3))
    assert "blocks" in stack(variables)["params"]["stage2"]
    x = np.random.default_rng(1).normal(size=(2, 75, 75, 3)).astype(np.float32)

    def run(network, variables):
        return jax.jit(lambda v: network.apply(v, x, train=False))(variables)

    a, b = run(scanned, stack(variables)), run(unrolled, variables)
    assert float(jnp.abs(b).max()) > 0
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * float(jnp.abs(b).max()))
    back = unstack(stack(variables))
    assert jax.tree.structure(back) == jax.tree.structure(variables)


@pytest.mark.slow
def test_branch_scale_of_the_config_multiplies_the_networks_own():
    def logits(branch_scale):
        network = build("inception_resnet", "v1", classes=5, branch_scale=branch_scale)
        network = network.clone(version=V1._replace(sizes=(1, 1, 1)))
        variables = drawn.variables(network, (75, 75, 3))
        return network.apply(variables, x, train=False), variables, network

    x = np.random.default_rng(1).normal(size=(1, 75, 75, 3)).astype(np.float32)
    plain, variables, network = logits(1.0)
    zero, *_ = logits(0.0)
    assert float(jnp.abs(plain - zero).max()) > 0
    for i in (1, 2, 3):  # Without the branch, a block is its shortcut.
        block = variables["params"][f"stage{i}"]["block01"]
        block["conv"] = jax.tree.map(np.zeros_like, block["conv"])
    np.testing.assert_allclose(network.apply(variables, x, train=False), zero, rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_variant_is_an_error(name):
    with pytest.raises(InputError, match=f"'v7' is not one that network '{name}' has"):
        build(name, "v7")
