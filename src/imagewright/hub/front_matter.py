"""The front matter of a card: YAML, of which JSON's scalars are a part, so that every text is quoted safely."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

Metadata = Mapping[str, Any]


def to_front_matter(metadata: Metadata) -> str:
    """The metadata between two lines of `---`.

    >>> print(to_front_matter({"tags": ["a", "b: c"], "model-index": [{"name": "x", "results": []}]}))
    ---
    tags:
    - "a"
    - "b: c"
    model-index:
    - name: "x"
      results: []
    ---
    """
    return "\n".join(["---", *_mapping(metadata), "---"])


def _mapping(values: Metadata) -> list[str]:
    lines = []
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            lines += [f"{name}:", *(f"  {line}" for line in _mapping(value))]
        elif isinstance(value, list) and value:
            lines += [f"{name}:", *_list(value)]
        else:
            lines.append(f"{name}: {json.dumps(value, ensure_ascii=False)}")
    return lines


def _list(values: Sequence[Any]) -> list[str]:
    lines = []
    for value in values:
        inner = _mapping(value) if isinstance(value, Mapping) else [json.dumps(value, ensure_ascii=False)]
        lines += [f"{'- ' if place == 0 else '  '}{line}" for place, line in enumerate(inner)]
    return lines
