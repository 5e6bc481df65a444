"""The figures of one particle show what was measured, on one scale, in any case that occurs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_battery.plots import change_profile, inside_slices
from napari_battery.plots.inside_particle import middle_slice
from napari_battery.states.inside import InsideParticle, inside_particle
from napari_battery.volume import Volume

SHAPE, RADIUS = (24, 26, 28), 10.0


def particle(flat: bool = False, size: float | None = 0.5, lost: bool = False) -> InsideParticle:
    """A ball whose middle falls by 40; `lost` takes it out of the second state."""
    r = np.sqrt(sum((g - (n - 1) / 2) ** 2 for g, n in zip(np.indices(SHAPE), SHAPE, strict=True)))
    ball = 100 + 80 / (1 + np.exp((r - RADIUS) / 0.7))
    later = ball - 40 * np.clip(1 - (r / RADIUS) ** 2, 0, None)
    gone = np.full(SHAPE, np.nan) if lost else later
    rng = np.random.default_rng(0)

    def volume(data: np.ndarray, name: str) -> Volume:
        data = data[12] if flat else data
        sizes = None if size is None else (size,) * data.ndim
        return Volume(np.ascontiguousarray(data), sizes, name=name, metadata={"state": name})

    images = [
        volume((image + rng.normal(0, 2, SHAPE)).astype(np.float32), name)
        for image, name in ((ball, "pristine"), (later, "$4.4$ V"), (gone, "2.5 V"))
    ]
    return inside_particle(volume((r < RADIUS).astype(np.uint8) * 7, "labels"), images, 7)


@pytest.fixture(scope="module")
def ball() -> InsideParticle:
    return particle()


@pytest.mark.parametrize("axis", ["z", "y", "x"])
def test_slices_are_those_of_the_crops(ball: InsideParticle, axis: str) -> None:
    plot = inside_slices(ball, axis)
    index = middle_slice(ball, axis)
    layers = ball.layers.data.take(index, "zyx".index(axis))
    data = plot.data[plot.data["state"] == "$4.4$ V"]
    change = ball.differences[0].data.take(index, "zyx".index(axis))
    np.testing.assert_array_equal(data["change"], change[layers > 0])
    np.testing.assert_array_equal(data["layer"], layers[layers > 0])
    world = [name for name in plot.data if name.endswith("_um")]
    assert world == [f"{a}_um" for a in "zyx" if a != axis]
    np.testing.assert_allclose(
        data[world].mean(),
        [(n - 1) / 4 for a, n in zip("zyx", SHAPE, strict=True) if a != axis],
        atol=0.1,
    )
    assert plot.data.loc[plot.data["state"] == "pristine", "change"].isna().all()


def test_one_symmetric_scale_for_all_and_nothing_outside_the_core(ball: InsideParticle) -> None:
    figure = inside_slices(ball, limit=12).figure
    shown = [axes.images[0] for axes in figure.axes if axes.images]
    greys, changes = shown[:3], shown[3:]
    assert {image.get_clim() for image in changes} == {(-12, 12)}
    assert len({image.get_clim() for image in greys}) == 1
    core = ball.core[middle_slice(ball, "z")]
    for image in changes:
        np.testing.assert_array_equal(np.ma.getmaskarray(image.get_array()), ~core)
    # a fall is red, as in the maps
    red, _, blue, _ = changes[0].cmap(changes[0].norm(-12.0))
    assert red > blue


def test_profile_draws_the_core_alone(ball: InsideParticle) -> None:
    plot = change_profile(ball)
    lines = [line for line in plot.figure.axes[0].lines if len(line.get_xdata()) > 2]
    core = ball.profile[ball.profile["is_core"]]
    for line, (_, rows) in zip(lines, core.groupby("state", sort=False), strict=True):
        np.testing.assert_allclose(line.get_ydata(), rows["change_mean"])
    assert len(plot.data) == len(ball.profile)
    assert change_profile(ball, "relative_radius").figure.axes[0].xaxis_inverted()


@pytest.mark.parametrize(
    "other",
    [
        {"flat": True},
        {"size": None},
        {"lost": True},
    ],
)
def test_other_cases_are_drawn(other: dict) -> None:
    found = particle(**other)
    plot = inside_slices(found)
    plot.figure.canvas.draw()
    said = [text.get_text() for axes in plot.figure.axes for text in axes.texts]
    assert any("not found" in text for text in said) == bool(other.get("lost"))
    profile = change_profile(found)
    profile.figure.canvas.draw()
    unit = "voxels" if "size" in other else "µm"
    assert unit in profile.figure.axes[0].get_xlabel()


def test_a_particle_without_a_core_is_drawn(ball: InsideParticle) -> None:
    profile = ball.profile.assign(is_core=False)
    bare = replace(ball, exclude_layers=90, profile=profile)
    assert not bare.core.any()
    assert bare.limit > 1
    for plot in (inside_slices(bare), change_profile(bare)):
        plot.figure.canvas.draw()
