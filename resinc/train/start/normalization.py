"""Which normalisation of the input belongs to weights that come from elsewhere."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from resinc.data.on_device.normalize import check_fixed, check_normalization
from resinc.data.spec import DATASETS, channels
from resinc.errors import InputError

FIELDS = "normalize", "mean", "std"
MEASURED = "pixel_mean", "channel"


class Normalization(NamedTuple):
    """How weights were trained.

    Attributes:
      fields: of `config.data`: FIELDS.
      dataset: whose training split was measured; "" where that is not known or plays no part.
      whose: for the message, e.g. "the run that this file was exported from".
    """

    fields: dict[str, Any]
    dataset: str
    whose: str


def of_config(config: Mapping[str, Any] | ConfigDict, whose: str) -> Normalization:
    """That of a run; a config of before a field was new has its default."""
    section = config["data"]
    mean, std = (tuple(section.get(field, ())) for field in FIELDS[1:])
    fields = {"normalize": section["normalize"], "mean": mean, "std": std}
    return Normalization(fields, section["name"], whose)


def of_file(about: Mapping[str, str], layout: str, habit: str) -> Normalization | None:
    """That of a weight file: the run's that it was exported from, else its layout's habit.

    Args:
      about: metadata of the file, as `resinc export` writes them, or none.
      layout: its name.
      habit: `Layout.normalize`.
    """
    try:
        return of_config(json.loads(about["config"]), "the run that this file was exported from")
    except (KeyError, TypeError, ValueError, AttributeError):
        pass  # Not ours.
    if not habit:
        return None
    fields = {"normalize": habit, "mean": (), "std": ()}
    return Normalization(fields, "", f"the published weights of layout {layout}")


def adopt(config: ConfigDict, theirs: Normalization, given: bool) -> tuple[ConfigDict, str]:
    """The config under which the weights compute what they were trained to.

    Args:
      config: of the run that gets them.
      theirs: how they were trained.
      given: whether the user has chosen the config's normalisation by name: it then stays.

    Returns:
      The config, locked, and a line that says what differs, or "".
    """
    ours = of_config(config, "")
    if _same(ours, theirs):
        return config, ""
    trained = f"{theirs.whose} had data.normalize {_shown(theirs)}"
    if given:
        return config, f"data.normalize stays {_shown(ours)} as given; {trained}"
    try:
        kind, mean, std = theirs.fields.values()
        check_normalization(kind, mean, std, channels(config.data.name))
        if config.data.name not in DATASETS:
            check_fixed(kind, config.data.name)
    except InputError as error:
        return config, f"data.normalize stays {_shown(ours)}; {trained}, but {error}"
    if theirs.fields == ours.fields:  # Measured, on another set, which is not here.
        return config, f"data.normalize stays {_shown(ours)}; {trained}"
    changed = config.copy_and_resolve_references()
    with changed.unlocked():
        changed.data.update(theirs.fields)
    now = of_config(changed, "")
    return changed.lock(), (
        f"data.normalize is set to {_shown(now)} instead of {_shown(ours)}: {trained}; "
        "--config.data.normalize=NAME chooses another"
    )


def difference(config: ConfigDict, theirs: Normalization) -> str:
    """A line where weights go on under another normalisation than their own, or ""."""
    ours = of_config(config, "")
    if _same(ours, theirs):
        return ""
    return f"{theirs.whose} had data.normalize {_shown(theirs)}, this run has {_shown(ours)}"


def _same(one: Normalization, other: Normalization) -> bool:
    measured = one.fields["normalize"] in MEASURED
    return one.fields == other.fields and (not measured or one.dataset == other.dataset)


def _shown(it: Normalization) -> str:
    kind, mean, std = it.fields.values()
    if kind == "given":
        return f"'given' (mean {mean}, std {std})"
    return f"{kind!r} of {it.dataset}" if kind in MEASURED and it.dataset else repr(kind)
