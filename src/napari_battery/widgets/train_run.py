"""One training, from its sources to the model: what runs in the Train dock's thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_battery.progress import Progress
from napari_battery.widgets.superres_shelf import Shelved
from napari_battery.widgets.train_source import Source
from napari_battery.widgets.train_unfinished import Plan, forget, write_plan

if TYPE_CHECKING:
    from napari_battery.superres.train import Trained
    from napari_battery.superres.train_loop import Snapshot

__all__ = ["Outcome", "train_on"]


@dataclass(frozen=True, eq=False)
class Outcome:
    """A trained model, the sources it learnt from, and where to go on if it was cancelled."""

    trained: Trained
    sources: list[Source]
    folder: Path | None


def train_on(
    makers: Sequence[Callable[[Progress], Source]],
    plan: Plan,
    start: Shelved | None,
    folder: Path,
    progress: Progress,
    waiting: list[Snapshot],
) -> Outcome:
    """Make the training images, divide them, and train; goes on where `folder` holds a state.

    Parameters
    ----------
    makers : sequence of callables
        Each makes a source; run here, as measuring a pair takes a while.
    plan : Plan
        Kept up to date in the folder after each round.
    start : Shelved, optional
        Model to train further.
    folder : Path
        Where the state is kept after each round; removed once all is done.
    progress : Progress
        Cancelled while training, the best so far is returned.
    waiting : list of Snapshot
        Gets what there is to see after each round.

    Returns
    -------
    Outcome
    """
    from napari_battery.superres.train import split_for, train

    sources = [make(progress) for make in makers]
    images = [image for source in sources for image in source.images(progress)]
    model = None if start is None else start.load()
    by: Any = plan.split_by
    training, validation = split_for(images, plan.settings, model, by)
    del images

    def watch(snapshot: Snapshot) -> None:
        rounds = len(snapshot.history)
        write_plan(folder, replace(plan, rounds=rounds, epochs=snapshot.epochs))
        waiting.append(snapshot)

    trained = train(training, validation, plan.settings, progress, watch, model, folder)
    kept = trained.stopped == "cancelled" and (folder / "plan.json").exists()
    if not kept:
        forget(folder)
    return Outcome(trained, sources, folder if kept else None)
