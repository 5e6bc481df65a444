"""The phases of the shown slice, from as few slices as that takes."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace

import numpy as np

from napari_battery.errors import InputError
from napari_battery.labelling.classifier import PixelClassifier
from napari_battery.labelling.phases import segment_phases
from napari_battery.labelling.phases_finish import is_local
from napari_battery.labelling.phases_model import PhaseModel, prepare_phases
from napari_battery.labelling.phases_settings import PhaseSettings
from napari_battery.lengths import in_voxels, spacing_voxels
from napari_battery.progress import SILENT, Progress
from napari_battery.volume import Volume

__all__ = ["NAME", "Look", "SlicePhases", "Window", "look_at", "slice_phases"]

NAME = "Phases preview"

_AROUND = 8
"""Slices on either side within which pieces are judged, where the whole would have to be."""

_ROUGH = {
    "smoothing_weight": 0.0,
    "binder_shell": 0.0,
    "closing_radius": 0.0,
    "fill_holes": False,
    "opening_radius": 0.0,
    "minimum_volume": 0.0,
}
"""Settings by which each voxel stands alone, but for the denoising."""

Window = tuple[slice, ...]


@dataclass(frozen=True, eq=False)
class SlicePhases:
    """The phases of one slice, as a volume one voxel thick in its place.

    Parameters
    ----------
    volume : Volume
        uint8 codes.
    fractions : dict of str to float
        Share of each phase, within the region.
    around : int
        0: just what the whole run gives. Otherwise pieces were judged from only so many
        slices on either side.
    """

    volume: Volume
    fractions: dict[str, float]
    around: int


def slice_phases(
    image: Volume,
    settings: PhaseSettings,
    window: Window,
    progress: Progress = SILENT,
    *,
    model: PhaseModel | None = None,
    classifier: PixelClassifier | None = None,
) -> SlicePhases:
    """Find the phases in a window, one voxel thick along one axis in 3-D.

    Hysteresis and cleaning look at whole pieces; for a quick look they are given some slices
    around the window instead.

    Parameters
    ----------
    image : Volume
        The whole image.
    settings : PhaseSettings
        As the step will use them.
    window : tuple of slices
        Of the image; in 2-D any part of it.
    progress : Progress
        Asked whether to go on.
    model : PhaseModel, optional
        See `segment_phases`.
    classifier : PixelClassifier, optional
        The one to use, where the method is the classifier.
    """
    around = _around(image, settings, window)
    box = tuple(
        slice(max(w.start - n, 0), min(w.stop + n, size))
        for w, n, size in zip(window, around, image.shape, strict=True)
    )
    # a preview needs no fingerprint of the file
    source = replace(image, path=None)
    phases = segment_phases(source, settings, progress, box=box, model=model, classifier=classifier)
    inner = tuple(
        slice(w.start - b.start, w.stop - b.start) for w, b in zip(window, box, strict=True)
    )
    codes = np.ascontiguousarray(phases.data[inner])
    origin = tuple(
        o + i.start * edge
        for o, i, edge in zip(
            phases.origin_um, inner, image.voxel_size_um or (1.0,) * image.ndim, strict=True
        )
    )
    region = None if phases.region is None else np.asarray(phases.region[inner], bool)
    names: dict[str, int] = phases.metadata["phases"]
    counted = codes if region is None else codes[region]
    fractions = {
        name: float(np.count_nonzero(counted == code) / max(counted.size, 1))
        for name, code in names.items()
    }
    volume = replace(
        phases, data=codes, region=None, name=NAME, origin_um=origin, metadata={"phases": names}
    )
    return SlicePhases(volume, fractions, max(around))


def _around(image: Volume, settings: PhaseSettings, window: Window) -> tuple[int, ...]:
    """Voxels to look at on either side of the window, per axis."""
    scaled = in_voxels(settings, image)
    is_whole = all((w.start, w.stop) == (0, n) for w, n in zip(window, image.shape, strict=True))
    if is_whole or is_local(scaled):
        return (0,) * image.ndim
    reach = _AROUND + scaled.closing_radius + scaled.opening_radius
    return tuple(math.ceil(reach / edge) for edge in spacing_voxels(image))


@dataclass(frozen=True, eq=False)
class Look:
    """The answer to one look at an image."""

    model: PhaseModel
    """With the histogram; its levels are those of the settings if there is no problem."""
    problem: str
    """Why the settings cannot be followed; empty where they can."""
    phases: SlicePhases | None
    seconds: float = 0.0
    """How long the phases took."""
    rough: bool = False
    """Whether smoothing and cleaning were left out for now."""


def look_at(
    image: Volume,
    settings: PhaseSettings,
    window: Window | None,
    before: PhaseModel | None,
    classifier: PixelClassifier | None,
    progress: Progress,
    *,
    rough: bool = False,
) -> Look:
    """Find the levels of an image, and the phases in a window.

    Parameters
    ----------
    image : Volume
        The whole image.
    settings : PhaseSettings
        As the step will use them.
    window : tuple of slices or None
        Where to find phases; None: nowhere.
    before : PhaseModel or None
        From an earlier look.
    classifier : PixelClassifier or None
        The one to use, where the method is the classifier.
    progress : Progress
        Asked whether to go on.
    rough : bool
        Leave out smoothing and cleaning.

    Raises
    ------
    InputError
        If not even the grey levels can be shown.
    """
    if rough:
        settings = settings.model_copy(update=_ROUGH)
    try:
        model = prepare_phases(image, settings, progress, before)
        phases, started = None, time.monotonic()
        if window is not None:
            phases = slice_phases(
                image, settings, window, progress, model=model, classifier=classifier
            )
        return Look(model, "", phases, time.monotonic() - started, rough)
    except InputError as problem:
        # the grey levels can still be shown, so that the person sees why
        by_otsu = settings.model_copy(update={"method": "otsu", "n_phases": 2})
        if settings == by_otsu:
            raise
        return Look(prepare_phases(image, by_otsu, progress, before), str(problem), None)
