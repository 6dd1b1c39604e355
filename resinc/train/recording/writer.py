"""Metrics on disk: metrics.jsonl, timing.jsonl, gradients.jsonl and TensorBoard event files."""

from pathlib import Path

from resinc.runs.folder import GRADIENTS, METRICS, TENSORBOARD, TIMING
from resinc.runs.metrics import Lines
from resinc.train.recording.board import Board


class MetricsWriter:
    """Appends lines; `step` is where the run resumes, and later lines are cut off.

    metrics.jsonl holds no clock, so that a run that was killed and resumed ends with the same bytes
    as one that was not; nor does gradients.jsonl, which is there if asked for. What depends on the
    machine goes to timing.jsonl.
    """

    def __init__(self, workdir: Path, step: int, log_gradients: bool = False):
        self._metrics = Lines(workdir / METRICS, step)
        self._timing = Lines(workdir / TIMING, step)
        self._files = [self._metrics, self._timing]
        if log_gradients:
            self._gradients = Lines(workdir / GRADIENTS, step)
            self._files.append(self._gradients)
        self._board = Board(workdir / TENSORBOARD, step)

    def train(self, step: int, loss: float, error: float, lr: float) -> None:
        """Means over the window that ends at `step`: loss in nats, error as a fraction."""
        values = {"loss": loss, "error": error, "lr": lr}
        self._metrics.append({"step": step, "kind": "train", **values})
        self._board.scalars("train", step, values)

    def evaluation(
        self,
        step: int,
        split: str,
        loss: float,
        error: float,
        count: int,
        top5_error: float | None = None,
    ) -> None:
        """Exact means over `count` examples of a split."""
        values = {"loss": loss, "error": error}
        if top5_error is not None:
            values["top5_error"] = top5_error
        line = {"step": step, "kind": "eval", "split": split, **values}
        self._metrics.append({**line, "count": count})
        self._board.scalars(f"eval_{split}", step, values)

    def timing(
        self, step: int, seconds: float, images_per_second: float, input_share: float
    ) -> None:
        """`seconds` since this process took its first step; `input_share` of them in waiting."""
        pace = {
            "images_per_second": round(images_per_second, 1),
            "input_share": round(input_share, 3),
        }
        self._timing.append({"step": step, "seconds": round(seconds, 3), **pace})
        self._board.scalars("timing", step, pace)

    def gradients(self, step: int, norms: dict[str, float], updates: dict[str, float]) -> None:
        """Of this step, both in depth order.

        Args:
          step: counted from 1.
          norms: path of every parameter array -> Euclidean norm of its gradient.
          updates: path of every kernel -> norm of its update over that of its weights before.
        """
        self._gradients.append({"step": step, "norms": norms, "updates": updates})

    def sync(self) -> None:
        """Reach the disk before the checkpoint that will not write these lines again."""
        for file in self._files:
            file.sync()
        self._board.flush()

    def close(self) -> None:
        for file in self._files:
            file.close()
        self._board.close()
