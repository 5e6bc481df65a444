"""How fast and how surely single particles are looked into; on made-up electrodes.

    python benchmarks/bench_inside.py [--size 160] [--seed 3] [--every 4]

A packed synthetic electrode (contrast 74 grey levels, correlated noise of 14, blur, a
phase-contrast rim) in four states: particles drift, swell and darken towards their centre.

one particle: `inside_particle` in all four states, the places of the particles being known: what
a click in the dock costs. Median and largest over every so many particles that no face cuts.

all: `inside_all` over all particles of the electrode, those at its faces included, in processor
seconds; that for 10,000 particles of the paper's mean volume is *extrapolated* from it by
voxels. Peak memory is by how much the process grew meanwhile, looked at every 5 ms.

scipy, scikit-image: the same particles' crops by `phase_cross_correlation` (upsampled 20 times,
from the crops as they are), `ndimage.shift` (cubic), `gaussian_filter`, the core by
`distance_transform_edt`, difference and shares; the noise is not estimated.

error: length of the difference between found and true shift, in voxels; median, 90th percentile.

no change: an electrode that only drifts. Shares beyond 2 σ over what noise alone gives, and the
standard deviation of mean changes over their stated standard error; 1 is exact.
"""

from __future__ import annotations

import argparse
import resource
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy import ndimage
from skimage.registration import phase_cross_correlation

from napari_battery.registration.particle_boxes import Boxes, particle_boxes
from napari_battery.states.inside import inside_particle
from napari_battery.states.inside_all import inside_all
from napari_battery.states.inside_settings import InsideSettings
from napari_battery.synthetic import ElectrodeSettings, SyntheticElectrode, synthetic_electrode
from napari_battery.volume import Volume

PAPERS_VOLUME = 25_300  # voxels, GREAT2 paper, section 2.3
STILL = {
    "swelling": 0, "darkening_4_0": 0, "darkening_4_4": 0, "darkening_2_5": 0,
    "change_scatter": 0,
}  # fmt: skip
EXCLUDE, MARGIN, K_SIGMA = 5, 3, 3.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--every", type=int, default=4)
    options = parser.parse_args()
    n = options.size
    made = ElectrodeSettings(size_z=n, size_y=n, size_x=n, seed=options.seed)
    electrode = synthetic_electrode(made)
    labels, images = electrode.states[0].labels, [state.image for state in electrode.states]
    boxes = particle_boxes(labels)
    print(
        f"{len(boxes.labels)} particles in {n}³ voxels, mean {boxes.volumes.mean():,.0f} voxels, "
        f"{len(images)} states"
    )
    whole = electrode.truth.groupby("label")["touches_border"].any()
    some = [int(label) for label in whole.index[~whole] if label in boxes.labels][:: options.every]
    inside_particle(labels, images, some[0], boxes=boxes)  # compile
    ours = _one_by_one(labels, images, some, boxes)
    theirs = _scipy(labels, images, some, boxes)
    for name, times in (("ours", ours), ("scipy, scikit-image", theirs[0])):
        wall, cpu = np.array(times).T
        print(
            f"one particle in {len(images)} states, {name}: CPU median {np.median(cpu):.3f} s, "
            f"largest {cpu.max():.3f} s; wall median {np.median(wall):.3f} s ({len(times)} run)"
        )
    begin, start = time.perf_counter(), time.process_time()
    found, grown = _watched(lambda: inside_all(labels, images))
    table = found.table
    cpu, wall = time.process_time() - start, time.perf_counter() - begin
    share = 10_000 * PAPERS_VOLUME / float(boxes.volumes.sum())
    per_state = cpu / (len(images) - 1) * share
    print(
        f"all {len(boxes.labels)} in {len(images) - 1} later states: {cpu:.1f} CPU-s, {wall:.1f} s "
        f"wall, peak memory +{grown:.0f} MiB\n"
        f"10,000 particles of {PAPERS_VOLUME:,} voxels, extrapolated by voxels: "
        f"{per_state:.0f} CPU-s a state, {10_000 / per_state:.0f} particles a CPU-s"
    )
    _errors(table, theirs[1], electrode, some)
    _unchanged(made)


def _one_by_one(
    labels: Volume, images: list[Volume], some: list[int], boxes: Boxes
) -> list[tuple[float, float]]:
    times = []
    for label in some:
        begin, start = time.perf_counter(), time.process_time()
        inside_particle(labels, images, label, boxes=boxes)
        times.append((time.perf_counter() - begin, time.process_time() - start))
    return times


def _scipy(
    labels: Volume, images: list[Volume], some: list[int], boxes: Boxes
) -> tuple[list[tuple[float, float]], pd.DataFrame]:
    """The way by scipy and scikit-image."""
    times, rows = [], []
    for label in some:
        box = boxes.boxes[np.searchsorted(boxes.labels, label)]
        begin, start = time.perf_counter(), time.process_time()
        window = tuple(
            slice(max(a - MARGIN, 0), b + MARGIN) for a, b in zip(*box.tolist(), strict=True)
        )
        own = labels.data[window] == label
        core = np.round(ndimage.distance_transform_edt(np.pad(own, 1)))[1:-1, 1:-1, 1:-1] > EXCLUDE
        pristine = images[0].data[window].astype(np.float32)
        smooth = ndimage.gaussian_filter(pristine, 1.0)
        for state, image in enumerate(images[1:], 1):
            moving = image.data[window].astype(np.float32)
            shift, *_ = phase_cross_correlation(pristine, moving, upsample_factor=20)
            moved = ndimage.shift(moving, shift, order=3, mode="nearest")
            change = (ndimage.gaussian_filter(moved, 1.0) - smooth)[core]
            sigma = float(change.std()) if len(change) else np.nan
            rows.append(
                (label, state, *-np.asarray(shift), float((change < -K_SIGMA * sigma).mean()))
            )
        times.append((time.perf_counter() - begin, time.process_time() - start))
    columns = ["label", "number", "shift_z", "shift_y", "shift_x", "fell_share"]
    return times, pd.DataFrame(rows, columns=columns)


def _errors(
    table: pd.DataFrame, theirs: pd.DataFrame, electrode: SyntheticElectrode, some: list[int]
) -> None:
    truth = electrode.truth.set_index(["state", "label"])
    axes = [f"shift_{axis}_um" for axis in "zyx"]
    size = electrode.settings.voxel_size_um
    ours = table.set_index(["state", "label"])
    names = [state.name for state in electrode.states]
    apart: dict[str, list[float]] = {"ours": [], "scipy, scikit-image": []}
    for row in theirs.itertuples():
        key = (names[int(row.number)], row.label)
        true = truth.loc[key, axes].to_numpy(float) / size
        found = ours.loc[key, axes].to_numpy(float) / size
        apart["ours"].append(float(np.linalg.norm(found - true)))
        other = np.array([row.shift_z, row.shift_y, row.shift_x])
        apart["scipy, scikit-image"].append(float(np.linalg.norm(other - true)))
    for name, values in apart.items():
        middle, most = np.nanpercentile(values, [50, 90])
        print(
            f"error of the shift, {name}: median {middle:.3f}, 90th percentile {most:.3f} voxel "
            f"({np.isfinite(values).sum()} of {len(values)} found)"
        )
    now = ours.loc[[(name, label) for name in names[1:] for label in some]]
    true = truth.loc[now.index, "core_grey"].to_numpy()
    before = truth.loc["pristine"].loc[now.index.get_level_values("label"), "core_grey"].to_numpy()
    off = (now["change_mean"].to_numpy() - (true - before)) / now["change_se"].to_numpy()
    print(
        f"mean change of cores: error over its stated standard error has a standard deviation of "
        f"{np.nanstd(off):.2f}, a mean of {np.nanmean(off):+.2f} ({np.isfinite(off).sum()} cores)"
    )


def _unchanged(made: ElectrodeSettings) -> None:
    shares, off = [], []
    for seed in (101, 102, 103):
        electrode = synthetic_electrode(made.model_copy(update={**STILL, "seed": seed}))
        images = [state.image for state in electrode.states]
        found = inside_all(electrode.states[0].labels, images, InsideSettings(k_sigma=2)).table
        found = found[found["change_voxels"] > 500]
        weight = found["change_voxels"]
        for name in ("fell_share", "rose_share"):
            shares.append(np.average(found[name] / found["expected_share"], weights=weight))
        off.append(found["change_mean"] / found["change_se"])
    print(
        f"no change: shares beyond 2 σ over the expected one {np.mean(shares):.2f} "
        f"({min(shares):.2f} to {max(shares):.2f}), mean change over its standard error "
        f"{np.concatenate(off).std():.2f}"
    )


def _watched(step: Callable[[], Any]) -> tuple[Any, float]:
    """What a step returns, and how much the process grew meanwhile at most, in MiB."""
    page = resource.getpagesize() / 2**20
    most, done = [0.0], threading.Event()

    def resident() -> float:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * page

    first = resident()

    def watch() -> None:
        while not done.wait(0.005):
            most[0] = max(most[0], resident() - first)

    watcher = threading.Thread(target=watch)
    watcher.start()
    result = step()
    done.set()
    watcher.join()
    return result, most[0]


if __name__ == "__main__":
    main()
