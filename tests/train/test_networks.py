"""Every network makes the same training step scanned and unrolled, in float32 and bfloat16."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import base
from resinc import networks
from resinc.blocks import BLOCKS
from resinc.networks import NETWORKS
from resinc.networks.inception_resnet import V2
from resinc.networks.stage import stack, unstack
from resinc.train.optimizer import make_optimizer, make_schedule
from resinc.train.parallel import Replicas
from resinc.train.state import State, init_state
from resinc.train.step import Examples, make_train_step

BOTTLENECK = {"block": "bottleneck", "shortcut": "B", "width": 8}
# Name -> (config.model, pixels); as small as each network allows.
CASES = {
    f"cifar-{name}": (
        {"depth": 6 * block.weighted_layers + 2, "block": name, "shortcut": "B", "width": 8},
        8,
    )
    for name, block in BLOCKS.items()
} | {
    "cifar-no-norm": ({"depth": 14, "norm": "none", "learned_scale": True, "width": 8}, 8),
    "cifar-gated": ({"depth": 14, "merge": "exclusive_gate", "gate_bias": 0.0, "width": 8}, 8),
    "cifar-survival": ({"depth": 14, "survival": 0.5, "width": 8, "head": "dense"}, 8),
    "imagenet-18": ({"name": "imagenet", "depth": 18, "shortcut": "B", "width": 8}, 32),
    "imagenet-50-grouped": (
        {"name": "imagenet", "depth": 50, "variant": "v1.5", "groups": 4, **BOTTLENECK},
        32,
    ),
    "signs": ({"name": "signs", "depth": 18, "shortcut": "B", "width": 8}, 64),
    "nin": ({"name": "nin", "norm": "none"}, 8),
    "alexnet": ({"name": "alexnet"}, 63),
    "googlenet": ({"name": "googlenet"}, 32),
    "inception-v3": ({"name": "inception_v3"}, 75),
    "inception-v4": ({"name": "inception_v4"}, 75),
    "inception-resnet": ({"name": "inception_resnet"}, 75),
}
# Blocks of a stage are alike: a few stand for the six and twenty.
SHORTENED = {
    "imagenet-50-grouped": {"sizes": (3, 2, 1, 1)},
    "inception-resnet": {"version": V2._replace(sizes=(2, 2, 2))},
}
# In bfloat16, each family, and of the blocks two: they differ in what is convolved, not in how.
HALF = [case for case in CASES if not case.startswith("cifar-")]
HALF += ["cifar-residual", "cifar-inception"]
CLASSES, BATCH, REPLICAS = 10, 8, 2


def section(**changes):
    model = base.get_config().model
    model.update(changes)
    return model


def build(case: str, **changes):
    network = networks.build(section(**CASES[case][0], **changes), CLASSES)
    return network.clone(**SHORTENED.get(case, {}))


def scale(images, ids=None, key=None):
    return images.astype(jnp.float32) / 255


@functools.cache
def start(case: str) -> State:
    """A state before the first step, in the unrolled form."""
    pixels = CASES[case][1]
    network = build(case, scan=False)
    shapes = jax.eval_shape(lambda: init_state(network, optimizer(), (pixels, pixels, 3), seed=0))
    return jax.tree_util.tree_map_with_path(drawn, shapes)


def drawn(path, leaf) -> np.ndarray:
    """He-normal kernels, ones for scales and variances. NumPy draws 60 million in a second."""
    name = path[-1].key if hasattr(path[-1], "key") else ""
    if name == "kernel" and path[0].name == "params":
        random = np.random.default_rng(leaf.size)
        values = random.standard_normal(leaf.shape, np.float32)
        return values * np.float32(np.sqrt(2 / np.prod(leaf.shape[:-1])))
    one = name in ("scale", "var", "alpha") and path[0].name in ("params", "batch_stats")
    return np.full(leaf.shape, one, leaf.dtype)


def optimizer():
    config = base.get_config()
    config.optimizer.weight_decay = 0.0  # Only a gradient can move a parameter.
    return make_optimizer(config.optimizer, make_schedule(config.schedule, 0.1, 10))


def converted(state: State, form) -> State:
    """The state with its trees stacked or taken apart; momentum is zero, so it is made anew."""
    params = form(state.params)
    return state._replace(
        params=params, batch_stats=form(state.batch_stats), opt_state=optimizer().init(params)
    )


def after_one_step(case: str, scan: bool, dtype: str) -> State:
    pixels = CASES[case][1]
    network = build(case, scan=scan, dtype=dtype)
    replicas = Replicas("pmap", REPLICAS)
    step = replicas.map(
        make_train_step(network, optimizer(), lambda step: 0.1, scale, replicas, 0, 1, 0.3),
        split=(False, False, True),
    )
    random = np.random.RandomState(0)
    images = random.randint(0, 256, (BATCH, pixels, pixels, 3)).astype(np.uint8)
    labels = random.randint(0, CLASSES, BATCH).astype(np.int32)
    state = converted(start(case), stack) if scan else start(case)
    state, _ = step(
        replicas.replicate(state),
        replicas.replicate(Examples(images, labels)),
        replicas.split(np.arange(BATCH, dtype=np.int32)),
    )
    return jax.device_get(converted(state, unstack))


def moved(before, after):
    return [
        (jax.tree_util.keystr(path), float(np.abs(a - b).max()), float(np.abs(b).max()))
        for (path, b), a in zip(
            jax.tree_util.tree_flatten_with_path(before)[0], jax.tree.leaves(after), strict=True
        )
    ]


def test_every_network_has_a_case():
    assert {CASES[case][0].get("name", "cifar") for case in CASES} == set(NETWORKS)


@pytest.mark.parametrize(
    ("case", "dtype"),
    [*((case, "float32") for case in CASES), *((case, "bfloat16") for case in HALF)],
)
def test_one_step_is_the_same_scanned_and_unrolled(case, dtype):
    before = start(case)
    unrolled = after_one_step(case, False, dtype)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(unrolled.params))

    steps = {path: step for path, step, _ in moved(before.params, unrolled.params)}
    kernels = [path for path in steps if "kernel" in path]
    first = next((path for path in kernels if "stem" in path), None)
    first = first or next(path for path in kernels if "1" in path)
    assert steps[first] > 0, f"no gradient reaches {first}"
    if before.batch_stats:
        assert all(step > 0 for _, step, _ in moved(before.batch_stats, unrolled.batch_stats))

    if not any("stage" in path for path in steps):
        return  # Nothing to scan.
    scanned = after_one_step(case, True, dtype)
    # bfloat16 rounds at other places in the two programs; a step differs by a few of its digits.
    tolerance = 2e-3 if dtype == "float32" else 0.15
    for path, difference, _ in moved(unrolled.params, scanned.params):
        assert difference <= tolerance * max(steps[path], 1e-3), path


@pytest.mark.parametrize("case", CASES)
def test_evaluation_changes_no_state(case):
    pixels = CASES[case][1]
    network = build(case, scan=False)
    state = start(case)
    variables = {"params": state.params, "batch_stats": state.batch_stats}
    evaluate = jax.jit(
        lambda x: network.apply(variables, x, train=False, mutable=["batch_stats", "auxiliary"])
    )
    logits, updates = evaluate(jnp.ones((2, pixels, pixels, 3)))
    assert logits.shape == (2, CLASSES)
    assert logits.dtype == jnp.float32
    assert "auxiliary" not in updates
    jax.tree.map(np.testing.assert_array_equal, updates.get("batch_stats", {}), state.batch_stats)
