"""Phases of an image by a trained classifier, in blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.blocks import BlockStep, compute, read_with_halo
from napari_battery.errors import InputError
from napari_battery.io.lazy import Window
from napari_battery.labelling.classifier import (
    GreyScale,
    PixelClassifier,
    block_features,
    grey_scale,
    margin_of,
)
from napari_battery.labelling.forest import probabilities
from napari_battery.labelling.phases_nowhere import nowhere
from napari_battery.labelling.random_field import NOWHERE, SWEEPS, quantised, smooth
from napari_battery.lengths import in_voxels, spacing_voxels
from napari_battery.progress import SILENT, Progress
from napari_battery.volume import Volume

__all__ = ["classifier_notes", "classifier_step", "smoothed_classes"]

_BLOCK_VOXELS = 2**22


def classifier_step(
    image: Volume, classifier: PixelClassifier, scale: GreyScale | None = None
) -> BlockStep:
    """The computation of phase codes, voxel by voxel.

    Parameters
    ----------
    image : Volume
        Grey levels.
    classifier : PixelClassifier
        Scales in µm are looked at in this image's own voxels.
    scale : GreyScale, optional
        Of the whole image; found here by default.

    Raises
    ------
    InputError
        If the classifier needs a volume and the image is a slice, or lengths are in µm and
        the voxel size is unknown.
    """
    codes = _codes(classifier)

    def answer(shares: NDArray[np.float32]) -> NDArray[Any]:
        best: NDArray[Any] = codes[shares.argmax(axis=1)]
        return best

    run, margin = _run(image, classifier, scale, answer, np.dtype(np.uint8))

    def with_nowhere(block: NDArray[Any], window: Window) -> NDArray[Any]:
        result: NDArray[Any] = run(block, window)
        result[nowhere(image, block, window, margin, (0,) * image.ndim)] = 0
        return result

    return BlockStep(with_nowhere, margin, np.dtype(np.uint8), _BLOCK_VOXELS)


def smoothed_classes(
    image: Volume,
    classifier: PixelClassifier,
    weight: float,
    window: Window,
    progress: Progress = SILENT,
    scale: GreyScale | None = None,
) -> NDArray[np.uint8]:
    """Phase codes after a Markov random field on the classifier's probabilities.

    Costs of the classes, two bytes each per voxel, are held in memory: to compute them again
    for the margin of each block would take twice the time.

    Parameters
    ----------
    image, classifier, scale
        As in `classifier_step`.
    weight : float
        See `smooth`.
    window : tuple of slices
        Part to compute.
    progress : Progress
        Advanced per block.

    Returns
    -------
    uint8 array
        Of the window.
    """
    n_classes = classifier.forest.n_classes
    cost = np.dtype([("of", np.uint16, (n_classes,))])

    def answer(shares: NDArray[np.float32]) -> NDArray[Any]:
        costs = np.empty(len(shares), cost)
        costs["of"] = quantised(shares)
        return costs

    run, margin = _run(image, classifier, scale, answer, cost)
    around = tuple(
        slice(max(w.start - 2 * SWEEPS, 0), min(w.stop + 2 * SWEEPS, n))
        for w, n in zip(window, image.shape, strict=True)
    )
    step = BlockStep(run, margin, cost, _BLOCK_VOXELS)
    costs = compute(step, image.data, progress, f"Classifying: {image.name}", box=around)
    spacing = spacing_voxels(image)
    codes = _codes(classifier)
    halo = (2 * SWEEPS,) * image.ndim
    inner = (slice(2 * SWEEPS, -2 * SWEEPS),) * image.ndim

    def field(block: NDArray[Any], part: Window) -> NDArray[Any]:
        there = tuple(
            slice(p.start + a.start, p.stop + a.start) for p, a in zip(part, around, strict=True)
        )
        here = np.ascontiguousarray(block["of"])
        classes = here.argmin(axis=-1).astype(np.uint8)
        grey = read_with_halo(image.data, there, halo) if image.dtype.kind == "f" else block
        classes[nowhere(image, grey, there, halo, halo)] = NOWHERE
        parity = sum(w.start - 2 * SWEEPS for w in there)
        smooth(classes, here, weight, spacing, parity)
        result: NDArray[Any] = codes[classes[inner]]
        return result

    wanted = tuple(
        slice(w.start - a.start, w.stop - a.start) for w, a in zip(window, around, strict=True)
    )
    what = f"Smoothing phases: {image.name}"
    return compute(
        BlockStep(field, halo, np.dtype(np.uint8), _BLOCK_VOXELS), costs, progress, what, box=wanted
    )


def classifier_notes(image: Volume, classifier: PixelClassifier) -> list[str]:
    """What to say where image and classifier do not quite fit."""
    own, trained = image.voxel_size_um, classifier.voxel_size_um
    if classifier.settings.length_unit == "um" or own is None or trained is None:
        return []
    if abs(min(own) - min(trained)) <= 0.01 * min(trained):
        return []
    return [
        f"The classifier learned from voxels of {min(trained):g} µm and looks at as many voxels "
        f"of “{image.name}”, which are {min(own):g} µm; train one with lengths in µm for both."
    ]


def _run(
    image: Volume,
    classifier: PixelClassifier,
    scale: GreyScale | None,
    answer: Any,
    dtype: np.dtype[Any],
) -> tuple[Any, tuple[int, ...]]:
    """Function of a block that answers for each voxel, and the margin it needs."""
    if image.ndim == 2 and not classifier.is_flat:
        raise InputError(
            f"The classifier was trained on a volume, “{image.name}” is a slice: train one with "
            "“Per slice” on."
        )
    settings = in_voxels(classifier.settings, image)
    spacing = spacing_voxels(image)
    margin = margin_of(settings, spacing, classifier.is_flat)
    found = scale or grey_scale(image, settings)

    def run(block: NDArray[Any], window: Window) -> NDArray[Any]:
        shape = tuple(w.stop - w.start for w in window)
        result = np.empty((1, *shape)[-3:], dtype)
        for rows, values in block_features(block, found, settings, spacing, classifier.is_flat):
            part = result[rows]
            part[...] = answer(probabilities(classifier.forest, values)).reshape(part.shape)
        return result.reshape(shape)

    return run, margin


def _codes(classifier: PixelClassifier) -> NDArray[np.uint8]:
    codes = np.zeros(256, np.uint8)
    codes[: len(classifier.phases)] = list(classifier.phases.values())
    return codes
