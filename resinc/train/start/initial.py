"""Weights that a run starts from instead of drawing them: `config.init_from`, or a file."""

from pathlib import Path
from typing import Any, NamedTuple

import jax

from resinc import networks
from resinc.errors import InputError
from resinc.networks.variables import variable_shapes
from resinc.runs import init_from
from resinc.runs.config import training_config
from resinc.runs.init_from import InitFrom
from resinc.runs.provenance import read_origin
from resinc.runs.shape import fits
from resinc.train.assemble import Setup
from resinc.train.checkpoints.checkpoint import Checkpoints
from resinc.train.checkpoints.restore import read_weights
from resinc.train.distributed.parallel import AXIS
from resinc.train.replica.state import State, draw, first_state
from resinc.train.start import normalization
from resinc.train.start.grow import identity_blocks
from resinc.weights.layouts import OWN
from resinc.weights.match import Match, match, refuse
from resinc.weights.variables import Flat, checksum, flatten, nest

# Modules that only training runs; the networks name them so.
_AUXILIARY = "params/aux", "batch_stats/aux"


class Initial(NamedTuple):
    """Weights that fit a network, before there is a state.

    Attributes:
      like: the network's variables as shapes.
      found: our path -> array.
      afresh: our paths that the seed fills in.
      message: what the user should know, one line.
      source: where they are from, for provenance.json.
    """

    like: dict[str, Any]
    found: Flat
    afresh: tuple[str, ...]
    message: str
    source: dict[str, Any]


def from_run(setup: Setup, source: InitFrom | None = None) -> Initial:
    """The weights that `source`, else `config.init_from`, names; compiles and writes nothing.

    A head of another number of classes is left to the seed; `config.init_extra` says what becomes
    of blocks that the other network has not.

    Raises:
      InputError: no such run or checkpoint, weights that are damaged or not finite, or any other
        difference in names or shapes.
    """
    named = setup.config.init_from
    folder, which = source or init_from.typed(named)
    try:
        theirs = training_config(folder)
        step, variables = read_weights(folder, which)
    except InputError as error:
        raise InputError(f"init_from {named!r}: {error}") from None
    there = flatten(variables)
    like = shapes(setup)
    ours = flatten(like)
    matched = match(OWN, there, ours)
    grown, rest = _extra(setup, matched, there, ours)
    missing = {p: n for p, n in matched.missing.items() if p not in grown and p not in rest}
    matched = matched._replace(found=matched.found | grown, missing=missing)
    afresh, message = fit(setup, matched, ours, f"init_from {named!r}", new_head=True)
    afresh += rest
    differs = normalization.difference(
        setup.config, normalization.of_config(theirs, "the run that they are from")
    )
    message = "; ".join(filter(None, (f"starts from step {step} of {folder}", message, differs)))
    origin = {"folder": str(folder), "step": step, "source_sha256": checksum(there)}
    return Initial(like, matched.found, afresh, message, origin)


def check_source(source: InitFrom, workdir: Path) -> bool:
    """Compare what a run would start from with what it did start from, by content.

    Args:
      source: as it is named now.
      workdir: of the run, begun or not.

    Returns:
      Whether the weights are there and the same; False where it cannot be told.

    Raises:
      InputError: the checkpoint named now holds other weights.
    """
    begun_from = read_origin(workdir).get("init_from")
    if begun_from is None or not fits(begun_from, {"source_sha256": str, "step": int}):
        return False
    sha256, step = begun_from["source_sha256"], begun_from["step"]
    # By "latest" or "best" the run meant the checkpoint of that day.
    which = source.which if source.which.isdigit() else str(step)
    if int(which) not in Checkpoints(source.folder, read_only=True).steps():
        return False
    try:
        _, variables = read_weights(source.folder, which)
    except InputError:
        return False  # Damaged since; the run may have checkpoints of its own.
    now = checksum(flatten(variables))
    if now != sha256:
        raise InputError(
            f"step {which} of {str(source.folder)!r} holds other weights than those that "
            f"{str(workdir)!r} started from (sha256 {now[:12]} instead of {sha256[:12]}): name the "
            "run it started from, or choose another workdir"
        )
    return True


def _extra(setup: Setup, matched: Match, there: Flat, ours: Flat) -> tuple[Flat, tuple[str, ...]]:
    """Arrays of blocks that the other network has not, and paths of theirs that the seed draws."""
    extra = setup.config.init_extra
    if not extra:
        return {}, ()
    if extra != "identity":
        raise InputError(f"init_extra {extra!r} is neither 'identity' nor empty")
    grown = identity_blocks(matched.missing, there, ours, setup.config.model.block)
    blocks = {path.split("/", 1)[1].rsplit("/", 2)[0] for path in grown}
    rest = tuple(
        path
        for path in matched.missing
        if path not in grown and path.split("/", 1)[1].rsplit("/", 2)[0] in blocks
    )
    return grown, rest


def start_state(setup: Setup, initial: Initial) -> tuple[State, dict[str, Any]]:
    """The state at step 0, and what provenance.json says of it: source and checksum of the whole.

    Compiles the initialiser only where something is left to the seed.
    """
    flat: Flat = dict(initial.found)
    if initial.afresh:

        def keep(variables: dict[str, Any]) -> Flat:
            fresh = flatten(variables)
            return {path: fresh[path] for path in initial.afresh}

        drawn = draw(setup.network, setup.dataset.spec.image_shape, setup.config.seed, keep)
        flat |= jax.device_get(drawn)
    variables = nest(flat, initial.like)
    averaged = setup.config.average_decay > 0
    state = first_state(variables["params"], variables["batch_stats"], setup.optimizer, averaged)
    return state, initial.source | {"sha256": checksum(flat)}


def shapes(setup: Setup) -> dict[str, Any]:
    """{"params", "batch_stats"} of the run's network, as `jax.ShapeDtypeStruct`.

    Raises:
      InputError: the network does not take images of the size of the data set's.
    """
    return variable_shapes(setup.network, setup.dataset.spec.image_shape)


def fit(
    setup: Setup, matched: Match, ours: Flat, what: str, new_head: bool, auxiliary: bool = False
) -> tuple[tuple[str, ...], str]:
    """Decide which of our arrays may be left to the seed, and refuse any other difference.

    Args:
      setup: of the run.
      matched: what there is.
      ours: path -> shape of our variables.
      what: was read, for the message.
      new_head: whether a head of another number of classes, or none, is one of them.
      auxiliary: whether auxiliary classifiers that are not there at all are.

    Returns:
      Their paths, and one line that says so, or "".

    Raises:
      InputError: the rest does not fit.
    """
    afresh: list[str] = []
    messages: list[str] = []
    if auxiliary:
        heads = {path.split("/")[1] for path in matched.missing if path.startswith(_AUXILIARY)}
        heads -= {path.split("/")[1] for path in (*matched.found, *matched.misshaped)}
        absent = [path for path in matched.missing if path.split("/")[1] in heads]
        if absent:
            afresh += absent
            messages.append(f"{', '.join(sorted(heads))} not there, drawn from the seed")
    axes = class_axes(setup, ours) if new_head and (matched.misshaped or matched.missing) else {}
    if axes and _differ_in_classes_alone(matched, ours, axes):
        afresh += [path for path in axes if path not in afresh]
        names = ", ".join(path.removeprefix("params/") for path in axes)
        misshaped = matched.misshaped
        sizes = sorted({misshaped[p].turned[axis] for p, axis in axes.items() if p in misshaped})
        there = f"{', '.join(map(str, sizes))} classes" if sizes else "none"
        messages.append(
            f"{names} drawn from the seed: {there} there, {setup.dataset.spec.num_classes} here"
        )
    rest = matched._replace(
        missing={p: name for p, name in matched.missing.items() if p not in afresh},
        misshaped={p: other for p, other in matched.misshaped.items() if p not in afresh},
    )
    refuse(rest, ours, what)
    return tuple(afresh), "; ".join(messages)


def class_axes(setup: Setup, ours: Flat) -> dict[str, int]:
    """Our paths whose shape follows the number of classes -> the axis that does.

    Found by building the network for one class more, so that no network has to declare its head.
    """
    spec = setup.dataset.spec
    other = networks.build(setup.config.model, spec.num_classes + 1, AXIS)
    more = flatten(variable_shapes(other, spec.image_shape))
    return {
        path: next(i for i, n in enumerate(leaf.shape) if n != more[path].shape[i])
        for path, leaf in ours.items()
        if leaf.shape != more[path].shape
    }


def _differ_in_classes_alone(matched: Match, ours: Flat, axes: dict[str, int]) -> bool:
    def same_but_classes(path: str, turned: tuple[int, ...]) -> bool:
        axis, shape = axes[path], ours[path].shape
        return (*turned[:axis], *turned[axis + 1 :]) == (*shape[:axis], *shape[axis + 1 :])

    heads = [path for path in axes if path in matched.misshaped or path in matched.missing]
    return bool(heads) and all(
        same_but_classes(path, other.turned)
        for path, other in matched.misshaped.items()
        if path in axes
    )
