"""The page of a run with very many reports: processor time and memory, against a plain list of the lines.

    python benchmarks/report_page.py [--reports 1000 10000 100000]

Each in a process of its own. The plain way parses every line of metrics.jsonl by `json.loads` into a list, and draws
nothing; the page also checks each line, keeps curves with their spikes, and draws them.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from harness import MIB, in_own_process, make_parser, measure, print_row

NETWORKS = {"generator": ("adversarial",), "discriminator": ("real", "fake"), "r1": ("penalty",)}


def write_run(place: Path, reports: int) -> None:
    """A run of `reports` reports such as a DCGAN's with the doctor's figures."""
    place.mkdir()
    (place / "run.json").write_text(json.dumps({"model": "dcgan", "config": {}, "source": {"source": "photos"}}))
    with (place / "metrics.jsonl").open("w") as file:
        for number in range(1, reports + 1):
            losses = {f"{network}/{term}": 1 + number % 7 for network, terms in NETWORKS.items() for term in terms}
            line = {
                "images_seen": 16 * number,
                "seconds": number / 3,
                "images_per_second": 50.0 + number % 3,
                "losses": losses,
                "learning_rates": {"generator": 2e-4, "discriminator": 2e-4},
                "memory_bytes": 500 * MIB,
                "health": {f"figure/{place}": 0.5 for place in range(20)},
                "findings": [],
            }
            file.write(json.dumps(line) + "\n")


def write_page(place: str) -> list[float]:
    """Processor seconds, and MiB above the imports."""
    from imagewright.runs.report.page import write_report

    measured = measure(lambda: write_report(place))
    return [measured.processor_seconds, measured.added_bytes / MIB]


def read_plainly(place: str) -> list[float]:
    lines = Path(place, "metrics.jsonl")
    measured = measure(lambda: [json.loads(line) for line in lines.open()])
    return [measured.processor_seconds, measured.added_bytes / MIB]


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--reports", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    for reports in parser.parse_args().reports:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "run"
            write_run(place, reports)
            (seconds, memory), (plain, listed) = (in_own_process(work, place) for work in (write_page, read_plainly))
            row = {"reports": reports, "page, s": round(seconds, 2), "list of lines, s": round(plain, 2)}
            print_row(row | {"page, MiB": round(memory), "list of lines, MiB": round(listed)})


if __name__ == "__main__":
    main()
