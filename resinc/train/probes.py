"""Take the probes of a run."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from resinc import networks
from resinc.data.on_device import normalize
from resinc.probes import PROBES, Subject
from resinc.train.assemble import Setup
from resinc.train.compiled.members import member
from resinc.train.replica.precision import precisely
from resinc.train.replica.state import State

# Enough for an error to 0.05 %, few enough to be one batch on any device; of images of more than
# PIXELS as many fewer as they are larger.
BATCH_EXAMPLES, TEST_EXAMPLES, FEWEST = 256, 2_000, 32
PIXELS = 64 * 64


def measure(
    setup: Setup,
    normalizer: normalize.Normalizer,
    state: State,
    names: Sequence[str],
    index: int | None = None,
) -> dict[str, Any]:
    """{probe: what it measured}.

    Args:
      setup: of the run.
      normalizer: of the training split.
      state: its weights are measured, replicated or not.
      names: keys of PROBES.
      index: of the member whose weights are measured; None: the state is of one run.
    """
    if not names:
        return {}
    dataset = setup.dataset
    section, classes = setup.config.model, dataset.spec.num_classes

    h, w, _ = dataset.spec.image_shape

    def examples(split: str, most: int) -> tuple[jax.Array, jax.Array]:
        some = dataset.some(split, min(most, max(FEWEST, most * PIXELS // (h * w))))
        images = normalize.prepare(jnp.asarray(some.image), normalizer)
        return images, jnp.asarray(some.label)

    weights = jax.device_get((state.params, state.batch_stats))
    params, batch_stats = member(weights, index)
    subject = Subject(
        section=section,
        num_classes=classes,
        network=networks.build(section, classes),
        params=jax.device_put(params),
        batch_stats=jax.device_put(batch_stats),
        batch=examples("train", BATCH_EXAMPLES),
        test=examples("test", TEST_EXAMPLES),
    )
    precise = precisely(section.matmul_precision)
    return {name: precise(PROBES[name].measure)(subject) for name in names}
