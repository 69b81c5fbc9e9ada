"""The verb translate: domains, attributes, styles, sizes, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import simple_pictures, tiny_model
from torch import Tensor
from translators import Attributes, Blurs, FewShot, Lamp, register, write_run

import imagewright as iw
from imagewright.errors import UserError
from imagewright.images.opening import opening_choices
from imagewright.pixels import to_float, to_uint8


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)


def test_a_domain_by_name_or_number(tmp_path: Path) -> None:
    pictures = torch.from_numpy(simple_pictures(3))
    bright = iw.translate(Lamp(), pictures, to="bright")
    assert bright.shape == (3, 3, 16, 16)
    assert bright.dtype == torch.uint8
    assert torch.equal(iw.translate(Lamp(), pictures, to=0), bright)
    assert torch.equal(iw.translate(Lamp(), pictures, to="0"), bright)
    run = write_run(Lamp(), tmp_path / "run")
    for source in (run, run.path, str(run.path), run.checkpoints()[-1].weights):
        assert torch.equal(iw.translate(source, pictures, to="bright"), bright)
    assert (bright.float().mean() - iw.translate(Lamp(), pictures, to="dark").float().mean()) > 20


def test_a_single_domain_needs_no_name() -> None:
    pictures = simple_pictures(2)
    soft = iw.translate(Blurs(), pictures)
    assert torch.equal(soft, iw.translate(Blurs(), pictures, to="soft"))
    expected = to_uint8(Blurs().eval().translate(to_float(torch.from_numpy(pictures)), target_of(0)))
    assert torch.equal(soft, expected)


def test_the_value_range_holds_for_one_file_as_for_a_folder(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).integers(0, 4096, (16, 16)).astype(np.uint16)
    (tmp_path / "scans").mkdir()
    Image.fromarray(numbers).save(tmp_path / "scans" / "0.png")
    with opening_choices(value_range="0:4095"):
        of_folder = iw.translate(Blurs(), tmp_path / "scans")
        assert torch.equal(iw.translate(Blurs(), tmp_path / "scans" / "0.png"), of_folder)
    assert of_folder.max() > 128


def target_of(domain: int) -> object:
    from imagewright.capabilities import Target

    return Target(domain=domain)


def test_a_picture_is_the_same_whatever_else_is_asked_for() -> None:
    pictures = torch.from_numpy(simple_pictures(20, (20, 28)))
    many = iw.translate(Lamp(), pictures, to="dark", styles=3, seed=5)
    assert many.shape == (20, 3, 3, 20, 28)
    assert torch.equal(iw.translate(Lamp(), pictures[17:18], to="dark", styles=3, seed=5), many[17:18])
    assert torch.equal(iw.translate(Lamp(), pictures[[17, 2]], to="dark", styles=2, seed=5), many[[17, 2], :2])
    assert torch.equal(iw.translate(Lamp(), pictures, to="dark", seed=5), many[:, 0])
    assert not torch.equal(iw.translate(Lamp(), pictures, to="dark", seed=6), many[:, 0])
    assert len(many[0].flatten(1).unique(dim=0)) == 3


@pytest.mark.parametrize("size", [(16, 16), (15, 30), (1, 5), (1030, 21)])
def test_pictures_keep_their_size_though_the_model_can_do_some_only(size: tuple[int, int]) -> None:
    picture = torch.full((1, 3, *size), 100, dtype=torch.uint8)
    made = iw.translate(Attributes(), picture, to={"Light": 1})
    assert made.shape == picture.shape
    assert (made == round((100 + 255) / 2)).all()


def test_attributes_that_are_not_named_stay() -> None:
    pictures = torch.from_numpy(simple_pictures(2))
    red = iw.translate(Attributes(), pictures, to={"Red": 1})
    assert torch.equal(red[:, 1:], pictures[:, 1:])
    assert torch.equal(red[:, :1], to_uint8(torch.lerp(to_float(pictures[:, :1]), torch.ones(()), 0.5)))


def test_the_style_of_references(tmp_path: Path) -> None:
    pictures = torch.from_numpy(simple_pictures(2))
    references = torch.stack([torch.full((3, 16, 16), level, dtype=torch.uint8) for level in (0, 128, 255)])
    made = iw.translate(Lamp(), pictures, to="bright", like=references)
    assert made.shape == (2, 3, 3, 16, 16)
    assert made.float().mean((0, 2, 3, 4)).diff().min() > 30
    assert torch.equal(iw.translate(Lamp(), pictures, to="bright", like=references[2:]), made[:, 2])
    Image.fromarray(references[2].permute(1, 2, 0).numpy()).resize((40, 40)).save(tmp_path / "white.png")
    assert torch.equal(iw.translate(Lamp(), pictures, to="bright", like=tmp_path / "white.png"), made[:, 2])


def test_several_references_give_a_few_shot_model_one_style() -> None:
    pictures = torch.from_numpy(simple_pictures(2))
    references = torch.stack([torch.full((3, 16, 16), level, dtype=torch.uint8) for level in (0, 255)])
    made = iw.translate(FewShot(), pictures, like=references)
    assert made.shape == pictures.shape
    assert torch.equal(made, to_uint8(0.5 * to_float(pictures)))
    with pytest.raises(UserError, match="--like"):
        iw.translate(FewShot(), pictures)


def test_sources_are_opened_at_their_own_size_and_the_models_channels(tmp_path: Path) -> None:
    grey = simple_pictures(2, (24, 30), 1)
    for number, picture in enumerate(grey):
        Image.fromarray(picture[0]).save(tmp_path / f"{number}.png")
    expected = iw.translate(Blurs(), np.repeat(grey, 3, axis=1))
    assert expected.shape == (2, 3, 24, 30)
    assert torch.equal(iw.translate(Blurs(), tmp_path), expected)
    assert torch.equal(iw.translate(Blurs(), iw.open_images(tmp_path)), expected)
    assert torch.equal(iw.translate(Blurs(), tmp_path / "1.png"), expected[1:])


def test_lists_of_files_pillow_images_and_arrays(tmp_path: Path) -> None:
    pictures = simple_pictures(3, (20, 24))
    held = [Image.fromarray(picture.transpose(1, 2, 0)) for picture in pictures]
    files = [tmp_path / f"{number}.png" for number in range(3)]
    for picture, file in zip(held, files, strict=True):
        picture.save(file)
    expected = iw.translate(Lamp(), pictures, to="dark", like=pictures[:2])
    assert expected.shape == (3, 2, 3, 20, 24)
    for given in (held, files, [str(file) for file in files], list(pictures)):
        assert torch.equal(iw.translate(Lamp(), given, to="dark", like=given[:2]), expected)
    assert torch.equal(iw.translate(Lamp(), held[1], to="dark", like=held[0]), expected[1:2, 0])


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (Lamp, {}, r"Where lamp should translate to is missing: --to .*bright, dark"),
        (Lamp, {"to": "brigth"}, r"lamp has no domain 'brigth'\. Did you mean 'bright'\?.*from 0 to 1"),
        (Lamp, {"to": 2}, "lamp has no domain '2'"),
        (Lamp, {"to": {"Smiling": 1}}, "lamp is not conditioned on attributes.*bright, dark"),
        (Lamp, {"to": "dark", "styles": 0}, "styles=0"),
        (Lamp, {"to": "dark", "styles": 2, "like": simple_pictures(1)}, "styles=2 are sampled"),
        (Blurs, {"styles": 2}, "blurs translates in one way only"),
        (Blurs, {"like": simple_pictures(1)}, "blurs translates in one way only"),
        (Attributes, {}, r"Where attributes should.*Light=1: Light, Red"),
        (Attributes, {"to": {"Ligth": 1}}, "no attribute 'Ligth'.*Did you mean 'Light'"),
        (Attributes, {"to": {"Light": 2}}, "Light is a number from 0 .* to 1 .*, not 2"),
        (Attributes, {"to": "Light"}, "attributes has no domain 'Light'.*Its attributes, as in Light=1"),
    ],
)
def test_what_is_refused(model: type, options: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        iw.translate(model(), simple_pictures(1), **options)


def test_a_model_that_does_not_translate() -> None:
    with pytest.raises(UserError, match="vae cannot translate: it can sample, encode"):
        iw.translate(tiny_model("vae"), simple_pictures(1))


def test_training_goes_on_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Lamp().train()
    made: Tensor = iw.translate(model, simple_pictures(1), to=0)
    assert model.training
    assert not made.requires_grad


# Sheets and files


def test_a_sheet_shows_inputs_and_styles_and_holds_the_translations(tmp_path: Path) -> None:
    for number, picture in enumerate(simple_pictures(3)):
        Image.fromarray(picture.transpose(1, 2, 0)).save(tmp_path / f"p{number}.png")
    (tmp_path / "p1b.png").write_bytes(b"no picture")
    sheet = iw.translation_sheet(Lamp(), tmp_path, 4, to="dark", styles=2, seed=7)
    expected = iw.translate(Lamp(), tmp_path, to="dark", styles=2, seed=7)
    assert sheet.row_labels == ["input", "dark, style 0", "dark, style 1"]
    assert sheet.column_labels == ["p0", "p1", "p2"]
    assert torch.equal(
        torch.as_tensor(sheet.images), torch.cat([torch.from_numpy(simple_pictures(3)), *expected.unbind(1)])
    )
    assert torch.equal(torch.as_tensor(sheet.results.images), expected.flatten(0, 1))
    assert list(sheet.results.names) == [f"p{number}_{style}.png" for number in range(3) for style in range(2)]
    assert sheet.record["seed"] == 7
    assert sheet.record["settings"]["to"] == "dark"
    (note,) = sheet.notes
    assert "1 unreadable picture is left out: p1b.png (" in note


def test_titles_name_the_run_and_where_it_translates(tmp_path: Path) -> None:
    pictures = iw.open_images(simple_pictures(2))
    run = write_run(Lamp(), tmp_path / "evening")
    assert iw.translation_sheet(run, pictures, to="dark", styles=2).title == "evening (lamp): to dark"
    assert iw.translation_sheet(Attributes(), pictures, to={"Red": 1}).title == "attributes: to Red=1"
    assert iw.translation_sheet(FewShot(), pictures, like=pictures).title == "fewshot: translations"


def test_references_stand_before_their_rows() -> None:
    references = iw.open_images(simple_pictures(2, seed=3))
    sheet = iw.translation_sheet(Lamp(), iw.open_images(simple_pictures(3)), to="bright", like=references)
    images = torch.as_tensor(sheet.images).unflatten(0, (3, 4))
    assert torch.equal(images[1:, 0], references.batch(np.arange(2)).images)
    assert images[0, 0].unique().numel() == 1
    assert sheet.column_labels[0] == "style"


def test_a_folder_of_translations_is_written_one_by_one(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number, size in enumerate([(20, 30), (16, 16), (7, 9)]):
        Image.fromarray(simple_pictures(1, size)[0].transpose(1, 2, 0)).save(source / f"{number}.png")
    written, notes = iw.write_translations(Blurs(), source, tmp_path / "out", progress=lambda done, total: None)
    assert [path.name for path in written] == ["0.png", "1.png", "2.png"]
    assert notes == []
    for path in written:
        with Image.open(path) as made, Image.open(source / path.name) as original:
            assert made.size == original.size
    written, _ = iw.write_translations(Blurs(), source, tmp_path / "model", size="model", count=2)
    with Image.open(written[1]) as made:
        assert made.size == (16, 16)
