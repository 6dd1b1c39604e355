"""The smallest image that a network's strides leave a pixel of."""

import jax

from resinc.errors import InputError


def check_size(x: jax.Array, least: int, network: str) -> None:
    """Check that images [b, h, w, c] have at least `least` pixels on both axes.

    Raises:
      InputError: they are smaller.
    """
    height, width = x.shape[1:3]
    if min(height, width) < least:
        raise InputError(
            f"images of {height}x{width} pixels are too small for network {network!r}, which "
            f"needs {least}x{least}"
        )
