"""Labels through states: how many keep their identity, and what that costs.

    python benchmarks/bench_propagate.py quality [--seeds 1 2 3]
    python benchmarks/bench_propagate.py speed [--size 512]

Quality: made-up electrodes of 256³ voxels (some 700 particles, blur, noise, see
`napari_battery.synthetic.moved`), labelled by our defaults before a known motion and followed
through it. Counted are whole particles that the first labels had found (IoU above 0.5 with a
true one). "right": their label has an IoU above 0.5 with the same true particle afterwards.

Speed: one later state, each method in a process of its own after a small run (compiled code
and imports). Memory is the process's peak above what it holds before the run, inputs included.
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

from napari_battery.labelling import (
    ConsistencySettings,
    LabelSettings,
    PropagateSettings,
    Propagation,
    Stages,
    as_published,
    check_consistency,
    label_particles,
    match_labels,
    propagate_labels,
    recommended,
)
from napari_battery.synthetic import ElectrodeSettings
from napari_battery.synthetic.moved import Motion, moved_electrode
from napari_battery.volume import Volume

CASES = {
    "no motion": Motion(),
    "drift 0.5, swelling 2 %": Motion(drift=0.5, growth=0.02),
    "drift 1.5": Motion(drift=1.5),
    "5 % jump, σ 4": Motion(jump_share=0.05, jump=4),
    "misregistration 3": Motion(shift=3),
    "misregistration 6": Motion(shift=6),
    "growth 10 %": Motion(growth=0.1),
    "drift 3 (beyond)": Motion(drift=3),
}
"""Lengths in voxels; drifts and jumps are standard deviations per axis."""


def electrode(size: int, seed: int) -> ElectrodeSettings:
    """Particles of a median diameter of 27 voxels."""
    return ElectrodeSettings(size_z=size, size_y=size, size_x=size, voxel_size_um=0.375, seed=seed)


def stands_for(labels: np.ndarray, truth: np.ndarray) -> dict[int, int]:
    """The true particle that each label has an IoU above 0.5 with."""
    table = match_labels(labels, truth)
    table = table[table.iou > 0.5]
    return dict(zip(table.label, table.found, strict=True))


def outcome(
    result: Propagation, rules: ConsistencySettings, before: dict[int, int], now: dict[int, int]
) -> np.ndarray:
    """Whole true particles, right ones, kept right ones, kept wrong ones."""
    table = check_consistency(result.table, rules, result.contacts)
    cut = set(table.label[table.touches_border])
    whole = set(before) - cut
    right = {label for label in whole if now.get(label) == before[label]}
    kept = set(table.label[table.kept]) & set(before)
    return np.array([len(whole), len(right), len(kept & right), len(kept - right)])


def quality(seeds: list[int]) -> None:
    rows: dict[str, np.ndarray] = {name: np.zeros(10, int) for name in CASES}
    for seed in seeds:
        states = moved_electrode(electrode(256, seed), list(CASES.values()))
        reference = label_particles(states[0][0])
        before = stands_for(reference.data, states[0][1].data)
        print(
            f"seed {seed}: {len(np.unique(states[0][1].data)) - 1} true particles, "
            f"{reference.metadata['n_labels']} labels, {len(before)} stand for one",
            flush=True,
        )
        for name, (image, truth) in zip(CASES, states[1:], strict=True):
            result = propagate_labels(reference, [image])
            now = stands_for(result.labels[0].data, truth.data)
            ours, theirs = (outcome(result, r(), before, now) for r in (recommended, as_published))
            matched = propagate_labels(
                reference, [image], PropagateSettings(method="overlap", cross_check=False)
            )
            alone = stands_for(matched.labels[0].data, truth.data)
            overlap = outcome(matched, recommended(), before, alone)
            rows[name] += [*ours, *theirs[2:], *overlap]
    head = f"{'':26}{'right':>8}  recommended: {'kept':>6}{'precision':>11}"
    print(head + f"   as published: {'kept':>6}{'precision':>11}   by overlap: {'right':>6}")
    for name, r in rows.items():
        n, right, kept, wrong, kept_p, wrong_p, n_o, right_o = r[:8]
        print(
            f"{name:26}{right / n:8.4f}{'':14}{kept / n:7.4f}{kept / (kept + wrong):11.4f}"
            f"{'':17}{kept_p / n:6.4f}{kept_p / (kept_p + wrong_p):11.4f}"
            f"{'':15}{right_o / n_o:6.4f}",
        )


def memory(name: str) -> float:
    """Bytes of this process now (VmRSS) or at most since `forget_peak` (VmHWM); Linux."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith(name))
    return 1024 * float(line.split()[1])


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def follow(reference: np.ndarray, image: np.ndarray, cross_check: bool) -> int:
    settings = PropagateSettings(cross_check=cross_check)
    return len(propagate_labels(Volume(reference), [Volume(image)], settings).table)


def skimage_watershed(distance: np.ndarray, peaks: np.ndarray, mask: np.ndarray) -> int:
    from skimage.segmentation import watershed

    return int(watershed(distance, peaks, mask=mask).max())


METHODS = ("follow", "follow and cross-check", "label", "scikit-image watershed alone")


def measure(method: str, folder: Path) -> dict[str, float]:
    """CPU seconds and MiB above the inputs of one method, in this process."""
    reference, image = (np.load(folder / f"{name}.npy") for name in ("reference", "image"))
    part = (slice(0, 64),) * 3
    if method.startswith("scikit"):
        names = ("distance", "peaks", "mask")
        distance, peaks, mask = (np.load(folder / f"{name}.npy") for name in names)
        run, inputs = skimage_watershed, (distance, peaks, mask)
    elif method == "label":
        run, inputs = (lambda image: label_particles(Volume(image)).metadata["n_labels"]), (image,)
    else:
        run = lambda a, b: follow(a, b, method.endswith("check"))  # noqa: E731
        inputs = (reference, image)
    run(*(np.ascontiguousarray(array[part]) for array in inputs))
    forget_peak()
    before, cpu, wall = memory("VmRSS"), time.process_time(), time.perf_counter()
    run(*inputs)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    extra = (memory("VmHWM") - before) / image.size
    return {"cpu_s": cpu, "wall_s": wall, "bytes_per_voxel": extra}


def speed(size: int) -> None:
    states = moved_electrode(electrode(size, 1), [Motion(drift=0.5, growth=0.02)])
    reference = label_particles(states[0][0])
    print(f"{size}³ voxels, {reference.metadata['n_labels']} particles")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        image = states[1][0]
        np.save(folder / "reference.npy", reference.data)
        np.save(folder / "image.npy", image.data)
        stages = Stages(Volume(image.data))
        del states
        stages.run(LabelSettings())
        np.save(folder / "distance.npy", -stages.stage("distance").data)
        np.save(folder / "peaks.npy", stages.stage("markers").data)
        np.save(folder / "mask.npy", stages.stage("cleaned").data.astype(bool))
        del stages, reference, image
        print(f"{'':32}{'CPU s':>8}{'wall s':>8}{'bytes per voxel above inputs':>32}")
        for method in METHODS:
            command = [sys.executable, __file__, "measure", "--method", method, "--folder", name]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            row = json.loads(output.strip().splitlines()[-1])
            print(
                f"{method:32}{row['cpu_s']:8.1f}{row['wall_s']:8.1f}{row['bytes_per_voxel']:32.1f}",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("quality", "speed", "measure"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--method", choices=METHODS)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.what == "quality":
        quality(options.seeds)
    elif options.what == "speed":
        speed(options.size)
    else:
        print(json.dumps(measure(options.method, options.folder)))


if __name__ == "__main__":
    main()
