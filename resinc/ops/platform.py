"""One form of a computation for CPUs, another for other platforms; decided as early as it can be.

`lax.platform_dependent` traces and differentiates every form and drops all but one when the program
is lowered. Where JAX has no device but CPUs, the others are not traced at all.
"""

import contextlib
import functools
from collections.abc import Callable
from typing import Any

import jax
from jax import lax
from jax.extend.backend import backends

# Unlike a variable it is part of the key under which JAX keeps what it traced.
_as_defined = jax.make_user_context(False)


def by_platform(*args: Any, cpu: Callable, default: Callable) -> Any:
    """`cpu(*args)` on a CPU, `default(*args)` elsewhere; the two are equal to rounding."""
    if _as_defined.value:
        return default(*args)
    if _has_only_cpus():
        return cpu(*args)
    return lax.platform_dependent(*args, cpu=cpu, default=default)


def as_defined() -> contextlib.AbstractContextManager:
    """Inside, `by_platform` traces the default form: for counting, not for computing."""
    return _as_defined(True)


@functools.cache
def _has_only_cpus() -> bool:
    return set(backends()) == {"cpu"}
