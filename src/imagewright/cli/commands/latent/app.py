"""`imagewright latent ...`: explore a run's latent space. Commands are named by import path and imported when used."""

from __future__ import annotations

from cyclopts import App

from imagewright.cli.examples import example_of

COMMANDS = {
    "list": ("listing:list_latents", "List the directions and latents saved in a run."),
    "grid": ("views:grid", "Decode a plane of the latent space; beside it, where pictures lie, by class."),
    "traverse": ("views:traverse", "Vary one latent, or one code, at a time: a sheet."),
    "attribute": (
        "attributes:attribute",
        "Find the direction in which an attribute grows: from labels, marked pictures or classified samples.",
    ),
    "factors": (
        "factors:factors",
        "Which latent holds which known factor: mutual information gap, DCI, and heat maps.",
    ),
    "arithmetic": ("arithmetic:arithmetic", 'Add and subtract pictures: "man with glasses - man + woman".'),
    "project": ("project:project", "Find the latents of pictures, without an encoder."),
    "drag": ("drag:drag", "Drag points of a picture to other places: the latent follows."),
    "directions": ("directions:directions", "Find what varies most, without labels: a strip for each direction."),
    "mix": ("styles:mix", "Mix styles: coarse layers of the pictures of rows, fine ones of those of columns."),
    "noise": ("styles:noise", "Show what noise changes: mean and deviation of the same latents with other noise."),
    "truncation": ("styles:truncation", "Show truncation: pictures at several psi, down to the average one."),
    "video": ("video:video", "Write a video of a walk through the latent space, at a fixed frame rate."),
    "neighbours": (
        "neighbours:neighbours",
        "Has the model memorised? Samples beside the nearest training pictures.",
    ),
}

app = App(
    name="latent",
    help="Explore a run's latent space, and steer it: sheets, attributes, directions, projections.",
    help_format="plaintext",
)
for name, (place, text) in COMMANDS.items():
    app.command(
        f"imagewright.cli.commands.latent.{place}", name=name, help=text, help_epilogue=example_of(f"latent {name}")
    )
