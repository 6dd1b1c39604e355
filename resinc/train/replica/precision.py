"""With how many digits float32 numbers are multiplied: `config.model.matmul_precision`.

A recent GPU rounds the factors of a float32 product to TF32's 10 bits after the point unless told
otherwise, a TPU to bfloat16's 7. What is called float32 here is float32 on all of them.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax


def precisely(precision: str) -> Callable[[Callable], Callable]:
    """Decorate a function so that matrix products and convolutions inside it are so precise.

    Holds for its gradients, too, if they are taken inside it.

    Args:
      precision: as `jax.default_matmul_precision` takes it.
    """

    def decorate(function: Callable) -> Callable:
        @functools.wraps(function)
        def precise(*args: Any) -> Any:
            with jax.default_matmul_precision(precision):
                return function(*args)

        return precise

    return decorate
