"""What a run keeps of its latent space: a line for each name, and whether it fits the weights that are there now."""

from __future__ import annotations

from dataclasses import dataclass

from imagewright.errors import RunError
from imagewright.latent import store as kept
from imagewright.model import Model
from imagewright.runs.run import Run
from imagewright.runs.weights import read_tensors


@dataclass(frozen=True)
class Content:
    """A name that is kept, what it is, how it was found, and whether tools can use it with the run's model."""

    name: str
    kind: str
    count: int
    found: str
    usable: str


def contents_of(run: Run, model: Model) -> list[Content]:
    """All that the run keeps, by name. A damaged file is a line as well: it says so, and the others are listed."""
    space = kept.space_of(model)
    found = []
    for path in sorted((run.path / kept.FOLDER).glob(f"*{kept.SUFFIX}")):
        try:
            tensors, record = read_tensors(path)
        except RunError:
            found.append(Content(path.stem, "unknown", 0, "", "no: the file is damaged"))
            continue
        points = tensors.get("latents")
        found.append(
            Content(
                path.stem,
                str(record.get("kind", "unknown")),
                1 if points is None else len(points),
                _how(record),
                "yes" if record.get("space") == space else "found at another point of the training: may fit less well",
            )
        )
    return found


def _how(record: dict[str, object]) -> str:
    """In a few words: what the tool that kept it says in `found`, or its settings."""
    own = {"kind", "model", "space", "names"}
    if "found" in record:
        return str(record["found"])
    return ", ".join(f"{name}={value}" for name, value in record.items() if name not in own)
