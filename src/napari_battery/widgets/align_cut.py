"""Two aligned stacks cut to what both show: a pair for super-resolution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
from napari.viewer import ViewerModel
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_battery.errors import InputError
from napari_battery.progress import Progress
from napari_battery.registration.transform import KINDS
from napari_battery.volume import Volume
from napari_battery.widgets.align_run import standing
from napari_battery.widgets.choosers import LayerChooser
from napari_battery.widgets.forms import remembered
from napari_battery.widgets.layers import KEY, add_volume, layer_kwargs
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.running import StepRunner
from napari_battery.widgets.series_companions import SCAN_PAIR
from napari_battery.widgets.undo import UndoButton

if TYPE_CHECKING:
    from napari_battery.registration.pairs import AlignedPair

__all__ = ["PairPanel", "pair_in_words"]

_FOLDER = "folders/pairs"
_ROLES = ("low", "high")


class PairPanel(QWidget):
    """Cut the fixed and the moving stack to their overlap; mend what shift is left; save both.

    Parameters
    ----------
    viewer : ViewerModel
        Whose layers.
    fixed, moving : LayerChooser
        The two stacks; the one of larger voxels is the low-resolution one.
    undo : UndoButton
        Which takes mending back.
    """

    def __init__(
        self, viewer: ViewerModel, fixed: LayerChooser, moving: LayerChooser, undo: UndoButton
    ) -> None:
        super().__init__()
        self._viewer, self._choosers, self._undo = viewer, (fixed, moving), undo
        self.pair: AlignedPair | None = None
        self.layers: tuple[Any, ...] = ()
        """The low- and the high-resolution layer that were made of the pair."""
        self.runner = StepRunner(
            "Pair for super-resolution…",
            "Two new layers: both stacks as they lie now, cut to what both show; nothing is "
            "resampled",
        )
        self.words, self.notes = Notice(), Notice()
        self.kind = QComboBox()
        self.kind.addItems(list(reversed(KINDS)))
        self.kind.setToolTip(
            "What else may be wrong besides the place; affine allows for a magnification along "
            "each axis"
        )
        self.mend_button = QPushButton("Mend")
        self.mend_button.setToolTip(
            "Take the shift that is left out of the pair: its low-resolution layer is moved. The "
            "stacks it was cut from stay where they are"
        )
        self.save_button = QPushButton("Save pair…")
        self.save_button.setToolTip("A folder with low.tif, high.tif and pair.json, the residuals")
        self._after = QWidget()
        row = QHBoxLayout(self._after)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.kind, 1)
        row.addWidget(self.mend_button)
        row.addWidget(self.save_button)
        column = QVBoxLayout(self)
        for part in (self.runner, self.words, self.notes, self._after):
            column.addWidget(part)
        self.runner.clicked.connect(self.run)
        self.runner.busy_changed.connect(self._after.setDisabled)
        self.mend_button.clicked.connect(self.mend)
        self.save_button.clicked.connect(self._ask_save)
        self._show(None)

    def run(self) -> None:
        """Cut both stacks as they lie now."""
        layers = [chooser.layer for chooser in self._choosers]
        try:
            low, high = low_and_high(*layers)
        except InputError as problem:
            self.runner.say(str(problem), error=True)
            return
        places = [standing(layer) for layer in layers]

        def step(progress: Progress) -> AlignedPair:
            from napari_battery.registration.pairs import cut_to_overlap

            return cut_to_overlap(low, high, progress)

        def done(pair: AlignedPair) -> None:
            for layer, place in zip(layers, places, strict=True):
                if layer not in self._viewer.layers or standing(layer) != place:
                    raise InputError(
                        f"“{layer.name}” was moved or deleted meanwhile; make the pair again."
                    )
            looks = layers if low.name == layers[0].name else layers[::-1]
            self._add(pair, looks)

        self.runner.start(step, done, "Comparing")

    def mend(self) -> None:
        """Take out of the pair what shift is left."""
        before, kind, layers = self.pair, self.kind.currentText(), self.layers
        if before is None or not self._has_layers():
            self.runner.say("The layers of the pair are gone: make it again.", error=True)
            return

        def step(progress: Progress) -> AlignedPair:
            from napari_battery.registration.pairs import mend

            return mend(before, kind, progress)

        def done(pair: AlignedPair) -> None:
            if pair.low is before.low:
                self._show(pair)
                return
            if not self._has_layers():
                raise InputError("The layers of the pair were deleted meanwhile: make it again.")
            self._undo.push("the mended pair", _put(layers, pair, before, ref(self)))
            self._show(pair)
            self.runner.say(
                f"Correlation {before.correlation:.4f} → {pair.correlation:.4f}; residual "
                f"{before.residual_voxels:.2f} → {pair.residual_voxels:.2f} high-resolution "
                "voxels. Undo takes it back."
            )

        self.runner.start(step, done, "Mending")

    def save(self, folder: Path) -> None:
        """Write the pair to a folder."""
        pair = self.pair
        if pair is None:
            return

        def step(progress: Progress) -> None:
            from napari_battery.registration.pair_files import write_pair

            write_pair(folder, pair, progress)

        self.runner.start(step, lambda _: self.runner.say(f"Saved {folder}."), "Saving")

    def _ask_save(self) -> None:
        start = Path(str(remembered().value(_FOLDER, ""))) / "pair"
        chosen, _ = QFileDialog.getSaveFileName(
            self,
            "Name a folder for the pair",
            str(start),
            options=QFileDialog.Option.DontConfirmOverwrite,
        )
        if chosen:
            remembered().setValue(_FOLDER, str(Path(chosen).parent))
            self.save(Path(chosen))

    def _has_layers(self) -> bool:
        return bool(self.layers) and all(layer in self._viewer.layers for layer in self.layers)

    def _add(self, pair: AlignedPair, looks: Any) -> None:
        made = []
        for volume, source in zip(_volumes(pair), looks, strict=True):
            look = {"colormap": source.colormap, "contrast_limits": tuple(source.contrast_limits)}
            # over what they were cut from they would only hide the comparison
            made.append(add_volume(self._viewer, volume, visible=False, gamma=source.gamma, **look))
        self.layers = tuple(made)
        self._show(pair)
        self.runner.say(f"Made “{made[0].name}” and “{made[1].name}”, not shown yet.")

    def _show(self, pair: AlignedPair | None) -> None:
        self.pair = pair
        self._after.setVisible(pair is not None)
        if pair is None:
            self.words.say("")
            self.notes.say("")
            return
        is_wrong = pair.residual_voxels > 1 or (pair.block_residual_voxels or (0,))[0] > 1
        self.words.say(pair_in_words(pair))
        self.notes.say("\n".join(pair.notes), "warning" if is_wrong else "plain")


def low_and_high(fixed: Any, moving: Any) -> tuple[Volume, Volume]:
    """The volumes of two layers, that of the larger voxels first.

    Raises
    ------
    InputError
        If a layer is missing, both are the same, or a voxel size is unknown.
    """
    from napari_battery.widgets.align_run import pair_of

    pair = pair_of(fixed, moving)
    both = [pair.moving, pair.fixed]
    for volume in both:
        volume.known_voxel_size_um()
    # of equal voxels the fixed one is the high-resolution one
    low, high = sorted(both, key=_voxel_um3, reverse=True)
    return low, high


def _voxel_um3(volume: Volume) -> float:
    return abs(float(np.linalg.det(volume.world_affine()[:-1, :-1])))


def pair_in_words(pair: AlignedPair) -> str:
    """How well a pair agrees, for the person."""
    edges = np.linalg.norm(pair.high.world_affine()[:-1, :-1], axis=0)
    shown = np.round(np.divide(pair.residual_shift_um, edges), 2) * edges + 0.0  # no minus zero
    shift = ", ".join(
        f"{axis} {value:.3g}" for axis, value in zip(pair.low.axes, shown, strict=True)
    ).replace("-", "−")
    ratio = float(np.prod(pair.ratios)) ** (1 / pair.low.ndim)
    lines = [
        f"{' × '.join(map(str, pair.low.shape))} and {' × '.join(map(str, pair.high.shape))} "
        f"voxels, {ratio:.4g} to 1; correlation {pair.correlation:.3f}.",
        f"Residual shift {pair.residual_voxels:.2f} high-resolution voxels ({shift} µm).",
    ]
    if pair.block_residual_voxels is not None:
        median, most = pair.block_residual_voxels
        lines.append(f"In blocks: median {median:.2f}, 95 % below {most:.2f} voxels.")
    return "\n".join(lines)


def _volumes(pair: AlignedPair) -> tuple[Volume, Volume]:
    """Both volumes as layers take them, with what is known of the pair."""
    from napari_battery.provenance import provenance

    made = provenance("pair", None, [pair.low, pair.high], pair.notes)
    made["pair"] = pair.provenance
    blocks = pair.block_residual_voxels
    figures = {
        "residual_shift_um": list(pair.residual_shift_um),
        "residual_voxels": pair.residual_voxels,
        "block_residual_voxels": None if blocks is None else list(blocks),
        "residuals": pair.residuals,
        "correlation": pair.correlation,
    }
    low, high = (
        replace(
            volume,
            name=f"{volume.name}, {role} of a pair",
            path=None,  # it is a part of that file only
            metadata={**volume.metadata, "made": made, SCAN_PAIR: {"role": role, **figures}},
        )
        for role, volume in zip(_ROLES, (pair.low, pair.high), strict=True)
    )
    return low, high


def _put(
    layers: tuple[Any, ...], pair: AlignedPair, before: AlignedPair, panel: Any
) -> Callable[[], None]:
    """Show another pair in the layers of one; returns what puts the one before it back."""
    weakly = [ref(layer) for layer in layers]

    def put(one: AlignedPair) -> None:
        for weak, volume in zip(weakly, _volumes(one), strict=True):
            layer = weak()
            if layer is None:
                continue
            wanted = layer_kwargs(volume)
            layer.data = volume.data
            layer.affine = wanted.get("affine", np.eye(layer.ndim + 1))
            layer.scale, layer.translate = wanted["scale"], wanted["translate"]
            layer.metadata[KEY] = wanted["metadata"][KEY]

    put(pair)

    def put_back() -> None:
        put(before)
        alive = panel()
        if alive is not None and alive.layers == layers:
            alive._show(before)

    return put_back
