"""Checkpoints by Orbax: asynchronous, the newest few and the best on validation."""

import logging
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers

from resinc.config import differences
from resinc.errors import InputError
from resinc.train.state import State

# What Orbax warns of and is meant so here: no validation error between evaluations, reading only.
_MEANT_SO = ("tracked_metric", "read_only=True", "is read only")
logging.getLogger("absl").addFilter(
    lambda record: not any(words in record.getMessage() for words in _MEANT_SO)
)


class Checkpoints:
    """What is needed to go on as if nothing had happened, in `workdir/checkpoints/<step>`.

    A checkpoint is renamed into place when it is whole, so a process killed while writing leaves
    the one before.
    """

    def __init__(self, workdir: Path, keep: int = 2, read_only: bool = False):
        policy = checkpoint_managers
        best = policy.BestN(
            get_metric_fn=lambda metrics: metrics["validation_error"],
            reverse=True,
            n=1,
            keep_checkpoints_without_metrics=False,
        )
        options = ocp.CheckpointManagerOptions(
            preservation_policy=policy.AnyPreservationPolicy([policy.LatestN(keep), best]),
            best_fn=lambda metrics: metrics["validation_error"],
            best_mode="min",
            read_only=read_only,
            create=not read_only,
            cleanup_tmp_directories=not read_only,
            # Otherwise a save is silently left out while another is being written.
            enable_should_save_is_saving_in_progress_check=False,
        )
        self._manager = ocp.CheckpointManager(
            (workdir / "checkpoints").absolute(),
            options=options,
            item_names=("state", "position", "config", "provenance"),
        )

    def latest_step(self) -> int | None:
        return self._manager.latest_step()

    def step_of(self, which: str) -> int:
        """The step of "latest", "best" (on validation) or a number.

        Raises:
          InputError: there is no such checkpoint.
        """
        there = self._manager.all_steps()
        if which == "latest":
            step = self._manager.latest_step()
        elif which == "best":
            step = self._manager.best_step()
        else:
            step = int(which) if which.isdigit() else None
        if step is None or step not in there:
            have = ", ".join(map(str, sorted(there))) or "none"
            raise InputError(f"no checkpoint {which!r} in {str(self._manager.directory)!r}: {have}")
        return step

    def save(
        self,
        state: State,
        config: dict[str, Any],
        provenance: dict[str, Any],
        validation_error: float | None,
    ) -> None:
        """Begin to write; returns when the arrays are copied, before they are on disk."""
        step = int(state.step)
        if step in self._manager.all_steps():
            return
        position = {"step": step, "examples_seen": step * config["batch_size"]}
        # Host arrays: Orbax refuses what comes out of pmap when there are several processes.
        arrays = jax.device_get(state)
        self._manager.save(
            step,
            args=ocp.args.Composite(
                state=ocp.args.StandardSave(arrays),
                position=ocp.args.JsonSave(position),
                config=ocp.args.JsonSave(config),
                provenance=ocp.args.JsonSave(provenance),
            ),
            metrics=None if validation_error is None else {"validation_error": validation_error},
            force=True,
        )

    def restore(
        self, step: int, like: State, config: dict[str, Any], data: dict[str, Any]
    ) -> State:
        """The state at `step`, checked against the run that asks for it.

        Args:
          step: of a checkpoint that is there.
          like: a state of the right shapes and types.
          config: of the run.
          data: `Splits.provenance()` of the run.

        Raises:
          InputError: the checkpoint is of another config or other data; lists what differs.
        """
        restored = self._manager.restore(
            step,
            args=ocp.args.Composite(
                config=ocp.args.JsonRestore(), provenance=ocp.args.JsonRestore()
            ),
        )
        differing = differences(restored.config, config)
        differing += [f"data.{d}" for d in differences(restored.provenance["data"], data)]
        if differing:
            raise InputError(
                f"checkpoint {step} in {str(self._manager.directory)!r} is of another run: "
                + "; ".join(differing)
            )
        return self.restore_state(step, like)

    def restore_state(self, step: int, like: State) -> State:
        abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, jax.device_get(like))
        args = ocp.args.Composite(state=ocp.args.StandardRestore(abstract))
        arrays = self._manager.restore(step, args=args).state
        return jax.tree.map(jax.numpy.asarray, arrays)

    def restore_weights(self, step: int) -> dict[str, Any]:
        """{"params", "batch_stats"} as NumPy arrays, of whatever network they are."""
        args = ocp.args.Composite(state=ocp.args.StandardRestore())
        state = self._manager.restore(step, args=args).state
        return {"params": state["params"], "batch_stats": state.get("batch_stats") or {}}

    def wait(self) -> None:
        """Until everything is on disk; raises what a background write raised."""
        self._manager.wait_until_finished()

    def close(self) -> None:
        self._manager.close()
