"""The probe of inception branches, on networks too small to be useful."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import base
from resinc import networks
from resinc.blocks import BLOCKS
from resinc.errors import InputError
from resinc.networks.paths import unstack
from resinc.ops.loss import mistakes
from resinc.probes import Subject, branches, check_probes

BRANCHES = ["branch1", "branch2", "branch3", "branch4"]
ZEROED = "branch3"


def section(block="inception_naive"):
    model = base.get_config().model
    model.update(block=block, depth=8, width=8)
    return model


@pytest.fixture(scope="module")
def subject():
    """Random weights, two modules a stage; branch 3 of all modules is zero already."""
    network = networks.build(section(), 3)
    random = np.random.RandomState(0)
    images = jnp.asarray(random.normal(size=(40, 8, 8, 1)), jnp.float32)
    labels = jnp.asarray(random.randint(0, 3, 40), jnp.int32)
    shapes = jax.eval_shape(lambda: network.init(jax.random.key(0), images, train=False))

    def value(path, leaf):
        names = [key.key for key in path]
        if ZEROED in "".join(names) and names[0] == "params":
            return np.zeros(leaf.shape, np.float32)
        mean = 1.0 if names[-1] in ("scale", "var") else 0.0
        deviation = (2 / np.prod(leaf.shape[:-1])) ** 0.5 if names[-1] == "kernel" else 0.1
        return (mean + random.normal(0, deviation, leaf.shape)).astype(np.float32)

    variables = jax.tree_util.tree_map_with_path(value, dict(shapes))
    test = (images, labels)
    return Subject(section(), 3, network, **variables, batch=test, test=test)


@pytest.fixture(scope="module")
def measured(subject):
    return branches.measure(subject)


def test_dropping_a_branch_that_is_zero_changes_nothing(measured):
    assert measured["dropped"].keys() == set(BRANCHES)
    assert measured["dropped"][ZEROED] == measured["error"]
    assert len({*measured["dropped"].values()}) > 1  # Other branches matter.
    modules = [f"stage{s}/block{b:02d}/module" for s in (1, 2, 3) for b in (1, 2)]
    assert list(measured["energy"]) == modules


def test_dropped_is_the_error_of_the_network_whose_branch_puts_out_zeros(subject, measured):
    """In either mode; what the branch puts out is replaced on its way, its weights are there."""
    images, labels = subject.test
    last = {"branch1_conv1", "branch2_conv2", "branch3_conv2", "branch4_conv1"}
    assert set(branches.last_units(unstack(subject.params))["stage1/block01/module"].values()) == (
        last
    )

    def error(unit, train):
        def silent(run, args, kwargs, context):
            y = run(*args, **kwargs)
            dropped = context.module.name == unit and context.method_name == "__call__"
            return jnp.zeros_like(y) if dropped else y

        variables = {name: unstack(tree) for name, tree in subject.variables.items()}
        network = subject.network.clone(scan=False)
        with nn.intercept_methods(silent):
            logits, _ = jax.jit(
                lambda variables: network.apply(
                    variables, images, train=train, mutable=["batch_stats"]
                )
            )(variables)
        return float(jnp.mean(mistakes(logits, labels)))

    assert measured["examples"] == len(labels)
    assert measured["dropped"]["branch2"] == error("branch2_conv2", train=False)
    assert measured["reestimated"]["dropped"]["branch2"] == error("branch2_conv2", train=True)


def test_energy_is_the_mean_square_of_the_modules_output_slices(subject, measured):
    """Against a forward pass that captures whole modules, not units."""
    network = subject.network.clone(scan=False)
    variables = {name: unstack(tree) for name, tree in subject.variables.items()}
    _, kept = network.apply(
        variables,
        subject.test[0],
        train=False,
        mutable=["intermediates"],
        capture_intermediates=lambda module, _: module.name == "module",
    )
    for path, energies in measured["energy"].items():
        stage, block, module = path.split("/")
        output = np.asarray(kept["intermediates"][stage][block][module]["__call__"][0])
        # 8 features: 2 of 1x1, 4 of 3x3, 1 of 5x5, 1 pooled.
        edges = np.asarray([2, 6, 7]) * output.shape[-1] // 8
        parts = np.split(output, edges, axis=-1)
        assert list(energies) == BRANCHES
        expected = [float((part**2).mean()) for part in parts]
        np.testing.assert_allclose(list(energies.values()), expected, rtol=1e-4)
        assert all((energy > 0) == (name != ZEROED) for name, energy in energies.items())


@pytest.mark.slow
def test_reestimated_errors_are_those_in_training_mode(subject, measured):
    """The test images, given as the training batch too, are normalised by their own statistics."""
    images, labels = subject.test
    variables = {"params": subject.params, "batch_stats": subject.batch_stats}
    logits, _ = subject.network.apply(variables, images, train=True, mutable=["batch_stats"])
    again = measured["reestimated"]
    assert again["error"] == float(jnp.mean(mistakes(logits, labels)))
    assert again["dropped"].keys() == set(BRANCHES)
    assert again["dropped"] != measured["dropped"]
    assert again["dropped"][ZEROED] == again["error"]


def test_every_block_of_several_branches_can_be_measured_and_no_other():
    several = {name for name in BLOCKS if name.startswith("inception")}
    assert set(branches.BLOCKS) == several
    for name in several:
        check_probes(["branches"], section(block=name))
    for name in ("residual", "only_3x3"):
        with pytest.raises(InputError, match=f"not '{name}' in 'cifar'"):
            check_probes(["branches"], section(block=name))
