"""Bad input on the command line: a clear error, exit code 2, nothing lost and nothing left half-made."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imagewright.cli import main
from imagewright.runs.lock import lock_run

TINY = ("--width", "8", "--latent-dim", "2", "--images-seen", "128", "--batch-size", "32")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test works in a folder of its own, with relative paths as a user types them."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def train(*arguments: str) -> int:
    return main(["train", "vae", *arguments, "--quiet"])


def mistake(capsys: pytest.CaptureFixture[str], code: int, *parts: str) -> None:
    """The command failed by the user's mistake, and its message of at most two lines holds the parts."""
    message = capsys.readouterr().err.strip()
    assert code == 2, message
    assert 0 < len(message.splitlines()) <= 2, message
    for part in parts:
        assert part in message


def a_picture(path: Path, seed: int = 0, size: tuple[int, int] = (16, 16)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def pictures(folder: Path, count: int = 4) -> Path:
    for index in range(count):
        a_picture(folder / f"{index}.png", index)
    return folder


def empty_folder(path: Path) -> None:
    path.mkdir()


def no_pictures(path: Path) -> None:
    path.mkdir()
    (path / "notes.txt").write_text("no picture")


def text_named_jpg(path: Path) -> None:
    path.mkdir()
    (path / "a.jpg").write_text("no picture")


def cut_jpeg(path: Path) -> None:
    whole = a_picture(path / "a.jpg", size=(64, 64))
    whole.write_bytes(whole.read_bytes()[:1000])


def outside_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(a_picture(path.parent / "picture.png"), "../../a.png")


def bomb_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("a.png", bytes(300 * 2**20))


def cut_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(a_picture(path.parent / "picture.png"), "a.png")
    path.write_bytes(path.read_bytes()[:200])


def no_npz(path: Path) -> None:
    path.write_bytes(b"nothing of the kind")


@pytest.mark.parametrize(
    ("make", "name", "parts"),
    [
        (empty_folder, "source", ["holds no pictures", "nothing else"]),
        (no_pictures, "source", ["holds no pictures", "only 1 other file: 1 .txt"]),
        (text_named_jpg, "source", ["a.jpg", "it holds text"]),
        (cut_jpeg, "source", ["a.jpg", "cut short"]),
        (outside_zip, "source.zip", ["../../a.png", "outside the archive"]),
        (bomb_zip, "source.zip", ["314,572,800 bytes", "bomb"]),
        (cut_zip, "source.zip", ["cut short"]),
        (no_npz, "source.npz", ["cannot be read as .npz"]),
    ],
)
def test_a_source_that_cannot_be_used_leaves_no_run(
    capsys: pytest.CaptureFixture[str], here: Path, make: Callable[[Path], None], name: str, parts: list[str]
) -> None:
    make(here / name)
    mistake(capsys, train(name, "--out", "run", *TINY), name, *parts)
    assert not (here / "run").exists()


def test_one_bad_picture_among_good_ones_is_named_and_left_out_or_stops_under_strict(
    capsys: pytest.CaptureFixture[str], here: Path
) -> None:
    text = pictures(here / "source") / "text.jpg"
    text.write_text("no picture")
    assert main(["train", "vae", "source", "--out", "run", *TINY]) == 0
    assert "1 unreadable picture is left out: text.jpg (it holds text" in capsys.readouterr().err
    assert json.loads((here / "run" / "run.json").read_text())["source"]["count"] == 4
    mistake(capsys, train("source", "--strict", "--out", "strict", *TINY), "text.jpg", "it holds text")
    assert not (here / "strict").exists()


def test_force_leaves_the_old_run_until_the_pictures_are_ready(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    assert train("digits", "--out", "run", *TINY) == 0
    before = (here / "run" / "run.json").read_bytes()
    cut_jpeg(here / "source")
    mistake(capsys, train("source", "--size", "16", "--channels", "3", "--force", "--out", "run", *TINY), "cut short")
    assert (here / "run" / "run.json").read_bytes() == before
    assert main(["sample", "run", "--out", "samples.png"]) == 0


def test_a_folder_or_a_file_that_is_no_run_is_never_replaced(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    (here / "thesis").mkdir()
    for mine in (here / "thesis" / "text.txt", here / "file"):
        mine.write_text("mine")
    mistake(capsys, train("digits", "--out", "thesis", "--force", *TINY), "thesis", "other files in it")
    mistake(capsys, train("digits", "--out", "file", "--force", *TINY), "file", "is a file")
    mistake(capsys, train("digits", "--out", "file/run", *TINY), "file/run", "not a folder")
    mistake(capsys, train("digits", "--out", "thesis", "--resume"), "no run directory")
    assert (here / "thesis" / "text.txt").read_text() == (here / "file").read_text() == "mine"
    assert sorted(path.name for path in here.iterdir()) == ["file", "thesis"]


@pytest.fixture
def run(here: Path) -> Path:
    """A finished run with two checkpoints."""
    assert train("digits", "--out", "run", *TINY, "--checkpoint-every", "64") == 0
    return here / "run"


def test_an_existing_run_is_not_overwritten(capsys: pytest.CaptureFixture[str], run: Path) -> None:
    before = (run / "metrics.jsonl").read_bytes()
    mistake(capsys, train("digits", "--out", "run", *TINY), "holds a run already", "--resume", "--force")
    with lock_run(run):  # as another process does while it trains
        mistake(capsys, train("digits", "--out", "run", "--resume"), "Another process is training in run")
        mistake(capsys, train("digits", "--out", "run", "--force", *TINY), "Another process is training in run")
    assert (run / "metrics.jsonl").read_bytes() == before


def test_resuming_with_other_options_names_them(capsys: pytest.CaptureFixture[str], run: Path, here: Path) -> None:
    pictures(here / "source")
    resumed = ("--out", "run", "--resume")
    mistake(capsys, train("digits", *resumed, "--latent-dim", "3"), "latent_dim is 2 in the run and 3 now")
    mistake(capsys, train("digits", *resumed, "--seed", "4"), "seed is 0 in the run and 4 now")
    mistake(capsys, train("source", *resumed), "count was 1797 and is 4")
    mistake(capsys, train("digits", *resumed, "--flip"), "flip was False and is True")
    mistake(capsys, main(["train", "dcgan", "digits", *resumed]), "trained vae, not dcgan")


def test_a_cut_checkpoint_names_the_whole_one_before_it(capsys: pytest.CaptureFixture[str], run: Path) -> None:
    weights = run / "checkpoints" / "000000128.safetensors"
    weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    mistake(capsys, main(["sample", "run", "--out", "a.png"]), weights.name, "damaged", "--at 64")
    assert main(["sample", "run", "--at", "64", "--out", "a.png"]) == 0
    assert main(["train", "vae", "digits", "--out", "run", "--resume"]) == 0
    assert "resuming from the checkpoint at 64 images" in capsys.readouterr().err
    assert main(["sample", "run", "--out", "b.png"]) == 0


def test_without_a_whole_checkpoint_one_is_named_and_the_others_counted(
    capsys: pytest.CaptureFixture[str], run: Path
) -> None:
    for path in (run / "checkpoints").iterdir():
        path.write_bytes(path.read_bytes()[:100])
    mistake(capsys, main(["sample", "run", "--out", "a.png"]), "no intact checkpoint", "(and 1 more)", "--force")


@pytest.mark.parametrize("content", ["", "{", "{}", "[1]", '{"model": "vae", "config": {}}', "\xff"])
def test_a_damaged_record_is_reported(capsys: pytest.CaptureFixture[str], run: Path, content: str) -> None:
    (run / "run.json").write_bytes(content.encode("latin-1"))
    mistake(capsys, train("digits", "--out", "run", "--resume"), "run.json is damaged")
    weights = run / "checkpoints" / "000000128.safetensors"
    assert main(["sample", str(weights), "--out", "a.png"]) == 0  # as the message says


def test_damaged_reports_do_not_stop_a_resumed_run(run: Path) -> None:
    (run / "metrics.jsonl").write_bytes(b'garbage\n\xff\xfe\n{"x": 1}\n[]\n')
    assert train("digits", "--out", "run", "--resume", "--images-seen", "192") == 0


def test_weights_of_another_shape_are_reported_in_short(capsys: pytest.CaptureFixture[str], run: Path) -> None:
    record = run / "run.json"
    record.write_text(record.read_text().replace('"latent_dim": 2', '"latent_dim": 3'))
    mistake(capsys, train("digits", "--out", "run", "--resume"), "does not hold this model's tensors", "more)")


def test_a_state_file_is_no_weights_file(capsys: pytest.CaptureFixture[str], run: Path) -> None:
    state = run / "checkpoints" / "000000128.state.safetensors"
    mistake(capsys, main(["sample", str(state), "--out", "a.png"]), state.name, "without .state")


def test_a_fitted_pca_is_left_as_it_is_by_resume(here: Path) -> None:
    assert main(["train", "pca", "digits", "--out", "run", "--quiet"]) == 0
    before = {path: path.read_bytes() for path in (here / "run").rglob("*") if path.is_file()}
    assert main(["train", "pca", "digits", "--out", "run", "--resume", "--quiet"]) == 0
    assert {path: path.read_bytes() for path in (here / "run").rglob("*") if path.is_file()} == before


def test_a_fit_that_fails_leaves_nothing(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    code = main(["train", "pca", "digits", "--components", "1000", "--out", "run", "--quiet"])
    mistake(capsys, code, "--components 1000", "64 or fewer")
    assert not (here / "run").exists()


def test_a_model_too_large_for_memory_names_options_to_lower(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    mistake(
        capsys,
        train("digits", "--network", "mlp", "--width", "8192", "--layers", "16", "--size", "4096", "--out", "run"),
        "GiB of memory",
        "--width",
        "--size",
    )
    assert not (here / "run").exists()


def test_a_batch_too_large_for_memory_is_refused(
    capsys: pytest.CaptureFixture[str], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagewright.training.device.memory_of_rank", lambda _: 2**30)
    said = ("--batch-size", "the largest that surely fits", "--micro-batch")
    mistake(capsys, train("digits", "--size", "64", "--batch-size", "1M", "--out", "run"), *said)
    assert not (here / "run").exists()


def test_more_samples_than_memory_holds_are_refused_at_once(capsys: pytest.CaptureFixture[str], run: Path) -> None:
    mistake(capsys, main(["sample", "run", "--count", "1000000000000", "--out", "a.png"]), "1,000,000,000,000", "GiB")


@pytest.mark.parametrize(
    "command", [["reconstruct", "run", "own", "--out", "own"], ["data", "grid", "own", "--out", "own/0.png"]]
)
def test_a_source_is_never_written_over(capsys: pytest.CaptureFixture[str], run: Path, command: list[str]) -> None:
    Path("own").mkdir()
    Image.fromarray(np.full((8, 8), 90, np.uint8)).save("own/0.png")
    before = Path("own/0.png").read_bytes()
    mistake(capsys, main([*command, "--force"]), "own", "--out")
    assert Path("own/0.png").read_bytes() == before


def test_new_files_may_be_made_beside_the_pictures_that_are_read(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("own").mkdir()
    Image.fromarray(np.full((8, 8), 90, np.uint8)).save("own/0.png")
    monkeypatch.chdir("own")
    assert main(["reconstruct", "../run", ".", "--out", "sheet.png"]) == 0


def test_unknown_words_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    mistake(capsys, main(["train", "vae", "digits", "and", "more"]), "takes no `and more`")


def test_under_torchrun_one_rank_prints_the_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagewright.cli.failures.SECONDS_FOR_FIRST_RANK", 0)
    monkeypatch.setenv("LOCAL_RANK", "0")
    mistake(capsys, train("digits", "--latent-dim", "0"), "--latent-dim")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert train("digits", "--latent-dim", "0") == 2
    assert capsys.readouterr().err == ""


def test_a_checkpoint_with_code_in_it_is_refused_without_advice_to_run_it(
    capsys: pytest.CaptureFixture[str], here: Path
) -> None:
    (here / "trap.pth").write_bytes(b"cos\nsystem\n(S'touch trapped'\ntR.")
    mistake(capsys, main(["import", "trap.pth", "--as", "dcgan", "--out", "run"]), "trap.pth", "is not opened")
    assert sorted(path.name for path in here.iterdir()) == ["trap.pth"]


@pytest.mark.learning
def test_a_reader_of_the_log_that_goes_away_does_not_end_a_training(here: Path) -> None:
    command = [sys.executable, "-m", "imagewright", "train", "vae", "digits", "--out", "run", *TINY]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        assert process.stderr is not None
        process.stderr.close()
    assert process.returncode == 0
    assert (here / "run" / "checkpoints" / "000000128.safetensors").exists()


def test_the_record_holds_the_command_as_it_can_be_typed_again(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures(here / "my pictures")
    words = ["train", "vae", "my pictures", "--out", "run", *TINY]
    monkeypatch.setattr(sys, "argv", ["imagewright/__main__.py", *words])
    assert main(words) == 0
    typed = json.loads((here / "run" / "run.json").read_text())["command"]
    assert typed == f"imagewright train vae 'my pictures' --out run {' '.join(TINY)}"


@pytest.mark.learning
def test_ctrl_c_twice_at_once_still_saves(here: Path) -> None:
    """As under `torchrun`, which passes on the Ctrl-C that the terminal has sent already."""
    command = [sys.executable, "-m", "imagewright", "train", "vae", "digits", "--out", "run", *TINY]
    command += ["--images-seen", "50M", "--report-every", "32"]
    del command[command.index("128") - 1 : command.index("128") + 1]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "images/s" in line or "/s " in line:
                break
        os.kill(process.pid, signal.SIGINT)
        os.kill(process.pid, signal.SIGINT)
        log = process.stderr.read()
    assert process.returncode == 130
    assert "Stopped and saved" in log
    assert "imagewright train vae digits" in log
    assert list((here / "run" / "checkpoints").glob("*.state.safetensors"))
