"""Commands on two ranks: what they write is what one process writes, one of them writes and prints, or they refuse."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from command_ranks import Typed, Waves, score_until_killed, share_as_rank, type_here, type_on_ranks
from cyclopts import App
from PIL import Image
from tiny import simple_pictures, train_tiny
from translators import Blurs, register, write_run
from workers import free_port, start

import imagewright as iw
from imagewright.cli import main
from imagewright.cli.app import app
from imagewright.cli.ranks import BY_THEMSELVES, SHARED
from imagewright.runs.weights import read_tensors
from imagewright.statistics.spectra import leading_spectrum

PAGE = Path(__file__).resolve().parents[2] / "docs" / "scaling.md"
DECIMALS = 1e-6  # sums over ranks are added in another order


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, cache_of_the_session: None) -> Path:
    """Pictures of two classes, and runs: a VAE, a classifier, a translator."""
    folder = tmp_path_factory.mktemp("ranks")
    for number, picture in enumerate(simple_pictures(40, size=(8, 8), seed=3)):
        (folder / "photos" / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture.transpose(1, 2, 0)).save(folder / "photos" / "ab"[number % 2] / f"{number:02}.png")
    train_tiny("vae", folder / "photos", folder / "vae", network="mlp")
    iw.train("gda", folder / "photos", folder / "gda", components=3)
    write_run(Blurs(), folder / "blurs")
    return folder


COMMANDS = {
    "sample": "sample vae --count 40 --out OUT.npz",
    "reconstruct": "reconstruct vae photos --count 33 --out OUT.png",
    "score": "score vae photos --out OUT.csv",
    "classify": "classify gda photos --out OUT.csv",
    "translate": "translate blurs photos --out OUT",
    "cluster": "cluster photos --clusters 3 --out OUT",
    "evaluate": "evaluate photos --against photos/a --features random --metrics fd --out OUT.json",
    "train pca": "train pca digits --components 4 --out OUT",
}
MISTAKES = {
    "nowhere": "outliers nowhere --out OUT",
    "exists": "score vae photos --out OUT.csv",
    "refused": "data grid photos --out OUT.png",
    "unknown": "clutser photos",
    "help": "cluster --help",
}
SLOW = {
    "components": "components digits --components 4 --out OUT",
    "outliers": "outliers photos --out OUT",
    "latent neighbours": "latent neighbours vae photos --count 20 --out OUT.png",
    "compare": "compare vae gda --out OUT.html",
    "classifiers": "classify photos --models linear_gda --counts 8 --repeats 3 --out OUT",
    "train kde": "train kde digits --components 4 --out OUT",
    "outliers by all methods": "outliers photos --method all --run vae --out OUT",
    "outliers of clean pictures": "outliers photos --train-on a --out OUT",
    "outliers by a network": "outliers photos --features random --out OUT",
    "cluster by a run": "cluster photos --run vae --clusters 2 --out OUT",
    "neighbours by a network": "latent neighbours vae photos --features random --count 9 --out OUT.png",
    "translate to a sheet": "translate blurs photos --count 5 --out OUT.png",
    "components ica": "components digits --method ica --components 3 --out OUT",
    "train random_projection": "train random_projection digits --components 4 --out OUT",
    "train jpeg": "train jpeg photos --out OUT",
    "outliers moved": "outliers photos --method edges-plane --copy-to OUT-copies --count 2 --out OUT",
}


def words(place: Path, line: str, out: str) -> list[str]:
    """The words of a command, with whole paths."""
    inside = {"photos", "photos/a", "vae", "gda", "blurs"}
    model = line.split()[:2][-1] if line.startswith("train") else None
    typed = [str(place / word) if word in inside and word != model else word for word in line.split()]
    return [word.replace("OUT", str(place / out)) if word.startswith("OUT") else word for word in typed]


def contents(path: Path) -> dict[str, object]:
    """What a command wrote: numbers of tables and JSON, pixels of pictures, tensors of weights, else bytes."""
    found: dict[str, object] = {}
    stem = path.name
    for file in sorted(path.parent.rglob("*")):
        inside = file.relative_to(path.parent)
        if file.is_file() and inside.parts[0].partition(".")[0] == stem:
            found |= content(file, str(inside).replace(stem, "OUT", 1))
    return found


def content(file: Path, name: str) -> dict[str, object]:
    """What is in one file."""
    found: dict[str, object] = {}
    if file.suffix == ".png":
        with Image.open(file) as picture:
            found[name] = np.array(picture)
    elif file.name.endswith(".safetensors"):
        found |= {f"{name}/{key}": value.numpy() for key, value in read_tensors(file)[0].items()}
    elif file.suffix == ".csv":
        found[name] = file.read_text()
    elif file.suffix == ".npz":
        with np.load(file) as arrays:
            found[name] = arrays["images"]
    elif file.suffix == ".json" and file.name != "run.json":
        found |= {f"{name}/{key}": value for key, value in json.loads(file.read_text()).items()}
    else:
        found[name] = file.stat().st_size > 0
    return found


def assert_equal(one: dict[str, object], two: dict[str, object], *, exactly: bool) -> None:
    assert one.keys() == two.keys()
    assert one
    for name, value in one.items():
        other = two[name]
        if isinstance(value, np.ndarray) and not exactly and value.dtype != np.uint8:
            scale = float(np.abs(value).max()) if value.size else 0.0
            np.testing.assert_allclose(other, value, rtol=DECIMALS, atol=DECIMALS * scale, err_msg=name)
        elif isinstance(value, np.ndarray):
            np.testing.assert_allclose(other, value, rtol=0, atol=0 if exactly else 1, err_msg=name)
        elif exactly:
            assert other == value, name


def compare_with_one_process(place: Path, lines: dict[str, str], ranks: Sequence[Sequence[Typed]]) -> None:
    for (name, line), (first, helper) in zip(lines.items(), ranks, strict=True):
        one = type_here(words(place, line, f"one/{name}"))
        assert (first.code, helper.code, one.code) == (0, 0, 0), (name, first, helper, one)
        assert (helper.out, helper.error, helper.written) == ("", "", []) or name.startswith("train"), (name, helper)
        assert helper.written == [], name
        assert len(first.written) == len(one.written) > 0, name
        sums = name.startswith(("components", "train"))
        assert_equal(contents(place / f"one/{name}"), contents(place / f"two/{name}"), exactly=not sums)
        if not sums:
            assert first.out == one.out.replace("/one/", "/two/"), name
            assert first.error == one.error, name


@pytest.fixture(scope="module")
def typed(place: Path) -> dict[str, list[Typed]]:
    """How two ranks ended each command, by its name: one pair of processes types all of them."""
    (place / "two").mkdir()
    (place / "two" / "exists.csv").write_text("kept")
    lines = COMMANDS | MISTAKES
    ranks = type_on_ranks([words(place, line, f"two/{name}") for name, line in lines.items()], place / "notes")
    return dict(zip(lines, ranks, strict=True))


def test_two_ranks_write_what_one_process_writes(
    place: Path, typed: dict[str, list[Typed]], monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch)
    compare_with_one_process(place, COMMANDS, [typed[name] for name in COMMANDS])


@pytest.mark.learning
def test_two_ranks_write_what_one_process_writes_in_longer_work(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)
    ranks = type_on_ranks([words(place, line, f"two/{name}") for name, line in SLOW.items()], place / "slow-notes")
    compare_with_one_process(place, SLOW, ranks)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere", "There is nothing at 'nowhere'"),
        ("exists", "exists already"),
        ("refused", "`data grid` runs in one process: start it without torchrun."),
        ("unknown", "There is no command 'clutser'"),
    ],
)
def test_a_mistake_is_told_once_and_writes_nothing(
    name: str, message: str, place: Path, typed: dict[str, list[Typed]]
) -> None:
    first, helper = typed[name]
    assert (first.code, helper.code) == (2, 2)
    assert message in first.error
    assert first.error.count("\n") == 1
    assert (first.out, helper.out, helper.error) == ("", "", "")
    assert first.written == helper.written == []
    assert (place / "two" / "exists.csv").read_text() == "kept"


def test_help_is_printed_once(typed: dict[str, list[Typed]]) -> None:
    first, helper = typed["help"]
    assert (first.code, helper.code) == (0, 0)
    assert "--out" in first.out
    assert (helper.out, helper.error) == ("", "")


def commands(of: App = app, before: str = "") -> Iterator[str]:
    """The words of every command."""
    for name in of:
        if not name.startswith("-"):
            if of[name].default_command is None:
                yield from commands(of[name], f"{before}{name} ")
            else:
                yield before + name


def test_each_command_shares_its_work_or_refuses(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = set(commands())
    assert set(SHARED) <= known
    for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"):
        monkeypatch.setenv(name, "2")
    others = [name for name in known - set(SHARED) if name.split()[0] not in BY_THEMSELVES]
    assert len(others) > 30
    for name in others:
        assert main(name.split()) == 2
        assert capsys.readouterr().err == f"`{name}` runs in one process: start it without torchrun.\n"


def test_the_document_names_every_command_that_shares() -> None:
    rows = [line.split("|")[1] for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in row.split("`")[1::2]} >= {*SHARED, *BY_THEMSELVES}


def test_an_error_on_one_rank_ends_all_with_it_and_sums_are_those_of_one_process(tmp_path: Path) -> None:
    port = free_port()
    processes = [start(share_as_rank, rank, port, tmp_path) for rank in range(2)]
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    pictures = Waves(700, 2).pictures
    mean, variance = pictures.double().mean(0), pictures.double().var(0, correction=0)
    for rank in range(2):
        found = torch.load(tmp_path / f"found-{rank}", weights_only=False)
        assert found["squares"] == [0, 1, 4, 9, 16]
        assert found["failures"] == ["DataError: picture 3", "ConfigError: rank 1 alone", "KeyboardInterrupt: "]
        torch.testing.assert_close(found["mean"].double(), mean, rtol=0, atol=1e-7)
        torch.testing.assert_close(found["variance"].double(), variance, rtol=0, atol=1e-7)
        assert found["read"] == 3  # batches of 128 of 700, in turn
        spectrum, one = found["spectrum"], leading_spectrum(Waves(1100, 2100), 3, None, 0)
        torch.testing.assert_close(spectrum.mean, one.mean, rtol=0, atol=1e-6)
        torch.testing.assert_close(spectrum.variances, one.variances, rtol=1e-5, atol=0)
        torch.testing.assert_close(spectrum.basis, one.basis, rtol=0, atol=1e-5)


@pytest.mark.learning
def test_a_rank_that_dies_ends_the_other_with_a_sentence(place: Path, tmp_path: Path) -> None:
    port = free_port()
    given = (port, place / "vae", place / "photos", tmp_path)
    processes = [start(score_until_killed, rank, *given) for rank in range(2)]
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, -9]
    left = json.loads((tmp_path / "0-0.json").read_text())
    assert left["code"] == 1
    assert "Rank 0 of 2 lost the others" in left["error"]
    assert "Start the command again." in left["error"]
    assert left["written"] == []
