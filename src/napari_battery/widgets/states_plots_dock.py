"""Dock "State plots": the figures of an operando study, live, for subsets side by side."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from napari.viewer import ViewerModel
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_battery.errors import InputError
from napari_battery.plots.saving import save_plot
from napari_battery.plots.states_figures import (
    FIGURES,
    draw_states_figure,
    save_states_figures,
    states_figures,
)
from napari_battery.plots.states_settings import StatesFigureSettings
from napari_battery.progress import Progress
from napari_battery.provenance import provenance
from napari_battery.states.frames import Frames
from napari_battery.states.recipes import Recipe
from napari_battery.states.subsets import Plane
from napari_battery.widgets import picking
from napari_battery.widgets.closing import delete_when_closed
from napari_battery.widgets.figure_canvas import ask_figure_path
from napari_battery.widgets.forms import remembered
from napari_battery.widgets.listening import listen
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.opening import open_dock
from napari_battery.widgets.running import StepRunner
from napari_battery.widgets.scrolling import fill_scrolling
from napari_battery.widgets.section import Section
from napari_battery.widgets.session import Session
from napari_battery.widgets.states_plots_add import AddSubset
from napari_battery.widgets.states_plots_canvas import WITH_POINTS, StatesCanvas
from napari_battery.widgets.states_plots_numbers import NumbersPart
from napari_battery.widgets.states_plots_settings import FigureSettingsPanel
from napari_battery.widgets.states_plots_subsets import SubsetList
from napari_battery.widgets.study_holder import StudyHolder

__all__ = ["StatePlotsDock"]

_FOLDER = "folders/studies"
_FIGURE = "state plots/figure"


class StatePlotsDock(QWidget):
    """Figures of the window's study, redrawn with every change of a subset or setting."""

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__()
        delete_when_closed(self)
        self._session = session = Session.of(napari_viewer)
        picking.install(session)
        self._holder = StudyHolder.of(session.viewer)
        self._frames: Frames | None = None
        self._plane: Plane | None = None
        self._make_parts()
        self._arrange()
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(0)
        self._later.timeout.connect(self.redraw)
        self._connect()
        listen(self, self._study_changed, self._holder.changed)
        listen(self, self._selection_changed, session.selection_changed)
        self._study_changed()

    def _make_parts(self) -> None:
        viewer = self._session.viewer
        self.about, self.problem = Notice(), Notice()
        self.opener = StepRunner(
            "Open a study …", "A folder that “States of charge” or napari-battery states wrote"
        )
        self.opener.cancel_button.hide()
        self.run_button = QPushButton("States of charge …")
        self.run_button.setToolTip("Open the dock that runs a study")
        self.figure_box = QComboBox()
        for name, kind in FIGURES.items():
            self.figure_box.addItem(kind.title, name)
            self.figure_box.setItemData(self.figure_box.count() - 1, kind.tooltip, 3)
        self.figure_box.setToolTip("Which figure is drawn")
        self.figure_box.setMinimumContentsLength(10)
        self.figure_box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        known = self.figure_box.findData(remembered().value(_FIGURE))
        self.figure_box.setCurrentIndex(max(0, known))
        self.canvas = StatesCanvas(viewer)
        self.subsets, self.adding = SubsetList(), AddSubset(viewer)
        self.settings = FigureSettingsPanel(viewer)
        self.numbers = NumbersPart(self._made)
        self.save_button = QPushButton("Save figure …")
        self.save_button.setToolTip("PNG, SVG or PDF for a paper; its numbers as CSV beside it")
        self.saver = StepRunner(
            "Save all figures …", "Every figure that this study can show, each with its numbers"
        )
        self.message = Notice()

    def _arrange(self) -> None:
        drawn = QWidget()
        inner = QVBoxLayout(drawn)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.addWidget(self.figure_box)
        inner.addWidget(self.canvas, 1)
        inner.addWidget(self.problem)
        of_subsets = QWidget()
        column = QVBoxLayout(of_subsets)
        column.addWidget(self.subsets)
        column.addWidget(self.adding)
        inner.addWidget(
            Section(
                "Subsets", of_subsets, is_open=True, key="State plots subsets",
                tooltip="Parts of the particles, drawn side by side in every figure",
            )
        )  # fmt: skip
        inner.addWidget(
            Section(
                "Figure settings", self.settings, is_open=True, key="State plots settings",
                tooltip="What this figure shows",
            )
        )  # fmt: skip
        inner.addWidget(
            Section(
                "Numbers", self.numbers, key="State plots numbers",
                tooltip="Means, their errors and tests of the ticked subsets, side by side",
            )
        )  # fmt: skip
        inner.addWidget(self.save_button)
        inner.addWidget(self.saver)
        inner.addWidget(self.message)
        self._drawn = drawn
        top = QHBoxLayout()
        top.addWidget(self.opener, 1)
        top.addWidget(self.run_button)
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.addWidget(self.about)
        layout.addLayout(top)
        layout.addWidget(drawn, 1)
        layout.addStretch(0)
        fill_scrolling(self, content)
        self.setMinimumWidth(300)

    def _connect(self) -> None:
        self.opener.clicked.connect(self._ask_study)
        self.run_button.clicked.connect(lambda: open_dock(self._session.viewer, "States of charge"))
        self.figure_box.currentIndexChanged.connect(self._figure_chosen)
        self.canvas.style_changed.connect(self.redraw)
        self.canvas.picked.connect(self._pick)
        self.canvas.outlined.connect(self._outlined)
        self.subsets.changed.connect(self._later.start)
        self.adding.made.connect(self._add)
        self.adding.outline_wanted.connect(self.draw_outline)
        self.settings.changed.connect(self._settings_changed)
        self.save_button.clicked.connect(self._ask_save)
        self.saver.clicked.connect(self._ask_save_all)

    @property
    def name(self) -> str:
        """Of the shown figure."""
        return str(self.figure_box.currentData())

    # the study

    def open_study(self, folder: str | os.PathLike[str]) -> None:
        """Read a study from its folder, in a thread, and show it."""

        def read(progress: Progress) -> Any:
            from napari_battery.states.study_files import read_study

            progress.begin(1, "Reading the study")
            return read_study(folder)

        self.opener.start(read, self._opened, "Reading the study")

    def _ask_study(self) -> None:
        start = str(remembered().value(_FOLDER, ""))
        folder = QFileDialog.getExistingDirectory(self, "Folder of a study", start)
        if folder:
            remembered().setValue(_FOLDER, folder)
            self.open_study(folder)

    def _opened(self, study: Any) -> None:
        self._holder.study = study

    def _study_changed(self) -> None:
        study = self._holder.study
        self.about.say("")
        try:
            self._frames = None if study is None else Frames.of(study)
        except InputError as error:
            self._frames = None
            self.about.say(str(error), "error")
        frames = self._frames
        self._drawn.setVisible(frames is not None)
        self.run_button.setVisible(frames is None)
        if frames is None:
            if study is None:
                self.about.say(
                    "No study yet: run one in “States of charge”, or open the folder of one."
                )
            self.subsets.set_study(None, None)
            return
        kept = int(frames.kept.any(axis=1).sum())
        said = [f"{len(frames.states)} states, {kept:,} of {len(frames.labels):,} particles kept"]
        said += ["" if frames.is_matched else "not matched", frames.note]
        self.about.say("; ".join(filter(None, said)) + ".")
        self.settings.set_study(frames)
        self.adding.set_study(frames)
        self._follow_plane()
        self._figure_chosen()

    def _follow_plane(self) -> str:
        """Know the current collector; returns why it cannot be told."""
        if self._frames is None:
            return ""
        try:
            self._plane, problem = self.settings.plane(self._frames), ""
        except InputError as error:
            self._plane, problem = None, str(error)
        self.subsets.set_study(self._frames, self._plane)
        return problem

    # drawing

    def redraw(self) -> None:
        """Draw the shown figure anew."""
        frames, settings = self._frames, self.settings.value()
        if frames is None or settings is None:
            return
        problem = self._follow_plane() if FIGURES[self.name].has_plane else ""
        said = [problem, *self.subsets.problems] if problem else self.subsets.problems
        try:
            self.canvas.show_figure(self.name, frames, self.subsets.subsets, settings, self._plane)
        except InputError as error:
            said = [str(error)]
        self.problem.say(" ".join(dict.fromkeys(filter(None, said))), "warning")
        self.numbers.show_for(self._holder.study, frames, self.subsets.subsets)

    def _figure_chosen(self) -> None:
        remembered().setValue(_FIGURE, self.name)
        if self.canvas.outlining:
            self.canvas.stop_outline()
        self.settings.show_for(self.name)
        self._later.start()

    def _settings_changed(self) -> None:
        self._follow_plane()
        self._later.start()

    def _selection_changed(self, source: object) -> None:
        if self._frames is not None:
            self.canvas.show_picked(self._session.selection)

    def _pick(self, label: int, add: bool) -> None:
        picked = self._session.selection
        if add:
            rest = tuple(n for n in picked if n != label)
            self._session.select(rest if label in picked else (*picked, label), self)
        else:
            self._session.select((label,), self, focus=True)

    # subsets

    def _add(self, recipes: list[Recipe]) -> None:
        try:
            self.subsets.add(recipes)
        except InputError as error:
            self.adding.problem.say(str(error), "error")

    def draw_outline(self) -> None:
        """Let the person draw around points; another figure gives way to the scatter plot."""
        if self.name not in WITH_POINTS:
            self.figure_box.setCurrentIndex(self.figure_box.findData("scatter"))
            self.redraw()
        self.canvas.start_outline()
        self.adding.problem.say("Drag around the points in the plot above.")

    def _outlined(self, x: str, y: str, state: str, corners: Any) -> None:
        self.adding.problem.say("")
        polygon = tuple((float(a), float(b)) for a, b in corners)
        number = 1 + sum(recipe.kind == "outline" for recipe in self.subsets.recipes)
        name = f"outline {number} at {state}"
        self._add([Recipe("outline", name, state=state, x=x, y=y, polygon=polygon)])

    # saving

    def save(self, path: str | os.PathLike[str]) -> list[Path]:
        """Save the shown figure, for a paper rather than in the window's colours.

        Parameters
        ----------
        path : path-like
            Ends in .png, .svg or .pdf; CSV and provenance are written beside it.

        Raises
        ------
        InputError
            If there is nothing to save, or it cannot be written there.
        """
        frames, settings = self._frames, self.settings.value()
        if frames is None or settings is None:
            raise InputError("There is no figure to save yet.")
        plot = draw_states_figure(self.name, frames, self.subsets.subsets, settings, self._plane)
        return save_plot(plot, path, {**self._made(settings), "figure": self.name})

    def save_all(self, folder: str | os.PathLike[str]) -> None:
        """Save every figure of the study into a folder, in a thread."""
        frames, settings = self._frames, self.settings.value()
        if frames is None or settings is None:
            return
        made, subsets, plane = self._made(settings), self.subsets.subsets, self._plane

        problems: list[str] = []

        def note(name: str, why: str) -> None:
            problems.append(f"{FIGURES[name].title}: {why}")

        def work(progress: Progress) -> list[Path]:
            drawn = states_figures(
                frames, settings, subsets, plane, on_problem=note, progress=progress
            )
            return save_states_figures(folder, drawn, made, progress=progress)

        def done(files: list[Path]) -> None:
            said = [f"Saved {len(files) // 3} figures to {folder}.", *problems]
            self.saver.say(" ".join(said), error=bool(problems))

        self.saver.start(work, done)

    def _made(self, settings: StatesFigureSettings | None = None) -> dict[str, Any]:
        settings = settings or self.settings.value() or StatesFigureSettings()
        made = provenance("state plots", settings, [])
        made["subsets"] = [recipe.as_json() for recipe in self.subsets.recipes]
        if self._plane is not None:
            plane = self._plane
            made["collector"] = {"point": plane.point, "normal": plane.normal, "name": plane.name}
        made["study"] = getattr(self._holder.study, "made", {})
        return made

    def _ask_save(self) -> None:
        path = ask_figure_path(self, f"states-{self.name}")
        if path is None:
            return
        try:
            files = self.save(path)
        except (InputError, OSError) as error:
            self.message.say(str(error), "error")
        else:
            self.message.say(f"Saved {files[0].name} and {files[1].name}.")

    def _ask_save_all(self) -> None:
        start = str(remembered().value("folders/figures", ""))
        folder = QFileDialog.getExistingDirectory(self, "Folder for the figures", start)
        if folder:
            remembered().setValue("folders/figures", folder)
            self.save_all(folder)
