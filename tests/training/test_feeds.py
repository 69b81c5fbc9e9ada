"""Orders of feeds: repeats, rows of one class, balanced classes, held-out images, and batch sizes that change."""

from __future__ import annotations

from itertools import islice
from typing import ClassVar

import numpy as np
import pytest
from test_prefetch import FixedSchedule, Numbered

from imagewright.errors import ConfigError, DataError
from imagewright.model import Feed
from imagewright.training.data.class_order import BalancedOrder, SameClassOrder
from imagewright.training.data.feeds import FeedReader, build_feed_order, build_readers, check_feeds
from imagewright.training.data.prefetch import prefetch
from imagewright.training.data.sampling_order import ShuffledOrder

LABELS = np.array([0] * 30 + [1] * 6 + [3] * 3)  # class 2 has no image


class LabelledNumbers(Numbered):
    """Numbered images with labels."""

    source, cached = "numbers", True

    def __init__(self, labels: np.ndarray | None = None) -> None:
        super().__init__(39)
        self.labels = labels


class TwoFeeds:
    feeds: ClassVar[dict[str, Feed]] = {"content": Feed(), "styles": Feed(repeats=3, same_class=True)}


def test_all_classes_and_all_images_of_a_class_are_equally_frequent() -> None:
    order = BalancedOrder(LABELS, seed=4)
    images = order(np.arange(3 * 90))
    assert np.bincount(LABELS[images], minlength=4).tolist() == [90, 90, 0, 90]
    assert set(np.bincount(images, minlength=39)[30:36]) == {15}
    assert set(np.bincount(images, minlength=39)[36:]) == {30}


@pytest.mark.parametrize("repeats", [2, 3, 5])
def test_a_row_has_images_of_one_class_and_repeats_one_only_if_there_are_too_few(repeats: int) -> None:
    order = SameClassOrder(ShuffledOrder(len(LABELS), 1), LABELS, repeats, seed=1)
    rows = order(np.arange(repeats * 78)).reshape(-1, repeats)
    assert (LABELS[rows] == LABELS[rows[:, :1]]).all()
    for row in rows:
        members = int((LABELS[row[0]] == LABELS).sum())
        assert len(set(row.tolist())) == min(repeats, members)
    assert len({tuple(row) for row in rows}) > 60, "rows of the second round differ from those of the first"


@pytest.mark.parametrize(
    "feed",
    [
        Feed(repeats=2),
        Feed(balanced=True),
        Feed(repeats=3, same_class=True),
        Feed(repeats=3, same_class=True, balanced=True),
    ],
)
def test_an_order_is_a_function_of_position_without_held_out_images(feed: Feed) -> None:
    held_out = np.array([2, 31, 38])
    images = LabelledNumbers(LABELS)
    whole = build_feed_order(feed, images, 7, held_out)(np.arange(600))
    pieces = [build_feed_order(feed, images, 7, held_out)(part) for part in np.array_split(np.arange(600), 7)]
    assert np.array_equal(np.concatenate(pieces), whole)
    assert set(whole.tolist()) == set(range(39)) - set(held_out.tolist())


def test_feeds_of_one_source_have_different_orders() -> None:
    images = LabelledNumbers(LABELS)
    readers = build_readers(TwoFeeds(), {"images": images}, 3, np.empty(0, np.int64))
    content, styles = (readers[name].batch(np.arange(8)).images.flatten().tolist() for name in ("content", "styles"))
    assert content == ShuffledOrder(39, 3)(np.arange(8)).tolist(), "the first feed has the order of the run's seed"
    assert len(styles) == 24
    assert styles[::3] != content


def test_a_feed_by_class_needs_labels() -> None:
    with pytest.raises(DataError, match=r"styles .* numbers have no labels.*--labels"):
        check_feeds(TwoFeeds(), {"images": LabelledNumbers()})
    check_feeds(TwoFeeds(), {"images": LabelledNumbers(LABELS)})


def test_resampling_is_refused_if_the_first_feed_has_an_order_of_its_own() -> None:
    class ByClass:
        feeds: ClassVar[dict[str, Feed]] = {"content": Feed(balanced=True), "styles": Feed()}

    images = {"images": LabelledNumbers(LABELS)}
    check_feeds(ByClass(), images)
    check_feeds(TwoFeeds(), images, resampled=True)
    with pytest.raises(ConfigError, match=r"content .* by class.*--resample"):
        check_feeds(ByClass(), images, resampled=True)


class HalvingSchedule(FixedSchedule):
    """Batches of 8 rows up to image 32, then of 4."""

    def __init__(self) -> None:
        super().__init__(8, range(8))

    def batch_size(self, images_seen: int) -> int:
        return 8 if images_seen < 32 else 4

    def rows(self, images_seen: int) -> range:
        return range(self.batch_size(images_seen))


def test_batch_sizes_that_change_leave_no_gap_in_the_stream() -> None:
    readers = {"images": FeedReader(Numbered(9), ShuffledOrder(9, 0), 0)}
    stream = prefetch(readers, HalvingSchedule(), 0, pin=False)
    batches = [batch["images"].images.flatten().tolist() for batch in islice(stream, 8)]
    stream.close()
    assert [len(batch) for batch in batches] == [8, 8, 8, 8, 4, 4, 4, 4]
    assert [image for batch in batches for image in batch] == ShuffledOrder(9, 0)(np.arange(48)).tolist()
    later = prefetch(readers, HalvingSchedule(), 36, pin=False)
    assert next(later)["images"].images.flatten().tolist() == batches[5]
    later.close()
