"""Judge models on a real pair of scans: what each makes of the low one, against the high one.

Every method sees the same sampling: the low scan is interpolated once, straight onto the high
scan's grid, and the networks read that. Cubic interpolation is the first row of the table, and
again with its grey levels matched, which is what a model has to beat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.io.lazy import Window
from napari_battery.prepare import crop
from napari_battery.progress import SILENT, Progress
from napari_battery.provenance import provenance
from napari_battery.registration.pairs import cut_to_overlap, mend, place_by
from napari_battery.registration.transform import Transform
from napari_battery.superres.greys import Greys, robust_greys
from napari_battery.superres.input_check import compare_with_card
from napari_battery.superres.judge_bootstrap import FEWEST
from napari_battery.superres.judge_compare import Cracks, compare
from napari_battery.superres.judge_cracks import dark_threshold
from napari_battery.superres.judge_metrics import SSIM_SETTINGS
from napari_battery.superres.judge_predict import on_high_grid, predictions
from napari_battery.superres.judge_regions import (
    bounding_window,
    check_unseen,
    grid_of_regions,
    region_words,
    trimmed,
    window_in,
)
from napari_battery.superres.judge_settings import JudgeSettings
from napari_battery.superres.judge_table import CUBIC, MATCHED, quality_table
from napari_battery.tables import SUPERRES_REGIONS
from napari_battery.volume import Volume

if TYPE_CHECKING:
    from napari_battery.superres.model_files import Model

__all__ = ["Judgement", "judge"]

_SMALLEST = 11
"""Voxels that a window of SSIM is wide."""


@dataclass(frozen=True, eq=False)
class Judgement:
    """What came of judging.

    Parameters
    ----------
    quality : DataFrame
        ``tables.SUPERRES_QUALITY``: mean over regions by method and metric.
    regions : DataFrame
        ``tables.SUPERRES_REGIONS``, in voxels of the high scan.
    histograms : DataFrame
        ``series, value_from, value_to, density`` of normalised grey levels in all regions.
    lines : dict
        Gain and offset of the grey match by method, in normalised grey levels.
    residual_voxels : float
        Shift left between the two scans, in voxels of the high one.
    predictions : dict of str to Volume
        By method, where asked for: float32 in grey levels of the high scan, on its grid.
    made : dict
        Settings, inputs, models, how it was measured, and notes; fit for JSON.
    """

    quality: pd.DataFrame
    regions: pd.DataFrame
    histograms: pd.DataFrame
    lines: dict[str, tuple[float, float]]
    residual_voxels: float
    predictions: dict[str, Volume] = field(default_factory=dict)
    made: dict[str, Any] = field(default_factory=dict)

    @property
    def notes(self) -> list[str]:
        """What the person should know, warnings first."""
        notes: list[str] = self.made.get("notes", [])
        return notes


def judge(
    low: Volume,
    high: Volume,
    models: Sequence[Model],
    settings: JudgeSettings,
    progress: Progress = SILENT,
    *,
    transform: Transform | None = None,
    boxes: Sequence[Window] = (),
    labels: Volume | None = None,
    keep: bool = False,
) -> Judgement:
    """Compare cubic interpolation and models with a real high-resolution scan.

    Parameters
    ----------
    low, high : Volume
        Two aligned 3-D scans of the same place, of known voxel sizes.
    models : sequence of Model
        Each becomes a row, named after its card.
    settings : JudgeSettings
        Regions, bootstrap, cracks.
    progress : Progress
        Advanced per block of every stage.
    transform : Transform, optional
        Between the two scans, whichever it moves.
    boxes : sequence of windows
        Where to judge, in voxels of the high scan; all of the overlap by default.
    labels : Volume, optional
        Labels with cracks; brought onto the high scan's grid by the nearest voxel.
    keep : bool
        Whether the predictions are kept.

    Returns
    -------
    Judgement

    Raises
    ------
    InputError
        If the scans do not fit, no region is left, or one lies in what a model was trained
        on; if labels hold no crack.

    Notes
    -----
    Grey levels are normalised by the robust range (0.5 % to 99.5 %) of the whole high scan;
    ``cubic`` by the low scan's own, as the paper normalises each image. Every other method is
    laid on the high scan by its own line of least squares, over all regions.
    """
    for volume in (low, high):
        if volume.ndim != 3:
            raise InputError(
                f"“{volume.name}” has {volume.ndim} axes; models are judged on volumes of three."
            )
    _check_names(models)
    greys = robust_greys(low), robust_greys(high)
    where = low if transform is None else place_by(low, high, transform)
    margin = _margin(models)
    part = _part(high, boxes, margin)
    pair = cut_to_overlap(where, part, progress)
    if settings.mend:
        pair = mend(pair, progress=progress)
    offset = _offset(pair.high, high)
    sampled = on_high_grid(where, pair, margin, progress)
    valid = sampled.valid & np.isfinite(np.asarray(pair.high.data))
    if pair.high.region is not None:
        valid &= np.asarray(pair.high.region).astype(bool)
    inner = [_inner(box, offset, pair.high, low, high) for box in boxes]
    regions, left_out = _regions(inner, pair.high.shape, valid, settings)
    outer = [_shifted(region, offset, high.shape) for region in regions]
    notes = [*pair.notes, *check_unseen(outer, high, (where, high), [m.card for m in models])]
    voxel = pair.high.known_voxel_size_um()
    for model in models:
        notes += compare_with_card(low, model.card, voxel, greys[0])
    if len(regions) < FEWEST:
        notes.append(
            f"With {len(regions)} regions no interval is given ({FEWEST} are needed): choose "
            "smaller regions, or a larger part."
        )
    if left_out:
        notes.append(f"{len(regions)} of {len(regions) + left_out} regions were drawn.")
    true = greys[1].normalise(pair.high.data)
    cracks = None
    if labels is not None:
        cracks = _cracks(labels, pair.high, true, regions, greys[1], settings, progress)
    kept: dict[str, Volume] = {}

    def keep_one(method: str, grey: NDArray[np.float32]) -> None:
        if keep:
            name = f"{low.name} {method}"
            kept[method] = pair.high.like(greys[1].restore(grey), name, region=valid)

    used: list[dict[str, Any]] = []
    compared = compare(
        true,
        predictions(sampled, greys[0], models, settings, progress, used),
        regions,
        cracks,
        progress,
        keep_one,
    )
    notes += [
        f"Where “{high.name}” gets brighter, {method} gets darker (gain {gain:.3g}): its contrast "
        "was turned round to be compared."
        for method, (gain, _) in compared.lines.items()
        if gain < 0
    ]
    made = {
        **provenance("evaluate", settings, [low, high], notes),
        "pair": pair.provenance,
        "transform": None if transform is None else np.asarray(transform.matrix).tolist(),
        "models": used,
        "ssim": SSIM_SETTINGS,
        "data_range_grey": [greys[1].low, greys[1].high],
        "grey_lines": compared.lines,
        "crack_threshold_grey": None
        if cracks is None
        else float(greys[1].restore(np.float32(cracks.threshold))),
    }
    return Judgement(
        quality_table(compared.metrics, settings),
        _region_table(compared.metrics, outer),
        compared.histograms,
        compared.lines,
        pair.residual_voxels,
        kept,
        made,
    )


def _check_names(models: Sequence[Model]) -> None:
    names = [CUBIC, MATCHED, *(model.card.name for model in models)]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"Two methods are called “{name}”: rename the file of one model.")


def _margin(models: Sequence[Model]) -> tuple[int, int, int]:
    """Voxels that the networks need beyond what is judged."""
    halo = max((model.card.halo_px for model in models), default=0)
    return max((model.card.slices // 2 for model in models), default=0), halo, halo


def _part(high: Volume, boxes: Sequence[Window], margin: Sequence[int]) -> Volume:
    """What of the high scan is needed to judge the boxes."""
    if not boxes:
        return high
    for box in boxes:
        if any(w.stop > n for w, n in zip(box, high.shape, strict=True)):
            raise InputError(
                f"The region {','.join(f'{w.start}:{w.stop}' for w in box)} reaches beyond "
                f"“{high.name}”, which has {high.shape} voxels."
            )
    around = bounding_window(boxes)
    return crop(
        high, [(max(0, w.start - m), w.stop + m) for w, m in zip(around, margin, strict=True)]
    )


def _offset(part: Volume, high: Volume) -> NDArray[np.int64]:
    """Which voxel of the high scan the first one of a part is."""
    first = window_in(high, part, tuple(slice(0, 1) for _ in part.shape))
    return np.array([w.start for w in first])


def _shifted(window: Window, by: NDArray[np.int64], shape: Sequence[int]) -> Window:
    return tuple(
        slice(max(0, w.start + int(d)), min(n, w.stop + int(d)))
        for w, d, n in zip(window, by, shape, strict=True)
    )


def _inner(
    box: Window, offset: NDArray[np.int64], part: Volume, low: Volume, high: Volume
) -> Window:
    """A box of the high scan in voxels of the part that both scans show."""
    window = _shifted(box, -offset, part.shape)
    if any(w.start >= w.stop for w in window):
        raise InputError(
            f"The region {region_words(box)} of “{high.name}” lies outside of what “{low.name}” "
            "shows: choose another part."
        )
    return window


def _regions(
    boxes: Sequence[Window],
    shape: tuple[int, ...],
    valid: NDArray[np.bool_],
    settings: JudgeSettings,
) -> tuple[list[Window], int]:
    """The regions to judge, and how many more there would be."""
    boxes = [trimmed(box, valid) for box in boxes or [tuple(slice(0, n) for n in shape)]]
    found = grid_of_regions(boxes, settings.region_size, valid)
    found = [r for r in found if min(r[1].stop - r[1].start, r[2].stop - r[2].start) >= _SMALLEST]
    if not found:
        raise InputError(
            f"No region of {settings.region_size} voxels fits into what both scans show there "
            f"(a box of {shape} voxels of the high scan): choose smaller regions, of 16 at least, "
            "or another part."
        )
    if len(found) <= settings.most_regions:
        return found, 0
    rng = np.random.default_rng(settings.seed)
    chosen = np.sort(rng.choice(len(found), settings.most_regions, replace=False))
    return [found[i] for i in chosen], len(found) - settings.most_regions


def _cracks(
    labels: Volume,
    high: Volume,
    true: NDArray[np.float32],
    regions: Sequence[Window],
    greys: Greys,
    settings: JudgeSettings,
    progress: Progress,
) -> Cracks:
    """Labelled cracks on the judged grid, and what is dark there."""
    from napari_battery.resample import onto_grid

    if settings.crack is None:
        raise InputError(f"Say which value of “{labels.name}” is crack: --crack 2, for instance.")
    on_grid = labels if labels.same_grid(high) else onto_grid(labels, high, progress, order=0)
    mask = np.asarray(on_grid.data) == settings.crack
    if not any(mask[region].any() for region in regions):
        raise InputError(
            f"No voxel of “{labels.name}” carries {settings.crack} in any region: check the value "
            "of cracks, and where the labels lie."
        )
    given = settings.crack_threshold
    if given is None:
        threshold = dark_threshold([true[region] for region in regions])
    else:
        threshold = float(greys.normalise(np.float32(given)))
    return Cracks(mask, threshold, settings.crack_tolerance)


def _region_table(metrics: pd.DataFrame, regions: Sequence[Window]) -> pd.DataFrame:
    boxes = pd.DataFrame(
        [[*(w.start for w in r), *(w.stop for w in r)] for r in regions],
        columns=[c for c in SUPERRES_REGIONS if c.startswith("bbox")],
    )
    boxes.insert(0, "region", np.arange(1, len(regions) + 1))
    table = boxes.merge(metrics, on="region")
    return table[[c for c in SUPERRES_REGIONS if c in table]]
