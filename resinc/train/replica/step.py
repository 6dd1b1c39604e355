"""One training step and one evaluation step, each written for one replica, both pure."""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from resinc.data.on_device.mix import expected
from resinc.data.on_device.mix import mix as mix_pairs
from resinc.data.source import Batch
from resinc.ops.loss import OBJECTIVES, Objective, classify, mean_answer, misses
from resinc.probes.gradients import norms, relative_updates
from resinc.train.distributed.parallel import Replicas
from resinc.train.replica import average
from resinc.train.replica.finite import nonfinite_parts
from resinc.train.replica.micro_batches import mean_over_parts
from resinc.train.replica.state import State, Window

# Of these five answers are half of all.
FEW_CLASSES = 10


class Report(NamedTuple):
    """What a log line is made from, equal on all replicas."""

    loss: jax.Array  # Mean over the window, of the augmented examples; nats to classify.
    error: jax.Array  # Likewise; a fraction.
    lr: jax.Array  # Of this step.
    bad_step: jax.Array  # As in Window.
    bad_parts: jax.Array
    # If asked for, of this step `probes.gradients.norms` and `relative_updates`.
    gradients: Any = ()


class Sums(NamedTuple):
    """Of one evaluation batch, over all replicas; sums, not means, so that no weighting is lost."""

    loss: jax.Array
    error: jax.Array
    seen: jax.Array  # int32: examples counted.
    id_sum: jax.Array  # uint32, modulo 2^32: of id + 1, so that no example stands in for another.
    errors: jax.Array  # [d, b/d]: of each example, not summed; 0 where masked.
    top5: Any = ()  # Mistakes of the best five answers; of more than FEW_CLASSES alone.


def make_train_step(
    network: nn.Module,
    optimizer: optax.GradientTransformation,
    schedule: Callable,
    augment: Callable,
    replicas: Replicas,
    seed: int | jax.Array,
    log_every_steps: int,
    auxiliary_weight: float = 0.0,
    log_gradients: bool = False,
    objective: Objective = OBJECTIVES["classify"],
    mix: Callable = mix_pairs,
    micro_batches: int = 1,
    average_decay: float = 0.0,
) -> Callable[[State, Batch], tuple[State, Report]]:
    """Return `train_step(state, batch [b/d]) -> (state, report)`.

    `augment(images u8 [b, h, w, c], ids, key) -> float32 [b, h, w, c]` draws by example, from a key
    that depends on seed and step alone: neither the replica nor their number enters; `mix(images,
    labels, ids, key)` likewise. Dropout and stochastic depth draw per replica.

    Of more than one of `micro_batches` the gradients are averaged: see `mean_over_parts`.

    `objective` scores each example; the batch's means are what is minimised and reported.

    What a network sows into "auxiliary", logits [b, k] each, is trained with `auxiliary_weight`
    besides; the loss that is reported is that of the network's own output.
    """

    gradient = _make_gradient(network, objective, auxiliary_weight)

    def train_step(state: State, batch: Batch) -> tuple[State, Report]:
        key = jax.random.fold_in(jax.random.key(seed, impl="threefry2x32"), state.step)
        images = augment(batch.image, batch.id, key)
        mixed = mix(images, batch.label, batch.id, key)
        own_key, own_params = replicas.own_key(key), replicas.vary(state.params)

        def of_part(part: Any, number: jax.Array) -> Any:
            part_key = own_key if micro_batches == 1 else jax.random.fold_in(own_key, number)
            return gradient(own_params, state.batch_stats, *part, part_key)

        grads, loss, error, batch_stats = mean_over_parts(of_part, mixed, micro_batches, replicas)
        # Running statistics are averages of averages: taking the mean over replicas now or only
        # before an evaluation is the same number, and so the state is the same everywhere.
        grads, batch_stats, loss, error = replicas.mean((grads, batch_stats, loss, error))
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        bad = nonfinite_parts(loss, grads, params, batch_stats)
        window = _extend(state, loss, error, bad, log_every_steps)
        new = State(
            step=state.step + 1,
            params=params,
            batch_stats=batch_stats,
            opt_state=opt_state,
            window=window,
            average=average.follow(state.average, params, batch_stats, state.step, average_decay),
        )
        report = Report(
            loss=window.loss / window.steps,
            error=window.error / window.steps,
            lr=jnp.asarray(schedule(state.step), jnp.float32),
            bad_step=window.bad_step,
            bad_parts=window.bad_parts,
            gradients=(norms(grads), relative_updates(updates, state.params))
            if log_gradients
            else (),
        )
        return new, report

    return train_step


def _make_gradient(
    network: nn.Module, objective: Objective, auxiliary_weight: float
) -> Callable[..., tuple[Any, jax.Array, jax.Array, Any]]:
    """Return `gradient(params, batch_stats, images, labels, dropout key)`.

    It gives (gradient of the mean loss and of what `auxiliary_weight` adds to it, mean loss, mean
    error, new batch_stats); labels are as `mix` gave them.
    """

    def gradient(
        params: Any, batch_stats: Any, images: jax.Array, labels: Any, key: jax.Array
    ) -> tuple[Any, jax.Array, jax.Array, Any]:
        def loss_of(params: Any) -> tuple[jax.Array, Any]:
            outputs, updates = network.apply(
                {"params": params, "batch_stats": batch_stats},
                images,
                train=True,
                mutable=["batch_stats", "auxiliary"],
                rngs={"dropout": key},
            )

            def mean_score(outputs: Any) -> Any:
                score = expected(lambda each: objective.score(outputs, images, each), labels)
                return jax.tree.map(jnp.mean, score)

            loss, error = mean_score(outputs)
            others = jax.tree.leaves(updates.get("auxiliary", {}))
            total = loss + sum(auxiliary_weight * mean_score(other).loss for other in others)
            return total, (loss, error, updates.get("batch_stats", {}))

        (_, (loss, error, new)), grads = jax.value_and_grad(loss_of, has_aux=True)(params)
        return grads, loss, error, new

    return gradient


def _extend(
    state: State, loss: jax.Array, error: jax.Array, bad: jax.Array, log_every_steps: int
) -> Window:
    """Add a step to the window, or begin a new one after a log line."""
    old = state.window
    new_window = state.step % log_every_steps == 0
    is_first = (bad > 0) & (old.bad_step < 0)
    return Window(
        loss=jnp.where(new_window, 0, old.loss) + loss,
        error=jnp.where(new_window, 0, old.error) + error,
        steps=jnp.where(new_window, 0, old.steps) + 1,
        bad_step=jnp.where(is_first, state.step + 1, old.bad_step),
        bad_parts=jnp.where(is_first, bad, old.bad_parts),
    )


def make_eval_step(
    network: nn.Module,
    prepare: Callable,
    replicas: Replicas,
    objective: Objective = OBJECTIVES["classify"],
) -> Callable[[Any, Any, Batch, jax.Array], Sums]:
    """Return `eval_step(params, batch_stats, batch [b/d], mask bool [b/d]) -> Sums`.

    `prepare(images u8) -> float32` normalises without augmentation; masked examples count nothing.
    Of images [b/d, crops, h, w, c] the answer is the mean of its crops'.
    """

    def eval_step(params, batch_stats, batch, mask) -> Sums:
        *_, h, w, c = batch.image.shape
        images = prepare(batch.image.reshape(-1, h, w, c))
        variables = {"params": params, "batch_stats": batch_stats}
        outputs: Any = network.apply(variables, images, train=False)
        if batch.image.ndim == 5:
            outputs = mean_answer(outputs, batch.image.shape[1])
        top5: Any = ()
        if objective.score is classify and outputs.shape[-1] > FEW_CLASSES:
            missed = misses(outputs, batch.label)
            top5 = replicas.sum(jnp.sum(jnp.where(mask, missed, 0)))
        loss, error = objective.score(outputs, images, batch.label)
        errors = jnp.where(mask, error, 0)
        loss, error, seen, id_sum = replicas.sum(
            (
                jnp.sum(jnp.where(mask, loss, 0)),
                jnp.sum(errors),
                jnp.sum(mask.astype(jnp.int32)),
                jnp.sum(jnp.where(mask, batch.id.astype(jnp.uint32) + 1, 0)),
            )
        )
        return Sums(loss, error, seen, id_sum, replicas.gather(errors), top5)

    return eval_step
