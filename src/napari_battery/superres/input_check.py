"""Whether an image is like those that a model learnt from; said in plain sentences."""

from __future__ import annotations

import numpy as np

from napari_battery.superres.card import Card, Range
from napari_battery.superres.greys import Greys, robust_greys
from napari_battery.superres.input_statistics import InputStatistics, input_statistics
from napari_battery.volume import Volume

__all__ = ["compare_with_card"]

_RATIO = 0.05
_VOXEL_SIZE = 0.25
_QUANTILE = 0.1
_NOISE = 1.5
_POWER = 0.3
"""How far beyond the training range is still like it: 5 % of the ratio of voxel sizes, a quarter
of the voxel size, a tenth of the grey range, half as much noise again, a factor of 2 in power."""


def compare_with_card(
    image: Volume,
    card: Card,
    target_voxel_size_um: tuple[float, ...],
    greys: Greys | None = None,
) -> list[str]:
    """Compare an image with the range of a model's training images.

    Parameters
    ----------
    image : Volume
        2-D or 3-D, of known voxel size.
    card : Card
        What it does not tell is not compared, and said.
    target_voxel_size_um : tuple of float
        Of the grid that the model is to be applied on.
    greys : Greys, optional
        Of the image; measured otherwise.

    Returns
    -------
    list of str
        A sentence for each thing that lies outside; empty where the image is like them.

    Raises
    ------
    InputError
        If the image has no contrast or no voxel size.
    """
    greys = greys or robust_greys(image)
    said = _voxel_sizes(image, card, target_voxel_size_um)
    if card.input.noise is None:
        return [*said, f"The model “{card.name}” does not tell what its training images were like."]
    found = input_statistics(image, target_voxel_size_um, greys)
    if found is None:
        return [
            *said,
            f"“{image.name}” is too small or too empty to be compared with the training images.",
        ]
    return said + _greys(found, card) + _noise(found, card.input.noise) + _spectrum(found, card)


def _voxel_sizes(image: Volume, card: Card, target: tuple[float, ...]) -> list[str]:
    size = image.known_voxel_size_um()
    said = []
    ratios = [v / t for v, t in zip(size, target, strict=True)]
    if card.ratio is not None and not all(_within(r, card.ratio, _RATIO) for r in ratios):
        shown = " × ".join(f"{r:.4g}" for r in dict.fromkeys(ratios))
        said.append(
            f"The voxels are made {shown} times smaller; the model was trained for "
            f"{_span(card.ratio)} times."
        )
    low = card.low_voxel_size_um
    if low is not None and not all(_within(v, low, _VOXEL_SIZE) for v in size):
        shown = " × ".join(f"{v:.4g}" for v in dict.fromkeys(size))
        said.append(
            f"The voxel size is {shown} µm; the model was trained on scans of {_span(low)} µm."
        )
    return said


def _greys(found: InputStatistics, card: Card) -> list[str]:
    off = [
        f"the {float(key):.0%} quantile is {found.quantiles[key]:.2f} (training: {_span(span)})"
        for key, span in card.input.quantiles.items()
        if key in found.quantiles
        and not span[0] - _QUANTILE <= found.quantiles[key] <= span[1] + _QUANTILE
    ]
    if not off:
        return []
    return [
        "The grey levels are spread unlike those of the training images: of the normalised grey "
        f"{'; '.join(off)}."
    ]


def _noise(found: InputStatistics, span: Range) -> list[str]:
    if span[0] / _NOISE <= found.noise <= span[1] * _NOISE:
        return []
    more = "noisier" if found.noise > span[1] else "less noisy"
    return [
        f"The image is {more} than the training images: its noise is {found.noise:.3g} of the "
        f"grey range (training: {_span(span)})."
    ]


def _spectrum(found: InputStatistics, card: Card) -> list[str]:
    rings = card.input.spectrum
    if len(rings) != len(found.spectrum):
        return []
    # in each ring the share of the power, so that contrast does not count
    beyond = [
        value - span[1] - _POWER if value > span[1] + _POWER else min(value - span[0] + _POWER, 0)
        for value, span in zip(found.spectrum, rings, strict=True)
    ]
    worst = int(np.argmax(np.abs(beyond)))
    if beyond[worst] == 0:
        return []
    what = "more" if beyond[worst] > 0 else "less"
    where = ("coarse structure", "medium detail", "fine detail")[min(2, worst * 3 // len(rings))]
    value, span = found.spectrum[worst], rings[worst]
    return [
        f"The image has {what} {where} than the training images: {10**value:.2g} of its power is "
        f"between {worst / len(rings):.0%} and {(worst + 1) / len(rings):.0%} of the highest "
        f"frequency (training: {_span((10 ** span[0], 10 ** span[1]))})."
    ]


def _within(value: float, span: Range, tolerance: float) -> bool:
    return span[0] * (1 - tolerance) <= value <= span[1] * (1 + tolerance)


def _span(span: Range) -> str:
    low, high = (f"{v:.3g}" for v in span)
    return low if low == high else f"{low} to {high}"
