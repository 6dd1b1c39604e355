"""Metrics on disk: metrics.jsonl, timing.jsonl, gradients.jsonl and TensorBoard event files."""

import json
import os
from pathlib import Path
from typing import Any

from resinc.train.board import Board


class MetricsWriter:
    """Appends lines; `step` is where the run resumes, and later lines are cut off.

    metrics.jsonl holds no clock, so that a run that was killed and resumed ends with the same bytes
    as one that was not; nor does gradients.jsonl, which is there if asked for. What depends on the
    machine goes to timing.jsonl.
    """

    def __init__(self, workdir: Path, step: int, log_gradients: bool = False):
        self._metrics = _open_until(workdir / "metrics.jsonl", step)
        self._timing = _open_until(workdir / "timing.jsonl", step)
        self._files = [self._metrics, self._timing]
        if log_gradients:
            self._gradients = _open_until(workdir / "gradients.jsonl", step)
            self._files.append(self._gradients)
        self._board = Board(workdir / "tensorboard", step)

    def train(self, step: int, loss: float, error: float, lr: float) -> None:
        """Means over the window that ends at `step`: loss in nats, error as a fraction."""
        values = {"loss": loss, "error": error, "lr": lr}
        self._write(self._metrics, {"step": step, "kind": "train", **values})
        self._board.scalars("train", step, values)

    def evaluation(self, step: int, split: str, loss: float, error: float, count: int) -> None:
        """Exact means over `count` examples of a split."""
        line = {"step": step, "kind": "eval", "split": split, "loss": loss, "error": error}
        self._write(self._metrics, {**line, "count": count})
        self._board.scalars(f"eval_{split}", step, {"loss": loss, "error": error})

    def timing(self, step: int, seconds: float, images_per_second: float) -> None:
        """`seconds` since this process took its first step."""
        speed = round(images_per_second, 1)
        line = {"step": step, "seconds": round(seconds, 3), "images_per_second": speed}
        self._write(self._timing, line)
        self._board.scalars("timing", step, {"images_per_second": speed})

    def gradients(self, step: int, norms: dict[str, float], updates: dict[str, float]) -> None:
        """Of this step, both in depth order.

        Args:
          step: counted from 1.
          norms: path of every parameter array -> Euclidean norm of its gradient.
          updates: path of every kernel -> norm of its update over that of its weights before.
        """
        self._write(self._gradients, {"step": step, "norms": norms, "updates": updates})

    def sync(self) -> None:
        """Reach the disk before the checkpoint that will not write these lines again."""
        for file in self._files:
            os.fsync(file.fileno())
        self._board.flush()

    def close(self) -> None:
        for file in self._files:
            file.close()
        self._board.close()

    def _write(self, file: Any, line: dict[str, Any]) -> None:
        file.write(json.dumps(line) + "\n")
        file.flush()


def _open_until(path: Path, step: int) -> Any:
    """Open for appending after the lines of steps up to `step`; a half-written line goes too."""
    kept = []
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                if json.loads(line)["step"] > step:
                    break
            except ValueError:
                break
            kept.append(line + "\n")
    part = path.with_name(path.name + ".part")
    part.write_text("".join(kept), encoding="utf-8")
    os.replace(part, path)
    return path.open("a", encoding="utf-8")
