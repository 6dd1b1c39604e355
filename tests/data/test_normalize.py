"""Normalisation: what is measured is exact, what is given is what others publish."""

import numpy as np
import pytest

from resinc.cli import main
from resinc.data.on_device.normalize import check_normalization, normalizer, prepare
from resinc.errors import InputError
from tests.data.test_augment import make_images


def test_pixel_mean_is_exact():
    images = make_images(b=5000, h=4, w=3)  # More than one chunk.
    norm = normalizer(images, "pixel_mean")
    mean, scale = norm.mean, norm.scale
    expected = (images.astype(np.float64) / 255).mean(axis=0)
    np.testing.assert_allclose(mean, expected, rtol=1e-6)
    assert mean.dtype == scale.dtype == np.float32
    assert (scale == 1).all()
    shuffled = images[np.random.RandomState(0).permutation(len(images))]
    np.testing.assert_array_equal(normalizer(shuffled, "pixel_mean").mean, mean)


def test_channel_normalisation_gives_mean_zero_and_deviation_one():
    images = make_images(b=5000, h=4, w=3)
    images[..., 2] = 9  # A constant channel must not divide by zero.
    prepared = np.asarray(prepare(images, normalizer(images, "channel")), np.float64)
    np.testing.assert_allclose(prepared.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(prepared.std(axis=(0, 1, 2)), [1, 1, 0], atol=1e-5)


def test_no_normalisation_only_scales():
    images = make_images()
    np.testing.assert_allclose(
        prepare(images, normalizer(images, "none")), images / np.float32(255), rtol=1e-6
    )


def prepared(images, kind, **given):
    return np.asarray(prepare(images, normalizer(images, kind, **given)))


def test_imagenet_is_torchvisions():
    images = make_images()
    expected = (images / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(prepared(images, "imagenet"), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_half_is_minus_one_to_one(channels):
    images = make_images(c=channels)
    images[0, 0, 0], images[0, 0, 1] = 0, 255
    found = prepared(images, "half")
    np.testing.assert_allclose(found, images / 127.5 - 1, atol=1e-6)
    assert (found[0, 0, 0] == -1).all()
    assert (found[0, 0, 1] == 1).all()


def test_half_is_what_torchvisions_transform_input_makes_of_imagenet():
    """x std / 0.5 + (mean - 0.5) / 0.5: in its GoogLeNet and Inception v3, weights published."""
    images = make_images()
    std, mean = np.float32([0.229, 0.224, 0.225]), np.float32([0.485, 0.456, 0.406])
    transformed = prepared(images, "imagenet") * (std / 0.5) + (mean - 0.5) / 0.5
    np.testing.assert_allclose(prepared(images, "half"), transformed, atol=1e-6)


def test_caffe_is_blue_green_red_minus_the_mean():
    images = make_images()
    expected = images[..., ::-1].astype(np.float64) - [103.939, 116.779, 123.68]
    np.testing.assert_allclose(prepared(images, "caffe"), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("application", "kind"),
    [("resnet50", "caffe"), ("inception_v3", "half"), ("inception_resnet_v2", "half")],
)
def test_it_is_what_keras_applications_do(application, kind, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras", reason="Keras is optional")
    images = make_images()
    expected = getattr(keras.applications, application).preprocess_input(images.astype(np.float32))
    np.testing.assert_allclose(prepared(images, kind), expected, atol=1e-4)


def test_given_numbers_are_used():
    images = make_images()
    given = {"mean": (0.49, 0.48, 0.45), "std": (0.2, 0.25, 0.3)}
    expected = (images / 255 - given["mean"]) / given["std"]
    np.testing.assert_allclose(prepared(images, "given", **given), expected, rtol=1e-5, atol=1e-6)


THREE = (0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("kind", "mean", "std", "sentence"),
    [
        ("mean", (), (), "unknown normalisation 'mean'"),
        ("given", (), (), r"data.mean \(\) is not 3 numbers.* one for each channel"),
        ("given", THREE, (), r"data.std \(\) is not 3 numbers"),
        ("given", THREE[:1], THREE, r"data.mean \(0.5,\) is not 3 numbers"),
        ("given", THREE, (0.5, 0.0, 0.5), "0.0 is not above 0 and at most 1"),
        ("given", THREE, (0.5, -1.0, 0.5), "-1.0 is not above 0"),
        ("given", (125.3, 123.0, 113.9), THREE, "125.3 is not 0 to 1.*divide by 255"),
        ("given", THREE, (63.0, 62.1, 66.7), "63.0 is not above 0 and at most 1.*divide by 255"),
        ("given", (float("nan"), 0.5, 0.5), THREE, "nan is not a finite number"),
        ("given", THREE, (0.5, 0.5, float("inf")), "inf is not a finite number"),
        ("given", ("(0.5", 0.5, 0.5), THREE, "is not a finite number"),
        ("imagenet", THREE, THREE, r"contradicts data.normalize 'imagenet'"),
        ("pixel_mean", (), THREE, r"data.std .* contradicts data.normalize 'pixel_mean'"),
    ],
)
def test_numbers_that_cannot_be_are_one_sentence(kind, mean, std, sentence):
    with pytest.raises(InputError, match=sentence):
        check_normalization(kind, mean, std, 3)


def test_numbers_for_colours_are_refused_for_grey_images():
    with pytest.raises(InputError, match=r"'caffe' is for images of 3 channels, these have 1"):
        check_normalization("caffe", (), (), 1)


def test_the_command_line_takes_numbers_and_refuses_before_anything_is_written(tmp_path, capsys):
    recipe = ["train", "--config=configs/digits.py", f"--workdir={tmp_path / 'run'}"]
    given = ["--config.data.normalize=given", "--config.data.mean=0.3", "--config.data.std=30"]
    assert main([*recipe, *given]) == 2
    assert "data.std (30,): 30 is not above 0 and at most 1" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
