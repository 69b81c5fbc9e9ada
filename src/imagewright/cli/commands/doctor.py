"""`imagewright doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from imagewright.cli.values import Flag


def doctor(
    run: Annotated[Path, Parameter(help="a run directory; its training may still be in progress")],
    /,
    *,
    as_json: Annotated[Flag, Parameter(name="--json", help="print JSON, for programs")] = False,
) -> None:
    """Find problems of a training: each finding with its evidence and one option to try."""
    import imagewright
    from imagewright.cli.show import say
    from imagewright.training.doctor.findings import examine, why_not_diagnosed

    opened = imagewright.Run(run)
    if (note := opened.damage_note()) is not None:
        say([note])
    if as_json:
        import json

        print(json.dumps([finding.to_dict() for finding in imagewright.doctor(opened)], indent=2))
    elif reason := why_not_diagnosed(opened, opened.metrics()):
        print(reason)
    else:
        found = examine(opened)
        for finding in found.findings:
            print(f"{finding} (since {finding.images_seen:,} images)")
        print("\n".join(found.lines()))
