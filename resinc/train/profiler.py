"""`resinc train --profile`: what the machine does in a few steps, for TensorBoard or Perfetto."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax

WARM_UP = 3  # Steps of this process before: the first is compiled, the next fill caches.


class Profiler:
    """Records `count` steps (0: none) of those from `start` to `end` into `folder`.

    After the warm-up where there are enough steps for both.
    """

    def __init__(self, folder: Path, start: int, end: int, count: int):
        self._folder = folder
        self._first = max(start, min(start + WARM_UP, end - count)) + 1
        self._last = min(self._first + count - 1, end)
        self._recording = False
        self.said = ""  # What the user should know, once it is known.

    @contextmanager
    def step(self, step: int) -> Iterator[list[Any]]:
        """Around the dispatch of a step; what is put into the list is waited for after the last."""
        if self._first <= step <= self._last and not self._recording:
            jax.profiler.start_trace(self._folder, create_perfetto_trace=True)
            self._recording = True
        results: list[Any] = []
        with jax.profiler.StepTraceAnnotation("step", step_num=step):
            yield results
        if self._recording and step == self._last:
            jax.block_until_ready(results)
            self.close()
            self.said = f"profile of steps {self._first} to {self._last}: {self._folder}"

    def close(self) -> None:
        if self._recording:
            self._recording = False
            jax.profiler.stop_trace()
