"""Local thickness and shapes of labels beside PoreSpy and scikit-image.

    python benchmarks/bench_microstructure.py [--part thickness] [--part shapes] …

``thickness``: three synthetic phases whose thickness is known or can be had from the same
shapes drawn four times finer: balls apart from each other, overlapping balls, and the pores
between overlapping balls; errors of D10, D50 and D90, and time on a larger volume of pores.
``shapes``: volume, surface, sphericity and axes of packed particles of 25,300 voxels.

Each method runs in a process of its own, first on a small volume (compiled code and imports),
then on the whole. Reported are CPU seconds of the call, with one thread for each library, and
the rise of the process's peak of memory above the input. All inputs are synthetic.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
VOXEL = (1.0, 1.0, 1.0)


# methods: local thickness, diameters in voxels


def ours_thickness(mask: Array) -> Array:
    from napari_battery.microstructure.local_thickness import local_thickness

    return local_thickness(mask, VOXEL)


def _porespy(mask: Array, **options: Any) -> Array:
    from napari_battery.microstructure.porespy_import import porespy

    with porespy() as ps:
        return 2 * ps.filters.local_thickness(mask, **options)


THICKNESS: dict[str, Callable[[Array], Array]] = {
    "napari-battery": ours_thickness,
    "PoreSpy, whole radii (its default)": _porespy,
    "PoreSpy, 25 radii (`legacy`)": lambda mask: _porespy(mask, method="legacy"),
}


# methods: shapes of labels


def ours_shapes(labels: Array) -> Any:
    from napari_battery.microstructure.shapes import label_shapes

    return label_shapes(labels, VOXEL, workers=1)


def skimage_shapes(labels: Array) -> Any:
    """Volume and axes; scikit-image has surfaces of meshes only, one label at a time."""
    from skimage.measure import regionprops_table

    names = ("label", "area", "axis_major_length", "axis_minor_length")
    return regionprops_table(labels, properties=names)


def skimage_surfaces(labels: Array) -> Any:
    """The same with a mesh per label."""
    from skimage.measure import marching_cubes, mesh_surface_area, regionprops

    table = []
    for prop in regionprops(labels):
        vertices, faces, _, _ = marching_cubes(np.pad(prop.image, 1).astype(np.float32), 0.5)
        area = mesh_surface_area(vertices, faces)
        table.append((prop.area, area, prop.axis_major_length, prop.axis_minor_length))
    return table


def porespy_shapes(labels: Array) -> Any:
    from napari_battery.microstructure.porespy_import import porespy

    with porespy() as ps:
        ps.settings.tqdm["disable"] = True
        return [
            (p.volume, p.surface_area, p.sphericity, p.axis_major_length)
            for p in ps.metrics.regionprops_3D(labels)
        ]


SHAPES: dict[str, Callable[[Array], Any]] = {
    "napari-battery": ours_shapes,
    "scikit-image, volume and axes": skimage_shapes,
    "scikit-image, with meshes": skimage_surfaces,
    "PoreSpy `regionprops_3D`": porespy_shapes,
}


# inputs


def draw(centres: Array, radii: Array, edge: int, finer: int = 1) -> tuple[Array, Array]:
    """Balls in a cube: where they are, and the diameter of the last one over each voxel."""
    mask = np.zeros((edge * finer,) * 3, bool)
    diameter = np.zeros(mask.shape, np.float32)
    for centre, radius in zip((centres + 0.5) * finer - 0.5, radii * finer, strict=True):
        low = np.clip(np.floor(centre - radius), 0, edge * finer).astype(int)
        high = np.clip(np.ceil(centre + radius) + 1, 0, edge * finer).astype(int)
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        inside = sum((g - c) ** 2 for g, c in zip(np.ogrid[box], centre, strict=True)) <= radius**2
        mask[box] |= inside
        diameter[box][inside] = 2 * radius / finer
    return mask, diameter


def balls_apart(edge: int, seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    centres: list[Array] = []
    radii: list[float] = []
    for _ in range(40_000):
        radius = rng.uniform(3, 12)
        centre = rng.uniform(radius + 1, edge - radius - 2, 3)
        if all(
            np.sum((centre - c) ** 2) > (radius + r + 2) ** 2
            for c, r in zip(centres, radii, strict=True)
        ):
            centres.append(centre)
            radii.append(radius)
        if len(radii) == 70:
            break
    return np.array(centres), np.array(radii)


def balls_anywhere(edge: int, share: float, seed: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    radii = rng.uniform(5, 12, int(share * edge**3 / 2900))
    return rng.uniform(0, edge, (len(radii), 3)), radii


def cases() -> dict[str, tuple[Array, Array]]:
    """Masks, and D10, D50 and D90 as they should be."""
    percent = [10, 50, 90]
    mask, diameter = draw(*balls_apart(96), 96)
    found = {"balls apart": (mask, np.percentile(diameter[mask], percent))}
    edge, finer = 64, 4
    for name, seed, invert in (("overlapping balls", 1, False), ("pores between balls", 2, True)):
        balls = balls_anywhere(edge, 0.7, seed)
        coarse = draw(*balls, edge)[0] ^ invert
        fine = draw(*balls, edge, finer)[0] ^ invert
        truth = ours_thickness(fine)[fine] / finer
        found[name] = (coarse, np.percentile(truth, percent))
    return found


def pores(edge: int) -> Array:
    return ~draw(*balls_anywhere(edge, 0.8, 3), edge)[0]


# one measurement in a process of its own


def memory_mib(kind: str) -> float:
    """Memory of this process: ``VmRSS`` now, ``VmHWM`` at its peak (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{kind}:")[1].split()[0]) / 1024


def child(part: str, method: str, path: str) -> None:
    run = (THICKNESS if part == "thickness" else SHAPES)[method]
    array = np.load(path)
    small = np.ascontiguousarray(array[:64, :64, :64])
    run(small)
    run(small)
    Path("/proc/self/clear_refs").write_text("5")
    before = memory_mib("VmRSS")
    cpu = time.process_time()
    result = run(array)
    cpu = time.process_time() - cpu
    row: dict[str, Any] = {"cpu_s": cpu, "mib": memory_mib("VmHWM") - before}
    if part == "thickness":
        row["percentiles"] = np.percentile(result[array], [10, 50, 90]).tolist()
    print(json.dumps(row))


def measure(part: str, method: str, array: Array, folder: Path) -> dict[str, Any]:
    np.save(folder / "array.npy", array)
    command = [sys.executable, __file__, "--child", part, method, str(folder / "array.npy")]
    one = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | one)
    if done.returncode:
        raise SystemExit(done.stderr)
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row


def thickness(edge: int, runs: int, folder: Path) -> None:
    print("| method | phase | D10 | D50 | D90 (errors, %) |\n|---|---|---|---|---|")
    for name, (mask, truth) in cases().items():
        for method in THICKNESS:
            found = np.array(measure("thickness", method, mask, folder)["percentiles"])
            errors = " | ".join(f"{100 * e:+.1f}" for e in found / truth - 1)
            print(f"| {method} | {name} | {errors} |", flush=True)
    mask = pores(edge)
    print(f"\n{edge}³, porosity {mask.mean():.2f}")
    print("| method | CPU s | × ours | MiB |\n|---|---|---|---|")
    ours = 0.0
    for method in THICKNESS:
        rows = [measure("thickness", method, mask, folder) for _ in range(runs)]
        cpu, mib = (float(np.median([row[key] for row in rows])) for key in ("cpu_s", "mib"))
        ours = ours or cpu
        print(f"| {method} | {cpu:.2f} | {cpu / ours:.1f} | {mib:.0f} |", flush=True)


def shapes(particles: int, runs: int, folder: Path) -> None:
    from bench_radial import COUNTS, make_labels

    print("\n| particles | method | CPU s | MiB |\n|---|---|---|---|")
    for n, methods in ((300, list(SHAPES)), (particles, ["napari-battery"])):
        labels = make_labels(COUNTS[n])
        for method in methods:
            rows = [
                measure("shapes", method, labels, folder)
                for _ in range(runs if method == "napari-battery" else 1)
            ]
            cpu, mib = (float(np.median([row[key] for row in rows])) for key in ("cpu_s", "mib"))
            print(f"| {n} | {method} | {cpu:.2f} | {mib:.0f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", action="append", choices=["thickness", "shapes"])
    parser.add_argument("--edge", type=int, default=256, help="voxels of the volume to time")
    parser.add_argument("--particles", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3, help="the median of so many is given")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(*options.child)
        return
    with tempfile.TemporaryDirectory() as folder:
        if "thickness" in (options.part or ["thickness"]):
            thickness(options.edge, options.runs, Path(folder))
        if "shapes" in (options.part or ["shapes"]):
            shapes(options.particles, options.runs, Path(folder))


if __name__ == "__main__":
    main()
