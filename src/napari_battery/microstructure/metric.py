"""What a metric is: the numbers it gives, what it needs, and how it is computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import pandas as pd

from napari_battery.errors import InputError
from napari_battery.microstructure.measure_settings import MicrostructureSettings
from napari_battery.microstructure.sample import Sample
from napari_battery.progress import Progress

__all__ = ["Curve", "Found", "Metric", "Quantity", "Value", "choose"]

Needs = Literal["phases", "pore", "active", "labels"]


class Quantity(NamedTuple):
    """One number that a metric gives."""

    title: str
    unit: str
    definition: str


class Value(NamedTuple):
    """One number found."""

    metric: str
    """Name of the quantity."""
    value: float
    """NaN where it is not defined; infinite is an answer (nothing percolates)."""
    phase: str = ""
    axis: str = ""
    method: str = ""
    """How, in a few words: estimator, solver and its tolerance, rule."""


class Curve(NamedTuple):
    """A distribution or profile found; drawn over those of other volumes."""

    name: str
    """File and figure: “particle_sizes”, “pore_sizes”, “profile”."""
    data: pd.DataFrame
    """First column x, second y, both named with their unit; more columns are kept."""
    phase: str = ""
    axis: str = ""


@dataclass(frozen=True)
class Found:
    """What a metric found in one volume or sub-region."""

    values: list[Value] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


Compute = Callable[[Sample, MicrostructureSettings, Progress], Found]


@dataclass(frozen=True, eq=False)
class Metric:
    """A measurement that can be chosen by name.

    Parameters
    ----------
    name, title : str
        In options and tables; in lists.
    gives : mapping of str to Quantity
        The numbers it gives, by their name in the table's column ``metric``.
    compute : callable
        ``compute(sample, settings, progress) -> Found``.
    needs : {"phases", "pore", "active", "labels"}
        Any phases, one of that name, or labels.
    per_axis : bool
        Whether it gives a number per direction.
    heavy : bool
        Whether a volume of some 10⁷ voxels takes minutes.
    in_regions : bool
        Whether it means the same of a part as of the whole (the electrode's thickness does not).
    """

    name: str
    title: str
    gives: Mapping[str, Quantity]
    compute: Compute
    needs: Needs = "phases"
    per_axis: bool = False
    heavy: bool = False
    in_regions: bool = True

    def lacks(self, sample: Sample) -> str:
        """What the sample lacks for this metric, in words; empty if nothing."""
        if self.needs == "labels":
            return "" if sample.labels is not None else "labels of particles"
        if self.needs in ("pore", "active") and self.needs not in sample.phases.codes:
            return f"phase called “{self.needs}”"
        return ""


def choose(metrics: Mapping[str, Metric], text: str) -> list[Metric]:
    """Pick metrics by name: ``"all"``, ``"light"``, or names with commas between.

    A name of a quantity picks the metric that gives it.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    return list(dict.fromkeys(_chosen(metrics, text)))


def _chosen(metrics: Mapping[str, Metric], text: str) -> Iterator[Metric]:
    for name in filter(None, (part.strip() for part in text.split(","))):
        if name in ("all", "light"):
            yield from (m for m in metrics.values() if name == "all" or not m.heavy)
        elif name in metrics:
            yield metrics[name]
        elif giving := [m for m in metrics.values() if name in m.gives]:
            yield from giving
        else:
            known = ", ".join(metrics)
            raise InputError(f"There is no metric “{name}”; there are {known} (or all, light).")
