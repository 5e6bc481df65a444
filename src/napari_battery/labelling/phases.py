"""Phases of an image: pore, active material and binder, told apart by grey level."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.blocks import BlockStep, block_result, window_of
from napari_battery.errors import InputError
from napari_battery.io.lazy import Window
from napari_battery.labelling.classifier import PixelClassifier, grey_scale
from napari_battery.labelling.classify import classifier_notes, classifier_step, smoothed_classes
from napari_battery.labelling.phases_finish import finished, is_local
from napari_battery.labelling.phases_measure import margin, measured
from napari_battery.labelling.phases_model import PhaseModel, enough, prepare_phases
from napari_battery.labelling.phases_nowhere import nowhere
from napari_battery.labelling.phases_settings import PHASE_CODES, PhaseSettings
from napari_battery.labelling.phases_shell import shell_margin, without_shell
from napari_battery.labelling.random_field import NOWHERE, SWEEPS, gaussian_costs, smooth
from napari_battery.lengths import in_voxels, spacing_voxels
from napari_battery.prepare import crop
from napari_battery.progress import SILENT, Progress
from napari_battery.provenance import provenance
from napari_battery.volume import Volume

__all__ = ["classify", "segment_phases"]

_BLOCK_VOXELS = 2**23


def segment_phases(
    image: Volume,
    settings: PhaseSettings = PhaseSettings(),  # noqa: B008
    progress: Progress = SILENT,
    out: Path | None = None,
    *,
    box: tuple[slice, ...] | None = None,
    model: PhaseModel | None = None,
    classifier: PixelClassifier | None = None,
) -> Volume:
    """Part an image into two or three phases.

    Denoise, threshold, optionally take off the binder shell that blur makes at particle
    edges, smooth by a Markov random field, and clean the active material. All but the
    hysteresis and the cleaning goes block by block and does not depend on the blocks.

    Parameters
    ----------
    image : Volume
        2-D or 3-D grey levels of any type.
    settings : PhaseSettings
        Lengths are of the shortest edge of anisotropic voxels.
    progress : Progress
        Advanced per block.
    out : Path, optional
        TIFF or OME-Zarr to write to.
    box : tuple of slices, optional
        Only this part of the result, for a preview. Thresholds are still the whole image's;
        hysteresis and cleaning see the box alone.
    model : PhaseModel, optional
        From `prepare_phases`, so that the image need not be looked at again.
    classifier : PixelClassifier, optional
        For the method of that name; phases are its own, and it needs no denoising.

    Returns
    -------
    Volume
        uint8 codes on the image's grid: 0 pore, 1 active material, 2 binder; 0 also outside
        the region and where there is no grey level, and the result's region leaves these
        out. ``metadata`` holds ``kind="phases"``, ``phases`` (name: code), ``thresholds``,
        ``note`` and ``made``.

    Raises
    ------
    InputError
        If the image has no contrast or no grey levels, levels are missing or not rising, the
        method cannot part its histogram, lengths are in µm and the voxel size is unknown, or
        the method is the classifier and none is given.
    """
    _check(image)
    if settings.method == "classifier" and classifier is None:
        raise InputError("The method is the classifier, but none is given: train or load one.")
    if settings.method != "classifier":
        classifier = None
    scaled = in_voxels(settings, image)
    window = window_of(image, box)
    part = image if box is None else crop(image, [(w.start, w.stop) for w in window])
    light = enough(image, settings) if model is None else None
    model = light or prepare_phases(image, settings, progress, model)
    region, n_without = _with_grey(part)
    notes = [f"{n_without:,} voxels without a grey level are in no phase."] if n_without else []
    if classifier is not None:
        notes += classifier_notes(image, classifier)
    metadata = {
        "kind": "phases",
        "phases": _phases(scaled, model, classifier),
        "thresholds": list(model.levels),
        "note": " ".join(notes),
        "synthetic": bool(image.metadata.get("synthetic", False)),
        "state": image.metadata.get("state", ""),
        "made": {
            **provenance("phases", settings, [image], notes),
            "found": _found(model, classifier),
        },
    }

    def finish(data: Any) -> Volume:
        return part.like(data, f"{image.name} phases", region=region, metadata=metadata)

    if classifier is not None and scaled.smoothing_weight > 0:
        scale = grey_scale(image, classifier.settings, model.histogram[:2])
        weight = scaled.smoothing_weight
        result = finish(smoothed_classes(image, classifier, weight, window, progress, scale))
    else:
        step = _step(image, scaled, model, classifier)
        what = f"Parting phases: {image.name}"
        if out is not None and is_local(scaled):
            return block_result(step, image.data, finish, progress, what, box=window, out=out)
        result = block_result(step, image.data, finish, progress, what, box=window)
    result = finished(result, scaled, progress)
    if out is None:
        return result
    from napari_battery.io import write_volume

    return write_volume(out, result, metadata["made"], progress)


def classify(
    image: Volume,
    classifier: PixelClassifier,
    progress: Progress = SILENT,
    out: Path | None = None,
) -> Volume:
    """Part an image into the phases of a classifier, nothing else; see `segment_phases`."""
    alone = PhaseSettings(method="classifier", smoothing_weight=0)
    return segment_phases(image, alone, progress, out, classifier=classifier)


def _phases(
    settings: PhaseSettings, model: PhaseModel, classifier: PixelClassifier | None
) -> dict[str, int]:
    if classifier is not None:
        return dict(classifier.phases)
    three = len(model.levels) == 2 and settings.method != "hysteresis"
    return {k: v for k, v in PHASE_CODES.items() if three or k != "binder"}


def _found(model: PhaseModel, classifier: PixelClassifier | None) -> dict[str, Any]:
    """What was found on the way, for the record."""
    if classifier is not None:
        return {
            "classifier": classifier.made,
            "training_voxels": classifier.training_voxels,
            "accuracy": classifier.accuracy,
        }
    return {
        "thresholds": list(model.levels),
        "class_means": list(model.means),
        "sigma": model.sigma,
    }


def _check(image: Volume) -> None:
    kind = image.metadata.get("kind")
    if kind in ("labels", "phases") or image.dtype.kind not in "iuf":
        what = kind or ("a mask" if image.dtype.kind == "b" else f"type {image.dtype}")
        raise InputError(
            f"“{image.name}” holds {what}, not grey levels; choose the image to be segmented."
        )
    if 0 in image.shape:
        raise InputError(f"“{image.name}” has no voxel (shape {image.shape}).")


def _with_grey(image: Volume) -> tuple[Any, int]:
    """The region without voxels that have no grey level, and how many of them it held."""
    if image.dtype.kind != "f":
        return image.region, 0
    region: Any = image.region
    n_without = 0
    for k in range(image.shape[0]):
        plane = ~np.isfinite(np.asarray(image.data[k]))
        if image.region is not None:
            plane &= np.asarray(image.region[k], bool)
        n = int(plane.sum())
        if n and not n_without:
            region = np.ones(image.shape, bool) if region is None else np.array(region, bool)
        if n:
            region[k] &= ~plane
        n_without += n
    return region, n_without


def _step(
    image: Volume, settings: PhaseSettings, model: PhaseModel, classifier: PixelClassifier | None
) -> BlockStep:
    """All that happens to a voxel because of its neighbourhood alone."""
    if classifier is not None:
        scale = grey_scale(image, classifier.settings, model.histogram[:2])
        return classifier_step(image, classifier, scale)
    spacing = spacing_voxels(image)
    codes = _codes(settings, len(model.levels) + 1)
    is_field = settings.smoothing_weight > 0 and settings.method != "hysteresis"
    has_shell = settings.binder_shell > 0 and settings.method != "hysteresis"
    has_shell = has_shell and len(model.levels) == 2
    # what changes a voxel from its neighbours' classes needs those neighbours' classes, too
    reach = np.full(image.ndim, 2 * SWEEPS if is_field else 0)
    if has_shell:
        reach += shell_margin(settings.binder_shell, spacing)
    around = tuple(int(n) for n in reach)
    halo = tuple(a + m for a, m in zip(around, margin(image, settings), strict=True))
    inner = tuple(slice(n, -n or None) for n in around)

    def run(block: NDArray[Any], window: Window) -> NDArray[Any]:
        smoothed, noisy = measured(block, image, settings, model.fill)
        classes = np.zeros(smoothed.shape, np.uint8)
        for level in model.levels:
            classes += smoothed > level
        classes[nowhere(image, block, window, halo, around)] = NOWHERE
        if has_shell:
            without_shell(
                classes,
                smoothed,
                model.means,
                settings.binder_shell,
                spacing,
                settings.active == "brightest",
            )
        if is_field:
            costs = gaussian_costs(noisy, np.array(model.means), model.sigma)
            parity = sum(w.start - n for w, n in zip(window, around, strict=True))
            smooth(classes, costs, settings.smoothing_weight, spacing, parity)
        part: NDArray[Any] = codes[classes[inner]]
        return part

    return BlockStep(run, halo, np.dtype(np.uint8), _BLOCK_VOXELS)


def _codes(settings: PhaseSettings, n_classes: int) -> NDArray[np.uint8]:
    """Code of each class from dark to bright; 0 for `NOWHERE`."""
    codes = np.zeros(256, np.uint8)
    if settings.method == "hysteresis":
        codes[:3] = (0, 1, 2)  # `finished` makes phases of them
        if settings.active == "darkest":
            codes[:3] = (2, 1, 0)
        return codes
    order = (0, 1) if n_classes == 2 else (0, 2, 1)
    if settings.active == "darkest":
        order = order[::-1]
    codes[:n_classes] = order
    return codes
