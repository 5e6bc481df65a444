"""A study of several states, from finished radial tables to its tables and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from napari_battery.errors import InputError
from napari_battery.progress import SILENT, Progress
from napari_battery.provenance import provenance
from napari_battery.radial import RadialResult
from napari_battery.states.checks import warnings_of
from napari_battery.states.comparability import grey_scales
from napari_battery.states.ledger import check_rules, count_rules
from napari_battery.states.manifest import State, state_problems
from napari_battery.states.noise import repeat_floor
from napari_battery.states.settings import StudyRules, StudySettings
from napari_battery.states.statistics import Alternative, ZTest, paired_z_test, z_test
from napari_battery.states.table import (
    GreyScale,
    measured_rows,
    states_table,
    with_errors,
    with_significance,
)

__all__ = ["Study", "apply_rules", "checked_names", "compare_states", "tabulate"]


@dataclass(frozen=True, eq=False)
class Study:
    """What came of a study of several states.

    Parameters
    ----------
    states : list of State
        In their order; the first is the reference.
    particles : DataFrame
        One row per state and label; columns ``tables.STUDY_PARTICLES``.
    summary : DataFrame
        One row per state; columns ``tables.STATES``.
    layers : DataFrame
        ``state`` and the columns of the layers table.
    ledger : DataFrame
        How many particles each rule left out, see `count_rules`.
    greys : DataFrame
        ``state, grey, count, empty, solid``: histograms of the grey levels as scanned, of all
        voxels and of those outside and inside particles. Empty without images.
    noise : DataFrame
        One row per state; columns ``tables.STUDY_NOISE``. σ is in grey levels as scanned.
    notes : list of str
        What the person should know; those that say that something is off are in `warnings`.
    made : dict
        How it was made, fit for JSON.
    settings, rules
        What it was made with.
    warnings : list of str
        What seems to be off: registration, order of the states, gain.
    contacts : DataFrame, optional
        Which particles touch, for the rule of neighbours.
    """

    states: list[State]
    particles: pd.DataFrame
    summary: pd.DataFrame
    layers: pd.DataFrame
    ledger: pd.DataFrame
    greys: pd.DataFrame
    noise: pd.DataFrame
    notes: list[str]
    made: dict[str, Any]
    settings: StudySettings = field(default_factory=StudySettings)
    rules: StudyRules = field(default_factory=StudyRules)
    warnings: list[str] = field(default_factory=list)
    contacts: pd.DataFrame | None = None


def tabulate(
    states: Sequence[State],
    results: Sequence[RadialResult],
    settings: StudySettings = StudySettings(),  # noqa: B008
    rules: StudyRules = StudyRules(),  # noqa: B008
    *,
    noise: pd.DataFrame | None = None,
    greys: pd.DataFrame | None = None,
    tracked: pd.DataFrame | None = None,
    contacts: pd.DataFrame | None = None,
    repeats: Sequence[tuple[str, str]] = (),
    notes: Sequence[str] = (),
    progress: Progress = SILENT,
) -> Study:
    """Compare the states of an electrode, from finished radial tables.

    Parameters
    ----------
    states : sequence of State
        In their order; the first is the reference.
    results : sequence of RadialResult
        The radial tables of each state, in the same order.
    settings, rules
        What is measured, and which particles count.
    noise : DataFrame, optional
        Noise of each state, from `measure_noise`. Without it, and without
        ``settings.background_sigma``, errors of measurement are not known and left empty.
    greys : DataFrame, optional
        Histograms, from `count_greys`; needed for the comparability check and normalisation.
    tracked, contacts : DataFrame, optional
        Table and contacts of `propagate_labels`. Without them labels are taken at their word.
    repeats : sequence of (str, str)
        Names of states that are scans of one and the same state.
    notes : sequence of str
        Notes of earlier steps, kept.
    progress : Progress
        Cancels between stages.

    Returns
    -------
    Study

    Raises
    ------
    InputError
        If there are fewer than two states, names repeat, tables and states do not go together,
        or what a setting needs is missing.
    """
    names = _checked(states, results)
    progress.begin(3, "Comparing the states")
    noise = _noise_table(names, noise, settings)
    scales, said = grey_scales(names, greys, settings.normalise)
    scaled = _scaled_noise(noise, scales)
    table = measured_rows(names, results, settings, tracked, scales)
    floor, offset = repeat_floor(with_errors(table, scaled, settings), repeats, names)
    noise = noise.assign(repeat_floor=floor, repeat_offset=offset)
    used = floor if settings.repeat_floor and np.isfinite(floor) else 0.0
    table = with_errors(table, scaled, settings, used)
    progress.advance()
    layers = _layers(names, results, scales)
    progress.advance()
    assumed = any(result.assumed_voxel_size for result in results)
    made = _made(names, results, settings, scales, repeats)
    study = Study(
        list(states), table, pd.DataFrame(), layers, pd.DataFrame(),
        _no_greys() if greys is None else greys, noise,
        [*notes, *said, *_notes(names, results, noise, assumed)], made, settings, rules, [],
        contacts,
    )  # fmt: skip
    study = apply_rules(study, rules)
    progress.advance()
    odd = warnings_of(study.states, study.particles, greys, layers, settings)
    return replace(study, warnings=[*state_problems(states, files=False), *odd])


def apply_rules(study: Study, rules: StudyRules) -> Study:
    """The same study with other rules: who counts, significance, means, ledger.

    Nothing is measured again, so that each rule can be switched, and switched back, at once.

    Raises
    ------
    InputError
        If the rule of neighbours is on and the study knows of no contacts.
    """
    matched = study.settings.matching == "labels"
    table = check_rules(study.particles, rules, study.contacts, matched)
    table = _in_order(with_significance(table, study.settings))
    made = {**study.made, "rules": rules.model_dump(mode="json")}
    return replace(
        study,
        particles=table,
        summary=states_table(table, study.states, study.settings),
        ledger=count_rules(table, rules, matched),
        rules=rules,
        made=made,
    )


def compare_states(
    study: Study, first: str, second: str, alternative: Alternative = "two-sided"
) -> dict[str, ZTest]:
    """Test any two states against each other.

    Returns
    -------
    dict
        ``"means"``: Z of the two populations' means, as in the paper; ``"changes"``, where
        particles are matched: of the same particles' changes, which is the sharper test.

    Raises
    ------
    InputError
        If there is no such state.
    """
    rows = {}
    for name in (first, second):
        if name not in [state.name for state in study.states]:
            known = ", ".join(state.name for state in study.states)
            raise InputError(f"There is no state “{name}”; the states are {known}.")
        here = study.particles[(study.particles["state"] == name).to_numpy()]
        rows[name] = here.loc[here["kept"].to_numpy(bool), "core_mean"].to_numpy(np.float64)
    a, b = (values[np.isfinite(values)] for values in (rows[first], rows[second]))
    if min(len(a), len(b)) < 2:
        raise InputError(
            f"“{first}” keeps {len(a)} particles and “{second}” {len(b)}; a test needs two of "
            "each. Switch rules off, or exclude fewer layers."
        )
    n_sigma = study.settings.n_sigma
    tests = {
        "means": z_test(
            a.mean(), b.mean(), a.std(ddof=1), b.std(ddof=1), len(a), len(b), n_sigma, alternative
        )
    }
    if study.settings.matching == "labels":
        # the same labels in the same order: kept is of a particle, not of a row
        tests["changes"] = paired_z_test(rows[second] - rows[first], n_sigma, alternative)
    return tests


def checked_names(states: Sequence[State]) -> list[str]:
    """Names of the states.

    Raises
    ------
    InputError
        If there are fewer than two, or two of one name.
    """
    names = [state.name for state in states]
    if len(states) < 2:
        raise InputError(f"A study needs two states at least; there is {len(states)}.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"Two states are called “{twice[0]}”; give each a name of its own.")
    return names


def _checked(states: Sequence[State], results: Sequence[RadialResult]) -> list[str]:
    names = checked_names(states)
    if len(states) != len(results):
        raise InputError(f"There are {len(states)} states, but {len(results)} radial tables.")
    if len({"volume_voxels" in result.particles for result in results}) > 1:
        raise InputError("Some states are 2-D and some 3-D; all must be of one kind.")
    if not any(len(result.particles) for result in results):
        raise InputError("No state holds any particle: check the labels.")
    return names


def _noise_table(
    names: list[str], noise: pd.DataFrame | None, settings: StudySettings
) -> pd.DataFrame:
    blank = pd.DataFrame(
        {
            "state": names,
            "sigma": np.nan,
            "correlation_voxels": np.nan,
            "background_mean": np.nan,
            "n_voxels": 0,
            "source": "unknown",
        }
    )
    if noise is not None and len(noise):
        lacking = [name for name in names if name not in set(noise["state"])]
        if lacking:
            raise InputError(f"The table of noise has no row for the state “{lacking[0]}”.")
        given = noise.set_index("state").reindex(names).reset_index()
        blank = given[[name for name in blank if name in given]]
    if settings.background_sigma is not None:
        blank = blank.assign(sigma=settings.background_sigma, source="typed in")
    return blank


def _scaled_noise(noise: pd.DataFrame, scales: dict[str, GreyScale]) -> pd.DataFrame:
    factor = np.array([abs(scales.get(str(name), (1.0, 0.0))[0]) for name in noise["state"]])
    return noise.assign(sigma=noise["sigma"].to_numpy(np.float64) * factor)


def _layers(
    names: list[str], results: Sequence[RadialResult], scales: dict[str, GreyScale]
) -> pd.DataFrame:
    """Layers of all states; greys normalised where asked for."""
    tables = []
    for name, result in zip(names, results, strict=True):
        table = result.layers
        factor, offset = scales.get(name, (1.0, 0.0))
        if (factor, offset) != (1.0, 0.0):
            mean = table["mean"].to_numpy() * factor + offset
            first = np.flatnonzero(table["layer"].to_numpy() == 1)
            surface = np.repeat(mean[first], np.diff(np.append(first, len(table))))
            with np.errstate(divide="ignore", invalid="ignore"):
                relative = np.where(surface > 0, mean / surface, np.nan)
            table = table.assign(
                mean=mean,
                std=table["std"] * abs(factor),
                normalised_surface=np.where(table["normalised_surface"].notna(), relative, np.nan),
            )
        tables.append(table)
    whole = pd.concat(tables, ignore_index=True)
    state = np.repeat(np.array(names, object), [len(table) for table in tables])
    whole.insert(0, "state", state)
    return whole


def _in_order(table: pd.DataFrame) -> pd.DataFrame:
    from napari_battery.tables import STUDY_PARTICLES, STUDY_PARTICLES_2D

    columns = STUDY_PARTICLES if "volume_voxels" in table else STUDY_PARTICLES_2D
    return table[[name for name in columns if name in table]]


def _no_greys() -> pd.DataFrame:
    columns = {"grey": [0.0], "count": [0.0], "empty": [0.0], "solid": [0.0]}
    table = pd.DataFrame({"state": [""], **columns})
    return table.iloc[:0]


def _notes(
    names: list[str], results: Sequence[RadialResult], noise: pd.DataFrame, assumed: bool
) -> list[str]:
    pairs = zip(names, results, strict=True)
    notes = [f"{name}: {note}" for name, result in pairs for note in result.notes]
    if noise["sigma"].isna().any():
        notes.append(
            "The noise of the images is not known, so errors of measurement and significance are "
            "left empty: give a background region, or σ_bg."
        )
    if assumed:
        notes.append("The voxel size is assumed; all lengths are on that assumption.")
    return notes


def _made(
    names: list[str],
    results: Sequence[RadialResult],
    settings: StudySettings,
    scales: dict[str, GreyScale],
    repeats: Sequence[tuple[str, str]],
) -> dict[str, Any]:
    made = provenance("states", settings, [])
    made["states"] = names
    inputs = [entry for result in results for entry in result.provenance.get("inputs", [])]
    made["inputs"] = inputs
    made["synthetic"] = any(entry.get("synthetic") for entry in inputs)
    made["voxel_size_um"] = list(results[0].voxel_size_um)
    made["assumed_voxel_size"] = any(result.assumed_voxel_size for result in results)
    made["grey_scales"] = {
        name: {"factor": factor, "offset": offset} for name, (factor, offset) in scales.items()
    }
    made["repeats"] = [list(pair) for pair in repeats]
    return made
