"""How much of the first layer's gradient arrives by the shortcuts alone, and in which direction.

A residual network is a sum over paths, each through or past every branch (Veit et al. 2016). With
the gradient stopped at the output of all branches, the one path past all of them remains.
"""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from resinc.networks.staged import StagedNetwork
from resinc.ops.loss import cross_entropy
from resinc.probes.subject import Subject, check_shortcuts


def check(section: Any) -> None:
    """Check that there are branches to stop at.

    Raises:
      InputError: the network's blocks have no shortcut.
    """
    check_shortcuts("shortcut_share", section)


def measure(subject: Subject) -> dict[str, float]:
    """Compare the gradients that the first convolution gets, of the loss of a training batch.

    What a gate computes from the shortcut belongs to the shortcut's path.

    Returns:
      "full" and "shortcut": norm of the kernel's gradient by all paths, and by the shortcuts alone.
      "share": their inner product over the square of "full"; that of the other paths is 1 - share.
      "cosine": of the angle between the two.
      "cosine_of_outputs": likewise of the gradients by what the convolution puts out, all examples,
        pixels and channels: what arrives, before the kernel's gradient sums over examples.
    """
    network = subject.network
    assert isinstance(network, StagedNetwork)
    layers = functools.partial(network.layers, branch_gradient=0.0)
    full = _stem_gradients(subject, network)
    shortcut = _stem_gradients(subject, network.clone(layers=layers))
    norms = [float(jnp.linalg.norm(gradient)) for gradient in (full[0], shortcut[0])]
    product = float(jnp.vdot(full[0], shortcut[0]))
    return {
        "full": norms[0],
        "shortcut": norms[1],
        "share": product / (norms[0] ** 2 or 1.0),
        "cosine": _cosine(full[0], shortcut[0]),
        "cosine_of_outputs": _cosine(full[1], shortcut[1]),
    }


def _cosine(a: jax.Array, b: jax.Array) -> float:
    # A gradient that is exactly zero has no direction.
    both = float(jnp.linalg.norm(a)) * float(jnp.linalg.norm(b)) or 1.0
    return float(jnp.vdot(a, b)) / both


def _stem_gradients(subject: Subject, network: StagedNetwork) -> tuple[jax.Array, jax.Array]:
    """By the kernel and by the output, each flat."""

    # Nothing is closed over: as a constant it would cost every run a compilation of its own.
    @jax.jit
    def gradients(
        kernel: jax.Array, variables: dict[str, Any], images: jax.Array, labels: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        def loss(kernel: jax.Array, added: jax.Array) -> jax.Array:
            def with_added(run: Any, args: Any, kwargs: Any, context: Any) -> Any:
                y = run(*args, **kwargs)
                is_stem = (
                    context.module.path == ("stem_conv",) and context.method_name == "__call__"
                )
                return y + added.astype(y.dtype) if is_stem else y

            stem = {**variables["params"]["stem_conv"], "kernel": kernel}
            with nn.intercept_methods(with_added):
                logits, _ = network.apply(
                    {**variables, "params": {**variables["params"], "stem_conv": stem}},
                    images,
                    train=True,
                    mutable=["batch_stats", "auxiliary"],
                    rngs={"dropout": jax.random.key(0)},
                )
            return jnp.mean(cross_entropy(logits, labels))

        pixels = (-(-size // network.stem[1]) for size in images.shape[1:3])
        nothing = jnp.zeros((len(images), *pixels, kernel.shape[-1]))
        return jax.grad(loss, argnums=(0, 1))(kernel, nothing)

    kernel = subject.params["stem_conv"]["kernel"]
    by_kernel, by_output = gradients(kernel, subject.variables, *subject.batch)
    return by_kernel.ravel(), by_output.ravel()
