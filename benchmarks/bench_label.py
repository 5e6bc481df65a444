"""CPU time, memory and accuracy of the labelling beside scikit-image and PoreSpy.

    python benchmarks/bench_label.py [--size 256]

Each method runs in a process of its own, once on a small volume (compiled code and imports)
and then on the real sand sample mirrored to a cube, and on the pristine synthetic electrode,
where the truth is known. Memory is the rise of the process's peak above its input.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np


def ours(image: np.ndarray) -> np.ndarray:
    from napari_battery.labelling import label_particles
    from napari_battery.volume import Volume

    return label_particles(Volume(image)).data


def _skimage_mask(image: np.ndarray) -> np.ndarray:
    """Denoise, threshold and clean as the default settings of ours do."""
    from scipy import ndimage
    from skimage.filters import gaussian, threshold_otsu
    from skimage.morphology import remove_small_objects

    smooth = gaussian(image, 1, preserve_range=True)
    mask = ndimage.binary_fill_holes(smooth > threshold_otsu(image))
    return remove_small_objects(mask, max_size=99)


def skimage(image: np.ndarray) -> np.ndarray:
    """The usual pipeline in floating point; peaks at least 5 voxels apart."""
    from scipy import ndimage
    from skimage.feature import peak_local_max
    from skimage.segmentation import watershed

    mask = _skimage_mask(image)
    distance = ndimage.gaussian_filter(ndimage.distance_transform_edt(mask), 1)
    markers = np.zeros(image.shape, np.int32)
    peaks = peak_local_max(distance, min_distance=5, labels=mask.astype(np.int32))
    markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return watershed(-distance, markers, mask=mask)


def porespy(image: np.ndarray) -> np.ndarray:
    """SNOW on the same mask, its defaults."""
    import porespy as ps

    ps.settings.tqdm["disable"] = True
    return ps.filters.snow_partitioning(_skimage_mask(image)).regions


METHODS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "napari-battery": ours,
    "scikit-image": skimage,
    "PoreSpy": porespy,
}


def sand_cube(size: int) -> np.ndarray:
    """The sand sample, mirrored at its faces to a cube."""
    from napari_battery.samples import sand

    data = sand().data
    return np.pad(data, [(0, max(size - n, 0)) for n in data.shape], "symmetric")[
        :size, :size, :size
    ]


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(method: str, size: int) -> dict[str, float]:
    """CPU seconds, wall seconds, MiB and accuracy of one method, in this process."""
    from napari_battery.labelling import match_labels
    from napari_battery.synthetic import ElectrodeSettings, synthetic_electrode

    label = METHODS[method]
    cube = sand_cube(size)
    label(cube[:48, :48, :48].copy())
    before, cpu, wall = peak_mib(), time.process_time(), time.perf_counter()
    grains = label(cube)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    result = {
        "cpu_s": cpu,
        "wall_s": wall,
        "mvoxel_per_cpu_s": cube.size / cpu / 1e6,
        "extra_mib": peak_mib() - before,
        "grains": int(len(np.unique(grains)) - 1),
    }
    electrode = synthetic_electrode(ElectrodeSettings(size_z=160, size_y=288, size_x=288))
    first = electrode.states[0]
    truth = electrode.truth[electrode.truth.state == "pristine"]
    inside = truth.label[~truth.touches_border]
    found = np.asarray(label(first.image.data)).astype(np.int32)
    iou = match_labels(first.labels.data, found).set_index("label").iou.loc[inside]
    result |= {
        "true_particles_inside": len(inside),
        "recall_iou_0.7": float((iou > 0.7).mean()),
        "mean_iou": float(iou.mean()),
    }
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=256, help="edge of the sand cube in voxels")
    parser.add_argument("--method", choices=METHODS, help="measure one, print JSON")
    options = parser.parse_args()
    if options.method:
        print(json.dumps(measure(options.method, options.size)))
        return
    print(f"sand mirrored to {options.size}³; synthetic electrode 160 × 288 × 288")
    columns = (
        ("CPU s", "cpu_s", ".2f"),
        ("wall s", "wall_s", ".2f"),
        ("Mvoxel/CPU-s", "mvoxel_per_cpu_s", ".2f"),
        ("extra MiB", "extra_mib", ".0f"),
        ("grains", "grains", "d"),
        ("recall (synthetic)", "recall_iou_0.7", ".3f"),
        ("mean IoU", "mean_iou", ".3f"),
    )
    print(f"{'':16}" + "".join(f"{title:>20}" for title, _, _ in columns))
    for method in METHODS:
        command = [sys.executable, __file__, "--method", method, "--size", str(options.size)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        row = json.loads(output.strip().splitlines()[-1])
        print(f"{method:16}" + "".join(f"{row[key]:>20{form}}" for _, key, form in columns))


if __name__ == "__main__":
    main()
