"""A run pushed to a hub and pulled elsewhere is the same run; what is pulled is checked, and a cut pull goes on."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from hub_server import NO_ANSWER, TOKEN, Hub
from huggingface_hub import close_session, constants
from huggingface_hub.utils._xet import abort_xet_session
from tiny import simple_pictures
from waiting import wait_until

import imagewright as iw
from imagewright.cli import main
from imagewright.hub import download
from imagewright.hub.library import Address, HubError, explain_hub_errors
from imagewright.runs import places
from imagewright.runs.run import Run

NAME = "anna/vae"
ADDRESS = Address(NAME)
WEIGHTS = "checkpoints/000000032.safetensors"


def test_a_pulled_run_makes_the_same_pictures(run: Run, hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["push", str(run.path), NAME, "--license", "mit"]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{hub.url}/{NAME}\n"
    assert "(private: you alone see it)" in printed.err
    assert main(["pull", NAME]) == 0
    assert capsys.readouterr().out == "runs/vae\n"
    pulled = Run("runs/vae")
    assert torch.equal(iw.sample(pulled, 4, seed=3), iw.sample(run, 4, seed=3))
    assert pulled.record["pulled"]["commit"] == hub.repositories[NAME].commits[-1][0]
    assert {path.name for path in pulled.path.iterdir()} == {
        "run.json",
        "metrics.jsonl",
        "README.md",
        "card",
        "checkpoints",
    }
    assert [each.images_seen for each in pulled.checkpoints()] == [32], "the latest checkpoint alone"
    assert not list(Path().rglob("*.state.safetensors"))
    assert hub.repositories[NAME].private
    assert main(["push", str(run.path), NAME, "--license", "mit"]) == 0
    assert "Nothing has changed" in capsys.readouterr().err


def test_the_state_of_the_training_is_pushed_if_asked(run: Run, hub: Hub) -> None:
    made = iw.push(run, NAME, license="MIT", with_training_state=True, with_report=True, public=True)
    assert not made.is_private
    pulled = iw.pull(NAME, out="elsewhere")
    assert pulled.latest(for_resume=True)[0].images_seen == 32
    assert (pulled.path / "report.html").is_file()
    iw.push(run, NAME, license="MIT")
    assert not {"report.html", "checkpoints/000000032.state.safetensors"} & hub.files(NAME).keys()


def test_the_login_goes_to_the_hub_alone_and_is_not_printed(pushed: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pull", NAME]) == 0
    stored = [headers for _, path, headers in pushed.requests if path.startswith("/store/")]
    asked = [headers for _, path, headers in pushed.requests if "/resolve/" in path]
    assert stored
    assert all("authorization" not in headers for headers in stored)
    assert all(headers["authorization"] == f"Bearer {TOKEN}" for headers in asked)
    printed = capsys.readouterr()
    assert TOKEN not in printed.out + printed.err


@pytest.mark.parametrize("interrupted", [True, False])
def test_a_cut_pull_goes_on_where_it_was_cut(
    pushed: Hub, interrupted: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    pushed.break_after = 20_000
    if interrupted:

        def interrupt(done: int, total: int) -> None:
            if pushed.break_after is None and done > 20_000:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt) as caught:
            iw.pull(NAME, progress=interrupt)
        assert "goes on from there" in caught.value.__notes__[0]
        assert not Path("runs/vae").exists(), "no half run"
    assert main(["pull", NAME]) == 0
    ranges = [headers["range"] for _, path, headers in pushed.requests if "/store/" in path and "range" in headers]
    assert ranges, "the rest alone is asked for"
    assert iw.load("runs/vae")
    assert not list(Path("runs").glob(".*"))


@pytest.mark.parametrize("sent", [0, 5_000])
def test_a_file_that_always_ends_too_early_is_given_up(pushed: Hub, sent: int) -> None:
    pushed.ends_after = sent
    with pytest.raises(iw.UserError, match=rf"ends after {sent:,} of the .* bytes that were stated, 3 times in a row"):
        iw.pull(NAME)
    pushed.ends_after = None
    assert iw.load(iw.pull(NAME))


def test_a_replacement_that_is_stopped_leaves_the_former_run(
    run: Run, pushed: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = iw.pull(NAME)
    before = former.record["pulled"]["commit"]
    iw.push(run, NAME, license="CC-BY-4.0")
    rename = Path.rename

    def stop_at_the_checkpoints(self: Path, target: Path) -> Path:
        if self.name == "checkpoints" and self.parent.name == "run":
            raise KeyboardInterrupt
        return rename(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", stop_at_the_checkpoints)
        with pytest.raises(KeyboardInterrupt):
            iw.pull(NAME, force=True)
        assert Run("runs/vae").record["pulled"]["commit"] == before
        assert torch.equal(iw.sample("runs/vae", 2), iw.sample(run, 2))
        patched.setattr(places, "restore", lambda path: None)  # as a kill would have it
        with pytest.raises(KeyboardInterrupt):
            iw.pull(NAME, force=True)
    assert Run("runs/vae/.replaced").record["pulled"]["commit"] == before
    assert iw.pull(NAME, force=True).record["pulled"]["commit"] != before
    assert iw.load("runs/vae")
    assert not list(Path("runs").rglob(".*"))


def test_two_pulls_at_a_time_take_turns(pushed: Hub) -> None:
    with ThreadPoolExecutor(1) as pool:
        others: list[Future[Run]] = []

        def begin_another(done: int, total: int) -> None:
            if not others:
                others.append(pool.submit(iw.pull, NAME))
                wait_until(lambda: sum("/tree/" in path for _, path, _ in pushed.requests) >= 2)

        first = iw.pull(NAME, progress=begin_another)
        assert others[0].result().path == first.path
    assert sum(path.endswith("/run.json") for _, path, _ in pushed.requests) == 1, "one of them downloads"
    assert not list(Path("runs").glob(".*"))


def test_a_revision_is_pulled_and_recorded(run: Run, pushed: Hub) -> None:
    first = pushed.repositories[NAME].commits[-1][0]
    iw.push(run, NAME, license="CC-BY-4.0")
    assert pushed.repositories[NAME].commits[-1][0] != first
    pulled = iw.pull(f"{NAME}@{first}")
    assert pulled.record["pulled"] == {"repository": NAME, "revision": first, "commit": first, "hub": pushed.url}
    assert 'license: "mit"' in (pulled.path / "README.md").read_text()
    with pytest.raises(iw.UserError, match="holds a run already"):
        iw.pull(NAME)
    assert 'license: "cc-by-4.0"' in (iw.pull(NAME, force=True).path / "README.md").read_text()


def test_a_changed_file_is_thrown_away(pushed: Hub) -> None:
    pushed.changed["metrics.jsonl"] = pushed.files(NAME)["metrics.jsonl"].replace(b"1", b"2")
    with pytest.raises(iw.UserError, match=r"metrics\.jsonl of anna/vae arrived with another hash"):
        iw.pull(NAME)
    pushed.changed["metrics.jsonl"] = b"x" * 100_000
    with pytest.raises(iw.UserError, match=r"metrics\.jsonl of anna/vae is larger than"):
        iw.pull(NAME)
    assert not Path("runs/vae").exists()


def test_files_of_no_run_are_left_there(pushed: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    files = pushed.files(NAME) | {"../out.json": b"{}", "/etc/x": b"", "hook.py": b"", "latents/a.pkl": b"x"}
    pushed.add(NAME, files | {"checkpoints/..\\x.safetensors": b"x", "latents/../../b.safetensors": b"x"})
    assert main(["pull", NAME]) == 0
    assert "Left there: 6 files that no run has" in capsys.readouterr().err
    assert {path.suffix for path in Path().rglob("*") if path.is_file()} == {
        ".json",
        ".jsonl",
        ".md",
        ".png",
        ".safetensors",
    }
    assert not Path("out.json").exists()


@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        ("run.json", b"{}", r"run\.json is damaged"),
        ("run.json", b'{"model": "no_such", "config": {}}', "There is no model 'no_such'"),
        (WEIGHTS, b"\x80\x04pickle", "is damaged"),
        ("scores.json", b"[", r"scores\.json"),
    ],
)
def test_a_damaged_run_gets_no_place(path: str, content: bytes, said: str, pushed: Hub) -> None:
    pushed.add(NAME, pushed.files(NAME) | {path: content})
    with pytest.raises(iw.UserError, match=rf"^anna/vae holds no usable run: .*{said}.*Nothing was put"):
        iw.pull(NAME)
    assert not Path("runs/vae").exists()


@pytest.mark.parametrize(
    ("name", "files", "said"),
    [
        ("anna/style-gan2-cats", {"cats.pkl": b"x"}, r"cats\.pkl may be.*import cats\.pkl --as stylegan2 --out runs/"),
        ("anna/cats", {"cats.bin": b"x"}, r"if it is of a family that is known.*--as SYSTEM"),
        ("anna/words", {"README.md": b"x"}, "`imagewright pull` takes what"),
    ],
)
def test_a_repository_of_others_is_explained(name: str, files: dict[str, bytes], said: str, hub: Hub) -> None:
    hub.add(name, files)
    with pytest.raises(iw.UserError, match=rf"^{name} holds no run.*{said}"):
        iw.pull(name)
    assert not any("/store/" in path or "/resolve/" in path for _, path, _ in hub.requests), "nothing is downloaded"


def test_a_place_that_is_taken(pushed: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"x")
    with pytest.raises(iw.UserError, match="other files in it"):
        iw.pull(NAME, out="photos", force=True)
    monkeypatch.setattr(download, "SPARE", 1 << 62)
    with pytest.raises(iw.UserError, match=r"the files need .* bytes besides .*, and the disk has"):
        iw.pull(NAME)


def test_other_files_are_not_pushed_over(run: Run, hub: Hub) -> None:
    hub.add(NAME, {"README.md": b"mine", "notes.txt": b"mine"})
    with pytest.raises(iw.UserError, match=r"holds other files \(README\.md, notes\.txt\) and no run"):
        iw.push(run, NAME, license="MIT")
    assert hub.files(NAME)["README.md"] == b"mine"
    iw.push(run, NAME, license="MIT", force=True)
    assert hub.files(NAME)["notes.txt"] == b"mine"


@pytest.mark.parametrize(
    ("fault", "answer", "said"),
    [
        ("POST /api/repos", (403, {}), "no permission to do that"),
        ("POST /api/repos", (401, {"X_Error_Message": "Invalid credentials"}), "does not know this login"),
        ("/commit/", (412, {}), "somebody else has changed it since"),
        ("/commit/", (502, {}), "a fault of its own"),
        ("PUT /store/", (403, {}), "its token must be one that writes"),
        ("PUT /store/", (507, {}), "has no room left for this account"),
        ("POST /api/repos", (402, {"X_Error_Message": "Storage limit reached"}), "answers 402 (Storage limit reached"),
    ],
)
def test_what_stops_a_push_is_one_sentence(
    fault: str, answer: tuple[int, dict[str, str]], said: str, run: Run, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.faults[fault] = answer
    assert main(["push", str(run.path), NAME, "--license", "mit"]) != 0
    printed = capsys.readouterr().err
    assert len(printed.splitlines()) == 1
    assert printed.startswith(f"Cannot push to {NAME}: ")
    assert said in printed
    assert "No file was changed there." in printed


def test_a_push_that_was_cut_goes_on(run: Run, hub: Hub) -> None:
    hub.faults["/commit/"] = (504, {})
    with pytest.raises(iw.UserError, match="files that have arrived are not sent again"):
        iw.push(run, NAME, license="MIT")
    assert not hub.files(NAME), "all or nothing"
    hub.faults.clear()
    hub.requests.clear()
    iw.push(run, NAME, license="MIT")
    assert WEIGHTS in hub.files(NAME)
    assert not [path for method, path, _ in hub.requests if method == "PUT"]


def test_what_stops_a_pull_is_one_sentence(
    hub: Hub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["pull", "anna/nothing"]) == 2
    assert "has no repository of this name, or it is private" in capsys.readouterr().err
    hub.add("anna/x", {"run.json": b"{}"}, private=False)
    assert main(["pull", "anna/x@v9"]) == 2
    assert "it has no revision 'v9'" in capsys.readouterr().err
    assert main(["pull", "../x"]) == 2
    assert "expected OWNER/NAME or OWNER/NAME@REVISION" in capsys.readouterr().err
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert main(["pull", "anna/x"]) == 2
    assert "127.0.0.1:9 does not answer" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("fault", "answer", "said"),
    [
        ("GET /api", (401, {"X_Error_Message": "Invalid credentials in Authorization header"}), "not know this login"),
        ("GET /api", (403, {"X_Error_Code": "GatedRepo"}), "its authors ask readers to agree first"),
        ("GET /api", (403, {"X_Error_Message": "Access to this resource is disabled."}), "has closed this repository"),
        ("GET /api", (403, {}), "this login has no permission to do that.\n"),
        ("/resolve/", (404, {"X_Error_Code": "EntryNotFound"}), "a file that it lists is not there"),
        ("GET /store/", (429, {}), "has had too many requests: try again later"),
    ],
)
def test_what_a_hub_refuses_to_a_pull_is_one_sentence(
    fault: str, answer: tuple[int, dict[str, str]], said: str, pushed: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    pushed.faults[fault] = answer
    assert main(["pull", NAME]) == 2
    printed = capsys.readouterr().err
    assert len(printed.splitlines()) == 1
    assert printed.startswith(f"Cannot pull from {NAME}: ")
    assert said in printed


def test_a_login_that_is_wrong_sees_no_private_repository(
    pushed: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    assert main(["pull", NAME]) == 2
    printed = capsys.readouterr().err
    assert "or it is private and this login does not see it" in printed
    assert "hf_wrong" not in printed


def test_a_long_wait_between_tries_is_told(
    pushed: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pushed.faults["/tree/"] = (429, {"RateLimit": '"api";r=0;t=55'})
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    assert main(["pull", NAME]) == 2
    *waits, last = capsys.readouterr().err.splitlines()
    assert waits
    assert all(each.endswith("is busy or does not answer: the next try is in 56 s.") for each in waits)
    assert "too many requests: try again in 55 s" in last


def test_offline_is_said(
    run: Run, pushed: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    close_session()  # its network is chosen when it is made
    try:
        for words in (["pull", NAME], ["push", str(run.path), NAME, "--license", "mit"]):
            assert main(words) == 2
            assert "told to stay offline (HF_HUB_OFFLINE): unset it" in capsys.readouterr().err
    finally:
        close_session()


def test_a_store_that_fails_is_told_with_the_other_way() -> None:
    def upload_to_xet() -> None:
        raise ConnectionError("Network error: 404 Not Found")

    with (
        pytest.raises(HubError, match=r"Xet store .* set HF_HUB_DISABLE_XET=1"),
        explain_hub_errors(ADDRESS, "push to"),
    ):
        upload_to_xet()


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (404, r"Xet store .* set HF_HUB_DISABLE_XET=1"),
        (NO_ANSWER, r"127\.0\.0\.1:\d+ does not answer, or broke off \(.*\): check the network\. No file was changed"),
    ],
)
def test_a_hub_that_grants_no_store_for_large_files(
    status: int, said: str, run: Run, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store's library asks the hub for a token: an answer that there is none, and no answer, are told apart."""
    pytest.importorskip("hf_xet", reason="the store's own library")
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    monkeypatch.setenv("HF_XET_CLIENT_RETRY_MAX_ATTEMPTS", "0")  # else it tries for minutes
    abort_xet_session()  # it reads the variable when it is made
    hub.faults["/xet-write-token/"] = (status, {})
    try:
        with pytest.raises(HubError, match=said) as caught:
            iw.push(run, NAME, license="MIT")
    finally:
        abort_xet_session()
    assert ("HF_HUB_DISABLE_XET" in str(caught.value)) == (status == 404)


def test_a_push_without_login(run: Run, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(iw.UserError, match=r"needs a login.*hf auth login.*HF_TOKEN"):
        iw.push(run, NAME, license="MIT")
    assert not hub.requests


def test_weights_that_hold_the_pictures_stay_and_their_headers_name_no_path(run: Run, hub: Hub, tmp_path: Path) -> None:
    kde = iw.train("kde", simple_pictures(24), out=tmp_path / "kde", encoder=str(run.path), bandwidth="scott")
    with pytest.raises(iw.UserError, match="hold the training pictures themselves"):
        iw.push(kde, "anna/kde", license="MIT")
    assert not hub.requests
    assert b"secret" in kde.latest()[0].weights.read_bytes()[:20_000]
    iw.push(kde, "anna/kde", license="MIT", with_training_pictures=True)
    assert not any(b"secret" in content for content in hub.files("anna/kde").values())
    assert torch.equal(iw.sample(iw.pull("anna/kde"), 3), iw.sample(kde, 3))
