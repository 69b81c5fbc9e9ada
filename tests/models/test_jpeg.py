"""JPEG against Pillow (libjpeg), SciPy and the text of the standard; the model against its files."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.fft
import skimage.data
import torch
from PIL import Image
from tiny import tiny_model, train_tiny

import imagewright as iw
from imagewright.codecs.jpeg import dct, tables
from imagewright.codecs.jpeg.codec import count_block_bits, decode_jpeg, encode_jpeg, quantise_image, read_coefficients
from imagewright.errors import ConfigError, DataError, UserError
from imagewright.images import open_images

SUBSAMPLING = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}  # Pillow's numbers
SIZES = [(16, 16), (1, 1), (7, 9), (17, 33), (3, 200), (65, 47), (64, 2), (40, 5), (37, 88)]


def photograph(height: int, width: int, channels: int = 3) -> np.ndarray:
    """A part of a real picture, uint8 (C, H, W)."""
    return np.ascontiguousarray(
        skimage.data.astronaut().transpose(2, 0, 1)[:channels, 90 : 90 + height, 150 : 150 + width]
    )


def noise(height: int, width: int, channels: int = 3) -> np.ndarray:
    """Noise, the hardest picture to code, uint8 (C, H, W)."""
    return np.random.default_rng(height * 1000 + width).integers(0, 256, (channels, height, width), dtype=np.uint8)


def pillow_bytes(picture: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture[0] if len(picture) == 1 else picture.transpose(1, 2, 0)).save(file, "JPEG", **options)
    return file.getvalue()


def pillow_pixels(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as opened:
        pixels = np.asarray(opened)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


# Against Pillow


@pytest.mark.parametrize("subsampling", list(SUBSAMPLING))
@pytest.mark.parametrize("size", SIZES)
def test_colour_files_are_pillows_to_the_byte(size: tuple[int, int], subsampling: str) -> None:
    for picture in (photograph(*size), noise(*size)):
        for quality in (1, 30, 75, 95, 100):
            theirs = pillow_bytes(picture, quality=quality, subsampling=SUBSAMPLING[subsampling])
            assert encode_jpeg(picture, quality, subsampling) == theirs, f"quality {quality}"


@pytest.mark.parametrize("size", SIZES)
def test_grey_files_are_pillows_to_the_byte(size: tuple[int, int]) -> None:
    for picture in (photograph(*size, channels=1), noise(*size, channels=1)):
        for quality in (1, 30, 75, 95, 100):
            assert encode_jpeg(picture, quality) == pillow_bytes(picture, quality=quality), f"quality {quality}"


@pytest.mark.parametrize("size", SIZES)
def test_pixels_are_pillows_to_the_bit(size: tuple[int, int]) -> None:
    for channels in (1, 3):
        for picture in (photograph(*size, channels), noise(*size, channels)):
            for quality in (1, 75, 100):
                for number in SUBSAMPLING.values():
                    data = pillow_bytes(picture, quality=quality, subsampling=number)
                    assert np.array_equal(decode_jpeg(data), pillow_pixels(data)), f"{quality} {number}"


@pytest.mark.parametrize(
    "options",
    [
        {"optimize": True},
        {"restart_marker_blocks": 1},
        {"restart_marker_blocks": 7, "subsampling": 0},
        {"restart_marker_rows": 1, "optimize": True, "quality": 97},
        {"keep_rgb": True},
        {"comment": b"of no use", "icc_profile": bytes(100_000)},
        {"qtables": [[3] * 64, [50] * 64]},
        {"dpi": (300, 300)},
    ],
    ids="-".join,
)
def test_other_baseline_files_of_pillow(options: dict[str, Any]) -> None:
    picture = photograph(123, 147)
    if "exif" not in options:
        exif = Image.Exif()
        exif[0x0112] = 6  # the decoder does not apply the rotation
        options = options | {"exif": exif}
    data = pillow_bytes(picture, **options)
    assert np.array_equal(decode_jpeg(data), pillow_pixels(data))


def test_a_file_of_many_chunks_is_read_like_one_of_few(monkeypatch: pytest.MonkeyPatch) -> None:
    from imagewright.codecs.jpeg import scan_reading

    for options in ({"quality": 90}, {"quality": 90, "restart_marker_blocks": 5}):
        data = pillow_bytes(photograph(200, 300), **options)
        whole = decode_jpeg(data)
        with monkeypatch.context() as patch:
            patch.setattr(scan_reading, "CHUNK", 300)
            assert torch.equal(decode_jpeg(data), whole)


def test_planes_in_separate_scans_are_read() -> None:
    """Pillow writes one scan; other programs write one for each plane, without padding to units."""
    from imagewright.codecs.jpeg import codec as files
    from imagewright.codecs.jpeg import markers
    from imagewright.codecs.jpeg.scan_writing import encode_words, pack_bits

    picture = photograph(41, 51)
    found = quantise_image(picture, 80)
    used = [found.tables[0], found.tables[1]]
    header = markers.build_header(found.frame, used, files.HUFFMAN_TABLES)
    header = header[: header.rindex(b"\xff\xda")]
    codes = [(files.build_codes(first), files.build_codes(other)) for first, other in files.HUFFMAN_TABLES]
    for component, plane in zip(found.frame.components, found.planes, strict=True):
        blocks = plane.reshape(-1, 64).copy()
        blocks[:, 0] = np.diff(blocks[:, 0], prepend=np.int16(0))
        chosen = bytes([1, component.identifier, component.table * 17, 0, 63, 0])
        words = encode_words(blocks, np.full(len(blocks), component.table), codes)
        header += markers.segment(markers.SCAN, chosen) + pack_bits(words)
    data = header + b"\xff\xd9"
    assert np.array_equal(decode_jpeg(data), pillow_pixels(data))
    assert torch.equal(decode_jpeg(data), decode_jpeg(encode_jpeg(picture, 80)))


# Against SciPy and the standard


def test_the_transform_is_scipys() -> None:
    blocks = torch.from_numpy(np.random.default_rng(0).integers(-128, 128, (500, 8, 8))).double()
    expected = scipy.fft.dctn(blocks.numpy(), axes=(1, 2), norm="ortho")
    np.testing.assert_allclose(dct.dct(blocks), expected, atol=1e-11)
    np.testing.assert_allclose(dct.inverse_dct(dct.dct(blocks)), blocks, atol=1e-11)
    # The integer transform of files rounds twice, to an eighth of a level.
    assert np.abs(dct.fixed_dct(blocks).numpy() / dct.SCALE - expected).max() < 0.25


def test_a_block_is_the_sum_of_the_basis_pictures() -> None:
    block = torch.from_numpy(photograph(8, 8, 1)[0]).double() - 128
    summed = torch.einsum("vh,vhyx->yx", dct.dct(block), dct.basis_pictures())
    np.testing.assert_allclose(summed, block, atol=1e-10)


def test_the_inverse_transform_is_within_a_level_of_the_exact_one() -> None:
    coefficients = torch.from_numpy(np.random.default_rng(1).integers(-300, 300, (500, 8, 8)) // 8)
    exact = dct.inverse_dct(coefficients)
    assert (dct.fixed_inverse_dct(coefficients) - exact).abs().max() < 1


def test_quality_50_has_the_tables_as_printed_and_100_all_ones() -> None:
    luminance, chrominance = tables.scaled_tables(50)
    assert np.array_equal(luminance, tables.LUMINANCE)
    assert luminance[0].tolist() == [16, 11, 10, 16, 24, 40, 51, 61]
    assert chrominance[7, 7] == 99
    assert all((table == 1).all() for table in tables.scaled_tables(100))
    steps = np.array([[table.sum() for table in tables.scaled_tables(quality)] for quality in range(1, 101)])
    assert (np.diff(steps, axis=0) <= 0).all()
    assert steps[0].max() <= 64 * 255


def test_zig_zag_follows_the_figure() -> None:
    place = np.empty(64, int)
    place[tables.ZIGZAG] = np.arange(64)
    assert place.reshape(8, 8)[:3].tolist() == [
        [0, 1, 5, 6, 14, 15, 27, 28],
        [2, 4, 7, 13, 16, 26, 29, 42],
        [3, 8, 12, 17, 25, 30, 41, 43],
    ]
    assert sorted(tables.ZIGZAG) == list(range(64))


def test_the_bits_of_the_blocks_are_the_bits_of_the_file() -> None:
    for picture in (photograph(64, 96), photograph(61, 70, 1)):  # whole units: no block is outside the picture
        data = encode_jpeg(picture, 60)
        header = data.rindex(b"\xff\xda") + 8 + 2 * len(picture)
        scan = data[header:-2].replace(b"\xff\x00", b"\xff")
        bits = count_block_bits(quantise_image(picture, 60))
        assert 0 <= 8 * len(scan) - sum(int(plane.sum()) for plane in bits) < 8
        assert bits[0].shape == (8, 12) if len(picture) == 3 else (8, 9)


# The model


@pytest.mark.parametrize("subsampling", list(SUBSAMPLING))
@pytest.mark.parametrize("channels", [1, 3])
def test_the_model_reconstructs_the_decoded_file(channels: int, subsampling: str) -> None:
    picture = photograph(45, 61, channels)
    model = tiny_model("jpeg", (45, 61), channels, quality=40, subsampling=subsampling)
    data = encode_jpeg(picture, 40, subsampling)
    assert np.array_equal(iw.reconstruct(model, picture[None])[0], pillow_pixels(data))
    latents = iw.encode(model, picture[None])[0]
    assert torch.equal(latents, latents.round())
    held = np.concatenate([plane.ravel() for plane in read_coefficients(data).planes])
    assert np.array_equal(latents, held)


def test_opacity_is_a_separate_plane() -> None:
    picture = photograph(32, 32, 3)
    opacity = np.linspace(0, 255, 32 * 32).astype(np.uint8).reshape(1, 32, 32)
    model = tiny_model("jpeg", (32, 32), 4, quality=90)
    rebuilt = iw.reconstruct(model, np.concatenate([picture, opacity])[None])[0]
    alone = iw.reconstruct(tiny_model("jpeg", (32, 32), 3, quality=90), picture[None])[0]
    assert torch.equal(rebuilt[:3], alone)
    assert np.abs(rebuilt[3].numpy().astype(int) - opacity[0]).max() < 24


def test_training_fits_nothing_and_writes_a_run_that_reconstructs(tmp_path: Path) -> None:
    pictures = np.stack([photograph(24, 40), noise(24, 40)])
    run = train_tiny("jpeg", pictures, tmp_path / "run", quality=30)
    expected = [pillow_pixels(encode_jpeg(picture, 30)) for picture in pictures]
    assert np.array_equal(iw.reconstruct(run, pictures), expected)
    assert run.record["config"]["quality"] == 30
    one = train_tiny("jpeg", pictures[:1], tmp_path / "one")  # one picture is enough, as nothing is learned
    assert len(list((one.path / "samples").glob("*.png"))) == 1


def test_latents_between_two_pictures_decode_to_pictures_between() -> None:
    picture = photograph(16, 16)
    model = tiny_model("jpeg", (16, 16), 3, quality=100)
    dark, light = iw.encode(model, np.stack([picture // 2, picture // 2 + 100]))
    middle = iw.decode(model, (0.5 * dark + 0.5 * light)[None])[0].numpy().astype(int)
    assert abs(middle.mean() - (picture // 2 + 50.0).mean()) < 1


# What cannot be coded


def test_wrong_pictures_and_options_are_refused() -> None:
    picture = photograph(16, 16)
    for wrong in (picture.astype(np.float32), picture[0], np.concatenate([picture, picture[:1]]), picture[:, :0]):
        with pytest.raises(UserError, match=r"uint8 \(C, H, W\) with C 1 or 3"):
            encode_jpeg(wrong)
    for quality in (0, 101, -5):
        with pytest.raises(ConfigError, match=f"quality={quality}, .*1 to 100"):
            encode_jpeg(picture, quality)
    with pytest.raises(ConfigError, match=r"subsampling='4:2:1', .*4:4:4, 4:2:2, 4:2:0"):
        encode_jpeg(picture, subsampling="4:2:1")
    with pytest.raises(UserError, match=r"65535 pixels.*65536x1"):
        encode_jpeg(np.zeros((1, 1, 65_536), np.uint8))


@pytest.mark.parametrize(
    ("options", "mode", "message"),
    [
        ({"progressive": True}, "RGB", "progressive"),
        ({}, "CMYK", "CMYK"),
    ],
)
def test_other_kinds_of_files_are_refused_by_name(options: dict[str, Any], mode: str, message: str) -> None:
    file = io.BytesIO()
    Image.new(mode, (32, 32)).save(file, "JPEG", **options)
    with pytest.raises(DataError, match=message):
        decode_jpeg(file.getvalue())


# Real pictures


@pytest.mark.parametrize("name", ["celeba_178x218_sample", "flowers17_128"])
def test_real_photographs(shared_data: Path, name: str) -> None:
    images = open_images(shared_data / name)
    for picture in images.batch(np.linspace(0, len(images) - 1, 6).astype(np.int64)).images.numpy():
        data = encode_jpeg(picture, 75)
        assert data == pillow_bytes(picture, quality=75)
        assert np.array_equal(decode_jpeg(data), pillow_pixels(data))


@pytest.fixture
def shared_data() -> Path:
    folder = Path(__file__).resolve().parents[3] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real image sets (../shared/data) are not on this machine")
    return folder
