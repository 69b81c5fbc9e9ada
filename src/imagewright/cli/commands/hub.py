"""`imagewright card`, `imagewright push` and `imagewright pull`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from imagewright.cli.values import Flag

License = Annotated[
    str | None, Parameter(help="of the weights: an SPDX identifier such as CC-BY-4.0, or other", negative="")
]
AboutData = Annotated[
    str | None,
    Parameter(help="where the training pictures come from and on which terms, in your words", negative=""),
]
People = Annotated[Flag, Parameter(help="the pictures show people: the card says what the model must not be used for")]
Examples = Annotated[
    Path | None,
    Parameter(help="pictures to show, and so to publish, beside what the model makes of them", negative=""),
]


def card(
    run: Annotated[Path, Parameter(help="a run directory")],
    /,
    *,
    license: License = None,
    out: Annotated[Path | None, Parameter(help="the folder to write into; by default RUN-card", negative="")] = None,
    repository: Annotated[str, Parameter(help="OWNER/NAME on the hub, for the commands in it")] = "OWNER/NAME",
    about_data: AboutData = None,
    people: People = False,
    examples: Examples = None,
    force: Annotated[Flag, Parameter(help="replace files that exist")] = False,
) -> None:
    """Write the model card of a run: README.md, and pictures with their provenance."""
    import imagewright
    from imagewright.cli.show import say
    from imagewright.images.notices import gathered_notices

    with gathered_notices() as notices:
        made = imagewright.model_card(
            run, license=license, repository=repository, about_data=about_data, people=people, examples=examples
        )
        paths = made.write(out or run.with_name(f"{run.resolve().name}-card"), force=force)
    say([*notices.lines(), *made.notes])
    print("\n".join(map(str, paths)))


def push(
    run: Annotated[Path, Parameter(help="a run directory")],
    repository: Annotated[str, Parameter(help="OWNER/NAME on the hub; it is made if it is missing")],
    /,
    *,
    license: License = None,
    public: Annotated[Flag, Parameter(help="make a public repository; a new one is private otherwise")] = False,
    about_data: AboutData = None,
    people: People = False,
    examples: Examples = None,
    with_training_state: Annotated[Flag, Parameter(help="push the state of the optimizers too")] = False,
    with_report: Annotated[Flag, Parameter(help="push report.html too, which shows training pictures")] = False,
    with_training_pictures: Annotated[
        Flag, Parameter(help="push a model whose weights hold its training pictures, such as kde")
    ] = False,
    force: Annotated[Flag, Parameter(help="push over a repository that holds something else than a run")] = False,
) -> None:
    """Push a run to the Hugging Face hub: its latest weights, records, scores, directions and model card.

    The login is the hub's own: HF_TOKEN, or `hf auth login`.
    """
    import imagewright
    from imagewright.cli.show import say
    from imagewright.images.notices import gathered_notices

    with gathered_notices() as notices:
        pushed = imagewright.push(
            run,
            repository,
            license=license,
            public=public,
            about_data=about_data,
            people=people,
            examples=examples,
            with_training_state=with_training_state,
            with_report=with_report,
            with_training_pictures=with_training_pictures,
            force=force,
        )
    say([*notices.lines(), *pushed.lines()])
    print(pushed.url)


def pull(
    repository: Annotated[str, Parameter(help="OWNER/NAME, or OWNER/NAME@REVISION")],
    /,
    *,
    out: Annotated[Path | None, Parameter(help="the folder of the run; by default runs/NAME", negative="")] = None,
    force: Annotated[Flag, Parameter(help="replace another run that lies there")] = False,
) -> None:
    """Pull a run from the Hugging Face hub: each file is checked, and nothing is executed."""
    import imagewright
    from imagewright.cli.progress import progress_bar
    from imagewright.cli.show import say
    from imagewright.images.notices import gathered_notices

    with gathered_notices() as notices, progress_bar("pulling") as progress:
        run = imagewright.pull(repository, out=out, force=force, progress=progress)
    pulled = run.record["pulled"]
    say([*notices.lines(), f"Pulled {pulled['repository']} at commit {pulled['commit']}."])
    print(run.path)
