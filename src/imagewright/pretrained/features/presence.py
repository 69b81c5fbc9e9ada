"""Which features can be computed on this machine as it is, without a download."""

from __future__ import annotations

from imagewright.errors import DataError
from imagewright.pretrained.features.contract import NETWORKS, WITH_WEIGHTS


def present_features() -> list[str]:
    """The names in `NETWORKS` that need no weights, or whose weights are here, in the order of the table.

    Files are looked for by name: what is in them is checked when they are opened.
    """
    return [name for name in NETWORKS if name not in WITH_WEIGHTS or _has_weights(name)]


def _has_weights(name: str) -> bool:
    from imagewright.pretrained import dinov2, efficientnet_lite, inception_weights
    from imagewright.pretrained.weights import find_weight_file

    if name == "inception":
        files = inception_weights.STATE_DICT, inception_weights.TORCHSCRIPT
        return any(find_weight_file(file, inception_weights.ALSO) is not None for file in files)
    if name == "dinov2":
        return find_weight_file(dinov2.FILE) is not None
    try:
        return efficientnet_lite.find_efficientnet_weights() is not None
    except DataError:  # a file of that name with other content
        return False
