"""`--resume`, `--force` and existing runs: what is resumed, what is refused, and that nothing is lost."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from tiny import BATCH, Messages, final_bytes, simple_pictures, train_tiny

import imagewright as iw
from imagewright.errors import ConfigError, RunError, UserError
from imagewright.models.autoencoding.vae import VAE
from imagewright.training.reporting import Silent

OFTEN = {"steps": 8, "report_every": 4 * BATCH, "checkpoint_every": 2 * BATCH}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run: 64 images seen, checkpoints at 32, 48 and 64. Tests that change it use `copied`."""
    return train_tiny("vae", simple_pictures(), tmp_path_factory.mktemp("finished") / "run", **OFTEN).path


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    """A copy of the run, which may be damaged or resumed."""
    return shutil.copytree(finished, tmp_path / "copy" / "run")


def all_files(run: Path) -> dict[str, bytes]:
    return {str(path.relative_to(run)): path.read_bytes() for path in run.rglob("*") if path.is_file()}


def resume(run: Path, pictures: object = None, name: str = "vae", **options: object) -> iw.Run:
    pictures = simple_pictures() if pictures is None else pictures
    return iw.train(name, pictures, run, resume=True, **({"reporter": Silent()} | options))


# Refused


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"latent_dim": 7}, r"latent_dim is 4\b.*\b7\b"),
        ({"learning_rate": 0.5}, r"learning_rate is None\b.*\b0\.5\b"),
        ({"batch_size": 16, "seed": 3}, r"batch_size is 8\b.*\b16\b.*seed is 0\b.*\b3\b"),
        ({"network": "mlp", "clip": 1.0}, r"network is 'convolutional'.*'mlp'"),
    ],
)
def test_other_options_are_named(finished: Path, options: dict[str, object], words: str) -> None:
    before = all_files(finished)
    with pytest.raises(RunError, match="other options") as error:
        resume(finished, **options)
    assert re.search(words, str(error.value))
    assert "--out" in str(error.value)
    assert all_files(finished) == before


def test_the_same_options_may_be_given_again(copied: Path) -> None:
    assert resume(copied, latent_dim=4, batch_size=8, seed=0).path == copied


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
        "a pixel": "pictures",
        "fewer": "32 .*31",
        "size": "16x16 .*24x24",
        "flip": "flip .*False .*True",
    }
    with pytest.raises(RunError, match=f"other images: .*{words[change]}"):
        resume(finished, pictures)


def test_another_model_is_refused(finished: Path) -> None:
    with pytest.raises(RunError, match=r"\bvae\b.*\bautoencoder\b"):
        resume(finished, name="autoencoder")


def test_nothing_to_resume(tmp_path: Path) -> None:
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "run.json").write_text("{}")
    with pytest.raises(RunError, match=r"face\b.*'.*faces'"):
        resume(tmp_path / "face")
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError, match=r"run\.json"):
        resume(tmp_path / "empty")


def test_resume_and_force_exclude_each_other(finished: Path) -> None:
    with pytest.raises(ConfigError, match=r"--resume .*--force"):
        resume(finished, force=True)


def test_a_training_with_a_schedule_cannot_be_made_longer(tmp_path: Path) -> None:
    run = train_tiny("vae", simple_pictures(), tmp_path / "run", steps=2, schedule="cosine")
    with pytest.raises(RunError, match=r"images_seen is 16\b.*\b32\b.*cosine"):
        resume(run.path, images_seen=32)


# An existing run


def test_a_new_training_in_an_existing_run_is_refused_and_changes_nothing(finished: Path) -> None:
    before = all_files(finished)
    with pytest.raises(RunError, match=r"a run already.*--resume.*--force"):
        train_tiny("vae", simple_pictures(), finished, **OFTEN)
    with pytest.raises(ConfigError):
        train_tiny("vae", simple_pictures(), finished, force=True, latent_dim=-1)
    assert all_files(finished) == before


def test_force_replaces_the_files_of_a_training_and_no_others(copied: Path) -> None:
    (copied / "notes.txt").write_text("mine")
    run = train_tiny("autoencoder", simple_pictures(), copied, steps=1, force=True)
    assert run.model == "autoencoder"
    assert [each.images_seen for each in run.checkpoints()] == [BATCH]
    assert (copied / "notes.txt").read_text() == "mine"


def test_force_keeps_the_old_run_if_the_new_one_cannot_start(copied: Path) -> None:
    before = all_files(copied)
    options = {"steps": 1, "evaluate_every": BATCH, "evaluate_features": "pixels", "evaluate_metrics": "fdd"}
    with pytest.raises(UserError, match="fdd"):  # found by an observer, after the run was opened
        train_tiny("vae", simple_pictures(), copied, force=True, **options)
    assert all_files(copied) == before


def test_force_keeps_no_part_of_the_old_run_once_the_new_one_is_saved(copied: Path) -> None:
    train_tiny("vae", simple_pictures(), copied, steps=2, force=True, report_every=BATCH)
    assert [each.images_seen for each in iw.Run(copied).checkpoints()] == [2 * BATCH]
    assert not list(copied.glob(".replaced"))


def test_a_forced_training_that_was_killed_leaves_nothing_once_it_is_resumed(copied: Path) -> None:
    killed = shutil.copytree(copied, copied / ".replaced")  # as it is between the start and the end of the training
    shutil.rmtree(copied / "checkpoints")
    resume(copied)
    assert [each.images_seen for each in iw.Run(copied).checkpoints()] == [32, 48, 64]
    assert not killed.exists()


@pytest.mark.parametrize("force", [True, False])
def test_a_folder_with_other_files_is_refused(force: bool, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(RunError, match="other files"):
        train_tiny("vae", simple_pictures(), tmp_path, force=force)
    assert all_files(tmp_path) == {"letter.txt": b"mine"}


def test_a_file_instead_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(RunError, match="is a file"):
        train_tiny("vae", simple_pictures(), tmp_path / "file")
    with pytest.raises(RunError, match="is a file"):
        train_tiny("vae", simple_pictures(), tmp_path / "file" / "run")
    assert (tmp_path / "file").read_text() == "mine"


# Resumed


def test_resuming_a_finished_run_changes_nothing_unless_it_is_made_longer(copied: Path, tmp_path: Path) -> None:
    messages = Messages()
    before = final_bytes(iw.Run(copied))
    resume(copied, reporter=messages)
    assert any(re.search(r"\b64 images.*--images-seen", text) for text in messages.texts)
    assert final_bytes(iw.Run(copied)) == before
    longer = train_tiny("vae", simple_pictures(), tmp_path / "longer" / "run", **(OFTEN | {"steps": 12}))
    resume(copied, images_seen=12 * BATCH)
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


def test_a_greater_length_given_on_resume_is_recorded(copied: Path) -> None:
    run = resume(copied, images_seen=10 * BATCH)
    assert run.record["options"]["images_seen"] == 10 * BATCH
    for file in run.checkpoint_at(10 * BATCH).weights, run.checkpoint_at(10 * BATCH).state:
        file.unlink()  # as after a kill
    assert resume(copied).checkpoints()[-1].images_seen == 10 * BATCH


def test_a_run_without_a_checkpoint_starts_again(finished: Path, copied: Path) -> None:
    shutil.rmtree(copied / "checkpoints")
    resume(copied)
    assert final_bytes(iw.Run(copied)) == final_bytes(iw.Run(finished))
    assert [line["images_seen"] for line in iw.Run(copied).metrics()] == [32, 64]


def test_a_run_without_a_checkpoint_starts_again_from_the_same_weights(finished: Path, tmp_path: Path) -> None:
    options = {"start": str(finished), **OFTEN}
    unbroken = train_tiny("vae", simple_pictures(), tmp_path / "unbroken" / "run", **options)
    killed = shutil.copytree(unbroken.path, tmp_path / "killed" / "run")
    shutil.rmtree(killed / "checkpoints")
    assert final_bytes(resume(killed)) == final_bytes(unbroken)


def test_images_that_training_resized_are_resized_on_resume(tmp_path: Path) -> None:
    pictures = iw.open_images(simple_pictures(size=(18, 18)))
    run = train_tiny("dcgan", pictures, tmp_path / "run", steps=1)
    assert run.record["source"]["size"] == [16, 16] != list(pictures.size)
    resumed = resume(run.path, iw.open_images(simple_pictures(size=(18, 18))), "dcgan", images_seen=2 * BATCH)
    assert resumed.checkpoints()[-1].images_seen == 2 * BATCH


def test_the_length_that_the_recipe_gave_is_kept_if_the_recipe_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = VAE.recipe
    with monkeypatch.context() as patch:
        patch.setattr(VAE, "recipe", lambda self, seen=0: dataclasses.replace(recipe(self, seen), images_seen=16))
        run = train_tiny("vae", simple_pictures(), tmp_path / "run", images_seen=None)
    messages = Messages()
    resume(run.path, reporter=messages)
    assert "trained on 16 images already" in " ".join(messages.texts)


def test_a_request_to_stop_that_comes_with_the_last_step_leaves_a_finished_training(tmp_path: Path) -> None:
    request = iw.StopRequest()

    class StopAtEnd(iw.Observer):
        def end(self, images_seen: int) -> None:
            request.asked = True

    run = train_tiny("vae", simple_pictures(), tmp_path / "run", stop=request, observers=[StopAtEnd()])
    assert run.checkpoints()[-1].images_seen == 4 * BATCH


def test_an_incomplete_last_line_of_the_metrics_is_ignored(copied: Path) -> None:
    with (copied / "metrics.jsonl").open("a") as file:
        file.write('{"images_seen": 72, "loss')
    assert [line["images_seen"] for line in iw.Run(copied).metrics()] == [32, 64]
    resume(copied, images_seen=12 * BATCH)
    assert [line["images_seen"] for line in iw.Run(copied).metrics()] == [32, 64, 96]


def test_the_latest_checkpoints_are_kept(tmp_path: Path) -> None:
    run = train_tiny("vae", simple_pictures(), tmp_path / "run", keep_checkpoints=2, **OFTEN)
    assert [each.images_seen for each in run.checkpoints()] == [48, 64]
    assert len(list((run.path / "checkpoints").iterdir())) == 4


# Damaged checkpoints


def cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_a_damaged_checkpoint_is_named_with_the_earlier_complete_one(copied: Path) -> None:
    run = iw.Run(copied)
    last = run.checkpoints()[-1]
    cut_in_half(last.weights)
    with pytest.raises(RunError, match=r"000000064\.safetensors is damaged.*--at 48"):
        iw.load(run)
    with pytest.raises(RunError, match=r"000000064\.safetensors is damaged"):
        iw.load(last.weights)
    assert iw.sample(iw.load(run, images_seen=48), 2).shape == (2, 3, 16, 16)


@pytest.mark.parametrize("part", ["weights", "state"])
@pytest.mark.parametrize("how", ["cut", "missing", "text"])
def test_training_is_resumed_from_the_last_complete_checkpoint(
    finished: Path, copied: Path, part: str, how: str
) -> None:
    path = getattr(iw.Run(copied).checkpoints()[-1], part)
    if how == "cut":
        cut_in_half(path)
    elif how == "missing":
        path.unlink()
    else:
        path.write_text("not tensors")
    messages = Messages()
    resume(copied, reporter=messages)
    assert final_bytes(iw.Run(copied)) == final_bytes(iw.Run(finished))
    if (part, how) != ("weights", "missing"):  # without a weights file the checkpoint is not listed
        assert any(path.name in text and "48 images" in text for text in messages.texts)


def test_if_all_checkpoints_are_damaged_an_error_says_so(copied: Path) -> None:
    for checkpoint in iw.Run(copied).checkpoints():
        cut_in_half(checkpoint.weights)
    for act in (lambda: iw.load(copied), lambda: resume(copied)):
        with pytest.raises(RunError, match=r"000000064\.safetensors is damaged.*--force"):
            act()
    assert len(list((copied / "checkpoints").iterdir())) == 6, "damaged files are removed, though they may be of use"


def test_an_earlier_checkpoint_can_be_loaded_and_a_missing_one_is_refused(finished: Path) -> None:
    early, late = (iw.load(finished, images_seen=number) for number in (32, 64))
    assert not np.array_equal(iw.sample(early, 2), iw.sample(late, 2))
    with pytest.raises(RunError, match=r"\b40 images.*32, 48, 64"):
        iw.load(finished, images_seen=40)


@pytest.mark.parametrize("content", ["{", "[]", '{"model": "vae"}', "\xff"])
def test_a_damaged_record_is_named(copied: Path, content: str) -> None:
    (copied / "run.json").write_bytes(content.encode("latin-1"))
    for act in (lambda: iw.Run(copied), lambda: iw.load(copied), lambda: resume(copied)):
        with pytest.raises(RunError, match=r"run\.json is damaged"):
            act()


def test_other_labels_are_refused_by_a_model_that_learns_them(tmp_path: Path) -> None:
    images = iw.open_images(simple_pictures())
    labelled = images.with_labels(np.arange(32) % 2, ("one", "other"))
    run = train_tiny("cgan", labelled, tmp_path / "run", steps=2).path
    for changed in (images, images.with_labels(np.arange(32) // 16, ("one", "other"))):
        with pytest.raises(RunError, match="other images: the labels or attributes of"):
            resume(run, changed, "cgan", images_seen=4 * BATCH)
    assert resume(run, labelled, "cgan", images_seen=4 * BATCH).checkpoints()[-1].images_seen == 4 * BATCH


def test_a_source_with_layers_is_opened_with_its_layers_on_resume(tmp_path: Path) -> None:
    sides = np.concatenate([simple_pictures(), simple_pictures(seed=1)], axis=3)
    np.savez(tmp_path / "pairs.npz", images=sides)
    images = iw.open_images(tmp_path / "pairs.npz", layers="input,target")
    run = train_tiny("dcgan", images, tmp_path / "run", steps=2).path
    resumed = resume(run, str(tmp_path / "pairs.npz"), "dcgan", images_seen=4 * BATCH)
    assert [layer["name"] for layer in resumed.record["source"]["layers"]] == ["input", "target"]
    assert resumed.checkpoints()[-1].images_seen == 4 * BATCH


# Code that a run names


@pytest.mark.parametrize("features", ["python:brought:network", "file:brought.pt"])
def test_code_that_only_the_record_names_is_not_run(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, features: str
) -> None:
    """A run may come from someone else: its record can name a module that lies beside it."""
    (tmp_path / "brought.py").write_text("open('trace', 'w').close()")
    (tmp_path / "brought.pt").write_bytes(b"PK")
    monkeypatch.chdir(tmp_path)
    record = json.loads((copied / "run.json").read_text())
    record["options"] |= {"evaluate_every": 8, "evaluate_features": features, "evaluate_count": 16}
    (copied / "run.json").write_text(json.dumps(record))
    before = all_files(copied)
    with pytest.raises(RunError, match=rf"'{features}'.*--evaluate-features {features}"):
        resume(copied, images_seen=128)
    assert all_files(copied) == before
    assert not (tmp_path / "trace").exists()
    resume(copied, images_seen=80, evaluate_features="random", evaluate_metrics="kd")
    with pytest.raises(UserError, match="brought"):  # what is named now is run, or tried
        resume(copied, images_seen=128, evaluate_features=features)
    assert (tmp_path / "trace").exists() == features.startswith("python:")
