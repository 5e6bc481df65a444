"""The whole job on the samples: labels, radial tables, maps, and a report page of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from napari_battery.files import atomic_path, write_json
from napari_battery.labelling import LabelSettings, label_particles
from napari_battery.maps import MapSettings
from napari_battery.progress import SILENT, Progress
from napari_battery.provenance import provenance
from napari_battery.radial import (
    RadialResult,
    RadialSettings,
    delta_core_mean,
    radial_tables,
)
from napari_battery.report import Section, write_report
from napari_battery.samples import cycled_electrode, sand
from napari_battery.tables import write_table
from napari_battery.volume import Volume

__all__ = [
    "DELTA_MAP",
    "DEMO_FILES",
    "Job",
    "electrode_job",
    "has_display",
    "sand_job",
    "state_table",
    "write_demo",
]

_SAND_RADIAL = RadialSettings(exclude_layers=2)
"""Two layers: the grains are some 15 voxels wide; without five layers few keep a core."""

DEMO_FILES = ("report.html", "provenance.json", "sand", "electrode")
"""What `write_demo` writes."""

DELTA_MAP = MapSettings(low_percentile=5, high_percentile=95)
"""The smallest cores hold few voxels: their noise must not set the range of the map."""


@dataclass(frozen=True, eq=False)
class Job:
    """One sample, analysed.

    Parameters
    ----------
    name : str
        Name for files.
    title : str
        Name for people.
    states : sequence of (str, Volume)
        Image of each state, in order; the first is the reference.
    labels : Volume
        Particles found in the first image; they serve all states.
    results : sequence of RadialResult
        Tables of each state.
    truth : DataFrame or None
        What is true of a synthetic sample: label, state, core_change, …
    true_labels : Volume or None
        Its true particles in the first state.
    """

    name: str
    title: str
    states: Sequence[tuple[str, Volume]]
    labels: Volume
    results: Sequence[RadialResult]
    truth: pd.DataFrame | None = None
    true_labels: Volume | None = None


def has_display() -> bool:
    """Whether a window can be opened here."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _analyse(
    name: str,
    title: str,
    states: Sequence[tuple[str, Volume]],
    settings: RadialSettings,
    progress: Progress,
    **truth: Any,
) -> Job:
    labels = label_particles(states[0][1], LabelSettings(), progress)
    results = [radial_tables(labels, image, settings, progress) for _, image in states]
    return Job(name, title, states, labels, results, **truth)


def sand_job(progress: Progress = SILENT) -> Job:
    """Label the sand and measure its grains."""
    return _analyse("sand", "Sand grains (real CT)", [("sand", sand())], _SAND_RADIAL, progress)


def electrode_job(progress: Progress = SILENT) -> Job:
    """Label the synthetic electrode's first state and measure its particles in all four.

    The states are aligned to a fraction of a voxel and the core leaves out five layers, so
    the first state's labels serve all of them.
    """
    electrode = cycled_electrode(progress)
    return _analyse(
        "electrode",
        "Cycled electrode (synthetic)",
        [(state.name, state.image) for state in electrode.states],
        RadialSettings(),
        progress,
        truth=electrode.truth,
        true_labels=electrode.states[0].labels,
    )


def state_table(job: Job) -> pd.DataFrame:
    """Mean core grey and ΔĪ_prist of each state, over whole particles with a core.

    Returns
    -------
    DataFrame
        ``state, n, mean, ses_mean, delta, ses_delta`` (grey levels; SES = σ/√n), and for a
        synthetic sample ``true_delta``, the mean change its particles were given.
    """
    reference = job.results[0].particles
    whole = ~reference["touches_border"].to_numpy(bool)
    rows = []
    for (state, _), result in zip(job.states, job.results, strict=True):
        core = result.particles["core_mean"][whole].dropna()
        change = delta_core_mean(reference, result.particles)["delta_core_mean"][whole].dropna()
        row = {
            "state": state,
            "n": len(core),
            "mean": core.mean(),
            "ses_mean": core.std(ddof=0) / len(core) ** 0.5,
            "delta": change.mean(),
            "ses_delta": change.std(ddof=0) / len(change) ** 0.5,
        }
        if job.truth is not None:
            true = job.truth[(job.truth["state"] == state) & ~job.truth["touches_border"]]
            row["true_delta"] = true["core_change"].mean()
        rows.append(row)
    return pd.DataFrame(rows)


def write_demo(folder: Path, progress: Progress = SILENT) -> dict[str, Any]:
    """Analyse both samples and write tables, figures and ``report.html``, all or nothing.

    Returns
    -------
    dict
        Where the report is and the main numbers.
    """
    jobs = [sand_job(progress), electrode_job(progress)]
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        sections = [_write_job(temporary, job, progress) for job in jobs]
        write_report(temporary / "report.html", "napari-battery: the whole job", sections)
        made = provenance("demo", None, [image for job in jobs for _, image in job.states])
        write_json(temporary / "provenance.json", made)
    return {
        "report": str(folder / "report.html"),
        "n_sand_grains": len(jobs[0].results[0].particles),
        "n_synthetic_particles": len(jobs[1].results[0].particles),
    }


def _write_job(root: Path, job: Job, progress: Progress) -> Section:
    from napari_battery.io import write_volume
    from napari_battery.plots import (
        core_histogram,
        map_figure,
        radial_profile,
        save_plot,
        size_distribution,
    )

    folder = root / job.name
    folder.mkdir()
    first = job.results[0]
    assumed = first.assumed_voxel_size
    synthetic = job.truth is not None
    note = "synthetic data" if synthetic else ""
    write_volume(folder / "labels.tif", job.labels, job.labels.metadata["made"], progress)
    for (state, _), result in zip(job.states, job.results, strict=True):
        name = state.replace(" ", "-")
        write_table(folder / f"particles-{name}.csv", result.particles)
        write_table(folder / f"layers-{name}.csv", result.layers)
        write_json(folder / f"provenance-{name}.json", result.provenance)

    if job.truth is not None:
        write_table(folder / "truth.csv", job.truth)

    labels, image = job.labels, job.states[0][1]
    particles = {s: r.particles for (s, _), r in zip(job.states, job.results, strict=True)}
    plots = {
        "core-mean-map": (
            map_figure(labels, first.particles, "core_mean", image=image, note=note),
            f"Core mean of each particle, {job.states[0][0]}, middle slice.",
        ),
        "sizes": (
            size_distribution(first.particles, assumed=assumed, note=note),
            "Particle sizes, number and volume weighted.",
        ),
        "radial-profile": (
            radial_profile(
                {s: r.layers for (s, _), r in zip(job.states, job.results, strict=True)},
                assumed=assumed,
                note=note,
                exclude_layers=first.settings.exclude_layers,
            ),
            "Mean grey level of the radial layers, mean over particles ± 2 SE.",
        ),
    }
    if len(job.states) > 1:
        plots["core-means"] = (core_histogram(particles, note=note), "Core means of each state.")
        for (state, _), result in zip(job.states[1:], job.results[1:], strict=True):
            change = delta_core_mean(first.particles, result.particles)
            name = f"delta-map-{state.replace(' ', '-')}"
            plots[name] = (
                map_figure(labels, change, "delta_core_mean", DELTA_MAP, image=image, note=note),
                f"ΔĪ_prist at {state}: change of the core mean since pristine.",
            )
            write_table(folder / f"{name.replace('-map', '')}.csv", change)
    for name, (plot, _) in plots.items():
        save_plot(plot, folder / f"{name}.png", first.provenance, dpi=150)
    return Section(
        title=job.title,
        tag=" · ".join(
            text
            for text, shown in (
                ("synthetic data", synthetic),
                ("voxel size assumed: 1 µm", assumed),
            )
            if shown
        ),
        text=_summary(job),
        figures=[(f"{job.name}/{name}.png", caption) for name, (_, caption) in plots.items()],
        table=state_table(job) if len(job.states) > 1 else None,
        files=sorted(f"{job.name}/{path.name}" for path in folder.glob("*.csv")),
    )


def _summary(job: Job) -> list[str]:
    particles = job.results[0].particles
    cut = int(particles["touches_border"].sum())
    without = int(particles["core_mean"].isna().sum())
    text = [
        f"{len(particles)} particles found in the first image; {cut} touch the border of the "
        f"volume; {without} have no core left without their outer "
        f"{job.results[0].settings.exclude_layers} layers.",
        *dict.fromkeys(note for result in job.results for note in result.notes),
    ]
    if job.true_labels is not None:
        from napari_battery.labelling.quality import match_labels

        table = match_labels(job.true_labels.data, job.labels.data)
        truth = job.truth
        assert truth is not None
        first = truth[truth["state"] == job.states[0][0]]
        inside = set(first.loc[~first["touches_border"], "label"])
        interior = table[table["label"].isin(inside)]
        share = (interior["iou"] > 0.7).mean()
        text.append(
            f"Against the known truth: {share:.1%} of the {len(interior)} particles that lie "
            "wholly inside were found with an overlap (IoU) above 0.7."
        )
    return text
