"""Two people swapped both ways in their clips, measured against the footage.

    python benchmarks/swap_quality.py --minutes 45 --set preset=small

Faces are extracted from both clips of `face_video`, a swap is trained on them, both clips are converted, and each
result is measured by `check_swap`. As is usual for swaps, the footage that is converted was trained on, too. Printed
for each direction: the measures with a wanted value, whether sound packets are equal bit for bit, and the frames a
second of the conversion by processor time. `OUT/*.mp4` are the results and `OUT/*.png` the figures: look at them.
"""

from __future__ import annotations

import time
from argparse import Namespace
from pathlib import Path
from typing import Any

import torch
from harness import SHARED_DATA, make_parser, parse_settings, print_row

import imagewright as iw

CLIPS = {"a": "person_a_obama_address.mp4", "b": "person_b_trump_oval_office.mp4"}
CONSENT = ["person a; a televised public address; 2026-11-28", "person b; a televised public address; 2026-11-28"]
WANTED = {
    "identity/nearer_source": ">= 0.8",
    "pose/error": "<= 5",
    "mouth/correlation": ">= 0.8",
    "jitter/ratio": "<= 1.3",
    "flicker/ratio": "<= 1.3",
    "seam/colour_step": "<= 2",
    "outside/change": "0 before encoding",
}


def options() -> Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--minutes", type=float, default=45)
    parser.add_argument("--threads", type=int, default=2, help="of the training")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="options of the training")
    parser.add_argument("--convert", nargs="*", default=[], metavar="NAME=VALUE", help="options of the conversion")
    parser.add_argument("--run", type=Path, help="a trained run, instead of a new training")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/swap-quality"))
    return parser.parse_args()


def face_set(name: str, arguments: Namespace) -> Path:
    """The faces of a clip, extracted unless they are there."""
    folder: Path = arguments.out / f"faces-{name}"
    if not (folder / "faces.jsonl").exists():
        iw.extract_faces(SHARED_DATA / "face_video" / CLIPS[name], folder, force=True)
    return folder


def sound_packets(path: Path) -> list[bytes]:
    """The packets of the first sound track; none without sound."""
    import av

    with av.open(str(path)) as container:
        tracks = container.streams.audio[:1]
        return [bytes(packet) for packet in container.demux(tracks) if packet.size] if tracks else []


def convert_and_check(run: Any, name: str, other: str, arguments: Namespace) -> dict[str, Any]:
    """The clip of `name` with the face of `other`, and its figures."""
    clip, out = SHARED_DATA / "face_video" / CLIPS[name], arguments.out / f"{name}-as-{other}.mp4"
    to = "source" if other == "a" else "target"
    started = time.process_time()
    iw.swap_faces(run, clip, out, to=to, force=True, **parse_settings(arguments.convert))
    seconds = time.process_time() - started
    found = iw.check_swap(out, clip, source=face_set(other, arguments), target=face_set(name, arguments))
    found.write(out.with_suffix(".png"), force=True)
    found.write(out.with_suffix(".json"), force=True)
    row: dict[str, Any] = {key: round(float(found[key]), 3) for key in WANTED}
    packets = sound_packets(clip)
    row["sound"] = f"{len(packets)} packets, {'equal' if sound_packets(out) == packets else 'NOT equal'}"
    row["frames a second"] = round(found.series.pairs / seconds, 1)
    return row


def main() -> None:
    arguments = options()
    if not (SHARED_DATA / "face_video").is_dir():
        print_row({"skipped": "face_video is not beside the repository"})
        return
    torch.set_num_threads(arguments.threads)
    sets = {name: face_set(name, arguments) for name in CLIPS}
    run = arguments.run or iw.train(
        "swap", sets, arguments.out / "run", force=True, seed=arguments.seed, minutes=arguments.minutes,
        consent=CONSENT, **parse_settings(arguments.set),
    )  # fmt: skip
    torch.set_num_threads(1)
    print_row({"wanted": WANTED})
    for name, other in (("b", "a"), ("a", "b")):
        print_row({"footage": name, "face": other} | convert_and_check(run, name, other, arguments))


if __name__ == "__main__":
    main()
