"""Does a super-resolved image still say what the scan said? Degrade it, and compare."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.io.lazy import LazyArray, Window, is_lazy
from napari_battery.prepare import crop
from napari_battery.progress import SILENT, Progress
from napari_battery.provenance import provenance
from napari_battery.superres.area import area_weights, averaged
from napari_battery.superres.card import Card
from napari_battery.volume import Volume

__all__ = ["RoundTrip", "round_trip"]

_PSF_SIGMA = 0.5
"""Of the point spread in voxels of the scan, where a card does not tell it."""
_ROWS_BYTES = 2**27


@dataclass(frozen=True, eq=False)
class RoundTrip:
    """How far the degraded result is from the image that it was made from."""

    rms: float
    """Root mean square difference, in grey levels of the image."""
    noise: float
    """Standard deviation of the image's noise, in grey levels."""
    psf_sigma: float
    """Of the point spread, in voxels of the image."""
    map: Volume
    """Degraded result minus image, float32, on the image's grid; NaN where there is nothing.
    Of a result in a file it is computed as it is read."""
    notes: tuple[str, ...] = ()

    @property
    def rms_over_noise(self) -> float | None:
        """1 where the two differ by the image's noise alone; None for images without noise."""
        return self.rms / self.noise if self.noise > 0 else None

    def numbers(self) -> dict[str, Any]:
        """What is written down; fit for JSON."""
        return {
            "rms_grey": self.rms,
            "noise_grey": self.noise,
            "rms_over_noise": self.rms_over_noise,
            "psf_sigma_voxels": self.psf_sigma,
            "notes": list(self.notes),
        }


def round_trip(image: Volume, result: Volume, card: Card, progress: Progress = SILENT) -> RoundTrip:
    """Blur the result by the card's point spread, average it to the image's voxels, and compare.

    Parameters
    ----------
    image : Volume
        What was super-resolved.
    result : Volume
        The result, of all of it or a box; read in blocks.
    card : Card
        The middle of the point spreads of its ``degradation`` is taken; ½ voxel where it
        tells none, and said.
    progress : Progress
        Advanced per slab of slices.

    Returns
    -------
    RoundTrip
        The difference holds the image's noise and what the network changed; noise that the
        network took away leaves it at about 1 time the noise.

    Raises
    ------
    InputError
        If the result does not lie on the image, or covers no whole voxel of it.
    """
    from napari_battery.filters.noise import estimate_noise

    sigma, notes = _psf(card)
    window = _covered(image, result)
    part = crop(image, [(w.start, w.stop) for w in window])
    difference, rows = _difference(image, result, part, window, sigma)
    in_file = result.path is not None or is_lazy(result.data)
    kept = None if in_file else np.empty(part.shape, np.float32)
    squares, count = 0.0, 0
    starts = range(0, part.shape[0], rows)
    progress.begin(len(starts), "Comparing with the image")
    for start in starts:
        slab = slice(start, min(start + rows, part.shape[0]))
        block = difference[slab]
        if kept is not None:
            kept[slab] = block
        inside = np.isfinite(block)
        if part.region is not None:
            inside &= np.asarray(part.region[slab]).astype(bool)
        squares += float(np.sum(block[inside].astype(np.float64) ** 2))
        count += int(inside.sum())
        progress.advance()
    if not count:
        raise InputError(f"“{result.name}” and “{image.name}” have no voxel in common.")
    rms = float(np.sqrt(squares / count))
    try:
        noise = estimate_noise(part)
    except InputError:
        noise = 0.0
        notes.append(f"The noise of “{image.name}” cannot be measured on so small a part.")
    made = provenance("round trip", None, [image, result], notes)
    mapped = part.like(
        difference if kept is None else kept,
        f"{result.name} round trip",
        region=None,
        metadata={"made": made},
    )
    if image.metadata.get("synthetic"):
        mapped.metadata["synthetic"] = True
    return RoundTrip(rms, noise, sigma, mapped, tuple(notes))


def _psf(card: Card) -> tuple[float, list[str]]:
    ends = [card.degradation.get(f"psf_{end}") for end in ("smallest", "largest")]
    if all(isinstance(end, int | float) for end in ends):
        return float(np.mean(np.array(ends, np.float64))), []
    return _PSF_SIGMA, [
        f"The card of “{card.name}” tells no point spread; {_PSF_SIGMA:g} voxels were assumed."
    ]


def _covered(image: Volume, result: Volume) -> tuple[slice, ...]:
    """The image's voxels that lie within the result (but for half a new voxel at its end)."""
    window = []
    for axis in range(image.ndim):
        size, fine = image.known_voxel_size_um()[axis], result.known_voxel_size_um()[axis]
        face = result.origin_um[axis] - fine / 2
        origin = image.origin_um[axis] - size / 2
        first = (face - origin) / size
        last = (face + fine * result.shape[axis] - origin) / size
        slack = 0.51 * fine / size
        window.append(slice(max(0, int(np.ceil(first - slack))), int(np.floor(last + slack))))
        window[-1] = slice(window[-1].start, min(window[-1].stop, image.shape[axis]))
    if any(w.start >= w.stop for w in window):
        raise InputError(f"“{result.name}” covers no whole voxel of “{image.name}”.")
    return tuple(window)


def _difference(
    image: Volume, result: Volume, part: Volume, window: tuple[slice, ...], sigma: float
) -> tuple[LazyArray, int]:
    """The scan that one would get of the result minus a window of the image, computed when read.

    Also how many slices (of a picture, rows) suit the memory.
    """
    weights = []
    for axis, w in enumerate(window):
        size, fine = image.known_voxel_size_um()[axis], result.known_voxel_size_um()[axis]
        first = (image.origin_um[axis] + w.start * size - result.origin_um[axis]) / fine
        n_low, n_high = w.stop - w.start, result.shape[axis]
        weights.append(area_weights(n_low, n_high, size / fine, first, sigma * size / fine))
    one = [area_weights(1, 1, 1.0, 0.0)] if image.ndim == 2 else []

    def read(box: Window) -> NDArray[np.float32]:
        along = weights[0][box[0].start : box[0].stop]
        used = along.nonzero()[1]
        low, high = int(used.min()), int(used.max()) + 1
        fine = np.asarray(result.data[low:high])[None] if one else _slices(result.data, low, high)
        degraded = averaged(fine, [*one, along[:, low:high], *weights[1:]])
        plane = (slice(None), *box[1:])
        scan = np.asarray(part.data[box])
        return np.asarray(degraded.reshape(-1, *part.shape[1:])[plane] - scan, np.float32)

    n_low = part.shape[0]
    per_row = 4 * math.prod(w.shape[0] for w in weights[1:]) * math.ceil(result.shape[0] / n_low)
    rows = min(max(1, _ROWS_BYTES // per_row), n_low)
    return LazyArray(part.shape, np.float32, read, (rows, *part.shape[1:])), rows


def _slices(data: Any, low: int, high: int) -> LazyArray:
    def read(window: Window) -> NDArray[Any]:
        rows = slice(window[0].start + low, window[0].stop + low)
        return np.asarray(data[(rows, *window[1:])])

    return LazyArray((high - low, *data.shape[1:]), data.dtype, read)
