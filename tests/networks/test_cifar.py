import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import base
from resinc import networks
from resinc.errors import InputError
from resinc.networks import stage
from resinc.networks.paths import stack, unstack
from resinc.networks.stage import segment_length, survival
from resinc.networks.variables import draw_variables, seed_key, variable_shapes
from tests import drawn


def section(**changes):
    model = base.get_config().model
    model.update(changes)
    return model


def shapes(network, image_shape=(32, 32, 3)):
    return jax.eval_shape(
        lambda: network.init(
            jax.random.key(0, impl="rbg"), jnp.zeros((1, *image_shape)), train=False
        )
    )


def count(tree):
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


# Parameters exact; beside them what He et al. 2015, Table 6 prints, in millions.
GOLDEN = {
    20: (269_722, 0.27),
    32: (464_154, 0.46),
    44: (658_586, 0.66),
    56: (853_018, 0.85),
    110: (1_727_962, 1.7),
    1202: (19_421_274, 19.4),
}


@pytest.mark.parametrize("depth", GOLDEN)
@pytest.mark.parametrize("block", ["plain", "residual"])
def test_parameters_match_the_paper(depth, block):
    exact, printed = GOLDEN[depth]
    network = networks.build(section(depth=depth, block=block), 10)
    assert count(shapes(network)["params"]) == exact
    assert round(exact / 1e6, 1 if depth >= 110 else 2) == printed


def weighted_layers(params):
    """Kernels off the shortcuts, counted in the unrolled tree."""
    flat = jax.tree_util.tree_flatten_with_path(params)[0]
    paths = ["/".join(str(key.key) for key in path) for path, _ in flat]
    return sum(path.endswith("kernel") and "shortcut" not in path for path in paths)


@pytest.mark.parametrize("depth", [8, 14, 20, 56, 110])
@pytest.mark.parametrize("shortcut", ["A", "B", "C"])
def test_name_states_the_number_of_weighted_layers(depth, shortcut):
    network = networks.build(section(depth=depth, shortcut=shortcut, scan=False), 10)
    assert weighted_layers(shapes(network)["params"]) == depth


def test_option_b_adds_the_projections_of_the_zoo():
    network = networks.build(section(depth=20, shortcut="B"), 10)
    # The zoos' 272,474 with two BatchNorms of the projections: 2*(32+64).
    assert count(shapes(network)["params"]) == 269_722 + 16 * 32 + 32 * 64 + 2 * (32 + 64)


@pytest.mark.parametrize("depth", [-4, 2, 7, 9, 18, 57, 1000])
def test_depth_that_is_not_6n_plus_2_names_the_nearest(depth):
    with pytest.raises(InputError, match=f"depth {depth} is not 6n"):
        networks.build(section(depth=depth), 10)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("block", "residul", "did you mean 'residual'"),
        ("shortcut", "D", "choices are A, B, C"),
        ("name", "cifr", "did you mean 'cifar'"),
        ("dtype", "float23", "did you mean 'float32'"),
        ("width", 0, "model.width 0"),
    ],
)
def test_unknown_name_lists_the_choices(field, value, message):
    with pytest.raises(InputError, match=message):
        networks.build(section(**{field: value}), 10)


IMAGES = np.random.RandomState(0).rand(4, 8, 8, 3).astype(np.float32)


def small(sizes, **changes):
    """A network of so many blocks in each stage."""
    return networks.build(section(width=4, **changes), 10).clone(sizes=sizes)


def gradients(network, variables):
    def loss(params):
        logits, updates = network.apply(
            {**variables, "params": params},
            IMAGES,
            train=True,
            mutable=["batch_stats"],
            rngs={"dropout": jax.random.key(2)},
        )
        return jnp.mean(logits**2), updates

    return jax.jit(jax.value_and_grad(loss, has_aux=True))(variables["params"])


@pytest.mark.parametrize(
    ("block", "shortcut"), [("plain", "A"), ("residual", "A"), ("residual", "C")]
)
def test_scan_equals_unrolled(block, shortcut):
    options = {"block": block, "shortcut": shortcut}
    scanned, unrolled = (small((1, 3), scan=scan, **options) for scan in (True, False))
    variables = drawn.variables(scanned, (8, 8, 3))
    apart = {name: unstack(tree) for name, tree in variables.items()}
    assert "blocks" in variables["params"]["stage2"]
    assert "block03" in apart["params"]["stage2"]

    (loss, stats), grads = gradients(scanned, variables)
    (loss_apart, stats_apart), grads_apart = gradients(unrolled, apart)
    np.testing.assert_allclose(loss, loss_apart, rtol=1e-5)
    together = (unstack(grads), unstack(stats))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5),
        together,
        (grads_apart, stats_apart),
    )


def test_stack_inverts_unstack_in_number_order():
    tree = {
        "stage1": {"block01": {"k": np.ones(2)}, "blocks": {"k": np.arange(240.0).reshape(120, 2)}}
    }
    back = stack(unstack(tree))
    assert len(unstack(tree)["stage1"]) == 121
    jax.tree.map(np.testing.assert_array_equal, back, tree)


@pytest.mark.parametrize(
    ("scan", "length", "survives"),
    [(False, 0, 1.0), pytest.param(True, 1, 1.0, marks=pytest.mark.slow), (True, 2, 0.5)],
)
def test_rematerialised_gradient_is_the_same(scan, length, survives, monkeypatch):
    """Statistics too; three scanned blocks are a segment of two and a rest of one."""
    monkeypatch.setattr(stage, "segment_length", lambda blocks: length)
    kept, remat = (small((4,), scan=scan, survival=survives, remat=r) for r in (False, True))
    variables = drawn.variables(kept, (8, 8, 3))

    def backward(network):
        return str(jax.make_jaxpr(lambda v: gradients(network, v))(variables))

    with_remat, without = backward(remat), backward(kept)
    assert ("remat" in with_remat, "remat" in without) == (True, False)
    # Forwards and backwards, segments and blocks in them: a loop more.
    assert (with_remat.count("= scan[") > without.count("= scan[")) == scan
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6),
        gradients(remat, variables),
        gradients(kept, variables),
    )


@pytest.mark.parametrize("blocks", [1, 17, 199])
def test_segments_keep_the_fewest_arrays(blocks):
    def kept(length):
        return math.ceil(blocks / length) + 6 * length

    assert kept(segment_length(blocks)) <= min(map(kept, range(1, blocks + 1))) + 1


@pytest.mark.parametrize("shape", [(4, 4, 1), (8, 8, 1), (28, 28, 1), (32, 32, 3)])
def test_input_of_any_size_gives_logits(shape):
    network = networks.build(section(depth=8), 7)
    x = jnp.zeros((2, *shape))
    logits = jax.eval_shape(
        lambda: network.init_with_output(jax.random.key(0, impl="rbg"), x, train=False)[0]
    )
    assert (logits.shape, logits.dtype) == ((2, 7), jnp.float32)


def test_kernels_are_he_normal():
    network = networks.build(section(depth=20), 10)
    params = draw_variables(network, (8, 8, 3), seed_key(0))["params"]
    kernel = np.asarray(params["stage3"]["blocks"]["conv2"]["kernel"])
    assert kernel.shape == (2, 3, 3, 64, 64)
    np.testing.assert_allclose(kernel.std(), np.sqrt(2 / (9 * 64)), rtol=0.02)
    assert np.abs(kernel).max() > 3 * kernel.std()  # Not truncated.
    assert not np.array_equal(kernel[0], kernel[1])


def test_bfloat16_keeps_parameters_and_logits_in_float32():
    network = networks.build(section(depth=8, width=4, dtype="bfloat16"), 10)
    leaves = jax.tree.leaves(variable_shapes(network, (8, 8, 3)))
    assert {leaf.dtype for leaf in leaves} == {jnp.dtype("float32")}
    variables = drawn.variables(network, (8, 8, 3))

    def logits_of(network):
        return jax.jit(lambda v: network.apply(v, IMAGES, train=False))(variables)

    logits = logits_of(network)
    assert logits.dtype == jnp.float32
    single = logits_of(networks.build(section(depth=8, width=4), 10))
    np.testing.assert_allclose(logits, single, rtol=0.1, atol=0.1)
    assert not np.array_equal(logits, single)


@pytest.mark.parametrize(
    ("block", "depth", "nearest"),
    [
        ("bottleneck", 20, "9n.2 with n >= 1: the nearest are 20 and 29"),
        ("bottleneck", 21, "9n.2 with n >= 1: the nearest are 20 and 29"),
        ("inception_naive", 9, "3n.2 with n >= 1: the nearest are 8 and 11"),
    ],
)
def test_depth_arithmetic_follows_the_block(block, depth, nearest):
    if depth == 20:
        assert networks.build(section(depth=depth, block=block), 10).depth == depth
        return
    with pytest.raises(InputError, match=nearest):
        networks.build(section(depth=depth, block=block), 10)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"survival": 0.5, "block": "plain"}, "block 'plain' has none"),
        ({"groups": 2}, "options of block 'bottleneck'"),
        ({"variant": "v1.5"}, "model.variant 'v1.5'"),
        ({"norm": "layer"}, "model.norm 'layer'"),
        ({"head": "max"}, "head"),
        ({"merge": "ad"}, "did you mean 'add'"),
        ({"widen": 0}, "model.widen 0"),
    ],
)
def test_option_that_does_not_fit_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        networks.build(section(**changes), 10)


@functools.cache
def applied(train, **changes):
    """(variables, key) -> logits; compiled once."""
    network = small((1, 3), **changes)
    apply = functools.partial(network.apply, train=train, mutable=["batch_stats"] if train else [])
    return jax.jit(lambda variables, key: apply(variables, IMAGES, rngs={"dropout": key})[0])


def dropped(train, key=0, **changes):
    """Logits of a network whose branches are dropped with stochastic depth."""
    variables = drawn.variables(small((1, 3)), (8, 8, 3))
    if not changes.get("scan", True):
        variables = {name: unstack(tree) for name, tree in variables.items()}
    return applied(train, **changes)(variables, jax.random.key(key))


def test_stochastic_depth_draws_in_training_only():
    draws = [dropped(True, key, survival=0.5) for key in (0, 1)]
    assert not np.allclose(*draws)
    np.testing.assert_array_equal(*[dropped(False, key, survival=0.5) for key in (0, 1)])
    assert not np.allclose(dropped(False, survival=0.5), dropped(False))
    np.testing.assert_array_equal(dropped(True, survival=1.0), dropped(True))


def test_scanned_and_unrolled_drop_the_same_blocks():
    for train in (True, False):
        np.testing.assert_allclose(
            dropped(train, survival=0.5), dropped(train, survival=0.5, scan=False), rtol=1e-3
        )


def test_survival_falls_linearly_to_the_last_block():
    """Huang et al. 2016, eq. 4: 1 - l/L (1 - p_L)."""
    gains = survival(None, 0.5, (2, 3), train=False)
    np.testing.assert_allclose(np.concatenate(gains), [0.9, 0.8, 0.7, 0.6, 0.5], rtol=1e-6)
    assert [len(gain) for gain in gains] == [2, 3]
