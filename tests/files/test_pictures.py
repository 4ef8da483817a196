"""Pictures of every mode that Pillow reads: what a person sees is what the features are made of."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from activeclust.datasets import load
from activeclust.errors import DataFileError
from activeclust.files.pictures import MOST_PIXELS, read_picture
from activeclust.web.items import picture

RAMP = np.linspace(0, 1, 256).reshape(16, 16)
RGB = Image.fromarray(
    np.stack([np.round(RAMP * 255), np.full((16, 16), 40), np.full((16, 16), 200)], 2).astype(np.uint8)
)


def grey(values, dtype):
    return Image.fromarray(values.astype(dtype))


def clear(mode):
    made = RGB.convert("RGBA") if mode == "RGBA" else RGB.convert("L").convert("LA")
    made.putalpha(Image.fromarray(np.where(RAMP > 0.5, 255, 0).astype(np.uint8)))
    return made


#: name of the file -> the picture
PICTURES = {
    "1.png": RGB.convert("1"),
    "l.png": RGB.convert("L"),
    "la.png": clear("LA"),
    "p.png": RGB.convert("P"),
    "p.gif": RGB.convert("P"),
    "rgb.png": RGB,
    "rgba.png": clear("RGBA"),
    "rgba.webp": clear("RGBA"),
    "i16.png": grey(RAMP * 65535, np.uint16),
    "i16.tif": grey(RAMP * 65535, np.uint16),
    "i16b.tif": grey(RAMP * 65535, ">u2"),
    "i32.tif": grey(RAMP * 65535, np.int32),
    "wide.tif": grey((RAMP - 0.5) * 1e8, np.int32),
    "f01.tif": grey(RAMP, np.float32),
    "f255.tif": grey(RAMP * 255, np.float32),
    "f.tif": grey((RAMP - 0.5) * 1e5, np.float32),
    "cmyk.jpg": RGB.convert("CMYK"),
    "cmyk.tif": RGB.convert("CMYK"),
    "ycbcr.tif": RGB.convert("YCbCr"),
    "lab.tif": Image.merge("LAB", [RGB.getchannel(c) for c in range(3)]),
}
DEEP = [name for name, image in PICTURES.items() if image.mode.startswith("I") or image.mode == "F"]


@pytest.mark.parametrize("name", PICTURES)
def test_the_page_shows_what_counts_in_the_features(tmp_path, name):
    for copy in range(2):
        image = PICTURES[name] if copy == 0 else PICTURES[name].transpose(Image.Transpose.ROTATE_90)
        (tmp_path / "p").mkdir(exist_ok=True)
        image.save(tmp_path / "p" / f"{copy}{name}")
    data = load(tmp_path / "p")
    for row in range(2):
        seen = np.asarray(Image.open(io.BytesIO(picture(data.items[row]))), dtype=np.float32) / 255
        np.testing.assert_allclose(seen.ravel(), data.X[row], atol=2e-3)


@pytest.mark.parametrize("name", DEEP)
def test_deep_pictures_keep_their_shades(tmp_path, name):
    PICTURES[name].save(tmp_path / name)
    values = np.asarray(read_picture(tmp_path / name))
    np.testing.assert_allclose(values, np.floor(RAMP * 255), atol=1.01)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_its_camera_says(tmp_path, orientation):
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    corners = np.zeros((12, 20, 3), np.uint8)
    corners[:6, :10, 0], corners[6:, 10:, 1] = 255, 255
    for ending in ("png", "tif", "webp"):
        path = tmp_path / f"a.{ending}"
        Image.fromarray(corners).save(path, exif=exif, **({"lossless": True} if ending == "webp" else {}))
        with Image.open(path) as image:
            wanted = ImageOps.exif_transpose(image).convert("RGB")
        np.testing.assert_array_equal(np.asarray(read_picture(path)), np.asarray(wanted))


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(tmp_path):
    side = int(MOST_PIXELS**0.5) + 1
    path = tmp_path / "large.png"
    Image.new("1", (side, side)).save(path)
    for read in (lambda: read_picture(path, widest=100), lambda: load(tmp_path), lambda: picture(path)):
        with pytest.raises(
            DataFileError, match=r"large\.png has 9,\d+ x 9,\d+ pixels, and at most 90,000,000"
        ):
            read()


def test_a_large_photograph_is_decoded_small(tmp_path):
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (12_000, 8_000), "red").save(path)
    assert read_picture(path, widest=400).size == (400, 267)
