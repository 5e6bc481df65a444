"""What is done to phases as a whole: hysteresis, and cleaning of the active material."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.labelling.mask import clean_mask
from napari_battery.labelling.phases_settings import PhaseSettings
from napari_battery.lengths import spacing_voxels
from napari_battery.progress import SILENT, Progress
from napari_battery.volume import Volume

__all__ = ["finished", "is_local"]


def is_local(settings: PhaseSettings) -> bool:
    """Whether there is nothing to be done to the phases as a whole."""
    return settings.method != "hysteresis" and not _cleans(settings)


def finished(phases: Volume, settings: PhaseSettings, progress: Progress = SILENT) -> Volume:
    """Resolve hysteresis and clean the active material.

    Parameters
    ----------
    phases : Volume
        uint8 codes in memory; changed in place. With hysteresis 1 is what may be active and
        2 what surely is.
    settings : PhaseSettings
        Lengths in voxels.
    progress : Progress
        Advanced per plane; cancels in between.

    Returns
    -------
    Volume

    Raises
    ------
    InputError
        If there is no phase called active to clean.
    """
    codes: NDArray[np.uint8] = phases.data
    if settings.method == "hysteresis":
        progress.begin(1, "Keeping what hangs on sure voxels")
        codes = _hanging_on(codes)
        progress.advance()
    if _cleans(settings):
        active = phases.metadata["phases"].get("active")
        if active is None:
            names = ", ".join(phases.metadata["phases"])
            raise InputError(
                f"The classifier knows no phase called active ({names}), which is the one to "
                "clean: switch the cleaning off, or name one so."
            )
        region = None if phases.region is None else np.asarray(phases.region, bool)
        _clean(codes, active, region, settings, spacing_voxels(phases), progress)
    return replace(phases, data=codes)


def _cleans(settings: PhaseSettings) -> bool:
    return bool(
        settings.fill_holes
        or settings.closing_radius > 0
        or settings.opening_radius > 0
        or settings.minimum_volume > 1
    )


def _hanging_on(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """1 in each piece (joined by faces) of codes above 0 that holds a 2."""
    from scipy import ndimage

    pieces, n = ndimage.label(codes > 0)
    keep = np.zeros(n + 1, np.uint8)
    keep[pieces[codes == 2]] = 1
    kept = np.empty_like(codes)
    for k in range(len(codes)):  # plane by plane: no whole-volume temporary
        np.take(keep, pieces[k], out=kept[k])
    return kept


def _clean(
    codes: NDArray[np.uint8],
    active: int,
    region: NDArray[np.bool_] | None,
    settings: PhaseSettings,
    spacing: tuple[float, ...],
    progress: Progress,
) -> None:
    """Close, fill, open and take off islands of the active material, in place."""
    from napari_battery.labelling._hand_over import hand_over

    mask = clean_mask(codes == active, settings, region, spacing, progress)
    progress.begin(1, "Giving away what was taken off")
    lost = np.flatnonzero((codes == active) & ~mask)
    codes[mask] = active
    outside = np.zeros((0,) * codes.ndim, bool) if region is None else ~region
    hand_over(codes, lost, active, outside)
    progress.advance()
