import io

import numpy as np
import pytest
from PIL import Image

from resinc.data.image_files.bilinear import Box
from resinc.data.image_files.view import EvaluationView, TrainingView, uniforms
from resinc.errors import InputError
from tests.data.pictures import encode, smooth

BILINEAR = Image.Resampling.BILINEAR


def test_draws_are_those_of_earlier_versions():
    # Frozen: other numbers would change every published run.
    drawn = uniforms(3, 1, 2, 3)
    np.testing.assert_allclose(drawn, [0.87884326, 0.67295361, 0.37746657], atol=1e-8)
    np.testing.assert_array_equal(uniforms(3, 1, 2, 9)[:3], drawn)


def test_draws_differ_by_seed_epoch_and_example():
    drawn = [uniforms(*key, 1)[0] for key in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]]
    assert len(set(drawn)) == 4


def test_draws_are_uniform():
    drawn = np.array([uniforms(0, 0, example, 3) for example in range(4_000)])
    assert drawn.min() >= 0
    assert drawn.max() < 1
    np.testing.assert_allclose(drawn.mean(0), 0.5, atol=0.02)
    np.testing.assert_allclose(np.corrcoef(drawn.T), np.eye(3), atol=0.06)


def boxes(height, width, count=2_000):
    view = TrainingView(224)
    return np.array([view._box(height, width, uniforms(0, 0, i, 40)) for i in range(count)])


def test_boxes_keep_to_the_published_areas_and_ratios():
    top, left, h, w = boxes(375, 500).T
    assert ((top >= 0) & (left >= 0) & (top + h <= 375) & (left + w <= 500)).all()
    area, ratio = h * w / (375 * 500), w / h
    assert 0.075 < area.min() < 0.1
    assert area.max() > 0.9
    assert 0.74 < ratio.min() < 0.77
    assert 1.30 < ratio.max() < 1.35
    # Uniform where nearly every draw fits: half of the areas below 0.5 lie below (0.08 + 0.5) / 2.
    small = area[area < 0.5]
    assert abs((small < 0.29).mean() - 0.5) < 0.05
    assert (top == 0).any()
    assert (left + w == 500).any()


@pytest.mark.parametrize(("height", "width"), [(1_000, 10), (10, 1_000), (1, 1), (2, 3)])
def test_image_of_any_shape_has_a_box(height, width):
    """Of a strip, where no drawn box fits, the largest in the middle."""
    for top, left, h, w in boxes(height, width, 50):
        assert 0 <= top <= height - h
        assert 0 <= left <= width - w
        assert h >= 1
        assert w >= 1
    assert TrainingView(8)(encode(smooth(height, width)), 0, 0, 0).shape == (8, 8, 3)


def test_strip_falls_back_to_the_centre_as_torchvision_does():
    # By hand: no area of 8 % or more fits with a ratio of at least 3/4, so 10 wide and 13 high.
    assert set(map(tuple, boxes(1_000, 10, 50))) == {(493, 0, 13, 10)}


def test_training_view_is_crop_then_resize_then_flip():
    encoded = encode(smooth(60, 80))
    view, mirrored = TrainingView(48), 0
    for example in range(12):
        draw = uniforms(5, 2, example, 44)
        box = Box(*view._box(60, 80, draw[4:]))
        crop = (box.left, box.top, box.left + box.width, box.top + box.height)
        image = Image.open(io.BytesIO(encoded)).crop(crop).resize((48, 48), BILINEAR)
        expected = np.asarray(image)
        if draw[0] < 0.5:
            expected, mirrored = expected[:, ::-1], mirrored + 1
        # See `resinc.data.image_files.bilinear`.
        np.testing.assert_allclose(view(encoded, 5, 2, example), expected.astype(int), atol=2)
    assert 0 < mirrored < 12


@pytest.mark.parametrize(("height", "width"), [(60, 80), (81, 60), (64, 64), (33, 47)])
def test_evaluation_view_is_resize_then_centre_crop(height, width):
    """torchvision's rules by hand: the long side is truncated, the crop begins at round(d / 2)."""
    encoded = encode(smooth(height, width))
    short = min(height, width)
    h, w = (int(40 * side / short) if side != short else 40 for side in (height, width))
    image = Image.open(io.BytesIO(encoded)).resize((w, h), BILINEAR)
    top, left = round((h - 32) / 2), round((w - 32) / 2)
    expected = np.asarray(image).astype(int)[top : top + 32, left : left + 32]
    assert abs(EvaluationView(32, 40)(encoded) - expected).max() <= 1


def test_ten_crops_are_the_corners_the_centre_and_their_mirrors():
    encoded = encode(smooth(60, 80))
    image = np.asarray(Image.open(io.BytesIO(encoded)).resize((53, 40), BILINEAR)).astype(int)
    corners = [(0, 0), (0, 21), (8, 0), (8, 21), (4, 10)]
    five = np.stack([image[top : top + 32, left : left + 32] for top, left in corners])
    ten = EvaluationView(32, 40).ten(encoded)
    assert abs(ten - np.concatenate([five, five[:, :, ::-1]])).max() <= 1
    np.testing.assert_array_equal(ten[4], EvaluationView(32, 40)(encoded))


def test_jitter_is_brightness_then_contrast_then_saturation():
    encoded = encode(np.uint8(smooth(32, 32) // 3 + 85))  # Nothing is cut off at 0 or 255.
    jittered = TrainingView(32, (1, 1), (1, 1), False, jitter=0.2)
    plain = TrainingView(32, (1, 1), (1, 1), False)(encoded, 1, 0, 7).astype(float)
    b, c, s = 0.8 + 0.4 * uniforms(1, 0, 7, 4)[1:4]
    weights = np.array([0.299, 0.587, 0.114])
    expected = plain * b
    expected = c * expected + (1 - c) * (expected @ weights).mean()
    expected = s * expected + (1 - s) * (expected @ weights)[..., None]
    np.testing.assert_allclose(jittered(encoded, 1, 0, 7), expected, atol=0.6)


def test_evaluation_view_larger_than_the_resized_image_is_refused():
    with pytest.raises(InputError, match=r"224 .* 200"):
        EvaluationView(224, 200)
