import random

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import base
from resinc import networks
from resinc.blocks import BLOCKS
from resinc.cost.count import network_cost
from resinc.networks import paths
from resinc.networks.paths import unstack


def build(block="residual", **changes):
    section = base.get_config().model
    depth = 3 * 2 * BLOCKS[block].weighted_layers + 2
    section.update(depth=depth, width=8, block=block, **changes)
    return networks.build(section, 10)


def shapes(network):
    return jax.eval_shape(
        lambda: network.init(jax.random.key(0, impl="rbg"), jnp.zeros((1, 8, 8, 3)), train=False)
    )


def test_stacks_come_apart_as_the_stage_takes_them_apart():
    params = jax.tree.map(
        lambda leaf: np.random.RandomState(leaf.size).rand(*leaf.shape),
        dict(shapes(build(shortcut="B"))["params"]),
    )
    assert "blocks" in params["stage1"]
    scanned, unrolled = paths.flatten(params), paths.flatten(unstack(params))
    assert [path for path, _ in scanned] == [path for path, _ in unrolled]
    for (path, a), (_, b) in zip(scanned, unrolled, strict=True):
        np.testing.assert_array_equal(a, b, err_msg=path)


@pytest.mark.parametrize(
    ("block", "shortcut"),
    [*((block, "C") for block in BLOCKS), ("residual", "A"), ("residual", "B")],
)
@pytest.mark.parametrize("scan", [True, False])
def test_order_of_names_is_the_order_of_computation(block, shortcut, scan):
    network = build(block=block, shortcut=shortcut, scan=scan)
    traced = [layer.path for layer in network_cost(network, (8, 8, 3)).layers]
    assert paths.layer_paths(shapes(network)["params"]) == traced


def test_numbers_sort_by_value():
    names = [
        "stem_conv",
        "stem_norm",
        *(f"stage1/block{i:02d}/conv1" for i in range(1, 120)),
        "stage2/block01/conv1",
        "stage2/block01/norm1",
        "stage2/block01/conv2",
        "stage2/block01/norm2",
        "stage2/block01/shortcut/conv",
        "stage10/block01/conv1",
        "head",
    ]
    shuffled = random.Random(0).sample(names, len(names))
    assert sorted(shuffled, key=paths.depth_key) == names


def test_stacks_within_stacks_come_apart_from_the_outside():
    tree = {"blocks": {"blocks": {"w": np.arange(6).reshape(2, 3)}}}
    flat = paths.flatten(tree)
    assert flat[3] == ("block03/block02/w", 3)
    assert len(flat) == 6


def test_groups_of_a_path():
    assert paths.block_of("stage1/block02/shortcut/conv") == "stage1/block02"
    assert paths.stage_of("stage1/block02/shortcut/conv") == "stage1"
    assert paths.block_of("stem_norm") == paths.stage_of("stem_conv") == "stem"
    assert paths.block_of("inception3a/branch1/conv") == "inception3a"
