"""`imagewright inspect` and `imagewright import`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, get_origin

from cyclopts import Parameter

from imagewright.cli.values import Flag, Size


def inspect(
    path: Annotated[Path, Parameter(help="a picture, a video, .npz, .safetensors, or a run directory")],
    /,
    *,
    as_json: Annotated[Flag, Parameter(name="--json", help="print JSON, for programs")] = False,
) -> None:
    """Show what a file or a run holds, and the provenance of a picture."""
    import imagewright
    from imagewright.cli.show import show_record

    found = imagewright.inspect(path)
    if as_json:
        import json

        print(json.dumps(found, indent=2, default=str))
    else:
        if "sources" in found:  # which says the same of the first one
            found = {name: value for name, value in found.items() if name != "source"}
        show_record(found)


def import_checkpoint(
    file: Annotated[Path, Parameter(help="a file of published weights; nothing in it is executed")],
    /,
    *others: Annotated[Path, Parameter(help="more files, if each network has its own")],
    system: Annotated[str, Parameter(name="--as", help="the model it belongs to, such as dcgan")],
    out: Annotated[Path, Parameter(help="the run directory to make")],
    network: Annotated[
        list[str] | None,
        Parameter(help="which network, by name or by key in the file; once for each file", negative=""),
    ] = None,
    size: Annotated[Size | None, Parameter(help="64, or WIDTHxHEIGHT, if shapes do not tell it", negative="")] = None,
    force: Annotated[Flag, Parameter(help="replace the run that is there")] = False,
    **options: Annotated[str, Parameter(help="any option of the model, if shapes do not tell it")],
) -> None:
    """Make a run from a published checkpoint, on which every verb works."""
    import imagewright
    from imagewright.cli.show import say
    from imagewright.images.notices import gathered_notices

    given = _parse_options(system, options) | ({"size": size} if size else {})
    only = network[0] if network and len(network) == 1 else network
    with gathered_notices() as notices:
        imagewright.import_checkpoint([file, *others], system, out=out, network=only, force=force, **given)
    say(notices.lines())
    print(out)


def _parse_options(model: str, texts: dict[str, str]) -> dict[str, Any]:
    """Options of a model's configuration as they were typed: names with hyphens, lists with commas."""
    from imagewright.catalogue import model_class

    config_class: Any = model_class(model).Config
    fields = config_class.__pydantic_fields__
    options: dict[str, Any] = {}
    for typed, text in texts.items():
        name = typed.replace("-", "_")
        is_list = name in fields and get_origin(fields[name].annotation) is tuple
        options[name] = tuple(text.split(",")) if is_list else text
    return options
