"""A part of a dock under a heading that folds it away; whether it is open is remembered."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSizePolicy, QToolButton, QVBoxLayout, QWidget

from napari_battery.widgets.forms import remembered

__all__ = ["Section"]


class Section(QWidget):
    """A heading to click on, and what is shown under it while it is open.

    Parameters
    ----------
    title : str
        The heading.
    content : QWidget
        What it folds.
    is_open : bool
        Whether it is open the first time.
    tooltip : str
        What the part is for, in one line.
    key : str
        The name under which its state is remembered, where the title is not enough.
    """

    def __init__(
        self,
        title: str,
        content: QWidget,
        *,
        is_open: bool = False,
        tooltip: str = "",
        key: str = "",
    ) -> None:
        super().__init__()
        self.content = content
        self.heading = QToolButton()
        self.heading.setText(title)
        self.heading.setToolTip(tooltip)
        self.heading.setCheckable(True)
        self.heading.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.heading.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.heading.setStyleSheet("QToolButton { font-weight: bold; text-align: left }")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.heading)
        layout.addWidget(content)
        content.layout().setContentsMargins(10, 2, 2, 10)
        self._key = f"sections/{key or title}"
        self.heading.toggled.connect(self._toggled)
        stored = remembered().value(self._key)
        shown = is_open if stored is None else str(stored).lower() == "true"
        self.heading.setChecked(shown)
        self._show(shown)

    def open(self) -> None:
        """Unfold."""
        self.heading.setChecked(True)

    def _toggled(self, shown: bool) -> None:
        remembered().setValue(self._key, shown)
        self._show(shown)

    def _show(self, shown: bool) -> None:
        self.content.setVisible(shown)
        self.heading.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)
