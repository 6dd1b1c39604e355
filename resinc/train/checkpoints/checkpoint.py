"""Checkpoints by Orbax: asynchronous, the newest few and the best on validation."""

import contextlib
import errno
import json
import shutil
import tempfile
import weakref
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp

from resinc.errors import InputError
from resinc.runs.files import sync_folder
from resinc.runs.folder import CHECKPOINTS
from resinc.train.checkpoints import orbax
from resinc.train.distributed.parallel import global_arrays
from resinc.train.distributed.processes import is_first, several
from resinc.train.replica.state import State

_ITEMS = ("state", "position", "config", "provenance")


class UnreadableCheckpoint(InputError):
    """A checkpoint that is damaged or half copied; `reason` is in Orbax's words."""

    def __init__(self, step: int, folder: Path, reason: str, others: list[int]):
        have = ", ".join(map(str, others)) or "none"
        super().__init__(
            f"checkpoint {step} in {str(folder)!r} cannot be read ({reason}); others there: {have}"
        )
        self.reason = reason


class _Unaveraged(NamedTuple):
    """What a state without an average is stored as, and all were before there were averages."""

    step: Any
    params: Any
    batch_stats: Any
    opt_state: Any
    window: Any


def _stored(state: State) -> Any:
    return state if state.average else _Unaveraged(*state[:-1])


class Saved(NamedTuple):
    """What a checkpoint says of itself."""

    config: dict[str, Any]
    provenance: dict[str, Any]


class Checkpoints:
    """What is needed to go on as if nothing had happened, in `workdir/checkpoints/<step>`.

    A checkpoint is renamed into place when it is whole and on the disk, so a process killed while
    writing, or a power cut, leaves the one before.
    """

    def __init__(self, workdir: Path, keep: int = 2, read_only: bool = False):
        orbax.UnraisableHook.install()
        self._folder = (workdir / CHECKPOINTS).absolute()
        self._place = self._without_wildcards()
        if not read_only:
            self._delete_removed()  # By a process that was killed.
        # The manager reads every checkpoint's score at once, so that a damaged one would hurt all:
        # it only writes.
        self._manager = (
            None
            if read_only
            else orbax.Manager(
                self._place, options=orbax.options(self._folder, keep), item_names=_ITEMS
            )
        )

    def _without_wildcards(self) -> Path:
        """The folder under a name that Orbax can search.

        It searches by patterns: in a folder "[old]" it would find nothing of what it wrote, and a
        checkpoint would end without its arrays.
        """
        if not set("*?[") & set(str(self._folder)):
            return self._folder
        alias = tempfile.mkdtemp(prefix="resinc-")
        weakref.finalize(self, shutil.rmtree, alias, ignore_errors=True)
        link = Path(alias, "run")
        link.symlink_to(self._folder.parent)
        return link / self._folder.name

    def steps(self) -> list[int]:
        """In order, of all that are there, whole or damaged.

        Raises:
          InputError: the folder cannot be read.
        """
        try:
            names = [path.name for path in self._folder.iterdir()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise InputError(f"{str(self._folder)!r} cannot be read: {error.strerror}") from None
        numbers = (int(name) for name in names if name.isascii() and name.isdigit())
        return sorted(number for number in numbers if str(number) in names)  # No "0004".

    def validation_error(self, step: int) -> float | None:
        """None where the checkpoint was written without an evaluation.

        Raises:
          UnreadableCheckpoint: the number is damaged.
        """
        with self._reading(step):
            try:
                path = self._folder / str(step) / "metrics" / "metrics"
                text = path.read_text(encoding="utf-8")
            except (FileNotFoundError, NotADirectoryError):
                return None
            return float(json.loads(text)["validation_error"])

    def step_of(self, which: str) -> int:
        """The step of "latest", "best" (on validation) or a number.

        Raises:
          InputError: there is no such checkpoint.
        """
        there = self.steps()
        if which == "latest":
            step = there[-1] if there else None
        elif which == "best":
            errors = {s: e for s in there if (e := self.validation_error(s)) is not None}
            step = min(errors, key=lambda s: (errors[s], -s), default=None)
        else:
            step = int(which) if which.isascii() and which.isdigit() else None
        if step is None or step not in there:
            have = ", ".join(map(str, there)) or "none"
            raise InputError(
                f"no checkpoint {which!r} (latest, best or a step) in {str(self._folder)!r}: {have}"
            )
        return step

    def save(
        self,
        state: State,
        config: dict[str, Any],
        provenance: dict[str, Any],
        validation_error: float | None,
    ) -> None:
        """Begin to write; returns when the arrays are copied, before they are on disk.

        What was begun before is first to be waited for: see `wait`.

        Raises:
          OSError: the disk does not take it.
        """
        assert self._manager, "opened to read only"
        step = int(state.step)
        if step in self._manager.all_steps():
            return
        # Host arrays: of several processes Orbax refuses what comes out of pmap.
        arrays = jax.device_get(state)
        position = {
            "step": step,
            "examples_seen": step * config["batch_size"],
            "checksum": checksum(arrays),
        }
        self._manager.save(
            step,
            args=ocp.args.Composite(
                state=ocp.args.StandardSave(
                    global_arrays(_stored(arrays)) if several() else _stored(arrays)
                ),
                position=ocp.args.JsonSave(position),
                config=ocp.args.JsonSave(config),
                provenance=ocp.args.JsonSave(provenance),
            ),
            metrics=None if validation_error is None else {"validation_error": validation_error},
            force=True,
        )

    def saved(self, step: int) -> Saved:
        """Whose checkpoint it is.

        Raises:
          UnreadableCheckpoint: it does not say.
        """
        json_restore = ocp.args.JsonRestore()
        with self._reading(step):
            args = ocp.args.Composite(config=json_restore, provenance=json_restore)
            items = self._read(step, args)
            return Saved(dict(items.config), dict(items.provenance))

    def restore_state(self, step: int, like: State) -> State:
        """The whole state.

        Args:
          step: of a checkpoint that is there.
          like: a state of the right shapes and types, or these alone.

        Raises:
          UnreadableCheckpoint: it is damaged, or of other shapes.
        """
        # NumPy arrays: what several processes wrote is read by any number of them.
        form = jax.tree.map(lambda leaf: np.empty(leaf.shape, leaf.dtype), _stored(like))
        arrays = self._restore(step, ocp.args.StandardRestore(form))
        return State(*jax.tree.map(jax.numpy.asarray, arrays))

    def restore_weights(self, step: int, average: bool = False) -> dict[str, Any]:
        """{"params", "batch_stats"} as NumPy arrays, of whatever network they are.

        Args:
          step: of a checkpoint that is there.
          average: those of the average that is kept beside the weights.

        Raises:
          UnreadableCheckpoint: it is damaged.
          InputError: it has no average.
        """
        with self._reading(step):
            item = self._place / str(step) / "state"
            there = ocp.StandardCheckpointHandler(multiprocessing_options=orbax.alone()).metadata(
                item
            )
        as_numpy = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), there.tree)
        state = self._restore(step, ocp.args.PyTreeRestore(restore_args=as_numpy))
        if average:
            if not state.get("average"):
                raise InputError(
                    f"checkpoint {step} in {str(self._folder)!r} has no average of the weights: "
                    "average_decay was 0"
                )
            state = state["average"]
        return {"params": state["params"], "batch_stats": state.get("batch_stats") or {}}

    def _restore(self, step: int, form: ocp.args.CheckpointArgs) -> Any:
        with self._reading(step):
            args = ocp.args.Composite(state=form, position=ocp.args.JsonRestore())
            items = self._read(step, args)
            wanted = items.position.get("checksum")  # Of none before there were checksums.
            if wanted is not None and checksum(items.state) != wanted:
                raise ValueError("its arrays are not those that were saved: the checksum differs")
            return items.state

    def _read(self, step: int, args: ocp.args.Composite) -> Any:
        alone = orbax.alone()
        handler = ocp.CompositeCheckpointHandler(
            *_ITEMS, composite_options=ocp.CompositeOptions(multiprocessing_options=alone)
        )
        with ocp.Checkpointer(handler, multiprocessing_options=alone) as reader:
            return reader.restore(self._place / str(step), args=args)

    @contextlib.contextmanager
    def _reading(self, step: int) -> Iterator[None]:
        try:
            yield
        except InputError:
            raise
        except Exception as error:  # Orbax raises a dozen kinds.
            words = str(error.args[0] if error.args else error).strip().splitlines()
            if isinstance(error, OSError) and error.strerror:
                words = [error.strerror]
            reason = (words or [type(error).__name__])[0].replace(f"{self._folder}/", "")[:160]
            others = [other for other in self.steps() if other != step]
            raise UnreadableCheckpoint(step, self._folder, reason, others) from error

    def wait(self) -> None:
        """Until everything is on disk.

        Raises:
          OSError: what a background write raised; ESTALE where its files were gone.
        """
        if self._manager:
            try:
                self._manager.wait_until_finished()
            except FileNotFoundError as error:
                # A host that took the run over, or that wakes up after it was, saves the same step.
                what = "removed by another process while it was written"
                raise OSError(errno.ESTALE, what, error.filename) from error
            sync_folder(self._folder)
            self._delete_removed()

    def _delete_removed(self) -> None:
        if is_first():
            shutil.rmtree(self._folder / orbax.REMOVED, ignore_errors=True)

    def discard_unfinished(self) -> None:
        """Of a save that failed: where the disk is full, room to say so. A whole one stays."""
        with contextlib.suppress(Exception):  # That of the save: known, or behind another's.
            self.wait()
        for path in self._folder.glob(orbax.UNFINISHED):
            shutil.rmtree(path, ignore_errors=True)

    def close(self) -> None:
        if self._manager:
            self._manager.close()


def checksum(state: Any) -> str:
    """CRC-32, hex, over the arrays of a pytree, whatever they are called and hang on.

    Orbax stores none: one bit that turned over on the disk is read back as another weight.
    """
    sums = []
    for leaf in jax.tree.leaves(state):
        array = np.ascontiguousarray(leaf)
        about = f"{array.dtype} {array.size}".encode()
        sums.append(zlib.crc32(array.reshape(-1).view(np.uint8).data, zlib.crc32(about)))
    return f"{zlib.crc32(np.sort(np.array(sums, np.uint32)).tobytes()):08x}"
