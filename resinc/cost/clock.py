"""Seconds that programs take, timed in turn so that their ratios hold on a busy machine."""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax

LEAST_SECONDS = 0.1  # Of one timing: the clock and a stray interrupt then weigh little.


def time_in_turn(
    programs: Mapping[str, Callable[[], Any]], repeats: int, least: float = LEAST_SECONDS
) -> dict[str, list[float]]:
    """Seconds per call of each program, `repeats` times each.

    Every program is called once to warm up and once to see how many calls take `least` seconds;
    then all are timed in turn, round after round.

    Args:
      programs: name -> compiled function of nothing, whose result JAX can wait for.
      repeats: timings of each.
      least: seconds of each.
    """
    for call in programs.values():
        jax.block_until_ready(call())
    calls = {
        name: max(1, math.ceil(least / max(_seconds(call, 1), 1e-7)))
        for name, call in programs.items()
    }
    found: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(repeats):
        for name, call in programs.items():
            found[name].append(_seconds(call, calls[name]) / calls[name])
    return found


def _seconds(call: Callable[[], Any], calls: int) -> float:
    # A GPU computes calls in order: waiting after each would add its latency. A CPU may compute
    # several side by side.
    each = jax.default_backend() == "cpu"
    begun = time.perf_counter()
    for _ in range(calls):
        result = call()
        if each:
            jax.block_until_ready(result)
    jax.block_until_ready(result)
    return time.perf_counter() - begun
