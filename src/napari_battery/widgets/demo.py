"""The demo in windows: one per sample, everything run, docks open, a particle picked."""

from __future__ import annotations

from typing import Any

from napari_battery.demo import DELTA_MAP, Job, electrode_job, sand_job
from napari_battery.maps import MapSettings
from napari_battery.progress import SILENT, Progress
from napari_battery.widgets.layers import add_volume
from napari_battery.widgets.map_layers import CHANGE, MapLayers
from napari_battery.widgets.opening import open_dock
from napari_battery.widgets.session import Analysis, Session

__all__ = ["open_job", "show_demo"]


def show_demo(progress: Progress = SILENT) -> None:
    """Analyse both samples, show each in a window of its own, and wait until they are closed."""
    import napari

    jobs = [sand_job(progress), electrode_job(progress)]
    for job in jobs:
        viewer = napari.Viewer(title=f"napari-battery: {job.title}")
        open_job(viewer, job)
    napari.run()


def open_job(viewer: Any, job: Job) -> None:
    """Put a job's layers, analyses and map into a viewer, and open its docks."""
    session = Session.of(viewer)
    images = [
        add_volume(viewer, image, visible=number == 0)
        for number, (_, image) in enumerate(job.states)
    ]
    labels = add_volume(viewer, job.labels, labels=True, visible=False)
    analyses = []
    for (state, _), result, image in zip(job.states, job.results, images, strict=True):
        analysis = Analysis(image.name, result, labels, image, state)
        session.add(analysis)
        analyses.append(analysis)
    maps = MapLayers.of(session)
    if len(analyses) > 1:
        # 4.4 V, the state of the largest change
        maps.add(analyses[2], CHANGE, DELTA_MAP, analyses[0])
    else:
        maps.add(analyses[0], "core_mean", MapSettings())
    session.look_at(analyses[min(2, len(analyses) - 1)])
    for dock in ("Results table", "Radial profile", "Particle map"):
        open_dock(viewer, dock)
    picked = _telling(analyses)
    session.select([int(picked["label"])], "demo")
    viewer.dims.set_point(0, picked["centroid_z_um"])


def _telling(analyses: list[Analysis]) -> Any:
    """The row of a particle worth looking at: the surest change, or the largest particle."""
    particles = analyses[0].particles
    whole = particles[~particles["touches_border"] & particles["core_mean"].notna()]
    if len(analyses) == 1:
        return whole.iloc[int(whole["volume_voxels"].argmax())]
    change = analyses[2].particles["core_mean"] - analyses[0].particles["core_mean"]
    surest = (change.abs() * whole["core_voxels"] ** 0.5).reindex(whole.index)
    return whole.iloc[int(surest.argmax())]
