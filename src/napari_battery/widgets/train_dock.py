"""The Train super-resolution dock: from aligned scans to a model of one's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from pydantic import ValidationError
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_battery.errors import InputError
from napari_battery.progress import Progress
from napari_battery.superres.train_settings import TrainSettings
from napari_battery.widgets.closing import delete_when_closed
from napari_battery.widgets.figure_canvas import ask_figure_path
from napari_battery.widgets.forms import explain
from napari_battery.widgets.running import StepRunner
from napari_battery.widgets.scrolling import fill_scrolling
from napari_battery.widgets.section import Section
from napari_battery.widgets.session import Session
from napari_battery.widgets.superres_shelf import Shelved
from napari_battery.widgets.train_form import TrainForm
from napari_battery.widgets.train_live import LiveTraining
from napari_battery.widgets.train_resume import Unfinished
from napari_battery.widgets.train_run import Outcome, train_on
from napari_battery.widgets.train_save import SaveTrained
from napari_battery.widgets.train_source import Source, source_maker
from napari_battery.widgets.train_sources import SourceList
from napari_battery.widgets.train_unfinished import Plan, new_folder, read_plan

if TYPE_CHECKING:
    import napari.viewer

    from napari_battery.superres.train import Trained
    from napari_battery.superres.train_loop import Snapshot

__all__ = ["TrainDock"]

_KEPT: WeakKeyDictionary[Session, dict[str, Any]] = WeakKeyDictionary()
"""The list and the last model of each window, for when its dock is opened again."""


class TrainDock(QWidget):
    """Train super-resolution: sources, settings, live curves, and the model that comes of it."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        delete_when_closed(self)
        self._session = session = Session.of(napari_viewer)
        self._viewer = viewer = session.viewer
        self.sources = SourceList(viewer)
        self.form = TrainForm(viewer)
        self.unfinished = Unfinished()
        self.runner = StepRunner("Train", "Train the network on everything on the list")
        self.runner.cancel_button.setToolTip(
            "Stop; the best weights so far are kept, and it can be gone on with later"
        )
        self.live = LiveTraining(viewer)
        self.saving = SaveTrained(session)
        self._lay_out()
        self.runner.clicked.connect(self.run)
        self.runner.busy_changed.connect(self._busy_changed)
        self.sources.changed.connect(self._sources_changed)
        self.sources.runner.busy_changed.connect(self._refresh)
        self.unfinished.go_on.connect(self.go_on)
        self.saving.figure_asked.connect(self._ask_and_save_figure)
        kept = _KEPT.setdefault(session, {})
        self._kept = kept
        self.sources.put(kept.get("sources", []))
        if "trained" in kept:
            self.saving.show_trained(kept["trained"], bool(kept.get("is_saved")))
            self.live.show_snapshot(kept["snapshot"])
        self.saving.saved.connect(lambda: kept.update(is_saved=True))
        self._refresh()

    def _lay_out(self) -> None:
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(6, 6, 6, 6)
        column.addWidget(
            _part("Scans to train on", self.sources, "Pairs of scans, and scans alone", True)
        )
        column.addWidget(_part("Training", self.form, "Network and recipe", True))
        column.addWidget(
            _part(
                "Interrupted trainings",
                self.unfinished,
                "Go on with a training that was cancelled or cut off",
                bool(self.unfinished.folder),
            )
        )
        column.addWidget(self.runner)
        column.addWidget(self.live)
        column.addWidget(self.saving)
        column.addStretch(1)
        fill_scrolling(self, content)
        self.setMinimumWidth(330)  # with the scroll bar beside the longest row

    def run(self) -> None:
        """Train on everything on the list."""
        sources = list(self.sources.sources)
        if not sources:
            self.runner.say("Put something on the list of scans to train on first.", error=True)
            return
        try:
            settings = self.form.value()
        except ValidationError as problem:
            self.runner.say(explain(problem, TrainSettings), error=True)
            return
        start = self.form.start.shelved
        plan = Plan(
            [source.recipe for source in sources],
            settings,
            self.form.split_by,
            "" if start is None else str(start.path),
        )
        self._train([_as_it_is(source) for source in sources], plan, start, new_folder())

    def go_on(self, folder: Path) -> None:
        """Go on with the training that is kept in a folder."""
        if self.runner.busy or self.sources.runner.busy:
            return
        try:
            plan = read_plan(folder)
            makers = [self._again(recipe) for recipe in plan.sources]
            self.form.set_value(plan.settings, plan.split_by, Path(plan.start or ""))
            start = self.form.start.shelved
            if plan.start != ("" if start is None else str(start.path)):
                raise InputError(
                    f"It trains {plan.start} further, which is not listed: open that file first."
                )
        except InputError as problem:
            self.runner.say(f"Cannot go on: {problem}", error=True)
            return
        self._train(makers, plan, start, folder)

    def _again(self, recipe: dict[str, Any]) -> Callable[[Progress], Source]:
        """What gives the source of a recipe: the one on the list, or one made anew."""
        for source in self.sources.sources:
            if source.recipe == recipe:
                return _as_it_is(source)
        return source_maker(recipe, self._viewer)

    def _train(
        self,
        makers: list[Callable[[Progress], Source]],
        plan: Plan,
        start: Shelved | None,
        folder: Path,
    ) -> None:
        waiting: list[Snapshot] = []

        def step(progress: Progress) -> Outcome:
            return train_on(makers, plan, start, folder, progress, waiting)

        self.live.follow(waiting)
        self.runner.start(step, self._done, "Preparing")

    def _done(self, outcome: Outcome) -> None:
        self.sources.put(outcome.sources)
        snapshot = self.live.snapshot
        self._kept.update(trained=outcome.trained, snapshot=snapshot, is_saved=False)
        self.saving.show_trained(outcome.trained)
        self.runner.say(_ended(outcome.trained, outcome.folder))

    def _sources_changed(self) -> None:
        self._kept["sources"] = list(self.sources.sources)
        self._refresh()

    def _busy_changed(self, busy: bool) -> None:
        for part in (self.sources, self.form, self.unfinished):
            part.setDisabled(busy)
        if not busy:
            self.live.stop()
            self.unfinished.refresh()
            self._refresh()

    def _refresh(self, *_: object) -> None:
        ready = bool(self.sources.sources) and not self.sources.runner.busy
        self.runner.run_button.setEnabled(ready and not self.runner.busy)

    def _ask_and_save_figure(self) -> None:
        trained = self.saving.trained
        path = ask_figure_path(self, f"{self.saving.name.text().strip()}_training")
        if path is None or trained is None:
            return
        made = {"step": "train", "card": trained.model.card.model_dump(mode="json")}
        try:
            files = self.live.save(path, trained.history, made)
        except (InputError, OSError) as error:
            self.saving.notice.say(str(error), "error")
        else:
            self.saving.notice.say(f"Saved {files[0].name} and {files[1].name}.")


def _as_it_is(source: Source) -> Callable[[Progress], Source]:
    return lambda _: source


def _ended(trained: Trained, folder: Path | None) -> str:
    if trained.stopped != "cancelled":
        return "Trained. Save the model below."
    if folder is None:
        return "Cancelled. What it learnt so far can be saved below."
    return "Cancelled; the best so far can be saved below. “Interrupted trainings” goes on with it."


def _part(title: str, content: QWidget, tooltip: str, is_open: bool = False) -> Section:
    return Section(title, content, is_open=is_open, tooltip=tooltip, key=f"train/{title}")
