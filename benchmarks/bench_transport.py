"""CPU time, peak memory and answer of tortuosity-factor solvers on the same volume.

    python benchmarks/bench_transport.py [--size 256] [--only ours porespy taufactor]

The volume is synthetic: a smoothed random field, 45 % of it pores, of which only the part
that percolates is handed on (a fair field: PoreSpy trims the rest, taufactor does not).
Every solver runs with its own defaults in a process of its own, two threads, first on a
small volume (compiled code, imports); CPU seconds are those of the solution, peak memory is
the whole process's, imports and volume included. PoreSpy's solver needs openpnm and pyamg,
taufactor itself; neither is needed by the program, and what is not installed is left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import subprocess
import sys
import time

import numpy as np

NEEDS = {
    "ours": (),
    "ours-phases": (),
    "porespy": ("porespy", "openpnm"),
    "taufactor": ("taufactor",),
}
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


def medium(size: int) -> np.ndarray:
    from scipy import ndimage

    from napari_battery.microstructure.percolation import percolating_part

    field = np.random.default_rng(0).standard_normal((size,) * 3, np.float32)
    field = ndimage.gaussian_filter(field, 4 if size > 64 else 2)
    return percolating_part(field < np.quantile(field, 0.45))


def ours(mask: np.ndarray) -> float:
    from napari_battery.microstructure.diffusivity import effective_diffusivity

    return effective_diffusivity(mask, (1, 1, 1)).relative_diffusivity


def ours_phases(mask: np.ndarray) -> float:
    from napari_battery.microstructure.diffusivity import effective_conductivity

    return effective_conductivity(mask.astype(np.float32), (1, 1, 1)).relative_diffusivity


def by_porespy(mask: np.ndarray) -> float:
    from napari_battery.microstructure.porespy_import import porespy

    with porespy() as ps:
        found = ps.simulations.tortuosity_fd(mask, axis=0)
    return float(mask.mean() / found.tortuosity)


def by_taufactor(mask: np.ndarray) -> float:
    import taufactor

    solver = taufactor.Solver(mask.astype(np.uint8), device="cpu")
    solver.solve(verbose=False)
    return float(np.ravel(solver.D_eff)[0])


SOLVERS = {
    "ours": ours,
    "ours-phases": ours_phases,
    "porespy": by_porespy,
    "taufactor": by_taufactor,
}


def measure(name: str, path: str) -> None:
    """In a process of its own: one JSON line."""
    solve = SOLVERS[name]
    solve(medium(32))
    mask = np.load(path)
    cpu, wall = time.process_time(), time.perf_counter()
    answer = solve(mask)
    print(
        json.dumps(
            {
                "solver": name,
                "cpu_s": round(time.process_time() - cpu, 2),
                "wall_s": round(time.perf_counter() - wall, 2),
                "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 3),
                "relative_diffusivity": answer,
                "factor": float(mask.mean()) / answer,
            }
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--only", nargs="+", choices=list(SOLVERS), default=list(SOLVERS))
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        measure(*given.measure)
        return
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "mask.npy")
        np.save(path, medium(given.size))
        print(f"{given.size}³ voxels, {np.load(path).mean():.3f} of them percolating pores")
        print(f"{'solver':12} {'CPU-s':>8} {'wall s':>8} {'peak GB':>8} {'D_eff/D0':>10} {'κ':>9}")
        for name in given.only:
            if any(importlib.util.find_spec(needed) is None for needed in NEEDS[name]):
                print(f"{name:12} not installed")
                continue
            run = subprocess.run(
                [sys.executable, __file__, "--measure", name, path],
                env={**os.environ, **dict.fromkeys(THREADS, "2")},
                capture_output=True,
                text=True,
                check=True,
            )
            row = json.loads(run.stdout.strip().splitlines()[-1])
            print(
                f"{name:12} {row['cpu_s']:8.1f} {row['wall_s']:8.1f} {row['peak_gb']:8.2f} "
                f"{row['relative_diffusivity']:10.5f} {row['factor']:9.4f}"
            )


if __name__ == "__main__":
    main()
