"""Images that give the labelling a hard time get a clear answer."""

import numpy as np
import pytest

from napari_battery.errors import InputError
from napari_battery.labelling import LabelSettings, label_particles
from napari_battery.progress import CallbackProgress, Cancelled
from napari_battery.samples import sand
from napari_battery.volume import Volume


def squares(shape: tuple[int, int], period: int = 4) -> np.ndarray:
    """2 × 2 squares of grey 200 in 50."""
    image = np.full(shape, 50, np.uint8)
    for y in (1, 2):
        for x in (1, 2):
            image[y::period, x::period] = 200
    return image


SMALL = LabelSettings(denoise="none", minimum_volume=0, distance_smoothing=0)


def test_more_than_65535_particles():
    labels = label_particles(Volume(squares((1040, 1044))), SMALL)
    n = 260 * 261
    assert n > 65_535
    assert labels.dtype == np.int32
    assert labels.metadata["n_labels"] == n
    assert np.array_equal(np.bincount(labels.data.ravel())[1:], np.full(n, 4))


def test_one_slice_is_labelled_like_the_plane_it_is():
    plane = sand().data[50]
    for settings in (LabelSettings(), LabelSettings(drop_border=True, denoise="median")):
        flat = label_particles(Volume(plane), settings)
        assert flat.metadata["n_labels"] > 50
        for axis in range(3):
            thin = label_particles(Volume(np.expand_dims(plane, axis)), settings)
            assert thin.ndim == 3
            assert np.array_equal(thin.data.squeeze(axis), flat.data)


def test_everything_inside_is_one_label_and_said():
    image = Volume(squares((40, 40)), name="plate")
    for settings, mask, what in (
        (LabelSettings(threshold="manual", manual_threshold=5), None, "threshold"),
        (LabelSettings(), Volume(np.ones((40, 40), bool)), "mask"),
    ):
        labels = label_particles(image, settings, mask=mask)
        assert (labels.data == 1).all()
        assert labels.metadata["note"] == (
            f"Every voxel is inside particles: nothing parts them from the rest. Check the {what}."
        )
        assert labels.metadata["made"]["notes"] == [labels.metadata["note"]]


def test_empty_axes_and_single_voxels():
    one = Volume(np.full((1, 1, 1), 9, np.uint8))
    with pytest.raises(InputError, match="one grey level"):
        label_particles(one)
    manual = SMALL.model_copy(update={"threshold": "manual", "manual_threshold": 5.0})
    assert label_particles(one, manual).data.tolist() == [[[1]]]


@pytest.mark.parametrize("method", ["li", "yen", "triangle", "minimum"])
def test_other_thresholds_find_the_particles_too(method):
    image = squares((40, 60))
    image += np.random.default_rng(0).integers(0, 20, image.shape, np.uint8)
    settings = SMALL.model_copy(update={"threshold": method})
    assert label_particles(Volume(image), settings).metadata["n_labels"] == 150


def test_lengths_in_um_need_a_voxel_size():
    image = Volume(squares((40, 60)), name="no size")
    with pytest.raises(InputError, match=r"lengths are in µm.*“no size” is unknown"):
        label_particles(image, LabelSettings(length_unit="um"))
    in_um = LabelSettings(
        length_unit="um", denoise="none", minimum_volume=4 * 0.25, distance_smoothing=0,
        marker_depth=0.25,
    )  # fmt: skip
    sized = image.with_voxel_size(0.5, "typed in")
    assert label_particles(sized, in_um).metadata["n_labels"] == 150
    none = label_particles(sized, in_um.model_copy(update={"minimum_volume": 1.25}))
    assert (
        none.metadata["note"] == "No particle brighter than 125 and of 1.25 µm³ or more was found."
    )


@pytest.mark.parametrize(
    "settings",
    [
        LabelSettings(denoise="median", closing_radius=2, opening_radius=1, merge_neck=0.9),
        LabelSettings(markers="peaks", compactness=1.0, drop_border=True),
    ],
)
def test_cancel_stops_every_stage(settings):
    image = Volume(sand().data[:20, :40, :40])
    seen: list[str] = []
    label_particles(image, settings, CallbackProgress(lambda done, total, what: seen.append(what)))
    firsts = [seen.index(what) for what in dict.fromkeys(seen)]
    assert len(firsts) >= 7
    for first in firsts:
        for late in (first, first + 1):
            calls = iter(range(len(seen) + 1))
            stop = CallbackProgress(lambda *a: None, lambda calls=calls, at=late: next(calls) >= at)
            with pytest.raises(Cancelled):
                label_particles(image, settings, stop)
