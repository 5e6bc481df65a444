"""Opening and showing a large contiguous TIFF: this reader beside napari's own.

Makes a 1024³ uint16 TIFF (2.15 GB; ``--side`` for another) in a temporary folder and, for
each reader in a process of its own, times: reading (call to layer data), adding the layer
until it is painted, and z steps until each is painted. Memory is what the process gained:
`new` is anonymous memory (what the program itself holds; pages of a mapped file can be
dropped by the system at any time), `peak` the highest resident size. The file is dropped
from the system's cache before each reader. Linux only.

    xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/bench_open.py
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

READERS = ("napari-battery", "napari")
TARGETS = {"read_s": 0.5, "new_mb": 100, "shown_s": 1.5, "z_step_ms": 50}


def make(path: Path, side: int) -> None:
    """Write slices of seeded noise around two grey levels; not worth compressing."""
    import tifffile

    rng = np.random.default_rng(0)
    base = rng.integers(0, 2000, (side, side), dtype=np.uint16)

    def slices():
        for z in range(side):
            page = np.roll(base, (z * 7, z * 13), axis=(0, 1))
            page[side // 4 : side // 2] += np.uint16(20_000)
            yield page

    tifffile.imwrite(path, slices(), shape=(side, side, side), dtype=np.uint16)


def forget(path: Path) -> None:
    """Drop the file from the system's cache, so that it is read from the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def anonymous_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    return float("nan")


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(path: str, reader: str, *, show: bool) -> dict[str, float]:
    """Figures of one reader, in this process."""
    if reader == "napari":
        from napari_builtins.io import napari_get_reader as get_reader
    else:
        from napari_battery.widgets.readers import get_reader
    import tifffile  # noqa: F401 - both use it; its import is not the reader's

    figures: dict[str, float] = {}
    viewer = None
    if show:
        import napari
        from qtpy.QtWidgets import QApplication

        viewer = napari.Viewer()
        viewer.window._qt_window.showMaximized()
        for _ in range(20):
            QApplication.processEvents()
    before, peak_before = anonymous_mb(), peak_mb()
    start = time.perf_counter()
    ((data, kwargs, *_),) = (
        entry if len(entry) > 1 else (*entry, {}) for entry in get_reader(path)(path)
    )
    figures["read_s"] = time.perf_counter() - start
    figures["new_mb"] = anonymous_mb() - before
    if viewer is None:
        figures["peak_mb"] = peak_mb() - peak_before
        return figures

    def painted() -> None:
        QApplication.processEvents()
        viewer.screenshot(flash=False)

    viewer.add_image(data, **kwargs)
    painted()
    figures["shown_s"] = time.perf_counter() - start
    middle = len(data) // 2
    for name, places in (
        ("z_step", range(middle, middle + 40)),
        ("z_jump", np.linspace(0, len(data) - 1, 40).astype(int)),
    ):
        times = []
        for z in places:
            begin = time.perf_counter()
            viewer.dims.set_current_step(0, int(z))
            QApplication.processEvents()
            times.append(1e3 * (time.perf_counter() - begin))
        figures[f"{name}_ms"] = statistics.median(times)
        figures[f"{name}_p95_ms"] = float(np.percentile(times, 95))
    figures["shown_new_mb"] = anonymous_mb() - before
    figures["peak_mb"] = peak_mb() - peak_before
    viewer.close()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--folder", type=Path, help="where to make the file")
    parser.add_argument("--no-window", action="store_true", help="only read, show nothing")
    parser.add_argument("--one", nargs=2, metavar=("FILE", "READER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(*options.one, show=not options.no_window)))
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder) / "stack.tif"
        make(path, options.side)
        print(f"{path.stat().st_size / 1e9:.2f} GB, targets {TARGETS}")
        for reader in READERS:
            command = [sys.executable, __file__, "--one", str(path), reader]
            command += ["--no-window"] * options.no_window
            forget(path)
            run = subprocess.run(command, capture_output=True, text=True)
            if run.returncode:
                print(f"{reader}: failed\n{run.stderr[-2000:]}")
                continue
            figures = json.loads(run.stdout.splitlines()[-1])
            print(f"{reader:>16}: " + ", ".join(f"{k} {v:.3g}" for k, v in figures.items()))


if __name__ == "__main__":
    main()
