"""What the lag of BatchNorm's running statistics costs: evaluation mode against training mode.

Running statistics are a mean over past steps, 1 / (1 - decay) of them: a hundred at Keras's decay
of 0.99. Weights that moved since are evaluated with statistics of what they were.

Training mode is taken literally for training examples alone. With the statistics of a batch of
test images, what an image is taken for would hang on those that happen to be tested beside it. So
one pass over training examples gives statistics of the weights as they are now, and each test image
is judged by itself with these.
"""

from typing import Any

import jax
import jax.numpy as jnp

from resinc.errors import InputError
from resinc.ops.loss import cross_entropy, mistakes
from resinc.probes.statistics import reestimated
from resinc.probes.subject import Subject, check_stages


def check(section: Any) -> None:
    """Check that there are running statistics.

    Raises:
      InputError: a network of another kind, or one without BatchNorm.
    """
    check_stages("running_statistics", section)
    if section.norm != "batch":
        raise InputError(
            f"probe 'running_statistics' needs model.norm 'batch', not {section.norm!r}"
        )


def measure(subject: Subject) -> dict[str, dict[str, float]]:
    """Error (a fraction) and loss (nats) of the test examples.

    Returns:
      "evaluation": {"error", "loss"} with the running statistics, as every evaluation has them.
      "training": likewise, with those of a batch of training examples.
    """

    @jax.jit
    def statistics(variables: Any, images: jax.Array) -> Any:
        return reestimated(subject.network, variables, images)

    @jax.jit
    def ends(variables: Any, images: jax.Array, labels: jax.Array) -> tuple[jax.Array, jax.Array]:
        logits: Any = subject.network.apply(variables, images, train=False)
        return jnp.mean(mistakes(logits, labels)), jnp.mean(cross_entropy(logits, labels))

    def found(batch_stats: Any) -> dict[str, float]:
        variables = {"params": subject.params, "batch_stats": batch_stats}
        error, loss = ends(variables, *subject.test)
        return {"error": float(error), "loss": float(loss)}

    return {
        "evaluation": found(subject.batch_stats),
        "training": found(statistics(subject.variables, subject.batch[0])),
    }
