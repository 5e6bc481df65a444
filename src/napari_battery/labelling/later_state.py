"""One later state of a series: its labels by one method or both, and its rows of the table."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.labelling._tracking import Runs, find_runs
from napari_battery.labelling.cores import plant
from napari_battery.labelling.depth import DepthMap, depth_map
from napari_battery.labelling.label import label_particles
from napari_battery.labelling.markers import apart_peaks, deep_peaks
from napari_battery.labelling.mask import clean_mask, foreground_mask, threshold_value
from napari_battery.labelling.overlap import draw, match_runs, new_numbers, overlaps
from napari_battery.labelling.phase_mask import phase_mask
from napari_battery.labelling.propagate_settings import PropagateSettings
from napari_battery.labelling.settings import LabelSettings
from napari_battery.labelling.tracked import Reference, state_rows
from napari_battery.labelling.watershed import grow, unlabelled
from napari_battery.lengths import in_voxels, spacing_voxels
from napari_battery.progress import Progress
from napari_battery.resample import onto_grid
from napari_battery.volume import Volume

__all__ = ["LaterState", "follow"]

_EXACT = 2**24
"""Resampling goes through float32, which holds whole numbers up to here."""
_WORTH_SAYING = 0.001
"""Part of a mask without a label that a note is made about."""


@dataclass(frozen=True, eq=False)
class LaterState:
    """What came of one later state."""

    labels: NDArray[np.int32]
    runs: Runs
    rows: pd.DataFrame
    notes: list[str]


def follow(
    reference: Reference,
    cores: Runs,
    image: Volume,
    state: str,
    settings: PropagateSettings,
    label_settings: LabelSettings,
    progress: Progress,
) -> LaterState:
    """Label one later state with the reference's numbers.

    Parameters
    ----------
    reference : Reference
        The reference.
    cores : Runs
        Its cores, from `find_cores`.
    image : Volume
        Grey levels, phases, or (method "overlap") labels of the state.
    state : str
        Its name, for notes and rows.
    settings, label_settings, progress
        See `propagate_labels`.
    """
    if image.metadata.get("kind") == "labels" and settings.method == "seeds":
        raise InputError(
            f"“{image.name}” holds labels, but seeds need the grey levels of the state: give the "
            "image, or match the labels by the method “overlap”."
        )
    image, notes = _on_grid(image, reference.labels, state, progress)
    image = _where_it_has_data(image)
    if settings.method == "seeds":
        labels, runs, other = _by_seeds(
            reference, cores, image, state, settings, label_settings, progress, notes
        )
        missing = "no voxel of its core lies in this state's mask"
    else:
        labels, runs, other = _by_overlap(
            reference, cores, image, state, settings, label_settings, progress, notes
        )
        missing = "no label of this state overlaps it enough"
    rows = state_rows(reference, state, runs, image.region, other, missing)
    notes += _common_shift(rows, reference.labels, state)
    return LaterState(labels, runs, rows, notes)


def _by_seeds(
    reference: Reference,
    cores: Runs,
    image: Volume,
    state: str,
    settings: PropagateSettings,
    label_settings: LabelSettings,
    progress: Progress,
    notes: list[str],
) -> tuple[NDArray[np.int32], Runs, Runs | None]:
    """Labels, their runs, and the cross-check's runs."""
    depths = _depths(image, label_settings, progress)
    other: Runs | None = None
    if settings.cross_check:
        alone = find_runs(_alone(image, depths, label_settings, progress), progress)
        other, _ = _matched(reference, alone, settings.minimum_iou)
    n_mask = int(np.count_nonzero(depths.levels))
    padded = unlabelled(depths)
    del depths
    labels = grow(padded, *plant(cores, padded), progress)
    runs = find_runs(image.like(labels, state), progress)
    bare = 1 - int((runs.ends - runs.starts).sum()) / n_mask if n_mask else 0.0
    if bare > _WORTH_SAYING:
        notes.append(
            f"{state}: no particle of the reference reaches {bare:.1%} of the mask; that part "
            "has no label."
        )
    return labels, runs, other


def _by_overlap(
    reference: Reference,
    cores: Runs,
    image: Volume,
    state: str,
    settings: PropagateSettings,
    label_settings: LabelSettings,
    progress: Progress,
    notes: list[str],
) -> tuple[NDArray[np.int32], Runs, Runs | None]:
    """Labels, their runs, and the cross-check's runs."""
    kind = image.metadata.get("kind")
    if kind == "labels":
        alone = image
    elif kind == "phases":
        plain = replace(image, metadata={})
        alone = label_particles(plain, label_settings, progress, mask=image)
    else:
        alone = label_particles(image, label_settings, progress)
    runs, n_new = _matched(reference, find_runs(alone, progress), settings.minimum_iou)
    del alone
    if n_new:
        notes.append(
            f"{state}: {n_new} labels match none of the reference; they have new numbers above "
            f"{int(reference.runs.numbers.max())}, and no row."
        )
    other: Runs | None = None
    if settings.cross_check and kind != "labels":
        padded = unlabelled(_depths(image, label_settings, progress))
        grown = grow(padded, *plant(cores, padded), progress)
        other = find_runs(image.like(grown, state), progress)
        del grown, padded
    return draw(runs, runs.numbers, image.shape), runs, other


def _depths(image: Volume, settings: LabelSettings, progress: Progress) -> DepthMap:
    """Depths within the state's own mask."""
    settings = in_voxels(settings, image)
    spacing = spacing_voxels(image)
    region = None if image.region is None else np.asarray(image.region, bool)
    if image.metadata.get("kind") == "phases":
        mask = phase_mask(image, image, progress=progress)
    else:
        threshold = threshold_value(image, settings)
        mask = foreground_mask(image, threshold, settings, progress)
    mask = clean_mask(mask, settings, region, spacing, progress)
    return depth_map(mask, settings, spacing, progress)


def _alone(image: Volume, depths: DepthMap, settings: LabelSettings, progress: Progress) -> Volume:
    """Labels found without the reference: the plain watershed of all peaks."""
    settings = in_voxels(settings, image)
    if settings.markers == "peaks":
        places = apart_peaks(depths, settings.marker_distance, spacing_voxels(image), progress)
    else:
        places = deep_peaks(depths, settings.marker_depth, progress)
    numbers = np.arange(1, len(places) + 1, dtype=np.int32)
    return image.like(grow(unlabelled(depths), places, numbers, progress), image.name)


def _matched(reference: Reference, found: Runs, least: float) -> tuple[Runs, int]:
    """Labels under the numbers of the reference labels they match; how many match none."""
    pairs = overlaps(reference.runs, found)
    partner = match_runs(pairs, len(reference.runs.numbers), len(found.numbers), least)
    numbers = new_numbers(reference.runs, partner)
    order = np.argsort(numbers)
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    renamed = replace(found, numbers=numbers[order], index=place[found.index])
    return renamed, int((partner < 0).sum())


def _on_grid(
    image: Volume, reference: Volume, state: str, progress: Progress
) -> tuple[Volume, list[str]]:
    """The image on the reference's grid; grey levels are NaN where it has no data."""
    if image.ndim != reference.ndim:
        raise InputError(
            f"The labels “{reference.name}” have {reference.ndim} axes {reference.shape}, the "
            f"image “{image.name}” {image.ndim} {image.shape}; both must be 2-D or both 3-D."
        )
    if image.same_grid(reference):
        return image, []
    if image.shape == reference.shape and None in (image.voxel_size_um, reference.voxel_size_um):
        note = (
            f"{state}: only one of “{reference.name}” and “{image.name}” has a voxel size; they "
            "were taken to lie voxel on voxel."
        )
        return _placed(image, reference), [note]
    codes = image.metadata.get("kind") in ("labels", "phases")
    metadata = image.metadata
    if codes and (top := int(np.max(image.data, initial=0))) > _EXACT:
        raise InputError(
            f"“{image.name}” lies on another grid than “{reference.name}”, and its label {top} is "
            f"too large a number to be resampled; the largest is {_EXACT}. Renumber the labels."
        )
    moved = onto_grid(image, reference, progress, order=0 if codes else 1)
    if codes:
        inside = np.isfinite(moved.data)
        data = np.where(inside, moved.data, 0).astype(np.int32)
        moved = replace(moved, data=data, region=inside)
    moved.metadata.update({k: metadata[k] for k in ("kind", "phases", "state") if k in metadata})
    note = (
        f"{state}: “{image.name}” lies on another grid than “{reference.name}” and was resampled "
        "onto it."
    )
    return moved, [note]


def _where_it_has_data(image: Volume) -> Volume:
    """The image with voxels of NaN outside its region: a particle that reaches them is cut."""
    if image.dtype.kind != "f":
        return image
    inside = np.empty(image.shape, bool)
    for k in range(len(inside)):
        np.isfinite(np.asarray(image.data[k]), out=inside[k])
    if inside.all():
        return image
    if image.region is not None:
        inside &= np.asarray(image.region, bool)
    return replace(image, region=inside)


def _placed(image: Volume, reference: Volume) -> Volume:
    return replace(
        image,
        voxel_size_um=reference.voxel_size_um,
        voxel_size_source=reference.voxel_size_source,
        origin_um=reference.origin_um,
        affine=reference.affine,
    )


def _common_shift(rows: pd.DataFrame, grid: Volume, state: str) -> list[str]:
    """What to say where all particles of a state lie off by more than a voxel."""
    unit = "voxels" if grid.voxel_size_um is None else "um"
    shifts = rows.loc[(rows["pieces"] > 0) & ~rows["touches_border"]]
    median = shifts[[f"shift_{axis}_{unit}" for axis in grid.axes]].median().to_numpy()
    length = float(np.sqrt((median**2).sum()))
    edge = 1.0 if grid.voxel_size_um is None else min(grid.voxel_size_um)
    if not length > edge:
        return []
    size = f"{length:.3g} {'voxels' if unit == 'voxels' else 'µm'}"
    return [
        f"{state}: the particles lie {size} (median) from where they were in the reference; "
        "register the images if this is not motion."
    ]
