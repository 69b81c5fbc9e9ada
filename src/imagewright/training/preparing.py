"""Decoding the images of a training into the cache before it starts, and reporting those that could not be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from imagewright import distributed
from imagewright.images import Images
from imagewright.images.few import FEW_PICTURES, few_pictures_note
from imagewright.images.notices import RowsNote, tell_skipped
from imagewright.recipe import Recipe
from imagewright.training.reporting import Reporter


def apply_flip(sources: Mapping[str, Images], recipe: Recipe, say: Callable[[str], None]) -> dict[str, Images]:
    """The sources with random mirroring if the recipe recommends it, except those for which the user chose.

    sources: images by the name of the source.
    recipe: of the model.
    say: called with a note if a source is mirrored.
    """
    if not recipe.flip or all(images.flip_given for images in sources.values()):
        return dict(sources)
    say("pictures are mirrored at random, as the model recommends (turn it off with --no-flip)")
    return {name: images if images.flip_given else images.with_flip(True) for name, images in sources.items()}


def prepare_sources(sources: Iterable[Images], reporter: Reporter, *, resume: bool = False) -> None:
    """Decode each source into the cache on the main rank, then open the cache on all ranks.

    resume: leave out what a new training has told of tables.
    """
    for images in sources:
        distributed.first_on_main(lambda images=images: _prepare(images, reporter, resume=resume))  # type: ignore[misc]
        images.prepare()


def _prepare(images: Images, reporter: Reporter, *, resume: bool) -> None:
    images.prepare(reporter.preparing)
    for note in images.notes:
        if not (resume and isinstance(note, RowsNote)):
            reporter.message(note)


def warn_if_few(images: Images, reporter: Reporter) -> None:
    """Tell what a model that is trained by steps learns of a few pictures."""
    if len(images) < FEW_PICTURES:
        reporter.message(few_pictures_note(len(images), images.source))


def report_skipped(images: Images, consequence: str, reporter: Reporter) -> None:
    """Report the pictures that could not be read, if there are any: their count and the first names.

    images: with the list of skipped pictures.
    consequence: what was done with them, such as "left out".
    reporter: receives one message.
    """
    if images.skipped:
        reporter.message(tell_skipped(images.skipped, consequence, images.source))
