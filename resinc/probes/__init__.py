"""Read-only measurements of a network at a step. To add one: its file, and its line here.

A probe is a module with `check(section)`, which refuses a `config.model` that it cannot measure,
and `measure(subject)`, which returns what JSON can hold. `config.probes` names those that a run
takes after its last step, `config.probes_at_start` before its first.
"""

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from resinc.probes import (
    branches,
    gradient_correlation,
    jacobian,
    lesions,
    path_lengths,
    responses,
    running_statistics,
    shortcut_share,
)
from resinc.probes.subject import Subject
from resinc.registry import lookup

__all__ = ["PROBES", "Subject", "check_probes"]

PROBES: dict[str, ModuleType] = {
    "branches": branches,
    "gradient_correlation": gradient_correlation,
    "jacobian": jacobian,
    "lesions": lesions,
    "path_lengths": path_lengths,
    "responses": responses,
    "running_statistics": running_statistics,
    "shortcut_share": shortcut_share,
}


def check_probes(names: Sequence[str], section: Any) -> None:
    """Check that the network of a `config.model` section can be so measured.

    Raises:
      InputError: an unknown probe, or one that does not fit the network.
    """
    for name in names:
        lookup(PROBES, name, "probe").check(section)
