"""How evenly a network passes on small changes of its input. Pennington et al. 2017.

Singular values s of J V, where J is the Jacobian of the last stage's output, all its pixels and
channels, by the image, and V holds orthonormal random directions of the image: 64, or as many as
the image has numbers, which then gives all singular values of J (digits: 8 x 8). In an isometry
(arXiv 1711.04735) they are equal; the spread is log10 of their 90th over their 10th percentile.

Why not |J v| of single random directions: it is near the root mean square of all singular values
whatever their spread, as v has a bit of each. Why not all directions of a large image: thousands of
passes. Those of V understate the spread, since they lie between the largest and the smallest of J
(Cauchy's interlacing), alike for two networks of one image size. BatchNorm's statistics are held.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from resinc.networks.paths import stage_name
from resinc.networks.staged import StagedNetwork
from resinc.probes.statistics import reestimated
from resinc.probes.subject import Subject, check_stages

EXAMPLES, DIRECTIONS = 8, 64


def check(section: Any) -> None:
    """Check that there is a last stage.

    Raises:
      InputError: another kind of network.
    """
    check_stages("jacobian", section)


def measure(subject: Subject) -> dict[str, Any]:
    """Over training examples, at most 8.

    Returns:
      "spread": mean of log10(90th / 10th percentile of the singular values).
      "log10": {percentile: mean of its log10}, for 10, 50 and 90.
      "directions": how many.
    """
    network = subject.network
    assert isinstance(network, StagedNetwork)
    last = stage_name(len(network.sizes))

    @jax.jit
    def statistics(variables: Any, images: jax.Array) -> Any:
        return reestimated(network, variables, images)

    @jax.jit
    def pushed(variables: Any, image: jax.Array, directions: jax.Array) -> jax.Array:
        """[1, h, w, c], [n, 1, h, w, c] -> J V, [n, h' w' c']."""

        def features(image: jax.Array) -> jax.Array:
            _, kept = network.apply(
                variables,
                image,
                train=False,
                capture_intermediates=lambda module, _: module.name == last,
                mutable=["intermediates"],
            )
            return kept["intermediates"][last]["__call__"][0].astype(jnp.float32)

        # The convolution has a gradient of its own, so no forward mode; but what takes cotangents
        # back is linear in them, and its own transpose takes directions forward.
        output, pull = jax.vjp(features, image)
        _, push = jax.vjp(pull, jnp.zeros_like(output))
        return jax.vmap(lambda v: push((v,))[0].ravel())(directions)

    variables = {
        **subject.variables,
        "batch_stats": statistics(subject.variables, subject.batch[0]),
    }
    shape = subject.batch[0].shape[1:]
    count = min(DIRECTIONS, int(np.prod(shape)))
    random = np.random.RandomState(0).randn(int(np.prod(shape)), count)
    directions = np.linalg.qr(random)[0].T.reshape(count, 1, *shape).astype(np.float32)
    logs = []
    for image in subject.batch[0][:EXAMPLES]:
        columns = np.asarray(pushed(variables, image[None], directions), np.float64)
        values = np.linalg.svd(columns, compute_uv=False)
        # Of fewer features than directions, or of a dead network, some are 0.
        logs.append(np.log10(np.maximum(np.percentile(values, (10, 50, 90)), 1e-30)))
    low, middle, high = np.mean(logs, axis=0).tolist()
    return {
        "spread": high - low,
        "log10": {"10": low, "50": middle, "90": high},
        "directions": count,
    }
