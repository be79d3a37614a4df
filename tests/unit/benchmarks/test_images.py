"""One image file: what is decoded, what is refused and why, how names are ordered."""

import io
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from evalkit.benchmarks.frames import ImageFrames, missing_number
from evalkit.errors import ImageReadError
from evalkit.images import image_size, list_images, natural_sorted, read_depth, read_rgb
from evalkit.sequences import Modality
from helpers.trees import depth_picture, picture, save


def noise(wh: tuple[int, int] = (200, 120)) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (wh[1], wh[0], 3), dtype=np.uint8)


def pillow(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".jpg", ".webp", ".tiff"])
def test_color_comes_in_rgb_order(tmp_path: Path, suffix: str) -> None:
    image = read_rgb(save(tmp_path / f"a{suffix}", picture(5)))
    assert image.shape == (48, 64, 3)
    assert image.dtype == np.uint8
    assert image[20, 2, 0] > 200
    assert image[20, 2, 2] < 50
    assert image[20, -2, 2] > 200


def test_gray_becomes_three_equal_channels(tmp_path: Path) -> None:
    gray = np.arange(48 * 64, dtype=np.uint8).reshape(48, 64)
    assert np.array_equal(read_rgb(save(tmp_path / "a.png", gray)), np.repeat(gray[..., None], 3, axis=2))


def test_sixteen_bit_color_loses_its_lower_bits(tmp_path: Path) -> None:
    deep = noise().astype(np.uint16) * 256 + 77
    assert np.array_equal(read_rgb(save(tmp_path / "a.png", deep)), noise())


def test_alpha_is_dropped(tmp_path: Path) -> None:
    path = pillow(tmp_path / "a.png", Image.fromarray(np.dstack([noise(), np.full((120, 200), 9, np.uint8)])))
    assert np.array_equal(read_rgb(path), noise())


def test_cmyk_is_converted(tmp_path: Path) -> None:
    smooth = cv2.GaussianBlur(noise(), (15, 15), 5)
    path = pillow(tmp_path / "a.jpg", Image.fromarray(smooth).convert("CMYK"), quality=95)
    assert np.abs(read_rgb(path).astype(int) - smooth).mean() < 6


def test_exif_orientation_is_applied_to_pixels_and_size(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to show
    path = pillow(tmp_path / "a.jpg", Image.fromarray(picture(5)), exif=exif, quality=95)
    turned = read_rgb(path)
    assert turned.shape == (64, 48, 3)
    assert turned[2, 24, 0] > 200  # the red left edge is now the top
    assert image_size(path) == (48, 64)


def test_depth_keeps_its_sixteen_bits(tmp_path: Path) -> None:
    depth = read_depth(save(tmp_path / "a.png", depth_picture(7)))
    assert depth.dtype == np.uint16
    assert depth.shape == (48, 64)
    assert (depth == 1007).all()


@pytest.mark.parametrize(
    ("image", "found"), [(picture(), "3 channel(s) of 8 bits"), (picture()[..., 0], "1 channel(s) of 8 bits")]
)
def test_depth_without_distances_is_refused(tmp_path: Path, image: np.ndarray, found: str) -> None:
    path = save(tmp_path / "a.png", image)
    with pytest.raises(ImageReadError, match="one channel of 16 bits") as caught:
        read_depth(path)
    assert found in str(caught.value)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp"])
@pytest.mark.parametrize("kept", [0.3, 0.7, 0.95])
def test_truncated_files_are_refused(tmp_path: Path, suffix: str, kept: float) -> None:
    path = save(tmp_path / f"a{suffix}", noise())
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(ImageReadError, match=f"truncated {suffix[1:].upper().replace('JPG', 'JPEG')}") as caught:
        read_rgb(path)
    assert str(path) in str(caught.value)


def test_file_cut_and_filled_with_zeros_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", noise())
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))
    with pytest.raises(ImageReadError, match="truncated JPEG"):
        read_rgb(path)


def test_end_mark_of_a_thumbnail_does_not_count(tmp_path: Path) -> None:
    inner = io.BytesIO()
    Image.fromarray(picture()).save(inner, "JPEG")
    exif = b"Exif\0\0" + inner.getvalue()
    path = pillow(tmp_path / "a.jpg", Image.fromarray(noise()), exif=exif)
    assert read_rgb(path).shape == (120, 200, 3)
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(ImageReadError, match="truncated JPEG"):
        read_rgb(path)


def test_progressive_jpeg_with_many_scans_is_read(tmp_path: Path) -> None:
    path = pillow(tmp_path / "a.jpg", Image.fromarray(noise()), progressive=True)
    assert read_rgb(path).shape == (120, 200, 3)
    assert image_size(path) == (200, 120)


def test_palette_bitmap_is_complete_at_its_own_size(tmp_path: Path) -> None:
    path = pillow(tmp_path / "a.bmp", Image.fromarray(noise((201, 77))).convert("P"))
    assert read_rgb(path).shape == (77, 201, 3)


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "empty"), (b"<html>not found</html>", "not an image"), (b"\xff\xd8", "truncated")]
)
def test_other_broken_files_say_what_they_are(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a b é.jpg"
    path.write_bytes(content)
    with pytest.raises(ImageReadError, match=reason) as caught:
        read_rgb(path)
    assert "a b é.jpg" in str(caught.value)


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageReadError, match="does not exist"):
        read_rgb(tmp_path / "a.jpg")
    with pytest.raises(ImageReadError, match="cannot be"):
        image_size(tmp_path)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".jpg", ".webp"])
def test_size_is_read_without_decoding_where_the_header_tells(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"a{suffix}", noise((201, 99)))
    assert image_size(path) == (201, 99)
    if suffix != ".webp":
        path.write_bytes(path.read_bytes()[:700])
        assert image_size(path) == (201, 99)


def test_folder_lists_images_only_and_in_natural_order(tmp_path: Path) -> None:
    for name in ("10.jpg", "9.JPG", "._9.jpg", "notes.txt", "Thumbs.db", "11.png"):
        (tmp_path / name).touch()
    assert list_images(tmp_path) == ("9.JPG", "10.jpg", "11.png")


@pytest.mark.parametrize(
    "names",
    [
        ["f2.jpg", "f10.jpg", "f1.jpg"],
        ["a9b1.jpg", "a10b1.jpg", "a9b10.jpg"],
        ["0002.jpg", "0010.jpg", "0001.jpg"],
        ["img_3.png", "img_20.png"],
        ["7.jpg", "x.jpg", "08.jpg"],
        [],
    ],
)
def test_fast_and_general_ordering_agree(names: list[str]) -> None:
    def naive(name: str) -> list[tuple[int, int, str]]:
        parts, run = [], ""
        for character in [*name, ""]:
            if run and (not character or character.isdigit() != run[-1].isdigit()):
                parts.append((0, int(run), "") if run.isdigit() else (1, 0, run))
                run = ""
            run += character
        return parts

    assert list(natural_sorted(names)) == sorted(names, key=naive)


def test_gap_in_frame_numbers_is_found() -> None:
    assert missing_number(("1.jpg", "2.jpg", "5.jpg")) == 3
    assert missing_number(("0.jpg", "1.jpg")) is None
    assert missing_number(("first.jpg", "last.jpg")) is None


def test_two_images_of_a_frame_must_have_one_size(tmp_path: Path) -> None:
    save(tmp_path / "img/1.png", picture())
    save(tmp_path / "depth/1.png", depth_picture(wh=(32, 24)))
    folders = str(tmp_path / "img"), str(tmp_path / "depth")
    frames = ImageFrames(folders[0], ("1.png",), folders[1], ("1.png",), Modality.DEPTH)
    with pytest.raises(ImageReadError, match=r"32 x 24 pixels, but the color image .* has 64 x 48"):
        frames.read(0)


SAMPLINGS = [
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
]


@pytest.mark.parametrize("wh", [(64, 48), (37, 51), (1, 9), (333, 17)])
@pytest.mark.parametrize("sampling", [*SAMPLINGS, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411])
@pytest.mark.parametrize("progressive", [0, 1])
def test_jpeg_pixels_are_those_of_opencv(tmp_path: Path, wh: tuple[int, int], sampling: int, progressive: int) -> None:
    how = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling, cv2.IMWRITE_JPEG_PROGRESSIVE, progressive]
    for quality in (30, 90, 100):
        settings = [*how, cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_RST_INTERVAL, quality % 7]
        cv2.imwrite(str(tmp_path / "a.jpg"), noise(wh), settings)
        expected = cv2.cvtColor(cv2.imread(str(tmp_path / "a.jpg")), cv2.COLOR_BGR2RGB)
        np.testing.assert_array_equal(read_rgb(tmp_path / "a.jpg"), expected)


def test_without_the_faster_decoder_pixels_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = save(tmp_path / "a.jpg", noise())
    expected = read_rgb(file)
    monkeypatch.setitem(sys.modules, "simplejpeg", None)
    np.testing.assert_array_equal(read_rgb(file), expected)


def test_a_defect_that_opencv_tolerates_is_tolerated(tmp_path: Path) -> None:
    data = bytearray(save(tmp_path / "a.jpg", noise()).read_bytes())
    data[3000:3200] = bytes(200)
    (tmp_path / "a.jpg").write_bytes(data)
    expected = cv2.cvtColor(cv2.imread(str(tmp_path / "a.jpg")), cv2.COLOR_BGR2RGB)
    np.testing.assert_array_equal(read_rgb(tmp_path / "a.jpg"), expected)


def test_a_forged_size_is_left_to_opencvs_limits(tmp_path: Path) -> None:
    data = bytearray(save(tmp_path / "a.jpg", noise()).read_bytes())
    start = data.index(b"\xff\xc0") + 5
    data[start : start + 4] = b"\xff\xf0\xff\xf0"
    (tmp_path / "a.jpg").write_bytes(data)
    with pytest.raises(ImageReadError):
        read_rgb(tmp_path / "a.jpg")
