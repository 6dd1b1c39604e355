"""Learning-rate schedules and optimizers by name."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from resinc.networks.paths import is_stacked
from resinc.registry import lookup

Schedule = Callable[[jax.Array], jax.Array]


def _step(section: Any, lr: float, steps: int) -> Schedule:
    """Divided at fractions of the run. He et al. 2015: 0.1, divided by 10 at 32k and 48k of 64k.

    Boundaries that a short run rounds to one step multiply there once each: a shortened run still
    ends at the rate of the whole one.
    """
    boundaries: dict[int, float] = {}
    for fraction in section.boundaries:
        step = round(fraction * steps)
        boundaries[step] = boundaries.get(step, 1.0) * section.factor
    return optax.piecewise_constant_schedule(lr, boundaries)


def _cosine(section: Any, lr: float, steps: int) -> Schedule:
    return optax.cosine_decay_schedule(lr, steps)


def _linear(section: Any, lr: float, steps: int) -> Schedule:
    """From the end of the warm-up in a line to 0 at the end of the run."""
    return _to_zero(lr, 1, _warmup_steps(section, steps), steps)


def _polynomial(section: Any, lr: float, steps: int) -> Schedule:
    """Likewise, as a power of what is left of the run; Caffe's "poly"."""
    return _to_zero(lr, section.power, _warmup_steps(section, steps), steps)


def _to_zero(lr: float, power: float, warmup_steps: int, steps: int) -> Schedule:
    decay = optax.polynomial_schedule(lr, 0.0, power, steps - warmup_steps)
    return lambda step: decay(step - warmup_steps)


def _warmup_steps(section: Any, steps: int) -> int:
    """At least one where a warm-up is asked for: 400 of 64,000 rounds to none below 80 steps."""
    return max(1, round(section.warmup * steps)) if section.warmup else 0


def _constant(section: Any, lr: float, steps: int) -> Schedule:
    return optax.constant_schedule(lr)


SCHEDULES = {
    "step": _step,
    "cosine": _cosine,
    "linear": _linear,
    "polynomial": _polynomial,
    "constant": _constant,
}
# Those that begin their fall at the end of the warm-up; it rises up to there.
_RISING = "linear", "polynomial"


def make_schedule(section: Any, lr: float, steps: int) -> Schedule:
    """Learning rate by step, counted from 0, after a warm-up.

    The warm-up that jumps is that of He et al. 2015, section 4.2, for 110 layers: 0.01, then back
    to 0.1. The one that rises goes in a line from the lower rate to the full one. Goyal et al.
    2017, section 2.2.

    Args:
      section: `config.schedule`.
      lr: peak learning rate.
      steps: length of the run; of the schedule too, unless `section.steps` says another.

    Raises:
      InputError: an unknown name.
    """
    make = lookup(SCHEDULES, section.name, "schedule")
    steps = section.steps or steps
    schedule = make(section, lr, steps)
    warmup_steps = _warmup_steps(section, steps)
    if not warmup_steps:
        return schedule
    low = section.warmup_factor * lr
    rises = (section.warmup_form or ("rise" if section.name in _RISING else "jump")) == "rise"
    below = optax.linear_schedule(low, lr, warmup_steps) if rises else lambda step: low
    return lambda step: jnp.where(step < warmup_steps, below(step), schedule(step))


def _l2(section: Any, mask: Any) -> optax.GradientTransformation:
    return optax.add_decayed_weights(section.weight_decay, mask)


def _momentum(section: Any, schedule: Schedule, mask: Any) -> optax.GradientTransformation:
    descent = optax.sgd(schedule, momentum=section.momentum, nesterov=section.nesterov)
    return optax.chain(_l2(section, mask), descent)


def _sgd(section: Any, schedule: Schedule, mask: Any) -> optax.GradientTransformation:
    return optax.chain(_l2(section, mask), optax.sgd(schedule))


def _rmsprop(section: Any, schedule: Schedule, mask: Any) -> optax.GradientTransformation:
    descent = optax.rmsprop(schedule, momentum=section.momentum, eps=section.epsilon or 1e-8)
    return optax.chain(_l2(section, mask), descent)


def _adam(section: Any, schedule: Schedule, mask: Any) -> optax.GradientTransformation:
    descent = optax.adam(schedule, b1=section.momentum, eps=section.epsilon or 1e-8)
    return optax.chain(_l2(section, mask), descent)


def _adamw(section: Any, schedule: Schedule, mask: Any) -> optax.GradientTransformation:
    """Decay after the adaptation, not before. Loshchilov and Hutter, arXiv 1711.05101."""
    return optax.adamw(
        schedule,
        b1=section.momentum,
        eps=section.epsilon or 1e-8,
        weight_decay=section.weight_decay,
        mask=mask,
    )


def _lars(section: Any, schedule: Schedule, mask: Any) -> optax.GradientTransformation:
    """Momentum of steps as long as a thousandth of each layer's weights, times the rate.

    You et al. 2017 (arXiv 1708.03888), Algorithm 1. What is not decayed is not rescaled either.
    """
    return optax.chain(
        _l2(section, mask),
        _as_long_as_weights(mask, 0.001),
        optax.scale_by_learning_rate(schedule),
        optax.trace(section.momentum, section.nesterov),
    )


def _lamb(section: Any, schedule: Schedule, mask: Any) -> optax.GradientTransformation:
    """Adam with decoupled decay, each layer's step as long as its weights, times the rate.

    You et al. 2019 (arXiv 1904.00962), Algorithm 2. What is not decayed is not rescaled either.
    """
    return optax.chain(
        optax.scale_by_adam(b1=section.momentum, eps=section.epsilon or 1e-6),
        _l2(section, mask),
        _as_long_as_weights(mask, 1.0),
        optax.scale_by_learning_rate(schedule),
    )


def _as_long_as_weights(mask: Any, part: float) -> optax.GradientTransformation:
    """optax's trust ratio, of a layer: in the arrays of scanned blocks there are several."""
    trust = optax.scale_by_trust_ratio(trust_coefficient=part)

    def scaled(path: Any, update: jax.Array, weights: jax.Array) -> jax.Array:
        def one(update: jax.Array, weights: jax.Array) -> jax.Array:
            return trust.update(update, optax.EmptyState(), weights)[0]

        return (jax.vmap(one) if is_stacked(path) else one)(update, weights)

    def rescale(updates: Any, params: Any) -> Any:
        return jax.tree_util.tree_map_with_path(scaled, updates, params)

    rescaled = optax.stateless(rescale)
    return optax.masked(rescaled, mask) if mask else rescaled


OPTIMIZERS = {
    "momentum": _momentum,
    "sgd": _sgd,
    "rmsprop": _rmsprop,
    "adam": _adam,
    "adamw": _adamw,
    "lars": _lars,
    "lamb": _lamb,
}


def _is_kernel(params: Any) -> Any:
    return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key == "kernel", params)


DECAY_MASKS: dict[str, Callable | None] = {"all": None, "kernels": _is_kernel}


def make_optimizer(section: Any, schedule: Schedule) -> optax.GradientTransformation:
    """The named optimizer, with weight decay as an L2 penalty added to the gradient.

    A gradient longer than `clip_norm` is shortened to it before the penalty is added. Pascanu et
    al. 2013 (arXiv 1211.5063), section 3.2.

    `decay_on="all"` decays BatchNorm scales and all biases with the kernels, as the Caffe and Torch
    code of the papers did; "kernels" leaves them alone, as later recipes do.

    Args:
      section: `config.optimizer`.
      schedule: learning rate by step.

    Raises:
      InputError: an unknown optimizer or `decay_on`.
    """
    mask = lookup(DECAY_MASKS, section.decay_on, "optimizer.decay_on")
    optimizer = lookup(OPTIMIZERS, section.name, "optimizer")(section, schedule, mask)
    if not section.clip_norm:
        return optimizer
    return optax.chain(optax.clip_by_global_norm(section.clip_norm), optimizer)
