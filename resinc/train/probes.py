"""Take the probes of a run."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from resinc import data, networks
from resinc.data import normalize
from resinc.probes import PROBES, Subject
from resinc.train.assemble import Machine
from resinc.train.members import member
from resinc.train.precision import precisely
from resinc.train.state import State

# Enough for an error to 0.05 %, few enough to be one batch on any device.
BATCH_EXAMPLES, TEST_EXAMPLES = 256, 2_000


def measure(
    machine: Machine,
    splits: data.Splits,
    normalizer: normalize.Normalizer,
    state: State,
    names: Sequence[str],
    index: int | None = None,
) -> dict[str, Any]:
    """{probe: what it measured}.

    Args:
      machine: of the run.
      splits: its data.
      normalizer: of the training split.
      state: its weights are measured, replicated or not.
      names: keys of PROBES.
      index: of the member whose weights are measured; None: the state is of one run.
    """
    if not names:
        return {}
    section, classes = machine.config.model, splits.spec.num_classes

    def examples(split: data.Split, most: int) -> tuple[jax.Array, jax.Array]:
        # Evenly from the whole split: neighbours may resemble each other.
        taken = slice(None, None, max(1, len(split) // most))
        images = normalize.prepare(jnp.asarray(split.image[taken][:most]), normalizer)
        return images, jnp.asarray(split.label[taken][:most])

    weights = jax.device_get((state.params, state.batch_stats))
    params, batch_stats = member(weights, index)
    subject = Subject(
        section=section,
        num_classes=classes,
        network=networks.build(section, classes),
        params=jax.device_put(params),
        batch_stats=jax.device_put(batch_stats),
        batch=examples(splits.train, BATCH_EXAMPLES),
        test=examples(splits.test, TEST_EXAMPLES),
    )
    precise = precisely(section.matmul_precision)
    return {name: precise(PROBES[name].measure)(subject) for name in names}
