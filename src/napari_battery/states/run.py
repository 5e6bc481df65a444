"""A study from images: each state is read, measured and let go before the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from napari_battery.errors import InputError
from napari_battery.labelling import ConsistencySettings, LabelSettings, PropagateSettings
from napari_battery.progress import SILENT, Progress
from napari_battery.radial import RadialResult, RadialSettings, radial_tables
from napari_battery.resample import onto_grid
from napari_battery.states.comparability import count_greys
from napari_battery.states.manifest import State
from napari_battery.states.noise import Background, Noise, measure_noise, propose_background
from napari_battery.states.settings import StudyRules, StudySettings
from napari_battery.states.tabulate import Study, checked_names, tabulate
from napari_battery.volume import Volume

__all__ = ["Gathered", "OpenState", "gather", "open_files", "run_study", "study_of"]

OpenState = Callable[[State], tuple[Volume, Volume | None]]
"""Opens a state's image, and its labels where it has its own."""


def open_files(state: State) -> tuple[Volume, Volume | None]:
    """Open a state's files; voxels are read as they are needed.

    Raises
    ------
    InputError
        If there is no image, or a file cannot be read.
    """
    from napari_battery.io.read import read_volume

    if state.image is None:
        raise InputError(f"The state “{state.name}” has no image.")
    labels = None if state.labels is None else read_volume(state.labels)
    return read_volume(state.image), labels


class _Named(Progress):
    """Progress whose stages say which state they are about."""

    def __init__(self, progress: Progress, state: str) -> None:
        self._progress, self._state = progress, state

    def begin(self, total: int, what: str) -> None:
        self._progress.begin(total, f"{self._state}: {what[:1].lower()}{what[1:]}")

    def advance(self, n: int = 1) -> None:
        self._progress.advance(n)


@dataclass(eq=False)
class Gathered:
    """What is kept of each state: tables, no voxels."""

    results: list[RadialResult] = field(default_factory=list)
    greys: list[pd.DataFrame] = field(default_factory=list)
    noise: list[dict[str, object]] = field(default_factory=list)
    tracked: list[pd.DataFrame] = field(default_factory=list)
    contacts: list[pd.DataFrame] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    background: Background | None = None
    made: dict[str, object] = field(default_factory=dict)


def run_study(
    states: Sequence[State],
    settings: StudySettings = StudySettings(),  # noqa: B008
    rules: StudyRules = StudyRules(),  # noqa: B008
    *,
    open_state: OpenState = open_files,
    propagate_settings: PropagateSettings = PropagateSettings(),  # noqa: B008
    label_settings: LabelSettings = LabelSettings(),  # noqa: B008
    background: Background | None = None,
    repeats: Sequence[tuple[str, str]] = (),
    labels_folder: Path | None = None,
    progress: Progress = SILENT,
) -> Study:
    """Compare the states of an electrode, from their images.

    Parameters
    ----------
    states : sequence of State
        In their order; the first is the reference, and must have labels.
    settings, rules
        What is measured, and which particles count.
    open_state : callable
        Returns image and labels (or None) of a state; by default they are read from its
        files. Images are registered: they lie in one world. Those on another grid are
        resampled onto the reference's, and so are labels.
    propagate_settings, label_settings
        How labels of the reference are carried into states that have none of their own.
    background : Background, optional
        Where to measure the noise, on the reference's grid; proposed otherwise, and then
        found in ``study.made["background"]``.
    repeats : sequence of (str, str)
        Names of states that are scans of one and the same state.
    labels_folder : Path, optional
        An existing folder to write the labels carried into each state to.
    progress : Progress
        Stages per state; cancels within each.

    Returns
    -------
    Study

    Raises
    ------
    InputError
        If there are fewer than two states, the reference has no labels, or a state's grid or
        voxel size does not allow the comparison.

    Notes
    -----
    One state is in memory at a time, with the labels of the reference.

    References
    ----------
    Jones et al., "Demonstrating faster multi-label grey-level analysis for crack detection in
    ex-situ & operando micro-CT images of NMC electrode", sections 2.2 to 3.1.
    """
    for pair in repeats:
        for name in pair:
            if name not in [state.name for state in states]:
                known = ", ".join(state.name for state in states)
                raise InputError(f"There is no state “{name}”; the states are {known}.")
    radial = RadialSettings(exclude_layers=settings.exclude_layers)
    got = gather(
        states, settings, open_state=open_state, propagate_settings=propagate_settings,
        label_settings=label_settings, radial_settings=radial, background=background,
        labels_folder=labels_folder, progress=progress,
    )  # fmt: skip
    return study_of(states, got, settings, rules, repeats=repeats, progress=progress)


def gather(
    states: Sequence[State],
    settings: StudySettings,
    *,
    open_state: OpenState = open_files,
    propagate_settings: PropagateSettings = PropagateSettings(),  # noqa: B008
    label_settings: LabelSettings = LabelSettings(),  # noqa: B008
    radial_settings: RadialSettings = RadialSettings(),  # noqa: B008
    background: Background | None = None,
    labels_folder: Path | None = None,
    results: Mapping[str, RadialResult] | None = None,
    keep_labels: Callable[[State, Volume], None] | None = None,
    progress: Progress = SILENT,
) -> Gathered:
    """All of `run_study` that voxels are needed for; `study_of` makes the study of it.

    Parameters
    ----------
    radial_settings : RadialSettings
        Of the radial analyses.
    results : mapping of str to RadialResult, optional
        Finished analyses by state, of the very labels and images that are opened.
    keep_labels : callable, optional
        Gets the labels of each state, as they were measured.

    The other parameters, and what is raised, are those of `run_study`.
    """
    checked_names(states)
    got = Gathered(background=background)
    got.made["propagate_settings"] = propagate_settings.model_dump(mode="json")
    got.made["label_settings"] = label_settings.model_dump(mode="json")
    reference: Volume | None = None
    for state in states:
        here = _Named(progress, state.name)
        image, labels = open_state(state)
        if reference is None or settings.matching == "populations":
            if labels is None:
                raise InputError(
                    f"The state “{state.name}” has no labels: label its particles first (Label "
                    "particles), and name them with the state."
                )
            reference = labels
            if settings.matching == "populations":
                got.background = background
            labels = _track_itself(reference, state, settings, got, here)
        else:
            image = _onto(image, reference, state, 1, got, here)
            labels = _labels_of(
                state, image, labels, reference, got, propagate_settings, label_settings, here
            )
            if labels_folder is not None and state.labels is None:
                _write_labels(labels_folder, state, labels, here)
        if keep_labels is not None:
            keep_labels(state, labels)
        known = (results or {}).get(state.name)
        _measure(state, image, labels, settings, radial_settings, known, got, here)
        del image, labels
    return got


def study_of(
    states: Sequence[State],
    got: Gathered,
    settings: StudySettings = StudySettings(),  # noqa: B008
    rules: StudyRules = StudyRules(),  # noqa: B008
    *,
    repeats: Sequence[tuple[str, str]] = (),
    progress: Progress = SILENT,
) -> Study:
    """The study of what `gather` found; no voxel is looked at."""
    study = tabulate(
        states,
        got.results,
        settings,
        rules,
        noise=pd.DataFrame(got.noise) if got.noise else None,
        greys=pd.concat(got.greys, ignore_index=True),
        tracked=pd.concat(got.tracked, ignore_index=True) if got.tracked else None,
        contacts=pd.concat(got.contacts, ignore_index=True) if got.contacts else None,
        repeats=repeats,
        notes=got.notes,
        progress=progress,
    )
    made = {**study.made, **got.made, "background": _described(got.background)}
    return replace(study, made=made)


def _track_itself(
    labels: Volume, state: State, settings: StudySettings, got: Gathered, progress: Progress
) -> Volume:
    """The reference's own rows of the table of followed particles."""
    from napari_battery.labelling._tracking import check_labels, find_runs
    from napari_battery.labelling.contacts import contacts_of_runs
    from napari_battery.labelling.tracked import Reference, reference_rows

    check_labels(labels)
    runs = find_runs(labels, progress)
    if not len(runs.numbers):
        raise InputError(f"“{labels.name}” ({state.name}) holds no label.")
    if settings.matching == "labels":
        got.tracked.append(reference_rows(Reference.of(labels, runs), state.name))
        got.contacts.append(contacts_of_runs(runs, labels).assign(state=state.name))
    return labels


def _labels_of(
    state: State,
    image: Volume,
    labels: Volume | None,
    reference: Volume,
    got: Gathered,
    propagate_settings: PropagateSettings,
    label_settings: LabelSettings,
    progress: Progress,
) -> Volume:
    """Labels of a later state under the reference's numbers: its own, or carried over."""
    from napari_battery.labelling import propagate_labels
    from napari_battery.labelling._tracking import check_labels, find_runs
    from napari_battery.labelling.contacts import contacts_of_runs
    from napari_battery.labelling.tracked import Reference, state_rows

    if labels is None:
        named = replace(image, metadata={**image.metadata, "state": state.name})
        first = replace(reference, metadata={**reference.metadata, "state": "\0reference"})
        carried = propagate_labels(
            first, [named], propagate_settings, label_settings, progress, _NO_RULES
        )
        table, contacts = carried.table, carried.contacts
        got.tracked.append(table[(table["state"] == state.name).to_numpy()])
        got.contacts.append(contacts[(contacts["state"] == state.name).to_numpy()])
        got.notes += carried.notes
        return carried.labels[0]
    check_labels(labels)
    labels = _onto(labels, reference, state, 0, got, progress)
    known = Reference.of(reference, find_runs(reference, progress))
    runs = find_runs(labels, progress)
    missing = "its label does not occur in this state"
    got.tracked.append(state_rows(known, state.name, runs, image.region, None, missing))
    got.contacts.append(contacts_of_runs(runs, labels).assign(state=state.name))
    if not np.isin(known.runs.numbers, runs.numbers).any():
        raise InputError(
            f"No label of “{labels.name}” ({state.name}) occurs in the reference: labels must "
            "have the same numbers in every state. Leave the labels out to have them carried "
            "over, or compare populations (--matching populations)."
        )
    return labels


_EXACT = 2**24
"""Resampling goes through float32, which holds whole numbers up to here."""
_NO_RULES = ConsistencySettings(neighbours=False)
"""Rules are checked once, on the table of all states."""


def _onto(
    volume: Volume, reference: Volume, state: State, order: int, got: Gathered, progress: Progress
) -> Volume:
    """The volume on the reference's grid; says so where it had another."""
    if volume.same_grid(reference):
        return volume
    if volume.shape == reference.shape and None in (volume.voxel_size_um, reference.voxel_size_um):
        known = volume if volume.voxel_size_um is not None else reference
        got.notes.append(
            f"{state.name}: only one of “{reference.name}” and “{volume.name}” has a voxel size; "
            "they were taken to lie voxel on voxel."
        )
        return replace(volume, voxel_size_um=known.voxel_size_um, origin_um=known.origin_um)
    if order == 0 and (top := max(int(np.max(plane)) for plane in volume.data)) > _EXACT:
        raise InputError(
            f"“{volume.name}” ({state.name}) lies on another grid than “{reference.name}”, and its "
            f"label {top} is too large a number to be resampled; the largest is {_EXACT}. "
            "Renumber the labels."
        )
    moved = onto_grid(volume, reference, progress, order=order)
    got.notes.append(
        f"{state.name}: “{volume.name}” lies on another grid than “{reference.name}” and was "
        "resampled onto it; noise is measured on the resampled greys."
    )
    if order == 0:
        inside = np.isfinite(moved.data)
        return replace(moved, data=np.where(inside, moved.data, 0).astype(np.int32))
    return moved


def _measure(
    state: State,
    image: Volume,
    labels: Volume,
    settings: StudySettings,
    radial: RadialSettings,
    known: RadialResult | None,
    got: Gathered,
    progress: Progress,
) -> None:
    """Radial tables (unless known), histogram and noise of one state."""
    image = _onto(image, labels, state, 1, got, progress)
    got.results.append(known or radial_tables(labels, image, radial, progress))
    got.greys.append(count_greys(image, labels, state.name, progress))
    if settings.background_sigma is not None:
        return
    got.noise.append({"state": state.name, **vars(_noise(state, image, labels, got, progress))})


def _noise(state: State, image: Volume, labels: Volume, got: Gathered, progress: Progress) -> Noise:
    """Noise of one state; unknown, with a note, where no background was given or is found."""
    proposed = got.background is None or got.background.source == "proposed"
    try:
        if got.background is None:
            got.background = propose_background(labels, progress)
        try:
            return measure_noise(image, got.background, labels)
        except InputError:
            if not proposed:
                raise
        noise = measure_noise(image, propose_background(labels, progress), labels)
    except InputError as error:
        if not proposed:
            raise
        got.notes.append(f"{state.name}: {error}")
        return Noise(float("nan"), float("nan"), float("nan"), 0, "unknown")
    got.notes.append(
        f"{state.name}: particles had moved into the background proposed for the first state; "
        "another was taken."
    )
    return noise


def _write_labels(folder: Path, state: State, labels: Volume, progress: Progress) -> None:
    from napari_battery.io import write_volume

    safe = "".join(c if c.isalnum() or c in "-._" else "-" for c in state.name)
    write_volume(folder / f"{safe}-labels.tif", labels, labels.metadata.get("made"), progress)


def _described(background: Background | None) -> dict[str, object] | None:
    if background is None:
        return None
    return {
        "source": background.source,
        "boxes_voxels": [[list(ends) for ends in box] for box in background.boxes],
        "by_mask": background.mask is not None,
    }
