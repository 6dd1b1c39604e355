"""Singular values, against those of a Jacobian written out in float64."""

import numpy as np
import pytest

from resinc.errors import InputError
from resinc.networks.paths import unstack
from resinc.probes import PROBES, check_probes, jacobian
from tests.probes import by_hand
from tests.probes.staged import section, subject


@pytest.mark.parametrize("block", ["plain", "residual"])
def test_spread_is_that_of_the_jacobian_by_hand(block, monkeypatch):
    """As many directions as the image has numbers: all singular values, whichever they are."""
    measured = subject(by_hand.SHAPE, block=block, **(by_hand.OPTIONS | {"width": 16}))
    found = jacobian.measure(measured)
    assert found["directions"] == 3
    logs = []
    for image in np.asarray(measured.batch[0][: jacobian.EXAMPLES]):
        own = by_hand.example(measured.params, image, block == "residual")
        values = np.linalg.svd(own.features(), compute_uv=False)
        assert values[2] > 1e-6
        logs.append(np.log10(np.percentile(values, (10, 50, 90))))
    expected = np.mean(logs, axis=0)
    np.testing.assert_allclose(list(found["log10"].values()), expected, atol=1e-3)
    assert found["spread"] == pytest.approx(expected[2] - expected[0], abs=1e-3)
    assert found["spread"] > 0.1

    # Fewer directions: singular values of the Jacobian between them.
    monkeypatch.setattr(jacobian, "DIRECTIONS", 2)
    fewer = jacobian.measure(measured)
    assert fewer["directions"] == 2
    assert 0 < fewer["spread"] < found["spread"]


@pytest.mark.parametrize("name", ["gradient_correlation", "jacobian", "path_lengths"])
def test_scanned_and_unrolled_networks_measure_the_same(name):
    scanned = subject(by_hand.SHAPE, depth=14, width=4)
    unrolled = scanned._replace(
        network=scanned.network.clone(scan=False),
        **{tree: unstack(values) for tree, values in scanned.variables.items()},
    )

    def numbers(value):
        if isinstance(value, dict):
            return [number for part in value.values() for number in numbers(part)]
        return [value]

    found = [numbers(PROBES[name].measure(each)) for each in (scanned, unrolled)]
    np.testing.assert_allclose(*found, rtol=1e-3, atol=1e-5)


def test_networks_without_stages_are_refused():
    check_probes(["jacobian"], section(block="preact"))
    with pytest.raises(InputError, match="not 'googlenet'"):
        check_probes(["jacobian"], section(name="googlenet"))
