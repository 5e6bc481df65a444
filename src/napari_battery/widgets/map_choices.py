"""Which value a map shows: the analysis, the column, and for a change the earlier state."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QSizePolicy, QWidget

from napari_battery.maps import mappable_columns
from napari_battery.tables import COLUMNS, column_title
from napari_battery.widgets.map_layers import CHANGE, LiveMap
from napari_battery.widgets.session import Analysis, Session

__all__ = ["MapChoices"]

_FIRST = "core_mean"


class MapChoices(QWidget):
    """Three drop-downs that follow the analyses of a session.

    Parameters
    ----------
    session : Session
        Whose analyses; choosing one makes it the current one.
    """

    column_chosen = Signal()
    """The person wants another value."""
    reference_chosen = Signal()
    """The person wants the change since another state."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._since: Analysis | None = None  # the reference that the person chose
        self.analysis_box = _combo("Which analysis the map and the other docks show")
        self.column_box = _combo("What the colours mean")
        self.reference_box = _combo("The earlier state that the change is counted from")
        self._form = form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Analysis", self.analysis_box)
        form.addRow("Colour by", self.column_box)
        form.addRow("Since", self.reference_box)
        self.analysis_box.activated.connect(self._analysis_chosen)
        self.column_box.activated.connect(self._column_chosen)
        self.reference_box.activated.connect(self._reference_chosen)

    @property
    def column(self) -> str | None:
        """The chosen column, ``"delta_core_mean"`` for a change; None while there is none."""
        chosen = self.column_box.currentData()
        return None if chosen is None else str(chosen)

    @property
    def reference(self) -> Analysis | None:
        """The earlier state, where a change is chosen."""
        index, known = self.reference_box.currentData(), self._session.analyses
        if self.column != CHANGE or index is None or index >= len(known):
            return None
        return known[int(index)]

    def choose(self, column: str) -> None:
        """Choose a column, as if the person had."""
        index = self.column_box.findData(column)
        if index >= 0:
            self.column_box.setCurrentIndex(index)
            self._column_chosen(index)

    def show_map(self, live: LiveMap) -> None:
        """Show what a map was made of."""
        self.column_box.setCurrentIndex(self.column_box.findData(live.column))
        if live.reference is not None:
            place = self._session.analyses.index(live.reference)
            self.reference_box.setCurrentIndex(self.reference_box.findData(place))
        self._show_reference()

    def refresh(self) -> None:
        """Read the session again; what was chosen stays chosen where it still exists."""
        known, current = self._session.analyses, self._session.current
        self.analysis_box.clear()
        self.analysis_box.addItems([analysis.name for analysis in known])
        if current in known:
            self.analysis_box.setCurrentIndex(known.index(current))
        self._form.setRowVisible(self.analysis_box, len(known) > 1)
        self._list_columns(current)
        self._list_references(current)
        self._show_reference()

    def _list_columns(self, current: Analysis | None) -> None:
        box, before = self.column_box, self.column_box.currentData()
        box.clear()
        if current is None:
            return
        if len(self._session.analyses) > 1:
            box.addItem("Change of core mean, ΔĪ_prist", CHANGE)
        for name in mappable_columns(current.particles):
            if name != CHANGE:
                title = column_title(name, assumed=current.result.assumed_voxel_size)
                box.addItem(title, name)
                help_text = COLUMNS[name].description if name in COLUMNS else ""
                box.setItemData(box.count() - 1, help_text, Qt.ItemDataRole.ToolTipRole)
        found = [i for i in map(box.findData, (before, _FIRST)) if i >= 0]
        box.setCurrentIndex(found[0] if found else 0)

    def _list_references(self, current: Analysis | None) -> None:
        box, known = self.reference_box, self._session.analyses
        labels = None if current is None else current.labels

        def likelihood(i: int) -> tuple[bool, ...]:
            analysis = known[i]
            pristine = "pristine" in analysis.state.casefold()
            return analysis is not self._since, analysis.labels is not labels, not pristine

        box.clear()
        others = [i for i, analysis in enumerate(known) if analysis is not current]
        for i in sorted(others, key=likelihood):
            box.addItem(known[i].state or known[i].name, i)

    def _show_reference(self) -> None:
        self._form.setRowVisible(self.reference_box, self.column == CHANGE)

    def _analysis_chosen(self, index: int) -> None:
        self._session.look_at(self._session.analyses[index])

    def _column_chosen(self, index: int) -> None:
        self._show_reference()
        self.column_chosen.emit()

    def _reference_chosen(self, index: int) -> None:
        self._since = self.reference
        self.reference_chosen.emit()


def _combo(tooltip: str) -> Any:
    box = QComboBox()
    box.setToolTip(tooltip)
    box.setMinimumContentsLength(8)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return box
