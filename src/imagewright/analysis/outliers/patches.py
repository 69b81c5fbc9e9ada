"""Outliers by their patches: each patch of a picture is compared with a memory of patches of other pictures.

PatchCore (Roth et al. 2022, "Towards total recall in industrial anomaly detection", arXiv:2106.08265): features of
patches (`pretrained/patch_maps.py`), a coreset of them as memory (greedy k-centre, in a random projection), the
distance to the nearest, and its weight by the surroundings of that nearest patch (equations 5 to 7). A scratch that
covers a hundredth of a picture is found, since nothing is averaged over the picture.
Departures: features are whitened, so that what varies much in ordinary texture weighs less (as in PaDiM, Defard et al.
2021, arXiv:2011.08785); distances are in units of the usual one at their place in the picture, since patches at the
borders see padding; a picture's score is the mean of its largest `SHARE` of distances instead of the largest one. All
three help on textures (docs/measurements.md). Without clean pictures there is one memory of all pictures, in which each
picture's own patches, and those of its copies, are passed over.
Shape letters: N pictures, P patches of a picture, D features, K patches in the memory.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from imagewright.analysis.feature_tables import FeatureTable
from imagewright.analysis.outliers.folds import sample_indices
from imagewright.analysis.outliers.scores import MethodScores
from imagewright.images import Images
from imagewright.pretrained.patch_maps import STRIDE, PatchMaps
from imagewright.progress import Progress, ProgressCounter
from imagewright.seeds import derive_seed
from imagewright.shared_work import shared_map

SIDE, LEAST_SIDE = 224, 64  # pixels of the longer side of what the network sees: twice the picture's own in between
CANDIDATES = 30_000  # patches that the coreset is chosen from, spread evenly over the pictures
MEMORY = 2_000  # patches in the memory
SKETCH = 32  # dimensions of the random projection in which the coreset is chosen
SHRINKAGE = 0.01  # of the mean variance, added to each in whitening
SHARE = 0.05  # of a picture's patches, the strangest, whose mean distance is its score
NEIGHBOURS = 9  # in the memory, of equation 7
COMPARED_AT_ONCE = 4  # blocks of pictures
CALIBRATED = 200  # clean pictures whose scores say what ordinary scores are
FAINT = 0.01  # of the usual distance, below which differences mean nothing
MOST_DEFAULT = 2_000
"""Pictures, scored and learned from, up to which patches are in the default ensemble: about a minute."""
LEAST_DEFAULT = 32  # pixels of the longer side from which they are: smaller pictures are hardly more than a patch


class PatchFeatures:
    """The patches of a picture as one row of features, (N, P * D).

    size: (height, width) of the pictures as they were given. They are decoded anew, since what other methods compare is
        too small for small defects.
    """

    name, resolution, block = "patches", 1e-6, 16

    def __init__(self, maps: PatchMaps, size: tuple[int, int]) -> None:
        self.maps, self.size = maps, patch_size(size)

    def resize(self, images: Images) -> Images:
        return images.with_size(self.size)

    def features(self, images: Tensor) -> Tensor:
        return self.maps(images).flatten(1)


def patch_size(size: tuple[int, int]) -> tuple[int, int]:
    """The (height, width) at which the network sees pictures of a size, with the same aspect."""
    longest = max(size)
    scale = min(SIDE, max(LEAST_SIDE, 2 * longest)) / longest
    height, width = (max(2 * STRIDE, round(side * scale)) for side in size)
    return height, width


@dataclass(frozen=True)
class PatchMemory:
    """What was learned: patches of ordinary pictures, whitened."""

    mean: Tensor  # (D,)
    whitening: Tensor  # (D, D)
    entries: Tensor  # (K, D)
    groups: Tensor  # int64 (K,), the group of copies of the picture of each
    grid: tuple[int, int]  # patches down and across a picture
    surroundings: Tensor  # int64 (K, NEIGHBOURS), the nearest entries of each, itself first
    features: PatchFeatures
    usual: Tensor  # (H', W'), the median distance of ordinary pictures at each place: borders lie farther than the rest
    learned_from: np.ndarray | None  # int64 (N,), the group of each ranked picture if these were learned from

    def groups_of(self, indices: np.ndarray) -> np.ndarray | None:
        """The groups of some ranked pictures, whose entries are passed over; None if they were not learned from."""
        return None if self.learned_from is None else self.learned_from[indices]

    def score(self, distances: Tensor, weights: Tensor) -> np.ndarray:
        """The scores of N pictures, float64 (N,), from the distances of their patches (N, H', W') and their weights."""
        relative = (distances / self.usual).flatten(1)
        strangest = relative.topk(max(1, round(SHARE * relative.shape[1])), dim=1).values
        return (weights * strangest.mean(1)).double().numpy()

    def distances(self, rows: Tensor, groups: np.ndarray | None = None) -> tuple[Tensor, Tensor]:
        """How far each patch of N pictures is from the memory, (N, H', W'), and the weights of equation 7, (N,).

        rows: (N, P * D), from `features`.
        groups: int64 (N,): entries of a picture's own group are passed over.
        """
        size = len(self.mean)
        found, weights = [], []
        for place, row in enumerate(rows):
            squares = _squared_distances((row.view(-1, size) - self.mean) @ self.whitening, self.entries)
            if groups is not None:
                squares[:, self.groups == int(groups[place])] = torch.inf
            least, nearest = squares.min(1)
            distances = least.sqrt()
            farthest = int(distances.argmax())
            around = squares[farthest, self.surroundings[nearest[farthest]]].sqrt()
            weight = 1 - torch.exp(distances[farthest] - torch.logsumexp(around[around.isfinite()], 0))
            found.append(distances.view(self.grid))
            weights.append(weight.clamp(min=1 / NEIGHBOURS))
        return torch.stack(found), torch.stack(weights)


def learn_patches(
    table: FeatureTable, features: PatchFeatures, groups: np.ndarray, seed: int, *, ranked: bool
) -> PatchMemory:
    """The memory of the patches of a table's pictures.

    groups: int64 (M,), of the table's pictures.
    ranked: whether these are the pictures that are ranked.
    """
    height, width = table.size
    grid = -(-height // STRIDE), -(-width // STRIDE)
    patches = grid[0] * grid[1]
    generator = torch.Generator().manual_seed(derive_seed(seed, "patches") % 2**63)
    some = sample_indices(len(table), CANDIDATES, "patches", seed)
    each = min(patches, -(-CANDIDATES // (len(table) if some is None else len(some))))
    rows = [
        row[torch.randperm(patches, generator=generator)[:each]]
        for block in table.stream(some).batches(features.block)
        for row in block.view(len(block), patches, -1)
    ]
    owners = torch.from_numpy(groups if some is None else groups[some]).repeat_interleave(each)
    candidates = torch.cat(rows)
    mean, whitening = _whitening(candidates)
    candidates = (candidates - mean) @ whitening
    chosen = choose_coreset(candidates, min(MEMORY, len(candidates)), generator)
    entries = candidates[chosen]
    nearest = [
        _squared_distances(part, entries).topk(min(NEIGHBOURS, len(entries)), largest=False).indices
        for part in entries.split(256)
    ]
    learned_from, usual = groups if ranked else None, torch.ones(grid)
    return PatchMemory(
        mean, whitening, entries, owners[chosen], grid, torch.cat(nearest), features, usual, learned_from
    )


def choose_coreset(rows: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Indices int64 (count,) of rows such that every row is near a chosen one (greedy k-centre, Gonzalez 1985).

    Distances are measured in a random projection (Johnson-Lindenstrauss), as in the paper.
    """
    width = min(SKETCH, rows.shape[1])
    sketch = rows @ torch.randn(rows.shape[1], width, generator=generator) / math.sqrt(width)
    lengths = sketch.square().sum(1)
    nearest = torch.full((len(rows),), torch.inf)
    chosen = [int(torch.randint(len(rows), (1,), generator=generator))]
    while len(chosen) < count:
        last = chosen[-1]
        torch.minimum(nearest, torch.addmv(lengths, sketch, sketch[last], alpha=-2).add_(lengths[last]), out=nearest)
        nearest[last] = -torch.inf
        chosen.append(int(nearest.argmax()))
    return torch.tensor(chosen)


def score_patches(
    images: Images,
    clean: Images | None,
    maps: PatchMaps,
    size: tuple[int, int],
    groups: np.ndarray,
    seed: int,
    progress: Progress | None = None,
) -> tuple[MethodScores, PatchMemory]:
    """The scores of N pictures by their patches, and the memory that they were compared with.

    images: N pictures.
    clean: ordinary pictures to learn from; None learns from `images`.
    maps: the network.
    size: (height, width) of the pictures as they were given.
    groups: of copies among the pictures to learn from, int64.
    seed: of the choice of patches.
    progress: called with (done, total).
    """
    features = PatchFeatures(maps, size)
    counter = ProgressCounter(len(images) + (0 if clean is None else len(clean)), progress)
    scored = FeatureTable(images, features, counter)
    learned = scored if clean is None else FeatureTable(clean, features, counter)
    memory = learn_patches(learned, features, groups, seed, ranked=clean is None)
    some = None if clean is None else sample_indices(len(clean), CALIBRATED, "calibration", seed)
    ordinary, ordinary_weights = _all_distances(memory, learned, some, groups if some is None else groups[some])
    usual = ordinary.median(0).values
    memory = replace(memory, usual=usual.clamp(min=1e-2 * math.sqrt(len(memory.mean))))
    ordinary_scores = scores = memory.score(ordinary, ordinary_weights)
    if clean is not None:
        scores = memory.score(*_all_distances(memory, scored, None, None))
    return MethodScores(scores, np.log(scores + FAINT), np.log(ordinary_scores + FAINT)), memory


def _all_distances(
    memory: PatchMemory, table: FeatureTable, some: np.ndarray | None, groups: np.ndarray | None
) -> tuple[Tensor, Tensor]:
    """`PatchMemory.distances` of some pictures of a table, or of all."""
    chosen = np.arange(len(table)) if some is None else some
    size = COMPARED_AT_ONCE * memory.features.block

    def compare(start: int) -> tuple[Tensor, Tensor]:
        stream = table.stream(chosen[start : start + size], counted=True)
        rows = torch.cat(list(stream.batches(memory.features.block)))
        return memory.distances(rows, None if groups is None else groups[start : start + size])

    found, weights = zip(*shared_map(compare, range(0, len(chosen), size)), strict=True)
    return torch.cat(found), torch.cat(weights)


def _whitening(rows: Tensor) -> tuple[Tensor, Tensor]:
    """The mean (D,) and the matrix (D, D) that gives features variances near 1 and no correlations."""
    mean = rows.mean(0)
    centred = rows - mean
    variances, vectors = torch.linalg.eigh((centred.T @ centred / len(rows)).double())
    floor = SHRINKAGE * float(variances.mean()) + 1e-9
    return mean, (vectors / (variances.clamp(min=0) + floor).sqrt()).float()


def _squared_distances(first: Tensor, second: Tensor) -> Tensor:
    squares = torch.addmm(second.square().sum(1), first, second.T, alpha=-2)
    return squares.add_(first.square().sum(1, keepdim=True)).clamp_(min=0)
