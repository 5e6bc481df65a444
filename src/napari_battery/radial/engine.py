"""Radial grey-level analysis of labelled particles (GREAT2)."""

from __future__ import annotations

import pandas as pd

from napari_battery.progress import SILENT, Progress
from napari_battery.provenance import provenance
from napari_battery.radial.batch import Measured
from napari_battery.radial.find import Found, find_particles
from napari_battery.radial.inputs import match_inputs
from napari_battery.radial.layers import LayerRule
from napari_battery.radial.measure import default_workers, measure_particles
from napari_battery.radial.result import RadialResult
from napari_battery.radial.settings import RadialSettings
from napari_battery.radial.smoothing import looks_smoothed
from napari_battery.radial.tabulate import layer_table, particle_table, shell_table
from napari_battery.radial.voxels import BLOCK_BYTES, Voxels
from napari_battery.volume import Volume

__all__ = ["radial_tables"]


def radial_tables(
    labels: Volume,
    image: Volume,
    settings: RadialSettings = RadialSettings(),  # noqa: B008 - frozen
    progress: Progress = SILENT,
    *,
    workers: int | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> RadialResult:
    """Tables of particles and of their radial layers.

    Parameters
    ----------
    labels : Volume
        Particles, one whole number each, 0 between them; 2-D or 3-D, of any number type
        and however stored.
    image : Volume
        Grey levels, not smoothed. Resampled onto the labels' grid where it has another.
    settings : RadialSettings
        Layer thickness, layers excluded from the core, shells from the centroid.
    progress : Progress
        Advanced per slab and per batch of particles.
    workers : int, optional
        Threads; results do not depend on it. None is one per processor.
    block_bytes : int
        Bytes held at once of data that cannot be used in place.

    Returns
    -------
    RadialResult
        Tables in µm, notes and provenance. Labels without particles give empty tables.

    Raises
    ------
    InputError
        If labels are negative or not whole, the voxel size is unknown, the grids cannot be
        brought together, or layers would be thinner than a voxel.
    Cancelled
        If the person stopped it.

    Notes
    -----
    Layers are those of GREAT2, ``round(EDT)`` with other labels, background and the faces of
    the image all as outside; `LayerRule` says what that means for other voxels than cubes.
    Voxels outside a region of `labels` or `image` are not analysed. NaN and infinite grey
    levels are left out of grey statistics, not of volumes and layers.
    """
    inputs = (labels, image)
    labels, image, notes = match_inputs(labels, image, progress)
    rule = LayerRule(labels.known_voxel_size_um(), settings.layer_thickness_um)
    voxels = Voxels(labels, image, block_bytes)
    threads = workers or default_workers()
    found = find_particles(voxels, threads, progress)
    measured = measure_particles(voxels, found, rule, settings.centroid_shells, threads, progress)
    layers, reasons = layer_table(found, measured, rule)
    particles = particle_table(labels, found, measured, layers, reasons, settings.exclude_layers)
    notes += _notes(labels, image, found, measured, particles, settings)
    is_resampled = image.data is not inputs[1].data
    notes += _smoothing_notes(inputs[1], voxels, particles, is_resampled)
    return RadialResult(
        particles=particles,
        layers=layers,
        settings=settings,
        shells=shell_table(found, measured, rule),
        provenance=provenance("radial", settings, inputs, notes),
        notes=tuple(notes),
        voxel_size_um=labels.known_voxel_size_um(),
        assumed_voxel_size=labels.is_assumed,
    )


def _named(which: pd.Series, most: int = 10) -> str:
    names = ", ".join(str(label) for label in which.iloc[:most])
    return f"label{'s' if len(which) > 1 else ''} {names}{', …' if len(which) > most else ''}"


def _notes(
    labels: Volume,
    image: Volume,
    found: Found,
    measured: Measured,
    particles: pd.DataFrame,
    settings: RadialSettings,
) -> list[str]:
    """What the person should know about the run as a whole."""
    n = len(particles)
    if n == 0:
        return [f"“{labels.name}” holds no particles: every voxel is 0. The tables are empty."]
    notes = []
    coreless = particles.loc[particles["core_voxels"] == 0, "label"]
    if len(coreless):
        notes.append(
            f"{len(coreless)} of {n} particles have no core with {settings.exclude_layers} outer "
            f"layers excluded: {_named(coreless)}."
        )
    lost = int((measured.moments[:, 0] - measured.summary[:, 1]).sum())
    if lost:
        notes.append(
            f"{lost} voxels of particles have no grey level (NaN or infinite) in "
            f"“{image.name}” and were left out of grey statistics."
        )
    if found.cut.any():
        cut = particles.loc[found.cut, "label"]
        notes.append(
            f"{len(cut)} of {n} particles are cut by a face of the volume or the edge of the "
            "region (touches_border): their layers count from the cut, too."
        )
    split = particles.loc[measured.pieces > 1, "label"]
    if len(split):
        notes.append(f"{len(split)} of {n} labels are in separate pieces: {_named(split)}.")
    return notes


def _smoothing_notes(
    image: Volume, voxels: Voxels, particles: pd.DataFrame, is_resampled: bool
) -> list[str]:
    made = image.metadata.get("made")
    was_filtered = isinstance(made, dict) and made.get("step") == "filter"
    if was_filtered:
        sign = "was made by a filter"
    elif not is_resampled and looks_smoothed(voxels, particles):  # resampling alone smooths
        sign = "looks smoothed: neighbouring voxels are more alike than unfiltered noise is"
    else:
        return []
    return [
        f"“{image.name}” {sign}. The method wants unsmoothed grey levels, as smoothing carries "
        "the surroundings into the outer layers. Use the image as it was reconstructed."
    ]
