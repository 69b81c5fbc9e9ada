"""`imagewright data check|prepare|grid|pairs SOURCE`, and `imagewright data cache`, `data shapes` and `data shard`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from imagewright.cli.examples import example_of
from imagewright.cli.pictures import takes_pictures
from imagewright.cli.show import mark_told
from imagewright.cli.values import Count, Flag, LabelColumn, LoadSize, Size, within
from imagewright.errors import count_text
from imagewright.pixels import size_text

app = App(name="data", help="Check, prepare and show a set of images.", help_format="plaintext")

app.command(
    "imagewright.cli.commands.cache:cache",
    name="cache",
    help="List or remove prepared pictures on the disk.",
    help_epilogue=example_of("data cache"),
)

app.command(
    "imagewright.cli.commands.shapes:shapes",
    name="shapes",
    help="Draw the built-in set shapes into files: sprites whose shape, hue, size, place and turn are known.",
    help_epilogue=example_of("data shapes"),
)

app.command(
    "imagewright.cli.commands.shards:shard",
    name="shard",
    help="Write a set as tar shards with an index, from which several ranks or machines read.",
    help_epilogue=example_of("data shard"),
)

Source = Annotated[
    str, Parameter(help="a folder, .zip, tar shards, IDX, .npz, a video, or a built-in set: digits, faces, shapes")
]
Split = Annotated[str | None, Parameter(help="a part of the source, such as train")]


@app.command(help_epilogue=example_of("data check"))
@takes_pictures
def check(
    source: Source,
    other: Annotated[
        str | None, Parameter(help="the targets of these inputs, or the second domain: both are compared")
    ] = None,
    /,
    *,
    against: Annotated[
        str | None, Parameter(help="another source: find pictures that are in both, exactly or nearly")
    ] = None,
    per_class: Annotated[
        Count | None, within(1, help="name classes with fewer pictures, as for few-shot training")
    ] = None,
    split: Split = None,
    labels: Annotated[Path | None, Parameter(help="a CSV, text or JSON file of labels or attributes")] = None,
    label_column: LabelColumn = None,
    strict: Annotated[Flag, Parameter(help="exit with code 2 if a picture is unreadable")] = False,
    as_json: Annotated[Flag, Parameter(name="--json", help="print JSON, for programs")] = False,
    out: Annotated[Path | None, Parameter(help="write the report to this file as JSON (.json), too")] = None,
    examples: Annotated[
        Count, within(1, help="name so many unreadable pictures and groups of duplicates; all are counted")
    ] = 20,
    force: Annotated[Flag, Parameter(help="replace a file that exists")] = False,
) -> None:
    """Check a source: sizes, labels, unreadable pictures, near-duplicates; people and poses of a set of faces."""
    import json

    import imagewright
    from imagewright.cli.progress import progress_bar
    from imagewright.errors import DataError
    from imagewright.face_swap.face_sets import is_face_set
    from imagewright.output.writing import check_suffix, new_file, refuse_existing

    if out is not None:
        check_suffix(out, [".json"])
        refuse_existing([out], force=force)

    with progress_bar("checking") as progress:
        report = imagewright.check(
            source,
            other,
            per_class=per_class,
            against=against,
            split=split,
            labels=labels,
            label_column=label_column,
            examples=examples,
            progress=progress,
        )
    faces = imagewright.check_faces(source) if other is None and report.readable and is_face_set(source) else None
    text = json.dumps(report.to_dict() | ({"faces": faces.to_dict()} if faces else {}), indent=2)
    if out is not None:
        with new_file(out, force=force) as file:
            file.write(text.encode())
    if as_json:
        print(text)
    else:
        print("\n".join([*report.lines(), *(faces.lines() if faces else [])]))
    if report.count and not report.readable:
        raise DataError(
            f"No picture of {source} can be read: see above for the reason, and give pictures that open in a viewer."
        )
    if strict and report.unreadable:
        raise DataError(f"{report.unreadable:,} of {report.count:,} pictures of {source} are unreadable: see above.")


@app.command(help_epilogue=example_of("data prepare"))
@takes_pictures
def prepare(
    source: Source,
    /,
    *,
    size: Annotated[Size | None, Parameter(help="64, or WIDTHxHEIGHT; by default the source's own")] = None,
    channels: Annotated[Literal[1, 3, 4] | None, Parameter(help="1 grey, 3 RGB, 4 RGBA")] = None,
    crop: Annotated[
        Literal["centre", "random", "none"],
        Parameter(help="use the crop of the training, which prepares another cache for another crop"),
    ] = "centre",
    load_size: Annotated[
        LoadSize | None,
        Parameter(help="use the load size of the training, such as 286, of which it takes random crops"),
    ] = None,
    split: Split = None,
    strict: Annotated[Flag, Parameter(help="stop at an unreadable picture instead of skipping it")] = False,
) -> None:
    """Decode a source into the cache that training reads. Training does the same if there is none."""
    import imagewright
    from imagewright.cli.progress import progress_bar

    images = imagewright.open_images(source, size, channels, crop=crop, load_size=load_size, split=split, strict=strict)
    with progress_bar("preparing") as progress:
        images.prepare(progress)
    for note in images.notes[: len(images.notes) - bool(images.skipped)]:  # the last one counts what is listed below
        print(note)
    mark_told(images.notes)
    for name, reason in images.skipped[:20]:
        print(f"left out: {name}: {reason}")
    if len(images.skipped) > 20:
        print(f"and {len(images.skipped) - 20:,} more")
    verb = "is" if len(images) == 1 else "are"
    print(f"{count_text(len(images), 'picture')} of {size_text(images.size)}x{images.channels} {verb} ready.")


@app.command(help_epilogue=example_of("data grid"))
@takes_pictures
def grid(
    source: Source,
    /,
    *,
    out: Annotated[Path, Parameter(help="the sheet: .png, .jpg, .webp or .tif")],
    count: Annotated[Count, within(1, help="pictures, spread evenly over the source")] = 36,
    size: Annotated[
        Size | None, Parameter(help="64, or WIDTHxHEIGHT; by default the source's own, at most 128 a side")
    ] = None,
    split: Split = None,
    labels: Annotated[Path | None, Parameter(help="a CSV, text or JSON file of labels or attributes")] = None,
    label_column: LabelColumn = None,
    force: Annotated[Flag, Parameter(help="replace files that exist")] = False,
) -> None:
    """Write a contact sheet of a source, with the classes or names of the pictures."""
    import imagewright
    from imagewright.cli.output import write_sheet
    from imagewright.output.sheets import check_output
    from imagewright.output.writing import PICTURES, check_suffix

    check_suffix(out, list(PICTURES))
    check_output(out, force=force, sources=[source])
    write_sheet(
        imagewright.grid_sheet(source, count, size=size, split=split, labels=labels, label_column=label_column),
        out,
        force=force,
    )


@app.command(help_epilogue=example_of("data pairs"))
@takes_pictures
def pairs(
    source: Source,
    /,
    *,
    input: Annotated[
        Literal["edges", "hed", "grey", "lowres", "mask", "labels"],
        Parameter(
            help="edges: Canny, dark on white; hed: edges of things, by a network; grey: to be coloured; lowres: "
            "reduced and enlarged again; mask: with a grey hole; labels: label maps of the source in colours, "
            "else regions in the colours of one palette"
        ),
    ],
    out: Annotated[Path, Parameter(help="a new folder, which then holds input/ and target/")],
    size: Annotated[Size | None, Parameter(help="64, or WIDTHxHEIGHT; by default each picture's own")] = None,
    layout: Annotated[
        Literal["folders", "side"], Parameter(help="two folders, or one picture with both side by side")
    ] = "folders",
    sigma: Annotated[
        float | None, within(0.1, 50, help="edges: pixels of the smoothing before; more leaves fewer edges; 2")
    ] = None,
    level: Annotated[
        float | None, within(0.01, 0.99, help="hed: probability from which a place is an edge; more leaves fewer; 0.5")
    ] = None,
    factor: Annotated[Count | None, within(2, 64, help="lowres: reduced by this factor; 4")] = None,
    hole: Annotated[float | None, within(0.01, 0.99, help="mask: sides of the hole, as a share; 0.4")] = None,
    colours: Annotated[Count | None, within(2, 64, help="labels: colours of the palette; 8")] = None,
    seed: Annotated[Count | None, within(0, help="mask and labels: of random choices; 0")] = None,
    count: Annotated[Count | None, within(1, help="pictures, spread evenly over the source; all by default")] = None,
    split: Split = None,
    image_layers: Annotated[
        str | None, Parameter(help="layers of each picture, such as labels,image", metavar="NAMES")
    ] = None,
    layer_kinds: Annotated[
        str | None, Parameter(help="layers that are label maps, such as labels=labels", metavar="NAME=KIND")
    ] = None,
    force: Annotated[Flag, Parameter(help="replace files that exist")] = False,
) -> None:
    """Make pairs from plain pictures: an input that is computed from each, and the picture itself."""
    import imagewright
    from imagewright.cli.progress import progress_bar
    from imagewright.cli.show import say

    given = {"sigma": sigma, "level": level, "factor": factor, "hole": hole, "colours": colours, "seed": seed}
    options = {name: value for name, value in given.items() if value is not None}
    with progress_bar("making pairs") as progress:
        made = imagewright.make_pairs(
            source,
            input,
            out,
            size=size,
            layout=layout,
            count=count,
            split=split,
            layers=image_layers,
            kinds=layer_kinds,
            force=force,
            progress=progress,
            **options,
        )
    say(made.notes)
    print("\n".join(made.lines()))


@app.command(help_epilogue=example_of("data subset"))
@takes_pictures
def subset(
    source: Source,
    /,
    *,
    names: Annotated[Path, Parameter(help="a text file with the name of a picture on each line")],
    out: Annotated[Path, Parameter(help="a new folder")],
    split: Split = None,
) -> None:
    """Make a folder of the pictures that a list names: links where they are files, which take no room."""
    import imagewright
    from imagewright.analysis.picture_sets import read_names
    from imagewright.cli.progress import progress_bar

    listed = read_names(names)
    with progress_bar("making the set") as progress:
        made = imagewright.make_set(source, listed, out, split=split, progress=progress)
    print("\n".join(made.lines()))
