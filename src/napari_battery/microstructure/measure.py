"""Measure metrics of volumes: the whole, its sub-regions, and over threshold ± δ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from napari_battery.errors import InputError
from napari_battery.microstructure import stages
from napari_battery.microstructure.measure_settings import MicrostructureSettings
from napari_battery.microstructure.metric import Curve, Found, Metric, choose
from napari_battery.microstructure.representative import representative_table
from napari_battery.microstructure.sample import Sample
from napari_battery.microstructure.subregions import boxes, spread
from napari_battery.microstructure.thresholds import threshold_sets
from napari_battery.progress import SILENT, Progress
from napari_battery.tables import MICROSTRUCTURE

__all__ = ["SUB_REGIONS", "THRESHOLDS", "WHOLE", "Microstructure", "measure_microstructure"]

WHOLE, SUB_REGIONS, THRESHOLDS = "whole", "sub-regions", "threshold ± δ"
"""What stands in the column ``region``."""

_KEYS = ["volume", "metric", "axis", "phase"]


@dataclass(frozen=True, eq=False)
class Microstructure:
    """What was measured.

    Parameters
    ----------
    table : DataFrame
        ``tables.MICROSTRUCTURE``. Up to three rows per number: of the whole volume; the mean
        over sub-regions with its spread (``sd``) and interval; and the whole's value with the
        range over threshold ± δ as ``ci_low`` … ``ci_high``.
    regions : DataFrame
        One row per sub-region and number: ``volume, splits, region, metric, axis, phase,
        value, unit, region_volume_um3``, and the sub-region's box in voxels.
    representative : DataFrame
        ``representative.COLUMNS``; empty without sub-regions.
    thresholds : DataFrame
        ``volume, shift_grey, thresholds, metric, axis, phase, value, unit``; of grey images.
    curves : dict of str to DataFrame
        Distributions and profiles of whole volumes, by name; ``volume, phase, axis`` first.
    notes : list of str
        What could not be measured and why, and what was assumed.
    titles : dict of str to str
        Title of each number with its unit, for axes and headers.
    groups : dict of str to tuple of str
        The numbers of each metric, by its name.
    """

    table: pd.DataFrame
    regions: pd.DataFrame
    representative: pd.DataFrame
    thresholds: pd.DataFrame
    curves: dict[str, pd.DataFrame]
    notes: list[str]
    titles: dict[str, str]
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass
class _Run:
    """Everything found so far."""

    settings: MicrostructureSettings
    progress: Progress
    rows: list[dict[str, Any]] = field(default_factory=list)
    regions: list[dict[str, Any]] = field(default_factory=list)
    thresholds: list[dict[str, Any]] = field(default_factory=list)
    curves: dict[str, list[pd.DataFrame]] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)


def measure_microstructure(
    samples: Sample | Sequence[Sample],
    settings: MicrostructureSettings | None = None,
    progress: Progress = SILENT,
    *,
    metrics: Mapping[str, Metric] | None = None,
) -> Microstructure:
    """Measure metrics of one or more volumes.

    Parameters
    ----------
    samples : Sample or sequence of Sample
        Segmented volumes, labels or grey images with thresholds (`sample`).
    settings : MicrostructureSettings, optional
        Which metrics, and which error bars.
    progress : Progress
        One bar over all; cancelling leaves nothing.
    metrics : mapping of str to Metric, optional
        To choose from; all there are by default.

    Returns
    -------
    Microstructure

    Raises
    ------
    InputError
        If a metric's name is unknown, two volumes have one name, or nothing could be measured.
    """
    settings = settings or MicrostructureSettings()
    given = [samples] if isinstance(samples, Sample) else list(samples)
    _check_names(given)
    chosen = choose(_all_metrics() if metrics is None else metrics, settings.metrics)
    if not chosen:
        raise InputError("No metric was chosen: name some, or “all”.")
    run = _Run(settings, progress)
    jobs = [_jobs(sample, chosen, run) for sample in given]
    stages.begin(progress, max(sum(len(of_one) for of_one in jobs), 1))
    for sample, of_one in zip(given, jobs, strict=True):
        if sample.note:
            run.notes[sample.note] = None
        failed: set[str] = set()
        for job in of_one:
            _measure(sample, job, run, failed)
    if not run.rows:
        why = " ".join(run.notes)
        raise InputError(f"Nothing could be measured. {why}".strip())
    _summarise_regions(run)
    _summarise_thresholds(run)
    return _finished(run, given, chosen)


@dataclass(frozen=True)
class _Job:
    """One metric of one part of a sample."""

    metric: Metric
    box: tuple[slice, ...] | None = None
    splits: int = 1
    number: int = 0
    thresholds: tuple[float, ...] = ()
    shift: float = 0.0


def _all_metrics() -> Mapping[str, Metric]:
    from napari_battery.microstructure.metrics import METRICS

    return METRICS


def _check_names(samples: Sequence[Sample]) -> None:
    names = [sample.name for sample in samples]
    if not names:
        raise InputError("There is no volume to measure.")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"Two volumes are called “{twice}”: rename one, the table needs both.")


def _jobs(sample: Sample, chosen: Iterable[Metric], run: _Run) -> list[_Job]:
    """Whole volume first, then sub-regions, then shifted thresholds."""
    settings, able = run.settings, []
    lacking: dict[str, list[str]] = {}
    for metric in chosen:
        if lacks := metric.lacks(sample):
            lacking.setdefault(lacks, []).append(metric.title)
        else:
            able.append(metric)
    for lacks, titles in lacking.items():
        note = f"“{sample.name}” has no {lacks}; not measured: {'; '.join(titles)}."
        run.notes[note] = None
    jobs = [_Job(metric) for metric in able]
    for splits in range(2, max(settings.splits, settings.most_splits) + 1):
        parts = boxes(sample.shape, sample.axes, splits, settings.split_axes)
        if not parts:
            run.notes[
                f"“{sample.name}” ({sample.shape}) is too small for {splits} sub-regions per axis."
            ] = None
            break
        for metric in able:
            if splits != settings.splits and (metric.heavy or splits > settings.most_splits):
                continue
            if not metric.in_regions or (metric.heavy and not settings.heavy_in_regions):
                continue
            jobs += [_Job(metric, box, splits, i + 1) for i, box in enumerate(parts)]
    for shift, cuts in threshold_sets(sample, settings.threshold_delta):
        jobs += [
            _Job(metric, thresholds=cuts, shift=shift)
            for metric in able
            if metric.needs != "labels"
        ]
    return jobs


def _measure(sample: Sample, job: _Job, run: _Run, failed: set[str]) -> None:
    share = stages.Share(run.progress)
    share.advance(0)
    if job.metric.name not in failed:
        part = sample if job.box is None else sample.part(job.box)
        part = part.with_thresholds(job.thresholds) if job.thresholds else part
        try:
            found = job.metric.compute(part, run.settings, share)
        except InputError as error:
            if job.box is None and not job.thresholds:
                failed.add(job.metric.name)
                run.notes[f"{job.metric.title} of “{sample.name}”: {error}"] = None
        else:
            _keep(sample, part, job, found, run)
    share.finish()


def _keep(sample: Sample, part: Sample, job: _Job, found: Found, run: _Run) -> None:
    for value in found.values:
        row = {
            "volume": sample.name,
            "metric": value.metric,
            "axis": value.axis,
            "phase": value.phase,
            "value": float(value.value),
            "unit": _unit(job.metric.gives[value.metric].unit, sample.is_assumed),
        }
        if job.box is not None:
            where = {
                f"{axis}{end}": number
                for axis, span in zip(sample.axes, job.box, strict=True)
                for end, number in ((0, span.start), (1, span.stop))
            }
            row |= {"splits": job.splits, "region": job.number, **where}
            row["region_volume_um3"] = _volume_um3(part)
            run.regions.append(row)
        elif job.thresholds:
            words = ", ".join(f"{cut:g}" for cut in job.thresholds)
            run.thresholds.append(row | {"shift_grey": job.shift, "thresholds": words})
        else:
            run.rows.append(row | {"region": WHOLE, "n_regions": 1, "method": value.method})
    if job.box is None and not job.thresholds:
        run.notes.update({f"“{sample.name}”: {note}": None for note in found.notes})
        for curve in found.curves:
            run.curves.setdefault(curve.name, []).append(_marked(sample.name, curve))


def _unit(unit: str, assumed: bool) -> str:
    return f"{unit}, assumed" if assumed and "µm" in unit else unit


def _volume_um3(part: Sample) -> float:
    """µm³ (µm² in 2-D) of a sample."""
    return float(np.prod(part.shape) * np.prod(part.voxel_size_um))


def _marked(volume: str, curve: Curve) -> pd.DataFrame:
    first = pd.DataFrame(
        {"volume": volume, "phase": curve.phase, "axis": curve.axis}, index=curve.data.index
    )
    return pd.concat([first, curve.data], axis=1)


def _summarise_regions(run: _Run) -> None:
    """Append the rows of the mean over sub-regions."""
    splits = run.settings.splits
    kept = [row for row in run.regions if row["splits"] == splits]
    methods = {_key(row): row["method"] for row in run.rows}
    if not kept:
        return
    for _, one in pd.DataFrame(kept).groupby(_KEYS, sort=False):
        found = spread(one["value"])
        first: dict[str, Any] = {str(k): v for k, v in one.iloc[0].items()}
        method = (
            f"mean of {len(one)} sub-regions, {splits} per axis along {run.settings.split_axes}"
        )
        if found.n_infinite:
            method += f"; {found.n_infinite} of them infinite, left out"
        own = methods.get(_key(first), "")
        run.rows.append(
            {key: first[key] for key in (*_KEYS, "unit")}
            | {
                "region": SUB_REGIONS,
                "value": found.mean,
                "sd": found.sd,
                "ci_low": found.ci_low,
                "ci_high": found.ci_high,
                "n_regions": found.n,
                "method": "; ".join(filter(None, (own, method))),
            }
        )


def _summarise_thresholds(run: _Run) -> None:
    """Append the rows of the range over threshold ± δ."""
    if not run.thresholds:
        return
    wholes = {_key(row): row for row in run.rows if row["region"] == WHOLE}
    for _, one in pd.DataFrame(run.thresholds).groupby(_KEYS, sort=False):
        whole = wholes.get(_key({name: one[name].iloc[0] for name in _KEYS}))
        if whole is None:
            continue
        values = [whole["value"], *one["value"]]
        delta = one["shift_grey"].abs().max()
        run.rows.append(
            whole
            | {
                "region": THRESHOLDS,
                "ci_low": float(np.nanmin(values)) if np.isfinite(values).any() else np.nan,
                "ci_high": float(np.nanmax(values)) if not np.isnan(values).all() else np.nan,
                "method": f"{whole['method']}; range over threshold ± {delta:.4g}".lstrip("; "),
            }
        )


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[key] for key in _KEYS)


def _finished(run: _Run, samples: Sequence[Sample], chosen: Sequence[Metric]) -> Microstructure:
    table = pd.DataFrame(run.rows).reindex(columns=list(MICROSTRUCTURE))
    order = {name: i for i, name in enumerate(dict.fromkeys(sample.name for sample in samples))}
    table = table.sort_values(
        "volume", key=lambda c: c.map(order), kind="stable", ignore_index=True
    )
    regions = pd.DataFrame(run.regions)
    wholes = {sample.name: _volume_um3(sample) for sample in samples}
    wanted = run.settings.wanted_relative_sd
    assumed = any(sample.is_assumed for sample in samples)
    titles = {
        name: quantity.title + (f" ({_unit(quantity.unit, assumed)})" if quantity.unit else "")
        for metric in chosen
        for name, quantity in metric.gives.items()
    }
    return Microstructure(
        table=table,
        regions=regions,
        representative=representative_table(regions if len(regions) else _NONE, wholes, wanted),
        thresholds=pd.DataFrame(run.thresholds),
        curves={name: pd.concat(c, ignore_index=True) for name, c in run.curves.items()},
        notes=list(run.notes),
        titles=titles,
        groups={metric.name: tuple(metric.gives) for metric in chosen},
    )


_NONE = pd.DataFrame(columns=["volume", "metric", "phase", "axis"])
