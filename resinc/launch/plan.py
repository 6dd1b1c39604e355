"""What a sweep consists of: cells, and how they are made again from the sweep's folder alone."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from resinc import config as config_lib
from resinc.errors import InputError
from resinc.file_paths import show
from resinc.launch.ablation import Ablation
from resinc.launch.cell import Cell
from resinc.launch.experiment import load_experiment, settings
from resinc.runs.sweep import read_plan


class Plan(NamedTuple):
    """The cells, and what sweep.json says of them beside their list.

    Attributes:
      cells: as `run_sweep` takes them.
      about: "command", and either "ablation" or "experiment" and "settings"; "tags" and "note".
    """

    cells: list[Cell]
    about: dict[str, Any]

    def noted(self, tags: Sequence[str], note: str) -> "Plan":
        """With further tags, and another note where one is given."""
        all_tags = list(dict.fromkeys([*self.about.get("tags", ()), *tags]))
        given = {"tags": all_tags, "note": note or self.about.get("note", "")}
        return self._replace(about=self.about | {name: v for name, v in given.items() if v})


def of_experiment(path: str, given: Sequence[str], command: str) -> Plan:
    """The cells of an experiment's sweep() with settings such as "depths=20,56".

    Raises:
      InputError: as `load_experiment`, `settings` and the experiment itself.
    """
    experiment = load_experiment(path)
    cells = list(experiment.sweep(**settings(experiment.sweep, given)))
    return Plan(cells, {"command": command, "experiment": path, "settings": list(given)})


def of_axes(ablation: Ablation, command: str) -> Plan:
    """The cells of axes typed on the command line.

    Raises:
      InputError: as `Ablation.cells`.
    """
    ablation = _portable(ablation)
    return Plan(ablation.cells(), {"command": command, "ablation": ablation.to_json()})


def stored(root: Path) -> Plan:
    """The cells of the sweep that `root` holds, made anew.

    Raises:
      InputError: there is none, or it does not say what it consists of.
    """
    about = read_plan(root).about
    if not about:
        raise InputError(
            f"no sweep in {show(root)}: name an experiment file, or --config and every --axis"
        )
    if isinstance(about.get("ablation"), Mapping):
        return Plan(Ablation.from_json(about["ablation"]).cells(), about)
    if "experiment" in about and "settings" in about:
        plan = of_experiment(about["experiment"], about["settings"], "")
        return plan._replace(about=about)
    raise InputError(
        f"the sweep in {show(root)} does not say what it consists of: name its experiment file "
        "with the same --set, or --config and every --axis"
    )


def noted_before(root: Path) -> dict[str, Any]:
    """Tags and note of the sweep that `root` holds; {} of none."""
    about = read_plan(root).about
    return {name: about[name] for name in ("tags", "note") if name in about}


def _portable(ablation: Ablation) -> Ablation:
    """With a recipe that is found from any folder."""
    path, argument = config_lib.split(ablation.config)
    place = config_lib.find_recipe(path).resolve()
    own = place.is_relative_to(config_lib.ROOT)
    recipe = str(place.relative_to(config_lib.ROOT) if own else place)
    config = recipe if argument is None else f"{recipe}:{argument}"
    return Ablation(**ablation.to_json() | {"config": config})
