"""Parameters, multiply-adds, activations and weighted depth, counted in the traced computation.

Nothing is restated by hand: the function is traced, and `jaxpr_walk` follows its values.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from resinc.cost.jaxpr_walk import Event, Value, walk
from resinc.networks import paths
from resinc.networks.variables import Shape, evaluating, variable_shapes
from resinc.ops.platform import as_defined


@dataclasses.dataclass(frozen=True)
class Layer:
    """One row.

    Attributes:
      path: module that owns the weights, e.g. "stage1/block02/conv1".
      kind: "conv", "dense", "norm" or "other".
      shape: of the output for one image, without the batch axis.
      parameters: trainable scalars.
      multiply_adds: for one image; of convolutions and matrix products only.
      padding: of which with the zeros around an image: papers count them, on 2x2 pixels they are
        most of a 5x5 convolution.
      activations: numbers that these put out for one image (Radosavovic et al. 2020, section 3.2).
      calls: how often the weights are applied; above 1 when shared.
    """

    path: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    multiply_adds: int
    padding: int
    activations: int
    calls: int


@dataclasses.dataclass(frozen=True)
class Cost:
    """Layers in the order in which they compute, and what they sum to.

    Attributes:
      depth: convolutions and dense layers with weights on the longest way from input to output. A
        projection shortcut is shorter than the branch beside it, so it does not count, as in the
        papers.
      output: shape for one image, without the batch axis; of several outputs that of the first.
    """

    layers: tuple[Layer, ...]
    depth: int
    output: tuple[int, ...]

    @property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self.layers)

    @property
    def multiply_adds(self) -> int:
        return sum(layer.multiply_adds for layer in self.layers)

    @property
    def padding(self) -> int:
        """Multiply-adds with the zeros around an image, which `multiply_adds` contains."""
        return sum(layer.padding for layer in self.layers)

    @property
    def activations(self) -> int:
        return sum(layer.activations for layer in self.layers)


def network_cost(network: nn.Module, image_shape: Shape) -> Cost:
    """Cost of a Linen network in evaluation, for one image of `image_shape` [h, w, c].

    The module may take `train`; it is passed False. Nothing is computed or allocated.

    Raises:
      InputError: the network does not take such images.
    """
    variables = variable_shapes(network, image_shape)
    images = jax.ShapeDtypeStruct((1, *image_shape), jnp.float32)
    options = evaluating(network)

    def forward(params: Any, batch_stats: Any, x: jax.Array) -> Any:
        return network.apply({"params": params, "batch_stats": batch_stats}, x, **options)

    return _cost(forward, variables["params"], variables["batch_stats"], (images,))


def cost(function: Callable[..., Any], params: Any, *inputs: Any) -> Cost:
    """Cost of `function(params, *inputs)`.

    Args:
      params: pytree of arrays or `jax.ShapeDtypeStruct`; its paths name the layers.
      *inputs: likewise, batch axis first, of size 1 for the cost of one example.

    Raises:
      ValueError: convolutions or matrix products run inside a loop of unknown length.
    """
    return _cost(lambda params, _, *inputs: function(params, *inputs), params, {}, inputs)


def _cost(function: Callable[..., Any], params: Any, state: Any, inputs: tuple[Any, ...]) -> Cost:
    """`state` is neither trained nor input: batch statistics."""
    with as_defined():  # What a platform's own form of a layer does besides is not the layer's.
        closed = jax.make_jaxpr(function)(params, state, *inputs)
    values = [Value(leaves=(path,)) for path in paths.leaf_paths(params)]
    values += [Value() for _ in jax.tree.leaves(state)]
    values += [Value(depth=0) for _ in jax.tree.leaves(inputs)]
    arrays = dict(paths.flatten(params))
    outputs, events = walk(closed.jaxpr, values, {k: v.size for k, v in arrays.items()})
    layers = _layers(events, arrays)
    depth = max([0, *(value.depth for value in outputs)])
    return Cost(layers, depth, closed.out_avals[0].shape[1:])


def _layers(events: list[Event], arrays: dict[str, Any]) -> tuple[Layer, ...]:
    """Rows in order of first use; what is never used comes last, so that parameters add up."""
    owned: dict[str, list[str]] = {}
    for leaf in arrays:
        owned.setdefault(paths.layer_of(leaf), []).append(leaf)
    met: dict[str, list[Event]] = {}
    for event in events:
        path = f"{event.kind} without weights"
        met.setdefault(paths.layer_of(event.leaf) if event.leaf else path, []).append(event)
    rows = []
    for path in dict.fromkeys([*met, *owned]):
        here, leaves = met.get(path, []), owned.get(path, [])
        scaled = any(leaf.endswith("/scale") for leaf in leaves)
        kinds = [event.kind for event in here if event.kind]
        calls = [event.leaf for event in here]
        rows.append(
            Layer(
                path=path,
                kind=kinds[0] if kinds else "norm" if scaled else "other",
                shape=here[-1].shape if here else (),
                parameters=sum(arrays[leaf].size for leaf in leaves),
                multiply_adds=sum(event.multiply_adds for event in here),
                padding=sum(event.padding for event in here),
                activations=sum(math.prod(event.shape) for event in here if event.kind),
                calls=max(map(calls.count, calls), default=0),
            )
        )
    return tuple(rows)
