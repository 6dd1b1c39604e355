"""Event files for TensorBoard: a view of the metrics, which a run can do without."""

import contextlib
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

# tensorboardX imports PyTorch where that is installed, 1.5 s for nothing: it is not, meanwhile.
_HIDDEN = "torch" not in sys.modules
if _HIDDEN:
    sys.modules["torch"] = None  # type: ignore[assignment]
from tensorboardX.event_file_writer import EventsWriter  # noqa: E402
from tensorboardX.proto.event_pb2 import Event, SessionLog  # noqa: E402
from tensorboardX.summary import scalar  # noqa: E402

if _HIDDEN:
    del sys.modules["torch"]


class Board:
    """Writes scalars; where the disk refuses, it switches itself off and the run goes on.

    tensorboardX's own SummaryWriter writes from a thread: a full disk kills that thread, and the
    queue in front of it then blocks the run for good.
    """

    def __init__(self, folder: Path, step: int):
        """`step`: where the run resumes; TensorBoard then hides what is later in older files."""
        self._writer: Any = None
        with self._losing():
            folder.mkdir(parents=True, exist_ok=True)
            self._writer = EventsWriter(str(folder / "events"))
            if step:
                start = SessionLog(status=SessionLog.START)
                for event in (Event(file_version="brain.Event:2"), Event(session_log=start)):
                    self._write(event, step + 1)

    def scalars(self, group: str, step: int, values: Mapping[str, float]) -> None:
        with self._losing():
            for name, value in values.items():
                self._write(Event(summary=scalar(f"{group}/{name}", value)), step)

    def flush(self) -> None:
        with self._losing():
            if self._writer:
                self._writer.flush()

    def close(self) -> None:
        with self._losing():
            if self._writer:
                self._writer.close()

    def _write(self, event: Event, step: int) -> None:
        event.step, event.wall_time = step, time.time()
        if self._writer:
            self._writer.write_event(event)

    @contextlib.contextmanager
    def _losing(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            self._writer = None
