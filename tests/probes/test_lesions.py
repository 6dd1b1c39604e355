"""The probe that removes and moves blocks, against networks built without or with them moved."""

import jax
import jax.numpy as jnp
import pytest

from resinc import networks
from resinc.errors import InputError
from resinc.networks.paths import stack, unstack
from resinc.ops.loss import mistakes
from resinc.probes import check_probes, lesions
from tests.probes.staged import section, subject


def error(measured, network, variables) -> float:
    images, labels = measured.test
    return float(jnp.mean(mistakes(network.apply(variables, images, train=False), labels)))


def edited(measured, edit):
    """The variables written out, with `edit(blocks of a stage, stage) -> blocks` applied."""
    out = {}
    for name, tree in measured.variables.items():
        plain = unstack(tree)
        stages = {s: edit(dict(plain[s]), s) for s in plain if s.startswith("stage")}
        out[name] = {**plain, **stages}
    return out


@pytest.fixture(scope="module", params=["plain", "residual"])
def measured(request):
    """Three blocks a stage, scanned: two of each can be moved."""
    return subject(block=request.param, depth=20, width=4)


@pytest.fixture(scope="module")
def found(measured):
    return lesions.measure(measured)


def test_whole_is_the_error_of_the_network(measured, found):
    assert found["whole"] == error(measured, measured.network, measured.variables)


def test_removed_is_the_error_of_the_network_built_without_the_block(measured, found):
    assert list(found["removed"]) == [f"stage{s}/block{b:02d}" for s in (1, 2, 3) for b in (2, 3)]
    assert len({*found["removed"].values()}) > 1  # Blocks matter here.

    def lost(blocks, stage):
        if stage == "stage2":
            blocks["block02"] = blocks.pop("block03")
        return blocks

    smaller = measured.network.clone(sizes=(3, 2, 3), scan=False)
    assert found["removed"]["stage2/block02"] == error(measured, smaller, edited(measured, lost))


def test_reestimated_is_the_error_in_training_mode_of_the_network_without_the_block(
    measured, found
):
    """The test images, given as the training batch too, are normalised by their own statistics."""

    def lost(blocks, stage):
        if stage == "stage2":
            blocks["block02"] = blocks.pop("block03")
        return blocks

    def expected(network, variables):
        images, labels = measured.test
        logits, _ = network.apply(variables, images, train=True, mutable=["batch_stats"])
        return float(jnp.mean(mistakes(logits, labels)))

    smaller = measured.network.clone(sizes=(3, 2, 3), scan=False)
    again = found["reestimated"]
    assert list(again["removed"]) == list(found["removed"])
    assert again["whole"] == expected(measured.network, measured.variables)
    assert again["removed"]["stage2/block02"] == expected(smaller, edited(measured, lost))
    assert again != {"whole": found["whole"], "removed": found["removed"]}


def test_permuted_is_the_error_of_the_network_with_pairs_swapped(measured, found):
    """All three pairs there are: every draw is the same network."""

    def swapped(blocks, stage):
        return {**blocks, "block02": blocks["block03"], "block03": blocks["block02"]}

    assert list(found["permuted"]) == ["1", "2", "3"]
    expected = error(measured, measured.network.clone(scan=False), edited(measured, swapped))
    assert found["permuted"]["3"] == [expected] * lesions.DRAWS


def test_scanned_and_unrolled_networks_measure_the_same(measured, found):
    unrolled = measured._replace(
        network=measured.network.clone(scan=False),
        **{name: unstack(tree) for name, tree in measured.variables.items()},
    )
    shapes = jax.tree.map(jnp.shape, measured.params)
    assert shapes == jax.tree.map(jnp.shape, stack(unrolled.params))
    assert jax.tree.structure(unrolled.params) != jax.tree.structure(measured.params)
    assert lesions.measure(unrolled) == found


def test_one_block_per_stage_leaves_nothing_to_remove():
    found = lesions.measure(subject(depth=8, width=4))
    assert (found["removed"], found["permuted"]) == ({}, {})


def test_networks_without_stages_are_refused():
    assert networks.build(section(name="imagenet", depth=34), 3).sizes == (3, 4, 6, 3)
    check_probes(["lesions"], section(name="imagenet", depth=34))
    for name in ("nin", "stack", "googlenet"):
        with pytest.raises(InputError, match=f"needs a network of stages.* not '{name}'"):
            check_probes(["lesions"], section(name=name))
