"""Failures of a training: each raises an error that says what to do, and no earlier checkpoint is lost."""

from __future__ import annotations

import errno
import os
import re
import tempfile
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from tiny import BATCH, final_bytes, simple_pictures, train_tiny

import imagewright as iw
from imagewright.errors import ConfigError, DataError, RunError, TrainingError, UserError
from imagewright.images import Images
from imagewright.models.adversarial.dcgan import DCGAN
from imagewright.models.autoencoding.vae import VAE
from imagewright.phases import Step, Terms
from imagewright.runs.run import Run

OFTEN = {"steps": 8, "report_every": 2 * BATCH, "checkpoint_every": 2 * BATCH}


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of the same training without a failure."""
    return final_bytes(train_tiny("vae", simple_pictures(), tmp_path_factory.mktemp("unbroken") / "run", **OFTEN))


def multiply_term(
    monkeypatch: pytest.MonkeyPatch, model: type, loss: str, term: str, first: int, factor: float
) -> None:
    """Multiply a term of a loss by a factor, from step `first` on."""
    original = getattr(model, loss)

    def changed(self: object, step: Step) -> Terms:
        terms = original(self, step)
        return terms if step.index < first else terms | {term: terms[term] * factor}

    monkeypatch.setattr(model, loss, changed)


# Losses and weights that are NaN or infinite


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("report_every", [2 * BATCH, 100 * BATCH])
def test_a_loss_that_is_not_finite_is_named_and_the_last_good_checkpoint_is_kept(
    value: float, report_every: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unbroken: dict[str, bytes]
) -> None:
    options = OFTEN | {"report_every": report_every}
    with monkeypatch.context() as patch:
        multiply_term(patch, VAE, "negative_elbo", "reconstruction", 5, value)
        with pytest.raises(TrainingError, match="elbo/reconstruction became") as error:
            train_tiny("vae", simple_pictures(), tmp_path / "run", **options)
    for words in ("before 48 images", "--learning-rate (now 0.001)", "--clip", "--warmup", "--precision fp32"):
        assert words in str(error.value)
    assert re.search(r"\b32 images.*--resume", str(error.value))
    assert "\n" not in str(error.value)
    run = Run(tmp_path / "run")
    assert [each.images_seen for each in run.checkpoints()] == [16, 32]
    assert all(torch.isfinite(tensor).all() for tensor in iw.load(run).state_dict().values())
    train_tiny("vae", simple_pictures(), tmp_path / "run", resume=True, **options)
    if report_every == OFTEN["report_every"]:
        assert final_bytes(run) == unbroken


def test_the_phase_of_an_adversarial_loss_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    multiply_term(monkeypatch, DCGAN, "discriminator_loss", "fake", 3, float("nan"))
    with pytest.raises(TrainingError, match="discriminator/fake"):
        train_tiny("dcgan", simple_pictures(), tmp_path / "run", **OFTEN)


def test_weights_that_are_not_finite_are_never_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = iter(range(100))

    def set_weight_to_nan(self: VAE, images_seen: int) -> tuple[str, ...]:
        if next(steps) == 5:  # between a report and a checkpoint; the loss below does not depend on this weight
            with torch.no_grad():
                self.noise_level.level.fill_(float("nan"))
        return ()

    monkeypatch.setattr(VAE, "advance", set_weight_to_nan)
    monkeypatch.setattr(VAE, "negative_elbo", lambda self, step: {"mean": self.encoder(step.images).mean()})
    monkeypatch.setattr(VAE, "derived_metrics", lambda self, losses: {})
    with pytest.raises(TrainingError, match=r"weights .* 32 images"):
        train_tiny("vae", simple_pictures(), tmp_path / "run", **OFTEN)
    assert Run(tmp_path / "run").checkpoints()[-1].images_seen == 32


def test_a_training_that_diverges_at_once_says_that_there_is_no_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    multiply_term(monkeypatch, VAE, "negative_elbo", "reconstruction", 0, float("nan"))
    with pytest.raises(TrainingError, match="No checkpoint"):
        train_tiny("vae", simple_pictures(), tmp_path / "run", **OFTEN)


# Observers


def test_the_steps_before_the_failure_of_an_observer_are_saved(tmp_path: Path, unbroken: dict[str, bytes]) -> None:
    class FailsAtStep5(iw.Observer):
        every = BATCH

        def at(self, images_seen: int, report: object) -> None:
            if images_seen == 5 * BATCH:
                raise LookupError("a mistake in an observer")

    out = tmp_path / "failed" / "run"
    with pytest.raises(LookupError, match="a mistake"):
        train_tiny("vae", simple_pictures(), out, observers=[FailsAtStep5()], **OFTEN)
    assert [each.images_seen for each in Run(out).checkpoints()] == [16, 32, 40]
    train_tiny("vae", simple_pictures(), out, resume=True, **OFTEN)
    ours = final_bytes(Run(out))
    assert {name: ours[name] for name in unbroken} == unbroken


# Memory


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    ],
)
def test_out_of_memory_says_what_to_lower(error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: VAE, step: Step) -> Terms:
        raise error

    monkeypatch.setattr(VAE, "negative_elbo", fail)
    with pytest.raises(TrainingError, match=r"^Memory.*--micro-batch.*--batch-size.*--size"):
        train_tiny("vae", simple_pictures(), tmp_path / "run", steps=1)


def test_other_errors_are_not_reported_as_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: VAE, step: Step) -> Terms:
        raise RuntimeError("shapes cannot be multiplied")

    monkeypatch.setattr(VAE, "negative_elbo", fail)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        train_tiny("vae", simple_pictures(), tmp_path / "run", steps=1)


# The disk


def fill_disk_after(monkeypatch: pytest.MonkeyPatch, flushes: int, number: int = errno.ENOSPC) -> None:
    """Let `fsync` fail after the given number of calls."""
    fsync, left = os.fsync, flushes

    def limited(descriptor: int) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(number, os.strerror(number))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", limited)


@pytest.mark.parametrize("flushes", range(14, 29, 3))
def test_a_full_disk_loses_no_checkpoint_and_training_can_be_resumed(
    flushes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unbroken: dict[str, bytes]
) -> None:
    out = tmp_path / "full" / "run"
    with monkeypatch.context() as patch:
        fill_disk_after(patch, flushes)
        with pytest.raises(RunError, match=r"Cannot write .*disk is full") as error:
            train_tiny("vae", simple_pictures(), out, **OFTEN)
    run = Run(out)
    checkpoints = [each.images_seen for each in run.checkpoints()]
    assert checkpoints
    assert re.search(rf"\b{checkpoints[-1]} images.*--resume", str(error.value))
    assert iw.load(run) is not None
    assert not list(out.rglob(".*")), "half-written files are left"
    train_tiny("vae", simple_pictures(), out, resume=True, **OFTEN)
    assert final_bytes(run) == unbroken


def test_a_full_disk_reported_by_safetensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import safetensors.torch

    save, left = safetensors.torch.save_file, 4

    def limited(*given: object, **options: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise SafetensorError(
                'Error while serializing: I/O error: Os { code: 28, message: "No space left on device" }'
            )
        save(*given, **options)

    monkeypatch.setattr(safetensors.torch, "save_file", limited)
    with pytest.raises(RunError, match=r"disk is full.*\b32 images"):
        train_tiny("vae", simple_pictures(), tmp_path / "run", **OFTEN)
    assert [each.images_seen for each in Run(tmp_path / "run").checkpoints()] == [16, 32]


def test_metrics_that_cannot_be_written_raise_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Path.open

    def refuse(self: Path, mode: str = "r", *given: object, **options: object) -> object:
        if mode == "a":
            raise OSError(errno.ENOSPC, "No space left on device")
        return opened(self, mode, *given, **options)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(RunError, match=r"metrics\.jsonl.*disk is full"):
        train_tiny("vae", simple_pictures(), tmp_path / "run", **OFTEN)


@pytest.mark.parametrize(("number", "words"), [(errno.EACCES, "permission"), (errno.EROFS, "read-only")])
def test_a_folder_that_cannot_be_written_is_refused_before_training(
    number: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    def train(self: VAE, step: Step) -> Terms:
        raise AssertionError("training started")

    monkeypatch.setattr(VAE, "negative_elbo", train)
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "mkstemp", refuse)
        with pytest.raises(RunError, match=words):
            train_tiny("vae", simple_pictures(), tmp_path / "run", **OFTEN)
    assert not (tmp_path / "run").exists()
    if os.geteuid():  # the superuser may write anywhere
        (tmp_path / "locked").mkdir(mode=0o500)
        with pytest.raises(RunError, match="permission"):
            train_tiny("vae", simple_pictures(), tmp_path / "locked" / "run", **OFTEN)


# The images


def test_a_source_that_vanishes_during_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batch, left = Images.batch, 4

    def vanishing(self: Images, *given: object, **options: object) -> object:
        nonlocal left
        left -= "views" in options  # a batch of a step
        if left < 0 and "views" in options:
            raise DataError("photos vanished")
        return batch(self, *given, **options)

    monkeypatch.setattr(Images, "batch", vanishing)
    with pytest.raises(DataError, match="photos vanished"):
        train_tiny("autoencoder", simple_pictures(), tmp_path / "run", **OFTEN)
    assert [each.images_seen for each in Run(tmp_path / "run").checkpoints()][:2] == [16, 32]


def test_one_training_at_a_time_in_a_run(tmp_path: Path) -> None:
    from imagewright.training.reporting import Silent

    refused = []

    class Second(Silent):
        def progressed(self, images_seen: int) -> None:
            if images_seen == 3 * BATCH:
                with pytest.raises(RunError, match=r"Another process") as error:
                    train_tiny("vae", simple_pictures(), tmp_path / "run", resume=True, **OFTEN)
                refused.append(error.value)

    train_tiny("vae", simple_pictures(), tmp_path / "run", reporter=Second(), **OFTEN)
    assert refused


# Arguments


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("vae", {"latentdim": 3}, r"vae.*'latentdim'.*'latent_dim'.*`imagewright train vae"),
        ("dcgan", {"leraning_rate": 1}, r"dcgan.*'leraning_rate'.*'learning_rate'"),
        ("pca", {"xyzzy": 1}, r"pca.*'xyzzy'.*`imagewright train pca --help`"),
        ("vae", {"batch_size": 0}, r"batch_size=0.*\b1\b"),
        ("vae", {"images_seen": -1}, "images_seen=-1"),
        ("vae", {"latent_dim": 0}, "vae: latent_dim=0"),
        ("vae", {"device": "cuda"}, "device=cuda.*cpu"),
        ("autoencoder", {"noise": "salt:1"}, "autoencoder: noise='salt:1'"),
        ("pca", {"components": 99}, "--components 99"),
    ],
)
def test_wrong_options_are_refused_and_leave_no_run(
    name: str, options: dict[str, object], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError) as error:
        iw.train(name, simple_pictures(), tmp_path / "run", **options)
    assert re.search(words, str(error.value))
    assert "\n" not in str(error.value)
    assert error.value.exit_code == 2
    assert not (tmp_path / "run").exists()


def test_an_unknown_model_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"'vea'.*'vae'"):
        iw.train("vea", simple_pictures(), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "words"), [({"device": "tpu"}, "'tpu'.*cpu"), ({"observers": [print]}, r"imagewright\.Observer")]
)
def test_arguments_of_another_kind_are_refused(options: dict[str, object], words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=words):
        iw.train("vae", simple_pictures(), tmp_path / "run", **options)
    with pytest.raises(UserError, match="name in the catalogue"):
        iw.train(VAE, simple_pictures(), tmp_path / "run")


def test_fewer_pictures_than_a_batch_are_repeated(tmp_path: Path) -> None:
    run = train_tiny("vae", simple_pictures(3), tmp_path / "run", steps=2)
    assert run.record["source"]["count"] == 3
    assert iw.sample(run, 1).shape == (1, 3, 16, 16)
