"""The tables of a study: every particle in every state, and every state as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.radial import RadialResult, core_table
from napari_battery.states.manifest import State
from napari_battery.states.settings import StudySettings
from napari_battery.states.statistics import (
    paired_z_test,
    q_values,
    se_tot,
    sem_delta,
    sem_particle,
    sem_rms,
    ses,
    two_sided_p,
    z_test,
)

__all__ = ["GreyScale", "measured_rows", "states_table", "with_errors", "with_significance"]

GreyScale = tuple[float, float]
"""Factor and offset that bring a state's greys to those of the reference."""

_KEPT_AS_IS = (
    "volume_voxels", "volume_um3", "area_pixels", "area_um2", "equivalent_diameter_um",
    "surface_area_um2", "sphericity", "perimeter_um", "circularity", "n_layers",
    "centroid_z_um", "centroid_y_um", "centroid_x_um",
)  # fmt: skip
_TRACKED = ("iou", "cross_label", "cross_iou", "pieces", "largest_piece")
_NOTHING: dict[str, Any] = {
    "volume_voxels": 0, "area_pixels": 0, "n_layers": 0, "core_voxels": 0, "cross_label": 0,
    "pieces": 0, "touches_border": False, "note": "",
}  # fmt: skip
"""What stands where a particle is missing; NaN elsewhere."""


def measured_rows(
    names: Sequence[str],
    results: Sequence[RadialResult],
    settings: StudySettings,
    tracked: pd.DataFrame | None = None,
    scales: Mapping[str, GreyScale] | None = None,
) -> pd.DataFrame:
    """What was measured of each particle in each state, and its change since the first.

    Parameters
    ----------
    names : sequence of str
        Names of the states, the reference first.
    results : sequence of RadialResult
        One per state. The same particle has the same label in all, unless
        ``settings.matching`` is "populations".
    settings : StudySettings
        The core, and whether labels match.
    tracked : DataFrame, optional
        What following the labels found (``iou``, ``pieces``, the cross-check), from
        `propagate_labels`.
    scales : mapping, optional
        Grey normalisation of each state.

    Returns
    -------
    DataFrame
        One row per state and label, in this order; a particle that is missing in a state has
        a row with ``pieces`` 0 there. Errors and rules are still to come.
    """
    matched = settings.matching == "labels"
    labels = [result.particles["label"].to_numpy(np.int64) for result in results]
    everything = np.unique(np.concatenate(labels))
    rows = []
    for name, result, own in zip(names, results, labels, strict=True):
        wanted = everything if matched else own
        table = _of_state(result, settings, (scales or {}).get(name, (1.0, 0.0)), wanted)
        table.insert(1, "state", name)
        rows.append(_with_tracked(table, tracked, name))
    if matched:
        for table in rows:
            _add_changes(table, rows[0])
    else:
        for table in rows:
            table["delta_core_mean"] = table["volume_change"] = table["shift_radii"] = np.nan
    return pd.concat(rows, ignore_index=True)


def _of_state(
    result: RadialResult, settings: StudySettings, scale: GreyScale, wanted: NDArray[np.int64]
) -> pd.DataFrame:
    """Rows of one state, one per wanted label."""
    particles = result.particles
    core = core_table(particles, result.layers, settings.exclude_layers)
    factor, offset = scale
    columns: dict[str, Any] = {name: particles[name] for name in _KEPT_AS_IS if name in particles}
    columns["mean"] = particles["mean"] * factor + offset
    columns["core_mean"] = core["core_mean"] * factor + offset
    columns["core_std"] = core["core_std"] * abs(factor)
    columns["core_voxels"] = core["core_voxels"]
    columns["touches_border"] = particles["touches_border"]
    columns["note"] = particles["note"]
    place = _places(particles["label"].to_numpy(np.int64), wanted)
    there = place >= 0
    full: dict[str, Any] = {"label": wanted}
    for name, column in columns.items():
        values = column.to_numpy()
        blank = _NOTHING.get(name, np.nan)
        filled = np.full(len(wanted), blank, object if name == "note" else np.dtype(type(blank)))
        filled[there] = values[place[there]]
        full[name] = filled
    full |= {"iou": np.full(len(wanted), np.nan), "cross_label": np.zeros(len(wanted), np.int64)}
    full |= {"cross_iou": np.full(len(wanted), np.nan), "pieces": there.astype(np.int64)}
    full["largest_piece"] = np.full(len(wanted), np.nan)
    return pd.DataFrame(full).astype({"note": str})


def _with_tracked(table: pd.DataFrame, tracked: pd.DataFrame | None, state: str) -> pd.DataFrame:
    """What following found, and its notes, in place of the blanks."""
    if tracked is None:
        return table
    here = tracked[(tracked["state"] == state).to_numpy()]
    place = _places(here["label"].to_numpy(np.int64), table["label"].to_numpy(np.int64))
    known = place >= 0
    measured = table["pieces"].to_numpy() > 0
    for name in _TRACKED:
        values = table[name].to_numpy().copy()
        values[known] = here[name].to_numpy()[place[known]]
        table[name] = values
    # a particle that the tables do not hold is missing, whatever following says
    table["pieces"] = np.where(measured, np.maximum(table["pieces"], 1), 0)
    if "note" in here:
        notes = table["note"].to_numpy(object).copy()
        bare = known & ~measured
        notes[bare] = here["note"].to_numpy(object)[place[bare]]
        table["note"] = pd.Series(notes, table.index, dtype=str)
    return table


def _places(numbers: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Place of each wanted number among ascending ones; -1 where it is not there."""
    if not len(numbers):
        return np.full(len(wanted), -1, np.int64)
    order = np.argsort(numbers, kind="stable")
    place = np.minimum(np.searchsorted(numbers, wanted, sorter=order), len(numbers) - 1)
    found = order[place]
    return np.where(numbers[found] == wanted, found, -1).astype(np.int64)


def _add_changes(table: pd.DataFrame, first: pd.DataFrame) -> None:
    """Changes since the reference, in place; rows of both are the same labels."""
    size = "volume_voxels" if "volume_voxels" in table else "area_pixels"
    now, before = (t[size].to_numpy(np.float64) for t in (table, first))
    both = (now > 0) & (before > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        table["volume_change"] = np.where(both, now / before - 1, np.nan)
    axes = [axis for axis in "zyx" if f"centroid_{axis}_um" in table]
    shifts = np.empty((len(table), len(axes)))
    for k, axis in enumerate(axes):
        name = f"centroid_{axis}_um"
        shifts[:, k] = table[name].to_numpy() - first[name].to_numpy()
        table[f"shift_{axis}_um"] = shifts[:, k]
    whole = both & ~table["touches_border"].to_numpy() & ~first["touches_border"].to_numpy()
    common = np.median(shifts[whole], axis=0) if whole.any() else np.zeros(len(axes))
    radius = first["equivalent_diameter_um"].to_numpy() / 2
    table["shift_radii"] = np.sqrt(((shifts - common) ** 2).sum(axis=1)) / radius
    change = table["core_mean"].to_numpy() - first["core_mean"].to_numpy()
    table["delta_core_mean"] = change


def with_errors(
    table: pd.DataFrame,
    noise: pd.DataFrame | None,
    settings: StudySettings,
    floor: float = 0.0,
) -> pd.DataFrame:
    """Add the errors of measurement, and z and p of each particle's change.

    Parameters
    ----------
    table : DataFrame
        From `measured_rows`.
    noise : DataFrame, optional
        ``state, sigma, correlation_voxels``, σ in the table's (normalised) grey levels.
    settings : StudySettings
        Whether noise is correlated.
    floor : float
        Repeat-scan floor in grey levels.

    Returns
    -------
    DataFrame
        With ``sem`` (SEM_P), ``sem_delta`` (SEM_ΔP; 0 in the reference, whose change is zero
        by definition), ``z`` = ΔĪ/SEM_ΔP and its two-sided ``p_value``.
    """
    state, names = pd.factorize(table["state"])
    sigma, volume = np.full(len(names), np.nan), np.ones(len(names))
    if noise is not None:
        rows = {str(name): k for k, name in enumerate(noise["state"])}
        for k, name in enumerate(names):
            if name in rows:
                sigma[k] = noise["sigma"].iloc[rows[name]]
                volume[k] = noise["correlation_voxels"].iloc[rows[name]]
    volume = np.where(np.isfinite(volume), volume, 1.0)
    if not settings.correlated_noise:
        volume[:] = 1.0
    sem = sem_particle(sigma[state], table["core_voxels"].to_numpy(), volume[state])
    if settings.matching != "labels":
        blank = np.full(len(table), np.nan)
        return table.assign(sem=sem, sem_delta=blank, z=blank, p_value=blank)
    n = int((state == 0).sum())
    error = sem_delta(np.tile(sem[:n], len(names)), sem, floor)
    error[:n] = np.where(np.isfinite(sem[:n]), 0.0, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(error > 0, table["delta_core_mean"].to_numpy() / error, np.nan)
    return table.assign(sem=sem, sem_delta=error, z=z, p_value=two_sided_p(z))


def with_significance(table: pd.DataFrame, settings: StudySettings) -> pd.DataFrame:
    """Add ``q_value`` and ``significant``, of the particles that are kept, state by state."""
    p = np.where(table["kept"].to_numpy(bool), table["p_value"].to_numpy(), np.nan)
    q = np.full(len(table), np.nan)
    state, names = pd.factorize(table["state"])
    for k in range(len(names)):
        q[state == k] = q_values(p[state == k])
    return table.assign(q_value=q, significant=q <= settings.false_discovery_rate)


def states_table(
    particles: pd.DataFrame,
    states: Sequence[State],
    settings: StudySettings = StudySettings(),  # noqa: B008
) -> pd.DataFrame:
    """Sum up each state: means over the kept particles, with their errors.

    Parameters
    ----------
    particles : DataFrame
        Particles by state, with ``kept``; a subset of its rows serves as well.
    states : sequence of State
        In their order; the first is the reference.
    settings : StudySettings
        Whether particles are matched.

    Returns
    -------
    DataFrame
        Columns ``tables.STATES``. ``ses_*`` is the calibrated error of a mean; ``sem_*`` and
        ``se_tot_*`` are as published, and the latter overstates it (see
        `napari_battery.states.statistics`). ``z`` and ``p_value`` test the mean change of the
        same particles against SES (of populations: the difference of the means, as ``z_means``
        always is: Z of the paper).
    """
    columns = ("core_mean", "sem", "delta_core_mean", "sem_delta")
    values = {name: particles[name].to_numpy(np.float64) for name in columns}
    kept = particles["kept"].to_numpy(bool)
    state = particles["state"].to_numpy(object)
    rows = []
    first: dict[str, Any] = {}
    for place, one in enumerate(states):
        here = kept & (state == one.name) & np.isfinite(values["core_mean"])
        mean, sem, delta, error = (values[name][here] for name in columns)
        row: dict[str, Any] = {"state": one.name, "direction": one.direction, "n": int(here.sum())}
        row |= _mean(mean, sem, "mean")
        row |= _mean(delta, error, "delta")
        first = first or row
        means = z_test(
            first["mean"], row["mean"], first["sd_mean"], row["sd_mean"],
            max(first["n"], 1), max(row["n"], 1), settings.n_sigma,
        )  # fmt: skip
        tested = paired_z_test(delta) if settings.matching == "labels" else means
        row |= {"z": np.nan, "p_value": np.nan, "z_means": np.nan}
        if place:
            row |= {"z": tested.z, "p_value": tested.p_value, "z_means": means.z}
        rows.append(row)
    return pd.DataFrame(rows)


def _mean(values: NDArray[np.float64], sem: NDArray[np.float64], name: str) -> dict[str, float]:
    known = values[np.isfinite(values)]
    sampling, measurement = ses(known), sem_rms(sem)
    return {
        name: float(known.mean()) if known.size else np.nan,
        f"sd_{name}": float(known.std(ddof=1)) if known.size > 1 else np.nan,
        f"ses_{name}": sampling,
        f"sem_{name}": measurement,
        f"se_tot_{name}": float(se_tot(sampling, measurement)),
    }
