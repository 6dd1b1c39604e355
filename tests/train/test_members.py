"""Runs that one program trains at once are those that it would train alone."""

import jax
import numpy as np
import pytest

from resinc import data
from resinc.data.on_device import normalize
from resinc.data.source import Resident
from resinc.errors import InputError
from resinc.train.assemble import assemble
from resinc.train.compiled import members, program
from resinc.train.compiled.program import Program
from resinc.train.evaluate import evaluate, evaluate_members
from resinc.train.replica.state import init_state
from tests.train.runs import config

# The second trains on other examples than the first; the third is lost within two steps.
CHANGES = [
    {"seed": 0, "optimizer__lr": 0.02},
    {"seed": 1, "optimizer__lr": 0.05, "data__split_seed": 1},
    {"seed": 2, "optimizer__lr": 1e30},
]


def configs(changes=CHANGES):
    return [config(steps=10, log_every_steps=2, **change) for change in changes]


def begun(settings, together: bool):
    """(program, sources, states before the first step)."""
    machines = [assemble(each) for each in settings]
    splits = [data.load(each.data) for each in settings]
    sources = [
        Resident.of(own, each.seed, each.batch_size)
        for own, each in zip(splits, settings, strict=True)
    ]
    normalizers = [normalize.configured(own.train.image, settings[0].data) for own in splits]
    states = [init_state(m.network, m.optimizer, (8, 8, 1), m.config.seed) for m in machines]
    members = settings if together else ()
    made = Program(machines[0], sources[0], normalizers[0], members, normalizers)
    return made, sources, states


def advance(made, sources, state, *calls):
    """State and reports of the last of some calls."""
    for steps in calls:
        moved = [[source.batch(step) for source in sources] for step in steps]
        state, reports = made.train(state, moved if made.members else [now[0] for now in moved])
    return jax.device_get((state, reports))


@pytest.fixture(scope="module")
def alone():
    """(state, reports of the second step) of each member by itself, one step a call."""
    ends = []
    for settings in configs():
        made, sources, states = begun([settings], together=False)
        ends.append(advance(made, sources, made.place(*states), [0], [1]))
    return ends


def test_members_have_the_bits_of_single_runs_and_one_that_diverges_harms_none(alone):
    made, sources, states = begun(configs(), together=True)
    state, reports = advance(made, sources, made.place(*states), [0, 1])
    for index, (own_state, own_reports) in enumerate(alone):
        of_member = jax.tree.map(lambda leaf, i=index: leaf[1:, i], reports)
        jax.tree.map(np.testing.assert_array_equal, of_member, own_reports)
        jax.tree.map(np.testing.assert_array_equal, members.member(state, index), own_state)
    assert (reports.bad_step[-1] > 0).tolist() == [False, False, True]
    names = ("validation", "test")
    results = evaluate_members(made, sources, made.place(*unstacked(state)), names, 100)
    made, sources, _ = begun([configs()[1]], together=False)
    own_results = evaluate(made, sources[0], made.place(alone[1][0]), names, 100)
    jax.tree.map(np.testing.assert_array_equal, results[1], own_results)


def unstacked(state):
    return [members.member(state, index) for index in range(len(CHANGES))]


def test_a_member_that_was_taken_out_goes_on_alone(alone):
    made, sources, states = begun(configs(), together=True)
    state, _ = advance(made, sources, made.place(*states), [0])
    made, sources, _ = begun([configs()[1]], together=False)
    state, _ = advance(made, sources, made.place(members.member(state, 1)), [1])
    jax.tree.map(np.testing.assert_array_equal, state, alone[1][0])


def test_one_program_serves_all_seeds(alone):
    """Which are numbers to it: nothing is compiled anew, and each has its own draws."""
    settings = configs([{**CHANGES[1], "seed": seed} for seed in (0, 1)])
    programs = [begun([each], together=False)[0] for each in settings]
    assert programs[0].step is programs[1].step
    ends = []
    for made in programs:
        _, sources, states = begun(settings[1:], together=False)
        ends.append(advance(made, sources, made.place(*states), [0], [1]))
    jax.tree.map(np.testing.assert_array_equal, ends[1], alone[1])
    # Of the same weights and examples, other crops.
    assert ends[0][1].loss != ends[1][1].loss


def test_all_at_once_is_near_to_single_runs(alone, monkeypatch):
    """As on a GPU: two steps amplify what a sum in another order rounds off."""
    monkeypatch.setattr(program, "over_members", members.all_at_once)
    made, sources, states = begun(configs(CHANGES[:2]), together=True)
    state, reports = advance(made, sources, made.place(*states), [0], [1])
    for index, (own_state, own_reports) in enumerate(alone[:2]):
        np.testing.assert_allclose(reports.loss[:, index], own_reports.loss, rtol=1e-4)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4),
            members.member(state, index).params,
            own_state.params,
        )


def test_runs_that_differ_in_more_than_numbers_are_refused():
    members.check_alike(configs())
    with pytest.raises(InputError, match=r"may differ in seed, .*; these differ in model\.depth"):
        members.check_alike([config(), config(model__depth=14)])


def test_what_members_share_stays_a_constant_of_the_program():
    both = configs([{"seed": 0}, {"seed": 1}])
    assert {name: value.tolist() for name, value in members.numbers(both).items()} == {
        "seed": [0, 1]
    }
