"""The Compare microstructures dock: groups of layers, metrics with error bars, figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_battery.errors import InputError
from napari_battery.microstructure.comparison import Comparison
from napari_battery.microstructure.groups import sample_table
from napari_battery.microstructure.measure_settings import MicrostructureSettings
from napari_battery.progress import Progress
from napari_battery.widgets.background import Latest
from napari_battery.widgets.closing import delete_when_closed
from napari_battery.widgets.compare_layers import CompareLayers
from napari_battery.widgets.compare_metrics import MetricChecklist
from napari_battery.widgets.compare_phases import PhaseCodes, codes_present
from napari_battery.widgets.compare_regression import RegressionPanel
from napari_battery.widgets.compare_result import CompareResult
from napari_battery.widgets.compare_run import Given, compare_layers
from napari_battery.widgets.forms import SettingsForm, remembered
from napari_battery.widgets.layers import volume_from_layer
from napari_battery.widgets.listening import listen
from napari_battery.widgets.microstructure_holder import MicrostructureHolder
from napari_battery.widgets.running import StepRunner
from napari_battery.widgets.scrolling import fill_scrolling
from napari_battery.widgets.section import Section
from napari_battery.widgets.session import EDITED, Session

if TYPE_CHECKING:
    import napari.viewer

__all__ = ["CompareDock"]

_REGIONS = ("splits", "split_axes", "most_splits", "heavy_in_regions", "wanted_relative_sd")
_NAMES = "compare/grey phases"
_THRESHOLDS = "compare/thresholds"


class CompareDock(QWidget):
    """Compare microstructures: choose layers, metrics and error bars; table and figures."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        delete_when_closed(self)
        self._session = session = Session.of(napari_viewer)
        viewer = session.viewer
        self._holder = MicrostructureHolder.of(viewer)
        self.layers = CompareLayers(viewer)
        self.phases = PhaseCodes()
        self.metrics = MetricChecklist()
        self.form = SettingsForm(MicrostructureSettings)
        self.thresholds = QLineEdit(str(remembered().value(_THRESHOLDS, "") or ""))
        self.thresholds.setPlaceholderText("automatic (Otsu)")
        self.thresholds.setToolTip(
            "Grey levels between phases, from dark to bright, with commas between; the same for "
            "all grey layers. Empty takes Otsu's of the first grey layer"
        )
        self.names = QLineEdit(str(remembered().value(_NAMES, "") or ""))
        self.names.setPlaceholderText("pore,active or pore,binder,active")
        self.names.setToolTip("Phases of grey layers from dark to bright, with commas between")
        self.expanded = QCheckBox("Expansion of active material")
        self.expanded.setToolTip(
            "Relative change of the active material between two groups: volume fraction, sizes, "
            "and single particles where both have labels. A fraction: 0.26 is 26 %"
        )
        self.earlier, self.later = QComboBox(), QComboBox()
        self.runner = StepRunner("Compare", "Measure the ticked metrics of the ticked layers")
        self.result = CompareResult(viewer)
        self.regression = RegressionPanel(viewer)
        self._latest = Latest(self, self._no_codes)
        self._asked: list[Any] = []
        self._followed: list[Any] = []
        self._measured: list[tuple[Any, int]] = []
        """Histories of the labels layers that were compared, and their versions then."""
        self._lay_out()
        self.result.hide()
        self.layers.changed.connect(self._layers_changed)
        self.phases.coloured.connect(self._colour_layers)
        self.expanded.toggled.connect(self._layers_changed)
        self.runner.clicked.connect(self.run)
        self.thresholds.editingFinished.connect(self._remember)
        self.names.editingFinished.connect(self._remember)
        self._layers_changed()
        listen(self, self._say_stale, self._holder.changed)
        if self._holder.comparison is not None:
            self._show(self._holder.comparison)

    def _lay_out(self) -> None:
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(6, 6, 6, 6)
        column.addWidget(self.layers)
        column.addWidget(_part("Phases", self.phases, "Which code means which phase", True))
        self.grey_part = QWidget()
        form = QFormLayout(self.grey_part)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Thresholds", self.thresholds)
        form.addRow("Dark to bright", self.names)
        form.addRow(self.form.part("threshold_delta"))
        self.grey_section = _part(
            "Grey levels", self.grey_part, "How grey layers are parted into phases", True
        )
        column.addWidget(self.grey_section)
        metrics = QWidget()
        lines = QVBoxLayout(metrics)
        lines.addWidget(self.metrics)
        lines.addWidget(self.form.part("directions"))
        column.addWidget(_part("Metrics", metrics, "Point at one to read what it is", True))
        regions = QWidget()
        lines = QVBoxLayout(regions)
        lines.addWidget(self.form.part(*_REGIONS))
        column.addWidget(
            _part("Sub-regions", regions, "Their spread is the error bar of a single volume")
        )
        expansion = QWidget()
        lines = QVBoxLayout(expansion)
        lines.addWidget(self.expanded)
        row = QHBoxLayout()
        for box in (self.earlier, self.later):
            box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            box.setMinimumContentsLength(6)
        row.addWidget(QLabel("from"))
        row.addWidget(self.earlier, 1)
        row.addWidget(QLabel("to"))
        row.addWidget(self.later, 1)
        lines.addLayout(row)
        column.addWidget(_part("Expansion", expansion, "Between two groups"))
        details = QWidget()
        lines = QVBoxLayout(details)
        self.form.show_field("metrics", False)
        lines.addWidget(self.form)
        column.addWidget(_part("Details", details, "Of the transport solver"))
        column.addWidget(self.runner)
        column.addWidget(self.result)
        column.addWidget(
            _part(
                "Regression",
                self.regression,
                "Explain expansion, or any column of any table, by others",
            )
        )
        column.addStretch(1)
        fill_scrolling(self, content)
        self.setMinimumWidth(300)

    # --- the step

    def run(self) -> None:
        """Compare the ticked layers."""
        try:
            given = [
                Given(volume_from_layer(one.layer), one.group, one.holds)
                for one in self.layers.compared
            ]
            codes, cuts, names = self.phases.codes, self._cuts(), _split(self.names.text())
            if not self.metrics.ticked:
                raise InputError("No metric is ticked: tick what is to be measured.")
            settings = self.form.value().model_copy(
                update={"metrics": ",".join(self.metrics.ticked)}
            )
        except ValueError as problem:  # InputError, or settings that do not go together
            self.runner.say(str(problem), error=True)
            return
        expanded = None
        if self.expanded.isChecked():
            expanded = (self.earlier.currentText(), self.later.currentText())

        versions = self._versions()

        def step(progress: Progress) -> Comparison:
            return compare_layers(given, codes, cuts, names, settings, progress, expanded=expanded)

        self.runner.start(step, lambda found: self._done(found, versions), "Comparing")

    def _versions(self) -> list[tuple[Any, int]]:
        """Follow the labels that are compared: their edits make the result stale."""
        layers = [one.layer for one in self.layers.compared if isinstance(one.layer, Labels)]
        histories = [self._session.history(layer) for layer in layers]
        for history in histories:
            if history not in self._followed:
                self._followed.append(history)
                listen(self, self._edited, history.changed)
        return [(history, history.version) for history in histories]

    def _edited(self, *_: object) -> None:
        if any(history.version != version for history, version in self._measured):
            self._holder.mark_stale(EDITED)

    def _cuts(self) -> list[float]:
        try:
            return [float(part) for part in _split(self.thresholds.text())]
        except ValueError:
            raise InputError(
                f"“{self.thresholds.text()}” are no thresholds: write grey levels with commas "
                "between, as 90,150."
            ) from None

    def _done(self, found: Comparison, versions: list[tuple[Any, int]]) -> None:
        self._measured = versions
        self._holder.comparison = found
        self._show(found)
        self._edited()  # they may have been edited meanwhile

    def _show(self, found: Comparison) -> None:
        self.result.show_comparison(found)
        self.result.show()
        self._say_stale()
        if len(found.groups) > 1:
            table = sample_table(found.measured.table, found.groups)
            self.regression.show_table(table, "This comparison")

    def _say_stale(self) -> None:
        stale = self._holder.stale
        self.result.stale.say(f"Out of date: {stale}." if stale else "", "warning")

    # --- what is ticked

    def _layers_changed(self, *_: object) -> None:
        compared = self.layers.compared
        self.grey_section.setVisible(any(one.holds == "grey" for one in compared))
        groups = self.layers.groups
        for place, box in enumerate((self.earlier, self.later)):
            before = box.currentText()
            box.clear()
            box.addItems(groups)
            index = box.findText(before)
            box.setCurrentIndex(index if index >= 0 else min(place, len(groups) - 1))
            box.setEnabled(self.expanded.isChecked())
        segmented = [one.layer for one in compared if one.holds == "phases"]
        if segmented == self._asked:
            return
        self._asked = segmented
        try:
            volumes = [volume_from_layer(layer) for layer in segmented]
        except InputError as problem:
            self.runner.say(str(problem), error=True)
            return
        if not volumes:
            self._latest.forget()
            self.phases.propose({})
            return
        self._latest.ask(lambda progress: codes_present(volumes, progress), self.phases.propose)

    def _no_codes(self, error: BaseException) -> None:
        if not isinstance(error, InputError):
            raise error
        self.phases.propose({})
        self.phases.notice.say(str(error), "error")

    def _colour_layers(self) -> None:
        """Give the layers of phases the colours chosen."""
        from napari.utils.colormaps import DirectLabelColormap

        colours: dict[int | None, Any] = {None: "transparent"}
        colours.update(self.phases.colours.items())
        for one in self.layers.compared:
            if one.holds == "phases" and isinstance(one.layer, Labels):
                one.layer.colormap = DirectLabelColormap(color_dict=colours)

    def _remember(self) -> None:
        remembered().setValue(_THRESHOLDS, self.thresholds.text())
        remembered().setValue(_NAMES, self.names.text())


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _part(title: str, content: QWidget, tooltip: str, is_open: bool = False) -> Section:
    return Section(title, content, is_open=is_open, tooltip=tooltip, key=f"compare/{title}")
