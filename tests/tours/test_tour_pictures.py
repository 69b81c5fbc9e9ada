"""How the pictures of a tour are arranged, and that all models have one size; a tour that translates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imagewright as iw
from imagewright.errors import DataError
from imagewright.tours import plan
from imagewright.tours import tour as tours
from imagewright.tours.parts import translation
from imagewright.tours.pictures import fit_pictures, open_tour
from imagewright.tours.plan import all_parts


def write(folder: Path, names: list[str], size: tuple[int, int] = (24, 24)) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng([*str(folder).encode()])
    for name in names:
        pixels = generator.integers(0, 255, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize(size[::-1]).save(folder / f"{name}.png")
    return folder


def arrangement(source: Path, other: Path | None = None) -> str:
    return open_tour(source, other, {}, lambda _: None).arrangement


NAMES = [f"{index}" for index in range(10)]
OTHERS = [f"other{index}" for index in range(10)]


def test_pictures_pairs_and_two_sets_are_told_apart(tmp_path: Path) -> None:
    plain = write(tmp_path / "plain", NAMES)
    assert arrangement(plain) == "pictures"
    assert arrangement(plain, write(tmp_path / "drawn", NAMES)) == "pairs"
    assert arrangement(plain, write(tmp_path / "winter", OTHERS)) == "two sets"
    assert arrangement(write(tmp_path / "beside", NAMES, (24, 48))) == "pairs"
    for first, second, names, expected in (
        ("input", "target", NAMES, "pairs"),
        ("A", "B", NAMES, "pairs"),
        ("trainA", "trainB", OTHERS, "two sets"),
    ):
        folder = tmp_path / f"{first}-{second}"
        write(folder / first, NAMES)
        write(folder / second, names)
        assert arrangement(folder) == expected


def test_a_copy_of_a_folder_is_no_second_set(tmp_path: Path) -> None:
    one = write(tmp_path / "one", NAMES)
    same, renamed = tmp_path / "same", tmp_path / "renamed"
    for folder, names in ((same, NAMES), (renamed, OTHERS)):
        folder.mkdir()
        for name, copy in zip(NAMES, names, strict=True):
            (folder / f"{copy}.png").write_bytes((one / f"{name}.png").read_bytes())
    with pytest.raises(DataError, match=r"layers input and target of .* are the same pictures"):
        open_tour(one, same, {}, lambda _: None)
    with pytest.raises(DataError, match="hold the same pictures"):
        open_tour(one, renamed, {}, lambda _: None)


def test_all_models_have_the_size_of_the_shortest_training_and_learn_no_held_out_picture() -> None:
    pictures = open_tour(np.zeros((500, 3, 90, 120), np.uint8), None, {}, lambda _: None)
    parts = all_parts(pictures.traits, "dcgan")
    sized = fit_pictures(pictures, parts, gan="dcgan", minutes=1.0, accelerator=False, seed=0, say=lambda _: None)
    assert min(sized.whole.size) == 32
    assert sized.whole.size == sized.trained.size == sized.reference.size
    learned, compared = set(sized.trained.names()), set(sized.reference.names())
    assert not learned & compared
    assert (len(learned), len(compared), sized.held_out) == (400, 100, 100)


def test_a_size_that_the_user_gave_is_kept() -> None:
    pictures = open_tour(np.zeros((20, 3, 90, 90), np.uint8), None, {"size": 48}, lambda _: None)
    parts = all_parts(pictures.traits, "dcgan")
    sized = fit_pictures(pictures, parts, gan="dcgan", minutes=1.0, accelerator=False, seed=0, say=lambda _: None)
    assert sized.whole.size == (48, 48)
    assert sized.held_out == 0


def test_a_tour_that_goes_on_keeps_its_size() -> None:
    pictures = open_tour(np.zeros((20, 3, 90, 90), np.uint8), None, {}, lambda _: None)
    parts = all_parts(pictures.traits, "dcgan")
    options = {"gan": "dcgan", "minutes": 1.0, "seed": 0, "say": lambda _: None}
    chosen = fit_pictures(pictures, parts, accelerator=True, **options)
    kept = fit_pictures(pictures, parts, accelerator=True, size=(32, 32), **options)
    assert chosen.whole.size != kept.whole.size == (32, 32)
    assert kept.trained.size == kept.reference.size == (32, 32)


@pytest.mark.learning
@pytest.mark.parametrize(("names", "translates"), [(NAMES, "pix2pix"), (OTHERS, "cut")])
@pytest.mark.parametrize("shown", [True, False])
def test_two_sources_end_in_a_translation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str], translates: str, shown: bool
) -> None:
    monkeypatch.setattr(plan, "LEAST_ON_CPU", {})
    monkeypatch.setattr(plan, "LEAST_TO_LEARN", {})
    monkeypatch.setattr(translation, "LEAST_SHOWN", {translates: 1 if shown else 10**9})
    monkeypatch.setattr(tours, "choose_parts", lambda parts, *_, **__: [*parts[:2], parts[3], parts[-1]])
    for kind in ("set", "components", "model"):
        monkeypatch.setitem(tours.CARRY_OUT, kind, lambda work, part: None)
    one, other = write(tmp_path / "one", NAMES), write(tmp_path / "two", names)
    found = iw.tour(one, other, minutes=0.3, size=32, out=tmp_path / "tour")
    assert not found.failed
    page = found.page.read_text()
    assert f'id="{translates}"' in page
    assert f"imagewright train {translates}" in page
    assert ("what the model makes of them" in page) == shown
    assert ("smears, which are not shown" in page) != shown


@pytest.mark.parametrize("model", ["pix2pix", "cut"])
def test_translations_of_a_training_that_saw_too_few_images_are_not_shown(model: str) -> None:
    least = translation.LEAST_SHOWN[model]
    assert translation.too_few_images(model, least) is None
    said = translation.too_few_images(model, 56)
    assert said is not None
    assert "saw 56 images" in said
    assert f"{2 * least:,} images" in said
