"""Small models of the systems to come, one for each demand on the training contracts. They are the contract's examples.

Each is the skeleton of a published system: its feeds, phases, schedule and verbs, with networks of a few layers. A real
system replaces its skeleton once it is built.
"""

from __future__ import annotations

from imagewright.catalogue import Entry

PAPERS = {
    "progan": ("skeletons.progan:ProGAN", "Karras et al. 2018, arXiv:1710.10196", ("sample", "decode")),
    "face_swap": ("skeletons.face_swap:FaceSwap", "deepfakes, 2017", ("translate",)),
}
SKELETONS = {
    name: Entry(name, target, "skeletons", f"the skeleton of {name}", paper, verbs)
    for name, (target, paper, verbs) in PAPERS.items()
}
