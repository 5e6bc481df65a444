"""Time and memory of the radial analysis, with GRAPES beside it where its source is given.

    python benchmarks/bench_radial.py [--particles 300 2000 10000] [--grapes PATH/TO/GRAPES.py]

Each measurement runs in its own process on the same files: touching rounded particles of
25,300 voxels in the mean, 45 % void, made here from a fixed seed (synthetic data). Reported
are the CPU seconds of the call alone, children included, after all imports and one tiny
call that loads the compiled code from its cache; and the peak of memory above the inputs.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

MEAN_VOXELS = 25_300
VOID = 0.45
COUNTS = {300: (6, 5, 10), 2000: (10, 10, 20), 10_000: (20, 20, 25)}
SIZES = {"u8": np.uint8, "u16": np.uint16}


@njit(cache=True, parallel=True)
def _paint(
    seeds: NDArray[np.float64], radii: NDArray[np.float64], cell: float, labels: NDArray[Any]
) -> None:
    """Label each voxel by the ball that holds it deepest (power cells trimmed to balls)."""
    counts = seeds.shape
    nz, ny, nx = labels.shape
    for z in prange(nz):
        cz = int(z / cell)
        for y in range(ny):
            cy = int(y / cell)
            for x in range(nx):
                cx = int(x / cell)
                best, label = 0.0, 0
                for k in range(max(cz - 1, 0), min(cz + 2, counts[0])):
                    for j in range(max(cy - 1, 0), min(cy + 2, counts[1])):
                        for i in range(max(cx - 1, 0), min(cx + 2, counts[2])):
                            dz = seeds[k, j, i, 0] - z
                            dy = seeds[k, j, i, 1] - y
                            dx = seeds[k, j, i, 2] - x
                            power = dz * dz + dy * dy + dx * dx - radii[k, j, i] ** 2
                            if power < best:
                                best = power
                                label = (k * counts[1] + j) * counts[2] + i + 1
                labels[z, y, x] = label


def make_labels(counts: tuple[int, int, int], seed: int = 0) -> NDArray[np.uint16]:
    """Packed particles on a jittered lattice; the radius is set so that the voids are right."""
    cell = (MEAN_VOXELS / (1 - VOID)) ** (1 / 3)

    def make(counts: tuple[int, int, int], scale: float) -> NDArray[np.uint16]:
        rng = np.random.default_rng(seed)
        lattice = np.stack(np.indices(counts), axis=-1) + 0.5
        seeds = (lattice + rng.uniform(-0.2, 0.2, lattice.shape)) * cell
        radii = scale * cell * rng.lognormal(0, 0.1, counts).clip(0.75, 1.3)
        labels = np.zeros([round(n * cell) for n in counts], np.uint16)
        _paint(seeds, radii, cell, labels)
        return labels

    low, high = 0.3, 0.8
    for _ in range(9):
        middle = (low + high) / 2
        filled = np.count_nonzero(make((7, 7, 7), middle)) / (7 * cell) ** 3
        low, high = (middle, high) if filled < 1 - VOID else (low, middle)
    return make(counts, (low + high) / 2)


def make_grey(labels: NDArray[np.uint16], dtype: Any, seed: int = 1) -> NDArray[Any]:
    """Bright particles in dark voids with noise."""
    rng = np.random.default_rng(seed)
    gain = 1 if dtype == np.uint8 else 200
    grey = np.empty(labels.shape, dtype)
    for z in range(labels.shape[0]):
        level = np.where(labels[z] > 0, np.float32(174), np.float32(90))
        level += rng.standard_normal(level.shape, np.float32) * 11
        grey[z] = (level * gain).clip(0, np.iinfo(dtype).max)
    return grey


class _Peak(threading.Thread):
    """Peak of private memory of this process and its children, sampled."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.over, self.peak = threading.Event(), 0

    def run(self) -> None:
        import psutil

        me = psutil.Process()
        while not self.over.wait(0.02):
            total = 0
            for process in [me, *me.children(recursive=True)]:
                try:
                    info = process.memory_info()
                    total += info.rss - info.shared
                except psutil.Error:
                    continue
            self.peak = max(self.peak, total)


def _cpu() -> float:
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in usage)


def _resident(key: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) * 1024
    return 0


def child(kind: str, labels_path: str, grey_path: str, means_path: str, grapes: str) -> None:
    """Measure one program on one input; prints JSON."""
    run: Any
    if kind == "ours":
        import napari_battery.radial as radial
        from napari_battery.volume import Volume

        def run(labels: NDArray[Any], grey: NDArray[Any]) -> Any:
            result = radial.radial_tables(Volume(labels, (1, 1, 1)), Volume(grey, (1, 1, 1)))
            return result.layers["mean"].to_numpy(np.float32)
    else:
        sys.path.insert(0, str(Path(grapes).parent))
        import GRAPES  # type: ignore[import-not-found]
        from joblib.externals.loky import get_reusable_executor

        def run(labels: NDArray[Any], grey: NDArray[Any]) -> Any:
            jobs = {} if kind == "grapes default" else {"n_jobs": 1}
            table = GRAPES.GRAPES(labels, grey, **jobs)
            if not jobs:
                get_reusable_executor().shutdown(wait=True)
            return np.concatenate(list(table["radial_layers_graylevel"])).astype(np.float32)

    tiny = np.zeros((12, 12, 12), np.uint16)
    tiny[2:10, 2:10, 2:10] = 1
    labels, grey = np.load(labels_path), np.load(grey_path)
    run(tiny, tiny.astype(grey.dtype))
    peak = _Peak()
    if kind == "ours":
        Path("/proc/self/clear_refs").write_text("5")
        before_bytes = _resident("VmRSS")
    else:
        peak.start()
        time.sleep(0.1)
        before_bytes = peak.peak
    before, start = _cpu(), time.perf_counter()
    means = run(labels, grey)
    cpu, wall = _cpu() - before, time.perf_counter() - start
    if kind == "ours":
        above = _resident("VmHWM") - before_bytes
    else:
        peak.over.set()
        above = peak.peak - before_bytes
    np.save(means_path, means)
    print(json.dumps({"cpu_s": cpu, "wall_s": wall, "above_mib": above / 2**20}))


def _measure(kind: str, labels: Path, grey: Path, means: Path, grapes: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--child", kind, str(labels), str(grey), str(means)]
    done = subprocess.run([*command, "--grapes", grapes], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--particles", type=int, nargs="+", choices=COUNTS, default=list(COUNTS))
    parser.add_argument("--grapes", default="", help="path of GRAPES.py to compare with")
    parser.add_argument("--bits", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--runs", type=int, default=3, help="ours: the median of so many")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(*options.child, options.grapes)
        return
    kinds = ["ours"] + (["grapes n_jobs=1", "grapes default"] if options.grapes else [])
    print("| particles | grey | program | CPU s | wall s | MiB above inputs | × CPU | same means |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for n in options.particles:
            labels = make_labels(COUNTS[n])
            np.save(Path(folder, "labels.npy"), labels)
            for name in options.bits:
                np.save(Path(folder, "grey.npy"), make_grey(labels, SIZES[name]))
                _rows(Path(folder), n, name, kinds, options)


def _rows(folder: Path, n: int, name: str, kinds: list[str], options: argparse.Namespace) -> None:
    ours: dict[str, float] = {}
    for kind in kinds:
        means = folder / f"{kind}.npy"
        runs = [
            _measure(kind, folder / "labels.npy", folder / "grey.npy", means, options.grapes)
            for _ in range(options.runs if kind == "ours" else 1)
        ]
        row = {key: float(np.median([run[key] for run in runs])) for key in runs[0]}
        ours = ours or row
        same = kind == "ours" or np.array_equal(np.load(means), np.load(folder / "ours.npy"))
        print(
            f"| {n} | {name} | {kind} | {row['cpu_s']:.2f} | {row['wall_s']:.2f} "
            f"| {row['above_mib']:.0f} | {row['cpu_s'] / ours['cpu_s']:.1f} "
            f"| {'–' if kind == 'ours' else same} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
