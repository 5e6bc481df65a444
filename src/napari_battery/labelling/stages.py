"""The steps from grey levels to labels, each kept: a change recomputes only what follows it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.labelling.compact import grow_compact
from napari_battery.labelling.depth import depth_map
from napari_battery.labelling.markers import apart_peaks, deep_peaks
from napari_battery.labelling.mask import (
    clean_mask,
    foreground_mask,
    threshold_value,
)
from napari_battery.labelling.merge import merged_numbers
from napari_battery.labelling.phase_mask import on_one_grid, phase_mask
from napari_battery.labelling.renumber import renumbered, uncut_numbers
from napari_battery.labelling.settings import LabelSettings
from napari_battery.labelling.snow import snow
from napari_battery.labelling.watershed import grow, marked, unlabelled
from napari_battery.lengths import in_voxels, spacing_voxels
from napari_battery.progress import SILENT, Progress
from napari_battery.provenance import provenance
from napari_battery.volume import Volume

__all__ = ["STAGES", "Stages"]

STAGES = {
    "mask": "Mask",
    "cleaned": "Cleaned mask",
    "distance": "Distance map",
    "markers": "Markers",
    "labels": "Particles",
}
"""What can be shown on the way, in order, and what to call it."""

_STEPS = ("mask", "cleaned", "distance", "snow", "markers", "grown", "merged", "labels")
_MARGIN = 24.0
"""Voxels that a part is labelled beyond its box: more than most particles' radii."""


class Stages:
    """An image on its way to labels.

    Parameters
    ----------
    image : Volume
        Grey levels, 2-D or 3-D, any type. Nothing is labelled outside its region.
    mask : Volume, optional
        A mask or phases that somebody else made: then the grey levels do not count, nor the
        settings up to the threshold. See `phase_mask`.
    phase : int or str, optional
        Which phase of `mask`.
    keep : bool
        Whether to keep what each step made. Without, memory is freed on the way.

    Raises
    ------
    InputError
        If the image holds labels or phases, not grey levels.
    """

    def __init__(
        self,
        image: Volume,
        mask: Volume | None = None,
        phase: int | str | None = None,
        keep: bool = True,
    ) -> None:
        kind = image.metadata.get("kind")
        if mask is None and kind in ("labels", "phases"):
            raise InputError(
                f"“{image.name}” holds {kind}, not grey levels; choose the image it was made "
                "from, or use it as the mask."
            )
        self.image = image
        self.mask = mask
        self.phase = phase
        self._keep = keep
        self._kept: dict[str, tuple[Any, Any]] = {}
        self._thresholds: dict[Any, float] = {}
        self._box: tuple[slice, ...] | None = None
        self._shown: tuple[slice, ...] | None = None

    def inside(self, box: tuple[slice, ...]) -> Stages:
        """The same for a part of the image, for a quick look before the whole is labelled.

        The threshold is that of the whole image. Labels are nearly those of the whole: a
        margin around the box is labelled, too, and cut off; numbers are others, and a
        particle wider than the margin may be parted otherwise.

        Parameters
        ----------
        box : tuple of slice
            One per axis, steps of 1; cut to the image.
        """
        part = Stages(self.image, self.mask, self.phase)
        part._thresholds = self._thresholds
        part._box = tuple(
            slice(*cut.indices(n)[:2]) for cut, n in zip(box, self.image.shape, strict=True)
        )
        return part

    def threshold(self, settings: LabelSettings) -> float | None:
        """Grey level that parts particles from the rest; None with a mask."""
        if self.mask is not None:
            return None
        key = (settings.threshold, settings.manual_threshold)
        if key not in self._thresholds:
            self._thresholds[key] = threshold_value(self.image, settings)
        return self._thresholds[key]

    def run(self, settings: LabelSettings, progress: Progress = SILENT) -> Volume:
        """Label the particles; what the settings left as it was last time is not done again.

        Returns
        -------
        Volume
            As `label_particles` describes it; of a part, with the part's origin.
        """
        given, settings = settings, in_voxels(settings, self.image)
        progress.begin(1, "Finding the threshold")
        threshold = self.threshold(settings)
        progress.advance()
        image, given_mask = self._part(settings)
        region = None if image.region is None else np.asarray(image.region, bool)

        def found_mask() -> NDArray[np.bool_]:
            if given_mask is not None:
                return phase_mask(given_mask, image, self.phase, progress)
            assert threshold is not None
            return foreground_mask(image, threshold, settings, progress)

        smoothing = None if self.mask else (settings.denoise, settings.denoise_size)
        key: Any = (self._box and image.shape, threshold, smoothing, settings.particles)
        mask = self._step("mask", key, found_mask)
        key = (
            key,
            settings.closing_radius,
            settings.fill_holes,
            settings.opening_radius,
            settings.minimum_volume,
        )
        spacing = spacing_voxels(image)
        cleaned = self._step(
            "cleaned", key, lambda: clean_mask(mask, settings, region, spacing, progress)
        )
        if not self._keep:
            del mask  # a byte per voxel, before more is needed
        labels = self._parted(key, cleaned, settings, spacing, progress)
        if settings.drop_border:
            numbers = uncut_numbers(labels, region, progress)
            labels = renumbered(labels, numbers, not self._keep, progress)
        elif self._keep and settings.merge_neck is None:
            labels = labels.copy()  # the person may correct them; what is kept stays
        self._kept["labels"] = (None, labels)
        return self._finished(given, threshold, labels)

    def _parted(
        self,
        key: Any,
        mask: NDArray[np.bool_],
        settings: LabelSettings,
        spacing: tuple[float, ...],
        progress: Progress,
    ) -> NDArray[np.int32]:
        """Labels of the particles in a mask."""
        key = (key, settings.distance_smoothing)
        depths = self._step("distance", key, lambda: depth_map(mask, settings, spacing, progress))
        if settings.method == "snow":
            key = (key, "snow")
            places, parts = self._step("snow", key, lambda: snow(mask, spacing, progress))
            self._step("markers", key, lambda: places)
            labels: NDArray[np.int32] = self._step("grown", key, lambda: parts)
        else:
            by_depth = settings.markers == "h-maxima"
            key = (key, by_depth, settings.marker_depth if by_depth else settings.marker_distance)
            places = self._step(
                "markers",
                key,
                lambda: (
                    deep_peaks(depths, settings.marker_depth, progress)
                    if by_depth
                    else apart_peaks(depths, settings.marker_distance, spacing, progress)
                ),
            )
            key = (key, settings.compactness)
            labels = self._step(
                "grown",
                key,
                lambda: (
                    grow_compact(depths, places, settings.compactness, spacing, progress)
                    if settings.compactness > 0
                    else grow(unlabelled(depths), places, None, progress)
                ),
            )
        if (ratio := settings.merge_neck) is None:
            return labels
        numbers = self._step(
            "merged", (key, ratio), lambda: merged_numbers(labels, depths, ratio, progress)
        )
        return renumbered(labels, numbers, not self._keep, progress)

    def stage(self, name: str) -> Volume:
        """What one of the `STAGES` made in the last run.

        Returns
        -------
        Volume
            ``mask`` and ``cleaned`` as uint8 0 and 1, ``distance`` as float32 in voxels (of
            anisotropic ones the shortest edge), ``markers`` and ``labels`` as int32.

        Raises
        ------
        KeyError
            If nothing was run yet.
        """
        data = self._kept[name][1]
        if name == "distance":
            data = data.distance()
        elif name == "markers":
            data = marked(self._kept["distance"][1], data)
        if name in ("mask", "cleaned"):
            data = data.view(np.uint8)
        return self._placed(data, f"{self.image.name} {STAGES[name].lower()}")

    def _step(self, name: str, key: Any, make: Callable[[], Any]) -> Any:
        kept = self._kept.get(name)
        if kept is not None and kept[0] == key:
            return kept[1]
        for later in _STEPS[_STEPS.index(name) :]:  # of no use any more, and in memory's way
            self._kept.pop(later, None)
        made = make()
        if self._keep:
            self._kept[name] = (key, made)
        return made

    def _part(self, settings: LabelSettings) -> tuple[Volume, Volume | None]:
        """Image and mask, or the box of them with a margin."""
        if self._box is None:
            return self.image, self.mask
        spacing = spacing_voxels(self.image)
        reach = 3 * settings.denoise_size + 3 * settings.distance_smoothing + _MARGIN
        reach += 2 * (settings.closing_radius + settings.opening_radius)
        wide = tuple(
            slice(max(cut.start - math.ceil(reach / edge), 0),
                  min(cut.stop + math.ceil(reach / edge), n))
            for cut, edge, n in zip(self._box, spacing, self.image.shape, strict=True)
        )  # fmt: skip
        self._shown = tuple(
            slice(cut.start - out.start, cut.stop - out.start)
            for cut, out in zip(self._box, wide, strict=True)
        )
        image = cropped(self.image, wide)
        if self.mask is None or not on_one_grid(self.mask, self.image):
            return image, self.mask  # it is resampled onto the part
        return image, cropped(self.mask, wide)

    def _placed(self, data: Any, name: str) -> Volume:
        if self._box is None or self._shown is None:
            return self.image.like(data, name)
        whole = cropped(self.image, self._box)
        return whole.like(data[self._shown], name)

    def _finished(
        self, settings: LabelSettings, threshold: float | None, labels: NDArray[np.int32]
    ) -> Volume:
        result = self._placed(labels, f"{self.image.name} labels")
        n = int(result.data.max(initial=0))
        note = "" if n else _why_none(settings, threshold, self.mask)
        if n and labels.all():
            note = "Every voxel is inside particles: nothing parts them from the rest. "
            note += "Check the threshold." if threshold is not None else "Check the mask."
        inputs = [self.image] if self.mask in (None, self.image) else [self.image, self.mask]
        made = provenance("label", settings, inputs, [note] if note else [])
        result.metadata.update(
            kind="labels",
            n_labels=n,
            threshold=threshold,
            note=note,
            synthetic=bool(self.image.metadata.get("synthetic", False)),
            state=self.image.metadata.get("state", ""),
            made=made,
        )
        return result


def cropped(volume: Volume, box: tuple[slice, ...]) -> Volume:
    """Part of a volume, in its place in the world."""
    size = volume.voxel_size_um or (1.0,) * volume.ndim
    origin = tuple(
        at + cut.start * edge for at, cut, edge in zip(volume.origin_um, box, size, strict=True)
    )
    return replace(
        volume,
        data=volume.data[box],
        region=None if volume.region is None else volume.region[box],
        origin_um=origin,
    )


def _why_none(settings: LabelSettings, threshold: float | None, mask: Volume | None) -> str:
    least = settings.minimum_volume
    unit = "µm³" if settings.length_unit == "um" else "voxels"
    size = f" and of {least:,.10g} {unit} or more" if least > 0 else ""
    cut = ", cut ones left out," if settings.drop_border else ""
    if threshold is None:
        size = size.removeprefix(" and")
        where = "" if mask is None else f" in “{mask.name}”"
        return f"No particle{size}{cut}{where} was found."
    return f"No particle {settings.particles} than {threshold:g}{size}{cut} was found."
