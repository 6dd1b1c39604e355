"""Weights that are not finite, refused before anything is computed or written from them.

The numbers of an evaluation do not show them: XLA on CPU loses NaN in relu at some batch sizes, so
that a network full of NaN is reported with the loss of guessing.
"""

from collections.abc import Mapping

import numpy as np

from resinc.errors import InputError
from resinc.weights.variables import Flat


def refuse_non_finite(arrays: Flat, what: str, here: Mapping[str, str] | None = None) -> None:
    """Raise if an array holds NaN or infinity, or a running variance is negative: its root is NaN.

    Args:
      arrays: by name, on the host.
      what: holds them, for the message, e.g. a file or "step 6 of runs/a".
      here: name -> our path, where the names are those of another framework.

    Raises:
      InputError: names the first of them in both namings, and how many there are.
    """
    paths = {name: (here or {}).get(name, name) for name in arrays}
    infinite = {name: ~np.isfinite(array) for name, array in arrays.items()}
    negative = {
        name: np.less(array, 0) for name, array in arrays.items() if paths[name].endswith("/var")
    }
    for kind, marked in (("NaN or infinity", infinite), ("negative variances", negative)):
        bad = {name: int(np.sum(where)) for name, where in marked.items() if np.any(where)}
        if bad:
            first = next(iter(bad))
            also = "" if paths[first] == first else f", {paths[first]} here"
            raise InputError(
                f"{what} holds {kind}, {sum(bad.values()):,} in all, in {len(bad)} of "
                f"{len(arrays)} arrays: the first is {first}{also}, with {bad[first]:,} of "
                f"{np.size(arrays[first]):,}"
            )
