"""Truth and speed of the phases: thresholds, random field, classifier.

    python benchmarks/bench_phases.py DATA_FOLDER [--size 256]

DATA_FOLDER holds ``nmc_segmented`` (a segmented NMC cathode, MATBOX) and ``nmc_nanoct``
(nano-CT slices with labels, SegmentPy).

Three parts. A synthetic image, made from the segmented cathode by grey levels, blur and noise:
intersection over union of each phase. The real slices, in 2-D: Dice of each label, the
classifier tested on slices it did not learn from. And million voxels per CPU second of each
method on a synthetic cube.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from napari_battery.io import read_volume
from napari_battery.labelling.classifier import train_classifier
from napari_battery.labelling.classifier_settings import ClassifierSettings
from napari_battery.labelling.phases import classify, segment_phases
from napari_battery.labelling.phases_model import prepare_phases
from napari_battery.labelling.phases_settings import PHASE_CODES, PhaseSettings
from napari_battery.labelling.thresholds import threshold_levels
from napari_battery.volume import Volume

GREY = {"pore": 60.0, "active": 180.0, "binder": 110.0}
FOLDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", metavar="DATA_FOLDER", type=Path)
    parser.add_argument("--size", type=int, default=256, help="edge of the cube for speed")
    options = parser.parse_args()
    for blur, noise in ((0.5, 22), (0.7, 15), (0.7, 25)):
        synthetic(options.data / "nmc_segmented", blur, noise)
    slices(options.data / "nmc_nanoct")
    speed(options.size)


def three_phase_image(folder: Path, blur: float, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Codes of a part of the cathode, and a synthetic 8-bit image of them."""
    from scipy import ndimage

    (file,) = folder.glob("*.tif")
    truth = np.asarray(read_volume(file).data)[40:200, 50:250, 50:250]
    levels = np.zeros(3, np.float32)
    for name, code in PHASE_CODES.items():
        levels[code] = GREY[name]
    grey = ndimage.gaussian_filter(levels[truth], blur)
    grey += noise * np.random.default_rng(0).standard_normal(grey.shape, np.float32)
    return truth, np.clip(np.rint(grey), 0, 255).astype(np.uint8)


def strokes(truth: np.ndarray, planes: list[int], n: int, length: int, seed: int) -> np.ndarray:
    """Scribbles as a person draws them: straight strokes that each stay within one phase."""
    rng = np.random.default_rng(seed)
    drawn = np.zeros(truth.shape, np.uint8)
    for z in planes:
        for code in np.unique(truth[z]):
            y, x = np.nonzero(truth[z] == code)
            for at in rng.integers(0, len(y), n):
                angle = rng.uniform(0, 2 * np.pi)
                for step in range(length):
                    j = round(y[at] + step * np.sin(angle))
                    i = round(x[at] + step * np.cos(angle))
                    if not (0 <= j < truth.shape[1] and 0 <= i < truth.shape[2]):
                        break
                    if truth[z, j, i] != code:
                        break
                    drawn[z, j, i] = code + 1
    return drawn


def overlap(found: np.ndarray, truth: np.ndarray, code: int, dice: bool = False) -> float:
    a, b = found == code, truth == code
    both = np.count_nonzero(a & b)
    if dice:
        return 2 * both / max(np.count_nonzero(a) + np.count_nonzero(b), 1)
    return both / max(np.count_nonzero(a | b), 1)


def synthetic(folder: Path, blur: float, noise: float) -> None:
    truth, grey = three_phase_image(folder, blur, noise)
    image = Volume(grey, name="synthetic", metadata={"synthetic": True})
    shares = ", ".join(f"{k} {np.mean(truth == v):.3f}" for k, v in PHASE_CODES.items())
    print(f"\nSynthetic cathode {grey.shape}, blur {blur}, noise {noise} grey levels ({shares})")
    print(f"grey levels {GREY}")
    print(f"{'':34s}" + "".join(f"{name:>9s}" for name in PHASE_CODES))
    drawn = strokes(truth, [30, 80, 130], 25, 12, 0)
    classifier = train_classifier(image, drawn)
    learned = "classifier"
    runs: dict[str, PhaseSettings] = {
        "multi-Otsu, raw": PhaseSettings(n_phases=3, denoise="none", smoothing_weight=0),
        "multi-Otsu, median": PhaseSettings(n_phases=3, denoise="median", smoothing_weight=0),
        "multi-Otsu, Gaussian": PhaseSettings(n_phases=3, smoothing_weight=0),
        "  + random field (default)": PhaseSettings(n_phases=3),
        "  + random field, shell of 2 taken": PhaseSettings(n_phases=3, binder_shell=2),
        learned: PhaseSettings(method="classifier", smoothing_weight=0),
        "  + random field": PhaseSettings(method="classifier"),
    }
    for name, settings in runs.items():
        chosen = classifier if settings.method == "classifier" else None
        codes = np.asarray(segment_phases(image, settings, classifier=chosen).data)
        away = np.delete(np.arange(len(truth)), [30, 80, 130])  # where nothing was scribbled
        values = [overlap(codes[away], truth[away], code) for code in PHASE_CODES.values()]
        print(f"{name:34s}" + "".join(f"{v:9.3f}" for v in values))
    said = ", ".join(f"{n:,} {name}" for name, n in classifier.training_voxels.items())
    print(f"classifier: scribbled voxels {said}; out of bag {classifier.accuracy:.3f}")


def slices(folder: Path) -> None:
    names = sorted(p.stem for p in folder.glob("*.tif") if not p.stem.endswith("_label"))
    images, labels = [], []
    for name in names:
        grey = np.asarray(read_volume(folder / f"{name}.tif").data, np.float32)
        low, high = np.percentile(grey, [1, 99])
        images.append((grey - low) / (high - low))
        labels.append(np.asarray(read_volume(folder / f"{name}_label.tif").data))
    shape = np.max([g.shape for g in images], axis=0)
    stack = np.full((len(names), *shape), np.nan, np.float32)  # NaN: beyond a smaller slice
    truth = np.full(stack.shape, 255, np.uint8)
    for k, (grey, label) in enumerate(zip(images, labels, strict=True)):
        stack[k, : grey.shape[0], : grey.shape[1]] = grey
        truth[k, : grey.shape[0], : grey.shape[1]] = label
    found = {"Otsu, raw": [], "Otsu, Gaussian": [], "Otsu, random field": []}  # type: ignore[var-annotated]
    given = {
        "Otsu, raw": PhaseSettings(denoise="none", smoothing_weight=0),
        "Otsu, Gaussian": PhaseSettings(smoothing_weight=0),
        "Otsu, random field": PhaseSettings(),
    }
    for name, settings in given.items():
        for grey in images:
            active = segment_phases(Volume(grey), settings).data == 1
            found[name].append(np.where(active, 0, 1).astype(np.uint8))
    print(f"\nReal nano-CT slices of NMC, 2-D, {len(names)} slices; mean Dice over slices")
    print(f"{'':34s} {'0 active':>9s} {'1':>9s} {'2':>9s} {'1 or 2':>9s}")
    for name, codes in found.items():
        active = [overlap(c, t, 0, dice=True) for c, t in zip(codes, labels, strict=True)]
        rest = [overlap(c > 0, t > 0, 1, dice=True) for c, t in zip(codes, labels, strict=True)]
        print(f"{name:34s} {np.mean(active):9.3f} {'':9s} {'':9s} {np.mean(rest):9.3f}")
    for title, draw in (
        ("classifier, strokes", lambda t, p: strokes(t, p, 60, 15, 0)),
        ("classifier, 2 % of all pixels", some_pixels),
    ):
        _leave_out(title, names, stack, truth, labels, draw)


def some_pixels(truth: np.ndarray, planes: list[int]) -> np.ndarray:
    rng = np.random.default_rng(0)
    drawn = np.zeros(truth.shape, np.uint8)
    for z in planes:
        drawn[z] = np.where(rng.random(truth[z].shape) < 0.02, truth[z] + 1, 0)
    return drawn


def _leave_out(
    title: str, names: list[str], stack: np.ndarray, truth: np.ndarray, labels: list[np.ndarray],
    draw: Callable[[np.ndarray, list[int]], np.ndarray],
) -> None:  # fmt: skip
    settings = ClassifierSettings(per_slice=True, match_grey=False, samples_per_phase=40_000)
    # of 254 and 255 (beyond the slice) nothing is drawn
    inside = np.where(truth == 255, 0, truth)
    scores: dict[float, list[list[float]]] = {0.0: [], 0.75: []}
    accuracies = []
    for fold in range(FOLDS):
        tested = [k for k in range(len(names)) if k % FOLDS == fold]
        planes = [k for k in range(len(names)) if k % FOLDS != fold]
        drawn = np.where(np.isfinite(stack), draw(inside, planes), 0)
        image = Volume(stack, name="slices")
        phases = {1: "active", 2: "rest 1", 3: "rest 2"}
        classifier = train_classifier(image, drawn, settings, names=phases)
        accuracies.append(classifier.accuracy)
        for k in tested:
            label = labels[k]
            grey = stack[k, : label.shape[0], : label.shape[1]]
            for weight, rows in scores.items():
                asked = PhaseSettings(method="classifier", smoothing_weight=weight)
                codes = segment_phases(Volume(grey), asked, classifier=classifier).data
                row = [overlap(codes, label, c, dice=True) for c in (0, 1, 2)]
                rows.append([*row, overlap(codes > 0, label > 0, 1, dice=True)])
    for weight, rows in scores.items():
        name = f"{title}{', random field' if weight else ''}"
        print(f"{name:34s} " + " ".join(f"{v:9.3f}" for v in np.mean(rows, axis=0)))
    print(f"{'':34s} (out of bag {np.mean(accuracies):.3f})")


def speed(size: int) -> None:
    truth, grey = _cube(size)
    image = Volume(grey, name="cube", metadata={"synthetic": True})
    print(f"\nSpeed on a synthetic {size}³ 8-bit cube, three phases where the method has them")
    print(f"{'':34s} {'Mvoxel per CPU s':>17s}")

    def timed(name: str, run: Callable[[], Any], n: int = grey.size) -> Any:
        run()  # compiled
        start = time.process_time()
        result = run()
        print(f"{name:34s} {n / 1e6 / (time.process_time() - start):17.2f}")
        return result

    for method in ("otsu", "li", "yen", "triangle", "minimum"):
        timed(f"levels: {method}", lambda method=method: threshold_levels(image, method))
    timed("levels: multi-otsu", lambda: threshold_levels(image, "multi-otsu", 3))
    wide = Volume(grey.astype(np.uint16) * 250)
    timed("levels: multi-otsu, 16 bits", lambda: threshold_levels(wide, "multi-otsu", 3))
    plain = {"denoise": "none", "smoothing_weight": 0.0}
    for name, settings in {
        "threshold, raw": PhaseSettings(n_phases=3, **plain),
        "threshold, Gaussian": PhaseSettings(n_phases=3, smoothing_weight=0),
        "threshold, Gaussian, random field": PhaseSettings(n_phases=3),
        "  + binder shell of 2 taken": PhaseSettings(n_phases=3, binder_shell=2),
        "local, box of 31": PhaseSettings(method="local", smoothing_weight=0),
        "hysteresis": PhaseSettings(method="hysteresis"),
        "threshold, holes and islands": PhaseSettings(
            fill_holes=True, minimum_volume=50, smoothing_weight=0
        ),
    }.items():
        timed(name, lambda settings=settings: segment_phases(image, settings))
    part = Volume(np.ascontiguousarray(grey[: size // 2, : size // 2, : size // 2]))
    drawn = strokes(truth[: size // 2, : size // 2, : size // 2], [20, 60, 100], 25, 12, 0)
    for name, settings in {
        "classifier, 4 scales, 50 trees": ClassifierSettings(),
        "classifier, 2 scales, 25 trees": ClassifierSettings(n_scales=2, n_trees=25),
    }.items():
        start = time.perf_counter()
        classifier = train_classifier(part, drawn, settings)
        took = time.perf_counter() - start
        timed(name, lambda c=classifier: classify(part, c), part.data.size)
        n = sum(classifier.training_voxels.values())
        print(f"{'':34s} (trained on {n:,} voxels in {took:.1f} s)")
    settings = PhaseSettings(method="classifier")
    model = prepare_phases(part, settings)
    timed(
        "  + random field",
        lambda: segment_phases(part, settings, model=model, classifier=classifier),
        part.data.size,
    )


def _cube(size: int) -> tuple[np.ndarray, np.ndarray]:
    from scipy import ndimage

    rng = np.random.default_rng(0)
    field = rng.standard_normal((size // 2,) * 3, np.float32)
    field = np.kron(ndimage.gaussian_filter(field, 4, mode="wrap"), np.ones((2, 2, 2)))
    truth = np.array([0, 2, 1], np.uint8)[np.digitize(field, np.quantile(field, [0.4, 0.5]))]
    levels = np.array([GREY[name] for name in PHASE_CODES], np.float32)
    grey = levels[truth] + 20 * rng.standard_normal(truth.shape, np.float32)
    return truth, np.clip(np.rint(grey), 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
