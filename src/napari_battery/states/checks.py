"""Whether something is off with a study: wrong registration, swapped states, a change of gain.

None of these tests judges the material; each says which numbers do not go together, and what
may have caused it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, groupby, pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.states.comparability import grey_peaks
from napari_battery.states.manifest import State
from napari_battery.states.settings import StudySettings

__all__ = ["warnings_of"]

_LEAST = 20
"""Particles that a comparison of whole populations needs."""
_MISSING = 0.2
_SHIFTED_RADII = 0.25
"""Common shift, in median radii, beyond which labels may have been swapped."""
_ALIKE = 0.8
"""Rank correlation of the volumes below which particles are hardly the same ones."""
_UNEVEN = 1.4
"""Median rise of the spread inside cores that labels beside their particles give."""
_UNEVEN_SURFACE = 1.3
"""The same of the outermost layer, in which it shows sooner."""
_DRIFT = 0.01
"""Drift of the empty peak, in parts of the contrast, that cannot be overlooked beside ΔĪ."""
_SHORTER = 0.88
"""A way through the states this much shorter than theirs tells of another order."""
_SURE = 4.0
"""Standard errors that make a step of the mean change, or a shorter way, a sure one."""

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Matched:
    """Whole particles with a core in every state; arrays are (states, particles, …).

    `centre` holds also those without a core.
    """

    names: list[str]
    labels: NDArray[np.int64]
    core: Array
    core_std: Array
    core_voxels: Array
    volume: Array
    centre: Array
    missing: Array
    radius: float


def warnings_of(
    states: Sequence[State],
    particles: pd.DataFrame,
    greys: pd.DataFrame | None,
    layers: pd.DataFrame | None,
    settings: StudySettings,
) -> list[str]:
    """Say what seems to be off between the states of a study.

    Parameters
    ----------
    states : sequence of State
        In their order.
    particles : DataFrame
        Particles by state.
    greys : DataFrame, optional
        Histograms.
    layers : DataFrame, optional
        Layers by state.
    settings : StudySettings
        Whether particles are matched and greys normalised.

    Returns
    -------
    list of str
        One sentence each, with the state's name in front; empty if nothing was found.
    """
    names = [state.name for state in states]
    gain: list[str] = []
    if greys is not None and len(greys) and settings.normalise == "none":
        gain = _gain(greys, names)
    if settings.matching != "labels":
        return gain
    found: list[str] = []
    matched = _matched(particles, names)
    for k in range(1, len(names)):
        found += _registration(matched, k)
    if layers is not None and matched.core.shape[1] >= _LEAST:
        found += _surfaces(layers, matched)
    if not found:  # particles taken for others seem to wander
        found += _order(matched)
    found += gain
    if matched.core.shape[1] >= _LEAST:
        found += _turns(matched, states)
    return found


def _gain(greys: pd.DataFrame, names: list[str]) -> list[str]:
    peaks = grey_peaks(greys, names)
    contrast = abs(float(peaks["contrast"].iloc[0]))
    said = []
    for name, drift in zip(names[1:], peaks["empty_drift"].to_numpy(np.float64)[1:], strict=True):
        if contrast > 0 and abs(drift) > _DRIFT * contrast:
            side = "above" if drift > 0 else "below"
            said.append(
                f"{name}: the grey level of empty space lies {abs(drift):.3g} "
                f"({abs(drift) / contrast:.1%} of the contrast) {side} that of "
                f"{names[0]}: a gain or offset between the scans was left uncorrected, and is "
                "part of ΔĪ. Normalise the greys, or use references of the same beam."
            )
    return said


def _matched(table: pd.DataFrame, names: list[str]) -> _Matched:
    n = int((table["state"] == names[0]).sum())

    def cube(name: str) -> Array:
        return table[name].to_numpy(np.float64).reshape(len(names), n)

    size = "volume_voxels" if "volume_voxels" in table else "area_pixels"
    axes = [axis for axis in "zyx" if f"centroid_{axis}_um" in table]
    core, volume = cube("core_mean"), cube(size)
    whole = (cube("touches_border") == 0).all(axis=0)
    whole &= (volume > 0).all(axis=0)
    used = whole & np.isfinite(core).all(axis=0)
    missing = ((volume[0] > 0) & (volume <= 0)).sum(axis=1) / max(int((volume[0] > 0).sum()), 1)
    radius = cube("equivalent_diameter_um")[0] / 2
    return _Matched(
        names=names,
        labels=table["label"].to_numpy(np.int64)[:n][used],
        core=core[:, used],
        core_std=cube("core_std")[:, used],
        core_voxels=cube("core_voxels")[:, used],
        volume=volume[:, used],
        centre=np.stack([cube(f"centroid_{axis}_um")[:, whole] for axis in axes], axis=-1),
        missing=missing,
        radius=float(np.median(radius[whole])) if whole.any() else float(np.nanmedian(radius)),
    )


def _registration(matched: _Matched, k: int) -> list[str]:
    """What tells that a state's labels do not lie on the reference's particles."""
    name, first = matched.names[k], matched.names[0]
    said = []
    if matched.missing[k] > _MISSING:
        said.append(
            f"{name}: {matched.missing[k]:.0%} of the particles of {first} are missing: is the "
            "state registered to it, and does it show the same place?"
        )
    if matched.core.shape[1] < _LEAST:
        return said
    shift = np.median(matched.centre[k] - matched.centre[0], axis=0)
    length = float(np.sqrt((shift**2).sum()))
    if length > _SHIFTED_RADII * matched.radius:
        said.append(
            f"{name}: the particles lie {length:.3g} µm (median) from where they lay in {first}, "
            f"{length / matched.radius:.2f} of their radius: the registration is off, and labels "
            "may stand for their neighbours."
        )
    volumes = _rank_correlation(matched.volume[0], matched.volume[k])
    spread = float(np.std(np.log(matched.volume[0])))
    if spread > 0.1 and volumes < _ALIKE:
        said.append(
            f"{name}: the volumes of the particles hardly go with those in {first} (rank "
            f"correlation {volumes:.2f}): labels do not stand for the same particles. Check the "
            "registration and the labels."
        )
    cores, best = _core_correlation(matched, k)
    if best > 0.5 and cores < 0.5 * best:
        said.append(
            f"{name}: the core means hardly go with those in {first} (correlation {cores:.2f}; "
            f"noise alone would leave {best:.2f}): the labels do not lie on the same particles. "
            "Check the registration and the labels."
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        uneven = float(np.nanmedian(matched.core_std[k] / matched.core_std[0]))
    if np.isfinite(uneven) and uneven > _UNEVEN:
        said.append(
            f"{name}: grey levels inside the cores spread {uneven:.2f} times as much as in "
            f"{first}: labels may lie beside their particles. Check the registration."
        )
    return said


def _surfaces(layers: pd.DataFrame, matched: _Matched) -> list[str]:
    """States in which the outermost layer is half particle, half void: labels lie beside."""
    outer = layers[(layers["layer"] == 1).to_numpy() & np.isin(layers["label"], matched.labels)]
    spread = outer.groupby("state", sort=False)["std"].median()
    said = []
    for name in matched.names[1:]:
        first, here = (float(spread.get(state, np.nan)) for state in (matched.names[0], name))
        if first > 0 and here > _UNEVEN_SURFACE * first:
            said.append(
                f"{name}: grey levels of the outermost layer spread {here / first:.2f} times as "
                f"much as in {matched.names[0]}: labels lie beside their particles. Check the "
                "registration, or have the labels carried over."
            )
    return said


def _core_correlation(matched: _Matched, k: int) -> tuple[float, float]:
    """Correlation of core means with the reference's, and what noise in the cores allows."""
    pair = matched.core[[0, k]]
    noise = matched.core_std[[0, k]] ** 2 / np.maximum(matched.core_voxels[[0, k]] / 8, 1)
    variance = pair.var(axis=1)
    if not (variance > 0).all():
        return 1.0, 0.0
    reliable = np.clip(1 - noise.mean(axis=1) / variance, 0, 1)
    together = float(np.asarray(np.corrcoef(pair))[0, 1])
    return together, float(np.sqrt(reliable.prod()))


def _rank_correlation(first: Array, second: Array) -> float:
    from scipy.stats import spearmanr

    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 1.0
    return float(spearmanr(first, second).statistic)


def _order(matched: _Matched) -> list[str]:
    """Another order of the states in which the particles wander less from one to the next.

    Small displacements of their own add up from state to state, so that neighbours in time are
    alike; common motion, turns and swelling are taken off.
    """
    n_states, first = len(matched.names), matched.centre[0]
    if n_states < 3 or len(first) < _LEAST:
        return []
    known = np.column_stack([np.ones(len(first)), first - first.mean(axis=0)])
    own = [place - known @ np.linalg.lstsq(known, place, rcond=None)[0] for place in matched.centre]
    apart = np.zeros((n_states, n_states, len(first)))
    for i, j in combinations(range(n_states), 2):
        apart[i, j] = apart[j, i] = ((own[j] - own[i]) ** 2).sum(axis=1)

    def way(order: list[int]) -> Array:
        """Squared length of each particle's way through the states."""
        return np.asarray(sum(apart[a, b] for a, b in pairwise(order)))

    given = way(list(range(n_states)))
    shorter = []
    for i, j in combinations(range(n_states), 2):
        order = list(range(n_states))
        order[i], order[j] = order[j], order[i]
        other = way(order)
        gain = given - other
        limit = 5 * np.median(np.abs(gain))  # a particle taken for another one must not decide
        gain = np.clip(gain, -limit, limit)
        error = gain.std(ddof=1) / np.sqrt(gain.size)
        ratio = float(np.median(other) / max(float(np.median(given)), 1e-30))
        if ratio < _SHORTER and gain.mean() > _SURE * error:
            shorter.append((ratio, i, j))
    if not shorter:
        return []
    # a way is as long backward: of about equals the swap that leaves the reference is likelier
    least = min(shorter)[0] + 0.1
    ratio, i, j = min((s for s in shorter if s[0] <= least), key=lambda s: (s[1] == 0, s[2] - s[1]))
    return [
        f"{matched.names[i]}, {matched.names[j]}: the particles' places change less from state to "
        f"state with these two swapped ({ratio:.0%} of the squared way): check that each image "
        "belongs to its state."
    ]


def _turns(matched: _Matched, states: Sequence[State]) -> list[str]:
    """States between which the mean change turns round within one direction of the current."""
    said: list[str] = []
    runs = [(d, [k for k, _ in g]) for d, g in groupby(enumerate(states), lambda s: s[1].direction)]
    for direction, members in runs:
        path = members if members[0] == 0 else [members[0] - 1, *members]
        if not direction or len(path) < 3:
            continue
        steps = np.diff(matched.core[path], axis=0)
        error = steps.std(axis=1, ddof=1) / np.sqrt(steps.shape[1])
        with np.errstate(divide="ignore", invalid="ignore"):
            sign = np.where(np.abs(steps.mean(axis=1)) > _SURE * error, np.sign(steps.mean(1)), 0)
        turns = [k for k in range(1, len(sign)) if sign[k] * sign[k - 1] < 0]
        for k in turns:
            before, here, after = (matched.names[path[m]] for m in (k - 1, k, k + 1))
            said.append(
                f"{here}: the mean grey level turns round here within one {direction} (from "
                f"{before} by {steps[k - 1].mean():+.3g}, to {after} by {steps[k].mean():+.3g}): "
                "true of some materials, and the mark of a swapped pair of states."
            )
    return said
