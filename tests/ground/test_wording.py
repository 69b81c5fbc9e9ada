"""Messages name options in the words of the caller, and options by the names of other programs are understood."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import imagewright as iw
from imagewright.cli import main
from imagewright.errors import ConfigError, UserError
from imagewright.wording import command_line_words, in_python, page_words


@pytest.fixture(autouse=True)
def words_of_the_command_line() -> None:
    """Replaces the fixture of all other tests: here errors are told as users of Python see them."""


@pytest.mark.parametrize(
    ("typed", "python"),
    [
        ("a lower --learning-rate (now 0.1)", "a lower learning_rate (now 0.1)"),
        ("--clip 1 or --precision fp32.", "clip=1 or precision='fp32'."),
        ("--warmup 10k, --images-seen 1.5", "warmup=10_000, images_seen=1.5"),
        ("leave --no-cache out (cache=False).", "leave cache=False out."),
        ("name them by --label-column NAME (label_column=)", "name them by label_column=NAME"),
        ("give some with --source SOURCE (images=SOURCE).", "give some with images=SOURCE."),
        ("leave --truncation (truncation=) out", "leave truncation out"),
        ("use it by --at 7.", "use it by images_seen=7."),
        ("replace it with --force (force=True).", "replace it with force=True."),
        ("saved: --resume continues from there.", "saved: resume=True continues from there."),
        ("with --labels FILE (labels=FILE).", "with labels=FILE."),
        ("`imagewright train vae --help` lists them.", "`imagewright train vae --help` lists them."),
        ("give another place by --out.", "give another place by out."),
        ("--size 96x64", "size=(64, 96)"),
        ("start it by --from RUN", "start it by start=RUN"),
        ("use its prior (--sample-from prior)", "use its prior (sample_from='prior')"),
        ("use it by --at 400 (images_seen=400).", "use it by images_seen=400."),
        ("name pictures by --between a.jpg", "name pictures by ends a.jpg"),
        ("a well-known --- rule -- and a-b", "a well-known --- rule -- and a-b"),
    ],
)
def test_options_become_keyword_arguments(typed: str, python: str) -> None:
    assert in_python(typed) == python


def test_no_message_says_an_option_twice_in_python() -> None:
    found = []
    texts = {path: path.read_text(encoding="utf-8") for path in Path(iw.__file__).parent.rglob("*.py")}
    for path, text in texts.items():
        for node in ast.walk(ast.parse(text)) if "--" in text else ():
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "--" in node.value:
                told = in_python(node.value)
                if re.search(r"\b(\w+)(=[^\s()]*)?,?( out)? \((or )?\1(=[^()]*)?\)", told):
                    found.append(f"{path.name}:{node.lineno}: {told}")
    assert not found, "\n".join(found)


def test_an_error_is_told_in_the_words_of_its_caller(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.png").write_bytes(b"")
    arguments = ["data", "grid", "digits", "--out", str(tmp_path / "x.png")]
    assert main(arguments) == 2
    assert "--force" in capsys.readouterr().err
    with pytest.raises(UserError, match="force=True"):
        iw.save(iw.open_images("digits")[:2], tmp_path / "x.png")
    error = UserError("Give it by --out.")
    with command_line_words():
        assert str(error) == "Give it by --out."
    assert str(error) == "Give it by out."
    with page_words():
        assert str(
            UserError("Give --batch-size 16 (batch_size=16), --no-flip or --from RUN: `imagewright train --size 8`")
        ) == ("Give batch size 16, no mirror images or start from RUN: `imagewright train --size 8`")


@pytest.mark.parametrize(
    ("other", "ours"),
    [
        ("lr", "learning_rate"),
        ("epochs", "images_seen"),
        ("steps", "images_seen"),
        ("bs", "batch_size"),
        ("nz", "latent_dim"),
    ],
)
def test_names_of_other_programs_are_answered_with_ours(
    other: str, ours: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match=f"{other!r}.*{ours!r}"):
        iw.train("dcgan", "digits", **{other: 1})
    for typed in ([f"--{other}", "1"], [f"--{other}=1"]):
        assert main(["train", "dcgan", "digits", *typed]) == 2
        message = capsys.readouterr().err
        assert f"--{other}" in message
        assert f"--{ours.replace('_', '-')}" in message
