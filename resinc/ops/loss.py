"""What is minimised, and what is reported."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

Shape = tuple[int, ...]
# One grey level of an 8-bit image, squared: no image counts as flatter than that.
_FLATTEST = (1 / 255) ** 2


class Score(NamedTuple):
    """Of each example, so that means over any set of examples are exact."""

    loss: jax.Array  # float32 [b].
    error: jax.Array  # float32 [b].


class Objective(NamedTuple):
    """What a network is trained for.

    Attributes:
      score: (outputs, images, labels) -> Score. The images are those that the network was given,
        float32 [b, h, w, c]; labels are int [b].
      output: (shape of an image, classes) -> shape that the network must put out for it.
    """

    score: Callable[[jax.Array, jax.Array, jax.Array], Score]
    output: Callable[[Shape, int], Shape]


def cross_entropy(logits: jax.Array, labels: jax.Array, smoothing: float = 0.0) -> jax.Array:
    """Softmax cross-entropy in nats per example: [b, k], int [b] -> float32 [b].

    With smoothing e the target is 1 - e + e/k for the label and e/k for every other class. Szegedy
    et al. 2015 (arXiv 1512.00567), section 7.
    """
    logits = logits.astype(jnp.float32)
    if not smoothing:
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    targets = optax.smooth_labels(jax.nn.one_hot(labels, logits.shape[-1]), smoothing)
    return optax.softmax_cross_entropy(logits, targets)


def mistakes(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """1 where the largest logit is not the label's, else 0: [b, k], int [b] -> float32 [b]."""
    return (jnp.argmax(logits, -1) != labels).astype(jnp.float32)


def misses(logits: jax.Array, labels: jax.Array, most: int = 5) -> jax.Array:
    """1 where the label's logit is not among the `most` largest: [b, k], int [b] -> float32 [b].

    Of equal ones the first count as larger, as for argmax; no label is among numbers that are none.
    """
    own = jnp.take_along_axis(logits, labels[:, None], axis=-1)
    earlier = jnp.arange(logits.shape[-1])[None] < labels[:, None]
    ahead = ~(logits <= own) | ((logits == own) & earlier)
    return (jnp.sum(ahead, axis=-1) >= most).astype(jnp.float32)


def mean_answer(logits: jax.Array, crops: int) -> jax.Array:
    """Logarithm of the mean probabilities of an image's crops: [b * crops, k] -> float32 [b, k].

    Krizhevsky et al. 2012, section 4.1: "averaging the predictions made by the network's softmax
    layer on the ten patches".
    """
    each = jax.nn.log_softmax(logits.astype(jnp.float32)).reshape(-1, crops, logits.shape[-1])
    return jax.nn.logsumexp(each, axis=1) - jnp.log(float(crops))


def classify(
    logits: jax.Array, images: jax.Array, labels: jax.Array, smoothing: float = 0.0
) -> Score:
    """Cross-entropy and mistakes of logits [b, k]."""
    del images
    return Score(cross_entropy(logits, labels, smoothing), mistakes(logits, labels))


def reproduce(outputs: jax.Array, images: jax.Array, labels: jax.Array) -> Score:
    """How far outputs [b, h, w, c] are from the images.

    The loss is the mean squared error of an image's numbers. The error is the part of the image
    that is left unexplained: that squared error over the image's variance about its own mean in
    each channel. 0 is a copy, 1 as bad as a flat image of the right brightness, and it may be more.
    Each image is its own measure, so that an error averaged over images needs no other number.
    """
    del labels
    loss = jnp.mean(jnp.square(outputs.astype(jnp.float32) - images), axis=(1, 2, 3))
    variance = jnp.mean(jnp.var(images, axis=(1, 2)), axis=-1)
    return Score(loss, loss / jnp.maximum(variance, _FLATTEST))


OBJECTIVES = {
    "classify": Objective(classify, lambda image, classes: (classes,)),
    "reproduce": Objective(reproduce, lambda image, classes: image),
}


def training_objective(name: str, smoothing: float) -> Objective:
    """The objective that is minimised: of a classifier with its labels smoothed."""
    objective = OBJECTIVES[name]
    if not smoothing:
        return objective
    return objective._replace(score=functools.partial(classify, smoothing=smoothing))
