"""`resinc train --profile`: what the machine does in a few steps, for TensorBoard or Perfetto."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import jax

WARM_UP = 3  # Steps of this process before: the first is compiled, the next fill caches.


class Profiler:
    """Records `count` steps (0: none) of those from `start` to `end` into `folder`.

    After the warm-up where there are enough steps for both.
    """

    def __init__(self, folder: Path, start: int, end: int, count: int, say: Callable[[str], None]):
        """`say` is called with what the user should know, once it is known."""
        self._folder, self._say = folder, say
        self._first = max(start, min(start + WARM_UP, end - count)) + 1
        self._last = min(self._first + count - 1, end)
        self._recording = False

    @contextlib.contextmanager
    def call(self, steps: range) -> Iterator[list[Any]]:
        """Around the dispatch of steps; what is put into the list is waited for after the last."""
        wanted = max(steps[0], self._first) <= min(steps[-1], self._last)
        if wanted and not self._recording:
            jax.profiler.start_trace(self._folder, create_perfetto_trace=True)
            self._recording, self._first = True, steps[0]
        results: list[Any] = []
        with jax.profiler.StepTraceAnnotation("step", step_num=steps[0]):
            yield results
        if self._recording and steps[-1] >= self._last:
            jax.block_until_ready(results)
            self._stop()
            self._say(f"profile of steps {self._first} to {steps[-1]}: {self._folder}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        with contextlib.suppress(Exception):  # It would hide the one above.
            self._stop()

    def _stop(self) -> None:
        if self._recording:
            self._recording = False
            jax.profiler.stop_trace()
