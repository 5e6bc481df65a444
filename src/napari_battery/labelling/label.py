"""Labels of particles in one image: threshold, clean, distance, markers, watershed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_battery.labelling.mask import (
    clean_mask,
    foreground_mask,
    smoothed_distance,
    threshold_value,
)
from napari_battery.labelling.settings import LabelSettings
from napari_battery.labelling.watershed import find_markers, watershed
from napari_battery.lengths import in_voxels, spacing_voxels
from napari_battery.progress import SILENT, Progress
from napari_battery.provenance import provenance
from napari_battery.volume import Volume

__all__ = ["label_particles"]


def label_particles(
    image: Volume,
    settings: LabelSettings = LabelSettings(),  # noqa: B008
    progress: Progress = SILENT,
) -> Volume:
    """Give each particle of an image its own number.

    Watershed on a smoothed distance map, as in the GREAT2 paper (section 2.2), with
    markers at its h-maxima. Touching particles are parted at their necks.

    Parameters
    ----------
    image : Volume
        Grey levels, 2-D or 3-D, any type. Nothing is labelled outside its region.
    settings : LabelSettings
        Thresholding, cleaning and splitting.
    progress : Progress
        One stage per step; markers and watershed advance within.

    Returns
    -------
    Volume
        int32 labels 1 … n on the image's grid, numbered by z, y, x of the particles'
        centres. ``metadata`` holds ``kind="labels"``, ``n_labels``, ``threshold``,
        ``note`` (empty, or why there is no label) and ``made``.

    Raises
    ------
    InputError
        If the image has no contrast or no finite grey level, or a manual threshold is
        wanted but not given.

    References
    ----------
    Jones et al., "Demonstrating faster multi-label grey-level analysis for crack
    detection in ex-situ & operando micro-CT images of NMC electrode".
    """
    given, settings = settings, in_voxels(settings, image)
    spacing = spacing_voxels(image)
    region = None if image.region is None else np.asarray(image.region, bool)
    progress.begin(4, "Finding the particles' mask")
    threshold = threshold_value(image, settings)
    progress.advance()
    mask = foreground_mask(image, threshold, settings)
    progress.advance()
    mask = clean_mask(mask, settings, region, spacing)
    progress.advance()
    distance = smoothed_distance(mask, settings, spacing)
    progress.advance()
    markers = find_markers(distance, mask, settings.marker_depth, progress)
    labels = watershed(distance, markers, mask, progress)
    if settings.drop_border:
        labels = _without_cut(labels, region)
    n = int(labels.max(initial=0))
    note = "" if n else _why_none(given, threshold)
    made = provenance("label", given, [image], [note] if note else [])
    result = image.like(labels, f"{image.name} labels")
    result.metadata.update(
        kind="labels",
        n_labels=n,
        threshold=threshold,
        note=note,
        synthetic=bool(image.metadata.get("synthetic", False)),
        state=image.metadata.get("state", ""),
        made=made,
    )
    return result


def _why_none(settings: LabelSettings, threshold: float) -> str:
    least = settings.minimum_volume
    unit = "µm³" if settings.length_unit == "um" else "voxels"
    size = f" and of {least:,.10g} {unit} or more" if least > 0 else ""
    cut = ", cut ones left out," if settings.drop_border else ""
    return f"No particle {settings.particles} than {threshold:g}{size}{cut} was found."


def _without_cut(labels: NDArray[np.int32], region: NDArray[np.bool_] | None) -> NDArray[np.int32]:
    """Labels without those at a face of the volume or of the region, numbered anew."""
    cut = np.zeros(int(labels.max(initial=0)) + 1, bool)
    for axis in range(labels.ndim):
        for face in (0, -1):
            cut[labels.take(face, axis=axis)] = True
        if region is not None:
            here: tuple[slice, ...] = (slice(None),) * axis + (slice(None, -1),)
            there: tuple[slice, ...] = (slice(None),) * axis + (slice(1, None),)
            cut[labels[here][~region[there]]] = True
            cut[labels[there][~region[here]]] = True
    numbers = np.cumsum(~cut, dtype=np.int32)
    # cut[0] is True wherever background reaches a face; label 0 must stay 0 either way.
    numbers -= numbers[0]
    numbers[cut] = 0
    kept: NDArray[np.int32] = numbers[labels]
    return kept
