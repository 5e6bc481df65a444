"""Is super-resolution good enough for a metric? Every metric's error against the high scan.

Thresholds are fixed on the high scan and part every method's grey levels alike; the low scan is
measured on its own voxels, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_battery.errors import InputError
from napari_battery.io.lazy import Window
from napari_battery.microstructure.metric import Metric, Value, choose
from napari_battery.microstructure.phases import Phases, phases_of
from napari_battery.microstructure.sample import Sample, grey_sample
from napari_battery.microstructure.stages import Share, begin
from napari_battery.progress import SILENT, Progress
from napari_battery.provenance import provenance
from napari_battery.registration.pairs import place_by
from napari_battery.registration.transform import Transform
from napari_battery.superres.judge import judge
from napari_battery.superres.judge_compare import HIGH
from napari_battery.superres.judge_table import MATCHED
from napari_battery.tables import VALIDATION_REGIONS
from napari_battery.validation.common_voxel import DIFFUSION, at_voxel_size, voxel_um
from napari_battery.validation.scans import Scans, matched_scans
from napari_battery.validation.settings import ValidationSettings
from napari_battery.validation.thresholds import (
    by_brightness,
    matching_thresholds,
    otsu_threshold,
)
from napari_battery.validation.verdicts import validation_table, verdict_sentences
from napari_battery.volume import Volume

if TYPE_CHECKING:
    from napari_battery.superres.model_files import Model

__all__ = ["SEGMENTED", "Validation", "measure_scans", "validate"]

_WHOLE_ONLY = ("electrode_thickness",)
"""Metrics that say nothing of a region: it has the thickness it was cut with."""

SEGMENTED = "high scan, thresholded"
"""What the thresholds alone do, where a segmentation is the truth."""


@dataclass(frozen=True, eq=False)
class Validation:
    """What came of validating.

    Parameters
    ----------
    table : DataFrame
        ``tables.VALIDATION``: errors of each metric by method, and verdicts on models.
    regions : DataFrame
        ``tables.VALIDATION_REGIONS``: every number in every region.
    titles : dict of str to str
        Title of each metric.
    verdicts : dict of str to str
        Per model, in a sentence: “validated for porosity; not for …”.
    made : dict
        Settings, inputs, models, thresholds, and notes; fit for JSON.
    """

    table: pd.DataFrame
    regions: pd.DataFrame
    titles: dict[str, str]
    verdicts: dict[str, str]
    made: dict[str, Any] = field(default_factory=dict)

    @property
    def notes(self) -> list[str]:
        """What the person should know, warnings first."""
        notes: list[str] = self.made.get("notes", [])
        return notes


def validate(
    low: Volume,
    high: Volume,
    models: Sequence[Model],
    settings: ValidationSettings | None = None,
    progress: Progress = SILENT,
    *,
    transform: Transform | None = None,
    boxes: Sequence[Window] = (),
    segmentation: Volume | None = None,
    codes: Mapping[str, int] | None = None,
) -> Validation:
    """Measure metrics on matched low, high and super-resolved regions, and judge the models.

    Parameters
    ----------
    low, high : Volume
        Two aligned 3-D scans of the same place, of known voxel sizes.
    models : sequence of Model
    settings : ValidationSettings, optional
    progress : Progress
        Cancelling leaves nothing.
    transform : Transform, optional
        Between the two scans, whichever it moves.
    boxes : sequence of windows
        Where to compare, in voxels of the high scan; all of the overlap by default.
    segmentation : Volume, optional
        Phases of the high scan, on its grid: then they are the truth, and thresholds are those
        that give their volume fractions.
    codes : mapping of str to int, optional
        Codes of its phases, where its own metadata do not say.

    Returns
    -------
    Validation

    Raises
    ------
    InputError
        As `superres.judge.judge`; a region that a model was trained on is refused. If no metric
        could be measured.
    """
    settings = settings or ValidationSettings()
    chosen = _chosen(settings)
    judged = judge(
        low, high, models, settings.judging(), progress,
        transform=transform, boxes=boxes, keep=True,
    )  # fmt: skip
    where = low if transform is None else place_by(low, high, transform)
    scans = matched_scans(where, high, judged)
    truth = None if segmentation is None else _truth(segmentation, high, scans, codes)
    thresholds, names = _thresholds(scans, truth, settings)
    notes = [*judged.notes, *scans.notes]
    regions = measure_scans(
        scans, thresholds, names, chosen, settings, progress, truth=truth, notes=notes
    )
    names_of_models = [model.card.name for model in models]
    table = validation_table(
        regions, settings, truth=HIGH, baseline=MATCHED, models=names_of_models
    )
    titles = {name: q.title for metric in chosen for name, q in metric.gives.items()}
    volumes = [low, high] if segmentation is None else [low, high, segmentation]
    made = {
        **judged.made,
        **provenance("validate", settings, volumes, list(dict.fromkeys(notes))),
        "thresholds_grey": thresholds,
        "phases_from_dark_to_bright": names,
        "truth": "high scan, thresholded" if truth is None else f"segmentation “{truth.name}”",
        "baseline": MATCHED,
        "titles": titles,
    }
    boxes_table = judged.regions.drop_duplicates("region")
    kept = [c for c in boxes_table.columns.map(str) if c == "region" or c.startswith("bbox")]
    placed = boxes_table[kept].merge(regions, on="region")
    return Validation(
        table,
        placed.reindex(columns=list(VALIDATION_REGIONS)),
        titles,
        verdict_sentences(table, titles),
        made,
    )


def measure_scans(
    scans: Scans,
    thresholds: Sequence[float],
    names: Sequence[str],
    metrics: Sequence[Metric],
    settings: ValidationSettings,
    progress: Progress = SILENT,
    *,
    truth: Phases | None = None,
    notes: list[str] | None = None,
) -> pd.DataFrame:
    """Measure metrics on every method's scan, region by region.

    Tortuosity factors of the low scan are extrapolated to the high scan's voxel size.

    Parameters
    ----------
    scans : Scans
    thresholds : sequence of float
        Grey levels of the high scan, ascending.
    names : sequence of str
        Phases from dark to bright.
    metrics : sequence of Metric
        Those that need labels of particles are left out: regions hold none.
    settings : ValidationSettings
    truth : Phases, optional
        Segmentation of ``scans.high``, on its grid, to measure in place of it.
    notes : list of str, optional
        Gets what could not be measured.

    Returns
    -------
    DataFrame
        ``region, method, metric, axis, phase, value, unit``.
    """
    rows: list[dict[str, Any]] = []
    notes = [] if notes is None else notes
    n_methods = 1 + len(scans.on_grid) + (scans.low is not None) + (truth is not None)
    size_um = float(np.prod(scans.high.known_voxel_size_um()) ** (1 / 3))
    begin(progress, max(1, len(scans.regions) * n_methods * len(metrics)))
    for number, region in enumerate(scans.regions):
        for method, part in _samples(scans, number, region, thresholds, names, truth):
            for metric in metrics:
                share = Share(progress)
                share.advance(0)
                for value in _measured(metric, part, method, settings, share, notes, size_um):
                    rows.append(
                        {
                            "region": number + 1,
                            "method": method,
                            "metric": value.metric,
                            "axis": value.axis,
                            "phase": value.phase,
                            "value": float(value.value),
                            "unit": metric.gives[value.metric].unit,
                        }
                    )
                share.finish()
    if not rows:
        raise InputError(f"Nothing could be measured. {' '.join(dict.fromkeys(notes))}".strip())
    return pd.DataFrame(rows)


def _samples(
    scans: Scans,
    number: int,
    region: Window,
    thresholds: Sequence[float],
    names: Sequence[str],
    truth: Phases | None,
) -> Any:
    """Method and sample of a region, one at a time."""
    for method, part in scans.parts(number):
        sample = grey_sample(part, thresholds, names)
        if truth is not None and method == HIGH:
            yield HIGH, Sample(truth.part(region))
            method = SEGMENTED
        yield method, sample


def _measured(
    metric: Metric,
    sample: Sample,
    method: str,
    settings: ValidationSettings,
    share: Share,
    notes: list[str],
    size_um: float,
) -> list[Value]:
    lacking = metric.lacks(sample)
    if lacking:
        notes.append(f"{metric.title} was left out: it needs {lacking}.")
        return []
    try:
        values = metric.compute(sample, settings.measuring(), share).values
    except InputError as error:
        text = str(error).replace(f"“{sample.name}”", "a region")
        notes.append(f"{metric.title} of “{method}” in some regions: {text}")
        return []
    own_um = voxel_um(sample)
    coarser = metric.name == DIFFUSION and own_um > size_um * 1.01
    return at_voxel_size(values, own_um, size_um) if coarser else values


def _chosen(settings: ValidationSettings) -> list[Metric]:
    from napari_battery.microstructure.metrics import METRICS

    chosen = choose(METRICS, settings.metrics)
    able = [m for m in chosen if m.name not in _WHOLE_ONLY and m.needs != "labels"]
    if not able:
        raise InputError(
            "No metric was chosen that can be measured in regions: name some, or “all”. Particles "
            "and the electrode's thickness need more than a region."
        )
    return able


def _truth(
    segmentation: Volume, high: Volume, scans: Scans, codes: Mapping[str, int] | None
) -> Phases:
    """The segmentation of the part of the high scan that both show."""
    from napari_battery.blocks import whole
    from napari_battery.prepare import crop
    from napari_battery.superres.judge_regions import window_in

    if not segmentation.same_grid(high):
        raise InputError(
            f"The segmentation “{segmentation.name}” ({segmentation.shape}) does not lie on the "
            f"grid of “{high.name}” ({high.shape}): both need the same voxels."
        )
    box = window_in(high, scans.high, whole(scans.high.shape))
    part = crop(segmentation, [(w.start, w.stop) for w in box])
    return phases_of(replace(part, region=None, name=segmentation.name), codes)


def _thresholds(
    scans: Scans, truth: Phases | None, settings: ValidationSettings
) -> tuple[list[float], list[str]]:
    """Thresholds, and the phases from dark to bright."""
    given, names = settings.given_thresholds(), settings.phase_names()
    grey = np.asarray(scans.high.data)
    if truth is not None:
        names = by_brightness(truth, grey, scans.regions)
        cuts = given or matching_thresholds(truth, grey, scans.regions, names)
    else:
        cuts = given or otsu_threshold(grey, scans.regions)
    first = next(scans.parts(0))[1]
    # says what is wrong with thresholds and names before anything is measured
    return cuts, list(grey_sample(first, cuts, names).phases.codes)
