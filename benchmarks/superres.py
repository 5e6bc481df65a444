"""Time and memory of each network on each engine, and what a lower precision costs.

    python benchmarks/superres.py [--threads 2] [--side 1000] [--only paper-cnn battery]
    python benchmarks/superres.py --precision [--steps 150]
    python benchmarks/superres.py --shipped

The first: one slice of SIDE × SIDE pixels (with the neighbours that a network reads), margins
read from the mirrored slice, random weights (they do not matter to the time). Beside the
engine stand plain torch on whole slices and on overlapping patches of 128 × 128 (a quarter
overlaps, 16 at a time, averaged where they overlap). Each case runs in a process of its own;
the best of several runs counts. *CPU-s/core* is processor time per megapixel over the number
of threads: on a machine that others use too, it is nearer the truth than the wall time. The
peak is the fastest matrix product of torch and numpy in the same precision, threads and run,
measured just before and just after the case; *of peak* counts the network's multiplications
for the slice alone, so that margins and everything else are a loss. (Where the libraries' own
products leave half of the processor unused, as MKL's and OpenBLAS's in float32 on AMD's Zen 5,
it goes beyond 100 %.) Memory is the rise of
the process's peak above the input, weights and imports.

The second: each network is trained for a moment (sand sample, coarsened threefold; nothing to
be proud of), then PSNR against the sand in float32 and bfloat16 on slices kept out. The third:
the same of the shipped models, on the part of the real sandstone that none was trained on.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from napari_battery.blocks import read_with_halo, windows
from napari_battery.samples import sand, sandstone
from napari_battery.superres.engine import Engine, bfloat16_is_fast
from napari_battery.superres.judge import judge
from napari_battery.superres.judge_regions import unseen_box
from napari_battery.superres.judge_settings import JudgeSettings
from napari_battery.superres.model_files import list_models, read_model
from napari_battery.superres.networks import NETWORKS, Network, make_network, parameters

ENGINES = ("patches", "whole", "float32", "bfloat16")
LABELS = {
    "patches": "torch, overlapping patches",
    "whole": "torch, whole slice",
    "float32": "engine, float32",
    "bfloat16": "engine, bfloat16",
}
PATCH, STRIDE, BATCH = 128, 96, 16

Apply = Callable[[np.ndarray], np.ndarray]


def patches(network: Network) -> Apply:
    """What a user would write: patches of the training size, averaged where they overlap."""

    def apply(stack: np.ndarray) -> np.ndarray:
        height, width = stack.shape[1:]
        total = np.zeros((height, width), np.float32)
        times = np.zeros((height, width), np.float32)
        corners = [
            (min(y, height - PATCH), min(x, width - PATCH))
            for y in range(0, height - PATCH + STRIDE, STRIDE)
            for x in range(0, width - PATCH + STRIDE, STRIDE)
        ]
        for i in range(0, len(corners), BATCH):
            some = corners[i : i + BATCH]
            batch = np.stack([stack[:, y : y + PATCH, x : x + PATCH] for y, x in some])
            with torch.no_grad():
                result = network(torch.from_numpy(batch))[:, 0].numpy()
            for (y, x), patch in zip(some, result, strict=True):
                total[y : y + PATCH, x : x + PATCH] += patch
                times[y : y + PATCH, x : x + PATCH] += 1
        return total / times

    return apply


def whole(network: Network) -> Apply:
    def apply(stack: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return network(torch.from_numpy(stack)[None])[0, 0].numpy()

    return apply


def tiled(network: Network, precision: str, threads: int) -> Apply:
    engine = Engine(network, "cpu", precision, threads)

    def apply(stack: np.ndarray) -> np.ndarray:
        result = np.empty(stack.shape[1:], np.float32)
        box = tuple(slice(0, n) for n in stack.shape)
        halo = (0, engine.halo, engine.halo)
        for window in windows(box, (stack.shape[0], *engine.tile(stack.shape))):
            block = read_with_halo(stack, window, halo)
            result[window[1:]] = engine.run_inside(block)[0]
        return result

    return apply


def products_per_pixel(network: Network) -> float:
    """Multiplications per pixel of the slice, counted layer by layer."""
    count = 0

    def note(module: nn.Conv2d, _: object, output: torch.Tensor) -> None:
        nonlocal count
        count += output.numel() * module.weight[0].numel()

    hooks = [m.register_forward_hook(note) for m in network.modules() if isinstance(m, nn.Conv2d)]
    side = 12 * network.multiple
    with torch.no_grad():
        network(torch.zeros(1, network.slices, side, side))
    for hook in hooks:
        hook.remove()
    return count / side**2


def best(run: Callable[[], object], runs: int) -> tuple[float, float]:
    """Least wall and processor seconds; a first run does not count."""
    run()
    wall, cpu = [], []
    for _ in range(runs):
        start, used = time.perf_counter(), time.process_time()
        run()
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - used)
    return min(wall), min(cpu)


def matmul_peak(precision: str, threads: int) -> tuple[float, float]:
    """The most billions of multiplications a second: by wall, and by processor time × threads."""
    walls, cpus = [], []
    for n in (1024, 2048):
        a = torch.rand(n, n, dtype=getattr(torch, precision))
        products: list[Callable[[], object]] = [lambda a=a: a @ a]
        if precision == "float32":
            b = a.numpy()
            products.append(lambda b=b: b @ b)
        for product in products:
            wall, cpu = best(product, 8)
            walls.append(n**3 / wall / 1e9)
            cpus.append(n**3 / (cpu / threads) / 1e9)
    return max(walls), max(cpus)


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        2**20 if sys.platform == "darwin" else 2**10
    )


def run_case(name: str, engine: str, side: int, threads: int) -> dict[str, float]:
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    network = make_network(name).eval()
    precision = engine if engine in ("float32", "bfloat16") else "float32"
    stack = np.random.default_rng(0).random((network.slices, side, side), np.float32)
    if engine in ("float32", "bfloat16"):
        apply = tiled(network, engine, threads)
    else:
        apply = {"patches": patches, "whole": whole}[engine](network)
    apply(stack[:, :PATCH, :PATCH])
    before = peak_mb()
    apply(stack)
    memory = peak_mb() - before
    peaks = [matmul_peak(precision, threads)]
    wall, cpu = best(lambda: apply(stack), 3)
    peaks.append(matmul_peak(precision, threads))
    megapixels = side**2 / 1e6
    rate = products_per_pixel(network) * side**2 / 1e9
    return {
        "wall_ms": wall / megapixels * 1e3,
        "cpu_s": cpu / threads / megapixels,
        "of_peak_wall": rate / wall / max(p[0] for p in peaks),
        "of_peak_cpu": rate / (cpu / threads) / max(p[1] for p in peaks),
        "peak_gflops": 2 * max(p[0] for p in peaks),
        "memory_mb": memory,
    }


def speed(names: list[str], engines: list[str], side: int, threads: int) -> None:
    print(f"{side} × {side} pixels, {threads} threads, torch {torch.__version__}\n")
    print("| network | engine | ms/Mpx | CPU-s/core/Mpx | of peak (wall) | of peak (CPU) ", end="")
    print("| peak GF/s | MiB | × patches |\n|---|---|---|---|---|---|---|---|---|")
    for name in names:
        first = None
        for engine in engines:
            if engine == "bfloat16" and not bfloat16_is_fast():
                continue
            command = [sys.executable, __file__, "--case", name, engine]
            command += ["--side", str(side), "--threads", str(threads)]
            env = {**os.environ, "OPENBLAS_NUM_THREADS": str(threads)}  # numpy's products
            done = subprocess.run(command, check=True, capture_output=True, text=True, env=env)
            r = json.loads(done.stdout.splitlines()[-1])
            first = first or r["cpu_s"]
            print(
                f"| {name} | {LABELS[engine]} | {r['wall_ms']:.0f} | {r['cpu_s']:.3f} "
                f"| {r['of_peak_wall']:.0%} | {r['of_peak_cpu']:.0%} | {r['peak_gflops']:.0f} "
                f"| {r['memory_mb']:.0f} | {first / r['cpu_s']:.1f} |",
                flush=True,
            )


def sand_pair() -> tuple[np.ndarray, np.ndarray]:
    """The sand sample, coarsened threefold and interpolated back; and itself; grey 0 to 1."""
    from scipy import ndimage

    high = np.asarray(sand().data, np.float32)[:99, :198, :198]
    low, top = np.quantile(high, [0.005, 0.995])
    high = (high - low) / (top - low)
    blurred = ndimage.gaussian_filter(high, 1.2)
    coarse = blurred.reshape(33, 3, 66, 3, 66, 3).mean((1, 3, 5))
    fine = ndimage.zoom(coarse, 3, order=3, mode="nearest", grid_mode=True)
    return fine.astype(np.float32), high


def precision_cost(names: list[str], steps: int) -> None:
    low, high = sand_pair()
    kept = 66  # slices from here on are not trained on
    print(f"{steps} steps of training each\n")
    print("| network | parameters | float32 dB | bfloat16 dB | change dB | worst pixel |")
    print("|---|---|---|---|---|---|")
    for name in names:
        torch.manual_seed(0)
        network = make_network(name)
        rng = np.random.default_rng(0)
        around = network.slices // 2
        optimiser = torch.optim.Adam(network.parameters())
        cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-3, total_steps=steps)
        for _ in range(steps):
            zs = rng.integers(around, kept - around, 8)
            corners = rng.integers(0, 198 - 60, (8, 2))
            cuts = [
                (z, slice(y, y + 60), slice(x, x + 60))
                for z, (y, x) in zip(zs, corners, strict=True)
            ]
            x = np.stack([low[z - around : z + around + 1, r, c] for z, r, c in cuts])
            y = np.stack([high[z : z + 1, r, c] for z, r, c in cuts])
            loss = nn.functional.l1_loss(network(torch.from_numpy(x)), torch.from_numpy(y))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            cycle.step()
        stack, truth = low[kept:], high[kept + around : 99 - around]
        results = [Engine(network, "cpu", p).run(stack) for p in ("float32", "bfloat16")]
        decibels = [-10 * np.log10(np.mean((r - truth) ** 2)) for r in results]
        worst = np.abs(results[1] - results[0]).max()
        print(
            f"| {name} | {parameters(network):,} | {decibels[0]:.3f} | {decibels[1]:.3f} "
            f"| {decibels[1] - decibels[0]:+.4f} | {worst:.4f} |",
            flush=True,
        )


def shipped_precision_cost() -> None:
    low, high = sandstone()
    models = [read_model(model.path) for model in list_models() if model.shipped]
    box = unseen_box(low, high, [model.card for model in models])
    assert box is not None
    print("| model | float32 dB | bfloat16 dB | change dB |")
    print("|---|---|---|---|")
    worth = {}
    for precision in ("float32", "bfloat16"):
        settings = JudgeSettings(mend=True, precision=precision)
        quality = judge(low, high, models, settings, boxes=[box]).quality
        worth[precision] = quality[quality["metric"] == "psnr_db"].set_index("method")["value"]
    for model in models:
        a, b = (float(worth[precision][model.card.name]) for precision in worth)
        print(f"| {model.card.name} | {a:.4f} | {b:.4f} | {b - a:+.4f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--side", type=int, default=1000)
    parser.add_argument("--only", nargs="+", default=list(NETWORKS), choices=NETWORKS)
    parser.add_argument("--engines", nargs="+", default=list(ENGINES), choices=ENGINES)
    parser.add_argument("--precision", action="store_true")
    parser.add_argument("--shipped", action="store_true")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--case", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.case:
        print(json.dumps(run_case(*given.case, given.side, given.threads)))
    elif given.precision:
        torch.set_num_threads(given.threads)
        precision_cost(given.only, given.steps)
    elif given.shipped:
        shipped_precision_cost()
    else:
        speed(given.only, given.engines, given.side, given.threads)


if __name__ == "__main__":
    main()
