"""`imagewright models`."""

from __future__ import annotations


def models() -> None:
    """List every model: what it is, its verbs, the paper."""
    from rich import box
    from rich.table import Table

    from imagewright import catalogue
    from imagewright.cli.show import console

    table = Table(box=box.SIMPLE, pad_edge=False)
    for heading in ("model", "what it is", "verbs", "paper"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "model")
    for entry in catalogue.entries().values():
        table.add_row(f"[bold]{entry.name}[/bold]", entry.summary, ", ".join(entry.verbs), entry.paper)
    screen = console()
    screen.print(table)
    screen.print("Train one: imagewright train MODEL SOURCE. Its options: imagewright train MODEL --help.")
