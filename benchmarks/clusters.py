"""Clusters of MNIST's 60,000 training digits: purity and NMI against the labels, by space and by method.

python benchmarks/clusters.py [--source mnist] [--clusters 20] [--seeds 0 1 2]
"""

from __future__ import annotations

import time

import numpy as np
from harness import SHARED_DATA, add_seeds, make_parser

import imagewright as iw
from imagewright.analysis.clusters.clusters import SPACES
from imagewright.images import open_images


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--source", default="mnist", help="a folder of the shared data")
    parser.add_argument("--clusters", type=int, default=20)
    add_seeds(parser)
    parser.add_argument("--run", help="a run whose latents are clustered too")
    arguments = parser.parse_args()
    images = open_images(SHARED_DATA / arguments.source).prepare()
    print(f"{arguments.source}: {len(images):,} pictures, {arguments.clusters} clusters, {len(arguments.seeds)} seeds")
    wanted = [({"space": space}, space) for space in SPACES]
    wanted += [({"run": arguments.run}, "run")] if arguments.run else []
    for options, name in wanted:
        for method in ("kmeans", "gmm"):
            started = time.perf_counter()
            found = [
                iw.cluster(images, clusters=arguments.clusters, method=method, seed=seed, **options)
                for seed in arguments.seeds
            ]
            purity = [each.purity for each in found]
            information = np.mean([each.mutual_information for each in found])
            seconds = (time.perf_counter() - started) / len(found)
            scores = f"purity {np.mean(purity):.4f} (least {min(purity):.4f})  NMI {information:.4f}"
            print(f"  {name:<7} {method:<7} {scores}  {seconds:6.1f} s each", flush=True)


if __name__ == "__main__":
    main()
