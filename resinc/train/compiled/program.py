"""The compiled functions of one config, or of n that differ in numbers: k steps, evaluation."""

import dataclasses
import functools
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from resinc import config as config_file
from resinc.data.on_device import augment, mix, normalize
from resinc.data.source import Batch, Source
from resinc.ops.loss import OBJECTIVES, training_objective
from resinc.train.assemble import Setup
from resinc.train.compiled.members import (
    member,
    numbers,
    over_members,
    own_parts,
    stacked,
    statistics,
)
from resinc.train.distributed.parallel import Replicas
from resinc.train.replica.precision import precisely
from resinc.train.replica.state import State
from resinc.train.replica.step import Report, Sums, make_eval_step, make_train_step


class Program:
    """Compiles nothing before it is called; moves what it is given to the devices.

    Every array of a state, of a report and of an evaluation has a leading axis [n] where there are
    n members, and none where there is one run: that is then the very program of a single run.
    """

    def __init__(
        self,
        setup: Setup,
        source: Source,
        normalizer: normalize.Normalizer,
        members: Sequence[ConfigDict] = (),
        normalizers: Sequence[normalize.Normalizer] = (),
    ):
        """Of one run, or of members.

        Args:
          setup: of the run, or of any member.
          source: likewise; what it holds is all members'.
          normalizer: likewise.
          members: configs that `members.check_alike` passes; none: the setup's alone.
          normalizers: of each member; none: all have the same.
        """
        self.replicas, self.members = setup.replicas, len(members)
        self.held = self.replicas.replicate(source.held)
        own = numbers(members) if members else member(numbers([setup.config]), 0)
        self.own = self.replicas.replicate((own, statistics(normalizers)))
        parts = _Parts(
            setup.config,
            setup.network,
            setup.replicas,
            source.gather,
            normalizer,
            bool(members),
        )
        training = _training(parts) if members else _once(_training, parts)
        self.step: Callable = training[0]
        self._steps: Callable = training[1]
        self._sums = _evaluation(parts) if members else _once(_evaluation, parts)

    def place(self, *states: Any) -> Any:
        """Put a state, or what an evaluation needs of one, on every device; of members, all."""
        return self.replicas.replicate(stacked(states) if self.members else states[0])

    def train(self, state: State, moved: Sequence[Any]) -> tuple[State, Report]:
        """k steps; the reports are [k, ...]. The state that is given is overwritten.

        Args:
          state: on the devices.
          moved: for each step what `Source.batch` gave, of members a list of n.
        """
        each = [self._split(now) for now in moved]
        if len(each) == 1:
            return self.step(state, self.own, self.held, each[0])
        return self._steps(state, self.own, self.held, _join(each))  # [d, k, ...].

    def sums(self, state: Any, moved: Any, mask: np.ndarray) -> Sums:
        """Of one batch of `Source.evaluation`, of members a list of n; the replicas divide it."""
        weights, (_, own) = (state.params, state.batch_stats), self.own
        return self._sums(weights, own, self.held, self._split(moved), self.replicas.split(mask))

    def _split(self, moved: Any) -> Any:
        """[d, b/d, ...], of members [d, n, b/d, ...]."""
        split = self.replicas.split
        return _join([split(own) for own in moved]) if self.members else split(moved)


class _Parts(NamedTuple):
    """What functions are made from; they are kept, so no data set is among it."""

    config: ConfigDict
    network: Any
    replicas: Replicas
    gather: Callable[[Any, Any], Batch]
    normalizer: normalize.Normalizer
    has_members: bool


def _training(parts: _Parts) -> tuple[Callable, Callable]:
    """(state, own, held, moved) -> (state, report [k]): of one step, and of k."""
    config, network, replicas, gather, shared, _ = parts

    def one(state: State, own: Any, held: Any, moved: Any) -> tuple[State, Report]:
        own_numbers, own_statistics = own
        mine = own_parts(config, own_numbers)
        normalizer = dataclasses.replace(shared, **own_statistics)

        def augmented(images: jax.Array, ids: jax.Array, key: jax.Array) -> jax.Array:
            section = config.data
            return augment.augment(images, ids, key, normalizer, section.augment, section.crop_pad)

        step = make_train_step(
            network,
            mine.optimizer,
            mine.schedule,
            augmented,
            replicas,
            mine.seed,
            config.log_every_steps,
            auxiliary_weight=config.model.auxiliary_weight,
            log_gradients=config.log_gradients,
            objective=training_objective(config.objective, config.label_smoothing),
            mix=functools.partial(mix.mix, mixup=config.data.mixup, cutmix=config.data.cutmix),
            micro_batches=config.micro_batches,
            average_decay=config.average_decay,
        )
        return step(state, gather(held, moved))

    advance: Callable = one
    if parts.has_members:
        advance = over_members(one, (True, True, False, True))

    def first(state: State, own: Any, held: Any, moved: Any) -> tuple[State, Report]:
        state, report = advance(state, own, held, moved)
        return state, jax.tree.map(lambda leaf: leaf[None], report)

    def many(state: State, own: Any, held: Any, moved: Any) -> tuple[State, Report]:
        return jax.lax.scan(lambda state, now: advance(state, own, held, now), state, moved)

    precise = precisely(config.model.matmul_precision)
    split, donate = (False, False, False, True), (0,)
    single = replicas.map(precise(first), split=split, donate=donate)
    return single, replicas.map(precise(many), split=split, donate=donate)


def _evaluation(parts: _Parts) -> Callable:
    """((params, batch_stats), own statistics, held, moved, mask) -> Sums."""
    config, network, replicas, gather, shared, _ = parts

    def sums(weights: Any, own: Any, held: Any, moved: Any, mask: jax.Array) -> Sums:
        normalizer = dataclasses.replace(shared, **own)
        score = make_eval_step(
            network,
            lambda images: normalize.prepare(images, normalizer),
            replicas,
            OBJECTIVES[config.objective],
        )
        params, batch_stats = weights
        return score(params, batch_stats, gather(held, moved), mask)

    scored: Callable = sums
    if parts.has_members:
        scored = over_members(sums, (True, True, False, True, False))
    precise = precisely(config.model.matmul_precision)
    return replicas.map(precise(scored), split=(False, False, False, True, True))


# Fields that say when or from where, and enter no function; nor does the seed, which is a number.
_OUTSIDE = {
    *("seed", "init_from", "init_extra", "steps_per_call", "checkpoint_every_steps"),
    *("eval_every_steps", "eval_batch_size", "checkpoints_to_keep", "probes", "probes_at_start"),
}
# Of an evaluation, all others but these are outside, too.
_EVALUATED = ("model.", "data.", "objective")


@dataclasses.dataclass(frozen=True)
class _Keyed:
    """Parts that are equal where their key is."""

    key: Hashable
    parts: _Parts = dataclasses.field(compare=False)


def _once(make: Callable[[_Parts], Any], parts: _Parts) -> Any:
    """`make(parts)`, one for all runs of a config in a process, of any seed, resumed or not."""
    fields = config_file.flatten(config_file.to_dict(parts.config))
    inside = [(name, str(value)) for name, value in fields if name not in _OUTSIDE]
    if make is _evaluation:
        inside = [field for field in inside if field[0].startswith(_EVALUATED)]
    arrays = map(np.asarray, (parts.normalizer.mean, parts.normalizer.scale))
    normalization = *((a.shape, a.tobytes()) for a in arrays), parts.normalizer.bgr
    key = tuple(inside), parts.network, parts.replicas, parts.gather, normalization
    return _made(make, _Keyed(key, parts))


@functools.lru_cache(maxsize=8)
def _made(make: Callable[[_Parts], Any], keyed: _Keyed) -> Any:
    return make(keyed.parts)


def _join(trees: Sequence[Any]) -> Any:
    """Of [d, ...] each, [d, number of them, ...]."""
    return jax.tree.map(lambda *leaves: np.stack(leaves, 1), *trees)
