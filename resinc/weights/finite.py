"""Weights that are not finite, refused before anything is computed or written from them.

The numbers of an evaluation do not show them: XLA on CPU loses NaN in relu at some batch sizes, so
that a network full of NaN is reported with the loss of guessing.
"""

from collections.abc import Mapping

import numpy as np

from resinc.errors import InputError
from resinc.weights.variables import Flat


def refuse_non_finite(arrays: Flat, what: str, here: Mapping[str, str] | None = None) -> None:
    """Raise if an array holds NaN or an infinity.

    Args:
      arrays: by name, on the host.
      what: holds them, for the message, e.g. a file or "step 6 of runs/a".
      here: name -> our path, where the names are those of another framework.

    Raises:
      InputError: names the first of them in both namings, and how many there are.
    """
    bad = {name: int(np.sum(~np.isfinite(array))) for name, array in arrays.items()}
    bad = {name: number for name, number in bad.items() if number}
    if not bad:
        return
    first = next(iter(bad))
    path = (here or {}).get(first, first)
    also = "" if path == first else f", {path} here"
    raise InputError(
        f"{what} holds NaN or infinity, {sum(bad.values()):,} in all, in {len(bad)} of "
        f"{len(arrays)} arrays: the first is {first}{also}, with {bad[first]:,} of "
        f"{np.size(arrays[first]):,}"
    )
