"""`Sample`: what is measured: phases, labels of particles, or a grey image with thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.microstructure.phases import (
    ACTIVE,
    BINDER,
    PORE,
    Phases,
    phases_of,
    region_box,
)
from napari_battery.volume import Volume

__all__ = ["Sample", "grey_sample", "labels_sample", "phases_sample", "with_labels"]

_BY_BRIGHTNESS = {1: (PORE, ACTIVE), 2: (PORE, BINDER, ACTIVE)}


@dataclass(frozen=True, eq=False)
class Sample:
    """One volume to measure.

    Parameters
    ----------
    phases : Phases
        Its phases.
    labels : integer array, optional
        Particles, on the same grid; 0 outside.
    grey : array, optional
        The image that thresholds made the phases of.
    thresholds : tuple of float
        Between phases, from dark to bright.
    origin : Volume, optional
        What it was read from, for the provenance.
    note : str
        How phases came about, where they were not given.
    """

    phases: Phases
    labels: NDArray[Any] | None = None
    grey: NDArray[Any] | None = None
    thresholds: tuple[float, ...] = ()
    origin: Volume | None = None
    note: str = ""

    @property
    def name(self) -> str:
        return self.phases.name

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.phases.data.shape)

    @property
    def voxel_size_um(self) -> tuple[float, ...]:
        return self.phases.voxel_size_um

    @property
    def axes(self) -> tuple[str, ...]:
        """Axis names, ("z", "y", "x") or ("y", "x")."""
        return ("z", "y", "x")[-len(self.shape) :]

    @property
    def is_assumed(self) -> bool:
        """Whether the voxel size is only assumed; every length then says so."""
        return self.origin is not None and self.origin.is_assumed

    def part(self, box: tuple[slice, ...]) -> Sample:
        """The same sample within a box of voxels."""
        return replace(
            self,
            phases=self.phases.part(box),
            labels=None if self.labels is None else self.labels[box],
            grey=None if self.grey is None else self.grey[box],
        )

    def with_thresholds(self, thresholds: Sequence[float]) -> Sample:
        """The same image parted by other thresholds; labels, which they do not change, go."""
        if self.grey is None:
            raise InputError(f"“{self.name}” is no grey image: there is no threshold to vary.")
        codes = _parted(self.grey, thresholds)
        return replace(
            self,
            phases=replace(self.phases, data=codes),
            labels=None,
            thresholds=tuple(float(t) for t in thresholds),
        )


def phases_sample(volume: Volume, codes: Mapping[str, int] | None = None) -> Sample:
    """A sample of a segmented volume; see `phases.phases_of` for the codes and what is refused."""
    return Sample(phases_of(volume, codes), origin=volume)


def labels_sample(labels: Volume) -> Sample:
    """A sample of labels: active material where there is a particle, pore elsewhere.

    Parameters
    ----------
    labels : Volume
        Integers, 0 outside particles.

    Raises
    ------
    InputError
        If they are no whole numbers, or the voxel size is unknown.
    """
    data = _labels(labels)
    codes = (data != 0).view(np.uint8)
    phases = Phases(codes, {PORE: 0, ACTIVE: 1}, labels.known_voxel_size_um(), labels.name)
    note = f"“{labels.name}” holds labels: active is where there is one, pore is the rest."
    return Sample(phases, labels=data, origin=labels, note=note)


def with_labels(sample: Sample, labels: Volume) -> Sample:
    """The same sample with the particles of its active material.

    Raises
    ------
    InputError
        If the grids differ.
    """
    data = _labels(labels)
    if data.shape != sample.shape:
        raise InputError(
            f"The labels “{labels.name}” have shape {data.shape}, “{sample.name}” has "
            f"{sample.shape}; they must be on one grid."
        )
    return replace(sample, labels=data)


def grey_sample(image: Volume, thresholds: Sequence[float], names: Sequence[str] = ()) -> Sample:
    """A sample of a grey image, parted by thresholds.

    Parameters
    ----------
    image : Volume
        Grey levels; NaN is refused.
    thresholds : sequence of float
        Ascending. A voxel at a threshold belongs to the brighter side.
    names : sequence of str, optional
        Phases from dark to bright, one more than thresholds. By default pore, active for one
        threshold and pore, binder, active for two.

    Raises
    ------
    InputError
        If thresholds and names do not fit, or NaN or labels were given.
    """
    kind = image.metadata.get("kind")
    if kind in ("labels", "phases"):
        raise InputError(f"“{image.name}” holds {kind}, no grey levels: it takes no threshold.")
    cuts = [float(t) for t in thresholds]
    phases = tuple(names) or _BY_BRIGHTNESS.get(len(cuts), ())
    if not cuts or sorted(set(cuts)) != cuts or not np.isfinite(cuts).all():
        raise InputError(f"Thresholds ascend from dark to bright; {list(thresholds)} do not.")
    if len(phases) != len(cuts) + 1:
        raise InputError(
            f"{len(cuts)} thresholds part {len(cuts) + 1} phases, but {len(phases)} have a name: "
            "name them from dark to bright, as pore,binder,active."
        )
    grey = np.asarray(image.data[region_box(image)])
    if grey.dtype.kind == "f" and not np.isfinite(grey).all():
        raise InputError(
            f"“{image.name}” has voxels that are no numbers (NaN): crop them away before."
        )
    codes = {name: code for code, name in enumerate(phases)}
    parted = Phases(_parted(grey, cuts), codes, image.known_voxel_size_um(), image.name)
    words = ", ".join(f"{cut:g}" for cut in cuts)
    note = f"“{image.name}” was parted at {words} into {', '.join(phases)}."
    return Sample(parted, grey=grey, thresholds=tuple(cuts), origin=image, note=note)


def _parted(grey: NDArray[Any], thresholds: Sequence[float]) -> NDArray[np.uint8]:
    codes = np.zeros(grey.shape, np.uint8)
    for cut in thresholds:
        codes += grey >= cut
    return codes


def _labels(labels: Volume) -> NDArray[Any]:
    data = np.asarray(labels.data[region_box(labels)])
    if labels.metadata.get("kind") == "phases":
        raise InputError(f"“{labels.name}” holds phases, not labels of particles.")
    if data.dtype == np.bool_:
        raise InputError(f"“{labels.name}” is a mask, not labels: label its particles first.")
    if data.dtype.kind not in "iu":
        raise InputError(f"“{labels.name}” ({data.dtype}) holds no labels: whole numbers do.")
    if data.size == 0:
        raise InputError(f"“{labels.name}” is empty (shape {labels.shape}).")
    if int(data.min()) < 0:
        raise InputError(f"“{labels.name}” has negative labels ({int(data.min())}).")
    return data
