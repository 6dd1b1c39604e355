"""What is minimised, and what is reported."""

import jax
import jax.numpy as jnp
import optax


def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Softmax cross-entropy in nats per example: [b, k], int [b] -> float32 [b]."""
    return optax.softmax_cross_entropy_with_integer_labels(logits.astype(jnp.float32), labels)


def mistakes(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """1 where the largest logit is not the label's, else 0: [b, k], int [b] -> float32 [b]."""
    return (jnp.argmax(logits, -1) != labels).astype(jnp.float32)
