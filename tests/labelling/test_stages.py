"""Stages kept between runs, previews of a box, and masks given from outside."""

import numpy as np
import pytest
from scipy import ndimage

from napari_battery.errors import InputError
from napari_battery.labelling import LabelSettings, Stages, label_particles, match_labels
from napari_battery.progress import CallbackProgress
from napari_battery.samples import sand
from napari_battery.volume import Volume


@pytest.fixture(scope="module")
def grains() -> Volume:
    image = sand()
    return Volume(image.data[:40, :80, :90], (2.0, 2.0, 2.0), (1.0, 2.0, 3.0), name="grains")


def titles(stages: Stages, settings: LabelSettings) -> set[str]:
    seen: set[str] = set()
    stages.run(settings, CallbackProgress(lambda done, total, what: seen.add(what)))
    return seen


def test_only_what_follows_a_change_is_done_again(grains):
    stages = Stages(grains)
    changes = [
        {},
        {"drop_border": True},
        {"marker_depth": 1.0},
        {"distance_smoothing": 2.0},
        {"minimum_volume": 400.0},
        {"particles": "darker"},
    ]
    for change in changes:
        settings = LabelSettings(**change)
        wanted = label_particles(grains, settings)
        found = stages.run(settings)
        assert np.array_equal(found.data, wanted.data)
        assert found.metadata["n_labels"] == wanted.metadata["n_labels"]
    stages.run(LabelSettings())
    numbering = {"Finding the threshold", "Numbering particles"}
    assert titles(stages, LabelSettings(drop_border=True)) == numbering
    assert "Finding markers" in titles(stages, LabelSettings(marker_depth=2))
    assert titles(stages, LabelSettings(marker_depth=2)) == {"Finding the threshold"}
    # the same lengths in µm are no change
    same = LabelSettings(
        length_unit="um", denoise_size=2, minimum_volume=800, distance_smoothing=2, marker_depth=4,
        marker_distance=10,
    )  # fmt: skip
    assert titles(stages, same) == {"Finding the threshold"}


def test_labels_changed_by_hand_do_not_come_back(grains):
    stages = Stages(grains)
    first = stages.run(LabelSettings()).data
    wanted = first.copy()
    first[:] = 0
    assert np.array_equal(stages.run(LabelSettings()).data, wanted)


def test_every_stage_can_be_shown(grains):
    stages = Stages(grains)
    labels = stages.run(LabelSettings())
    mask, cleaned = stages.stage("mask"), stages.stage("cleaned")
    distance, markers = stages.stage("distance"), stages.stage("markers")
    for volume in (mask, cleaned, distance, markers):
        assert volume.same_grid(grains)
    assert np.array_equal(cleaned.data > 0, labels.data > 0)
    assert np.array_equal(mask.data > 0, ndimage.gaussian_filter(
        grains.data.astype(float), 1, truncate=3) > labels.metadata["threshold"])  # fmt: skip
    assert distance.dtype == np.float32
    assert (distance.data[labels.data > 0] > 0).all()
    assert np.array_equal(markers.data[markers.data > 0], labels.data[markers.data > 0])
    assert markers.data.max() == labels.data.max()


def test_a_box_is_labelled_nearly_as_the_whole():
    image = sand()
    image = Volume(image.data, (0.5, 0.5, 0.5), name="grains")
    stages = Stages(image)
    box = (slice(30, 70), slice(60, 120), slice(50, 999))
    part = stages.inside(box).run(LabelSettings())
    whole = stages.run(LabelSettings())
    assert part.shape == (40, 60, 150)
    assert part.origin_um == (15.0, 30.0, 25.0)
    assert part.metadata["threshold"] == whole.metadata["threshold"]
    table = match_labels(whole.data[box], part.data)
    # grains end within the margin; only floods that come from farther could differ
    assert (table.iou > 0.99).mean() > 0.97


def test_a_mask_takes_the_place_of_the_threshold(grains):
    stages = Stages(grains)
    wanted = stages.run(LabelSettings())
    mask = stages.stage("mask")
    found = label_particles(grains, LabelSettings(threshold="manual"), mask=mask)
    assert np.array_equal(found.data, wanted.data)
    assert found.metadata["threshold"] is None
    codes = np.where(mask.data > 0, 7, 3).astype(np.float32)
    codes[tuple(np.argwhere(mask.data == 0)[0])] = np.nan
    phases = Volume(codes, grains.voxel_size_um, grains.origin_um, name="phases",
                    metadata={"kind": "phases", "phases": {"pore": 3, "active": 7}})  # fmt: skip
    for phase in (None, 7, "7", "active"):
        again = label_particles(phases, mask=phases, phase=phase)
        assert np.array_equal(again.data, wanted.data)


def test_a_mask_on_another_grid_is_brought_onto_the_image(grains):
    stages = Stages(grains)
    wanted = stages.run(LabelSettings())
    mask = stages.stage("mask")
    wide = Volume(np.pad(mask.data, 3), (2.0,) * 3, (-5.0, -4.0, -3.0), name="wide")
    assert np.array_equal(label_particles(grains, mask=wide).data, wanted.data)


def test_a_box_of_a_mask_on_a_shifted_grid(grains):
    """Of the same shape, but three voxels away: its voxels are found by place, not by index."""
    stages = Stages(grains)
    stages.run(LabelSettings())
    mask = stages.stage("mask").data
    shifted = Volume(np.pad(mask, [(0, 0), (0, 0), (3, 0)])[..., :-3], (2.0,) * 3,
                     (1.0, 2.0, -3.0))  # fmt: skip
    box = (slice(5, 25), slice(20, 60), slice(30, 50))
    part = Stages(grains, shifted).inside(box)
    part.run(LabelSettings())
    assert np.array_equal(part.stage("mask").data, mask[box])


def test_masks_that_do_not_fit_are_refused(grains):
    with pytest.raises(InputError, match=r"different grids.*unknown"):
        label_particles(grains, mask=Volume(np.ones((3, 4, 5), bool)))
    float_image = Volume(grains.data + np.float32(0.25), grains.voxel_size_um, grains.origin_um)
    with pytest.raises(InputError, match="Is it the grey-level image"):
        label_particles(grains, mask=float_image)
    ones = Volume(np.ones(grains.shape, np.uint8), grains.voxel_size_um, grains.origin_um)
    with pytest.raises(InputError, match="no voxel of phase 4"):
        label_particles(grains, mask=ones, phase=4)
    with pytest.raises(InputError, match="no phase “binder”"):
        label_particles(grains, mask=ones, phase="binder")


def test_labels_are_not_taken_for_an_image(grains):
    labels = label_particles(grains)
    with pytest.raises(InputError, match="holds labels, not grey levels"):
        label_particles(labels)
    nothing = Volume(np.zeros((5, 6, 7), bool), name="void")
    empty = label_particles(nothing, mask=nothing)
    assert not empty.data.any()
    assert empty.metadata["note"] == "No particle of 100 voxels or more in “void” was found."
