"""Cosines of gradients, against backpropagation written out in float64."""

import numpy as np
import pytest

from resinc.errors import InputError
from resinc.probes import check_probes, gradient_correlation
from tests.probes import by_hand
from tests.probes.staged import section, subject


@pytest.mark.parametrize("block", ["plain", "residual"])
def test_cosines_are_those_of_gradients_by_hand(block):
    measured = subject(by_hand.SHAPE, block=block, **by_hand.OPTIONS)
    found = gradient_correlation.measure(measured)
    images = np.asarray(measured.batch[0], np.float64)
    direction = np.random.RandomState(0).randn(3)

    def gradient(image):
        own = by_hand.example(measured.params, image, block == "residual")
        return own.features() @ own.head @ direction

    def cosine(a, b):
        lengths = np.linalg.norm(a) * np.linalg.norm(b)
        return a @ b / lengths if lengths else 0.0

    def mean(partners):
        return np.mean([cosine(gradient(a), gradient(b)) for a, b in partners])

    nearest = []
    for i, image in enumerate(images):
        distances = [np.sum((image - other) ** 2) for other in images]
        distances[i] = np.inf
        nearest.append(images[np.argmin(distances)])
    line = [a + (b - a) / 16 for a, b in zip(images, nearest, strict=True)]
    rolled = np.roll(images, 1, axis=0)
    expected = [mean(zip(images, others, strict=True)) for others in (nearest, line, rolled)]
    np.testing.assert_allclose(
        [found["nearest"], found["neighbours"], found["random"]], expected, atol=1e-4
    )
    assert len({round(value, 3) for value in expected}) == 3
    steps = [np.linalg.norm(a - b) / np.linalg.norm(a) for a, b in zip(images, nearest)]  # noqa: B905
    assert found["distance"] == pytest.approx(np.mean(steps), rel=1e-4)


def test_networks_without_stages_are_refused():
    check_probes(["gradient_correlation"], section(block="inception"))
    with pytest.raises(InputError, match="not 'nin'"):
        check_probes(["gradient_correlation"], section(name="nin"))
