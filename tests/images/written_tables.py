"""Label tables for tests: six pictures `0.png` to `5.png` of the classes a and b, in any form."""

from __future__ import annotations

from pathlib import Path

from imagewright.images import Images

ROWS = [("0.png", "a"), ("1.png", "b"), ("2.png", "a"), ("3.png", "b"), ("4.png", "a"), ("5.png", "b")]


def table(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def lines(separator: str, header: tuple[str, ...] | None = ("image", "label"), end: str = "\n") -> str:
    rows = [header, *ROWS] if header else list(ROWS)
    return end.join(separator.join(row) for row in rows) + end


def classes_of(images: Images) -> list[str | None]:
    return [images.class_name(index) for index in range(len(images))]


def column(values: list[str], name: str = "label") -> str:
    rows = [f'{number}.png,"{value}"' for number, value in enumerate(values)]
    return "\n".join([f"image,{name}", *rows])
