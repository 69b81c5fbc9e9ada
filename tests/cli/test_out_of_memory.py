"""What a command advises when memory runs out: only `train` has a batch size to lower."""

from __future__ import annotations

import pytest

from imagewright.cli import main
from imagewright.images.sources.builtin import BUILTIN


@pytest.mark.parametrize(
    ("command", "expected"),
    [(["data", "check", "digits"], "fewer pictures"), (["train", "pca", "digits"], "--batch-size")],
)
def test_the_advice_fits_the_command(
    command: list[str], expected: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run_out(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setitem(BUILTIN, "digits", run_out)
    assert main(command) == 1
    assert expected in capsys.readouterr().err
