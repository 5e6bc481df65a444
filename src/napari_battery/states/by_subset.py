"""The numbers of a study, for subsets of its particles side by side."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd

from napari_battery.errors import InputError
from napari_battery.states.frames import Frames
from napari_battery.states.statistics import Alternative, particles_needed
from napari_battery.states.subsets import Subset, all_particles, unique_names
from napari_battery.states.table import states_table
from napari_battery.states.tabulate import Study, compare_states
from napari_battery.tables import STATES_BY_SUBSET, TESTS_BY_SUBSET

__all__ = ["compare_by_subset", "needed_by_state", "of_subset", "states_by_subset"]


def of_subset(study: Study, frames: Frames, subset: Subset) -> Study:
    """The study with no other particles than those of a subset; its other tables stay.

    Parameters
    ----------
    study : Study
        The whole.
    frames : Frames
        Its tables.
    subset : Subset
        Some of its particles.

    Returns
    -------
    Study
        With ``particles`` and ``summary`` of the subset's kept particles. Significance stays
        as it was found among all.
    """
    rows = frames.table_rows(subset.mask(frames))
    particles = study.particles[rows]
    summary = states_table(particles, study.states, study.settings)
    return replace(study, particles=particles, summary=summary)


def states_by_subset(
    study: Study,
    frames: Frames,
    subsets: Sequence[Subset] = (),
    *,
    change: float | None = None,
    n_sigma: float | None = None,
) -> pd.DataFrame:
    """Means with their errors and tests, per subset and state.

    Parameters
    ----------
    study, frames
        The study and its tables.
    subsets : sequence of Subset
        None is all particles, whose numbers are those of the table of states.
    change : float, optional
        Mean change in grey levels of which is said how many particles would show it; not 0.
    n_sigma : float, optional
        At how many standard errors; None is the study's critical value.

    Returns
    -------
    DataFrame
        ``tables.STATES_BY_SUBSET``, one row per subset and state.
    """
    n_sigma = study.settings.n_sigma if n_sigma is None else n_sigma
    shown = list(subsets) or [all_particles(frames)]
    tables = []
    for subset, name in zip(shown, unique_names(shown), strict=True):
        part = of_subset(study, frames, subset)
        needed: dict[str, int] = {}
        if change is not None:
            with suppress(InputError):  # fewer than two particles
                needed = needed_by_state(part, change, n_sigma)
        tables.append(
            part.summary.assign(
                subset=name,
                change_to_see=np.nan if change is None else float(change),
                n_sigma=float(n_sigma),
                particles_needed=part.summary["state"].map(needed).astype(np.float64),
            )
        )
    return pd.concat(tables, ignore_index=True)[list(STATES_BY_SUBSET)]


def compare_by_subset(
    study: Study,
    frames: Frames,
    subsets: Sequence[Subset],
    pairs: Sequence[tuple[str, str]],
    alternative: Alternative = "two-sided",
    n_sigma: float | None = None,
) -> pd.DataFrame:
    """Test pairs of states against each other, per subset.

    Parameters
    ----------
    study, frames, subsets, n_sigma
        As of `states_by_subset`.
    pairs : sequence of (str, str)
        Names of the first and the second state.
    alternative : {"two-sided", "less", "greater"}
        What is asked of the second mean.

    Returns
    -------
    DataFrame
        ``tables.TESTS_BY_SUBSET``: of each subset and pair a row ``means``, and where particles
        are matched one ``changes`` (see `compare_states`). A subset of fewer than two particles
        has a row ``means`` without numbers.

    Raises
    ------
    InputError
        If there is no such state.
    """
    for name in {name for pair in pairs for name in pair}:
        frames.place(name)
    if n_sigma is not None:
        settings = study.settings.model_copy(update={"n_sigma": n_sigma})
        study = replace(study, settings=settings)
    shown = list(subsets) or [all_particles(frames)]
    rows: list[dict[str, Any]] = []
    for subset, name in zip(shown, unique_names(shown), strict=True):
        part = of_subset(study, frames, subset)
        for first, second in pairs:
            said = {"subset": name, "first_state": first, "second_state": second}
            try:
                tests = compare_states(part, first, second, alternative)
            except InputError:  # too few particles
                rows.append({**said, "of": "means", "alternative": alternative})
                continue
            rows += [{**said, "of": what, **asdict(test)} for what, test in tests.items()]
    table = pd.DataFrame(rows).rename(columns={"difference": "mean_difference"})
    return table.reindex(columns=list(TESTS_BY_SUBSET))


def needed_by_state(study: Study, change: float, n_sigma: float | None = None) -> dict[str, int]:
    """How many particles would show a mean change, by state but the first.

    Parameters
    ----------
    study : Study
        Of matched particles their changes' spread counts, else that of both states.
    change : float
        Grey levels.
    n_sigma : float, optional
        At how many standard errors; None is the study's critical value.

    Raises
    ------
    InputError
        If that cannot be told (see `particles_needed`).
    """
    rows = study.summary.to_dict("records")
    n_sigma = study.settings.n_sigma if n_sigma is None else n_sigma
    matched = study.settings.matching == "labels"
    first = None if matched else float(rows[0]["sd_mean"])
    spread = "sd_delta" if matched else "sd_mean"
    return {
        str(row["state"]): particles_needed(change, float(row[spread]), n_sigma, first)
        for row in rows[1:]
    }
