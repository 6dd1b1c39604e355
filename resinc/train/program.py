"""The compiled functions of one config: k steps and an evaluation, over its replicas."""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from resinc.data import augment, mix, normalize
from resinc.data.source import Source
from resinc.ops.loss import OBJECTIVES, training_objective
from resinc.train.assemble import Machine
from resinc.train.precision import precisely
from resinc.train.state import State
from resinc.train.step import Report, Sums, make_eval_step, make_train_step


class Program:
    """Compiles nothing before it is called; moves what it is given to the devices."""

    def __init__(self, machine: Machine, source: Source, normalizer: normalize.Normalizer):
        config, replicas, gather = machine.config, machine.replicas, source.gather
        objective = OBJECTIVES[config.objective]
        self.replicas = replicas
        self.held = replicas.replicate(source.held)

        def augmented(images: jax.Array, ids: jax.Array, key: jax.Array) -> jax.Array:
            section = config.data
            return augment.augment(images, ids, key, normalizer, section.augment, section.crop_pad)

        step = make_train_step(
            machine.network,
            machine.optimizer,
            machine.schedule,
            augmented,
            replicas,
            config.seed,
            config.log_every_steps,
            config.model.auxiliary_weight,
            config.log_gradients,
            training_objective(config.objective, config.label_smoothing),
            functools.partial(mix.mix, mixup=config.data.mixup, cutmix=config.data.cutmix),
            config.micro_batches,
            config.average_decay,
        )
        score = make_eval_step(
            machine.network,
            lambda images: normalize.prepare(images, normalizer),
            replicas,
            objective,
        )

        def one_step(state: State, held: Any, moved: Any) -> tuple[State, Report]:
            state, report = step(state, gather(held, moved))
            return state, jax.tree.map(lambda leaf: leaf[None], report)

        def many_steps(state: State, held: Any, moved: Any) -> tuple[State, Report]:
            return jax.lax.scan(lambda state, one: step(state, gather(held, one)), state, moved)

        def sums(params: Any, batch_stats: Any, held: Any, moved: Any, mask: jax.Array) -> Sums:
            return score(params, batch_stats, gather(held, moved), mask)

        precise = precisely(config.model.matmul_precision)
        split, donate = (False, False, True), (0,)
        self.step = replicas.map(precise(one_step), split=split, donate=donate)
        self._steps = replicas.map(precise(many_steps), split=split, donate=donate)
        self._sums = replicas.map(precise(sums), split=(False, False, False, True, True))

    def place(self, state: Any) -> Any:
        """Put a state, or what an evaluation needs of one, on every device."""
        return self.replicas.replicate(state)

    def train(self, state: State, moved: Sequence[Any]) -> tuple[State, Report]:
        """k steps, with what `Source.batch` gave for each; the reports are [k] each.

        The state that is given is overwritten.
        """
        each = [self.replicas.split(one) for one in moved]
        if len(each) == 1:
            return self.step(state, self.held, each[0])
        # [d, k, b/d, ...].
        stacked = jax.tree.map(lambda *leaves: np.stack(leaves, 1), *each)
        return self._steps(state, self.held, stacked)

    def sums(self, state: Any, moved: Any, mask: np.ndarray) -> Sums:
        """Of one batch of `Source.evaluation`, whose size the replicas divide."""
        split = self.replicas.split
        return self._sums(state.params, state.batch_stats, self.held, split(moved), split(mask))
