"""Components by k: a picture rebuilt from the first k components of a source, or of a run of a linear model."""

from __future__ import annotations

from typing import Any

from imagewright import catalogue
from imagewright.analysis.components.by_count import RebuiltByCount
from imagewright.errors import UserError
from imagewright.images import Images
from imagewright.output.provenance import ENHANCED, make_record
from imagewright.runs.provenance import run_record
from imagewright.studio.pages.learn.chosen import channels_last, chosen_picture
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.models import Loaded
from imagewright.studio.serving.page import Picture
from imagewright.studio.serving.recent import Recent
from imagewright.studio.serving.studio import Studio

SIDE = 1024  # pixels of an uploaded picture, which is scaled down further
_fitted: Recent[Images, RebuiltByCount] = Recent(3)


def rebuild(studio: Studio, asked: Asked) -> list[Picture]:
    """The picture, what k components make of it, the difference, and the k-th component; numbers with the first."""
    key, count = asked.text("of"), asked.whole("count", 10, high=100_000)
    if "run" not in asked:
        images = studio.sources.open(key)
        parts = _fitted.get(images, lambda: RebuiltByCount(images))
        return _show(studio, asked, parts, count, make_record("components", model="pca", source_type=ENHANCED))

    def work(loaded: Loaded) -> list[Picture]:
        kept = loaded.kept.setdefault("learn/components", {})
        if key not in kept:
            if catalogue.entry_of(loaded.run.model).family != "linear":
                raise UserError(f"{loaded.run.model} has no components: choose a run of a linear model, such as pca.")
            kept.clear()
            kept[key] = RebuiltByCount(studio.sources.open(key), loaded.model)
        return _show(studio, asked, kept[key], count, run_record("components", loaded.model, source_type=ENHANCED))

    return studio.models.call(asked.text("run"), work)


def _show(studio: Studio, asked: Asked, parts: RebuiltByCount, count: int, record: dict[str, Any]) -> list[Picture]:
    count = min(count, parts.count)
    found = parts.rebuild(parts.fit_to_size(chosen_picture(studio, asked, SIDE)), count)
    numbers = {"error": found.error, "bits": found.bits, "share": found.share, "count": count, "most": parts.count}
    sizes = {"pixels": parts.size[0] * parts.size[1], "channels": parts.channels}
    record = record | {"settings": {"components": count}}
    return [
        Picture(channels_last(found.picture), None, "picture", numbers | sizes),
        Picture(channels_last(found.rebuilt), record, f"{count}-components"),
        Picture(channels_last(found.difference), record, f"difference-{count}-components"),
        Picture(channels_last(found.component), record, f"component-{count}"),
    ]
