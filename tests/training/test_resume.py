"""`--resume`, `--force` and an existing run: what goes on, what is refused, and that nothing is lost."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from tiny import BATCH, final_bytes, simple_pictures, train_tiny

import imagewright as iw
from imagewright.errors import ConfigError, RunError
from imagewright.training.reporting import Silent

OFTEN = {"steps": 8, "report_every": 4 * BATCH, "checkpoint_every": 2 * BATCH}


class Heard(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def message(self, text: str) -> None:
        self.texts.append(text)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that ended: 64 images seen, checkpoints at 32, 48 and 64. Not to be changed: see `copied`."""
    return train_tiny("vae", simple_pictures(), tmp_path_factory.mktemp("finished") / "run", **OFTEN).path


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    """The run, to be damaged or gone on with."""
    return shutil.copytree(finished, tmp_path / "copy" / "run")


def everything(run: Path) -> dict[str, bytes]:
    return {str(path.relative_to(run)): path.read_bytes() for path in run.rglob("*") if path.is_file()}


def go_on(run: Path, pictures: object = None, name: str = "vae", **options: object) -> iw.Run:
    pictures = simple_pictures() if pictures is None else pictures
    return iw.train(name, pictures, run, resume=True, **({"reporter": Silent()} | options))


# What is refused


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"latent_dim": 7}, "latent_dim is 4 in the run and 7 now"),
        ({"learning_rate": 0.5}, "learning_rate is None in the run and 0.5 now"),
        ({"batch_size": 16, "seed": 3}, "batch_size is 8 in the run and 16 now; seed is 0 in the run and 3 now"),
        ({"network": "mlp", "clip": 1.0}, "network is 'convolutional' in the run and 'mlp' now"),
    ],
)
def test_other_options_are_named(finished: Path, options: dict[str, object], words: str) -> None:
    before = everything(finished)
    with pytest.raises(RunError, match="cannot be resumed with other options") as said:
        go_on(finished, **options)
    assert words in str(said.value)
    assert "--out" in str(said.value)
    assert everything(finished) == before


def test_the_same_options_given_again_are_no_others(copied: Path) -> None:
    assert go_on(copied, latent_dim=4, batch_size=8, seed=0).path == copied


@pytest.mark.parametrize("change", ["a pixel", "fewer", "size", "flip"])
def test_other_images_are_refused(finished: Path, change: str) -> None:
    pictures = simple_pictures()
    if change == "a pixel":
        pictures[3, 0, 0, 0] += 1
    elif change == "fewer":
        pictures = pictures[:-1]
    elif change == "size":
        pictures = iw.open_images(pictures, size=24)
    else:
        pictures = iw.open_images(pictures, flip=True)
    words = {
        "a pixel": "the pictures of .* changed",
        "fewer": "count was 32 and is 31",
        "size": "size was 16x16 and is 24x24",
        "flip": "flip was False and is True",
    }
    with pytest.raises(RunError, match=f"was trained on other images: .*{words[change]}"):
        go_on(finished, pictures)


def test_another_model_is_refused(finished: Path) -> None:
    with pytest.raises(RunError, match="trained vae, not autoencoder: resume it with the model it has"):
        go_on(finished, name="autoencoder")


def test_nothing_to_resume(tmp_path: Path) -> None:
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "run.json").write_text("{}")
    with pytest.raises(RunError, match=r"There is no run directory .*face\b.* Did you mean '.*faces'"):
        go_on(tmp_path / "face")
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError, match=r"is no run directory: it has no run\.json"):
        go_on(tmp_path / "empty")


def test_resume_and_force_exclude_each_other(finished: Path) -> None:
    with pytest.raises(ConfigError, match="--resume goes on with a run and --force replaces it: give one of them"):
        go_on(finished, force=True)


def test_a_schedule_that_ended_cannot_be_gone_beyond(tmp_path: Path) -> None:
    run = train_tiny("vae", simple_pictures(), tmp_path / "run", steps=2, schedule="cosine")
    with pytest.raises(RunError, match="images_seen is 16 in the run and 32 now, but its cosine schedule ends"):
        go_on(run.path, images_seen=32)


# An existing run


def test_an_existing_run_stops_a_new_training_and_stays_as_it_was(finished: Path) -> None:
    before = everything(finished)
    with pytest.raises(RunError, match="holds a run already: go on with it by --resume, replace it by --force"):
        train_tiny("vae", simple_pictures(), finished, **OFTEN)
    with pytest.raises(ConfigError):
        train_tiny("vae", simple_pictures(), finished, force=True, latent_dim=-1)
    assert everything(finished) == before


def test_force_replaces_what_a_training_made_and_nothing_else(copied: Path) -> None:
    (copied / "notes.txt").write_text("mine")
    run = train_tiny("autoencoder", simple_pictures(), copied, steps=1, force=True)
    assert run.model == "autoencoder"
    assert [each.images_seen for each in run.checkpoints()] == [BATCH]
    assert (copied / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("force", [True, False])
def test_a_folder_with_other_files_is_never_trained_into(force: bool, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(RunError, match="is a folder with other files in it"):
        train_tiny("vae", simple_pictures(), tmp_path, force=force)
    assert everything(tmp_path) == {"letter.txt": b"mine"}


def test_a_file_in_the_runs_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(RunError, match="is a file: name a folder for the run"):
        train_tiny("vae", simple_pictures(), tmp_path / "file")
    with pytest.raises(RunError, match="a part of that path is a file"):
        train_tiny("vae", simple_pictures(), tmp_path / "file" / "run")
    assert (tmp_path / "file").read_text() == "mine"


# Going on


def test_a_run_that_ended_is_left_as_it_is_and_can_be_trained_on(copied: Path, tmp_path: Path) -> None:
    heard = Heard()
    before = final_bytes(iw.Run(copied))
    go_on(copied, reporter=heard)
    assert any("is trained on 64 images already: give more by --images-seen" in text for text in heard.texts)
    assert final_bytes(iw.Run(copied)) == before
    longer = train_tiny("vae", simple_pictures(), tmp_path / "longer" / "run", **(OFTEN | {"steps": 12}))
    go_on(copied, images_seen=12 * BATCH)
    assert final_bytes(iw.Run(copied)) == final_bytes(longer)


def test_a_source_by_name_is_opened_as_the_run_opened_it(tmp_path: Path) -> None:
    options = {"latent_dim": 4, "width": 4, "batch_size": 8, "reporter": Silent()}
    images = iw.open_images("digits", size=16, crop="random", flip=True)
    whole = iw.train(
        "autoencoder",
        images,
        tmp_path / "whole" / "run",
        images_seen=64,
        checkpoint_every=32,
        report_every=32,
        **options,
    )
    iw.train(
        "autoencoder",
        images,
        tmp_path / "parts" / "run",
        images_seen=32,
        checkpoint_every=32,
        report_every=32,
        **options,
    )
    parts = iw.train(
        "autoencoder", "digits", tmp_path / "parts" / "run", resume=True, images_seen=64, reporter=Silent()
    )
    assert final_bytes(parts) == final_bytes(whole)


def test_more_images_given_to_a_resume_stay_given(copied: Path) -> None:
    run = go_on(copied, images_seen=10 * BATCH)
    assert run.record["options"]["images_seen"] == 10 * BATCH
    for file in run.checkpoint_at(10 * BATCH).weights, run.checkpoint_at(10 * BATCH).state:
        file.unlink()  # as after a kill
    assert go_on(copied).checkpoints()[-1].images_seen == 10 * BATCH


def test_stopped_before_the_first_checkpoint_it_begins_again(finished: Path, copied: Path) -> None:
    shutil.rmtree(copied / "checkpoints")
    go_on(copied)
    assert final_bytes(iw.Run(copied)) == final_bytes(iw.Run(finished))
    assert [line["images_seen"] for line in iw.Run(copied).metrics()] == [32, 64]


def test_a_broken_last_line_of_the_metrics_is_passed_over(copied: Path) -> None:
    with (copied / "metrics.jsonl").open("a") as file:
        file.write('{"images_seen": 72, "loss')
    assert [line["images_seen"] for line in iw.Run(copied).metrics()] == [32, 64]
    go_on(copied, images_seen=12 * BATCH)
    assert [line["images_seen"] for line in iw.Run(copied).metrics()] == [32, 64, 96]


def test_the_latest_checkpoints_are_kept(tmp_path: Path) -> None:
    run = train_tiny("vae", simple_pictures(), tmp_path / "run", keep_checkpoints=2, **OFTEN)
    assert [each.images_seen for each in run.checkpoints()] == [48, 64]
    assert len(list((run.path / "checkpoints").iterdir())) == 4


# Damaged checkpoints


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_a_checkpoint_cut_in_half_is_named_with_the_earlier_whole_one(copied: Path) -> None:
    run = iw.Run(copied)
    last = run.checkpoints()[-1]
    cut(last.weights)
    with pytest.raises(RunError, match=r"000000064\.safetensors is damaged.* at 48 images is intact.*--at 48"):
        iw.load(run)
    with pytest.raises(RunError, match=r"000000064\.safetensors is damaged or no safetensors file"):
        iw.load(last.weights)
    assert iw.sample(iw.load(run, images_seen=48), 2).shape == (2, 3, 16, 16)


@pytest.mark.parametrize("part", ["weights", "state"])
@pytest.mark.parametrize("how", ["cut", "missing", "text"])
def test_training_goes_on_from_the_last_whole_checkpoint(finished: Path, copied: Path, part: str, how: str) -> None:
    path = getattr(iw.Run(copied).checkpoints()[-1], part)
    if how == "cut":
        cut(path)
    elif how == "missing":
        path.unlink()
    else:
        path.write_text("not tensors")
    heard = Heard()
    go_on(copied, reporter=heard)
    assert final_bytes(iw.Run(copied)) == final_bytes(iw.Run(finished))
    if (part, how) != ("weights", "missing"):  # without weights there is no checkpoint to speak of
        assert any(path.name in t and "going on from the checkpoint at 48 images" in t for t in heard.texts)


def test_where_none_is_whole_it_says_so(copied: Path) -> None:
    for checkpoint in iw.Run(copied).checkpoints():
        cut(checkpoint.weights)
    for act in (lambda: iw.load(copied), lambda: go_on(copied)):
        with pytest.raises(RunError, match=r"has no intact checkpoint: .*000000064\.safetensors is damaged.*--force"):
            act()
    assert len(list((copied / "checkpoints").iterdir())) == 6, "damaged files may still be of use to someone"


def test_an_earlier_checkpoint_can_be_loaded_and_one_that_is_not_there_is_refused(finished: Path) -> None:
    early, late = (iw.load(finished, images_seen=number) for number in (32, 64))
    assert not np.array_equal(iw.sample(early, 2), iw.sample(late, 2))
    with pytest.raises(RunError, match="has no checkpoint at 40 images: it has 32, 48, 64"):
        iw.load(finished, images_seen=40)


@pytest.mark.parametrize("content", ["{", "[]", '{"model": "vae"}', "\xff"])
def test_a_damaged_record_is_named(copied: Path, content: str) -> None:
    (copied / "run.json").write_bytes(content.encode("latin-1"))
    for act in (lambda: iw.Run(copied), lambda: iw.load(copied), lambda: go_on(copied)):
        with pytest.raises(RunError, match=r"run\.json is damaged"):
            act()


def test_other_labels_are_refused_by_a_model_that_learns_them(tmp_path: Path) -> None:
    images = iw.open_images(simple_pictures())
    labelled = images.with_labels(np.arange(32) % 2, ("one", "other"))
    run = train_tiny("cgan", labelled, tmp_path / "run", steps=2).path
    for changed in (images, images.with_labels(np.arange(32) // 16, ("one", "other"))):
        with pytest.raises(RunError, match="other images: the labels or attributes of"):
            go_on(run, changed, "cgan", images_seen=4 * BATCH)
    assert go_on(run, labelled, "cgan", images_seen=4 * BATCH).checkpoints()[-1].images_seen == 4 * BATCH


def test_a_layered_source_is_opened_again_as_it_was(tmp_path: Path) -> None:
    sides = np.concatenate([simple_pictures(), simple_pictures(seed=1)], axis=3)
    np.savez(tmp_path / "pairs.npz", images=sides)
    images = iw.open_images(tmp_path / "pairs.npz", layers="input,target")
    run = train_tiny("dcgan", images, tmp_path / "run", steps=2).path
    resumed = go_on(run, str(tmp_path / "pairs.npz"), "dcgan", images_seen=4 * BATCH)
    assert [layer["name"] for layer in resumed.record["source"]["layers"]] == ["input", "target"]
    assert resumed.checkpoints()[-1].images_seen == 4 * BATCH
