"""A user's mistake gives one plain sentence, exit code 2, and leaves everything as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

import imagewright as iw
from imagewright.cli import main
from imagewright.cli.values import parse_size
from imagewright.counts import parse_count, parse_seconds
from imagewright.errors import ConfigError, TrainingError


def mistake(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The message of a command that fails by the user's mistake."""
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Traceback" not in printed.err
    assert 0 < len(printed.err.strip().splitlines()) <= 3
    return printed.err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["trian", "vae", "photos/"], ["Did you mean `imagewright train vae photos/`?"]),
        (["vea"], ["There is no command 'vea'. Did you mean `imagewright train vae`?"]),
        (["vae", "photos/"], ["It is a model: `imagewright train vae photos/` trains one."]),
        (["shapes"], ["It is a set of pictures: `imagewright train MODEL shapes`"]),
        (["generate", "runs/vae"], ["It is called `imagewright sample runs/vae` here."]),
        (["fid", "runs/vae"], ["`imagewright evaluate runs/vae`"]),
        (["FAKE"], ["`imagewright sample`"]),
        (["test", "runs/vae", "--count", "3"], ["`imagewright evaluate runs/vae --count 3`"]),
        (["project", "runs/vae", "a.png"], ["`imagewright latent project runs/vae a.png`"]),
        (["check", "photos/"], ["`imagewright data check photos/`"]),
        (["latent", "traverze"], ["Did you mean `imagewright latent traverse`?"]),
        (["xyzzy"], ["There is no command 'xyzzy'. `imagewright --help` lists the commands."]),
        (
            ["train", "vea", "digits"],
            ["no model 'vea'. Did you mean `imagewright train vae digits`?"],
        ),
        (["train", "vae", "digits", "--latnt-dim", "3"], ["--latnt-dim", "Did you mean --latent-dim?"]),
        (["train", "vae", "digits", "--latent-dim", "0"], ['"0" for --latent-dim', "greater than or equal to 1"]),
        (["train", "vae", "digits", "--latent-dim", "two"], ["--latent-dim", "two", "whole number"]),
        (["train", "vae", "digits", "--latent-dim", "2.5"], ["--latent-dim", "2.5", "whole number"]),
        (["train", "vae", "digits", "--images-seen", "-5"], ['"-5" for --images-seen', "greater than or equal to 1"]),
        (["train", "vae", "digits", "--images-seen", "1e99"], ["--images-seen", "1e99", "200k"]),
        (["train", "vae", "digits", "--rank-timeout", "abc"], ["--rank-timeout", "abc", "seconds, such as 120"]),
        (["train", "vae", "digits", "--rank-timeout", "0s"], ['"0" for --rank-timeout', "greater than or equal to 1"]),
        (["train", "vae", "digits", "--learning-rate", "nan"], ["--learning-rate"]),
        (["train", "vae", "digits", "--size", "6y"], ["--size", "6y", "WIDTHxHEIGHT"]),
        (["train", "vae", "digits", "--size", "0"], ["--size", "WIDTHxHEIGHT"]),
        (["train", "vae", "digits", "--channels", "2"], ["--channels", "1, 3, 4"]),
        (["train", "vae", "digits", "--likelihood", "poisson"], ["--likelihood", "gaussian", "bernoulli"]),
        (["train", "autoencoder", "digits", "--noise", "salt"], ["--noise 'salt'", "gaussian:"]),
        (["train", "vae"], ["needs SOURCE"]),
        (["train", "vae", "no-such-place"], ["no-such-place"]),
        (["train", "dcgan", "digits", "--size", "10"], ["size 10x10", "--size 8x8"]),
        (["train", "pca", "digits", "--components", "3", "--explained", "0.5"], ["components and explained"]),
        (["train", "vae", "digits", "--resume", "--force"], ["--resume", "--force"]),
        (["train", "vae", "digits", "--resume"], ["no run directory"]),
        (["sample", "no-such-run", "--out", "x.png"], ["no run directory no-such-run"]),
        (["sample", "no-such-run"], ["needs --out"]),
        (["sample", "no-such-run", "--out", "x.pgn"], ["'.pgn'", "Did you mean '.png'?"]),
        (["inspect", "no-such-file"], ["no-such-file"]),
        (["data", "grid", "digits", "--out", "x.png", "--count", "0"], ["--count"]),
        (["data", "check", "no-such-place"], ["no-such-place"]),
    ],
)
def test_the_message_names_the_mistake_and_what_is_expected(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    expected: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    message = mistake(capsys, *arguments)
    for part in expected:
        assert part in message
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize(
    ("raised", "exit_code", "expected"),
    [
        (TrainingError("the loss is no number"), 1, "the loss is no number"),
        (KeyboardInterrupt(), 130, "Interrupted"),
        (MemoryError(), 1, "Give fewer pictures"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 1, "Give fewer pictures"),
        (PermissionError(13, "Permission denied", "/there"), 1, "/there: Permission denied."),
        (ZeroDivisionError("division by zero"), 1, "IMAGEWRIGHT_DEBUG=1"),
    ],
)
def test_other_failures_have_their_own_exit_codes(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    raised: BaseException,
    exit_code: int,
    expected: str,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr("imagewright.inspection.inspect", fail)
    monkeypatch.setattr("imagewright.inspect", fail, raising=False)
    monkeypatch.delenv("IMAGEWRIGHT_DEBUG", raising=False)
    assert main(["inspect", "x"]) == exit_code
    message = capsys.readouterr().err
    assert expected in message
    assert "Traceback" not in message


def test_the_traceback_is_shown_when_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGEWRIGHT_DEBUG", "1")
    assert main(["inspect", "no-such-file"]) == 2
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "k", "1.2345k", "1e5", "inf", "0x10", "5 000", "1" * 40])
def test_other_text_is_no_count(text: str) -> None:
    with pytest.raises(ValueError, match="whole number"):
        parse_count(text)


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("200K", 200_000), ("2.5m", 2_500_000), ("12,345", 12_345)])
def test_counts_have_suffixes_and_separators(text: str, number: int) -> None:
    assert parse_count(text) == number


@pytest.mark.parametrize("text", ["", "m", "1.3s", "200k", "2 minutes", "1e5", "nan"])
def test_other_text_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="seconds, such as 120"):
        parse_seconds(text)


@pytest.mark.parametrize("value", ["abc", None, 0, float("nan"), [120]])
def test_a_time_that_is_none_is_refused_in_python_too(value: object) -> None:
    with pytest.raises(ConfigError, match="seconds from 1 to 86,400 were expected"):
        iw.train("vae", "digits", rank_timeout=value)


@pytest.mark.parametrize("text", ["", "x", "64x", "-3", "64x64x3", "0x8", "6.5"])
def test_other_text_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="WIDTHxHEIGHT"):
        parse_size(text)
