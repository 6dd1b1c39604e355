import jax
import jax.numpy as jnp
import numpy as np
import pytest

from resinc.data.on_device import augment as module
from resinc.data.on_device.augment import AUGMENTATIONS, augment
from resinc.data.on_device.normalize import normalizer, prepare
from resinc.errors import InputError

PAD = 2
KEY = jax.random.key(7, impl="threefry2x32")


def make_images(b=12, h=6, w=5, c=3, seed=0):
    return np.random.RandomState(seed).randint(0, 256, (b, h, w, c)).astype(np.uint8)


def run(images, ids, kind="crop_flip", pad=PAD, key=KEY, norm=None):
    norm = norm or normalizer(images, "none")
    call = jax.jit(augment, static_argnames=("kind", "pad"))
    return np.asarray(call(images, jnp.asarray(ids, jnp.int32), key, norm, kind=kind, pad=pad))


def candidates(image, pad, flip):
    """Every crop of one prepared image, by (top, left, mirrored)."""
    h, w, _ = image.shape
    padded = np.pad(image, ((pad, pad), (pad, pad), (0, 0)))
    found = {}
    for top in range(2 * pad + 1):
        for left in range(2 * pad + 1):
            crop = padded[top : top + h, left : left + w]
            found[top, left, False] = crop
            if flip:
                found[top, left, True] = crop[:, ::-1]
    return found


@pytest.mark.parametrize("kind", ["pixel_mean", "channel", "none", "caffe"])
def test_no_augmentation_equals_evaluation(kind):
    images = make_images()
    norm = normalizer(images, kind)
    np.testing.assert_array_equal(
        run(images, range(12), "none", norm=norm), jax.jit(prepare)(images, norm)
    )


@pytest.mark.parametrize("kind", ["crop", "crop_flip"])
def test_result_is_an_exact_crop_of_the_padded_image(kind):
    images = make_images(b=40)
    norm = normalizer(images, "pixel_mean")
    prepared = np.asarray(jax.jit(prepare)(images, norm))
    places = set()
    for image, result in zip(prepared, run(images, range(40), kind, norm=norm), strict=True):
        crops = candidates(image, PAD, kind == "crop_flip")
        hits = [place for place, crop in crops.items() if (crop == result).all()]
        assert len(hits) == 1
        places.add(hits[0])
    assert len(places) > 10
    assert {mirrored for *_, mirrored in places} == (
        {False, True} if kind == "crop_flip" else {False}
    )


def test_zero_offset_crop_equals_evaluation(monkeypatch):
    images = make_images()
    norm = normalizer(images, "channel")

    def centre(ids, key, places):
        offset = jnp.full(ids.shape, places // 2, jnp.int32)
        return offset, offset, jnp.zeros(ids.shape, bool)

    monkeypatch.setattr(module, "_draw", centre)
    result = augment(images, jnp.arange(12), KEY, norm, "crop_flip", PAD)
    np.testing.assert_array_equal(result, prepare(images, norm))


@pytest.mark.parametrize("kind", ["pixel_mean", "none", "imagenet", "half", "caffe"])
def test_padding_is_zero_after_normalisation(kind):
    images = make_images(b=64)
    images[:] = 200
    norm = normalizer(make_images(b=64, seed=1), kind)
    result = run(images, range(64), "crop", norm=norm)
    border = np.prod(result == 0, axis=-1)
    # Everything inside is 200 / 255 minus a mean of one half or less: zeros are padding alone.
    tops, lefts, _ = (np.asarray(a) for a in module._draw(jnp.arange(64), KEY, 2 * PAD + 1))
    for zeros, top, left in zip(border, tops, lefts, strict=True):
        rows, columns = abs(int(top) - PAD), abs(int(left) - PAD)
        assert zeros.sum() == 6 * 5 - (6 - rows) * (5 - columns)


def test_crop_follows_the_example_not_the_batch():
    images = make_images(b=16)
    ids = np.arange(100, 116)
    whole = run(images, ids)
    order = np.random.RandomState(0).permutation(16)
    np.testing.assert_array_equal(run(images[order], ids[order]), whole[order])
    np.testing.assert_array_equal(run(images[5:8], ids[5:8]), whole[5:8])


def test_key_and_id_both_matter():
    images = make_images(b=16)
    base = run(images, range(16))
    assert not np.array_equal(base, run(images, range(16), key=jax.random.fold_in(KEY, 1)))
    assert not np.array_equal(base, run(images, range(16, 32)))


def test_crops_are_uniform_and_flips_fair():
    count, places = 20_000, 9
    top, left, mirrored = (np.asarray(a) for a in module._draw(jnp.arange(count), KEY, places))
    tally = np.bincount(top * places + left, minlength=places**2)
    assert len(tally) == places**2
    # Chi-squared with 80 degrees of freedom: mean 80, standard deviation 12.6.
    chi = ((tally - count / places**2) ** 2 / (count / places**2)).sum()
    assert 40 < chi < 140
    assert abs(mirrored.mean() - 0.5) < 0.015  # Four standard deviations.
    assert abs(np.corrcoef(mirrored, top)[0, 1]) < 0.03
    assert abs(np.corrcoef(mirrored, left)[0, 1]) < 0.03


def test_devices_do_not_matter():
    devices = jax.devices()
    if len(devices) < 2:
        pytest.skip("needs two devices (XLA_FLAGS=--xla_force_host_platform_device_count=2)")
    images = make_images(b=8)
    norm = normalizer(images, "pixel_mean")
    ids = jnp.arange(8)
    whole = run(images, ids, norm=norm)

    def part(images, ids, key):
        return augment(images, ids, key, norm, "crop_flip", PAD)

    halves = images.reshape(2, 4, *images.shape[1:]), ids.reshape(2, 4)
    mapped = jax.pmap(part, in_axes=(0, 0, None), devices=devices[:2])(*halves, KEY)
    np.testing.assert_array_equal(np.asarray(mapped).reshape(whole.shape), whole)
    vmapped = jax.jit(jax.vmap(part, in_axes=(0, 0, None)))(*halves, KEY)
    np.testing.assert_array_equal(np.asarray(vmapped).reshape(whole.shape), whole)
    spec = jax.sharding.PartitionSpec("d")
    sharded = jax.shard_map(
        part,
        mesh=jax.sharding.Mesh(np.array(devices[:2]), "d"),
        in_specs=(spec, spec, jax.sharding.PartitionSpec()),
        out_specs=spec,
    )
    np.testing.assert_array_equal(jax.jit(sharded)(images, ids, KEY), whole)


def test_zero_pad_only_flips():
    images = make_images()
    result = run(images, range(12), pad=0)
    prepared = images / np.float32(255)
    kept = [np.allclose(r, p) for r, p in zip(result, prepared, strict=True)]
    turned = [np.allclose(r, p[:, ::-1]) for r, p in zip(result, prepared, strict=True)]
    assert all(a != b for a, b in zip(kept, turned, strict=True))
    assert any(kept)
    assert any(turned)


def test_bad_choices_are_one_sentence():
    images = make_images()
    norm = normalizer(images, "none")
    with pytest.raises(InputError, match=r"unknown augmentation 'flip'.*crop_flip"):
        augment(images, jnp.arange(12), KEY, norm, "flip", PAD)
    with pytest.raises(InputError, match="crop_pad -1"):
        augment(images, jnp.arange(12), KEY, norm, "crop", -1)
    with pytest.raises(InputError, match=r"unknown normalisation 'mean'.*pixel_mean"):
        normalizer(images, "mean")


def test_every_augmentation_keeps_shape_and_type():
    images = make_images()
    for kind in AUGMENTATIONS:
        result = run(images, range(12), kind)
        assert result.shape == images.shape
        assert result.dtype == np.float32
