"""`imagewright models [MODEL]`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    from imagewright.catalogue import Entry

OF_THE_CODE = "\nShape letters:"  # from here on a model's file speaks of its code


def models(name: Annotated[str | None, Parameter(metavar="MODEL", help="one model: its page")] = None, /) -> None:
    """List every model: what it is, its verbs, the paper; or show one of them with its options."""
    from imagewright import catalogue

    if name is None:
        _list_all()
    else:
        _show(catalogue.entry_of(name))


def _list_all() -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from imagewright import catalogue
    from imagewright.cli.show import console

    table = Table(box=box.SIMPLE, pad_edge=False)
    for heading in ("model", "what it is", "verbs", "paper"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "model")
    for entry in catalogue.entries().values():
        told = (entry.summary, ", ".join(entry.verbs), entry.paper)
        table.add_row(Text(entry.name, "bold"), *map(Text, told))  # without markup, which takes time to look for
    screen = console()
    screen.print(table)
    screen.print(
        "One of them with its options: imagewright models MODEL. Train one: imagewright train MODEL SOURCE; all "
        "options of a training: imagewright train MODEL --help."
    )


def _show(entry: Entry) -> None:
    """Print what a model is, how it is trained, its options with their defaults, and how it is made, in its words."""
    import sys

    from rich import box
    from rich.table import Table

    from imagewright import catalogue
    from imagewright.cli.show import console, show_record
    from imagewright.configs import DATA_FIELDS, option_row

    kind = catalogue.model_class(entry.name)
    config: Any = kind.Config
    screen = console()
    facts = {"model": entry.name, "what it is": entry.summary, "paper": entry.paper, "verbs": ", ".join(entry.verbs)}
    show_record(facts | {"train": f"imagewright train {entry.name} {entry.sources}"}, screen)
    table = Table(box=box.SIMPLE, pad_edge=False)
    for heading in ("option", "what it is", "default"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "option")
    for name, field in config.__pydantic_fields__.items():
        if name not in DATA_FIELDS:
            table.add_row(*option_row(name, field))
    if table.row_count:
        screen.print(table)
    about = (sys.modules[kind.__module__].__doc__ or "").split(OF_THE_CODE)[0].strip()
    screen.print(about, markup=False, soft_wrap=True)
    screen.print(f"\nAll options of its training: imagewright train {entry.name} --help.", markup=False)
