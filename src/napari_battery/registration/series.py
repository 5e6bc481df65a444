"""Bring all states of a series onto one another, one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.progress import SILENT, Progress
from napari_battery.registration.apply import lazily_applied, placed
from napari_battery.registration.register import Registration, register
from napari_battery.registration.series_mean import GroupMean
from napari_battery.registration.settings import RegisterSettings
from napari_battery.registration.transform import Transform, identity
from napari_battery.volume import Volume

__all__ = ["Onto", "Series", "register_series"]

Onto = Literal["first", "previous", "mean"]

_TOLD = (
    "correlation_before", "correlation_after",
    "mutual_information_before", "mutual_information_after",
    "overlap_fraction", "rotation_deg", "scale",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Series:
    """States brought onto one another.

    Parameters
    ----------
    transforms : list of Transform or None
        From the world of each state to that of the first, whatever it was aligned to; the
        first one's changes nothing. None where a state could not be aligned.
    table : DataFrame
        Columns `tables.SERIES`, a row per state (in voxels while the voxel size is unknown).
    notes : list of str
        What failed, and what was assumed.
    """

    transforms: list[Transform | None]
    table: pd.DataFrame
    notes: list[str]


class _Named(Progress):
    """Progress of one state's stages, with its name before them."""

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress, self._name = progress, name
        self.advance = progress.advance  # type: ignore[method-assign]

    def begin(self, total: int, what: str) -> None:
        self._progress.begin(total, f"{self._name}: {what}")


def register_series(
    volumes: Iterable[Volume],
    settings: RegisterSettings | None = None,
    to: Onto = "first",
    progress: Progress = SILENT,
) -> Series:
    """Align the states of a series.

    Each state starts from the transform of the one before it; the second as the settings
    say. Where that leads to a doubtful result and the settings start from nothing, the whole
    field is searched, too, and the better of both is kept.

    Parameters
    ----------
    volumes : iterable of Volume
        The states in order. One after the other is asked for, and no more than two are held;
        an iterator that raises `InputError` or `OSError` for one state is asked for the next.
        ``metadata["state"]`` names a state, its own name otherwise.
    settings : RegisterSettings, optional
    to : {"first", "previous", "mean"}
        What each is aligned to: the first state, the last one that could be aligned (for
        states that change much; errors add up), or the mean of all aligned so far, on the
        first one's grid (for noisy states).
    progress : Progress
        As for `register`, per state.

    Returns
    -------
    Series
        What fails is said in its table and notes; the rest stands.

    Raises
    ------
    InputError
        If the first state cannot be read, or there are fewer than two.
    Cancelled
        If the person stopped it.
    """
    settings = settings or RegisterSettings()
    states = iter(volumes)
    try:
        first = next(states)
    except StopIteration:
        raise InputError("A series needs two states or more.") from None
    fixed = first
    mean: GroupMean | None = GroupMean(first, progress) if to == "mean" else None
    last = identity(first, first, settings.kind)
    transforms: list[Transform | None] = [last]
    rows = [{"state": _name(first), "aligned": True, "note": "reference"}]
    notes: list[str] = []
    started = False
    while True:
        name, volume = f"state {len(rows) + 1}", None
        try:
            volume = next(states)
            name = _name(volume)
            found, said = _aligned(
                fixed if mean is None else mean.volume(), volume, settings,
                last if started else None, _Named(progress, name),
            )  # fmt: skip
            if mean is not None:
                mean.add(lazily_applied(_as_float(volume), found.transform, first), progress)
        except StopIteration:
            break
        except (InputError, OSError) as error:
            text = " ".join(str(error).split()) or type(error).__name__
            transforms.append(None)
            rows.append({"state": name, "aligned": False, "note": text})
            notes.append(f"{name} was not aligned: {text}")
            continue
        last, started = found.transform, True
        transforms.append(last)
        rows.append(_row(name, volume, last, found.quality))
        notes += [note for note in (*found.notes, *said) if note not in notes]
        if to == "previous":
            fixed = placed(volume, last)
    if len(rows) < 2:
        raise InputError(f"There is only one state, “{rows[0]['state']}”; a series needs two.")
    return Series(transforms, _table(rows, first), notes)


def _name(volume: Volume) -> str:
    return str(volume.metadata.get("state") or volume.name)


def _aligned(
    fixed: Volume,
    moving: Volume,
    settings: RegisterSettings,
    start: Transform | None,
    progress: Progress,
) -> tuple[Registration, list[str]]:
    """Align one state from a start; search as well where that is doubtful."""
    if start is None:
        return register(fixed, moving, settings, progress), []
    near = settings.model_copy(update={"start": "transform"})
    problem = ""
    found = None
    try:
        found = register(fixed, moving, near, progress, start)
    except InputError as error:
        problem = str(error)
    if found is not None and not found.quality["warnings"]:
        return found, []
    if settings.start != "nothing":
        if found is None:
            raise InputError(problem)
        return found, []
    searched = register(fixed, moving, settings, progress)
    if found is not None and _metric(searched) <= _metric(found):
        return found, []
    said = f"“{moving.name}” was searched for in the whole field: it does not lie where the one "
    return searched, [said + "before it does."]


def _metric(found: Registration) -> float:
    name = str(found.quality["metric"]).replace("-", "_")
    return float(found.quality[f"{name}_after"])


def _as_float(volume: Volume) -> Volume:
    """The same volume with NaN for what is not there, converted as it is read."""
    from napari_battery.io.lazy import LazyArray, Window

    def read(window: Window) -> NDArray[np.float32]:
        grey = np.array(volume.data[window], np.float32)
        if volume.region is not None:
            grey[~np.asarray(volume.region[window], bool)] = np.nan
        return grey

    chunks = getattr(volume.data, "chunks", None)
    plain = chunks if chunks and all(isinstance(n, int) for n in chunks) else None
    return volume.like(LazyArray(volume.shape, np.float32, read, plain), volume.name)


def _row(
    name: str, volume: Volume, transform: Transform, quality: dict[str, Any]
) -> dict[str, Any]:
    row: dict[str, Any] = {"state": name, "aligned": True}
    row |= {key: quality.get(key) for key in _TOLD}
    unit = "um" if transform.unit == "um" else "voxels"
    grid = volume if unit == "um" else volume.with_voxel_size(1.0, "voxels")
    middle = np.append((np.array(volume.shape) - 1) / 2, 1)
    world = (grid.world_affine() @ middle)[:-1]
    moved = transform.apply_points(world[None])[0] - world
    row |= {f"moved_{axis}_{unit}": float(d) for axis, d in zip(volume.axes, moved, strict=True)}
    for part in ("median", "p95"):
        row[f"residual_{part}_{unit}"] = quality.get(f"residual_shift_{part}_{transform.unit}")
    row["note"] = " ".join(quality.get("warnings", []))
    return row


def _table(rows: list[dict[str, Any]], first: Volume) -> pd.DataFrame:
    from napari_battery.tables import SERIES

    table = pd.DataFrame(rows)
    unknown = first.voxel_size_um is None
    names = [name.replace("_um", "_voxels") if unknown else name for name in SERIES]
    if first.ndim == 2:
        names = [name for name in names if "_z_" not in name]
    table = table.reindex(columns=names)
    texts = ("state", "note", "aligned")
    return table.astype({name: np.float64 for name in names if name not in texts})
