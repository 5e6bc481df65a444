"""Training images: from a pair of scans, or from a high-resolution scan alone."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from napari_battery.errors import InputError
from napari_battery.progress import SILENT, Progress
from napari_battery.provenance import describe_part
from napari_battery.registration.pairs import AlignedPair
from napari_battery.superres.cubic import cubic_onto, grid_to_image, planes
from napari_battery.superres.degradation import DegradationSettings, degraded_scan
from napari_battery.superres.fit_degradation import fit_pair
from napari_battery.superres.greys import robust_greys
from napari_battery.superres.training_image import TrainingImage
from napari_battery.volume import Volume

__all__ = ["TrainingImage", "degraded_image", "pair_image"]


def pair_image(
    pair: AlignedPair, progress: Progress = SILENT, *, group: str = "", licence: str = ""
) -> TrainingImage:
    """Make a training image of two scans of the same place.

    The low scan is interpolated onto the high one's grid as networks are given it. The high
    scan's grey levels are matched to the low one's by a line fitted where both have the low
    scan's blur and voxels, so that noise does not flatten it (see `fit_pair`); both are then
    normalised by the low scan's quantiles, as in use.

    Parameters
    ----------
    pair : AlignedPair
        From `cut_to_overlap`, mended.
    progress : Progress
        Advanced per slab.
    group : str
        The sample; the low scan's name by default.
    licence : str
        Of the scans, for the model's card.

    Returns
    -------
    TrainingImage

    Raises
    ------
    InputError
        If the overlap is too small, the grey levels do not rise together, or either scan has no
        contrast.
    """
    greys = robust_greys(pair.low)
    fit = fit_pair(pair, progress)
    low = cubic_onto(pair.low, pair.high, progress)
    high = np.array(planes(pair.high), np.float32)
    valid = low.valid & np.isfinite(high)
    if pair.high.region is not None:
        valid &= np.asarray(pair.high.region).astype(bool).reshape(high.shape)
    if not valid.any():
        raise InputError(f"“{pair.low.name}” and “{pair.high.name}” have no voxel in common.")
    high *= np.float32(fit.gain)
    high += np.float32(fit.offset)
    return _image(
        f"{pair.low.name} / {pair.high.name}",
        group or pair.low.name,
        greys.normalise(low.data),
        greys.normalise(high),
        valid,
        _sizes(pair.high, pair.ratios),
        _sizes(pair.high, 1.0),
        residual_shift_um=float(np.linalg.norm(pair.residual_shift_um)),
        provenance={
            **_sources(pair),
            "synthetic": any(v.metadata.get("synthetic", False) for v in (pair.low, pair.high)),
            "licence": licence,
            # noise as a share of the grey range, as `DegradationSettings` counts it
            "fit": {**asdict(fit), "noise": fit.noise / fit.span},
        },
    )


def degraded_image(
    high: Volume,
    settings: DegradationSettings = DegradationSettings(),  # noqa: B008
    seed: int = 0,
    progress: Progress = SILENT,
    *,
    group: str = "",
    licence: str = "",
) -> TrainingImage:
    """Make a training image of a high-resolution scan alone, its low-resolution one made up.

    Parameters
    ----------
    high : Volume
        2-D (for networks that read one slice) or 3-D. Without a voxel size its own voxels count
        as 1 µm.
    settings : DegradationSettings
    seed : int
        Start of the random numbers.
    progress : Progress
        Advanced per slab.
    group : str
        The sample; the scan's name by default.
    licence : str
        Of the scan, for the model's card.

    Returns
    -------
    TrainingImage

    Raises
    ------
    InputError
        See `degraded_scan`.
    """
    if high.voxel_size_um is None:
        high = high.with_voxel_size(1.0, "assumed 1 µm")
    made = degraded_scan(high, settings, seed, progress)
    greys = robust_greys(made.low)
    low = cubic_onto(made.low, high, progress)
    truth = np.array(planes(high), np.float32)
    valid = low.valid & np.isfinite(truth)
    if high.region is not None:
        valid &= np.asarray(high.region).astype(bool).reshape(truth.shape)
    truth *= np.float32(made.gain)
    truth += np.float32(made.offset)
    # what does not fill a whole low-resolution voxel is cut off, not masked
    used = _whole_part(valid)
    ends = [used[3 - high.ndim + a].stop for a in range(high.ndim)]
    source = describe_part(high, [(0, end) for end in ends])
    return _image(
        f"{high.name} degraded",
        group or high.name,
        greys.normalise(low.data[used]),
        greys.normalise(truth[used]),
        valid[used],
        _sizes(made.low, 1.0),
        _sizes(high, 1.0),
        provenance={
            "high": source,
            "synthetic": bool(high.metadata.get("synthetic", False)),
            "low_made_up": True,
            "licence": licence,
            "degradation": settings.model_dump(mode="json"),
            "drawn": made.drawn,
            "seed": seed,
        },
    )


def _sources(pair: AlignedPair) -> dict[str, Any]:
    """Where both scans come from; `split` finds the low voxels of a part by ``from_high``."""
    low, high = (pair.provenance.get(name) for name in ("low", "high"))
    if low and high and "box" in low and "box" in high:
        to_low = grid_to_image(pair.high, pair.low)
        # from indices in the one file to those in the other
        first = [np.zeros(3), np.zeros(3)]
        for start, source in zip(first, (low, high), strict=True):
            start[-len(source["box"]) :] = [a for a, _ in source["box"]]
        to_low[:3, 3] += first[0] - to_low[:3, :3] @ first[1]
        low = {**low, "from_high": to_low[:3].tolist()}
    return {"low": low, "high": high}


def _whole_part(valid: Any) -> tuple[slice, ...]:
    """Leading box without the slices, rows and columns at the end that are all invalid."""
    ends = []
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        some = np.flatnonzero(valid.any(axis=others))
        ends.append(slice(0, int(some[-1]) + 1 if some.size else valid.shape[axis]))
    return tuple(ends)


def _sizes(volume: Volume, factors: Any) -> tuple[float, ...]:
    """Voxel edges times factors, z, y, x; a 2-D image's slice is as thick as its pixels."""
    world = np.linalg.norm(volume.world_affine()[:-1, :-1], axis=0) * factors
    sizes = [float(v) for v in world]
    return tuple(sizes[:1] * (3 - volume.ndim) + sizes)


def _image(
    name: str, group: str, low: Any, high: Any, valid: Any,
    low_size: tuple[float, ...], high_size: tuple[float, ...], **more: Any,
) -> TrainingImage:  # fmt: skip
    everywhere = bool(valid.all())
    if not everywhere:
        low, high = np.where(valid, low, 0), np.where(valid, high, 0)
    return TrainingImage(
        name, group, low, high, low_size, high_size, None if everywhere else valid, **more
    )
