"""How fast the figures of states are drawn anew once other subsets are asked for."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import cycle

import numpy as np

from napari_battery.plots.states_figures import FIGURES, draw_states_figure
from napari_battery.plots.style import new_figure, theme_style
from napari_battery.states.frames import Frames
from napari_battery.states.recipes import Recipe, all_parts
from napari_battery.states.study import Study
from napari_battery.states.subsets import Subset, n_tiles

Times = tuple[float, float]
"""CPU seconds of building and of drawing."""
ONE, FOUR = "1", "4"
TURNS = {  # what is asked for in turn, and which of these draws count
    "1": (ONE, ONE),
    "4": (FOUR, FOUR),
    "1 → 4": (ONE, FOUR),
    "4 → 1": (FOUR, ONE),
}
WIDTH_MM, HEIGHT_MM = 110, 80
REPEATS = 7
COLUMNS = "sphericity", "centroid_z_um"
"""Of whose quarters the subsets are."""


def redraw_figures(frames: Frames, figures: Sequence[str] | None = None) -> None:
    """Every figure, laid out in full each time, as the first of a dock is."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    style = theme_style("#262930", "#f0f1f2")
    figure = new_figure(style, WIDTH_MM, HEIGHT_MM)
    canvas = FigureCanvasAgg(figure)

    def draw(name: str, subsets: Sequence[Subset]) -> Times:
        begin = time.process_time()
        draw_states_figure(name, frames, subsets, figure=figure, style=style)
        built = time.process_time()
        canvas.draw()
        return built - begin, time.process_time() - built

    by_size, by_place = (n_tiles(frames, c) for c in COLUMNS)
    ones, fours = cycle([[s] for s in by_place]), cycle([by_size, by_place])
    print(f"laid out in full, {WIDTH_MM} × {HEIGHT_MM} mm; CPU s, build + draw = median of totals:")
    _table(lambda name, what: draw(name, next(ones if what == ONE else fours)), figures)


def redraw_dock(study: Study, figures: Sequence[str] | None = None) -> None:
    """Every figure in the dock State plots, from a click on subsets to the picture painted."""
    import napari
    from qtpy.QtCore import QSettings
    from qtpy.QtWidgets import QApplication

    from napari_battery.widgets.states_plots_dock import StatePlotsDock
    from napari_battery.widgets.study_holder import StudyHolder

    folder = tempfile.mkdtemp()  # what docks remember of this run
    QSettings.setDefaultFormat(QSettings.Format.IniFormat)
    for form in (QSettings.Format.IniFormat, QSettings.Format.NativeFormat):
        QSettings.setPath(form, QSettings.Scope.UserScope, folder)
    viewer = napari.Viewer()
    dock = StatePlotsDock(viewer)
    viewer.window.add_dock_widget(dock, area="right")
    viewer.window.resize(1500, 950)
    app = QApplication.instance()
    StudyHolder.of(viewer).study = study
    for column in COLUMNS:
        dock.subsets.add(all_parts(Recipe("part", column=column, n=4)))
    ones = cycle([[k] for k in range(5, 9)])
    fours = cycle([range(1, 5), range(5, 9)])
    painted = [0]
    dock.canvas.figure.canvas.mpl_connect("draw_event", lambda _: painted.__setitem__(0, 1))

    def draw(name: str, what: str) -> Times:
        if dock.name != name:
            dock.figure_box.setCurrentIndex(dock.figure_box.findData(name))
            _settle(app, 1.0)
        dock.subsets.list.clearSelection()
        for row in next(ones if what == ONE else fours):
            dock.subsets.list.item(row).setSelected(True)
        app.processEvents()
        painted[0] = 0
        begin = time.process_time()
        dock.subsets.only_button.click()
        while not painted[0]:
            app.processEvents()
        drawn = time.process_time()
        app.processEvents()
        return drawn - begin, time.process_time() - drawn

    print(f"in the dock, {dock.canvas.width()} × {dock.canvas.height()} pixels; CPU s, from the "
          "click to the figure drawn + painted = median of totals:")  # fmt: skip
    _table(draw, figures)
    viewer.close()


def _settle(app: object, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        app.processEvents()  # type: ignore[attr-defined]
        time.sleep(0.01)


def _table(draw: Callable[[str, str], Times], figures: Sequence[str] | None) -> None:
    print(f"{'':14}" + "".join(f"{turn:>26}" for turn in TURNS))
    worst = 0.0
    for name in figures or FIGURES:
        draw(name, FOUR), draw(name, ONE)
        cells = []
        for before, counted in TURNS.values():
            times = []
            for _ in range(REPEATS):
                first, second = draw(name, before), draw(name, counted)
                times += [first, second] if before == counted else [second]
            built, drawn = np.median(times, axis=0)
            total = float(np.median(np.sum(times, axis=1)))
            worst = max(worst, total)
            cells.append(f"{built:.3f} + {drawn:.3f} = {total:.3f}")
        print(f"{name:14}" + "".join(f"{cell:>26}" for cell in cells), flush=True)
    print(f"slowest {worst:.3f}")
