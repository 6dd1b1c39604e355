import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from resinc.data.image_files.bilinear import Box
from resinc.data.image_files.decode import Picture
from resinc.data.image_files.images import BadImage
from tests.data.pictures import encode, html, smooth


def whole(encoded):
    picture = Picture(encoded)
    size = picture.height, picture.width
    (image,) = picture.resized([Box(0, 0, *size)], size)
    return np.asarray(image).astype(int)


@pytest.mark.parametrize(
    ("kind", "mode", "most"),
    [
        ("JPEG", None, 0),
        ("JPEG", "L", 0),
        ("JPEG", "CMYK", 0),
        ("PNG", None, 0),
        ("PNG", "L", 0),
        ("PNG", "P", 0),
        ("PNG", "RGBA", 0),
        ("PNG", "1", 0),
        ("GIF", "P", 0),
        ("WEBP", None, 0),
        ("TIFF", "CMYK", 0),
    ],
)
def test_every_kind_of_file_decodes_as_pillow_decodes_it(kind, mode, most):
    encoded = encode(smooth(41, 62), kind, mode)
    expected = np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB")).astype(int)
    assert abs(whole(encoded) - expected).max() <= most


def test_palette_with_transparency_gives_no_warning():
    image = Image.fromarray(smooth(20, 20)).convert("P")
    encoded = encode(image, "PNG", transparency=bytes(range(256)))
    assert whole(encoded).shape == (20, 20, 3)


def test_sixteen_bits_keep_their_range():
    """Pillow's own conversion cuts off at 255: nearly all would be white."""
    values = np.linspace(0, 65_535, 64 * 64).reshape(64, 64).astype(np.uint16)
    grey = whole(encode(values, "PNG"))
    np.testing.assert_allclose(grey[..., 0], values / 257, atol=0.51)
    assert (grey == grey[..., :1]).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_exif_orientation_is_obeyed(orientation, kind):
    exif = Image.Exif()
    exif[274] = orientation
    encoded = encode(smooth(30, 44), kind, exif=exif.tobytes())
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(encoded)))
    picture = Picture(encoded)
    assert (picture.width, picture.height) == upright.size
    np.testing.assert_array_equal(whole(encoded), np.asarray(upright))


def test_turned_image_is_scaled_by_its_own_sides():
    exif = Image.Exif()
    exif[274] = 6
    encoded = encode(smooth(200, 400), exif=exif.tobytes())
    picture = Picture(encoded)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(encoded)))
    (small,) = picture.resized([Box(90, 10, 300, 160)], (150, 80))
    expected = upright.crop((10, 90, 170, 390)).resize((80, 150), Image.Resampling.BILINEAR)
    assert abs(np.asarray(small) - np.asarray(expected).astype(int)).mean() < 1


@pytest.mark.parametrize("side", [150, 100, 75, 40])
@pytest.mark.parametrize("orientation", [1, 3, 6, 7])
def test_scaled_decoding_is_near_the_whole_decoded(side, orientation):
    """Within 1.5 grey levels on average, 12 at most: by a half, a quarter and an eighth."""
    exif = Image.Exif()
    exif[274] = orientation
    encoded = encode(smooth(377, 501), exif=exif.tobytes())  # No multiple of 8: parts of blocks.
    (image,) = Picture(encoded).resized([Box(31, 47, 320, 330)], (side, side))
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(encoded)))
    expected = upright.crop((47, 31, 377, 351)).resize((side, side), Image.Resampling.BILINEAR)
    difference = abs(np.asarray(image) - np.asarray(expected).astype(int))
    assert 0 < difference.mean() < 1.5
    assert difference.max() <= 12


@pytest.mark.parametrize("height", [1, 7, 8, 9, 63, 64, 65, 200])
def test_tiny_results_of_any_size(height):
    encoded = encode(smooth(height, 100))
    picture = Picture(encoded)
    for side in (1, 3, 8):
        (image,) = picture.resized([Box(0, 0, height, 100)], (side, side))
        mean = np.asarray(Image.open(io.BytesIO(encoded))).mean((0, 1))
        assert image.shape == (side, side, 3)
        np.testing.assert_allclose(np.asarray(image).mean((0, 1)), mean, atol=12)


JPEG = encode(smooth(80, 90))
PNG = encode(smooth(80, 90), "PNG")


@pytest.mark.parametrize(
    ("encoded", "reason"),
    [
        (JPEG[: len(JPEG) // 2], "truncated"),
        (PNG[: len(PNG) // 2], "truncated"),
        (JPEG[:40], "no image begins with b'.xff"),
        (b"", "it is empty"),
        (bytes(9_000), "it holds nothing but zeros"),
        (html(), "it is an HTML page, not an image"),
        (b"\n  <html lang=en>", "it is an HTML page, not an image"),
        (b"PK\3\4 a zip file", "no image begins with b'PK"),
        (encode(np.zeros((9, 9), np.float32), "TIFF"), "floats"),
        (PNG[:60] + b"\0\1\2\3" * 99 + PNG[60:], "broken PNG"),
        (JPEG[:900] + bytes(60) + JPEG[960:], "corrupt: .*(Huffman|segment)"),
    ],
    ids=[
        "jpeg",
        "png",
        "head",
        "empty",
        "zeros",
        "html",
        "html2",
        "zip",
        "floats",
        "corrupt_png",
        "corrupt_jpeg",
    ],
)
def test_what_is_no_whole_image_is_refused_with_the_reason(encoded, reason):
    with pytest.raises(BadImage, match=reason):
        whole(encoded)


def test_garbage_between_markers_is_harmless():
    """As in a few of ImageNet's files, which every loader takes."""
    at = JPEG.index(b"\xff\xdb")
    encoded = JPEG[:at] + b"\0\0\0\0" + JPEG[at:]
    np.testing.assert_array_equal(whole(encoded), whole(JPEG))
