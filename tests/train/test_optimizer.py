import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import base, cifar
from resinc.errors import InputError
from resinc.train.replica.optimizer import OPTIMIZERS, SCHEDULES, make_optimizer, make_schedule


def rates(config, steps):
    schedule = make_schedule(config.schedule, config.optimizer.lr, config.steps)
    return [float(schedule(step)) for step in steps]


def test_paper_schedule_divides_at_32k_and_48k():
    config = cifar.get_config("depth=56")
    np.testing.assert_allclose(
        rates(config, [0, 31_999, 32_000, 47_999, 48_000, 63_999]),
        [0.1, 0.1, 0.01, 0.01, 0.001, 0.001],
        rtol=1e-6,
    )


def test_110_layers_warm_up_400_steps_and_then_reach_full_rate():
    config = cifar.get_config("depth=110")
    np.testing.assert_allclose(
        rates(config, [0, 399, 400, 31_999, 32_000]), [0.01, 0.01, 0.1, 0.1, 0.01], rtol=1e-6
    )


def test_shorter_run_scales_its_schedule():
    config = cifar.get_config("depth=110")
    config.steps = 640
    np.testing.assert_allclose(
        rates(config, [3, 4, 319, 320, 480]), [0.01, 0.1, 0.1, 0.01, 0.001], rtol=1e-6
    )


def test_first_part_of_a_longer_schedule_is_that_of_the_longer_run():
    config = base.get_config()
    config.steps = 100
    config.schedule.update(name="linear", warmup=0.1)
    whole = rates(config, range(20))
    config.steps = 20
    assert rates(config, range(20)) != whole
    config.schedule.steps = 100
    assert rates(config, range(20)) == whole


def test_linear_rises_in_the_warm_up_and_falls_to_zero_at_the_end():
    config = base.get_config()
    config.steps = 100
    config.schedule.update(name="linear", warmup=0.2)
    np.testing.assert_allclose(
        rates(config, [0, 10, 20, 60, 99, 100]),
        [0.01, 0.055, 0.1, 0.05, 0.1 / 80, 0.0],
        rtol=1e-5,
        atol=1e-8,
    )


def test_a_warm_up_rises_or_jumps_as_it_is_told():
    config = base.get_config()
    config.steps, config.schedule.warmup = 100, 0.1
    for name, form, middle in (
        ("cosine", "", 0.01),
        ("cosine", "rise", 0.055),
        ("linear", "", 0.055),
        ("linear", "jump", 0.01),
    ):
        config.schedule.update(name=name, warmup_form=form)
        np.testing.assert_allclose(rates(config, [0, 5]), [0.01, middle], rtol=1e-5)


def test_cosine_is_half_a_wave_to_zero():
    config = base.get_config()
    config.steps, config.schedule.name = 100, "cosine"
    by_hand = [0.05 * (1 + np.cos(np.pi * step / 100)) for step in (0, 25, 50, 99, 100)]
    np.testing.assert_allclose(rates(config, [0, 25, 50, 99, 100]), by_hand, atol=1e-8)


@pytest.mark.parametrize(("clip", "length"), [(0.0, 5.0), (10.0, 5.0), (1.0, 1.0)])
def test_a_gradient_too_long_is_shortened_and_keeps_its_direction(clip, length):
    section = base.get_config().optimizer
    section.update(name="sgd", weight_decay=0.5, clip_norm=clip)
    optimizer = make_optimizer(section, lambda step: 1.0)
    params = {"a": jnp.array([2.0]), "b": jnp.array([0.0])}
    grads = {"a": jnp.array([3.0]), "b": jnp.array([4.0])}
    updates, _ = optimizer.update(grads, optimizer.init(params), params)
    # The penalty comes behind the clipping: 0.5 * 2.
    np.testing.assert_allclose(updates["a"], [-(3 * length / 5 + 1)], rtol=1e-6)
    np.testing.assert_allclose(updates["b"], [-4 * length / 5], rtol=1e-6)


def test_a_network_of_110_layers_warms_up_however_it_is_named():
    named, counted = cifar.get_config("network=resnet-110"), cifar.get_config("depth=110")
    assert named.schedule.warmup == counted.schedule.warmup == 400 / 64_000
    assert cifar.get_config("network=resnet-56").schedule.warmup == 0


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_warm_up_asked_for_lasts_a_step_at_least(name):
    config = cifar.get_config("depth=110")  # 400 of 64,000: 0.125 of 20 steps.
    config.steps, config.schedule.name = 20, name
    first, second = rates(config, [0, 1])
    assert first == pytest.approx(0.01)
    assert second > 0.09


def test_boundaries_that_round_to_one_step_multiply_once_each():
    config = base.get_config()
    config.steps, config.schedule.boundaries = 6, (0.5, 0.52)
    np.testing.assert_allclose(rates(config, [2, 3, 5]), [0.1, 0.001, 0.001], rtol=1e-6)


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedule_starts_at_the_peak_and_never_rises(name):
    config = base.get_config()
    config.schedule.name, config.steps = name, 100
    values = rates(config, range(100))
    assert values[0] == pytest.approx(0.1)
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer_descends_a_parabola(name):
    section = base.get_config().optimizer
    section.name = name
    # Of LARS a thousandth counts, in parts of the weights.
    section.lr = 5.0 if name == "lars" else 0.05
    optimizer = make_optimizer(section, lambda step: jnp.float32(section.lr))
    params = {"kernel": jnp.array([1.0, -2.0])}
    state = optimizer.init(params)
    for _ in range(60):
        updates, state = optimizer.update({"kernel": 2 * params["kernel"]}, state, params)
        params = jax.tree.map(jnp.add, params, updates)
    assert float(jnp.abs(params["kernel"]).max()) < 0.5


@pytest.mark.parametrize(("decay_on", "bias"), [("all", 0.9), ("kernels", 1.0)])
def test_decay_touches_what_decay_on_names(decay_on, bias):
    section = base.get_config().optimizer
    section.name, section.weight_decay, section.decay_on = "sgd", 1.0, decay_on
    optimizer = make_optimizer(section, lambda step: 0.1)
    params = {"conv": {"kernel": jnp.ones(2)}, "norm": {"bias": jnp.ones(2)}}
    updates, _ = optimizer.update(
        jax.tree.map(jnp.zeros_like, params), optimizer.init(params), params
    )
    new = jax.tree.map(jnp.add, params, updates)
    np.testing.assert_allclose(new["conv"]["kernel"], 0.9, rtol=1e-6)
    np.testing.assert_allclose(new["norm"]["bias"], bias, rtol=1e-6)


@pytest.mark.parametrize(
    ("section", "field", "value", "message"),
    [
        ("optimizer", "name", "momentun", "did you mean 'momentum'"),
        ("optimizer", "decay_on", "some", "choices are all, kernels"),
        ("schedule", "name", "stepp", "did you mean 'step'"),
    ],
)
def test_an_unknown_name_is_refused(section, field, value, message):
    config = base.get_config()
    config[section][field] = value
    with pytest.raises(InputError, match=message):
        make_optimizer(config.optimizer, make_schedule(config.schedule, 0.1, 100))


def test_polynomial_falls_as_a_power_of_what_is_left():
    config = base.get_config()
    config.steps = 100
    config.schedule.update(name="polynomial", power=2.0, warmup=0.2)
    np.testing.assert_allclose(
        rates(config, [0, 10, 20, 60, 100]), [0.01, 0.055, 0.1, 0.025, 0.0], rtol=1e-5, atol=1e-8
    )
    line = base.get_config()
    line.steps, line.schedule.name, line.schedule.warmup = 100, "linear", 0.2
    config.schedule.power = 1.0
    assert rates(config, range(101)) == rates(line, range(101))


def one_step(name, params, grads, **fields):
    section = base.get_config().optimizer
    section.update(name=name, **fields)
    optimizer = make_optimizer(section, lambda step: 2.0)
    updates, _ = optimizer.update(grads, optimizer.init(params), params)
    return updates


@pytest.mark.parametrize(("name", "part"), [("lars", 0.001), ("lamb", 1.0)])
def test_step_of_a_layer_is_as_long_as_its_weights_times_the_rate(name, part):
    """Whatever the length of its gradient; what is not decayed has the step of the plain rate."""
    params = {
        "a": {"kernel": jnp.array([3.0, 4.0]), "bias": jnp.array([3.0, 4.0])},
        "b": {"kernel": jnp.array([30.0, 40.0]), "bias": jnp.array([0.0, 0.0])},
    }
    grads = jax.tree.map(lambda leaf: jnp.array([0.6, 0.8]), params)
    fields = {"decay_on": "kernels", "weight_decay": 0.1}
    for factor in (1.0, 1000.0):
        updates = one_step(name, params, jax.tree.map(lambda g, f=factor: f * g, grads), **fields)
        for layer in params:
            lengths = jax.tree.map(jnp.linalg.norm, updates[layer])
            size = jnp.linalg.norm(params[layer]["kernel"])
            assert float(lengths["kernel"]) == pytest.approx(2 * part * float(size), rel=1e-4)
            plain = {"lars": factor, "lamb": 2**0.5}[name]  # A first step of Adam is of ones.
            assert float(lengths["bias"]) == pytest.approx(2 * plain, rel=1e-4)
    # "all" rescales the bias too, save one that is zero: it would never move.
    updates = one_step(name, params, grads, weight_decay=0.0)
    assert float(jnp.linalg.norm(updates["a"]["bias"])) == pytest.approx(10 * part, rel=1e-4)
    assert float(jnp.linalg.norm(updates["b"]["bias"])) > 1


@pytest.mark.parametrize("name", ["lars", "lamb"])
def test_decay_turns_the_step_before_it_is_rescaled(name):
    params = {"kernel": jnp.array([3.0, 4.0])}
    decayed = one_step(name, params, {"kernel": jnp.array([0.0, 1e-3])}, weight_decay=1e6)
    direction = decayed["kernel"] / jnp.linalg.norm(decayed["kernel"])
    np.testing.assert_allclose(direction, [-0.6, -0.8], rtol=1e-4)


@pytest.mark.parametrize("name", ["lars", "lamb"])
def test_layers_of_scanned_blocks_are_rescaled_one_by_one(name):
    kernels = np.random.RandomState(0).normal(size=(2, 3, 4)) * [[[1]], [[100]]]
    grads = np.random.RandomState(1).normal(size=(2, 3, 4))
    options = {"decay_on": "kernels", "weight_decay": 0.1}

    def scanned(array):
        return {"stage1": {"blocks": {"conv": {"kernel": jnp.asarray(array)}}}}

    together = one_step(name, scanned(kernels), scanned(grads), **options)
    alone = [
        one_step(name, *({"kernel": jnp.asarray(part)} for part in pair), **options)["kernel"]
        for pair in zip(kernels, grads, strict=True)
    ]
    np.testing.assert_allclose(together["stage1"]["blocks"]["conv"]["kernel"], alone, rtol=1e-6)


@pytest.mark.parametrize("name", ["rmsprop", "adam", "adamw", "lamb"])
def test_a_large_epsilon_shortens_the_step_of_a_small_gradient(name):
    params, grads = {"bias": jnp.array([0.0])}, {"bias": jnp.array([0.01])}
    own, large = (
        one_step(name, params, grads, decay_on="kernels", epsilon=epsilon)["bias"]
        for epsilon in (0.0, 1.0)
    )
    assert abs(float(own[0])) > 1
    assert abs(float(large[0])) < 0.05
