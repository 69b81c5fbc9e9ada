"""Worker processes import nothing from the current folder, which may be a downloaded set of pictures."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import imagewright

# The code of the package, of its dependencies, of the standard library, and what Python runs at its start.
NAMES = ("json", "numpy", "imagewright", "sitecustomize", "usercustomize", "pickle", "queue", "PIL", "torch", "struct")
COUNT = 2100  # from 2,000 pictures on, processes decode them


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder with pictures in a zip, and Python files that leave a trace and end the process when they are run."""
    folder = tmp_path / "set"
    folder.mkdir()
    for name in NAMES:
        trace = f"open({str(tmp_path / 'trace')!r}, 'a').write({name!r})\nraise SystemExit('{name} was run')\n"
        (folder / f"{name}.py").write_text(trace)
    with zipfile.ZipFile(folder / "pictures.zip", "w") as archive:
        for number in range(COUNT):
            archive.writestr(f"{number}.pgm", b"P5 2 2 255\n" + bytes([number % 256] * 4))
    return folder


def paths() -> list[str]:
    return [path for path in sys.path if path]


def prepare(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    """Run a command in the folder; returns what it printed. Fails if a file of the folder was run, or no worker was."""
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command,
        cwd=folder,
        env=clean | {"IMAGEWRIGHT_CACHE": str(folder.parent / "cache")} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not (folder.parent / "trace").exists(), (folder.parent / "trace").read_text()
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


COMMAND = "from imagewright.cli import main; sys.exit(main(['data', 'prepare', 'pictures.zip']))"
# Two workers also on a machine with one core.
TWO = "import imagewright.images.decoding.parallel as p; p.usable_cores = lambda: 2; "


def test_nothing_in_the_current_folder_is_run(hostile: Path) -> None:
    environment = {"PYTHONPATH": os.pathsep.join(paths())}
    found = prepare([sys.executable, "-P", "-c", f"import sys; {TWO}{COMMAND}"], hostile, environment)
    assert found.startswith("2,100 pictures")


def test_the_package_may_be_on_sys_path_alone(hostile: Path) -> None:
    """As in a notebook that adds its folder, or under tools that start Python without its site packages."""
    program = f"import sys; sys.path += {paths()!r}; {TWO}{COMMAND}"
    assert prepare([sys.executable, "-I", "-S", "-c", program], hostile, {}).startswith("2,100 pictures")


def test_the_folder_of_a_script_is_not_searched_at_the_start_of_workers(hostile: Path) -> None:
    """Python looks for `sitecustomize` before it puts a script's folder on the path: so do workers."""
    for name in NAMES:
        if name != "sitecustomize":
            (hostile / f"{name}.py").unlink()
    (hostile / "prepare.py").write_text(f"import sys; {TWO}{COMMAND}")
    environment = {"PYTHONPATH": os.pathsep.join(paths())}
    assert prepare([sys.executable, "prepare.py"], hostile, environment).startswith("2,100 pictures")


def test_python_m_imports_nothing_from_the_current_folder(hostile: Path) -> None:
    (hostile / "imagewright.py").unlink()  # Python itself takes the module of `-m` from there
    environment = {"PYTHONPATH": os.pathsep.join(paths())}
    found = prepare([sys.executable, "-m", "imagewright", "data", "prepare", "pictures.zip"], hostile, environment)
    assert found.startswith("2,100 pictures")


def test_only_the_isolated_workers_and_package_clients_are_started_as_processes() -> None:
    """A package client is one that the user has, with its settings: it cannot be isolated from the environment."""
    source = Path(imagewright.__file__).parent
    starting = ("subprocess", "multiprocessing", "os.system", "os.exec", "os.spawn", "os.fork", "popen", "pty")
    found = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*.py")
        for line in path.read_text().splitlines()
        if any(word in line for word in starting) and line.lstrip().startswith(("import ", "from ", "os."))
    }
    allowed = {"images/decoding/workers.py", "pretrained/packages.py"}
    # In the studio's folder, which may be anyone's: `jobs.py` starts Python by -P.
    allowed |= {f"studio/serving/{name}.py" for name in ("jobs", "processes", "worker")}
    assert found == allowed, "start child processes as `decoding/workers.py` does: isolated"
