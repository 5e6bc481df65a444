"""The same label through every state: labels of the reference, carried into later scans."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_battery.errors import InputError
from napari_battery.files import atomic_path, write_json
from napari_battery.labelling._tracking import Runs, check_labels, find_runs
from napari_battery.labelling.consistency import ConsistencySettings, check_consistency
from napari_battery.labelling.contacts import contacts_of_runs
from napari_battery.labelling.cores import find_cores
from napari_battery.labelling.later_state import LaterState, follow
from napari_battery.labelling.propagate_settings import PropagateSettings
from napari_battery.labelling.settings import LabelSettings
from napari_battery.labelling.tracked import Reference, reference_rows
from napari_battery.progress import SILENT, Progress
from napari_battery.provenance import provenance
from napari_battery.volume import Volume

__all__ = ["PropagateSettings", "Propagation", "propagate_labels"]


@dataclass(frozen=True, eq=False)
class Propagation:
    """What came of a series.

    Parameters
    ----------
    labels : list of Volume
        int32 labels of each later state, on the reference's grid, under its numbers.
    states : list of str
        Names of all states; the reference's first.
    table : DataFrame
        One row per label of the reference and state (`tables.PARTICLES_BY_STATE`).
    contacts : DataFrame
        ``state, label, neighbour, contact_faces`` and the area, see `contacts_table`.
    notes : list of str
        What the person should know.
    made : dict
        How it was made.
    """

    labels: list[Volume]
    states: list[str]
    table: pd.DataFrame
    contacts: pd.DataFrame
    notes: list[str]
    made: dict[str, Any]


class _Named(Progress):
    """Progress whose stages say which state they are about."""

    def __init__(self, progress: Progress, prefix: str) -> None:
        self._progress, self._prefix = progress, prefix

    def begin(self, total: int, what: str) -> None:
        self._progress.begin(total, f"{self._prefix}: {what[:1].lower()}{what[1:]}")

    def advance(self, n: int = 1) -> None:
        self._progress.advance(n)


def propagate_labels(
    reference: Volume,
    images: Iterable[Volume],
    settings: PropagateSettings = PropagateSettings(),  # noqa: B008
    label_settings: LabelSettings = LabelSettings(),  # noqa: B008
    progress: Progress = SILENT,
    rules: ConsistencySettings = ConsistencySettings(),  # noqa: B008
    out: Sequence[Path] | None = None,
) -> Propagation:
    """Carry the labels of a reference state into later ones, and check them.

    Parameters
    ----------
    reference : Volume
        Labels of the first state; any integer type.
    images : iterable of Volume
        Grey levels of the later states, in order, registered to the reference; taken one
        at a time. Those on another grid are resampled onto the reference's. A volume of
        phases (``metadata["kind"] == "phases"``) serves as the state's mask; with the
        method "overlap" a volume of labels ("labels") is matched as it is. A state is
        called by ``metadata["state"]``, or by the volume's name. NaN is no data: what
        reaches it is cut.
    settings : PropagateSettings
        Method and cross-check.
    label_settings : LabelSettings
        How each state's mask and distance map are made, and its independent labels (those
        that cross-check seeds are of the plain watershed, never merged).
    progress : Progress
        Stages per state; cancels within each.
    rules : ConsistencySettings
        For the table's ``kept`` and ``reason``; `check_consistency` tries others later.
    out : sequence of Path, optional
        Files to write each state's labels to, one per image; the result's labels then lie
        on the disk, and memory holds one state at a time. What stands there is replaced once
        all states are done, and stays otherwise.

    Returns
    -------
    Propagation
        Labels, table, contacts.

    Raises
    ------
    InputError
        If the reference holds no labels, a state has no contrast or lies elsewhere, or
        there is no later state.

    References
    ----------
    Jones et al., "Demonstrating faster multi-label grey-level analysis for crack
    detection in ex-situ & operando micro-CT images of NMC electrode", section 2.2.
    """
    check_labels(reference)
    here = _Named(progress, _state_name(reference))
    runs = find_runs(reference, here)
    if not len(runs.numbers):
        raise InputError(f"“{reference.name}” holds no label; there is nothing to follow.")
    known = Reference.of(reference, runs)
    cores = find_cores(reference, runs, settings.core_depth, here)
    states = [_state_name(reference)]
    tables = [reference_rows(known, states[0])]
    contacts = [_contacts(runs, reference, states[0])]
    labels: list[Volume] = []
    notes: list[str] = []
    inputs = []
    with ExitStack() as held:  # files take their places together, once all are whole
        for image in images:  # (enumerate would hold on to the last one)
            states.append(_unused(_state_name(image), states))
            here = _Named(progress, states[-1])
            result = follow(known, cores, image, states[-1], settings, label_settings, here)
            tables.append(result.rows)
            contacts.append(_contacts(result.runs, reference, states[-1]))
            notes += result.notes
            made = provenance("propagate", settings, [reference, image], result.notes)
            made["label_settings"] = label_settings.model_dump(mode="json")
            state = _as_volume(reference, image, states[-1], result, made)
            inputs.append(made["inputs"][1])
            if out is not None:
                state = _on_disk(state, held.enter_context(atomic_path(out[len(labels)])), here)
            labels.append(state)
            del result, state, image
        if not labels:
            raise InputError("There is no later state: give one image at least.")
    if out is not None:
        labels = [_in_place(state, path) for state, path in zip(labels, out, strict=True)]
    touching = pd.concat(contacts, ignore_index=True)
    table = check_consistency(pd.concat(tables, ignore_index=True), rules, touching)
    made = provenance("propagate", settings, [reference], notes)
    made["inputs"] += inputs
    made["label_settings"] = label_settings.model_dump(mode="json")
    return Propagation(labels, states, table, touching, notes, made)


def _contacts(runs: Runs, grid: Volume, state: str) -> pd.DataFrame:
    table = contacts_of_runs(runs, grid)
    table.insert(0, "state", state)
    return table


def _state_name(volume: Volume) -> str:
    return str(volume.metadata.get("state") or volume.name)


def _unused(name: str, taken: list[str]) -> str:
    """The name, with a number behind it where it is taken."""
    new, k = name, 2
    while new in taken:
        new, k = f"{name} ({k})", k + 1
    return new


def _as_volume(
    reference: Volume, image: Volume, state: str, result: LaterState, made: dict[str, Any]
) -> Volume:
    labels = reference.like(result.labels, f"{state} labels", region=None)
    labels.metadata.update(
        kind="labels",
        n_labels=len(result.runs.numbers),
        synthetic=bool(
            reference.metadata.get("synthetic", False) or image.metadata.get("synthetic", False)
        ),
        state=state,
        made=made,
    )
    return labels


def _on_disk(state: Volume, temporary: Path, progress: Progress) -> Volume:
    """Write a state to a file that is not in its place yet; the result holds no voxels."""
    from napari_battery.io import write_volume

    write_volume(temporary, state, None, progress)
    return replace(state, data=np.empty((0,) * state.ndim, state.dtype))


def _in_place(state: Volume, path: Path) -> Volume:
    """A state over its file, with its provenance beside it."""
    from napari_battery.io import read_volume
    from napari_battery.io.write import provenance_path

    write_json(provenance_path(path), state.metadata["made"])
    return replace(read_volume(path), name=state.name, metadata=state.metadata)
