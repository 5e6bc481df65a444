"""The Train dock's list of what to train on: adding, mending, naming, removing."""

from __future__ import annotations

from typing import Any

from napari.viewer import ViewerModel
from pydantic import ValidationError
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_battery.errors import InputError
from napari_battery.progress import Progress
from napari_battery.superres.degradation import DegradationSettings
from napari_battery.widgets.align_cut import pair_in_words
from napari_battery.widgets.forms import explain
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.running import StepRunner
from napari_battery.widgets.train_add import AddSource
from napari_battery.widgets.train_source import Source, mended, source_maker

__all__ = ["SourceList"]

_MANY_BYTES = 2e9
_MOST_LINES = 5


class SourceList(QWidget):
    """List of scans to train on, what is known of the one picked, and how to add others.

    Parameters
    ----------
    viewer : ViewerModel
        Whose layers can be trained on.
    """

    changed = Signal()
    """Something was put on the list or taken off it."""

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer = viewer
        self.sources: list[Source] = []
        self.list = QListWidget()
        self.list.setToolTip("What the network learns from")
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.words, self.notes, self.memory = Notice(), Notice(), Notice()
        self.sample, self.licence = QLineEdit(), QLineEdit()
        self.sample.setToolTip(
            "Scans of one sample get the same name here: split by sample, they stay together"
        )
        self.licence.setToolTip("Licence of these scans, for the model's card (CC-BY-4.0, say)")
        self.licence.setPlaceholderText("not stated")
        self.mend_button = QPushButton("Mend")
        self.mend_button.setToolTip(
            "Take the shift that is left, and a difference in magnification, out of the pair; the "
            "layers stay where they are"
        )
        self.remove_button = QPushButton("Remove")
        self.remove_button.setToolTip("Take it off the list; the layers stay")
        self.add = AddSource(viewer)
        self.runner = StepRunner("Add to the list", "Measure how well a pair agrees, and list it")
        self._picked = QWidget()
        self._lay_out()
        self.list.currentRowChanged.connect(self._show)
        self.sample.editingFinished.connect(self._told)
        self.licence.editingFinished.connect(self._told)
        self.mend_button.clicked.connect(self.mend)
        self.remove_button.clicked.connect(self.remove)
        self.add.fit_asked.connect(self.fit)
        self.runner.clicked.connect(self.add_chosen)
        self.runner.busy_changed.connect(self._busy_changed)
        self._relist(-1)

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Sample", self.sample)
        form.addRow("Licence", self.licence)
        buttons = QHBoxLayout()
        buttons.addWidget(self.mend_button, 1)
        buttons.addWidget(self.remove_button, 1)
        lines = QVBoxLayout(self._picked)
        lines.setContentsMargins(0, 0, 0, 0)
        lines.addWidget(self.words)
        lines.addWidget(self.notes)
        lines.addLayout(form)
        lines.addLayout(buttons)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for part in (self.list, self._picked, self.memory, self.add, self.runner):
            column.addWidget(part)

    @property
    def picked(self) -> Source | None:
        """The source whose line is picked."""
        row = self.list.currentRow()
        return self.sources[row] if 0 <= row < len(self.sources) else None

    def put(self, sources: list[Source]) -> None:
        """Replace the whole list."""
        self.sources = list(sources)
        self._relist(len(sources) - 1)

    def add_chosen(self) -> None:
        """Put what is chosen on the list."""
        try:
            recipe = self.add.recipe()
            if recipe is None:
                return
            make = source_maker(recipe, self._viewer)
        except ValidationError as problem:
            self.runner.say(explain(problem, DegradationSettings), error=True)
        except InputError as problem:
            self.runner.say(str(problem), error=True)
        else:
            self.runner.start(make, self._add, "Comparing")

    def mend(self) -> None:
        """Take the residual shift out of the picked pair."""
        before = self.picked
        if before is None or before.pair is None:
            return

        def done(after: Source) -> None:
            if before not in self.sources:
                raise InputError("The pair was taken off the list meanwhile.")
            row = self.sources.index(before)
            self.sources[row] = after
            self._relist(row)
            assert before.pair is not None
            assert after.pair is not None
            self.runner.say(
                f"Residual {before.pair.residual_voxels:.2f} → "
                f"{after.pair.residual_voxels:.2f} high-resolution voxels."
            )

        self.runner.start(lambda progress: mended(before, progress), done, "Mending")

    def remove(self) -> None:
        """Take the picked source off the list."""
        row = self.list.currentRow()
        if self.picked is not None:
            del self.sources[row]
            self._relist(min(row, len(self.sources) - 1))

    def fit(self) -> None:
        """Take blur and noise of the made-up scans from the picked pair, or the first one."""
        pairs = [source.pair for source in (self.picked, *self.sources) if source and source.pair]
        if not pairs:
            self.runner.say("Put a pair of real scans on the list first.", error=True)
            return
        pair = pairs[0]

        def step(progress: Progress) -> DegradationSettings:
            from napari_battery.superres.fit_degradation import fit_degradation

            return fit_degradation(pair, progress)

        def done(settings: DegradationSettings) -> None:
            self.add.degradation.set_value(settings)
            self.runner.say(
                f"As in “{pair.low.name}”: blur of σ "
                f"{(settings.psf_smallest + settings.psf_largest) / 2:.2f} low-resolution voxels, "
                f"noise {50 * (settings.noise_smallest + settings.noise_largest):.1f} % of the "
                "grey range."
            )

        self.runner.start(step, done, "Fitting")

    def _add(self, source: Source) -> None:
        self.sources.append(source)
        self._relist(len(self.sources) - 1)
        self.runner.say("")

    def _told(self) -> None:
        row, source = self.list.currentRow(), self.picked
        if source is not None:
            self.sources[row] = source.told(
                sample=self.sample.text().strip(), licence=self.licence.text().strip()
            )

    def _relist(self, row: int) -> None:
        self.list.blockSignals(True)
        self.list.clear()
        for source in self.sources:
            self.list.addItem(source.name)
            self.list.item(self.list.count() - 1).setToolTip(source.name)
        self.list.setCurrentRow(row)
        self.list.blockSignals(False)
        self.list.setVisible(bool(self.sources))
        lines = min(max(len(self.sources), 1), _MOST_LINES)
        self.list.setFixedHeight(lines * max(self.list.sizeHintForRow(0), 16) + 8)
        self.add.can_fit(any(source.pair for source in self.sources))
        n_bytes = sum(source.n_bytes for source in self.sources)
        self.memory.say(
            f"Training on all of them takes about {n_bytes / 1e9:.1f} GB of memory."
            if n_bytes > _MANY_BYTES
            else "",
            "warning",
        )
        self._show()
        self.changed.emit()

    def _show(self, row: Any = None) -> None:
        source = self.picked
        self._picked.setVisible(source is not None)
        if source is None:
            return
        self.mend_button.setVisible(source.is_shifted)
        self.sample.setText(source.sample)
        self.licence.setText(source.licence)
        if source.pair is None:
            self.words.say("Four low-resolution scans are made up of it, by degradation.")
            self.notes.say("")
        else:
            self.words.say(pair_in_words(source.pair))
            kind = "warning" if source.is_shifted else "plain"
            self.notes.say("\n".join(source.pair.notes), kind)  # type: ignore[arg-type]

    def _busy_changed(self, busy: bool) -> None:
        for part in (self.add, self._picked):
            part.setDisabled(busy)
