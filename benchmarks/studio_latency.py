"""How fast the studio is: a slider of the page Steer in Chromium, from the input event to the shown picture.

python benchmarks/studio_latency.py [--minutes 1] [--sizes 64 256] [--seconds 10]

Models of random weights: DCGANs of width 64. Each line has what is wanted. `--minutes 60` is the full test of memory.
Nothing else must run on the machine. Needs the extra `studio`, playwright, and Chromium at /usr/bin/chromium.
"""

from __future__ import annotations

import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from harness import make_parser

import imagewright as iw
from imagewright.latent import store
from imagewright.training.reporting import Silent
from imagewright.verbs.apply import decode_quickly, sample_latents

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
DIRECTION = "anything"

# Notes the time of the newest input event when a wish is sent, and how long ago that was when its picture is shown.
MEASURE = """
(() => {
  let newest = 0;
  const sent = [];
  window.latencies = [];
  window.decodings = [];
  addEventListener("input", (event) => (newest = event.timeStamp), true);
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (text) {
    if (String(text).includes('"steer/look"')) sent.push(newest);
    send.call(this, text);
  };
  new MutationObserver((changes) => {
    for (const { target } of changes) {
      if (target.localName === "picture-view") {
        window.latencies.push(performance.now() - sent.shift());
        window.decodings.push(target.picture.about.decoding);
      }
      else if (target.id === "main" && target.dataset.state === "open") window.opened ??= performance.now();
    }
  }).observe(document, { subtree: true, attributes: true, attributeFilter: ["data-shown", "data-state"] });
})();
"""


def make_run(folder: Path, size: int) -> None:
    """A DCGAN of hardly trained weights, and a direction for its slider."""
    pictures = np.random.default_rng(0).integers(0, 256, (8, 3, size, size), dtype=np.uint8)
    settings = {"size": size, "width": 64, "batch_size": 4, "images_seen": 4, "precision": "fp32"}
    run = iw.train("dcgan", pictures, folder / "runs" / f"dcgan-{size}", reporter=Silent(), **settings)
    model = iw.load(run)
    direction = sample_latents(model, 1, 5)[0]
    tensors = {"direction": direction / direction.norm(), "scale": torch.tensor(1.0)}
    store.save(run, model, DIRECTION, "direction", tensors, {"found": "at random"}, force=True)


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, int, float]]:
    """The address of a studio of a folder, its process, and when it was started."""
    begun = time.perf_counter()
    command = [sys.executable, "-u", "-m", "imagewright", "studio", str(folder), "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    address = next(found[0] for line in process.stdout if (found := re.search(r"http\S+", line)))
    try:
        yield address, process.pid, begun
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(10)


def processor_seconds(process: int) -> float:
    """Of a running process, with its threads."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(process: int) -> float:
    """Memory of a running process."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def say(what: str, value: float, unit: str, wanted: str, *, good: bool) -> None:
    """A line of the result."""
    print(f"{what:<52}{value:>9.1f} {unit:<12}wanted {wanted:<16}{'' if good else 'MISSED'}", flush=True)


def open_run(page: Any, name: str) -> Any:
    """Open the page Steer of a run; returns its slider."""
    page.goto(f"{page.url.split('#', maxsplit=1)[0]}#/steer")
    page.wait_for_selector("main[data-page=steer][data-state=open]")
    page.get_by_label("Model").select_option(label=f"runs/{name} (dcgan)")
    page.wait_for_selector(f".status:has-text('{name.rsplit('-', maxsplit=1)[1]}')")
    return page.get_by_role("slider", name=DIRECTION, exact=True)


def hold(page: Any, slider: Any, seconds: float) -> tuple[list[float], list[float]]:
    """Slide to and fro with the mouse button held; returns the latencies, and the decoding in each, in milliseconds."""
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    middle, reach = box["x"] + box["width"] / 2, box["width"] / 2 - 12
    page.evaluate("window.latencies.length = window.decodings.length = 0")
    page.mouse.move(middle, box["y"] + box["height"] / 2)
    page.mouse.down()
    begun, steps = time.perf_counter(), 0
    while (now := time.perf_counter() - begun) < seconds:
        steps += 1
        page.mouse.move(middle + reach * np.sin(2 * now), box["y"] + box["height"] / 2)
        time.sleep(max(0, begun + steps / 60 - time.perf_counter()))  # as often as a screen is drawn
    page.mouse.up()
    page.wait_for_timeout(500)
    return page.evaluate("window.latencies.splice(0)"), page.evaluate("window.decodings.splice(0)")


def decode_milliseconds(folder: Path, name: str) -> float:
    """The median time to decode one picture, alone."""
    model = iw.load(folder / "runs" / name)
    latents, times = sample_latents(model, 1), []
    for _ in range(15):
        begun = time.perf_counter()
        decode_quickly(model, latents)
        times.append(1000 * (time.perf_counter() - begun))
    return statistics.median(times)


def measure_sliding(page: Any, folder: Path, size: int, seconds: float) -> Any:
    """Print the latencies at one size; returns the slider."""
    before = decode_milliseconds(folder, f"dcgan-{size}")
    slider = open_run(page, f"dcgan-{size}")
    hold(page, slider, 2)  # warms up
    times, decodings = hold(page, slider, seconds)
    alone = statistics.mean([before, decode_milliseconds(folder, f"dcgan-{size}")])  # the machine may drift
    median, slow, rate = statistics.median(times), float(np.percentile(times, 95)), len(times) / seconds
    decoding = statistics.median(decodings)
    most = 40 if size <= 64 else decoding + 20
    print(
        f"{size} pixels: a picture is decoded in {alone:.1f} ms alone, in {decoding:.1f} ms while the browser draws "
        f"and the mouse is moved; {len(times)} pictures were shown"
    )
    say(f"  input to picture at {size} px, median", median, "ms", f"<= {most:.1f}", good=median <= most)
    if size <= 64:
        say(f"  input to picture at {size} px, 95th percentile", slow, "ms", "<= 80", good=slow <= 80)
        say(f"  pictures while held at {size} px", rate, "a second", ">= 25", good=rate >= 25)
    else:
        say(f"  input to picture at {size} px, 95th percentile", slow, "ms", "-", good=True)
    return slider


def measure_memory(page: Any, slider: Any, process: int, minutes: float) -> None:
    """Print the memory of the studio while one slides, and how much it grows in the second half."""
    found = []
    for _ in range(10):
        hold(page, slider, 6 * minutes)
        heap = page.evaluate("performance.memory.usedJSHeapSize") / 2**20
        found.append(resident_mib(process))
        print(f"  studio {found[-1]:.0f} MiB, page {heap:.0f} MiB", flush=True)
    growth = found[-1] - found[4]
    say(f"memory, last half of {minutes:g} minutes", growth, "MiB more", "<= 8", good=growth <= 8)


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="of sliding, for memory; 0 leaves it out")
    parser.add_argument("--seconds", type=float, default=10.0, help="that a slider is held")
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 256])
    chosen = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as place, sync_playwright() as play:
        folder = Path(place)
        for size in chosen.sizes:
            make_run(folder, size)
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        with served(folder):  # so that the next start is a warm one
            pass
        with served(folder) as (address, process, begun):
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.add_init_script(MEASURE)
            page.goto(address)
            page.wait_for_selector("main[data-state=open]")
            first = time.perf_counter() - begun
            say("command to first page, warm", first, "s", "< 2", good=first < 2)
            loads = []
            for _ in range(5):
                page.reload()
                page.wait_for_selector("main[data-state=open]")
                loads.append(float(page.evaluate("window.opened")))
            load = statistics.median(loads)
            say("load of the page", load, "ms", "< 300", good=load < 300)
            for size in sorted(chosen.sizes, reverse=True):
                slider = measure_sliding(page, folder, size, chosen.seconds)
            before = processor_seconds(process)
            page.wait_for_timeout(20_000)
            idle = (processor_seconds(process) - before) / 20 * 100
            say("idle, of one core", idle, "%", "< 1", good=idle < 1)
            if chosen.minutes:
                measure_memory(page, slider, process, chosen.minutes)
        browser.close()


if __name__ == "__main__":
    main()
