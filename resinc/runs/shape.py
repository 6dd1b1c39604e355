"""JSON of a shape that nobody expected: what does not fit counts as not there."""

import math
from collections.abc import Mapping
from types import UnionType
from typing import Any

Shape = Any  # A type; [shape]; {str: shape}, under any names; or {name: shape}, all of them there.

STATUS: dict[str, Shape] = {
    "state": str,
    "step": int,
    "steps": int,
    "seconds": float,
    "message": str,
}
PROVENANCE: dict[str, Shape] = {
    "command": str,
    "data": {str: object},
    "versions": {str: str},
    "git_commit": str,
    "git_dirty": bool,
    "platform": str,
    "device_kind": str,
    "device_count": int,
    "processes": int,
    "replicas": int,
    "parameters": int,
    "multiply_adds": int,
    "classes": int,
}
DATA: dict[str, Shape] = {
    "name": str,
    "checksum": str,
    "split_seed": int,
    "train_size": int,
    "validation_size": int,
    "test_size": int,
}
_NORMS = {str: float}
MEASUREMENTS: dict[str, Shape] = {
    # Probes, {step: what they return}, as far as reports read it.
    "branches": {
        str: {
            "error": float,
            "energy": {str: _NORMS},
            "dropped": _NORMS,
            "reestimated": {"error": float, "dropped": _NORMS},
        }
    },
    "gradient_correlation": {str: {"neighbours": float}},
    "jacobian": {str: {"spread": float}},
    "lesions": {
        str: {
            "whole": float,
            "removed": _NORMS,
            "permuted": {str: [float]},
            "reestimated": {"whole": float, "removed": _NORMS},
        }
    },
    "path_lengths": {str: {"short": float, "share": _NORMS}},
    "responses": {str: _NORMS},
    "running_statistics": {str: {"evaluation": _NORMS, "training": _NORMS}},
    "shortcut_share": {
        str: {
            "full": float,
            "shortcut": float,
            "share": float,
            "cosine": float,
            "cosine_of_outputs": float,
        }
    },
    # Of `resinc measure`.
    "cost": {
        "layers": [{"name": str, "before": [int], "after": [int], "multiply_adds": int}],
        "multiply_adds": int,
    },
    "time": {"forward_seconds": [float], "step_seconds": [float]},
    "memory": {"forward": {"peak": float}, "step": {"peak": float}},
}


def fits(value: Any, shape: Shape) -> bool:
    """Whether a JSON value has a shape; a float is any finite number, an int no truth value."""
    if isinstance(shape, Mapping):
        if not isinstance(value, Mapping):
            return False
        if str in shape:
            return all(fits(item, shape[str]) for item in value.values())
        return all(name in value and fits(value[name], inner) for name, inner in shape.items())
    if isinstance(shape, list):
        return isinstance(value, list) and all(fits(item, shape[0]) for item in value)
    if shape is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and math.isfinite(value)
    if shape is int:
        return isinstance(value, int) and not isinstance(value, bool)
    assert isinstance(shape, type | UnionType)
    return isinstance(value, shape)


def kept(value: Any, shapes: Mapping[str, Shape]) -> dict[str, Any]:
    """The fields of a JSON object that have their shape, and those of no known name."""
    if not isinstance(value, Mapping):
        return {}
    return {name: v for name, v in value.items() if name not in shapes or fits(v, shapes[name])}
