"""The classes of pictures where a model found the classes itself, as a conditional GAN does on clusters.

Labels that the pictures may have are of other classes. N pictures.
"""

from __future__ import annotations

import torch

from imagewright.images import Images
from imagewright.images.float_stream import FloatStream
from imagewright.model import Model
from imagewright.training_capabilities import finds_classes

AT_ONCE = 256  # pictures


def with_found_classes(model: Model, images: Images) -> Images:
    """The pictures with the classes that the model finds in them, in place of their labels.

    model: whose `finds_classes` is true.
    images: of the model's size; prepared. Of other channels than the model's, they are converted for it alone.
    """
    assert finds_classes(model)
    seen = images if images.channels == model.config.channels else images.with_size(None, model.config.channels)
    with torch.inference_mode():
        parts = [
            model.find_classes(batch.to(model.device)).cpu() for batch in FloatStream(seen.prepare()).batches(AT_ONCE)
        ]
    return images.with_labels(torch.cat(parts).numpy(), model.class_names)
