"""CPU time, memory and accuracy of the labelling beside scikit-image and PoreSpy.

    python benchmarks/bench_label.py [--size 512] [--part pipelines] [--part watershed] …

``pipelines``: from grey levels to labels on a synthetic pack of touching particles, ours and
the straightforward one of scikit-image and scipy, step by step (PoreSpy on a smaller pack).
``watershed``: that step alone, on the same map, markers and mask. ``accuracy``: packs of
several void fractions, noise included. ``sand``: how much the number of grains of a real
sample changes with small changes of the settings.

Each method runs in a process of its own, once on a small volume (compiled code and imports)
and then on the whole. Memory is the rise of the process's peak above its input.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from napari_battery.progress import Progress


class Clock(Progress):
    """CPU seconds of each stage."""

    def __init__(self) -> None:
        self.steps: dict[str, float] = {}
        self._what, self._since = "", time.process_time()

    def begin(self, total: int, what: str) -> None:
        now = time.process_time()
        if self._what:
            self.steps[self._what] = self.steps.get(self._what, 0) + now - self._since
        self._what, self._since = what, now


def ours(image: np.ndarray, clock: Clock) -> np.ndarray:
    from napari_battery.labelling import label_particles
    from napari_battery.volume import Volume

    return label_particles(Volume(image), progress=clock).data


def _skimage_mask(image: np.ndarray, clock: Clock) -> np.ndarray:
    """Denoise, threshold and clean as the default settings of ours do."""
    from scipy import ndimage
    from skimage.filters import gaussian, threshold_otsu
    from skimage.morphology import remove_small_objects

    clock.begin(1, "gaussian")
    smooth = gaussian(image, 1, preserve_range=True)
    clock.begin(1, "threshold_otsu")
    mask = smooth > threshold_otsu(image)
    clock.begin(1, "binary_fill_holes")
    mask = ndimage.binary_fill_holes(mask)
    clock.begin(1, "remove_small_objects")
    return remove_small_objects(mask, max_size=99)


def skimage(image: np.ndarray, clock: Clock) -> np.ndarray:
    """The usual pipeline in floating point; peaks at least 5 voxels apart."""
    from scipy import ndimage
    from skimage.feature import peak_local_max
    from skimage.segmentation import watershed

    mask = _skimage_mask(image, clock)
    clock.begin(1, "distance_transform_edt")
    distance = ndimage.distance_transform_edt(mask).astype(np.float32)
    clock.begin(1, "gaussian_filter")
    distance = ndimage.gaussian_filter(distance, 1)
    clock.begin(1, "peak_local_max")
    peaks = peak_local_max(distance, min_distance=5, exclude_border=False)
    markers = np.zeros(image.shape, np.int32)
    markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    clock.begin(1, "watershed")
    return watershed(-distance, markers, mask=mask)


def porespy(image: np.ndarray, clock: Clock) -> np.ndarray:
    """SNOW on the same mask, its defaults."""
    import porespy as ps

    ps.settings.tqdm["disable"] = True
    mask = _skimage_mask(image, clock)
    clock.begin(1, "snow_partitioning")
    return ps.filters.snow_partitioning(mask).regions


METHODS = {"napari-battery": ours, "scikit-image": skimage, "PoreSpy": porespy}


def memory_mib(kind: str) -> float:
    """Memory of this process: ``VmRSS`` now, ``VmHWM`` at its peak (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{kind}:")[1].split()[0]) / 1024


def forget_peak() -> float:
    """Let the peak begin anew; memory now."""
    Path("/proc/self/clear_refs").write_text("5")
    return memory_mib("VmRSS")


def accuracy(truth: np.ndarray, found: np.ndarray) -> dict[str, float]:
    """Recall of particles inside, one-to-one, and adjusted Rand where both have a label."""
    from sklearn.metrics import adjusted_rand_score

    from napari_battery.labelling import match_labels

    cut = np.unique([truth.take(face, axis) for axis in range(3) for face in (0, -1)])
    table = match_labels(truth, found)
    iou = table.iou[~table.label.isin(cut)]
    both = (truth > 0) & (found > 0)
    step = max(1, truth.size // 4_000_000)  # the score needs 16 bytes and a sort per voxel
    return {
        "particles_inside": len(iou),
        "found": int(len(np.unique(found)) - 1),
        # above 0.5 a match is unique both ways
        "recall": float((iou > 0.5).mean()),
        "mean_iou": float(iou.mean()),
        "adjusted_rand": float(adjusted_rand_score(truth[both][::step], found[both][::step])),
    }


def run_pipeline(method: str, folder: Path) -> dict[str, object]:
    image = np.load(folder / "image.npy")
    METHODS[method](image[:64, :64, :64].copy(), Clock())
    clock, before = Clock(), forget_peak()
    cpu, wall = time.process_time(), time.perf_counter()
    labels = np.asarray(METHODS[method](image, clock)).astype(np.int32, copy=False)
    clock.begin(0, "")
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    extra = memory_mib("VmHWM") - before
    return {
        "cpu_s": cpu, "wall_s": wall, "extra_mib": extra, "steps": clock.steps,
        **accuracy(np.load(folder / "truth.npy"), labels),
    }  # fmt: skip


def write_map(folder: Path) -> None:
    """Depth map, markers and mask for `run_watershed`."""
    from napari_battery.labelling import LabelSettings, Stages
    from napari_battery.volume import Volume

    stages = Stages(Volume(np.load(folder / "image.npy")))
    stages.run(LabelSettings())
    for name, stage in (("mask", "cleaned"), ("distance", "distance"), ("markers", "markers")):
        np.save(folder / f"{name}.npy", stages.stage(stage).data)


def run_watershed(method: str, folder: Path) -> dict[str, float]:
    """Seconds of the watershed alone; its labels go to a file."""
    mask = np.load(folder / "mask.npy").view(bool)
    distance, markers = np.load(folder / "distance.npy"), np.load(folder / "markers.npy")
    small = (slice(0, 64),) * 3
    levels = np.rint(distance * (254 / distance.max())).astype(np.uint8)

    def flood(part: tuple[slice, ...]) -> np.ndarray:
        if method == "ours float32":
            from napari_battery.labelling import watershed

            return watershed(distance[part], markers[part], mask[part])
        if method == "ours uint8":
            from napari_battery.labelling import watershed

            # one step of the integer map is one hundredth of a voxel to ours
            return watershed(levels[part] / np.float32(100), markers[part], mask[part])
        from skimage.segmentation import watershed as other

        image = -distance[part] if method == "skimage float32" else 255 - levels[part]
        return other(image, markers[part], mask=mask[part])

    flood(small)
    before, cpu = forget_peak(), time.process_time()
    labels = flood((slice(None),) * 3)
    cpu, extra = time.process_time() - cpu, memory_mib("VmHWM") - before
    np.save(folder / f"{method}.npy", labels.astype(np.int32, copy=False))
    return {"cpu_s": cpu, "extra_mib": extra}


def equal_in_order(folder: Path) -> float:
    """Part of equal labels where scikit-image, too, takes equally high markers in z, y, x order.

    Its heap takes markers of one level in no stated order. A map that gives each of them a
    level of its own, between two of the others, leaves no choice.
    """
    from skimage.segmentation import watershed as other

    from napari_battery.labelling import watershed

    mask = np.load(folder / "mask.npy").view(bool)
    distance, markers = np.load(folder / "distance.npy"), np.load(folder / "markers.npy")
    levels = np.rint(distance * (254 / distance.max())).astype(np.int32)
    n = int(markers.max()) + 1
    ordered = -levels * (n + 1)
    ordered[markers > 0] -= n - markers[markers > 0]
    found = watershed(levels / np.float32(100), markers, mask)
    return float((found == other(ordered, markers, mask=mask)).mean())


def write_pack(folder: Path, size: int, void: float) -> None:
    from packs import pack

    image, truth = pack(size, void)
    np.save(folder / "image.npy", image)
    np.save(folder / "truth.npy", truth)


def in_process(*arguments: str) -> dict[str, object]:
    command = [sys.executable, __file__, *arguments]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(output.strip().splitlines()[-1])


def pipelines(size: int, methods: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        write_pack(Path(name), size, 0.45)
        print(f"\nGrey levels to labels, pack of {size}³ at a void of 0.45")
        for method in methods:
            row = in_process("--run", method, "--folder", name)
            n = size**3
            print(
                f"\n{method}: {row['cpu_s']:.1f} CPU s ({row['wall_s']:.1f} s), "
                f"{row['cpu_s'] / n * 1e9:.0f} ns and {row['extra_mib'] * 2**20 / n:.1f} bytes per "
                f"voxel ({row['extra_mib']:.0f} MiB), {row['found']} labels, recall "
                f"{row['recall']:.4f} of {row['particles_inside']}, "
                f"mean IoU {row['mean_iou']:.3f}, "
                f"adjusted Rand {row['adjusted_rand']:.4f}",
                flush=True,
            )
            for step, seconds in row["steps"].items():
                share = 100 * seconds / row["cpu_s"]
                print(f"  {step:28}{seconds / n * 1e9:8.1f} ns/voxel {share:5.1f} %", flush=True)


def watersheds(size: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_pack(folder, size, 0.45)
        write_map(folder)
        print(f"\nWatershed alone, the same map, markers and mask, {size}³")
        for method in ("ours float32", "skimage float32", "ours uint8", "skimage uint8"):
            row = in_process("--flood", method, "--folder", name)
            print(
                f"{method:16}{row['cpu_s']:8.2f} CPU s {row['cpu_s'] / size**3 * 1e9:7.1f} "
                f"ns/voxel {row['extra_mib']:7.0f} MiB",
                flush=True,
            )
        for kind in ("float32", "uint8"):
            one, two = (np.load(folder / f"{who} {kind}.npy", "r") for who in ("ours", "skimage"))
            print(f"equal labels, {kind}: {100 * np.mean(one == two):.4f} % of all voxels")
    with tempfile.TemporaryDirectory() as name:
        write_pack(Path(name), 192, 0.45)
        write_map(Path(name))
        equal = equal_in_order(Path(name))
        print(f"equal labels, uint8 with markers of one level in order, 192³: {100 * equal:g} %")


def accuracies(size: int) -> None:
    from napari_battery.labelling import label_particles
    from napari_battery.volume import Volume
    from packs import pack

    print(f"\nAccuracy on packs of {size}³; noise in parts of the contrast")
    for void in (0.35, 0.45, 0.55):
        for noise in (22.0, 44.0):
            image, truth = pack(size, void, noise=noise, seed=3)
            row = accuracy(truth, label_particles(Volume(image)).data)
            print(
                f"void {void}, noise {noise / 110:.1f}: recall {row['recall']:.4f} of "
                f"{row['particles_inside']}, mean IoU {row['mean_iou']:.3f}, adjusted Rand "
                f"{row['adjusted_rand']:.4f}",
                flush=True,
            )


def sand_counts() -> None:
    """Grains of the sand sample at settings a tenth, or a grey level, away from the defaults."""
    from napari_battery.labelling import LabelSettings, Stages
    from napari_battery.samples import sand

    stages, usual = Stages(sand()), LabelSettings()
    n = stages.run(usual).metadata["n_labels"]
    print(f"\nSand: {n} grains at the default settings; changes in percent")
    for field in ("denoise_size", "distance_smoothing", "marker_depth", "minimum_volume"):
        for factor in (0.9, 1.1):
            changed = usual.model_copy(update={field: factor * getattr(usual, field)})
            found = stages.run(changed).metadata["n_labels"]
            print(f"  {field} × {factor}: {100 * (found / n - 1):+.1f}")
    for step in (-1, 1):
        level = stages.threshold(usual) + step
        changed = usual.model_copy(update={"threshold": "manual", "manual_threshold": level})
        found = stages.run(changed).metadata["n_labels"]
        print(f"  threshold {step:+d}: {100 * (found / n - 1):+.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=512, help="edge of the pack in voxels")
    parts = ("pipelines", "watershed", "accuracy", "sand")
    parser.add_argument("--part", choices=parts, action="append", help="by default all")
    parser.add_argument("--run", choices=METHODS, help=argparse.SUPPRESS)
    parser.add_argument("--flood", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        print(json.dumps(run_pipeline(options.run, options.folder)))
        return
    if options.flood:
        print(json.dumps(run_watershed(options.flood, options.folder)))
        return
    chosen = options.part or parts
    if "accuracy" in chosen:
        accuracies(256)
    if "sand" in chosen:
        sand_counts()
    if "pipelines" in chosen:
        pipelines(min(options.size, 192), ["napari-battery", "PoreSpy"])
        pipelines(options.size, ["napari-battery", "scikit-image"])
    if "watershed" in chosen:
        watersheds(options.size)


if __name__ == "__main__":
    main()
