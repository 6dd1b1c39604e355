"""Where a run starts: its own newest checkpoint, another run's weights, or the seed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax

from resinc import config as config_file
from resinc.data.spec import DATASETS
from resinc.errors import InputError
from resinc.runs.provenance import read_origin, starts_of
from resinc.train.assemble import Setup, count
from resinc.train.checkpoints.restore import Resumed, newest_whole
from resinc.train.recording import provenance
from resinc.train.replica.state import State, init_state
from resinc.train.start.initial import Initial, start_state


class Start(NamedTuple):
    """What the loop goes on from; nothing of it is written yet."""

    state: State
    step: int
    provenance: dict[str, Any]  # Of the run, this start included.
    damaged: dict[int, str]  # Step -> why, of checkpoints to be set aside.
    messages: tuple[str, ...]  # What the user should know, a line each.

    def within(self, pack: Sequence[str]) -> dict[str, Any]:
        """The provenance, where runs of these folders are trained in one program."""
        *before, this = self.provenance["starts"]
        return self.provenance | {"starts": [*before, this | {"pack": list(pack)}]}


def find_start(
    setup: Setup,
    initial: Initial | None,
    folder: Path,
    ignore: tuple[str, ...],
) -> Start:
    """Compute the state to go on from; compiles, and writes nothing.

    Args:
      setup: of the run.
      initial: weights to start from, where the run has no checkpoint yet.
      folder: workdir of the run.
      ignore: dotted fields in which the config of a checkpoint may differ.

    Raises:
      InputError: the checkpoints there are damaged, of another run, or of another number of
        replicas.
    """
    config, before = setup.config, read_origin(folder)
    if initial:
        state, source = start_state(setup, initial)
        return _start(setup, state, before | {"init_from": source}, [initial.message])

    def drawn() -> State:
        shape, averaged = setup.dataset.spec.image_shape, config.average_decay > 0
        return init_state(setup.network, setup.optimizer, shape, config.seed, averaged)

    # To read a checkpoint, shapes are enough: nothing is compiled for them.
    like, data = jax.eval_shape(drawn), setup.dataset.provenance()
    resumed = newest_whole(folder, like, config_file.to_dict(config), data, ignore)
    if resumed is None:
        return _start(setup, drawn(), before, [])
    step, damaged = int(resumed.state.step), resumed.damaged
    about: dict[str, Any] = {"step": step}
    if changed := replica_change(setup, resumed):
        about["replicas_before"] = changed
    if damaged:
        about["damaged_checkpoints"] = {str(number): why for number, why in damaged.items()}
    messages = [f"resumed at step {step} of {config.steps}"]
    messages += [
        f"checkpoint {number} cannot be read ({why}): moved to {folder / 'damaged'}"
        for number, why in sorted(damaged.items())
    ]
    # What a checkpoint knows, where the file was lost.
    before = before or resumed.provenance
    return _start(setup, resumed.state, before, messages, damaged, about)


def _start(
    setup: Setup,
    state: State,
    before: Mapping[str, Any],
    messages: Sequence[str],
    damaged: Mapping[int, str] | None = None,
    about: Mapping[str, Any] | None = None,
) -> Start:
    """`before`: the provenance until now; `about`: what else there is to say of this start."""
    dataset, config = setup.dataset, setup.config
    if config.data.name not in DATASETS:  # The recipe cannot know how many images there are.
        spec = dataset.spec
        size = spec.train_size - spec.validation_size
        messages = [
            *messages,
            f"{size:,} images of {spec.num_classes:,} classes to train on, {spec.test_size:,} to "
            f"test: {config.steps * config.batch_size / size:,.1f} epochs",
        ]
    origin = provenance.collect(
        dataset.provenance(),
        setup.replicas.count,
        sum(leaf.size for leaf in jax.tree.leaves(state.params)),
        count(setup),
        before=before,
        **(about or {}),
    )
    # Of how many classes chance is, a report asks of a run that diverged.
    origin["classes"] = dataset.spec.num_classes
    return Start(state, int(state.step), origin, dict(damaged or {}), tuple(messages))


def replica_change(setup: Setup, resumed: Resumed) -> int:
    """The number of replicas before, where it is another now; else 0.

    Raises:
      InputError: it would change what is trained, and the config does not allow it.
    """
    before, now = starts_of(resumed.provenance)[-1].get("replicas"), setup.replicas.count
    if before in (None, now):
        return 0
    model = setup.config.model
    own_statistics = jax.tree.leaves(resumed.state.batch_stats) and not model.sync_batch_norm
    if own_statistics and not setup.config.parallel.allow_replica_change:
        raise InputError(
            f"this run had {before} replica{'s' * (before > 1)} up to step "
            f"{int(resumed.state.step)} and would now have {now}: BatchNorm is per replica, so it "
            "would go on with batches of another size; start it on as many devices as before, or "
            "say --config.parallel.allow_replica_change=true, which is recorded"
        )
    return int(before)
