"""StyleGAN3's filtered leaky ReLU, forwards and backwards, against the plain formulation with the same torch.

    python benchmarks/stylegan3_nonlinearity.py [--batch 4] [--rounds 5] [--threads 1]

The plain one inserts zeros, convolves the map at the high rate by the filter along each axis, activates, convolves
again, and keeps every n-th number; PyTorch derives its backward pass. Layers are those of configuration T (and one of
R) at 256 pixels with 256 channels or more, and their maps have the published sizes. Results and gradients are compared
first: single numbers of gradients differ where a number at the high rate is 0 up to rounding. Times are of the
processor; memory is what a process takes above its weights and its input.
"""

from __future__ import annotations

import math
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass

import torch
from harness import MIB, in_own_process, make_parser, peak_bytes, print_processor_ratios, warm_up_arithmetic
from torch import Tensor
from torch.nn.functional import conv2d, leaky_relu, pad

from imagewright.layers.alias_free_synthesis import plan_layers
from imagewright.layers.filtered_nonlinearity import FilteredLeakyReLU

SIDE, LAYERS, WANTED = 256, 14, 2.5


@dataclass(frozen=True)
class Layer:
    """A layer of the published network of 256 pixels, by its place; `kernel` 3 in T, 1 in R."""

    place: int
    kernel: int = 3

    @property
    def title(self) -> str:
        plans = plan_layers((SIDE, SIDE), LAYERS, 32_768, 512, 3)
        before, after = plans[max(self.place - 1, 0)], plans[self.place]
        factor = 2 * max(before.rate, after.rate) // before.rate
        name = "T" if self.kernel == 3 else "R"
        return (
            f"{name}, layer {self.place}: {after.channels} channels, {before.sides[0]} to {after.sides[0]}, up {factor}"
        )

    def build(self) -> tuple[FilteredLeakyReLU, int]:
        """The layer's activation, and its channels."""
        plans = plan_layers((SIDE, SIDE), LAYERS, 32_768, 512, 3)
        before, after = plans[max(self.place - 1, 0)], plans[self.place]
        side = before.sides[0] + self.kernel - 1
        activation = FilteredLeakyReLU(
            (side, side),
            after.sides,
            (before.rate, 2 * max(before.rate, after.rate), after.rate),
            (before.cutoff, after.cutoff),
            (before.half_width, after.half_width),
            radial=self.kernel == 1,
        )
        return activation, after.channels


CASES = (Layer(1), Layer(3), Layer(4), Layer(5), Layer(1, kernel=1))


def options() -> Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def plain(layer: FilteredLeakyReLU, maps: Tensor) -> Tensor:
    """The plain formulation of a layer."""
    up, down = layer.geometry.up, layer.geometry.down
    taps, last = layer.up_filter, layer.down_filter
    count, channels, height, width = maps.shape
    maps = pad(maps.reshape(count, channels, height, 1, width, 1), [0, up - 1, 0, 0, 0, up - 1])
    maps = maps.reshape(count, channels, height * up, width * up)
    ends = []
    for side, made in ((width, layer.geometry.made[1]), (height, layer.geometry.made[0])):
        total = (made - 1) * down + 1 - side * up + len(taps) + len(last) - 2
        ends += [(total + up) // 2, total - (total + up) // 2]
    maps = pad(maps, ends)
    for kernel in ((taps * up)[None], (taps * up)[:, None]):
        maps = each_channel(maps, kernel)
    maps = (leaky_relu(maps, 0.2) * math.sqrt(2)).clamp(-layer.clamp, layer.clamp)
    for kernel in (last,) if last.ndim == 2 else (last[None], last[:, None]):
        maps = each_channel(maps, kernel)
    return maps[..., ::down, ::down]


def each_channel(maps: Tensor, kernel: Tensor) -> Tensor:
    weight = kernel.flip(0, 1).expand(maps.shape[1], 1, *kernel.shape).contiguous()
    return conv2d(maps, weight, groups=maps.shape[1])


def passes(which: str, place: int, kernel: int, batch: int) -> Callable[[], tuple[Tensor, Tensor]]:
    """A forward and a backward pass: the result, and the gradient of half its squared sum."""
    layer, channels = Layer(place, kernel).build()
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(batch, channels, *layer.geometry.sides, generator=generator)
    function = {"ours": layer, "plain": lambda given: plain(layer, given)}[which]

    def run() -> tuple[Tensor, Tensor]:
        given = maps.detach().requires_grad_()
        made = function(given)
        (gradient,) = torch.autograd.grad(made, given, made.detach())
        return made.detach(), gradient

    return run


def added_memory(which: str, place: int, kernel: int, batch: int, threads: int) -> float:
    """MiB that both passes add to the peak of a process, which has its input."""
    torch.set_num_threads(threads)
    warm_up_arithmetic()
    run = passes(which, place, kernel, batch)
    before = peak_bytes()
    run()
    return (peak_bytes() - before) / MIB


def main() -> None:
    arguments = options()
    torch.set_num_threads(arguments.threads)
    for case in CASES:
        works = tuple(passes(which, case.place, case.kernel, arguments.batch) for which in ("ours", "plain"))
        pairs = zip(*(work() for work in works), strict=True)
        apart = [float((ours - other).norm() / other.norm()) for ours, other in pairs]
        title = f"{case.title}; wanted {WANTED}"
        print_processor_ratios(
            title, arguments.batch, "images/s", ("imagewright", "plain"), (works[0], works[1]), arguments.rounds
        )
        print(f"  relative difference: result {apart[0]:.1e}, gradient {apart[1]:.1e}")
        ours, other = (
            in_own_process(added_memory, which, case.place, case.kernel, arguments.batch, arguments.threads)
            for which in ("ours", "plain")
        )
        print(f"  memory of both passes: imagewright {ours:,.0f} MiB, plain {other:,.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
