"""Which shards each rank of a training reads, checked before the first step: a machine needs those of its ranks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from imagewright import agreement, distributed
from imagewright.errors import DataError, count_text
from imagewright.images import Images
from imagewright.images.shard_places import index_of, missing_among, shard_count
from imagewright.images.sources.indexed_shards import missing_shards
from imagewright.model import Model
from imagewright.training.data.feeds import FeedReader, build_readers
from imagewright.training.data.shard_lanes import LaneOrder
from imagewright.training.plan import Plan, Schedule
from imagewright.training.reporting import Say


def settle_shards(
    model: Model,
    sources: Mapping[str, Images],
    plan: Plan,
    held_out: np.ndarray,
    say: Say,
    *,
    resampled: bool,
) -> None:
    """Check that this machine has the shards that its rank reads, and say how they are shared. Called on every rank.

    model, sources, held_out: as for `build_readers`.
    plan: of the training.
    say: called with sentences on what each rank reads, and on pictures that come more often than others.
    resampled: whether the first feed shows rare images more often, which are chosen from all shards.

    Raises `DataError` on every rank if one lacks shards; on that rank it names them.
    """
    if not any(shard_count(images) and not images.cached for images in sources.values()):
        return
    readers = build_readers(model, sources, plan.seed, held_out, batch_sizes=Schedule(model, plan).batch_sizes())
    told: list[str] = []
    for place, (name, reader) in enumerate(readers.items()):
        if not shard_count(reader.images) or reader.images.cached:
            continue
        is_chosen = model.feeds[name].needs_labels or (resampled and place == 0)
        shared, why = _is_shared(reader, chosen=is_chosen)
        agreement.together(lambda reader=reader, shared=shared, why=why: _check(reader, why, shared=shared))  # type: ignore[misc]
        told += [_sentence(reader, why, shared=shared)] if distributed.world_size() > 1 else []
        order = reader.order
        if isinstance(order, LaneOrder) and not is_chosen and order.repeated:
            total = sum(map(len, order.members))
            told.append(
                f"the {len(order.members)} parts in which {reader.images.source} is read differ in length: while the "
                f"longest is read once, {order.repeated:,} of {total:,} pictures come a second time"
            )
    for sentence in dict.fromkeys(told):
        say(sentence)


def _is_shared(reader: FeedReader, *, chosen: bool) -> tuple[bool, str]:
    """Whether each rank reads shards of its own, and else why not."""
    shards, world = shard_count(reader.images), distributed.world_size()
    if chosen:
        return False, "since pictures are chosen by class or rarity"
    if shards % world:
        return False, f"since {shards:,} shards cannot be divided evenly among {world} ranks"
    if reader.lanes == 1:
        return world == 1, "since too few pictures are in each shard" if shards > 1 else "since there is one alone"
    return True, ""


def _own(reader: FeedReader, *, shared: bool) -> range:
    """The shards that this rank reads."""
    shards, rank, world = shard_count(reader.images), distributed.rank(), distributed.world_size()
    return range(rank * shards // world, (rank + 1) * shards // world) if shared else range(shards)


def _check(reader: FeedReader, why: str, *, shared: bool) -> None:
    own, total = _own(reader, shared=shared), shard_count(reader.images)
    missing, index = missing_among(reader.images, own), index_of(reader.images)
    if not missing or index is None:
        return
    rank, world = distributed.rank(), distributed.world_size()
    who = f"Rank {rank} of {world}" if world > 1 else "This training"
    what = f"{len(own):,} of {total:,} shards" if len(own) < total else f"all {total:,} shards{why and f', {why}'}"
    raise DataError(f"{who} reads {what}: {missing_shards(index, missing)} Copy them there.")


def _sentence(reader: FeedReader, why: str, *, shared: bool) -> str:
    count = count_text(len(_own(reader, shared=shared)), "shard")
    if shared:
        return f"each rank reads {count} of {shard_count(reader.images):,} of {reader.images.source}"
    return f"each rank reads all {count} of {reader.images.source}, {why}"
