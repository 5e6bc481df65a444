"""Expansion of the active material between two states: of the electrode, and per particle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.microstructure.phases import ACTIVE
from napari_battery.microstructure.sample import Sample
from napari_battery.tables import MICROSTRUCTURE

__all__ = ["QUANTITIES", "Expansion", "expansion", "particle_volumes"]

QUANTITIES = {
    "expansion_fraction": "Relative change of the active material's volume fraction",
    "expansion_volume": "Relative change of the active material's volume per electrode area",
    "expansion_d50": "Relative change of the particles' median volume (number)",
    "expansion_d50_volume": "Relative change of D50³ (volume-weighted)",
    "diameter_shift_d50": "Change of the median diameter (number)",
    "diameter_shift_peak": "Change of the diameter at the distribution's peak",
    "expansion_particles_mean": "Mean over matched particles of their relative volume change",
    "expansion_particles_median": "Median over matched particles",
    "expansion_particles_total": "Relative change of the matched particles' total volume",
}
"""What each number means; all but the shifts (µm) are fractions: 0.26 is 26 %."""

_RESAMPLES = 500
_PEAK_POINTS = 256
_LARGE_LABEL = 2**24


@dataclass(frozen=True, eq=False)
class Expansion:
    """How much larger the active material is in the second state.

    Parameters
    ----------
    table : DataFrame
        ``tables.MICROSTRUCTURE``; the column ``volume`` names both states.
    particles : DataFrame
        ``label, volume_first_um3, volume_second_um3, expansion, touches_border``: particles
        in both states. Empty without labels.
    notes : list of str
        What was left out.
    """

    table: pd.DataFrame
    particles: pd.DataFrame
    notes: list[str]


def expansion(first: Sample, second: Sample, seed: int = 0) -> Expansion:
    """Compare the active material of two states.

    Parameters
    ----------
    first, second : Sample
        The earlier and the later state. With labels in both, sizes and single particles are
        compared, too; a particle has the same label in both. Particles cut by a face of either
        volume are left out of everything that counts particles.
    seed : int
        Of the bootstrap over particles (500 resamples, 95 % percentile intervals).

    Returns
    -------
    Expansion
        From the volume fraction, from the shift of the size distribution, and over the
        particles found in both. They differ where the electrode swells, where particles break
        or fuse, and where few particles are whole; none is the truth by itself.

    Raises
    ------
    InputError
        If neither phases nor labels tell the active material in both, or there is none.

    Notes
    -----
    M. J. Shojaei et al., J. Mater. Chem. A 14 (2026) 1063, give "NMC811 particle expansion
    compared to the pristine volume" and the shift of the size distribution's peak; they state
    no formula.
    """
    rows, notes = _of_the_electrode(first, second), []
    particles = pd.DataFrame(columns=["label", "expansion"])
    if first.labels is not None and second.labels is not None:
        tables = [particle_volumes(s.labels, s.voxel_size_um) for s in (first, second)]
        whole = [table[~table["touches_border"]] for table in tables]
        cut = [len(a) - len(b) for a, b in zip(tables, whole, strict=True)]
        notes.append(
            f"{cut[0]} of {len(tables[0])} particles of “{first.name}” and {cut[1]} of "
            f"{len(tables[1])} of “{second.name}” are cut by a face: left out."
        )
        rng = np.random.default_rng(seed)
        if all(len(table) for table in whole):
            rows += _of_sizes(whole[0], whole[1], rng)
        particles = _matched(tables[0], tables[1])
        rows += _of_particles(particles[~particles["touches_border"]], rng)
        if not len(particles):
            notes.append("No label is in both states: single particles cannot be compared.")
    names = f"{first.name} → {second.name}"
    table = pd.DataFrame(rows).assign(volume=names, region="whole", axis="", phase=ACTIVE)
    return Expansion(table.reindex(columns=list(MICROSTRUCTURE)), particles, notes)


def particle_volumes(labels: NDArray[Any] | None, voxel_size_um: Sequence[float]) -> pd.DataFrame:
    """Volume and diameter of every label.

    Parameters
    ----------
    labels : integer array
        0 outside particles.
    voxel_size_um : sequence of float
        µm per axis.

    Returns
    -------
    DataFrame
        ``label, volume_um3, equivalent_diameter_um, touches_border``; in 2-D the "volume" is
        an area in µm², its diameter that of the circle.
    """
    assert labels is not None
    if labels.max(initial=0) > _LARGE_LABEL:  # counting up to it would need more than the image
        names, labels = _renumbered(labels)
    else:
        names = np.arange(int(labels.max(initial=0)) + 1)
    counts = np.bincount(labels.ravel(), minlength=len(names))
    at_face = np.zeros(len(names), np.bool_)
    for axis in range(labels.ndim):
        for end in (0, -1):
            at_face[np.unique(np.take(labels, end, axis))] = True
    inside = (counts > 0) & (names != 0)
    volume = counts[inside] * float(np.prod(voxel_size_um))
    diameter = np.cbrt(6 * volume / np.pi) if labels.ndim == 3 else np.sqrt(4 * volume / np.pi)
    return pd.DataFrame(
        {
            "label": names[inside],
            "volume_um3": volume,
            "equivalent_diameter_um": diameter,
            "touches_border": at_face[inside],
        }
    )


def _renumbered(labels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    names, numbers = np.unique(labels, return_inverse=True)
    return names, numbers.reshape(labels.shape)


def _row(metric: str, value: float, method: str, unit: str = "", **more: float) -> dict[str, Any]:
    return {"metric": metric, "value": value, "unit": unit, "method": method, **more}


def _of_the_electrode(first: Sample, second: Sample) -> list[dict[str, Any]]:
    """From fractions, and from fraction × thickness: volume per area of the electrode."""
    fractions = [float(sample.phases.mask(ACTIVE).mean()) for sample in (first, second)]
    if not all(fractions):
        bare = first.name if not fractions[0] else second.name
        raise InputError(f"“{bare}” has no voxel of active material: there is nothing to compare.")
    thickness = [sample.shape[0] * sample.voxel_size_um[0] for sample in (first, second)]
    per_area = fractions[1] * thickness[1] / (fractions[0] * thickness[0]) - 1
    along = first.axes[0]
    return [
        _row(
            "expansion_fraction",
            fractions[1] / fractions[0] - 1,
            f"{fractions[1]:.5g} / {fractions[0]:.5g} − 1; takes both volumes as the same frame",
            n_regions=1,
        ),
        _row(
            "expansion_volume",
            per_area,
            f"fractions × {along} extents of {thickness[1]:.5g} and {thickness[0]:.5g} µm; takes "
            "both volumes to reach through the electrode",
            n_regions=1,
        ),
    ]


def _of_sizes(
    first: pd.DataFrame, second: pd.DataFrame, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """The shift of the size distribution, whether or not particles match."""
    sizes = [table["equivalent_diameter_um"].to_numpy(np.float64) for table in (first, second)]

    def ratio(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
        return float((np.median(b) / np.median(a)) ** 3 - 1)

    def weighted(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
        return (_volume_median(b) / _volume_median(a)) ** 3 - 1

    def shift(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
        return float(np.median(b) - np.median(a))

    def peak(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
        return _peak(b) - _peak(a)

    counted = f"{len(sizes[0])} and {len(sizes[1])} whole particles; bootstrap over particles"
    rows = []
    for metric, statistic, unit, how in (
        ("expansion_d50", ratio, "", "(median diameters' ratio)³ − 1"),
        ("expansion_d50_volume", weighted, "", "(volume-weighted D50s' ratio)³ − 1"),
        ("diameter_shift_d50", shift, "µm", "difference of median diameters"),
        ("diameter_shift_peak", peak, "µm", "difference of the peaks of kernel densities"),
    ):
        low, high = _interval(statistic, sizes[0], sizes[1], rng)
        value = statistic(sizes[0], sizes[1])
        rows.append(_row(metric, value, f"{how}; {counted}", unit, ci_low=low, ci_high=high))
    return rows


def _volume_median(diameters: NDArray[np.float64]) -> float:
    order = np.sort(diameters)
    volume = np.cumsum(order**3)
    return float(order[np.searchsorted(volume, volume[-1] / 2)])


def _peak(diameters: NDArray[np.float64]) -> float:
    """Diameter where the density, smoothed by Silverman's Gaussian, is highest."""
    spread = diameters.std()
    if not spread:
        return float(diameters[0])
    width = 0.9 * spread * len(diameters) ** -0.2
    at = np.linspace(diameters.min(), diameters.max(), _PEAK_POINTS)
    counts, edges = np.histogram(diameters, _PEAK_POINTS)
    middle = (edges[1:] + edges[:-1]) / 2
    density = np.exp(-(((at[:, None] - middle[None]) / width) ** 2) / 2) @ counts
    return float(at[np.argmax(density)])


def _interval(
    statistic: Callable[[NDArray[np.float64], NDArray[np.float64]], float],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    rng: np.random.Generator,
) -> tuple[float, float]:
    if min(len(first), len(second)) < 2:
        return np.nan, np.nan
    drawn = [
        statistic(rng.choice(first, len(first)), rng.choice(second, len(second)))
        for _ in range(_RESAMPLES)
    ]
    low, high = np.percentile(drawn, (2.5, 97.5))
    return float(low), float(high)


def _matched(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    both = first.merge(second, on="label", suffixes=("_first", "_second"))
    return pd.DataFrame(
        {
            "label": both["label"],
            "volume_first_um3": both["volume_um3_first"],
            "volume_second_um3": both["volume_um3_second"],
            "expansion": both["volume_um3_second"] / both["volume_um3_first"] - 1,
            "touches_border": both["touches_border_first"] | both["touches_border_second"],
        }
    )


def _of_particles(whole: pd.DataFrame, rng: np.random.Generator) -> list[dict[str, Any]]:
    n = len(whole)
    if not n:
        return []
    change = whole["expansion"].to_numpy(np.float64)
    volumes = whole[["volume_first_um3", "volume_second_um3"]].to_numpy(np.float64)
    drawn = rng.integers(0, n, (_RESAMPLES, n)) if n > 1 else np.zeros((1, 1), np.int64)
    sums = volumes[drawn].sum(axis=1)
    rows = []
    for metric, value, again, how in (
        ("expansion_particles_mean", change.mean(), change[drawn].mean(axis=1), "mean"),
        ("expansion_particles_median", np.median(change), np.median(change[drawn], axis=1),
         "median"),
        ("expansion_particles_total", volumes[:, 1].sum() / volumes[:, 0].sum() - 1,
         sums[:, 1] / sums[:, 0] - 1, "ratio of total volumes − 1"),
    ):  # fmt: skip
        low, high = np.percentile(again, (2.5, 97.5)) if n > 1 else (np.nan, np.nan)
        sd = float(change.std(ddof=1)) if n > 1 else np.nan
        method = f"{how} of {n} whole particles with the same label; bootstrap over particles"
        rows.append(
            _row(metric, float(value), method, sd=sd, ci_low=float(low), ci_high=float(high))
        )
    return rows
