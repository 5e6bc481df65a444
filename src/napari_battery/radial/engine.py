"""Radial grey-level analysis of labelled particles (GREAT2)."""

from __future__ import annotations

from napari_battery.progress import SILENT, Progress
from napari_battery.provenance import provenance
from napari_battery.radial.find import find_particles
from napari_battery.radial.inputs import match_inputs
from napari_battery.radial.layers import LayerRule
from napari_battery.radial.measure import default_workers, measure_particles
from napari_battery.radial.notes import smoothing_notes, table_notes
from napari_battery.radial.result import RadialResult
from napari_battery.radial.settings import RadialSettings
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
    notes += table_notes(labels, image, particles, layers, settings.exclude_layers)
    is_resampled = image.data is not inputs[1].data
    notes += smoothing_notes(inputs[1], voxels, particles, is_resampled)
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
