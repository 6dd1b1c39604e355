"""Weights of other frameworks into a run folder, and out of one."""

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import jax
from ml_collections import ConfigDict

from resinc import config as config_file
from resinc.errors import InputError
from resinc.registry import lookup
from resinc.runs.config import training_config, write_config
from resinc.runs.lock import held, is_of_lock
from resinc.runs.provenance import write_origin
from resinc.runs.status import write_status
from resinc.train.assemble import assemble, count
from resinc.train.checkpoints.checkpoint import Checkpoints
from resinc.train.checkpoints.restore import read_weights
from resinc.train.distributed.parallel import all_devices
from resinc.train.recording import provenance
from resinc.train.start import normalization
from resinc.train.start.initial import Initial, fit, shapes, start_state
from resinc.weights import files
from resinc.weights.finite import refuse_non_finite
from resinc.weights.layout import KERAS, Layout, check_model
from resinc.weights.layouts import LAYOUTS, guess
from resinc.weights.match import convert, match
from resinc.weights.variables import Flat, flatten


class Moved(NamedTuple):
    """What was imported or exported."""

    layout: str
    arrays: int
    parameters: int  # Trainable scalars.
    message: str  # What was left to the seed, one line, or "".
    notes: tuple[str, ...] = ()  # What else the user should know, a line each.


def import_weights(
    file: Path,
    config: ConfigDict,
    layout_name: str,
    folder: Path,
    new_head: bool = False,
    own_normalization: bool = False,
    key: str = "",
) -> Moved:
    """Write a run that is done at step 0, with the weights of a file.

    Auxiliary classifiers that the file has not at all are drawn from `config.seed`: they take part
    in training alone, and published files often leave them out.

    Args:
      file: see `resinc.weights.files.read`.
      config: a filled `configs.base` schema, of the network and the data set it is for.
      layout_name: a key of `resinc.weights.layouts.LAYOUTS`, or "" to tell it from the names.
      folder: workdir of the run, new or empty.
      new_head: draw the head from the seed where the file's has other classes, or none.
      own_normalization: keep the config's, though weights of this layout were trained with another.
      key: where in a file of PyTorch the state dict lies; "": is searched.

    Raises:
      InputError: the config, the file or the folder cannot be used, or the weights are not finite
        or do not fit the network; nothing was written.
    """
    setup = assemble(config, all_devices())
    like = shapes(setup)
    ours = flatten(like)
    content = files.read(file, key)
    arrays = content.arrays
    name = layout_name or guess(arrays)
    layout = lookup(LAYOUTS, name, "layout")
    check_model(name, layout, config.model)
    what = f"{str(file)!r} in layout {name!r}"
    matched = match(layout, arrays, ours)
    afresh, message = fit(setup, matched, ours, what, new_head, auxiliary=True)
    _refuse_unusable(content, layout, ours, file)
    theirs = normalization.of_file(content.about, name, layout.normalize)
    config, note = (
        normalization.adopt(config, theirs, own_normalization) if theirs else (config, "")
    )
    source = {
        "file": str(file),
        "file_sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "layout": name,
    }
    state, source = start_state(setup, Initial(like, matched.found, afresh, message, source))
    parameters = sum(leaf.size for leaf in jax.tree.leaves(state.params))
    origin = provenance.collect(
        {"name": config.data.name}, setup.replicas.count, parameters, count(setup)
    )
    origin["imported"] = source
    with held(folder):
        if not all(is_of_lock(path.name) for path in folder.iterdir()):
            raise InputError(f"workdir {str(folder)!r} is not empty: import into a new one")
        _write_run(folder, state, config, origin)
    notes = (*content.notes, note) if note else content.notes
    return Moved(name, len(matched.found), parameters, message, notes)


def _refuse_unusable(content: files.Content, layout: Layout, ours: Flat, file: Path) -> None:
    """Raise where an array is no table of finite floating numbers; named as in the file."""
    given = layout.rename(content.arrays)
    paths = {layout.name(path, ours): path for path in ours}
    here = {content.names[name]: paths.get(given.get(name, name)) for name in content.arrays}
    in_file = {content.names[name]: array for name, array in content.arrays.items()}
    for name, array in in_file.items():
        if here[name] and array.dtype.kind != "f":
            raise InputError(
                f"{str(file)!r}: {name} ({here[name]} here) is of type {array.dtype}, and weights "
                "are floating numbers: save it as float32"
            )
    refuse_non_finite(in_file, repr(str(file)), {n: path for n, path in here.items() if path})


def _write_run(folder: Path, state: Any, config: ConfigDict, origin: dict[str, Any]) -> None:
    checkpoints = Checkpoints(folder)
    checkpoints.save(state, config_file.to_dict(config), origin, None)
    checkpoints.wait()
    checkpoints.close()
    write_origin(folder, origin)
    write_status(folder, "done", 0, 0, 0.0, f"imported from {origin['imported']['file']}")
    # Last: without it there is no run.
    write_config(folder, config)


def export_weights(
    folder: Path, which: str, layout_name: str, out: Path, average: bool = False
) -> Moved:
    """Write a checkpoint's params and running statistics as safetensors.

    Args:
      folder: workdir of the run.
      which: "latest", "best" (on validation) or a step.
      layout_name: "resinc", or a PyTorch layout of `resinc.weights.layouts.LAYOUTS`.
      out: ends in .safetensors.
      average: of the average of the weights.

    Raises:
      InputError: no such run, checkpoint or layout, the run's network is not of that layout, or
        its weights are not finite.
    """
    config = training_config(folder)
    layout = lookup(LAYOUTS, layout_name, "layout")
    if layout.dialect is KERAS:
        writable = [name for name, entry in LAYOUTS.items() if entry.dialect is not KERAS]
        raise InputError(
            f"layout {layout_name!r} can be imported only: the choices are {', '.join(writable)}"
        )
    check_model(layout_name, layout, config.model)
    step, variables = read_weights(folder, which, average)
    ours = flatten(variables)
    arrays = convert(layout, ours)
    about = {
        # What readers of safetensors expect there: whose tensors these are.
        "format": "flax" if layout.dialect is None else "pt",
        "layout": layout_name,
        "step": str(step),
        "config": json.dumps(config_file.to_dict(config), sort_keys=True),
    }
    files.write(out, arrays, about)
    parameters = sum(leaf.size for path, leaf in ours.items() if path.startswith("params/"))
    return Moved(layout_name, len(arrays), parameters, "")
