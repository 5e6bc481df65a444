"""The same label through every state: labels of the reference, carried into later scans."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.labelling._tracking import Runs, check_labels, find_runs
from napari_battery.labelling.consistency import ConsistencySettings, check_consistency
from napari_battery.labelling.contacts import contacts_of_runs
from napari_battery.labelling.cores import find_cores, plant
from napari_battery.labelling.label import label_particles
from napari_battery.labelling.mask import (
    clean_mask,
    foreground_mask,
    smoothed_distance,
    threshold_value,
)
from napari_battery.labelling.overlap import draw, match_runs, new_numbers, overlaps
from napari_battery.labelling.settings import LabelSettings
from napari_battery.labelling.tracked import Reference, reference_rows, state_rows
from napari_battery.labelling.watershed import find_markers, watershed
from napari_battery.lengths import in_voxels, spacing_voxels
from napari_battery.progress import SILENT, Progress
from napari_battery.provenance import provenance
from napari_battery.resample import onto_grid
from napari_battery.settings import Settings, setting
from napari_battery.volume import Volume

__all__ = ["PropagateSettings", "Propagation", "propagate_labels"]


class PropagateSettings(Settings):
    """How labels are carried from the reference into later states."""

    method: Literal["seeds", "overlap"] = setting(
        "seeds",
        "Seeds: the cores of the reference's particles grow within each state's own mask (GREAT2 "
        "paper). Overlap: each state is labelled by itself, and its labels are matched.",
    )
    core_depth: float = setting(
        0.3,
        "A core is all deeper than this part of the particle's greatest depth; more tolerates "
        "less drift.",
        ge=0,
        le=0.95,
        step=0.05,
    )
    cross_check: bool = setting(
        True, "Also find the particles by the other method, and compare. Takes about twice as long."
    )
    minimum_iou: float = setting(
        0.1,
        "Labels made independently match down to this intersection over union.",
        title="Smallest match",
        gt=0,
        le=1,
        step=0.05,
    )


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
        at a time. Those on another grid are resampled onto the reference's. With the
        method "overlap" a volume of labels (``metadata["kind"] == "labels"``) is matched
        as it is. A state is called by ``metadata["state"]``, or by the volume's name.
    settings : PropagateSettings
        Method and cross-check.
    label_settings : LabelSettings
        How each state's mask, distance map and independent labels are made.
    progress : Progress
        Stages per state; cancels within each.
    rules : ConsistencySettings
        For the table's ``kept`` and ``reason``; `check_consistency` tries others later.
    out : sequence of Path, optional
        Files to write each state's labels to, one per image; the result's labels then lie
        on the disk, and memory holds one state at a time.

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
    here.begin(1, "Finding cores")
    cores = find_cores(reference, runs, settings.core_depth)
    here.advance()
    states = [_state_name(reference)]
    tables = [reference_rows(known, states[0])]
    contacts = [_contacts(runs, reference, states[0])]
    labels: list[Volume] = []
    notes: list[str] = []
    inputs = []
    written: list[Path] = []
    try:
        for k, image in enumerate(images):
            states.append(_unused(_state_name(image), states))
            here = _Named(progress, states[-1])
            result = _one_state(known, cores, image, states[-1], settings, label_settings, here)
            tables.append(result.rows)
            contacts.append(_contacts(result.runs, reference, states[-1]))
            notes += result.notes
            made = provenance("propagate", settings, [reference, image], result.notes)
            made["label_settings"] = label_settings.model_dump(mode="json")
            state = _as_volume(reference, image, states[-1], result, made)
            inputs.append(made["inputs"][1])
            if out is not None:
                from napari_battery.io import write_volume

                state = replace(write_volume(out[k], state, made, here), metadata=state.metadata)
                written.append(out[k])
            labels.append(state)
            del result, state, image
    except BaseException:
        for path in written:
            _remove(path)
        raise
    if not labels:
        raise InputError("There is no later state: give one image at least.")
    touching = pd.concat(contacts, ignore_index=True)
    table = check_consistency(pd.concat(tables, ignore_index=True), rules, touching)
    made = provenance("propagate", settings, [reference], notes)
    made["inputs"] += inputs
    made["label_settings"] = label_settings.model_dump(mode="json")
    return Propagation(labels, states, table, touching, notes, made)


@dataclass(frozen=True, eq=False)
class _State:
    """One later state, as the loop needs it."""

    labels: NDArray[np.int32]
    runs: Runs
    rows: pd.DataFrame
    notes: list[str]


def _one_state(
    reference: Reference,
    cores: Runs,
    image: Volume,
    state: str,
    settings: PropagateSettings,
    label_settings: LabelSettings,
    progress: Progress,
) -> _State:
    """Labels of one later state, by one method or both, and their rows."""
    given = image.metadata.get("kind") == "labels"
    if given and settings.method == "seeds":
        raise InputError(
            f"“{image.name}” holds labels, but seeds need the grey levels of the state: give the "
            "image, or match the labels by the method “overlap”."
        )
    image, notes = _on_grid(image, reference.labels, state, progress)
    missing = np.full(len(reference.runs.numbers), "", object)
    other: Runs | None = None
    if settings.method == "seeds":
        prepared = _Prepared(image, label_settings, progress)
        if settings.cross_check:
            other, _ = _matched(reference, prepared.independent(), settings.minimum_iou)
        labels, unreached = prepared.grown(cores)
        runs = find_runs(image.like(labels, state), progress)
        missing[:] = "no voxel of its core lies in this state's mask"
        if unreached > 0.001:
            notes.append(
                f"{state}: {unreached:.1%} of the mask is reached by no particle of the "
                f"reference, and stays without a label."
            )
    else:
        alone = image if given else label_particles(image, label_settings, progress)
        free = find_runs(alone, progress)
        runs, n_new = _matched(reference, free, settings.minimum_iou)
        labels = draw(runs, runs.numbers, image.shape)
        missing[:] = "no label of this state overlaps it enough"
        if n_new:
            notes.append(
                f"{state}: {n_new} labels match none of the reference; they have new numbers "
                f"above {int(reference.runs.numbers.max())}."
            )
        if settings.cross_check and not given:
            grown, _ = _Prepared(image, label_settings, progress).grown(cores)
            other = find_runs(image.like(grown, state), progress)
    rows = state_rows(reference, state, runs, image.region, other, missing)
    notes += _common_shift(rows, reference.labels, state)
    return _State(labels, runs, rows, notes)


class _Prepared:
    """Mask and distance map of a state, which both methods start from."""

    def __init__(self, image: Volume, settings: LabelSettings, progress: Progress) -> None:
        settings = in_voxels(settings, image)
        spacing = spacing_voxels(image)
        region = None if image.region is None else np.asarray(image.region, bool)
        progress.begin(4, "Finding the particles' mask")
        threshold = threshold_value(image, settings)
        progress.advance()
        mask = foreground_mask(image, threshold, settings)
        progress.advance()
        self.mask = clean_mask(mask, settings, region, spacing)
        progress.advance()
        self.distance = smoothed_distance(self.mask, settings, spacing)
        progress.advance()
        self._depth, self._like, self._progress = settings.marker_depth, image, progress

    def independent(self) -> Runs:
        """Labels found without the reference."""
        markers = find_markers(self.distance, self.mask, self._depth, self._progress)
        labels = watershed(self.distance, markers, self.mask, self._progress)
        return find_runs(self._like.like(labels, "labels"), self._progress)

    def grown(self, cores: Runs) -> tuple[NDArray[np.int32], float]:
        """Labels grown from the cores, and the mask's part that no core reached."""
        seeds = plant(cores, self.mask)
        labels = watershed(self.distance, seeds, self.mask, self._progress)
        n_mask = int(np.count_nonzero(self.mask))
        unreached = 1 - np.count_nonzero(labels) / max(n_mask, 1) if n_mask else 0.0
        return labels, unreached


def _matched(reference: Reference, found: Runs, least: float) -> tuple[Runs, int]:
    """Labels under the numbers of the reference labels they match; how many match none."""
    pairs = overlaps(reference.runs, found)
    partner = match_runs(pairs, len(reference.runs.numbers), len(found.numbers), least)
    numbers = new_numbers(reference.runs, partner)
    order = np.argsort(numbers)
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    return (
        replace(found, numbers=numbers[order], index=place[found.index]),
        int((partner < 0).sum()),
    )


def _on_grid(
    image: Volume, reference: Volume, state: str, progress: Progress
) -> tuple[Volume, list[str]]:
    """The image on the reference's grid, with where it has data as its region."""
    if image.ndim != reference.ndim:
        raise InputError(
            f"The labels “{reference.name}” have {reference.ndim} axes {reference.shape}, the "
            f"image “{image.name}” {image.ndim} {image.shape}; both must be 2-D or both 3-D."
        )
    if image.same_grid(reference):
        return image, []
    if image.shape == reference.shape and None in (image.voxel_size_um, reference.voxel_size_um):
        note = f"{state}: only one of labels and image has a voxel size; voxel lies on voxel."
        return _placed(image, reference), [note]
    is_labels = image.metadata.get("kind") == "labels"
    moved = onto_grid(image, reference, progress, order=0 if is_labels else 1)
    inside = np.isfinite(moved.data)
    note = (
        f"{state}: “{image.name}” lies on another grid than “{reference.name}” and was resampled "
        "onto it."
    )
    data = moved.data
    if is_labels:
        data = np.where(inside, data, 0).astype(np.int32)
    return replace(moved, data=data, region=None if inside.all() else inside), [note]


def _placed(image: Volume, reference: Volume) -> Volume:
    return replace(
        image,
        voxel_size_um=reference.voxel_size_um,
        voxel_size_source=reference.voxel_size_source,
        origin_um=reference.origin_um,
        affine=reference.affine,
    )


def _common_shift(rows: pd.DataFrame, grid: Volume, state: str) -> list[str]:
    """What to say where all particles of a state lie off by more than a voxel."""
    unit = "voxels" if grid.voxel_size_um is None else "um"
    shifts = rows.loc[(rows["pieces"] > 0) & ~rows["touches_border"]]
    median = shifts[[f"shift_{axis}_{unit}" for axis in grid.axes]].median().to_numpy()
    length = float(np.sqrt((median**2).sum()))
    edge = 1.0 if grid.voxel_size_um is None else min(grid.voxel_size_um)
    if not length > edge:
        return []
    size = f"{length:.3g} {'voxels' if unit == 'voxels' else 'µm'}"
    return [
        f"{state}: the particles lie {size} (median) from where they were in the reference; "
        "register the images if this is not motion."
    ]


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
    reference: Volume, image: Volume, state: str, result: _State, made: dict[str, Any]
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


def _remove(path: Path) -> None:
    import shutil

    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
    path.with_name(path.name + ".provenance.json").unlink(missing_ok=True)
