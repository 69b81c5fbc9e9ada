"""Clusters of MNIST's 60,000 training digits: purity and NMI against the labels, by space and by method.

python benchmarks/clusters.py [--source mnist] [--clusters 20] [--seeds 0 1 2]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from imagewright.analysis.clusters.clusters import LOOKS, find_clusters
from imagewright.images import open_images

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", default="mnist", help="a folder of the shared data")
    parser.add_argument("--clusters", type=int, default=20)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--run", help="a run whose latents are clustered as well")
    arguments = parser.parse_args()
    images = open_images(DATA / arguments.source).prepare()
    print(f"{arguments.source}: {len(images):,} pictures, {arguments.clusters} clusters, {len(arguments.seeds)} seeds")
    wanted = [({"space": space}, space) for space in LOOKS]
    wanted += [({"run": arguments.run}, "run")] if arguments.run else []
    for options, name in wanted:
        for method in ("kmeans", "gmm"):
            started = time.perf_counter()
            found = [
                find_clusters(images, clusters=arguments.clusters, method=method, seed=seed, **options)
                for seed in arguments.seeds
            ]
            purity = [each.purity for each in found]
            information = np.mean([each.mutual_information for each in found])
            seconds = (time.perf_counter() - started) / len(found)
            judged = f"purity {np.mean(purity):.4f} (least {min(purity):.4f})  NMI {information:.4f}"
            print(f"  {name:<7} {method:<7} {judged}  {seconds:6.1f} s each", flush=True)


if __name__ == "__main__":
    main()
