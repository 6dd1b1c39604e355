"""How much of the first layer's gradient arrives by the shortcuts alone.

A residual network is a sum over paths, each through or past every branch (Veit et al. 2016). With
the gradient stopped at the output of all branches, the one path past all of them remains.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from resinc.blocks import BLOCKS
from resinc.errors import InputError
from resinc.networks.staged import StagedNetwork
from resinc.ops.loss import cross_entropy
from resinc.probes.subject import Subject
from resinc.registry import lookup

NETWORKS = ("cifar", "imagenet", "signs")


def check(section: Any) -> None:
    """Check that there are branches to stop at.

    Raises:
      InputError: the network's blocks have no shortcut.
    """
    if section.name not in NETWORKS or not lookup(BLOCKS, section.block, "block").has_branch:
        raise InputError(
            f"probe 'shortcut_share' needs blocks with a shortcut in a network of blocks "
            f"({', '.join(NETWORKS)}), not {section.block!r} in {section.name!r}"
        )


def measure(subject: Subject) -> dict[str, float]:
    """Compare the gradients of the stem's kernel, of the loss of a training batch.

    What a gate computes from the shortcut belongs to the shortcut's path.

    Returns:
      "full" and "shortcut": norm of the gradient by all paths, and by the shortcuts alone.
      "share": their inner product over the square of "full"; that of the other paths is 1 - share.
      "cosine": of the angle between the two.
    """
    network = subject.network
    assert isinstance(network, StagedNetwork)
    layers = functools.partial(network.layers, stop_branch=True)
    full = _stem_gradient(subject, network)
    shortcut = _stem_gradient(subject, network.clone(layers=layers))
    norms = [float(jnp.linalg.norm(gradient)) for gradient in (full, shortcut)]
    product = float(jnp.vdot(full, shortcut))
    # A gradient that is exactly zero has no direction.
    square, both = norms[0] ** 2 or 1.0, norms[0] * norms[1] or 1.0
    return {
        "full": norms[0],
        "shortcut": norms[1],
        "share": product / square,
        "cosine": product / both,
    }


def _stem_gradient(subject: Subject, network: StagedNetwork) -> jax.Array:
    # Nothing is closed over: as a constant it would cost every run a compilation of its own.
    @jax.jit
    def gradient(
        kernel: jax.Array, variables: dict[str, Any], images: jax.Array, labels: jax.Array
    ) -> jax.Array:
        def loss(kernel: jax.Array) -> jax.Array:
            stem = {**variables["params"]["stem_conv"], "kernel": kernel}
            logits, _ = network.apply(
                {**variables, "params": {**variables["params"], "stem_conv": stem}},
                images,
                train=True,
                mutable=["batch_stats", "auxiliary"],
                rngs={"dropout": jax.random.key(0)},
            )
            return jnp.mean(cross_entropy(logits, labels))

        return jax.grad(loss)(kernel)

    kernel = subject.params["stem_conv"]["kernel"]
    return gradient(kernel, subject.variables, *subject.batch).ravel()
