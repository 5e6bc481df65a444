"""CPU time, memory and accuracy of each filter beside other libraries' on the same input.

    python benchmarks/bench_filter.py [--size 160] [--only median gaussian]
    python benchmarks/bench_filter.py --large FOLDER

The first: the synthetic electrode with its noise (standard deviation 14), 8 bits; each method
runs in a process of its own, first on a small part (compiled code and imports). Memory is the
rise of the process's peak above its input. PSNR is against the same electrode without noise.
SimpleITK, diplib and OpenCV are not needed by the program; what is not installed is left out.

The second: a TIFF of 1024³ 16-bit voxels (2.1 GB) through several filters into a file, in
processes that are allowed 1 GiB of memory.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

SIGMA = 14.0
ITERATIONS = {"anisotropic-diffusion": 5, "total-variation": 20}
ALLOWED_BYTES = 2**30

Method = Callable[[np.ndarray], np.ndarray]


def ours(name: str, **more: object) -> Method:
    from napari_battery.filters import FILTERS, filter_image
    from napari_battery.volume import Volume

    settings = FILTERS[name].settings
    given = {"noise": SIGMA} if "noise" in settings.model_fields else {}
    return lambda image: np.asarray(filter_image(Volume(image), settings(**given, **more)).data)


def itk(run: Callable) -> Method:
    import SimpleITK

    def method(image: np.ndarray) -> np.ndarray:
        filtered = run(SimpleITK, SimpleITK.GetImageFromArray(image))
        return SimpleITK.GetArrayFromImage(filtered)

    return method


def dip(run: Callable) -> Method:
    import diplib

    return lambda image: np.asarray(run(diplib, diplib.Image(image)))


def skimage_nlm(image: np.ndarray) -> np.ndarray:
    from skimage.restoration import denoise_nl_means

    return denoise_nl_means(image.astype("f4"), 5, 3, h=0.8 * SIGMA, sigma=SIGMA, fast_mode=True)


def opencv_nlm(image: np.ndarray) -> np.ndarray:
    import cv2

    return np.stack([cv2.fastNlMeansDenoising(part, None, 0.8 * SIGMA, 5, 7) for part in image])


def scipy_filter(name: str, *arguments: object) -> Method:
    from scipy import ndimage

    return lambda image: getattr(ndimage, name)(image, *arguments)


def rank_median(image: np.ndarray) -> np.ndarray:
    from skimage.filters.rank import median

    return median(image, np.ones((3, 3, 3), "u1"))


def skimage_unsharp(image: np.ndarray) -> np.ndarray:
    from skimage.filters import unsharp_mask

    return unsharp_mask(image, 1.5, 0.6, preserve_range=True)


def skimage_tv(image: np.ndarray) -> np.ndarray:
    from skimage.restoration import denoise_tv_chambolle

    return denoise_tv_chambolle(
        image.astype("f4"), 0.7 * SIGMA, eps=0, max_num_iter=ITERATIONS["total-variation"]
    )


def skimage_rescale(image: np.ndarray) -> np.ndarray:
    from skimage.exposure import rescale_intensity

    limits = tuple(np.percentile(image, (0.1, 99.9)))
    return rescale_intensity(image, limits, (0, 255)).astype("u1")


METHODS: dict[str, dict[str, tuple[str, Callable[[], Method]]]] = {
    "non-local-means": {
        "scikit-image, fast mode": ("skimage", lambda: skimage_nlm),
        "napari-battery, per slice": (
            "napari_battery",
            lambda: ours("non-local-means", per_slice=True),
        ),
        "OpenCV, per slice": ("cv2", lambda: opencv_nlm),
    },
    "median": {
        "scipy": ("scipy", lambda: scipy_filter("median_filter", 3)),
        "scikit-image rank": ("skimage", lambda: rank_median),
        "SimpleITK": ("SimpleITK", lambda: itk(lambda s, i: s.Median(i, [1] * 3))),
        "diplib": (
            "diplib",
            lambda: dip(lambda d, i: d.MedianFilter(i, d.Kernel(3, "rectangular"))),
        ),
    },
    "gaussian": {
        "scipy, rounding each axis": ("scipy", lambda: scipy_filter("gaussian_filter", 1.0)),
        "scipy, 32-bit floats": (
            "scipy",
            lambda: scipy_filter("gaussian_filter", 1.0, 0, np.dtype("f4")),
        ),
        "SimpleITK, recursive": (
            "SimpleITK",
            lambda: itk(lambda s, i: s.SmoothingRecursiveGaussian(i, 1.0)),
        ),
        "diplib": ("diplib", lambda: dip(lambda d, i: d.Gauss(i, [1.0]))),
    },
    "anisotropic-diffusion": {
        "SimpleITK, gradient": (
            "SimpleITK",
            lambda: itk(
                lambda s, i: s.GradientAnisotropicDiffusion(
                    s.Cast(i, s.sitkFloat32), 1 / 16, 1.5, 1, ITERATIONS["anisotropic-diffusion"]
                )
            ),
        ),
        "diplib": (
            "diplib",
            lambda: dip(
                lambda d, i: d.PeronaMalikDiffusion(
                    i, ITERATIONS["anisotropic-diffusion"], 1.5 * SIGMA, 1 / 7, "quadratic"
                )
            ),
        ),
    },
    "unsharp": {
        "scikit-image": ("skimage", lambda: skimage_unsharp),
        "SimpleITK": (
            "SimpleITK",
            lambda: itk(lambda s, i: s.UnsharpMask(s.Cast(i, s.sitkFloat32), [1.5] * 3, 0.6, 0.0)),
        ),
    },
    "cupping": {},
    "mean": {
        "scipy": ("scipy", lambda: scipy_filter("uniform_filter", 3)),
        "SimpleITK": ("SimpleITK", lambda: itk(lambda s, i: s.Mean(i, [1] * 3))),
        "diplib": ("diplib", lambda: dip(lambda d, i: d.Uniform(i, d.Kernel(3, "rectangular")))),
    },
    "total-variation": {"scikit-image": ("skimage", lambda: skimage_tv)},
    "bilateral": {
        "SimpleITK": ("SimpleITK", lambda: itk(lambda s, i: s.Bilateral(i, 1.5, 2.5 * SIGMA))),
        "diplib, separable": (
            "diplib",
            lambda: dip(lambda d, i: d.BilateralFilter(i, d.Image(), [1.5], 2.5 * SIGMA, 2.5)),
        ),
    },
    "rings": {},
    "rescale": {"scikit-image": ("skimage", lambda: skimage_rescale)},
}
OURS = "napari-battery"


def electrode(size: int, noise: float) -> np.ndarray:
    from napari_battery.synthetic import ElectrodeSettings, synthetic_electrode

    settings = ElectrodeSettings(size_z=size, size_y=size, size_x=size, noise=noise)
    return np.asarray(synthetic_electrode(settings).states[0].image.data)


def peak_mib(since_now: bool = False) -> float:
    """Largest memory of this process so far, or from now on."""
    if since_now:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def measure(name: str, library: str, folder: Path) -> dict[str, float]:
    """CPU and wall seconds, MiB and PSNR of one method, in this process."""
    method = ours(name) if library == OURS else METHODS[name][library][1]()
    image, truth = np.load(folder / "noisy.npy"), np.load(folder / "clean.npy", mmap_mode="r")
    method(image[:24, :24, :24].copy())
    before, cpu, wall = peak_mib(since_now=True), time.process_time(), time.perf_counter()
    result = method(image)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    extra = peak_mib() - before
    inner = (slice(8, -8),) * 3
    error = np.asarray(result[inner], np.float32) - truth[inner]
    return {
        "mvoxel_per_cpu_s": image.size / cpu / 1e6,
        "wall_s": wall,
        "extra_mib": extra,
        "psnr": float(20 * np.log10(255 / np.sqrt(np.mean(error**2)))),
    }


def compare(size: int, only: list[str]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "noisy.npy", electrode(size, SIGMA))
        np.save(folder / "clean.npy", electrode(size, 0))
        print(f"synthetic electrode, {size}³ voxels of 8 bits, noise {SIGMA:g}")
        print(f"{'filter':24}{'library':28}{'Mvoxel/CPU-s':>14}{'wall s':>9}{'MiB':>7}{'PSNR':>7}")
        for one in only or METHODS:
            there = [k for k, (m, _) in METHODS[one].items() if importlib.util.find_spec(m)]
            for library in (OURS, *there):
                row = in_process("--measure", one, library, str(folder))
                print(
                    f"{one:24}{library:28}{row['mvoxel_per_cpu_s']:14.2f}{row['wall_s']:9.2f}"
                    f"{row['extra_mib']:7.0f}{row['psnr']:7.1f}",
                    flush=True,
                )


def in_process(*arguments: str) -> dict[str, float]:
    command = [sys.executable, __file__, *arguments]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(output.strip().splitlines()[-1])


def own_mib() -> float:
    """Memory of this process that is no file's."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) / 1024


def large_one(name: str, folder: Path) -> dict[str, float]:
    """Filter the large file in this process, which may not take more than is allowed."""
    from napari_battery.filters import FILTERS, filter_image
    from napari_battery.io import read_volume

    resource.setrlimit(resource.RLIMIT_DATA, (ALLOWED_BYTES, ALLOWED_BYTES))
    peak, done = [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            peak[0] = max(peak[0], own_mib())

    watcher = threading.Thread(target=watch)
    watcher.start()
    settings = FILTERS[name].settings()
    cpu, wall = time.process_time(), time.perf_counter()
    result = filter_image(read_volume(folder / "large.tif"), settings, out=folder / "filtered.tif")
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    done.set()
    watcher.join()
    return {
        "gb": result.data.nbytes / 1e9,
        "peak_mib": peak[0],
        "wall_s": wall,
        "mvoxel_per_cpu_s": result.data.size / cpu / 1e6,
    }


def large(folder: Path, names: list[str]) -> None:
    from napari_battery.io import write_volume
    from napari_battery.io.lazy import LazyArray
    from napari_battery.volume import Volume

    tile = electrode(128, SIGMA).astype("u2") * 200
    shape = (1024, 1024, 1024)

    def read(window: tuple[slice, ...]) -> np.ndarray:
        index = [np.arange(w.start, w.stop) % 128 for w in window]
        return tile[np.ix_(*index)]

    write_volume(folder / "large.tif", Volume(LazyArray(shape, "u2", read)))
    print(f"{shape} voxels of 16 bits, {ALLOWED_BYTES / 2**20:.0f} MiB allowed")
    print(f"{'filter':24}{'GB':>6}{'peak MiB':>10}{'wall s':>8}{'Mvoxel/CPU-s':>14}")
    for name in names or ["gaussian", "median", "non-local-means"]:
        row = in_process("--large-one", name, str(folder))
        print(
            f"{name:24}{row['gb']:6.1f}{row['peak_mib']:10.0f}{row['wall_s']:8.0f}"
            f"{row['mvoxel_per_cpu_s']:14.2f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=160, help="edge of the electrode in voxels")
    parser.add_argument("--only", nargs="+", choices=METHODS, default=[], metavar="FILTER")
    parser.add_argument("--large", type=Path, metavar="FOLDER", help="needs 5 GB of room")
    parser.add_argument("--measure", nargs=3, help="measure one, print JSON")
    parser.add_argument("--large-one", nargs=2, help="filter the large file once, print JSON")
    options = parser.parse_args()
    if options.measure:
        name, library, folder = options.measure
        print(json.dumps(measure(name, library, Path(folder))))
    elif options.large_one:
        print(json.dumps(large_one(options.large_one[0], Path(options.large_one[1]))))
    elif options.large:
        large(options.large, options.only)
    else:
        compare(options.size, options.only)


if __name__ == "__main__":
    main()
