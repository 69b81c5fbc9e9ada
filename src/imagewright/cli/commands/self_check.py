"""`imagewright evaluate --self-check --against SOURCE`: do metrics move the way they should on these pictures?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imagewright.images import Images

COUNT = 1_000  # pictures of each half


def show_self_check(
    images: Images,
    metrics: Sequence[str],
    corruptions: Sequence[str],
    features: str | None,
    resize: str | None,
    count: int | None,
    out: Path | None,
    *,
    others: Images | None,
    device: str,
    seed: int,
    force: bool,
) -> None:
    """Check, print a line for each metric and corruption, and write two pictures: curves, and the damaged copies.

    `others`: pictures of another kind, for contamination. `out`: the curves; the copies go beside them as
    NAME-pictures.png, or a .json takes all figures instead.
    """
    import json

    from imagewright.cli.progress import progress_bars
    from imagewright.cli.show import say
    from imagewright.distributed import choose_device
    from imagewright.metrics.features.of_runs import features_named
    from imagewright.metrics.plans import plans_of
    from imagewright.metrics.self_check.check import USUAL, self_check
    from imagewright.metrics.self_check.figures import damage_sheet, save_curves
    from imagewright.output.writing import check_suffix, new_file, refuse_existing, write_image

    sheet = None
    if out is not None:
        suffix = check_suffix(out, [".png", ".svg", ".pdf", ".json"])
        sheet = None if suffix == ".json" else out.with_name(f"{out.stem}-pictures.png")
        refuse_existing([out, *([sheet] if sheet else [])], force=force)
    (plan,) = plans_of(metrics or None, (), features, resize, None, None)
    network = None
    if plan.needs("features", "logits"):
        network = features_named(plan.features, resize=resize, device=str(choose_device(device)))
    with progress_bars() as progress:
        found = self_check(
            images,
            [asked.metric for asked in plan.asked],
            network,
            options={asked.metric.name: asked.options for asked in plan.asked},
            corruptions=corruptions or USUAL,
            others=others,
            count=count or COUNT,
            seed=seed,
            progress=progress,
        )
    print(f"{found.count:,} pictures of {found.source} against {found.count:,} others; modes: {found.modes}")
    print("\n".join(found.lines()))
    say([f"{name} is left out: {why}." for name, why in found.left_out.items()])
    if out is None:
        return
    if sheet is None:
        with new_file(out, force=force) as file:
            file.write(json.dumps(found.record(), indent=1).encode())
        print(out)
        return
    print(save_curves(found, out, force=force))
    print(write_image(damage_sheet(found), sheet, force=force))
