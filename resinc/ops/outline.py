"""A function that is compiled apart from what stands around it."""

import contextlib
import functools
from collections.abc import Callable

try:
    from jax.experimental.xla_metadata import set_xla_metadata
except ImportError:  # It is experimental. Without it all is right, and slower.

    def set_xla_metadata(  # type: ignore[misc]
        **metadata: str,
    ) -> contextlib.AbstractContextManager:
        return contextlib.nullcontext()


def outlined(function: Callable) -> Callable:
    """The same for a function under `jax.jit`, which XLA's CPU back end then does not inline.

    Inlined, the copies that lay out a convolution's operands are fused with what makes these
    (BatchNorm's backward pass) and take six times as long; XLA drops optimisation barriers before
    it fuses, but keeps this call.
    """

    def call(*args, **kwargs):
        with set_xla_metadata(inlineable="false"):
            return function(*args, **kwargs)

    return functools.wraps(function)(call)
