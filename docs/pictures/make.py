"""The picture at the head of the README: what the models made of Fashion-MNIST, by the commands' own functions.

python docs/pictures/make.py SOURCE DCGAN_RUN VAE_RUN PCA_RUN
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

import imagewright as iw
from imagewright.output.grids import draw_grid
from imagewright.output.provenance import COMPOSITE, make_record
from imagewright.output.writing import write_image

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
    sheet = draw_grid(torch.cat(list(rows.values())), COLUMNS, row_labels=list(rows), scale=2)
    record = make_record("sample", model="pca, vae, dcgan", source_type=COMPOSITE)
    write_image(sheet, Path(__file__).parent / "what-it-does.png", record, force=True)


if __name__ == "__main__":
    main()
