"""What torch.save has written -> name -> array; nothing in it is run."""

import argparse
import collections
import contextlib
import pathlib
import re
import types
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from resinc.errors import InputError

# What training scripts call the weights that were trained, in the dict that they save.
_KNOWN = {"state_dict", "model_state_dict", "model_state", "net_state_dict", "model_weights"}
_KNOWN |= {"model", "net", "network", "module", "weights", "params"}
# Averages over the steps: another network.
_AVERAGE = re.compile(r"(^|_)(ema|swa|averaged|shadow)($|_)")
_DEPTH = 5


def read_torch(torch: Any, path: pathlib.Path, key: str = "") -> tuple[dict[str, Any], str]:
    """The tensors of a file by name, and a line that says which set of several was taken, or "".

    Args:
      torch: the package.
      path: a file of torch.save.
      key: where in the file the state dict lies, e.g. "model_ema" or "models.0"; "": is searched.

    Raises:
      InputError: it cannot be read without running code, is cut off, holds no state dict, or
        several of which none is the one that was trained.
    """
    what = repr(str(path))
    tables = _tables(torch, _load(torch, path))
    if not tables:
        raise InputError(f"{what} holds no state dict: no table of named tensors is in it")
    if key:
        if key not in tables:
            raise InputError(f"{what} has no state dict at --key={key}: {_shown(tables)}")
        return tables[key], ""
    if len(tables) == 1:
        return next(iter(tables.values())), ""
    trained = [
        place
        for place in tables
        if place.split(".")[-1] in _KNOWN and not any(map(_AVERAGE.search, place.split(".")))
    ]
    if len(trained) != 1:
        raise InputError(
            f"{what} holds several state dicts, {_shown(tables)}: --key=NAME chooses one"
        )
    others = {place: table for place, table in tables.items() if place != trained[0]}
    return tables[trained[0]], (
        f"taken from {trained[0]!r} in the file, which also holds {_shown(others)}; --key chooses"
    )


def _load(torch: Any, path: pathlib.Path) -> Any:
    safe = getattr(torch.serialization, "safe_globals", None)
    try:
        with (
            safe(_beside_weights()) if safe else contextlib.nullcontext(),
            warnings.catch_warnings(),
        ):
            # PyTorch 2.14 warns of the time it takes to check sparse tensors, which we refuse.
            warnings.simplefilter("ignore")
            # weights_only: a pickle can otherwise run any code.
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # Each kind of foreign file fails in its own way, at length.
        reason = str(error)
        found = re.search(r"GLOBAL (\S+) was not an allowed global", reason)
        if found:
            raise InputError(
                f"{str(path)!r} holds a Python object, {found[1]}, that only its own code can read "
                "(weights_only stays on): load it there, and torch.save its state_dict()"
            ) from error
        short = "EOF" in reason or "storage has wrong" in reason or "PytorchStreamReader" in reason
        if isinstance(error, EOFError) or short or "pickle data was truncated" in reason:
            raise InputError(
                f"{str(path)!r} is cut off or damaged, at {path.stat().st_size} bytes"
            ) from error
        raise InputError(
            f"{str(path)!r} is no state dict that torch.load(weights_only=True) reads: "
            "save module.state_dict()"
        ) from error


def _beside_weights() -> list[Any]:
    """Plain data that scripts save beside weights, under each name it has had."""
    multiarray: Any = np._core.multiarray  # type: ignore[attr-defined]
    out: list[Any] = [argparse.Namespace, types.SimpleNamespace, collections.defaultdict]
    out += [int, float, bool, str, list, dict, tuple, np.dtype, np.ndarray]
    scalars: list[Any] = [*np.sctypeDict.values(), "U", "S"]
    out += {type(np.dtype(scalar)) for scalar in scalars}
    for home in ("numpy._core.multiarray", "numpy.core.multiarray"):
        out += [(multiarray.scalar, f"{home}.scalar")]
        out += [(multiarray._reconstruct, f"{home}._reconstruct")]
    for home in ("pathlib", "pathlib._local"):
        out += [(pathlib.PurePosixPath, f"{home}.{kind}Path") for kind in ("Posix", "PurePosix")]
        out += [(pathlib.PureWindowsPath, f"{home}.WindowsPath")]
    return out


def _tables(torch: Any, content: Any) -> dict[str, dict[str, Any]]:
    """Every state dict in what was saved: place, "" for the whole -> name -> tensor.

    It holds a tensor of two axes or more: scripts keep scores as tensors too. Those of optimizers
    are left out.
    """
    found: dict[str, dict[str, Any]] = {}

    def walk(value: Any, place: str, depth: int) -> None:
        if isinstance(value, list | tuple):
            value = dict(enumerate(value[:16]))
        if not isinstance(value, Mapping) or {"state", "param_groups"} <= value.keys():
            return
        table = {
            name: item
            for name, item in value.items()
            if isinstance(name, str) and isinstance(item, torch.Tensor | np.ndarray)
        }
        if any(item.ndim > 1 for item in table.values()):
            found[place] = table
        elif depth:
            for name, item in value.items():
                walk(item, f"{place}.{name}" if place else str(name), depth - 1)

    walk(content, "", _DEPTH)
    return found


def _shown(tables: Mapping[str, Any]) -> str:
    return ", ".join(f"{place!r} ({len(table)} tensors)" for place, table in tables.items())
