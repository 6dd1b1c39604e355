"""The compiled functions of one config, or of n that differ in numbers: k steps, evaluation."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from resinc.data import augment, mix, normalize
from resinc.data.source import Source
from resinc.ops.loss import OBJECTIVES, training_objective
from resinc.train.assemble import Machine
from resinc.train.members import numbers, over_members, own_parts, stacked
from resinc.train.precision import precisely
from resinc.train.state import State
from resinc.train.step import Report, Sums, make_eval_step, make_train_step


class Program:
    """Compiles nothing before it is called; moves what it is given to the devices.

    Every array of a state, of a report and of an evaluation has a leading axis [n] where there are
    n members, and none where there is one run: that is then the very program of a single run.
    """

    def __init__(
        self,
        machine: Machine,
        source: Source,
        normalizer: normalize.Normalizer,
        members: Sequence[ConfigDict] = (),
    ):
        """`members`: configs that `members.check_alike` passes; none: the machine's alone."""
        config, replicas, gather = machine.config, machine.replicas, source.gather
        objective = OBJECTIVES[config.objective]
        self.replicas, self.members = replicas, len(members)
        self.held = replicas.replicate(source.held)
        self.own = replicas.replicate(numbers(members)) if members else {}

        def augmented(images: jax.Array, ids: jax.Array, key: jax.Array) -> jax.Array:
            section = config.data
            return augment.augment(images, ids, key, normalizer, section.augment, section.crop_pad)

        def one(state: State, own: Any, held: Any, moved: Any) -> tuple[State, Report]:
            parts = own_parts(config, own)
            step = make_train_step(
                machine.network,
                parts.optimizer,
                parts.schedule,
                augmented,
                replicas,
                parts.seed,
                config.log_every_steps,
                config.model.auxiliary_weight,
                config.log_gradients,
                training_objective(config.objective, config.label_smoothing),
                functools.partial(mix.mix, mixup=config.data.mixup, cutmix=config.data.cutmix),
                config.micro_batches,
                config.average_decay,
            )
            return step(state, gather(held, moved))

        score = make_eval_step(
            machine.network,
            lambda images: normalize.prepare(images, normalizer),
            replicas,
            objective,
        )

        def sums(params: Any, batch_stats: Any, held: Any, moved: Any, mask: jax.Array) -> Sums:
            return score(params, batch_stats, gather(held, moved), mask)

        advance: Callable = one
        scored: Callable = sums
        if members:
            advance = over_members(one, (True, True, False, True))
            scored = over_members(sums, (True, True, False, False, False))

        def first(state: State, own: Any, held: Any, moved: Any) -> tuple[State, Report]:
            state, report = advance(state, own, held, moved)
            return state, jax.tree.map(lambda leaf: leaf[None], report)

        def many(state: State, own: Any, held: Any, moved: Any) -> tuple[State, Report]:
            return jax.lax.scan(lambda state, now: advance(state, own, held, now), state, moved)

        precise = precisely(config.model.matmul_precision)
        split, donate = (False, False, False, True), (0,)
        self.step = replicas.map(precise(first), split=split, donate=donate)
        self._steps = replicas.map(precise(many), split=split, donate=donate)
        self._sums = replicas.map(precise(scored), split=(False, False, False, True, True))

    def place(self, *states: Any) -> Any:
        """Put a state, or what an evaluation needs of one, on every device; of members, all."""
        return self.replicas.replicate(stacked(states) if self.members else states[0])

    def train(self, state: State, moved: Sequence[Any]) -> tuple[State, Report]:
        """k steps; the reports are [k, ...]. The state that is given is overwritten.

        Args:
          state: on the devices.
          moved: for each step what `Source.batch` gave, of members a list of n.
        """
        split = self.replicas.split
        # [d, b/d, ...] each, of members [d, n, b/d, ...].
        each = [_join([split(own) for own in now]) if self.members else split(now) for now in moved]
        if len(each) == 1:
            return self.step(state, self.own, self.held, each[0])
        return self._steps(state, self.own, self.held, _join(each))  # [d, k, ...].

    def sums(self, state: Any, moved: Any, mask: np.ndarray) -> Sums:
        """Of one batch of `Source.evaluation`, whose size the replicas divide."""
        split = self.replicas.split
        return self._sums(state.params, state.batch_stats, self.held, split(moved), split(mask))


def _join(trees: Sequence[Any]) -> Any:
    """Of [d, ...] each, [d, number of them, ...]."""
    return jax.tree.map(lambda *leaves: np.stack(leaves, 1), *trees)
