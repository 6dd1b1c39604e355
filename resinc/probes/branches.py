"""Which branches of its inception modules a network uses.

Of every branch the activation energy, and the test error where it is dropped: by setting the
parameters of its last unit to zero, so that the branch puts out zeros and nothing is recompiled.
The error is taken as it is, and with the BatchNorm statistics of what is left (`statistics`).
"""

import re
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from resinc.errors import InputError
from resinc.networks.paths import depth_key, unstack
from resinc.ops.layers import ConvUnit
from resinc.ops.loss import mistakes
from resinc.probes.statistics import reestimated
from resinc.probes.subject import STAGED, Subject

BLOCKS = ("inception", "inception_naive", "inception_unreduced", "inception_residual")
UNIT = re.compile(r"(branch\d+)_conv(\d+)")


def check(section: Any) -> None:
    """Check that there are branches.

    Raises:
      InputError: the network's blocks are not inception modules.
    """
    if section.name not in STAGED or section.block not in BLOCKS:
        raise InputError(
            f"probe 'branches' needs blocks of several branches ({', '.join(BLOCKS)}) in a network "
            f"of blocks ({', '.join(STAGED)}), not {section.block!r} in {section.name!r}"
        )


def measure(subject: Subject) -> dict[str, Any]:
    """Energy and worth of every branch, on the test examples in evaluation mode.

    Returns:
      "examples": how many test examples.
      "error": their error as a fraction.
      "energy": {module: {branch: mean square of its output, per number}}.
      "dropped": {branch: test error where it is dropped in all modules}.
      "reestimated": {"error", "dropped"} likewise, with the BatchNorm statistics of the network
        that is left, from training examples.
      Modules are paths such as "stage1/block02/module", in depth order.
    """
    network = subject.network.clone(scan=False)
    params, batch_stats = unstack(subject.params), unstack(subject.batch_stats)
    branches = last_units(params)

    # Nothing is closed over: as a constant it would cost every run a compilation of its own.
    @jax.jit
    def program(
        params: Any, batch_stats: Any, images: jax.Array, labels: jax.Array
    ) -> tuple[jax.Array, Any]:
        logits, kept = network.apply(
            {"params": params, "batch_stats": batch_stats},
            images,
            train=False,
            capture_intermediates=lambda module, _: isinstance(module, ConvUnit),
            mutable=["intermediates"],
        )

        def energies(module: str) -> dict[str, jax.Array]:
            outputs = _at(kept["intermediates"], module)
            return {
                branch: jnp.mean(jnp.square(outputs[unit]["__call__"][0]))
                for branch, unit in branches[module].items()
            }

        return jnp.mean(mistakes(logits, labels)), {m: energies(m) for m in branches}

    @jax.jit
    def statistics(params: Any, batch_stats: Any, batch: jax.Array) -> Any:
        variables = {"params": params, "batch_stats": batch_stats}
        return reestimated(network, variables, batch)

    def error_again(params: Any) -> float:
        own = statistics(params, batch_stats, subject.batch[0])
        return float(program(params, own, *subject.test)[0])

    def without(branch: str) -> Any:
        zeroed = params
        for module, units in branches.items():
            zeroed = _zeroed(zeroed, [*module.split("/"), units[branch]])
        return zeroed

    error, energy = program(params, batch_stats, *subject.test)
    names = sorted({branch for units in branches.values() for branch in units})
    lesions = {branch: without(branch) for branch in names}
    return {
        "examples": len(subject.test[1]),
        "error": float(error),
        "energy": jax.tree.map(float, jax.device_get(energy)),
        "dropped": {
            branch: float(program(left, batch_stats, *subject.test)[0])
            for branch, left in lesions.items()
        },
        "reestimated": {
            "error": error_again(params),
            "dropped": {branch: error_again(left) for branch, left in lesions.items()},
        },
    }


def last_units(params: Mapping[str, Any], path: str = "") -> dict[str, dict[str, str]]:
    """Of an unrolled tree {module: {branch: its last unit}}, both in depth order."""
    found: dict[str, dict[str, str]] = {}
    for name in sorted(params, key=depth_key):
        match = UNIT.fullmatch(name)
        if match:
            # In this order the last one of a branch stays.
            found.setdefault(path, {})[match[1]] = name
        elif isinstance(params[name], Mapping):
            found |= last_units(params[name], f"{path}/{name}" if path else name)
    return found


def _at(tree: Any, path: str) -> Any:
    for name in path.split("/"):
        tree = tree[name]
    return tree


def _zeroed(tree: Mapping[str, Any], path: list[str]) -> dict[str, Any]:
    """The tree with zeros at `path` and below."""
    if not path:
        return jax.tree.map(np.zeros_like, dict(tree))
    first, *rest = path
    return {**tree, first: _zeroed(tree[first], rest)}
