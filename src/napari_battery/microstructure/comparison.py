"""Compare groups of volumes: metrics, grey levels, and what expanded between two states."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from napari_battery.errors import InputError
from napari_battery.microstructure.expansion import expansion
from napari_battery.microstructure.groups import group_table
from napari_battery.microstructure.measure import Microstructure, measure_microstructure
from napari_battery.microstructure.measure_settings import MicrostructureSettings
from napari_battery.microstructure.sample import Sample
from napari_battery.progress import SILENT, Progress
from napari_battery.provenance import provenance
from napari_battery.volume import Volume

__all__ = ["Comparison", "compare_groups"]

_LACKS = re.compile(r"(?P<metric>.+) needs (?P<what>.+), which “(?P<volume>.+)” lacks\.")


@dataclass(frozen=True, eq=False)
class Comparison:
    """What came of comparing groups of volumes.

    Parameters
    ----------
    measured : Microstructure
        Of the single volumes.
    groups : dict of str to str
        Group of each volume.
    table : DataFrame
        ``tables.MICROSTRUCTURE`` of the groups, with the expansion between two of them.
    greys : tuple of DataFrame, optional
        Grey-level histograms and their shifts; of grey images.
    particles : DataFrame
        Expansion of single particles, where two states have labels.
    notes : list of str
    made : dict
        Fit for JSON.
    """

    measured: Microstructure
    groups: dict[str, str]
    table: pd.DataFrame
    greys: tuple[pd.DataFrame, pd.DataFrame] | None
    particles: pd.DataFrame
    notes: list[str]
    made: dict[str, Any] = field(default_factory=dict)

    @property
    def assumed_voxel_size(self) -> bool:
        """Whether a voxel size is only assumed."""
        return any(
            "assumed" in str(told.get("voxel_size_source")) for told in self.made.get("inputs", [])
        )


def compare_groups(
    samples: Sequence[Sample],
    groups: Mapping[str, str],
    settings: MicrostructureSettings | None = None,
    progress: Progress = SILENT,
    *,
    expanded: tuple[str, str] | None = None,
    images: Sequence[Volume] = (),
) -> Comparison:
    """Measure volumes and gather them into groups.

    Parameters
    ----------
    samples : sequence of Sample
    groups : mapping of str to str
        Group of each sample's name.
    settings : MicrostructureSettings, optional
    progress : Progress
    images : sequence of Volume
        Grey images whose distributions are compared, beside those of grey samples.
    expanded : (str, str), optional
        Earlier and later group; the first sample of each that has active material is compared.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        If nothing can be measured, or a group for the expansion has no active material.
    """
    settings = settings or MicrostructureSettings()
    pair = None if expanded is None else _pair(samples, groups, expanded)
    measured = measure_microstructure(samples, settings, progress)
    table = group_table(measured.table, groups)
    notes, particles = _gathered(measured.notes), pd.DataFrame()
    if pair is not None:
        grown = expansion(*pair)
        table = pd.concat([table, grown.table], ignore_index=True)
        notes, particles = [*notes, *grown.notes], grown.particles
    volumes = [sample.origin for sample in samples if sample.origin is not None] + [*images]
    made = provenance("compare microstructures", settings, volumes, notes)
    made |= {"groups": dict(groups), "expansion": list(expanded) if expanded else None}
    made["phases"] = {sample.name: sample.phases.codes for sample in samples}
    made["thresholds_grey"] = {s.name: list(s.thresholds) for s in samples if s.thresholds}
    greys = _greys(samples, images, progress)
    return Comparison(measured, dict(groups), table, greys, particles, notes, made)


def _gathered(notes: Sequence[str]) -> list[str]:
    """One note in place of one per metric and volume on what volumes lack."""
    lacking: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    others = []
    for note in notes:
        told = _LACKS.fullmatch(note)
        if told is None:
            others.append(note)
            continue
        metrics, volumes = lacking.setdefault(told["what"], ({}, {}))
        metrics[told["metric"]] = volumes[told["volume"]] = None
    gathered = [
        f"No {what} in {', '.join(volumes)}, which is needed for: {'; '.join(metrics)}."
        for what, (metrics, volumes) in lacking.items()
    ]
    return [*others, *gathered]


def _pair(
    samples: Sequence[Sample], groups: Mapping[str, str], wanted: tuple[str, str]
) -> tuple[Sample, Sample]:
    if wanted[0] == wanted[1]:
        raise InputError(f"Expansion is between two groups, not from “{wanted[0]}” to itself.")
    found = []
    for name in wanted:
        own = [s for s in samples if groups.get(s.name, s.name) == name]
        able = [s for s in own if "active" in s.phases.codes]
        if not able:
            raise InputError(
                f"No volume of “{name}” has a phase called “active”: the expansion of active "
                "material needs it in both groups."
            )
        # one with particles tells more
        found.append(next((s for s in able if s.labels is not None), able[0]))
    return found[0], found[1]


def _greys(
    samples: Sequence[Sample], more: Sequence[Volume], progress: Progress
) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    images = [s.origin for s in samples if s.grey is not None and s.origin is not None]
    images += more
    if not images:
        return None
    from napari_battery.microstructure.greys import grey_distributions

    return grey_distributions(images, progress)
