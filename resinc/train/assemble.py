"""What a config builds before there is any data or state; every field is checked here."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import optax
from ml_collections import ConfigDict, FrozenConfigDict

from resinc import config as config_file
from resinc import networks
from resinc.cost.count import network_cost
from resinc.data.dataset import Dataset, find
from resinc.data.on_device import augment
from resinc.data.on_device.mix import check_mix
from resinc.data.spec import Spec
from resinc.errors import InputError
from resinc.ops.loss import OBJECTIVES
from resinc.probes import check_probes
from resinc.registry import lookup
from resinc.train.compiled.members import check_alike
from resinc.train.distributed.parallel import AXIS, Replicas, make_replicas
from resinc.train.replica.micro_batches import check_micro_batches
from resinc.train.replica.optimizer import Schedule, make_optimizer, make_schedule
from resinc.xla import check_sums


class Setup(NamedTuple):
    """The parts of a run that follow from its config alone."""

    config: ConfigDict
    replicas: Replicas
    network: Any
    schedule: Callable
    optimizer: Any
    dataset: Dataset  # Found, not read.


def assemble(
    config: ConfigDict, replicas: Replicas | None = None, dataset: Dataset | None = None
) -> Setup:
    """Build and check everything that needs neither an example nor a compiler.

    Args:
      config: a filled `configs.base` schema.
      replicas: instead of those that training takes, where nothing is trained.
      dataset: instead of the one that the config names, where no example is needed.

    Raises:
      InputError: a field out of its range; says which, its value and the rule. Or JAX computes
        wrong sums here, or image files are not where they should be.
    """
    config_file.check(config, recipe="base.py")
    check_sums()
    dataset = dataset or find(config.data)
    spec = dataset.spec
    network = _network(FrozenConfigDict(config.model), spec.num_classes)
    _check_objective(config, network, spec)
    probes = (*config.probes, *config.probes_at_start)
    check_probes(probes, config.model)
    if probes and not spec.test_size:
        raise InputError(f"probes {probes} measure on test images too, and {spec.name!r} has none")
    h, w, _ = spec.image_shape
    if augment.AUGMENTATIONS[config.data.augment].crop and config.data.crop_pad >= min(h, w):
        raise InputError(
            f"data.crop_pad {config.data.crop_pad} is not below the {h}x{w} pixels of "
            f"{spec.name!r}: some crops would be nothing but padding"
        )
    sections = FrozenConfigDict(config.schedule), FrozenConfigDict(config.optimizer)
    schedule, optimizer = _descent(*sections, config.steps)
    if replicas is None:
        parallel = config.parallel
        replicas = make_replicas(parallel.backend, parallel.replicas, config.batch_size)
        each = config.batch_size // replicas.count
        check_mix(config.data.mixup, config.data.cutmix, each)
        check_micro_batches(config.micro_batches, each)
    return Setup(config, replicas, network, schedule, optimizer, dataset)


def assemble_alike(configs: Sequence[ConfigDict]) -> list[Setup]:
    """Of runs that one program trains; those that hold out the same examples share their data.

    Raises:
      InputError: as `assemble`, or they differ in more than `members.FIELDS`.
    """
    check_alike(configs)
    setups = [assemble(config) for config in configs]
    # Each split is then read once.
    datasets = {setup.config.data.split_seed: setup.dataset for setup in setups}
    return [setup._replace(dataset=datasets[setup.config.data.split_seed]) for setup in setups]


# One object for equal sections: what JAX traces and compiles of them, it keeps under the object.
@functools.lru_cache(maxsize=64)
def _network(section: FrozenConfigDict, num_classes: int) -> Any:
    return networks.build(section, num_classes, AXIS)


@functools.lru_cache(maxsize=64)
def _descent(
    schedule_section: FrozenConfigDict, section: FrozenConfigDict, steps: int
) -> tuple[Schedule, optax.GradientTransformation]:
    schedule = make_schedule(schedule_section, section.lr, steps)
    return schedule, make_optimizer(section, schedule)


def _check_objective(config: ConfigDict, network: Any, spec: Spec) -> None:
    """Compare what the network puts out for an image with what the objective needs; traced."""
    objective = lookup(OBJECTIVES, config.objective, "objective")
    for field in ("label_smoothing", "data.mixup", "data.cutmix"):
        value = dict(config_file.flatten(config))[field]
        if value and config.objective != "classify":
            raise InputError(f"{field} {value} needs labels, and {config.objective!r} has none")
    output = _cost(network, spec.image_shape).output
    wanted = objective.output(spec.image_shape, spec.num_classes)
    if output != wanted:
        raise InputError(
            f"objective {config.objective!r} needs an output {list(wanted)} for an image "
            f"{list(spec.image_shape)}, but network {config.model.name!r} gives "
            f"{list(output)}"
        )


def count(setup: Setup) -> int:
    """Multiply-adds of the network for one image of the data set; traced, not compiled."""
    return _cost(setup.network, setup.dataset.spec.image_shape).multiply_adds


# Asked twice of each run: for what it puts out, and for its multiply-adds.
_cost = functools.lru_cache(maxsize=64)(network_cost)
