"""The step of the Judge dock: read the models, find what they have not seen, judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_battery.blocks import whole
from napari_battery.errors import InputError
from napari_battery.io.lazy import Window
from napari_battery.progress import Progress
from napari_battery.superres.judge import Judgement, judge
from napari_battery.superres.judge_regions import region_words, unseen_box
from napari_battery.superres.judge_settings import JudgeSettings
from napari_battery.volume import Volume
from napari_battery.widgets.superres_shelf import Shelved

__all__ = ["Judged", "crack_value", "fits_in_memory", "judge_scans"]

_MEMORY_SHARE = 0.25


@dataclass(frozen=True, eq=False)
class Judged:
    """A judgement and what it is of."""

    judgement: Judgement
    settings: JudgeSettings
    low: Volume
    high: Volume
    where: str = ""
    """Which part was judged, in words, where the person left that to the dock."""
    why_no_predictions: str = ""

    @property
    def notes(self) -> list[str]:
        """What the person should know."""
        return [*filter(None, [self.where]), *self.judgement.notes]


def judge_scans(
    low: Volume,
    high: Volume,
    models: Sequence[Shelved],
    settings: JudgeSettings,
    progress: Progress,
    *,
    box: Window | None = None,
    unseen: bool = False,
    labels: Volume | None = None,
    keep: bool = True,
) -> Judged:
    """Judge models on a pair; see `napari_battery.superres.judge.judge`.

    Parameters
    ----------
    low, high, models, settings, progress, labels, keep
        As there; the models' weights are read here.
    box : window, optional
        Where, in voxels of the high scan.
    unseen : bool
        Whether, without a box, what the models learnt from is left out.
    """
    progress.begin(len(models), "Reading models")
    loaded = []
    for shelved in models:
        loaded.append(shelved.load())
        progress.advance()
    where = ""
    if box is None and unseen:
        # where nothing is left, judging all of it says what trained which model
        free = unseen_box(low, high, [model.card for model in loaded])
        if free is not None and free != whole(high.shape):
            box = free
            words = region_words(box)
            where = f"Judged at {words} of “{high.name}”: ticked models learnt from the rest."
    boxes = () if box is None else (box,)
    judged = judge(low, high, loaded, settings, progress, boxes=boxes, labels=labels, keep=keep)
    missing = "" if keep else _too_large(high, box, len(models))
    return Judged(judged, settings, low, high, where, missing)


def crack_value(labels: Volume, settings: JudgeSettings) -> int:
    """The value of cracks in labels: the one that is set, or the one the labels name.

    Raises
    ------
    InputError
        If neither is there.
    """
    if settings.crack is not None:
        return settings.crack
    phases = labels.metadata.get("phases")
    named = phases.get("crack") if isinstance(phases, dict) else None
    if named is None:
        raise InputError(f"Say which value of “{labels.name}” is crack: tick “Value of cracks”.")
    return int(named)


def fits_in_memory(high: Volume, box: Window | None, n_models: int) -> bool:
    """Whether all predictions may be kept, to be looked at."""
    import psutil

    return bool(_bytes(high, box, n_models) <= _MEMORY_SHARE * psutil.virtual_memory().total)


def _bytes(high: Volume, box: Window | None, n_models: int) -> float:
    shape = high.shape if box is None else [w.stop - w.start for w in box]
    # cubic with and without a grey match, and of each a difference, too
    return float(np.prod(shape, dtype=float)) * 4 * 2 * (2 + n_models)


def _too_large(high: Volume, box: Window | None, n_models: int) -> str:
    return (
        f"The predictions were not kept: they would take {_bytes(high, box, n_models) / 1e9:,.1f} "
        "GB. Judge a box to look at them."
    )
