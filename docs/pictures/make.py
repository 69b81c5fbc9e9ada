"""Make the picture at the head of the README: reconstructions and new pictures by three models of Fashion-MNIST.

python docs/pictures/make.py SOURCE DCGAN_RUN VAE_RUN PCA_RUN
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

import imagewright as iw
from imagewright.output.provenance import COMPOSITE, make_record

COLUMNS = 12


def main() -> None:
    source, dcgan, vae, pca = sys.argv[1:]
    images = iw.open_images(source, size=32)
    chosen = images.batch(np.linspace(100, len(images) - 1, COLUMNS).astype(np.int64)).images
    rows = {
        "pictures": chosen,
        "rebuilt by PCA": iw.reconstruct(pca, chosen),
        "rebuilt by a VAE": iw.reconstruct(vae, chosen),
        "new, by a VAE": iw.sample(vae, COLUMNS, seed=4),
        "new, by a DCGAN": iw.sample(dcgan, COLUMNS, seed=1),
        "a walk (DCGAN)": iw.interpolate(dcgan, COLUMNS, ends=(2, 5)),
    }
    record = make_record("sample", model="pca, vae, dcgan", source_type=COMPOSITE)
    sheet = iw.Sheet(torch.cat(list(rows.values())), columns=COLUMNS, row_labels=list(rows), scale=2, record=record)
    sheet.write(Path(__file__).parent / "what-it-does.png", force=True)


if __name__ == "__main__":
    main()
