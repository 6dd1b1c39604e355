"""The probe of layer responses, against a forward pass written out."""

import jax
import numpy as np
import pytest

from resinc.errors import InputError
from resinc.networks.paths import unstack
from resinc.ops.conv import conv2d
from resinc.probes import check_probes, responses
from tests.probes.staged import section, subject


def normalised(x, params, batch_stats, layer):
    norm = layer.replace("conv", "norm")
    y = np.asarray(conv2d(x, params[layer]["kernel"], 1, "SAME", 1))
    scaled = (y - batch_stats[norm]["mean"]) / np.sqrt(batch_stats[norm]["var"] + 1e-5)
    return scaled * params[norm]["scale"] + params[norm]["bias"]


@pytest.mark.parametrize("block", ["plain", "residual"])
def test_responses_are_taken_behind_the_norm_and_before_relu_or_addition(block):
    measured = subject(block=block, depth=14, width=4, shortcut="B")
    found = responses.measure(measured)
    blocks = [f"stage{s}/block{b:02d}" for s in (1, 2, 3) for b in (1, 2)]
    layers = [f"{block}/conv{i}" for block in blocks for i in (1, 2)]
    assert list(found) == ["stem_conv", *layers]  # In depth order, no projection among them.

    params, batch_stats = (jax.device_get(unstack(t)) for t in measured.variables.values())
    y = normalised(measured.batch[0], params, batch_stats, "stem_conv")
    expected = [np.std(y)]
    x = np.maximum(y, 0)
    for name in ("block01", "block02"):
        parts = params["stage1"][name], batch_stats["stage1"][name]
        y = normalised(x, *parts, "conv1")
        expected.append(np.std(y))
        y = normalised(np.maximum(y, 0), *parts, "conv2")
        expected.append(np.std(y))
        x = np.maximum(y + (x if block == "residual" else 0), 0)
    np.testing.assert_allclose(list(found.values())[:5], expected, rtol=1e-4)


@pytest.mark.parametrize(
    "changes", [{"block": "preact"}, {"norm": "none"}, {"name": "nin"}, {"name": "stack"}]
)
def test_networks_without_such_layers_are_refused(changes):
    check_probes(["responses"], section())
    with pytest.raises(InputError, match="probe 'responses' needs"):
        check_probes(["responses"], section(**changes))
