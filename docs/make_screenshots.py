"""Draw every picture of the docs from the samples, through the real window.

Run with a display, or under ``xvfb-run -a -s "-screen 0 1600x1000x24"``.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import napari
import numpy as np
from qtpy.QtCore import QSettings
from qtpy.QtWidgets import QApplication, QScrollArea

from napari_battery.demo import electrode_job
from napari_battery.prepare import crop
from napari_battery.samples import nmc_phases
from napari_battery.superres.judge_settings import JudgeSettings
from napari_battery.superres.train_settings import TrainSettings
from napari_battery.synthetic import ElectrodeSettings
from napari_battery.synthetic.moved import Motion, moved_electrode
from napari_battery.widgets.demo import open_job
from napari_battery.widgets.layers import KEY, add_volume, is_map
from napari_battery.widgets.opening import open_dock
from napari_battery.widgets.section import Section
from napari_battery.widgets.session import Session
from napari_battery.widgets.study_holder import StudyHolder

IMAGES = Path(__file__).with_name("images")


def wait(until: Callable[[], bool] = lambda: True, settle: float = 1.0) -> None:
    """Let the window work until `until`, and draw."""
    limit = time.monotonic() + 300
    while not until():
        QApplication.processEvents()
        time.sleep(0.01)
        if time.monotonic() > limit:
            raise TimeoutError
    rest = time.monotonic() + settle
    while time.monotonic() < rest:
        QApplication.processEvents()
        time.sleep(0.01)


def window() -> Any:
    viewer = napari.Viewer(title="napari-battery")
    viewer.window.resize(1600, 1000)
    return viewer


def shoot(viewer: Any, name: str) -> None:
    IMAGES.mkdir(exist_ok=True)
    viewer.screenshot(IMAGES / f"{name}.png", canvas_only=False, flash=False)


def prepare() -> None:
    viewer = window()
    viewer.open_sample("napari-battery", "sand")
    open_dock(viewer, "Prepare stack")
    wait()
    shoot(viewer, "prepare")
    viewer.close()


def label() -> None:
    viewer = window()
    viewer.open_sample("napari-battery", "sand")
    dock = open_dock(viewer, "Label particles")
    dock.threshold.preview_box.setChecked(True)
    wait(settle=3)
    shoot(viewer, "label")
    viewer.close()


def sandstone(viewer: Any) -> Any:
    """The Align dock with the real pair; its low-resolution scan turned and shifted by hand."""
    viewer.open_sample("napari-battery", "sandstone")
    turn = np.deg2rad(4)
    wrong = np.eye(4)
    wrong[1:3, 1:3] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    wrong[:3, 3] = (6.0, 20.0, -30.0)
    dock = open_dock(viewer, "Align stacks")
    dock.moving.layer.affine = wrong
    return dock


def aligned() -> None:
    """The overlay before and after Align, and the pair cut for super-resolution."""
    viewer = window()
    dock = sandstone(viewer)
    wait()
    viewer.reset_view()
    wait(settle=3)
    shoot(viewer, "misaligned")
    dock.runner.run_button.click()
    wait(lambda: not dock.runner.busy, settle=1)
    viewer.reset_view()
    wait(settle=3)
    shoot(viewer, "aligned")
    dock.undo.undo()
    dock.moving.layer.affine = np.eye(4)  # as the authors of the scans registered them
    panel = dock.pair_panel
    section = next(x for x in dock.findChildren(Section) if x.isAncestorOf(panel))
    section.open()
    panel.runner.run_button.click()
    wait(lambda: not panel.runner.busy, settle=2)
    shoot(viewer, "pair")
    section.heading.click()  # how it was left is remembered
    viewer.close()


def landmarks() -> None:
    """Five landmarks in both scans, one of them placed 14 µm off; what is left after the fit."""
    viewer = window()
    dock = sandstone(viewer)
    high, low = dock.fixed.layer, dock.moving.layer
    dock.tools.section.open()
    wait()
    random = np.random.default_rng(3)
    places = ((30, 60, 130), (60, 200, 300), (90, 90, 420), (120, 220, 600), (150, 50, 720))
    marks = dock.tools.landmarks
    for number, place in enumerate(places):
        true = high.world_to_data(np.array(place))
        there = np.array(low.affine.affine_matrix @ [*place, 1])[:3]
        click = random.normal(0, 1.5, 3)
        click[[0, 2]] += 10 * (number == 3)
        marks.add_pair()
        marks.take_click(high.data_to_world(true))
        marks.take_click(there + click)
    dock.tools.pairs.fit_button.click()
    dock.tools.pairs.table.selectRow(3)
    viewer.dims.ndisplay = 3  # all of them are seen at once
    wait()
    viewer.reset_view()
    wait(settle=3)
    shoot(viewer, "landmarks")
    viewer.close()


def states_aligned() -> None:
    """A synthetic series whose later states were turned and shifted, after Align states."""
    viewer = window()
    viewer.open_sample("napari-battery", "cycled_electrode")
    scans = [layer for layer in viewer.layers if layer.name.endswith("scan (synthetic)")]
    for layer in list(viewer.layers):
        if layer not in scans:
            viewer.layers.remove(layer)
    for number, layer in enumerate(scans):
        turn = np.deg2rad(1.5 * number)
        wrong = np.eye(4)
        wrong[1:3, 1:3] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
        wrong[:3, 3] = np.array((0.3, 1.0, -1.5)) * number
        layer.affine = wrong
    viewer.layers.selection.active = scans[0]
    dock = open_dock(viewer, "Align states")
    wait()
    dock.runner.run_button.click()
    wait(lambda: not dock.runner.busy, settle=1)
    dock.table.setCurrentItem(dock.table.topLevelItem(2))
    wait()
    viewer.reset_view()
    wait(settle=3)
    shoot(viewer, "states")
    viewer.close()


def super_resolved() -> None:
    """The low scan of the sandstone: the default model behind the divider, then judged."""
    viewer = window()
    viewer.open_sample("napari-battery", "sandstone")
    high, low = viewer.layers
    high.visible = False
    low.opacity = 1.0
    viewer.layers.selection = {low}
    viewer.dims.set_point(0, 90)
    dock = open_dock(viewer, "Super-resolve")
    wait(lambda: dock.look.swipe.layer is not None)
    viewer.reset_view()
    viewer.scene.camera.zoom *= 1.6
    wait(settle=3)
    shoot(viewer, "super-resolve")
    viewer.close()

    viewer = window()
    viewer.open_sample("napari-battery", "sandstone")
    dock = open_dock(viewer, "Judge super-resolution")
    dock.form.set_value(JudgeSettings(mend=True))
    dock.pair.set_mends(True)
    wait()
    dock.runner.run_button.click()
    wait(lambda: not dock.runner.busy, settle=1)
    dock.show_button.click()
    wait(lambda: not dock.runner.busy, settle=3)
    viewer.reset_view()
    wait(settle=3)
    shoot(viewer, "judge")
    viewer.close()


def trained() -> None:
    """A training of one minute on the sandstone pair, as its authors registered it, mended."""
    viewer = window()
    viewer.open_sample("napari-battery", "sandstone")
    dock = open_dock(viewer, "Train super-resolution")
    wait()
    dock.sources.add_chosen()
    wait(lambda: not dock.sources.runner.busy)
    dock.sources.mend()
    wait(lambda: not dock.sources.runner.busy)
    dock.form.settings.set_value(TrainSettings(minutes=1.0, epochs=12, batch=4))
    dock.runner.run_button.click()
    wait(lambda: not dock.runner.busy, settle=2)
    dock.findChild(QScrollArea).ensureWidgetVisible(dock.live)
    wait()
    shoot(viewer, "train")
    viewer.close()


def filtered() -> None:
    viewer = window()
    viewer.open_sample("napari-battery", "sand")
    dock = open_dock(viewer, "Filter image")
    wait(lambda: dock.swipe.layer is not None, settle=3)
    shoot(viewer, "filter")
    viewer.close()


def phases() -> None:
    viewer = window()
    viewer.open_sample("napari-battery", "sand")
    dock = open_dock(viewer, "Segment phases")
    wait(lambda: dock.look.overlay.layer is not None, settle=3)
    shoot(viewer, "phases")
    viewer.close()


def corrected() -> None:
    """The watershed's result on the sand, two grains of it picked to be merged."""
    viewer = window()
    viewer.open_sample("napari-battery", "sand")
    dock = open_dock(viewer, "Label particles")
    dock.runner.run_button.click()
    wait(lambda: not dock.runner.busy, settle=2)
    shoot(viewer, "labels")
    edit = open_dock(viewer, "Correct labels")
    wait(lambda: edit.ready)
    data = viewer.layers[-1].data
    session = Session.of(viewer)
    middle = data[data.shape[0] // 2, 90:110, 90:110]
    session.select([int(n) for n in np.unique(middle) if n][:2])
    wait(settle=2)
    shoot(viewer, "correct")
    viewer.close()


def tracked() -> None:
    """A synthetic electrode of which one particle in eight jumps, far more than in a real one."""
    settings = ElectrodeSettings(size_z=160, size_y=288, size_x=288)
    motions = [Motion(drift=1), Motion(drift=1, jump_share=0.12, jump=8)]
    scans = [image for image, _ in moved_electrode(settings, motions)]
    viewer = window()
    for image in scans:
        add_volume(viewer, image, visible=image is scans[0])
    label = open_dock(viewer, "Label particles")
    label.input.image.choose(viewer.layers[0])
    label.runner.run_button.click()
    wait(lambda: not label.runner.busy)
    track = open_dock(viewer, "Track through states")
    track.runner.run_button.click()
    wait(lambda: not track.runner.busy)
    shown = next(layer for layer in viewer.layers if is_map(layer))
    reasons = shown.features["reason"]
    odd = (reasons != "") & ~reasons.str.contains("border")
    hit = np.where(np.isin(shown.data, shown.features["index"][odd]), shown.data, 0)
    viewer.dims.set_current_step(0, int(np.argmax([len(np.unique(plane)) for plane in hit])))
    viewer.reset_view()
    wait(settle=3)
    shoot(viewer, "track")
    viewer.close()


def whole_job() -> None:
    job = electrode_job()
    viewer = window()
    open_job(viewer, job)
    wait(settle=2)
    shoot(viewer, "window")
    open_dock(viewer, "Results table").parent().close()
    open_dock(viewer, "Radial profile").parent().close()
    Session.of(viewer).select([])
    viewer.dims.ndisplay = 3
    for layer in viewer.layers:
        layer.visible = layer.metadata.get(KEY, {}).get("kind") == "map"
    viewer.reset_view()
    camera = getattr(viewer, "scene", viewer).camera
    camera.angles = (10, -35, 65)
    wait(settle=3)
    shoot(viewer, "map")
    viewer.close()


def operando() -> None:
    """The synthetic cycled electrode as an operando study, from the list of states to maps."""
    from qtpy.QtCore import Qt

    viewer = window()
    viewer.open_sample("napari-battery", "cycled_electrode")
    wait()
    for layer in list(viewer.layers):
        if "truth" in layer.name and not layer.name.startswith("pristine"):
            viewer.layers.remove(layer)  # a real study has labels of the first state only
    dock = open_dock(viewer, "States of charge")
    viewer.window._qt_window.resizeDocks([dock.parent()], [430], Qt.Orientation.Horizontal)
    dock.states.setCurrentItem(dock.states.topLevelItem(2))
    viewer.reset_view()
    wait(settle=3)
    shoot(viewer, "operando-states")
    dock.runner.run_button.click()
    wait(lambda: not dock.runner.busy, settle=2)
    dock.results.noise.show_box.setChecked(False)
    dock.results.maps.slider.setValue(2)
    wait(settle=3)
    shoot(viewer, "operando-results")
    dock.results.maps.export(IMAGES / "operando-strip.png")
    for beside in ("operando-strip.csv", "operando-strip.png.provenance.json"):
        (IMAGES / beside).unlink()
    dock.results.noise.show_box.setChecked(True)
    dock.results.maps.slider.setValue(0)
    for section in dock.findChildren(Section):
        if section.heading.text() == "Background":
            section.open()
    wait()
    boxes = np.asarray(dock.results.noise.layer.data).sum(axis=(1, 2))
    viewer.dims.set_current_step(0, int(boxes.argmax()))
    bar = dock.scroll.verticalScrollBar()
    bar.setValue(dock.results.noise.parent().y())
    wait(settle=2)
    shoot(viewer, "operando-comparability")
    dock.results.noise.show_box.setChecked(False)
    dock.results.maps.slider.setValue(2)
    dock.results.plots_button.click()
    wait(settle=3)
    shoot(viewer, "operando-plots")
    particles = StudyHolder.of(viewer).study.particles
    charged = particles[(particles["state"] == "4.4 V") & particles["kept"]]
    labels = dock.labels.layer
    for name in ("State plots", "States of charge"):
        open_dock(viewer, name).parent().close()
    inside = open_dock(viewer, "Inside a particle")
    inside.labels.choose(labels)
    surest = charged.loc[charged["z"].abs().idxmax(), "label"]
    Session.of(viewer).select([int(surest)], focus=True)
    wait(lambda: bool(inside.about.text()), settle=3)
    shoot(viewer, "operando-inside")
    viewer.close()


def inside() -> None:
    """One particle of the synthetic electrode in all its states."""
    from qtpy.QtCore import Qt

    viewer = window()
    viewer.open_sample("napari-battery", "cycled_electrode")
    wait()
    labels = viewer.layers["pristine truth (synthetic)"]
    for layer in list(viewer.layers):
        if "truth" in layer.name and layer is not labels:
            viewer.layers.remove(layer)
    middle = tuple(n // 2 for n in labels.data.shape)
    box = tuple(slice(n - 30, n + 30) for n in middle)
    n_voxels = np.bincount(labels.data[box].ravel())
    n_voxels[0] = 0
    dock = open_dock(viewer, "Inside a particle")
    viewer.window._qt_window.resizeDocks([dock.parent()], [430], Qt.Orientation.Horizontal)
    dock.label_box.setValue(int(n_voxels.argmax()))
    wait(lambda: dock.view.particle is not None, settle=2)
    dock.view.limit.setValue(20)
    labels.selected_label = dock.label_box.value()
    viewer.reset_view()
    wait(settle=3)
    shoot(viewer, "inside")
    viewer.close()


def compared() -> None:
    """The two halves of the real NMC cathode, beside one another."""
    from qtpy.QtCore import Qt

    viewer = window()
    cathode = nmc_phases()
    middle = cathode.shape[0] // 2
    for name, ends in (("lower half", (0, middle)), ("upper half", (middle, cathode.shape[0]))):
        half = crop(cathode, [ends, *((0, n) for n in cathode.shape[1:])])
        add_volume(viewer, replace(half, name=name), labels=True)
    dock = open_dock(viewer, "Compare microstructures")
    viewer.window._qt_window.resizeDocks([dock.parent()], [430], Qt.Orientation.Horizontal)
    wait(lambda: bool(dock.phases.codes))
    dock.metrics.tick(["volume_fractions", "porosity", "surfaces", "chords"])
    dock._colour_layers()
    dock.runner.run_button.click()
    wait(lambda: not dock.runner.busy)
    viewer.reset_view()
    bar = dock.findChild(QScrollArea).verticalScrollBar()
    bar.setValue(dock.runner.y() - 10)
    wait(settle=2)
    shoot(viewer, "compare")
    viewer.close()


def forget_settings(folder: str) -> None:
    """Show the docks as a person sees them the first time."""
    QSettings.setDefaultFormat(QSettings.Format.IniFormat)
    for form in (QSettings.Format.IniFormat, QSettings.Format.NativeFormat):
        QSettings.setPath(form, QSettings.Scope.UserScope, folder)


if __name__ == "__main__":
    forget_settings(tempfile.mkdtemp())
    prepare()
    aligned()
    landmarks()
    states_aligned()
    super_resolved()
    trained()
    filtered()
    phases()
    label()
    corrected()
    tracked()
    operando()
    inside()
    compared()
    whole_job()
