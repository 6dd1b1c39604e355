"""How alike the gradients of neighbouring examples are. Balduzzi et al. 2017 (arXiv 1702.08591).

    g(x) = d (u . logits(x)) / dx        c(x, x') = g(x) . g(x') / (|g(x)| |g(x')|)

The paper's section 2 takes networks of one input and one output, and correlates the gradient by the
input between points of a line: where it is shattered, it changes like white noise from one point to
the next. Here the input is an image and u one random direction of the logits, the same for all
examples, so that labels play no part. BatchNorm's statistics are held, so that an example's
gradient depends on it alone. Gradients by parameters are not taken: of those a minibatch uses the
sum, but what shatters is the input gradient, of which they are made.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from resinc.probes.statistics import reestimated
from resinc.probes.subject import Subject, check_stages

EXAMPLES = 64
# Of the way from an example to its neighbour.
FRACTIONS = (1 / 64, 1 / 16, 1 / 4)
# By this one networks are compared. It was chosen after one seed on the digits had been seen, where
# the nearest image itself gave -0.04 (plain) and 0.04 (residual): to be told with the outcome.
NEIGHBOUR = 1 / 16


def check(section: Any) -> None:
    """Check that there are logits, and statistics to hold.

    Raises:
      InputError: another kind of network.
    """
    check_stages("gradient_correlation", section)


def measure(subject: Subject) -> dict[str, Any]:
    """Mean cosines between the gradients of training examples, at most 64.

    Returns:
      "neighbours": of an example and the point 1/16 of the way to its nearest other one in the
        batch, by the squared differences of their pixels: the number that stands for the network.
        On the way to the nearest real image nothing is left of the correlation in any deep one
        (digits, 56 layers at the start, one seed: 0.04 residual, -0.04 plain; 1/16 of the way 0.62
        and 0.01).
      "nearest": of an example and that nearest other one.
      "line": {fraction: of an example and the point that far on the straight line to it}.
      "random": of two examples without regard to their distance.
      "distance": mean distance to the nearest, over the length of the example.
    """
    images = np.asarray(subject.batch[0])
    rows = images.reshape(len(images), -1).astype(np.float64)
    chosen = np.arange(min(EXAMPLES, len(images)))
    squares = np.sum(rows**2, axis=1)
    distances = squares[chosen, None] + squares - 2 * rows[chosen] @ rows.T
    distances[chosen, chosen] = np.inf
    nearest = np.argmin(distances, axis=1)

    @jax.jit
    def statistics(variables: Any, images: jax.Array) -> Any:
        return reestimated(subject.network, variables, images)

    @jax.jit
    def gradients(variables: Any, direction: jax.Array, images: jax.Array) -> jax.Array:
        def output(images: jax.Array) -> jax.Array:
            logits: Any = subject.network.apply(variables, images, train=False)
            return jnp.sum(logits @ direction)

        return jax.grad(output)(images)

    variables = {
        **subject.variables,
        "batch_stats": statistics(subject.variables, subject.batch[0]),
    }
    direction = np.random.RandomState(0).randn(subject.num_classes).astype(np.float32)

    def at(points: np.ndarray) -> np.ndarray:
        found = np.asarray(gradients(variables, direction, points), np.float64)
        return found.reshape(len(points), -1)

    here, there = images[chosen], images[nearest]
    own = at(here)
    near = np.sqrt(np.take_along_axis(distances, nearest[:, None], axis=1)[:, 0])
    line = {
        fraction: cosine(own, at(here + np.float32(fraction) * (there - here)))
        for fraction in FRACTIONS
    }
    return {
        "neighbours": line[NEIGHBOUR],
        "nearest": cosine(own, at(there)),
        "line": {f"{fraction:g}": value for fraction, value in line.items()},
        "random": cosine(own, np.roll(own, 1, axis=0)),
        "distance": float(np.mean(near / np.sqrt(squares[chosen]))),
    }


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Mean over rows of the cosine between a row of [n, m] and that of another; 0 of a zero row."""
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(np.mean(np.sum(a * b, axis=1) / np.where(norms > 0, norms, 1)))
