"""What latent commands share: the options that choose and load a run's model, and the check of a sheet's path."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from imagewright.cli.commands.verbs import SAMPLE_FROM_HELP, At, Distribution, SampleFrom, Space, Truncation
from imagewright.cli.values import Words

if TYPE_CHECKING:
    from imagewright.model import Model


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """Options of `load`. An option added here reaches all commands that decode latents."""

    at: At = None
    space: Space = None
    truncation: Truncation = None
    sample_from: SampleFrom = None

    def load(self, run: Path) -> Model:
        """The model of a run at a checkpoint, in a latent space, truncated, sampling from the prior or as fitted."""
        import imagewright

        return imagewright.load(
            run,
            images_seen=self.at,
            space=self.space,
            truncation=self.truncation,
            sample_from=self.sample_from,
        )


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class EditModelOptions(ModelOptions):
    """Those of `edit`, whose `--from` is a strength."""

    sample_from: Annotated[Distribution, Parameter(name="--sample-from", help=SAMPLE_FROM_HELP)] = None


Layers = Annotated[
    Words,
    Parameter(help="only these layers, of a model whose layers take a style each: 4-7, or coarse, middle, fine"),
]

MODEL_DEFAULTS, EDIT_DEFAULTS = ModelOptions(), EditModelOptions()


def check_sheet(path: Path, *, force: bool) -> None:
    """Raise before long work if a sheet cannot be written: `UserError` for the suffix, `RunError` for a file there."""
    from imagewright.output.writing import PICTURES, check_suffix, refuse_existing

    check_suffix(path, list(PICTURES))
    refuse_existing([path], force=force)
