"""Members: runs that one program trains at once, because they differ in numbers alone.

One small network leaves a large device idle. n of them are an axis outside of the step: whatever a
network does, it does for one member.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import jax
import numpy as np
import optax
from ml_collections import ConfigDict

from resinc import config as config_file
from resinc.data.on_device.normalize import Normalizer
from resinc.data.source import Source
from resinc.errors import InputError
from resinc.train.replica.optimizer import Schedule, make_optimizer, make_schedule

# Numbers that enter the step, and no shape nor branch.
NUMBERS = {
    "seed": np.uint32,
    "optimizer.lr": np.float32,
    "optimizer.momentum": np.float32,
    "optimizer.weight_decay": np.float32,
}
# What may differ between members; the last says which examples of the set they see.
FIELDS = (*NUMBERS, "data.split_seed")


class Own(NamedTuple):
    """What a member does not share with the others."""

    seed: int | jax.Array
    schedule: Schedule
    optimizer: optax.GradientTransformation


def shared(config: ConfigDict) -> dict[str, Any]:
    """{dotted field: value} of what members have in common: all but FIELDS."""
    flat = config_file.flatten(config_file.to_dict(config))
    return {field: value for field, value in flat if field not in FIELDS}


def check_alike(configs: Sequence[ConfigDict]) -> None:
    """Check that runs can be members of one program.

    Raises:
      InputError: they differ in more than FIELDS.
    """
    ignore = (*config_file.NOT_COMPARED, *FIELDS)
    for other in configs[1:]:
        differing = config_file.differences(configs[0], other, ignore)
        if differing:
            raise InputError(
                f"runs of one program may differ in {', '.join(FIELDS)}; these differ in "
                + "; ".join(differing)
            )


def numbers(configs: Sequence[ConfigDict]) -> dict[str, np.ndarray]:
    """{field: [n]} of the seed, and of those NUMBERS in which members differ.

    Other numbers that they share stay constants of the program, as they are in that of a single
    run. The seed is none of these either, so that one program serves all seeds.
    """
    flat = [dict(config_file.flatten(config)) for config in configs]
    values = {
        field: [np.asarray(config[field], kind) for config in flat]
        for field, kind in NUMBERS.items()
    }
    return _differing(values) | {"seed": np.stack(values["seed"])}


def statistics(normalizers: Sequence[Normalizer]) -> dict[str, np.ndarray]:
    """{"mean" or "scale": [n, h, w, c]} where members differ: each has those of its examples."""
    return _differing(
        {name: [getattr(each, name) for each in normalizers] for name in ("mean", "scale")}
    )


def _differing(values: Mapping[str, Sequence[np.ndarray]]) -> dict[str, np.ndarray]:
    return {
        name: np.stack(each)
        for name, each in values.items()
        if any(np.any(value != each[0]) for value in each)
    }


def own_parts(config: ConfigDict, own: Mapping[str, Any]) -> Own:
    """Seed, schedule and optimizer of a config in which the fields of `own` are replaced.

    Args:
      config: of any member.
      own: field -> number, also a traced one.
    """
    replaced = {name.partition(".")[2]: value for name, value in own.items() if "." in name}
    section = SimpleNamespace(**(config.optimizer.to_dict() | replaced))
    schedule = make_schedule(config.schedule, section.lr, config.steps)
    return Own(own.get("seed", config.seed), schedule, make_optimizer(section, schedule))


def all_at_once(function: Callable, mapped: Sequence[bool]) -> Callable:
    """`function` for n members, by vmap; arguments that are `mapped` carry a leading [n] axis."""
    return jax.vmap(function, tuple(0 if m else None for m in mapped))


def in_turn(function: Callable, mapped: Sequence[bool]) -> Callable:
    """The same, one member after the other in a loop: with the weights of a single run.

    To the bit; XLA may round running statistics otherwise than outside of a loop, by 1e-7.

    On a CPU there is nothing to win by more at once, and a convolution of n kernels, which vmap
    makes, has no fast form there.
    """

    def looped(*args: Any) -> Any:
        def one(own: tuple[Any, ...]) -> Any:
            rest = iter(own)
            return function(*(next(rest) if m else a for a, m in zip(args, mapped, strict=True)))

        return jax.lax.map(one, tuple(a for a, m in zip(args, mapped, strict=True) if m))

    return looped


def over_members(function: Callable, mapped: Sequence[bool]) -> Callable:
    """`all_at_once`, or on a CPU `in_turn`."""
    form = in_turn if jax.default_backend() == "cpu" else all_at_once
    return form(function, mapped)


def stacked(trees: Sequence[Any]) -> Any:
    """Pytrees of n members -> one whose leaves are [n, ...]."""
    return jax.tree.map(lambda *leaves: np.stack(leaves), *jax.device_get(list(trees)))


def member(tree: Any, index: int | None) -> Any:
    """The pytree of one member, of host arrays; None: there is one run, and it is all its own."""
    # 0-d leaves stay arrays, which checkpoints are made of.
    return tree if index is None else jax.tree.map(lambda leaf: leaf[index, ...], tree)


def batches(sources: Sequence[Source], step: int) -> Any:
    """What moves for a step, a list of n; of one run, what its source gives."""
    return _listed([source.batch(step) for source in sources])


def evaluation(
    sources: Sequence[Source], split: str, batch_size: int
) -> Iterator[tuple[Any, np.ndarray]]:
    """(what moves, as `batches`, mask bool [b]) of batches that hold every example once."""
    for each in zip(*(source.evaluation(split, batch_size) for source in sources), strict=True):
        yield _listed([moved for moved, _ in each]), each[0][1]


def _listed(each: list[Any]) -> Any:
    return each if len(each) > 1 else each[0]
