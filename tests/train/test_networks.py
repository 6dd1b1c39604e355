"""Every network makes the same training step scanned and unrolled, in float32 and bfloat16."""

import functools
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import base
from resinc import networks
from resinc.blocks import BLOCKS
from resinc.data.source import Batch
from resinc.networks import NETWORKS
from resinc.networks.head import head
from resinc.networks.inception_resnet import V2
from resinc.networks.options import block_of, layers_of
from resinc.networks.paths import stack, unstack
from resinc.networks.stage import Stage
from resinc.ops.layers import Layers
from resinc.train.distributed.parallel import Replicas
from resinc.train.replica.optimizer import make_optimizer, make_schedule
from resinc.train.replica.state import State, init_state
from resinc.train.replica.step import make_train_step

pytestmark = pytest.mark.usefixtures("uncached")

BOTTLENECK = {"block": "bottleneck", "shortcut": "B", "width": 8}
# Name -> (config.model, pixels); as small as each network allows.
CASES = {
    "cifar": ({"depth": 14, "shortcut": "B", "width": 8, "dropout": 0.2, "survival": 0.5}, 8),
    "imagenet": (
        {"name": "imagenet", "depth": 50, "variant": "v1.5", "groups": 4, **BOTTLENECK},
        32,
    ),
    "signs": ({"name": "signs", "depth": 18, "shortcut": "B", "width": 8}, 64),
    "nin": ({"name": "nin", "norm": "none"}, 8),
    "alexnet": ({"name": "alexnet"}, 63),
    "googlenet": ({"name": "googlenet"}, 32),
    "inception_v3": ({"name": "inception_v3"}, 75),
    "inception_v4": ({"name": "inception_v4"}, 75),
    "inception_resnet": ({"name": "inception_resnet"}, 75),
}
# Blocks of a stage are alike: a few stand for the six and twenty.
SHORTENED = {
    "cifar": {"sizes": (1, 3)},
    "imagenet": {"sizes": (3, 2, 1, 1)},
    "inception_v4": {"sizes": (2, 1, 1)},
    "inception_resnet": {"version": V2._replace(sizes=(2, 1, 1))},
}
# Every block, and every way to join one, in a stage of three.
STAGES = {
    **{name: {"block": name, "shortcut": "B"} for name in BLOCKS},
    "no norm": {"norm": "none", "learned_scale": True},
    "zero norm": {"zero_last_norm": True},
    "gated": {"merge": "exclusive_gate", "gate_bias": 0.0},
    "scaled": {"shortcut_scale": 0.5, "branch_scale": 0.5, "shortcut": "C"},
}
CLASSES, BATCH, REPLICAS = 10, 8, 2


class OneStage(nn.Module):
    """A stem, a stage of three blocks, a head."""

    block: Callable[..., nn.Module]
    layers: Callable[..., Layers]
    scan: bool

    @nn.compact
    def __call__(self, x, train):
        layers = self.layers(train=train)
        x = layers.act(layers.conv(8, name="stem_conv")(x))
        x = Stage(self.block, layers, 16, 2, 3, scan=self.scan, name="stage1")(x)
        return head(x, CLASSES, train)


def section(**changes):
    model = base.get_config().model
    model.update(changes)
    return model


def build(case: str, **changes):
    if case in STAGES:
        model = section(**STAGES[case], **changes)
        return OneStage(block_of(model)[1], layers_of(model, None), model.scan)
    network = networks.build(section(**CASES[case][0], **changes), CLASSES)
    return network.clone(**SHORTENED.get(case, {}))


def pixels_of(case: str) -> int:
    return CASES[case][1] if case in CASES else 8


def scale(images, ids=None, key=None):
    return images.astype(jnp.float32) / 255


@functools.cache
def start(case: str) -> State:
    """A state before the first step, in the unrolled form."""
    return jax.tree_util.tree_map_with_path(drawn, shapes(case))


def shapes(case: str) -> State:
    pixels, network = pixels_of(case), build(case, scan=False)
    return jax.eval_shape(lambda: init_state(network, optimizer(), (pixels, pixels, 3), seed=0))


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
    pixels = pixels_of(case)
    network = build(case, scan=scan, dtype=dtype)
    replicas = Replicas("pmap", REPLICAS)
    step = replicas.map(
        make_train_step(network, optimizer(), lambda step: 0.1, scale, replicas, 0, 1, 0.3),
        split=(False, True),
    )
    random = np.random.RandomState(0)
    images = random.randint(0, 256, (BATCH, pixels, pixels, 3)).astype(np.uint8)
    labels = random.randint(0, CLASSES, BATCH).astype(np.int32)
    state = converted(start(case), stack) if scan else start(case)
    state, _ = step(
        replicas.replicate(state),
        replicas.split(Batch(images, labels, np.arange(BATCH, dtype=np.int32))),
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
    # That one has no logits, and tests of its own.
    assert set(CASES) == set(NETWORKS) - {"stack"}


# Half of the time of all tests would go into compiling whole networks, and much of the rest into
# blocks that are scanned as those before them: these, in float32, hold every way to join and to
# branch.
QUICK = (
    *("cifar", "nin", "residual", "preact_bottleneck", "mlpconv", "inception_residual"),
    *("no norm", "zero norm", "gated", "scaled"),
)


# Here bfloat16 moves a step by up to 1.5 times itself, scanned or not (against float32): how far
# the two are apart tells nothing.
DEEP = ("imagenet", "inception_v4", "inception_resnet")


@pytest.mark.parametrize(
    ("case", "dtype"),
    [
        pytest.param(case, dtype, marks=[] if quick else [pytest.mark.slow])
        for dtype in ("float32", "bfloat16")
        for case in [*CASES, *STAGES]
        for quick in [dtype == "float32" and case in QUICK]
        # A stage's blocks differ in what is convolved, not in how: for bfloat16 networks will do.
        if dtype == "float32" or case in CASES
    ],
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
    if dtype == "bfloat16" and case in DEEP:
        return
    scanned = after_one_step(case, True, dtype)
    # bfloat16 rounds at other places in the two programs; a step differs by a few of its digits.
    tolerance = 2e-3 if dtype == "float32" else 0.15
    for path, difference, _ in moved(unrolled.params, scanned.params):
        assert difference <= tolerance * max(steps[path], 1e-3), path


@pytest.mark.parametrize("case", [*CASES, *STAGES])
def test_evaluation_changes_no_state(case):
    """Seen in the traced program: the statistics that come out are those that went in."""
    pixels, network, state = pixels_of(case), build(case, scan=False), shapes(case)

    def evaluate(batch_stats, params, x):
        variables = {"params": params, "batch_stats": batch_stats}
        mutable = ["batch_stats", "auxiliary"]
        logits, updates = network.apply(variables, x, train=False, mutable=mutable)
        assert "auxiliary" not in updates
        return updates.get("batch_stats", {}), logits

    images = jax.ShapeDtypeStruct((2, pixels, pixels, 3), jnp.float32)
    program = jax.make_jaxpr(evaluate)(state.batch_stats, state.params, images).jaxpr
    *statistics, logits = program.outvars
    assert statistics == program.invars[: len(statistics)]
    assert len(statistics) == len(jax.tree.leaves(state.batch_stats))
    assert (logits.aval.shape, logits.aval.dtype) == ((2, CLASSES), jnp.float32)
