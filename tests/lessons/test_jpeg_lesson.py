"""The lesson on JPEG: its numbers are consistent with each other and with the file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.fft
from PIL import Image

import imagewright as iw
from imagewright.codecs.jpeg.tables import LUMINANCE
from imagewright.errors import ConfigError


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of one small picture: the lesson's default photograph takes longer."""
    from skimage.data import astronaut

    folder = tmp_path_factory.mktemp("photo")
    Image.fromarray(astronaut()[60:124, 180:250]).save(folder / "face.png")
    return folder


@pytest.mark.learning
def test_the_numbers_are_consistent(photo: Path, tmp_path: Path) -> None:
    paths = iw.lesson("jpeg", tmp_path / "made", source=str(photo), animation="gif").paths
    names = {path.name for path in paths}
    assert names == {"basis.png", "block.png", "bits.png", "quality.png", "growing.gif", "numbers.json"}
    numbers = json.loads((tmp_path / "made" / "numbers.json").read_text())
    block = {name: np.array(value) for name, value in numbers["block"].items() if name != "symbols"}
    assert np.array_equal(block["shifted"], block["pixels"] - 128)
    np.testing.assert_allclose(block["dct"], scipy.fft.dctn(block["shifted"], norm="ortho"), atol=1e-3)
    assert np.array_equal(block["table"], LUMINANCE)
    assert np.abs(block["quantised"] - block["dct"] / LUMINANCE).max() < 0.52
    assert sorted(block["zigzag"]) == sorted(block["quantised"].ravel())
    assert block["zigzag"][:4].tolist() == [block["quantised"][place] for place in ((0, 0), (0, 1), (1, 0), (2, 0))]
    rebuilt = scipy.fft.idctn(block["quantised"] * LUMINANCE, norm="ortho") + 128
    assert np.abs(block["rebuilt"] - rebuilt.clip(0, 255)).max() <= 1
    symbols = numbers["block"]["symbols"]
    assert sum(len(each["code_bits"] + each["value_bits"]) for each in symbols) == block["bits"]
    counts = np.array(numbers["bits_per_block"]["map"])
    assert counts.shape == (8, 9)
    assert counts[block["row"], block["column"]] == block["bits"]
    assert symbols[-1]["meaning"] == "end of block"
    assert symbols[-1]["code_bits"] == "1010"  # table K.5
    assert len(symbols) == 2 + (block["zigzag"][1:] != 0).sum()
    assert symbols[0]["meaning"].startswith("DC ")
    sizes = [point["bytes"] for point in numbers["quality"]]
    assert sizes == sorted(sizes)
    growing = [step["psnr"] for step in numbers["growing"]]
    assert growing == sorted(growing)
    assert growing[-1] > 40


@pytest.mark.learning
def test_a_block_and_a_quality_of_a_grey_picture_can_be_chosen(photo: Path, tmp_path: Path) -> None:
    (tmp_path / "grey").mkdir()
    Image.open(photo / "face.png").convert("L").save(tmp_path / "grey" / "face.png")
    options = {"source": str(tmp_path / "grey"), "animation": "none", "format": "svg"}
    found = iw.lesson("jpeg", tmp_path / "made", row=0, column=0, quality=80, **options)
    paths, numbers = found.paths, found.numbers
    assert "block.svg" in {path.name for path in paths}
    assert (numbers["block"]["row"], numbers["block"]["column"]) == (0, 0)
    assert "from 0" in numbers["block"]["symbols"][0]["meaning"]
    assert numbers["picture"] == {"height": 64, "width": 70, "channels": 1, "quality": 80}
    with pytest.raises(ConfigError, match="row=8 and column=0, but the picture has 8 rows and 9 columns of blocks"):
        iw.lesson("jpeg", tmp_path / "other", row=8, column=0, **options)
    with pytest.raises(ConfigError, match=r"picture=1, but .* has 1 picture, counted from 0"):
        iw.lesson("jpeg", tmp_path / "other", picture=1, **options)
    assert not (tmp_path / "other").exists()


@pytest.mark.learning
def test_a_flat_transparent_picture_of_odd_size(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Image.fromarray(np.full((24, 17, 4), 128, np.uint8)).save(tmp_path / "in" / "one.png")
    numbers = iw.lesson("jpeg", tmp_path / "made", source=str(tmp_path / "in"), animation="none").numbers
    assert numbers["picture"]["channels"] == 3
    # A DC code of two bits and an end of four, if nothing changes from the block before.
    assert numbers["bits_per_block"]["least"] == 6
