"""Decoding the images of a training into the cache before it starts, and reporting those that could not be read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from imagewright import agreement, common_disk, distributed
from imagewright.images import Images
from imagewright.images.descriptions import cache_folder_of
from imagewright.images.equal_pictures import check_pairs_differ, check_sets_differ
from imagewright.images.few import FEW_PICTURES, few_pictures_note
from imagewright.images.notices import RowsNote, tell_skipped
from imagewright.pixels import size_text
from imagewright.recipe import Recipe
from imagewright.training.reporting import Reporter


def apply_augmentation(sources: Mapping[str, Images], recipe: Recipe, say: Callable[[str], None]) -> dict[str, Images]:
    """The sources with the random crops and mirroring that the recipe recommends, if the user chose nothing else.

    sources: images by the name of the source.
    recipe: of the model.
    say: called with a note if pictures are cropped or mirrored.
    """
    return _apply_flip(_apply_load_size(sources, recipe, say), recipe, say)


def _apply_load_size(sources: Mapping[str, Images], recipe: Recipe, say: Callable[[str], None]) -> dict[str, Images]:
    found: dict[str, Images] = {}
    for name, images in sources.items():
        height, width = (math.floor(side * recipe.load_ratio + 0.5) for side in images.size)
        keeps = images.load_size_given or (height, width) == images.size
        found[name] = images if keeps else images.with_load_size((height, width))
    changed = [images for name, images in found.items() if images is not sources[name]]
    if changed:
        size = size_text(changed[0].size)
        say(
            f"pictures are resized to {size_text(changed[0].load_size)} and cropped to {size} at random, as the model "
            f"recommends (turn it off with --load-size {size})"
        )
    return found


def _apply_flip(sources: Mapping[str, Images], recipe: Recipe, say: Callable[[str], None]) -> dict[str, Images]:
    if not recipe.flip or all(images.flip_given for images in sources.values()):
        return dict(sources)
    say("pictures are mirrored at random, as the model recommends (turn it off with --no-flip)")
    return {name: images if images.flip_given else images.with_flip(True) for name, images in sources.items()}


def prepare_sources(sources: Iterable[Images], reporter: Reporter, *, resume: bool = False) -> None:
    """Decode each source into the cache on the main rank, then open the cache on all ranks.

    A host that does not see the main rank's cache decodes its own pictures into its own, at the same time.

    resume: leave out what a new training has told of tables.

    Raises `DataError` for a new training whose sources, or pairs, are copies of each other.
    """
    sources = list(sources)
    told: set[str] = set()  # the domains of one source have the same notes
    for images in sources:
        common_disk.once_on_each_disk(
            lambda images=images: _prepare(images, reporter, told, resume=resume),  # type: ignore[misc]
            cache_folder_of(images) if distributed.world_size() > 1 else None,
        )
        agreement.together(images.prepare)
    if not resume:
        agreement.together(lambda: _check_differ(sources))


def _check_differ(sources: Sequence[Images]) -> None:
    check_sets_differ(sources, "there is nothing to translate. Give two different sets.")
    for images in sources:
        check_pairs_differ(images, "there is nothing to translate. Give pairs of different pictures.")


def _prepare(images: Images, reporter: Reporter, told: set[str], *, resume: bool) -> None:
    images.prepare(reporter.preparing)
    for note in images.notes:
        if note not in told and not (resume and isinstance(note, RowsNote)):
            reporter.message(note)
        told.add(note)


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
