from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from resinc.data.image_files import bilinear
from resinc.data.image_files.bilinear import Box, resize

NOISE = np.random.RandomState(0).randint(0, 256, (97, 131, 3), np.uint8)  # The worst of images.
BOXES = [
    Box(0, 0, 97, 131),
    Box(5, 9, 60, 100),
    Box(30, 40, 20, 25),
    Box(3.25, 7.5, 71.3, 88.9),
    Box(1 / 3, 1 / 7, 97 - 1 / 3, 131 - 1 / 7),
]
BILINEAR = Image.Resampling.BILINEAR


@pytest.fixture(params=["simd", "pillow"])
def by(request, monkeypatch):
    if request.param == "pillow":
        monkeypatch.setattr(bilinear, "fast", None)
    elif not bilinear.fast:
        pytest.skip("cykooz_resizer has no wheel for this machine")


def differences(result, expected):
    difference = abs(result.astype(int) - np.asarray(expected).astype(int))
    return difference.max(), difference.mean()


@pytest.mark.parametrize("size", [(48, 48), (64, 40), (20, 90), (120, 150), (7, 5)])
@pytest.mark.parametrize("box", BOXES)
@pytest.mark.usefixtures("by")
def test_filter_is_pillows(box, size):
    region = (box.left, box.top, box.left + box.width, box.top + box.height)
    expected = Image.fromarray(NOISE).resize(size[::-1], BILINEAR, box=region)
    result = resize(NOISE, box, size, beyond=True)
    assert (result.shape, result.dtype) == ((*size, 3), np.uint8)
    most, mean = differences(result, expected)
    assert most <= 2
    assert mean <= 0.3


@pytest.mark.usefixtures("by")
def test_box_alone_is_cut_out_before_it_is_resized():
    alone = Image.fromarray(NOISE[5:65, 9:109]).resize((48, 32), BILINEAR)
    assert differences(resize(NOISE, BOXES[1], (32, 48)), alone)[0] <= 2
    assert differences(resize(NOISE, BOXES[1], (32, 48), beyond=True), alone)[0] > 2


@pytest.mark.usefixtures("by")
def test_box_of_the_size_asked_for_stays_as_it_is():
    np.testing.assert_array_equal(resize(NOISE, BOXES[2], (20, 25)), NOISE[30:50, 40:65])


@pytest.mark.usefixtures("by")
def test_box_may_end_at_the_last_pixel_by_a_rounded_sum():
    """3 * 0.1 + 129.7 and the like: a box of 1/k-th pixels that ends with the image, or beside."""
    for k in range(1, 60):
        top, left = 97 * (k - 1) / k / 3, 131 * (k - 1) / k / 7
        result = resize(NOISE, Box(top, left, 97 - top, 131 - left), (9, 9), beyond=True)
        assert abs(result.mean() - NOISE.mean()) < 12


@pytest.mark.usefixtures("by")
def test_threads_resize_at_once_what_one_thread_does():
    sizes = [(10 + i % 50, 60 - i % 50) for i in range(200)]
    expected = [resize(NOISE, BOXES[1], size) for size in sizes]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda size: resize(NOISE, BOXES[1], size), sizes))
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, other)
