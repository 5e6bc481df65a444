"""The Judge super-resolution dock: what models make of a low scan, against the high one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from napari.layers import Labels
from qtpy.QtWidgets import (
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_battery.errors import InputError
from napari_battery.progress import Progress
from napari_battery.superres.judge_settings import JudgeSettings
from napari_battery.widgets.choosers import LayerChooser
from napari_battery.widgets.closing import delete_when_closed
from napari_battery.widgets.figure_canvas import ask_figure_path
from napari_battery.widgets.forms import SettingsForm
from napari_battery.widgets.judge_checklist import ModelChecklist
from napari_battery.widgets.judge_figures import JudgeFigures
from napari_battery.widgets.judge_pair import ScanPair
from napari_battery.widgets.judge_quality import QualityTable
from napari_battery.widgets.judge_run import Judged, crack_value, fits_in_memory, judge_scans
from napari_battery.widgets.judge_views import PredictionViews, make_views
from napari_battery.widgets.judge_where import WhereToJudge
from napari_battery.widgets.judge_words import verdicts
from napari_battery.widgets.layers import volume_from_layer
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.running import StepRunner
from napari_battery.widgets.scrolling import fill_scrolling
from napari_battery.widgets.section import Section
from napari_battery.widgets.session import Session

if TYPE_CHECKING:
    import napari.viewer

__all__ = ["JudgeDock"]

_CRACKS = ("crack", "crack_threshold", "crack_tolerance")
_LAST: WeakKeyDictionary[Session, Judged] = WeakKeyDictionary()
"""What was judged last in a window; its table outlives the dock, its predictions do not."""


class JudgeDock(QWidget):
    """Judge super-resolution: table, figures, and predictions side by side."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        delete_when_closed(self)
        self._session = session = Session.of(napari_viewer)
        viewer = session.viewer
        self.form = SettingsForm(JudgeSettings)
        self.pair = ScanPair(viewer)
        self.models = ModelChecklist(viewer)
        self.where = WhereToJudge(viewer, self.pair.high)
        self.labels = LayerChooser(
            viewer,
            Labels,
            "Labels in which cracks carry a value of their own: cracks found and invented are "
            "counted, too",
            none="none",
        )
        self.crack_rows = self.form.part(*_CRACKS)
        self.runner = StepRunner(
            "Judge", "Compare cubic interpolation and the ticked models with the high scan"
        )
        self.about, self.verdict, self.notes = Notice(), Notice(), Notice()
        self.table = QualityTable()
        self.figures = JudgeFigures(viewer)
        self.show_button = QPushButton("Show predictions")
        self.show_button.setToolTip(
            "Each method's picture and the high scan side by side, under each its difference to "
            "the high scan; all move together"
        )
        self.hide_button = QPushButton("Hide predictions")
        self.hide_button.setToolTip("Take them away, and show what was shown before")
        self.copy_button = QPushButton("Copy table")
        self.copy_button.setToolTip("All metrics, for a spreadsheet")
        self.save_button = QPushButton("Save tables…")
        self.save_button.setToolTip(
            "CSV: the table, every region, and the grey-level histograms beside it"
        )
        self.figure_button = QPushButton("Save figure…")
        self.figure_button.setToolTip("The figure above as PNG, SVG or PDF, with its numbers")
        self.colours = Notice()
        self.result = QWidget()
        self._judged: Judged | None = None
        self._lay_out()
        self.result.hide()

        self.runner.clicked.connect(self.run)
        self.runner.busy_changed.connect(self._busy_changed)
        mend = self.form.rows["mend"]
        mend.changed.connect(lambda: self.pair.set_mends(bool(mend.value())))
        self.pair.set_mends(bool(mend.value()))
        self.labels.layer_changed.connect(self._labels_chosen)
        self.table.metric_changed.connect(self._draw)
        self.show_button.clicked.connect(self.show_predictions)
        self.hide_button.clicked.connect(self.hide_predictions)
        self.copy_button.clicked.connect(self._copy)
        self.save_button.clicked.connect(self._ask_and_save)
        self.figure_button.clicked.connect(self._ask_and_save_figure)
        self._labels_chosen()
        if session in _LAST:
            self._show(_LAST[session])
        self.destroyed.connect(lambda: _without_predictions(session))

    def _lay_out(self) -> None:
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(6, 6, 6, 6)
        column.addWidget(self.pair)
        column.addWidget(self.form.part("mend"))
        models = QWidget()
        lines = QVBoxLayout(models)
        lines.addWidget(self.models)
        lines.addWidget(self.form.part("quality"))
        column.addWidget(
            _part("Models", models, "Each ticked model becomes a row of the table", True)
        )
        where = QWidget()
        lines = QVBoxLayout(where)
        lines.addWidget(self.where)
        lines.addWidget(self.form.part("region_size", "most_regions"))
        column.addWidget(_part("Regions", where, "Where, and how the part is cut up", True))
        cracks = QWidget()
        lines = QVBoxLayout(cracks)
        chooser = QFormLayout()
        chooser.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        chooser.addRow("Labels", self.labels)
        lines.addLayout(chooser)
        lines.addWidget(self.crack_rows)
        column.addWidget(_part("Cracks", cracks, "Are cracks still there, and none invented?"))
        details = QWidget()
        lines = QVBoxLayout(details)
        lines.addWidget(self.form)
        column.addWidget(_part("Details", details, "Arithmetic, and the bootstrap over regions"))
        column.addWidget(self.runner)
        lines = QVBoxLayout(self.result)
        lines.setContentsMargins(0, 0, 0, 0)
        for part in (self.about, self.table, self.verdict):
            lines.addWidget(part)
        lines.addLayout(_side_by_side(self.copy_button, self.save_button))
        lines.addLayout(_side_by_side(self.show_button, self.hide_button))
        for part in (self.colours, self.figures, self.figure_button, self.notes):
            lines.addWidget(part)
        column.addWidget(self.result)
        column.addStretch(1)
        fill_scrolling(self, content)
        self.setMinimumWidth(300)

    # --- the step

    def run(self) -> None:
        """Judge the ticked models on the chosen pair."""
        labels_layer = self.labels.layer
        try:
            low, high = self.pair.volumes()
            settings, box = self.form.value(), self.where.box
            labels = None if labels_layer is None else volume_from_layer(labels_layer)
            if labels is not None:
                settings = settings.model_copy(update={"crack": crack_value(labels, settings)})
        except ValueError as problem:  # InputError, or settings that do not go together
            self.runner.say(str(problem), error=True)
            return
        models, unseen = self.models.models, self.where.is_unseen
        keep = fits_in_memory(high, box, len(models))
        self.pair.rest()  # the processors are needed

        def step(progress: Progress) -> Judged:
            return judge_scans(
                low, high, models, settings, progress,
                box=box, unseen=unseen, labels=labels, keep=keep,
            )  # fmt: skip

        self.runner.start(step, self._done, "Judging")

    def _busy_changed(self, busy: bool) -> None:
        self.pair.setEnabled(not busy)
        for button in (self.show_button, self.hide_button):
            button.setEnabled(not busy)
        if not busy:
            self.pair.measure_later()

    def _done(self, judged: Judged) -> None:
        _LAST[self._session] = judged
        self._show(judged)

    def _show(self, judged: Judged) -> None:
        self._judged = judged
        result = judged.judgement
        n = int(result.regions["region"].nunique())
        self.about.say(
            f"“{judged.low.name}” against “{judged.high.name}”, {n} regions; "
            f"shift left {result.residual_voxels:.2f} high-resolution voxels"
            f"{' after mending' if judged.settings.mend else ''}."
        )
        self.table.show_quality(result.quality, judged.settings.confidence)
        told = verdicts(result.quality)
        self.verdict.say("\n".join(told))
        self.notes.say("\n".join(f"• {note}" for note in judged.notes))
        self.show_button.setVisible(bool(result.predictions))
        self.hide_button.setVisible(bool(result.predictions))
        self.colours.say("" if result.predictions else judged.why_no_predictions)
        self.result.show()
        self._draw()

    def _draw(self) -> None:
        if self._judged is not None:
            self.figures.show_judgement(self._judged.judgement, self.table.shown_metric)

    def _labels_chosen(self) -> None:
        self.crack_rows.setVisible(self.labels.layer is not None)

    # --- pictures

    def show_predictions(self) -> None:
        """Show every method beside the high scan, in napari's grid."""
        judged = self._judged
        if judged is None or not judged.judgement.predictions:
            return

        def step(progress: Progress) -> Any:
            return make_views(judged.judgement, judged.low, judged.high, progress)

        def done(views: Any) -> None:
            PredictionViews.of(self._session).show(views)
            end = views[0][1].limits[1]
            span = float(np.subtract(*judged.judgement.made["data_range_grey"][::-1]))
            self.colours.say(
                "Differences to the high scan: red darker, blue brighter, white equal, all from "
                f"−{end:g} to {end:g} grey levels (the high scan spans {span:.4g}). The grid "
                "moves together."
            )
            self.runner.say("")

        self.runner.start(step, done, "Comparing")

    def hide_predictions(self) -> None:
        """Take the pictures away again."""
        PredictionViews.of(self._session).hide()
        self.colours.say("")

    # --- saving

    def save(self, path: Path) -> None:
        """Write the table, and the regions, histograms and provenance beside it.

        Raises
        ------
        OSError
            If it cannot be written there.
        """
        from napari_battery.files import write_json
        from napari_battery.tables import write_table

        judged = self._judged
        if judged is None:
            return
        result = judged.judgement
        write_table(path, result.quality)
        write_table(path.with_name(f"{path.stem}_regions.csv"), result.regions)
        write_table(path.with_name(f"{path.stem}_histograms.csv"), result.histograms)
        write_json(path.with_name(f"{path.name}.provenance.json"), result.made)

    def _ask_and_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Save the judgement", "super-resolution_quality.csv", "CSV (*.csv)"
        )
        if not path:
            return
        try:
            self.save(Path(path))
        except OSError as error:
            self.runner.say(f"Cannot write {path}: {error}", error=True)
        else:
            self.runner.say(f"Saved {Path(path).name}, with regions and histograms beside it.")

    def _ask_and_save_figure(self) -> None:
        path = ask_figure_path(self, f"super-resolution_{self.figures.name}")
        if path is None:
            return
        try:
            files = self.figures.save(path)
        except (InputError, OSError) as error:
            self.runner.say(str(error), error=True)
        else:
            self.runner.say(f"Saved {files[0].name} and {files[1].name}.")

    def _copy(self) -> None:
        self.table.copy()
        self.runner.say("Copied the table, all metrics, to the clipboard.")


def _side_by_side(*buttons: QPushButton) -> QHBoxLayout:
    row = QHBoxLayout()
    for button in buttons:
        row.addWidget(button, 1)
    return row


def _part(title: str, content: QWidget, tooltip: str, is_open: bool = False) -> Section:
    return Section(title, content, is_open=is_open, tooltip=tooltip, key=f"judge/{title}")


def _without_predictions(session: Session) -> None:
    """Keep the table only: the pictures are large."""
    judged = _LAST.get(session)
    if judged is not None:
        light = replace(judged.judgement, predictions={})
        why = "The predictions were dropped when the dock was closed. Judge again to see them."
        _LAST[session] = replace(judged, judgement=light, why_no_predictions=why)
