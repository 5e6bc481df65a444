"""Pick to plot, and recolouring a map, at 10,000 particles; beside the plain way to do it.

    xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/bench_profile_map.py

Wall and CPU time (all threads) are medians. The labels are a made-up 300³ int32 volume of
10,648 cubes with sparse numbers, the tables are made up too. In the real window it times:

- pick: from `Session.select` to the plot painted, of the Radial profile dock, and with the
  highlighted label in the canvas too; beside it a new figure for each pick (population mean,
  axes, lines), into the same canvas.
- exclude: from another number of outer layers to tables, plot and map up to date.
- recolour: from another range to the layer's colours set (labels cast into the texture), in
  2-D and 3-D, and until the window is drawn (with software OpenGL where there is no graphics
  card); beside it one colour of its own per label in napari's colour map.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

SIDE, CUBE = 300, 14
N_PICKS, N_COLOURINGS = 40, 9
TARGETS = {"pick": 0.050, "recolour": 0.5}


def make_labels() -> np.ndarray:
    place = np.arange(SIDE) // CUBE
    n = place[-1] + 1
    labels = (place[:, None, None] * n + place[:, None]) * n + place + 1
    numbers = np.arange(n**3 + 1) * 1009  # sparse, up to 10.7 million
    labels = numbers[labels].astype(np.int32)
    for axis in range(3):
        gap = [slice(None)] * 3
        gap[axis] = slice(0, None, CUBE)
        labels[tuple(gap)] = 0
    return labels


def make_result(labels: np.ndarray, darker: float):
    from napari_battery.radial import RadialResult, RadialSettings, core_table

    rng = np.random.default_rng(5)
    known = np.unique(labels)[1:]
    n_layers = rng.integers(6, 22, len(known))
    total = n_layers.sum()
    layer = np.arange(total) - np.repeat(np.cumsum(n_layers) - n_layers, n_layers) + 1
    of = np.repeat(n_layers, n_layers)
    grey = np.repeat(rng.normal(174, 5, len(known)), n_layers) - 60 * np.exp(-layer / 1.5)
    grey += rng.normal(0, 1, total) - darker * rng.random(total)
    layers = pd.DataFrame(
        {
            "label": np.repeat(known, n_layers),
            "layer": layer,
            "depth_um": (layer - 0.5) * 0.325,
            "relative_radius": 1 - (layer - 0.5) / of,
            "n_voxels": 12 * (of - layer + 1) ** 2,
            "mean": grey,
            "std": 5.0,
        }
    )
    particles = pd.DataFrame({"label": known, "n_layers": n_layers, "touches_border": False})
    core = core_table(particles, layers, 5)
    particles = particles.assign(**{n: core[n] for n in ("core_mean", "core_std", "core_voxels")})
    made = {"step": "radial", "inputs": [{"synthetic": True}]}
    return RadialResult(particles, layers, RadialSettings(), made)


class Took(NamedTuple):
    wall: float
    cpu: float


def timed(act: Callable[[], object], then: Callable[[], object]) -> tuple[Took, Took]:
    """Times of `act`, and of `act` and `then`."""
    start, cpu = time.perf_counter(), time.process_time()
    act()
    done = Took(time.perf_counter() - start, time.process_time() - cpu)
    then()
    return done, Took(time.perf_counter() - start, time.process_time() - cpu)


def show(name: str, times: list[Took], target: float | None = None) -> None:
    wall, cpu = (statistics.median(column) * 1000 for column in zip(*times, strict=True))
    goal = "" if target is None else f"   wanted: {target * 1000:.0f}"
    print(f"{name:<58}{wall:9.1f}{cpu:9.1f}{goal}", flush=True)


def use_own_settings() -> None:
    from qtpy.QtCore import QSettings

    folder = tempfile.mkdtemp()
    QSettings.setDefaultFormat(QSettings.Format.IniFormat)
    for form in (QSettings.Format.IniFormat, QSettings.Format.NativeFormat):
        QSettings.setPath(form, QSettings.Scope.UserScope, folder)


def bench_picks(dock, session, labels: np.ndarray, what: str) -> None:
    from qtpy.QtWidgets import QApplication

    picks = np.random.default_rng(1).choice(labels, N_PICKS + 3, replace=False)
    times = [
        timed(lambda p=p: session.select([int(p)]), QApplication.processEvents)[1] for p in picks
    ]
    show(what, times[3:], TARGETS["pick"])
    show("   the slowest of them", [max(times[3:])])


def bench_new_figures(dock, analysis, labels: np.ndarray) -> None:
    from napari_battery.plots import radial_profile

    figure = dock.plot.figure
    times = []
    for label in np.random.default_rng(2).choice(labels, 12, replace=False):
        layers = {"one": analysis.result.layers}

        def draw(layers=layers, label=label) -> None:
            radial_profile(layers, [int(label)], figure=figure, exclude_layers=5)
            figure.canvas.draw()

        times.append(timed(draw, lambda: None)[0])
    show("   beside: the whole figure anew for each pick", times[2:])


def bench_recolour(viewer, maps, live, ndisplay: int) -> None:
    from napari.utils.colormaps import DirectLabelColormap
    from qtpy.QtWidgets import QApplication

    from napari_battery.maps import MapSettings

    viewer.dims.ndisplay = ndisplay
    QApplication.processEvents()
    rows = []
    for i in range(N_COLOURINGS + 2):
        settings = MapSettings(high_percentile=99 - i / 4)
        args = (live, live.analysis, live.column, settings)
        rows.append(timed(lambda a=args: maps.update(*a), QApplication.processEvents))
    show(f"recolour 10,648 labels, {ndisplay}-D", [r[0] for r in rows[2:]], TARGETS["recolour"])
    show("   until drawn", [r[1] for r in rows[2:]])

    from matplotlib import colormaps

    shown, rows = live.shown, []
    for i in range(5):
        share = np.argsort(np.argsort(shown.values)) / len(shown.values) * (1 - i / 1000)
        colours = colormaps["viridis"].resampled(2**16)(share)
        colours[:, 3] = 1 - 1e-6 * np.arange(len(colours))  # no two alike

        def plain(colours=colours) -> None:
            by_label = dict(zip(shown.labels.tolist(), colours, strict=True))
            live.layer.colormap = DirectLabelColormap(
                color_dict={None: np.zeros(4), 0: np.zeros(4), **by_label}
            )

        rows.append(timed(plain, QApplication.processEvents))
    show("   beside: a colour of its own for each label", [r[0] for r in rows[1:]])
    show("   until drawn", [r[1] for r in rows[1:]])


def main() -> None:
    import napari
    from qtpy.QtWidgets import QApplication

    from napari_battery.maps import MapSettings
    from napari_battery.widgets.map_layers import MapLayers
    from napari_battery.widgets.profile_dock import ProfileDock
    from napari_battery.widgets.session import Analysis, Session

    use_own_settings()
    data = make_labels()
    viewer = napari.Viewer()
    layer = viewer.add_labels(data, scale=(0.325,) * 3, units="um")
    session = Session.of(viewer)
    dock = ProfileDock(viewer)
    viewer.window.add_dock_widget(dock, name="Radial profile", area="right")
    result = make_result(data, 0)
    known = result.particles["label"].to_numpy()
    print(f"{len(known):,} particles, {len(result.layers):,} rows of layers, labels {data.dtype}")
    print(f"{'':<58}{'wall ms':>9}{'CPU ms':>9}")

    session.add(Analysis("tables only", result))
    QApplication.processEvents()
    bench_picks(dock, session, known, "pick to plot, the plot alone")
    bench_new_figures(dock, session.current, known)
    session.add(Analysis("pristine", result, layer, state="pristine"))
    session.add(Analysis("4.4 V", make_result(data, 4), layer, state="4.4 V"))
    QApplication.processEvents()
    bench_picks(dock, session, known, "pick to plot, two states, with the label highlighted")

    session.select([])
    maps = MapLayers.of(session)
    live = maps.add(session.current, "core_mean", MapSettings())
    times = []
    for i in range(8):
        act = lambda n=i % 4 + 1: session.set_exclude_layers(session.current, n)  # noqa: E731
        times.append(timed(act, QApplication.processEvents)[1])
    show("exclude outer layers: tables, plot and map", times[1:])
    for ndisplay in (2, 3):
        bench_recolour(viewer, maps, live, ndisplay)
    viewer.close()


if __name__ == "__main__":
    main()
