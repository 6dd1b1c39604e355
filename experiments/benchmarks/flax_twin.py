"""ResNet as one writes it in plain Flax: nn.Conv, nn.BatchNorm, optax, jit; no flags."""

import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from experiments.benchmarks.ours import configuration
from resinc.data import DATASETS
from resinc.networks.cifar import blocks_per_stage


class ResNet(nn.Module):
    """He et al. 2015, section 4.2, option A."""

    n: int
    classes: int
    width: int = 16

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        conv = functools.partial(nn.Conv, kernel_size=(3, 3), use_bias=False)
        norm = functools.partial(nn.BatchNorm, use_running_average=not train, momentum=0.9)
        x = nn.relu(norm()(conv(self.width)(x)))
        for i in range(3):
            features = self.width * 2**i
            for j in range(self.n):
                stride = 2 if i and not j else 1
                y = nn.relu(norm()(conv(features, strides=stride)(x)))
                y = norm()(conv(features)(y))
                extra = features - x.shape[-1]
                pads = ((0, 0), (0, 0), (0, 0), (extra // 2, extra - extra // 2))
                x = nn.relu(y + jnp.pad(x[:, ::stride, ::stride], pads))
        return nn.Dense(self.classes)(jnp.mean(x, axis=(1, 2)))


def prepare(
    recipe: str, evaluating: bool = False, **fields: Any
) -> tuple[Callable[[], None], dict[str, Any]]:
    """As `ours.prepare`."""
    config = configuration(recipe, **fields)
    spec = DATASETS[config.data.name]
    network = ResNet(blocks_per_stage(config.model.depth), spec.num_classes, config.model.width)
    x = jax.random.normal(jax.random.key(0), (config.batch_size, *spec.image_shape))
    labels = jax.random.randint(jax.random.key(1), (config.batch_size,), 0, spec.num_classes)
    variables = jax.jit(functools.partial(network.init, train=False))(jax.random.key(2), x[:1])
    section = config.optimizer
    optimizer = optax.chain(
        optax.add_decayed_weights(section.weight_decay),
        optax.sgd(section.lr, momentum=section.momentum),
    )

    def loss_of(params: Any, batch_stats: Any) -> Any:
        tree = {"params": params, "batch_stats": batch_stats}
        logits, updates = network.apply(tree, x, train=True, mutable=["batch_stats"])
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
        return loss, updates["batch_stats"]

    @functools.partial(jax.jit, donate_argnums=0)
    def step(state: Any) -> Any:
        params, batch_stats, opt_state = state
        (_, batch_stats), grads = jax.value_and_grad(loss_of, has_aux=True)(params, batch_stats)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        return optax.apply_updates(params, updates), batch_stats, opt_state

    @jax.jit
    def evaluated(variables: Any) -> Any:
        logits: Any = network.apply(variables, x, train=False)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
        return losses.sum(), (logits.argmax(-1) != labels).sum()

    about = {"parameters": sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))}
    if evaluating:
        return lambda: jax.block_until_ready(evaluated(variables)), about
    params = variables["params"]
    state = params, variables["batch_stats"], jax.jit(optimizer.init)(params)

    def call() -> None:
        nonlocal state
        state = jax.block_until_ready(step(state))

    return call, about
