import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest
from jax import lax

from configs import base
from resinc import networks
from resinc.blocks import BLOCKS
from resinc.cost.count import cost, network_cost
from resinc.ops import conv, conv_cpu
from resinc.ops.shortcut import SHORTCUTS
from resinc.zoo import ZOO


def shape(*size):
    return jax.ShapeDtypeStruct(size, jnp.float32)


def xla_conv(x, kernel, stride=1):
    return lax.conv_general_dilated(
        x, kernel, (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


@jax.custom_vjp
def custom_conv(x, kernel):
    return xla_conv(x, kernel)


custom_conv.defvjp(
    lambda x, kernel: (xla_conv(x, kernel), (x, kernel)),
    lambda residuals, g: jax.vjp(xla_conv, *residuals)[1](g),
)


def chain(params, x):
    for name in sorted(params):
        x = xla_conv(x, params[name]["kernel"])
    return x


def test_textbook_inception_sum():
    x = shape(1, 28, 28, 192)
    direct = cost(chain, {"conv": {"kernel": shape(5, 5, 192, 32)}}, x)
    assert (direct.multiply_adds, direct.parameters, direct.depth) == (120_422_400, 153_600, 1)
    reduced = {"1": {"kernel": shape(1, 1, 192, 16)}, "2": {"kernel": shape(5, 5, 16, 32)}}
    bottleneck = cost(chain, reduced, x)
    assert [layer.multiply_adds for layer in bottleneck.layers] == [2_408_448, 10_035_200]
    assert (bottleneck.multiply_adds, bottleneck.parameters) == (12_443_648, 15_872)
    assert bottleneck.depth == 2


@pytest.mark.parametrize(("stride", "groups"), [(1, 1), (2, 1), (1, 4), (2, 8)])
def test_convolution_matches_the_hand_formula(stride, groups):
    network = nn.Conv(16, (3, 3), (stride, stride), feature_group_count=groups)
    counted = network_cost(network, (12, 12, 8))
    side = 12 // stride
    assert counted.multiply_adds == side * side * 16 * 9 * 8 // groups
    assert counted.parameters == 9 * 8 // groups * 16 + 16
    assert counted.layers[0].shape == (side, side, 16)


def test_multiply_adds_are_half_of_what_xla_reports():
    params = {"a": {"kernel": shape(1, 1, 8, 32)}, "b": {"kernel": shape(1, 1, 32, 16)}}
    x = shape(1, 16, 16, 8)
    analysis = jax.jit(chain).lower(params, x).compile().cost_analysis()
    assert cost(chain, params, x).multiply_adds == pytest.approx(analysis["flops"] / 2, rel=0.01)
    # XLA leaves out products with the padding, which the papers count.
    params = {"a": {"kernel": shape(3, 3, 8, 16)}}
    analysis = jax.jit(chain).lower(params, x).compile().cost_analysis()
    inside = (16 * 3 - 2) ** 2 / (16 * 3) ** 2
    counted = cost(chain, params, x).multiply_adds
    assert counted * inside == pytest.approx(analysis["flops"] / 2, rel=0.01)


class Layer(nn.Module):
    """conv-norm-relu through a custom gradient, as the code under study has it."""

    features: int = 4

    @nn.compact
    def __call__(self, x):
        size = (3, 3, x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.ones, size)
        x = nn.BatchNorm(use_running_average=True, name="norm")(custom_conv(x, kernel))
        return nn.relu(x)


class Toy(nn.Module):
    form: str
    size: int = 5

    @nn.compact
    def __call__(self, x):
        x = Layer(name="block01")(x)
        if self.form == "unrolled":
            for i in range(2, self.size + 1):
                x = Layer(name=f"block{i:02d}")(x)
        else:
            body = nn.remat(Layer) if self.form == "remat" else Layer
            x, _ = nn.scan(
                lambda block, x, _: (block(x), None),
                variable_axes={"params": 0, "batch_stats": 0},
                split_rngs={"params": True},
                length=self.size - 1,
            )(body(name="blocks"), x, None)
        return nn.Dense(3, name="head")(jax.jit(lambda x: x.mean((1, 2)))(x))


@pytest.mark.parametrize("form", ["scanned", "remat"])
def test_scan_and_remat_give_the_rows_of_the_unrolled_network(form):
    unrolled = network_cost(Toy("unrolled"), (8, 8, 4))
    assert network_cost(Toy(form), (8, 8, 4)) == unrolled
    assert unrolled.depth == 6
    assert unrolled.multiply_adds == 5 * 8 * 8 * 4 * 9 * 4 + 4 * 3
    assert [layer.path for layer in unrolled.layers][2:4] == ["block02", "block02/norm"]


def test_weights_shared_by_a_loop_are_one_row_applied_often():
    def shared(params, x):
        return lax.fori_loop(0, 7, lambda _, x: x @ params["w"]["kernel"], x)

    counted = cost(shared, {"w": {"kernel": shape(6, 6)}}, shape(1, 6))
    (row,) = counted.layers
    assert (row.calls, row.parameters, row.multiply_adds) == (7, 36, 7 * 36)
    assert counted.depth == 7


def test_reversed_scan_starts_at_the_last_block():
    def backwards(params, x):
        return lax.scan(lambda x, w: (x @ w, x @ w), x, params["blocks"]["w"], reverse=True)[1]

    counted = cost(backwards, {"blocks": {"w": shape(3, 6, 6)}}, shape(1, 6))
    assert [layer.path for layer in counted.layers] == ["block04", "block03", "block02"]
    assert counted.depth == 3


def test_depth_of_what_a_scan_collects_is_that_of_its_deepest_entry():
    def swapping(params, x):
        return lax.scan(lambda pair, _: (pair[::-1], pair[0]), (x @ params["w"], x), length=2)[1]

    assert cost(swapping, {"w": shape(6, 6)}, shape(1, 6)).depth == 1


def test_loop_of_unknown_length_is_refused():
    def unknown(params, x):
        return lax.while_loop(lambda x: x.sum() < 1, lambda x: x @ params["w"], x)

    with pytest.raises(ValueError, match="inside 'while' cannot be counted"):
        cost(unknown, {"w": shape(6, 6)}, shape(1, 6))


def test_costliest_branch_counts():
    def branches(params, x):
        return lax.cond(x.sum() > 0, lambda x: x, lambda x: x @ params["w"], x)

    counted = cost(branches, {"w": shape(6, 6)}, shape(1, 6))
    assert (counted.multiply_adds, counted.depth) == (36, 1)


def test_products_without_weights_cost_but_are_not_depth():
    def attention(params, x):
        return (x @ params["q"]) @ x.T

    counted = cost(attention, {"q": shape(6, 6)}, shape(3, 6))
    assert [layer.path for layer in counted.layers] == ["q", "dense without weights"]
    assert (counted.multiply_adds, counted.depth) == (3 * 36 + 3 * 3 * 6, 1)


def test_unused_parameters_are_counted_and_come_last():
    params = {"aux": {"kernel": shape(5, 5)}, "w": {"kernel": shape(6, 6)}}
    counted = cost(lambda params, x: x @ params["w"]["kernel"], params, shape(1, 6))
    assert [layer.path for layer in counted.layers] == ["w", "aux"]
    assert counted.parameters == 36 + 25


def cifar(**changes):
    section = base.get_config().model
    section.update(changes)
    return networks.build(section, 10)


# Parameters and multiply-adds exact, for 32x32x3, option A. He et al. 2015, Table 6 prints 0.27,
# 0.46, 0.66, 0.85, 1.7 and 19.4 million parameters.
GOLDEN = {
    20: (269_722, 40_551_040),
    32: (464_154, 68_862_592),
    44: (658_586, 97_174_144),
    56: (853_018, 125_485_696),
    110: (1_727_962, 252_887_680),
    1202: (19_421_274, 2_829_238_912),
}


@pytest.mark.parametrize("depth", GOLDEN)
@pytest.mark.parametrize("block", ["plain", "residual"])
def test_cifar_networks_have_the_depth_of_their_name_and_the_papers_cost(depth, block):
    counted = network_cost(cifar(depth=depth, block=block), (32, 32, 3))
    assert (counted.depth, counted.parameters, counted.multiply_adds) == (depth, *GOLDEN[depth])


@pytest.mark.parametrize("shortcut", SHORTCUTS)
def test_projection_shortcuts_cost_but_are_not_depth(shortcut):
    counted = network_cost(cifar(depth=14, shortcut=shortcut), (32, 32, 3))
    extra = [layer for layer in counted.layers if "shortcut" in layer.path and layer.multiply_adds]
    assert counted.depth == 14
    assert len(extra) == {"A": 0, "B": 2, "C": 6}[shortcut]


@pytest.mark.parametrize("block", BLOCKS)
def test_every_form_of_a_network_has_the_same_rows(block):
    # 4x4 pixels leave 2x2 in the last stage, where the convolution depends on the platform.
    forms = [{"scan": False}, {"scan": True}, {"scan": True, "remat": True}, {"dtype": "bfloat16"}]
    depth = 3 * BLOCKS[block].weighted_layers + 2
    build = functools.partial(cifar, depth=depth, block=block, shortcut="C")
    unrolled, *others = [
        network_cost(build(**form).clone(sizes=(1, 2)), (4, 4, 1)) for form in forms
    ]
    assert others == [unrolled] * 3
    for layer in unrolled.layers:
        assert layer.path.rstrip("0123").endswith({"dense": "head"}.get(layer.kind, layer.kind))


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "share"),
    [
        (2, 5, 1, 1 - 4 / 25),
        (4, 3, 1, 1 - (10 / 12) ** 2),
        (4, 3, 2, 1 - (5 / 6) ** 2),
        (8, 1, 2, 0),
    ],
)
def test_products_with_the_padding_are_those_that_xla_leaves_out(size, kernel, stride, share):
    def conv(params, x):
        low = kernel // 2
        around = [(low, low)] * 2
        numbers = ("NHWC", "HWIO", "NHWC")
        return lax.conv_general_dilated(
            x, params["kernel"], (stride, stride), around, dimension_numbers=numbers
        )

    x = jax.ShapeDtypeStruct((1, size, size, 6), jnp.float32)
    params = {"kernel": jax.ShapeDtypeStruct((kernel, kernel, 6, 10), jnp.float32)}
    counted = cost(conv, params, x)
    assert counted.padding == pytest.approx(share * counted.multiply_adds)
    flops = jax.jit(conv).lower(params, x).cost_analysis()["flops"]
    assert flops == 2 * (counted.multiply_adds - counted.padding)


def test_xla_counts_the_same_where_there_is_no_padding():
    """The textbook case: 5x5 on 28x28x192, directly and behind a 1x1 to 16 channels."""

    def direct(params, x):
        return conv(x, params["five"])

    def reduced(params, x):
        return conv(conv(x, params["one"]), params["five"])

    def conv(x, kernel):
        return lax.conv_general_dilated(
            x, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    x = jax.ShapeDtypeStruct((1, 32, 32, 192), jnp.float32)
    wide = {"five": jax.ShapeDtypeStruct((5, 5, 192, 32), jnp.float32)}
    thin = {
        "one": jax.ShapeDtypeStruct((1, 1, 192, 16), jnp.float32),
        "five": jax.ShapeDtypeStruct((5, 5, 16, 32), jnp.float32),
    }
    for function, params, count in (
        (direct, wide, 28 * 28 * 25 * 192 * 32),
        (reduced, thin, 32 * 32 * 192 * 16 + 28 * 28 * 25 * 16 * 32),
    ):
        flops = jax.jit(function).lower(params, x).cost_analysis()["flops"]
        assert cost(function, params, x).multiply_adds == count == flops / 2


@pytest.mark.parametrize("name", ["resnet-20", "resnet-50-v1.5", "inception-20", "nin"])
def test_xla_counts_the_same_network(name, monkeypatch):
    """XLA leaves out what falls on padding, so here the padding is written out.

    It counts additions, norms and activations besides: a few percent. What the CPU computes more
    for speed (pairs of pixels) is no part of the network.
    """
    monkeypatch.setattr(conv_cpu, "forward", conv.xla_conv)
    entry = ZOO[name]
    section = base.get_config().model
    section.update(entry.model | {"scan": False})
    network = networks.build(section, entry.classes)
    counted = network_cost(network, entry.image)

    def padded(x, kernel, strides, padding, **options):
        if padding != "VALID":
            x, padding = jnp.pad(x, [(0, 0), *padding, (0, 0)]), "VALID"
        return convolve(x, kernel, strides, padding, **options)

    convolve = lax.conv_general_dilated
    monkeypatch.setattr(lax, "conv_general_dilated", padded)
    x = jax.ShapeDtypeStruct((1, *entry.image), jnp.float32)
    variables = jax.eval_shape(lambda x: network.init(jax.random.key(0), x, train=False), x)
    lowered = jax.jit(lambda v, x: network.apply(v, x, train=False)).lower(variables, x)
    more = lowered.cost_analysis()["flops"] / 2 / counted.multiply_adds - 1
    assert 0 <= more < 0.15, more


def test_activations_are_outputs_of_convolutions_and_dense_layers():
    counted = network_cost(cifar(depth=8), (32, 32, 3))
    # Stem and stage 1: 3 x 32x32x16; stage 2: 2 x 16x16x32; stage 3: 2 x 8x8x64; ten logits.
    assert counted.activations == 3 * 16384 + 2 * 8192 + 2 * 4096 + 10
