"""Orbax as checkpoints need it: what it must not do, keep to itself or leave to the system."""

import logging
import sys
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers

from resinc.runs.files import sync_tree

UNFINISHED = "*.orbax-checkpoint-tmp*"  # Names of folders that are being written, or were.
REMOVED = "removed"  # Folder of checkpoints that are about to be deleted.

# What Orbax warns of and is meant so here: no validation error between evaluations, reading only;
# and what it says of a damaged file before it raises; and of writes that a failed one left behind.
# Its tracebacks are of what it raises as well.
_MEANT_SO = (
    *("tracked_metric", "read_only=True", "is read only", "Failed to json parse"),
    "Task was destroyed but it is pending",
)
for _name in ("absl", "asyncio"):
    logging.getLogger(_name).addFilter(
        lambda record: (
            not (record.exc_info or any(words in record.getMessage() for words in _MEANT_SO))
        )
    )


class Manager(ocp.CheckpointManager):
    """One that leaves it to the loop to ask whether the run is to stop.

    It would ask with the step for a number, where the loop counts its polls: see `Agreed`.
    """

    def reached_preemption(self, step: int) -> bool:
        return False


def alone() -> ocp.options.MultiprocessingOptions:
    """Each process reads for itself, and waits for no other."""
    me = jax.process_index()
    return ocp.options.MultiprocessingOptions(
        primary_host=me, active_processes={me}, barrier_sync_key_prefix=f"process{me}"
    )


def options(folder: Path, keep: int) -> ocp.CheckpointManagerOptions:
    """`keep`: the newest so many, besides the best on validation."""

    def sync() -> None:
        for path in folder.glob(UNFINISHED):
            sync_tree(path)

    policy = checkpoint_managers
    best = policy.BestN(
        get_metric_fn=lambda metrics: metrics["validation_error"],
        reverse=True,
        n=1,
        keep_checkpoints_without_metrics=False,
    )
    return ocp.CheckpointManagerOptions(
        preservation_policy=policy.AnyPreservationPolicy([policy.LatestN(keep), best]),
        best_fn=lambda metrics: metrics["validation_error"],
        best_mode="min",
        cleanup_tmp_directories=True,
        # A process killed while it deletes one would leave a part of it, under its name.
        todelete_subdir=REMOVED,
        # Where a folder cannot be made, Orbax's writers wait five minutes for it, and the process
        # for them: made before they start, it is an error at once.
        async_options=ocp.AsyncOptions(
            create_directories_asynchronously=False,
            # Orbax leaves all but the arrays to the system, which writes them half a minute later:
            # after a power cut every checkpoint of that time had empty files. This comes before
            # one gets its name, and so before older ones are removed.
            post_finalization_callback=sync,
        ),
        # Otherwise a save is silently left out while another is being written.
        enable_should_save_is_saving_in_progress_check=False,
    )


class UnraisableHook:
    """Reads and writes that go on behind a failed one would print a traceback each."""

    def __init__(self) -> None:
        self._before = sys.unraisablehook

    def __call__(self, unraisable: Any) -> None:
        if str(unraisable.exc_value) != "Event loop is closed":
            self._before(unraisable)

    @classmethod
    def install(cls) -> None:
        if not isinstance(sys.unraisablehook, cls):
            sys.unraisablehook = cls()
