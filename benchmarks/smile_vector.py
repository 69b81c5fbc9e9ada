"""Does the smile direction make neutral faces smile, and nothing else? Scored by a network that saw real faces only.

    python benchmarks/smile_vector.py --run runs/faces --seeds 0 1 2
    python benchmarks/smile_vector.py --images-seen 400000 --seeds 0 1 2      # trains a VAE of each seed first

CelebA, 64x64. Directions and the classifier are fitted on the training people; the neutral faces that are moved are of
others. The seeds are of the classifier, and of the training if no run is given. The aim: the classifier's mean
probability of a smile goes from under 0.3 to over 0.7, while that of being male changes by less than 0.15.
"""

from __future__ import annotations

import time
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
from classifiers import open_people
from harness import AS_RECORDED, add_seeds, make_parser, print_row

import imagewright as iw
from imagewright.latent.attributes.attribute_classifier import train_attribute_classifier
from imagewright.latent.attributes.effect import measure_effect
from imagewright.latent.attributes.effect_figure import write_effect

METHODS: dict[str, dict[str, Any]] = {
    "mean": {},
    "mean, orthogonal to Male": {"orthogonal_to": ["Male"]},
    "mean, balanced over Male and Young": {"balance": ["Male", "Young"]},
    "svm": {"method": "svm"},
    "svm, orthogonal to Male": {"method": "svm", "orthogonal_to": ["Male"]},
}
WATCHED = "Male"
RECIPE: dict[str, Any] = {"latent_dim": 128, "width": 24}


def options() -> Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--run", type=Path, help="a run trained on the training people of `classifiers.open_people`")
    parser.add_argument("--model", default="vae", help="the model to train if no run is given")
    parser.add_argument("--images-seen", type=int, default=400_000)
    add_seeds(parser)
    parser.add_argument("--attribute", default="Smiling")
    parser.add_argument("--faces", type=int, default=300, help="that lack the attribute, at most, to be moved")
    parser.add_argument("--out", type=Path, default=Path("runs/smile-vector"))
    return parser.parse_args()


def main() -> None:
    arguments = options()
    started = None if arguments.run is None else iw.load(arguments.run)
    size = 64 if started is None else started.config.size[0]
    training, held_out = open_people(size)
    lacking = np.flatnonzero(held_out.attributes[:, held_out.attribute_names.index(arguments.attribute)] == 0)
    neutral = held_out.subset(lacking[: arguments.faces])
    pictures = neutral.batch(np.arange(len(neutral))).images
    print(f"{len(training):,} pictures of the training people; {len(neutral)} faces of others are moved", flush=True)
    for seed in arguments.seeds:
        run: Any = arguments.run
        if started is None:
            recipe = AS_RECORDED | (RECIPE if arguments.model == "vae" else {})
            place = arguments.out / f"{arguments.model}-{seed}"
            clock = time.monotonic()
            run = iw.train(
                arguments.model, training, place, seed=seed, force=True, images_seen=arguments.images_seen, **recipe
            )
            print(f"trained in {(time.monotonic() - clock) / 60:.1f} minutes", flush=True)
        model = iw.load(run)
        latents = iw.encode(model, neutral)
        classifier = train_attribute_classifier(
            training,
            training.attribute_names,
            training.attributes > 0.5,
            (held_out, held_out.attributes > 0.5),
            seed=seed,
        )
        for method, chosen in METHODS.items():
            found = iw.attribute(model, training, arguments.attribute, held_out=held_out, **chosen)
            effect = measure_effect(model, classifier, arguments.attribute, latents, found.step, pictures=pictures)
            print_row({"seed": seed, "method": method, **row_of(effect, found)})
            if seed == arguments.seeds[0]:
                write(arguments.out, method, found, effect)


def row_of(effect: Any, found: Any) -> dict[str, Any]:
    """What is aimed at, and the classifier's accuracy, which says how much to trust it."""
    curve = effect.curve(effect.attribute)
    own = effect.names.index(effect.attribute)
    others = np.array(list(effect.leakage.values()))
    return {
        "classifier_right": round(effect.accuracy[effect.attribute], 3),
        "classifier_right_of_male": round(effect.accuracy[WATCHED], 3),
        "real": round(effect.real[own], 3),
        "rebuilt": round(curve[0], 3),
        "at_1": round(effect.curve(effect.attribute)[effect.strengths.index(1.0)], 3),
        "at_2": round(effect.curve(effect.attribute)[effect.strengths.index(2.0)], 3),
        "passes_0.7_at": effect.crossing and round(effect.crossing, 2),
        "male_changes": round(effect.leakage[WATCHED], 3),
        "others_change_rms": round(float(np.sqrt((others**2).mean())), 3),
        "auc": round(found.auc, 3),
        "reached": curve[0] < 0.3 and effect.crossing is not None and abs(effect.leakage[WATCHED]) < 0.15,
    }


def write(out: Path, method: str, found: Any, effect: Any) -> None:
    """The sheet, the curves and the table of one method, for people to look at."""
    stem = method.replace(", ", "-").replace(" ", "-")
    found.sheet().write(out / f"{stem}.png", force=True)
    write_effect(found, effect, out / f"{stem}-effect.png", force=True)


if __name__ == "__main__":
    main()
