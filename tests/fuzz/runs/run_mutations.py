"""Changes of a run directory, as by hand, by a bad disk or by someone hostile. Each follows from a seed alone."""

from __future__ import annotations

import json
import os
import random
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

DEEP = "[" * 100_000 + "]" * 100_000
LONG_NUMBER = "9" * 6_000
# What stands in place of a value. The last ones are JSON texts that Python's writer would not make.
VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 3, 10**14, 10**19, 10**400, -0.5, 1e308, float("nan"), float("inf")),
    *("", "vae", "a\nb\x1b[31mred\x1b[0m", "x" * 20_000, "\udce9", "../../..", "python:os:getcwd", "/dev/zero"),
    *([], {}, [None], [1, 2], [-3, 0], {"": None}, {"a": {"b": [[]]}}),
)
RAW_VALUES = (DEEP, LONG_NUMBER, "1e999", "-" + LONG_NUMBER, '{"a":' * 300 + "1" + "}" * 300)
MARK = "RAW VALUE"


def mutate(path: Path, seed: int) -> str:
    """Change a file by the seed; returns what was done."""
    chance = random.Random(seed)
    if chance.random() < 0.1:
        return make_special(path, chance)
    if chance.random() < 0.15:
        return spoil_bytes(path, chance)
    if path.suffix == ".safetensors":
        return spoil_tensors(path, chance)
    return spoil_json(path, chance)


# Any file


def make_special(path: Path, chance: random.Random) -> str:
    """Something that is no regular file in place of a file."""
    path.unlink()
    kind = chance.choice(("pipe", "socket", "folder", "zeros", "loop", "dangling", "absent"))
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        here = os.getcwd()
        os.chdir(path.parent)  # a socket's address is short
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path.name)
        os.chdir(here)
    elif kind == "folder":
        path.mkdir()
    elif kind != "absent":
        path.symlink_to({"zeros": "/dev/zero", "loop": path.name, "dangling": "nowhere"}[kind])
    return kind


def spoil_bytes(path: Path, chance: random.Random) -> str:
    """Cut it, or change single bytes."""
    content = bytearray(path.read_bytes())
    kind = chance.choice(("cut", "empty", "bytes", "zeros", "utf-16", "twice"))
    if kind == "cut":
        content = content[: chance.randrange(len(content) + 1)]
    elif kind == "empty":
        content.clear()
    elif kind == "bytes":
        for _ in range(chance.randint(1, 8)):
            content[chance.randrange(len(content))] = chance.randrange(256)
    elif kind == "zeros":
        start = chance.randrange(len(content))
        content[start : start + 200] = bytes(len(content[start : start + 200]))
    elif kind == "utf-16":
        content = bytearray(content.decode("latin-1").encode("utf-16"))
    else:
        content = content + content
    path.write_bytes(bytes(content))
    return kind


# JSON


def spoil_json(path: Path, chance: random.Random) -> str:
    """Change one to three values of a JSON file; of a file with a value a line, of one line."""
    lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
    place = chance.choice((-1, chance.randrange(len(lines))))
    lines[place], done = spoil_text(lines[place], chance)
    path.write_bytes(("\n".join(lines) + "\n").encode())
    return done


def spoil_text(text: str, chance: random.Random) -> tuple[str, str]:
    """A JSON text with one to three values changed, and what was done."""
    value, done = json.loads(text), []
    raw = None
    for _ in range(chance.randint(1, 3)):
        holder, key = chance.choice(places(value))
        named = f"{key!r}"
        action = chance.choice(("value", "value", "value", "delete", "rename", "raw"))
        if action == "delete":
            del holder[key]
        elif action == "rename" and isinstance(holder, dict):
            holder[f"{key}2"] = holder.pop(key)
        elif action == "raw":
            raw, holder[key] = chance.choice(RAW_VALUES), MARK
            done.append(f"{named}: {raw[:20]}")
            break
        else:
            holder[key] = chance.choice(VALUES)
            named += f" = {holder[key]!r}"[:60]
        done.append(f"{action} {named}")
        if not places(value):
            break
    written = json.dumps(value)
    return (written if raw is None else written.replace(json.dumps(MARK), raw)), "; ".join(done)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a JSON value: the list or object, and the index or key."""
    found: list[tuple[Any, Any]] = []
    if isinstance(value, dict | list):
        for key, inner in list(value.items()) if isinstance(value, dict) else list(enumerate(value)):
            found += [(value, key), *places(inner)]
    return found


# safetensors


def spoil_tensors(path: Path, chance: random.Random) -> str:
    """Change the record, or the name, type or shape of a tensor in the header."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header, data = json.loads(content[8 : 8 + length]), content[8 + length :]
    done = chance.choice((spoil_record, spoil_record, spoil_header))(header, chance)
    written = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(written)) + written + data)
    return done


def spoil_record(header: dict[str, Any], chance: random.Random) -> str:
    metadata = header.get("__metadata__", {})
    if chance.random() < 0.1 or "imagewright" not in metadata:
        header.pop("__metadata__", None)
        return "no record"
    metadata["imagewright"], done = spoil_text(metadata["imagewright"], chance)
    return f"record: {done}"


def spoil_header(header: dict[str, Any], chance: random.Random) -> str:
    name = chance.choice([each for each in header if each != "__metadata__"])
    actions: dict[str, Callable[[], object]] = {
        "renamed": lambda: header.update({f"{name}.other": header.pop(name)}),
        "flat": lambda: header[name].update(shape=[count(header[name]["shape"])]),
        "reversed": lambda: header[name].update(shape=header[name]["shape"][::-1]),
        "integers": lambda: header[name].update(dtype={"F32": "I32", "I64": "F64"}.get(header[name]["dtype"], "U8")),
        "eight bits": lambda: header[name].update(dtype="F8_E4M3", shape=[*header[name]["shape"], 4]),
        "long name": lambda: header.update({"n\n" * 5_000: header.pop(name)}),
    }
    done = chance.choice(list(actions))
    actions[done]()
    return f"{name} {done}"


def count(shape: list[int]) -> int:
    total = 1
    for side in shape:
        total *= side
    return total
