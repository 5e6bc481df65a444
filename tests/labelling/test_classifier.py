"""Training on scribbles, classifying in blocks, and the classifier's file."""

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import save_file
from scipy import ndimage

from napari_battery import blocks
from napari_battery.errors import InputError
from napari_battery.io import read_volume
from napari_battery.io.lazy import LazyArray
from napari_battery.labelling.classifier import train_classifier
from napari_battery.labelling.classifier_file import load_classifier, save_classifier
from napari_battery.labelling.classifier_settings import ClassifierSettings
from napari_battery.labelling.phases import classify, segment_phases
from napari_battery.labelling.phases_model import prepare_phases
from napari_battery.labelling.phases_settings import PhaseSettings
from napari_battery.progress import CallbackProgress, Cancelled
from napari_battery.volume import Volume

FEW = ClassifierSettings(n_scales=2, n_trees=15)
LIGHT = ClassifierSettings(n_scales=1, n_trees=5)


def textured(shape=(24, 40, 44), seed=0):
    """Synthetic: phases of equal mean grey level, one striped, one smooth, one bright."""
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.standard_normal(shape), 4, mode="wrap")
    truth = np.digitize(field, np.quantile(field, [0.35, 0.7])).astype(np.uint8)
    stripes = 30 * np.sign(np.sin(np.arange(shape[-1]) * 2.1))
    grey = np.select([truth == 0, truth == 1], [100, 100 + stripes], 140.0)
    return truth, (grey + 6 * rng.standard_normal(shape)).astype(np.float32)


def scribbled(truth, slices=(6, 15), every=3):
    drawn = np.zeros(truth.shape, np.uint8)
    for z in slices:
        drawn[z, ::every, ::every] = truth[z, ::every, ::every] + 1
    return drawn


@pytest.fixture(scope="module")
def taught():
    truth, grey = textured()
    volume = Volume(grey, voxel_size_um=(1, 1, 1), name="textures")
    return truth, volume, train_classifier(volume, scribbled(truth), FEW)


def test_texture_that_no_threshold_can_tell_is_told(taught):
    truth, volume, classifier = taught
    codes = classify(volume, classifier).data
    away = np.ones(truth.shape, bool)
    away[[6, 15]] = False  # where it did not learn
    assert (codes == truth)[away].mean() > 0.85
    assert classifier.phases == {"pore": 0, "active": 1, "binder": 2}
    assert 0.8 < classifier.accuracy <= 1
    assert sum(classifier.importances.values()) == pytest.approx(1)
    drawn = scribbled(truth)
    assert list(classifier.training_voxels.values()) == [(drawn == n).sum() for n in (1, 2, 3)]
    thresholds = segment_phases(volume, PhaseSettings(n_phases=3)).data
    assert (thresholds == truth)[away].mean() < 0.75


def test_the_same_seed_gives_the_same_forest(taught):
    truth, volume, classifier = taught
    again = train_classifier(volume, scribbled(truth), FEW)
    for name, array in classifier.forest.arrays.items():
        assert np.array_equal(array, again.forest.arrays[name])
    other = train_classifier(volume, scribbled(truth), FEW.model_copy(update={"seed": 1}))
    assert len(other.forest.arrays["next"]) != len(classifier.forest.arrays["next"])


@pytest.mark.parametrize("weight", [0.0, 0.8])
@pytest.mark.parametrize("per_slice", [False, True])
def test_blocks_and_boxes_equal_the_whole(weight, per_slice, monkeypatch):
    truth, grey = textured()
    grey = grey.copy()
    grey[3, 4:6, 5] = np.nan
    region = np.ones(grey.shape, bool)
    region[:, :6] = False
    volume = Volume(grey, voxel_size_um=(2, 1, 1), region=region)
    settings = LIGHT.model_copy(update={"per_slice": per_slice})
    classifier = train_classifier(volume, scribbled(truth), settings)
    asked = PhaseSettings(method="classifier", smoothing_weight=weight)
    whole = segment_phases(volume, asked, classifier=classifier)
    assert not whole.data[~region].any()
    assert whole.data[region].any()
    box = (slice(4, 19), slice(10, 33), slice(21, 44))
    model = prepare_phases(volume, asked)
    part = segment_phases(volume, asked, box=box, model=model, classifier=classifier)
    assert np.array_equal(part.data, whole.data[box])
    monkeypatch.setattr(blocks, "_sides", lambda step, window: (9, 17, 18))
    assert np.array_equal(segment_phases(volume, asked, classifier=classifier).data, whole.data)


def test_smoothing_takes_specks_away(taught):
    truth, volume, classifier = taught
    rough = classify(volume, classifier).data
    asked = PhaseSettings(method="classifier", smoothing_weight=1)
    smooth = segment_phases(volume, asked, classifier=classifier).data
    assert (smooth == truth).mean() > (rough == truth).mean()


def test_it_serves_other_brightness_and_files(taught, tmp_path):
    _, volume, classifier = taught
    other = (np.asarray(volume.data) * 40 + 2000).astype(np.uint16)
    lazy = LazyArray(other.shape, other.dtype, lambda window: other[window])
    written = classify(Volume(lazy, voxel_size_um=(1, 1, 1)), classifier, out=tmp_path / "p.tif")
    same = np.asarray(written.data) == classify(volume, classifier).data
    # rounding to integers moves a voxel here and there
    assert same.mean() > 0.99
    again = read_volume(tmp_path / "p.tif").metadata
    assert again["phases"] == classifier.phases
    assert again["made"]["found"]["accuracy"] == classifier.accuracy


def test_only_scribbled_blocks_are_looked_at_closely():
    truth, grey = textured((24, 40, 150))
    read = []

    def window(asked):
        read.append(asked)
        return grey[asked]

    volume = Volume(LazyArray(grey.shape, grey.dtype, window))
    drawn = scribbled(truth)
    drawn[..., 20:] = 0
    train_classifier(volume, drawn, LIGHT)
    # two passes for the histogram: extremes, then counts
    assert [w[2].stop for w in read[:2]] == [150, 150]
    assert max(w[2].stop for w in read[2:]) < 30


def test_scribbles_where_nothing_is_to_be_seen_do_not_count():
    truth, grey = textured()
    drawn = scribbled(truth)
    grey = np.where(drawn == 3, np.nan, grey).astype(np.float32)
    region = drawn != 2
    assert set(train_classifier(Volume(grey), drawn, LIGHT).phases) == {"pore", "active"}
    with pytest.raises(InputError, match="All scribbles are of phase 1"):
        train_classifier(Volume(grey, region=region), drawn, LIGHT)


def test_samples_are_capped_and_names_are_given():
    truth, grey = textured()
    settings = LIGHT.model_copy(update={"samples_per_phase": 50})
    drawn = scribbled(truth).astype(np.int32)
    drawn[drawn == 3] = 7
    classifier = train_classifier(Volume(grey), drawn, settings, names={1: "pore", 2: "crack"})
    assert classifier.phases == {"pore": 0, "crack": 1, "phase 7": 6}
    assert set(classifier.training_voxels.values()) == {50}
    assert set(np.unique(classify(Volume(grey), classifier).data)) == {0, 1, 6}
    with pytest.raises(InputError, match=r"no phase called active \(pore, crack, phase 7\)"):
        segment_phases(
            Volume(grey),
            PhaseSettings(method="classifier", fill_holes=True),
            classifier=classifier,
        )


def test_a_voxel_of_each_phase_will_do():
    """Half of the trees draw both voxels, and leave none out to be judged by."""
    image = np.tile(np.array([10.0, 90.0], np.float32), (8, 4))
    drawn = np.zeros(image.shape, int)
    drawn[3, 2], drawn[3, 3] = 1, 2
    classifier = train_classifier(Volume(image), drawn, LIGHT)
    assert classify(Volume(image), classifier).data[drawn > 0].tolist() == [0, 1]


def test_slices_and_volumes():
    truth, grey = textured()
    drawn = scribbled(truth)
    flat = train_classifier(Volume(grey[6]), drawn[6], LIGHT)
    assert flat.is_flat
    slices = classify(Volume(grey), flat).data  # a slice's classifier serves a stack
    scale = Volume(grey)
    one = classify(replace(scale, data=grey[9:10]), flat).data
    assert slices.shape == grey.shape
    assert one.shape == (1, *grey.shape[1:])
    deep = train_classifier(Volume(grey), drawn, LIGHT)
    with pytest.raises(InputError, match="trained on a volume, “volume” is a slice"):
        classify(Volume(grey[6]), deep)


def test_lengths_in_um_follow_the_voxels():
    truth, grey = textured()
    um = LIGHT.model_copy(update={"length_unit": "um", "smallest_scale": 0.5})
    fine = Volume(grey, voxel_size_um=(0.5,) * 3)
    in_um = train_classifier(fine, scribbled(truth), um)
    in_voxels = train_classifier(fine, scribbled(truth), LIGHT)
    assert np.array_equal(classify(fine, in_um).data, classify(fine, in_voxels).data)
    coarse = replace(fine, voxel_size_um=(1.0,) * 3)
    assert "learned from voxels of 0.5 µm" in classify(coarse, in_voxels).metadata["note"]
    assert classify(coarse, in_um).metadata["note"] == ""
    with pytest.raises(InputError, match="The settings' lengths are in µm"):
        train_classifier(Volume(grey), scribbled(truth), um)


def test_scribbles_that_will_not_do():
    truth, grey = textured()
    volume = Volume(grey, name="grey")
    drawn = scribbled(truth)
    for wrong, words in (
        (drawn[:5], r"The scribbles have shape \(5, 40, 44\), “grey” \(24, 40, 44\)"),
        (drawn.astype(float), "are of type float64"),
        (drawn.astype(int) - 1, "numbered -1 to 2"),
        (np.zeros_like(drawn), "no scribbles where “grey” has grey levels"),
        ((drawn > 0).astype(np.uint8), "All scribbles are of phase 1: draw"),
    ):
        with pytest.raises(InputError, match=words):
            train_classifier(volume, wrong, LIGHT)


def test_training_and_classifying_can_be_cancelled(taught, tmp_path):
    truth, volume, classifier = taught
    for stage in ("Looking at scribbles", "Growing trees"):
        stop = CallbackProgress(lambda *a: seen.append(a[2]), lambda: seen[-1].startswith(stage))  # noqa: B023
        seen = [""]
        with pytest.raises(Cancelled):
            train_classifier(volume, scribbled(truth), FEW, stop)
    seen = [""]
    stop = CallbackProgress(lambda *a: seen.append(a[2]), lambda: seen[-1].startswith("Parting"))
    with pytest.raises(Cancelled):
        classify(volume, classifier, stop, tmp_path / "p.tif")
    assert not list(tmp_path.iterdir())


def test_a_saved_classifier_is_the_same(taught, tmp_path):
    _, volume, classifier = taught
    save_classifier(tmp_path / "c.safetensors", classifier)
    loaded = load_classifier(tmp_path / "c.safetensors")
    for name in ("settings", "voxel_size_um", "is_flat", "features", "phases"):
        assert getattr(loaded, name) == getattr(classifier, name)
    for name in ("training_voxels", "accuracy", "importances", "made"):
        assert getattr(loaded, name) == getattr(classifier, name)
    assert np.array_equal(classify(volume, loaded).data, classify(volume, classifier).data)


def test_files_that_are_no_classifier(taught, tmp_path):
    classifier = taught[2]
    good = tmp_path / "good.safetensors"
    save_classifier(good, classifier)
    path = tmp_path / "some.safetensors"

    def refused(words):
        with pytest.raises(InputError, match=words):
            load_classifier(path)

    refused("There is no file")
    whole = good.read_bytes()
    for content in (b"", b"hello", pickle.dumps([1]), whole[:200], whole[:-100]):
        path.write_bytes(content)
        refused("cannot be read as a classifier")
    save_file({"weight": np.zeros(3, np.float32)}, path)
    refused("no classifier of napari-battery")
    arrays = dict(classifier.forest.arrays)

    def header(**changes):
        text = _header_of(good)
        return {"napari-battery": json.dumps({**text, **changes})}

    save_file(arrays, path, metadata=header(format="napari-battery-classifier/9"))
    refused(r"of another version \(napari-battery-classifier/9\)")
    save_file({k: v for k, v in arrays.items() if k != "next"}, path, metadata=header())
    refused("lacks its trees")
    save_file({**arrays, "next": arrays["next"] * 0}, path, metadata=header())
    refused("trees are broken")
    for changes, words in (
        ({"features": ["grey"]}, "its features are not those of this version"),
        ({"phases": {"pore": 0}}, "its phases are broken"),
        ({"phases": {"pore": 0, "active": 700}}, "its phases are broken"),
        ({"settings": {"n_scales": 99}}, "is a broken classifier"),
        ({"settings": {"unknown": 1}}, "is a broken classifier"),
        ({"accuracy": "high"}, "is a broken classifier"),
        ({"phases": None}, "is a broken classifier"),
        ({"phases": {"pore": 0, "active": float("inf")}}, "is a broken classifier"),
        ({"accuracy": 10**400}, "is a broken classifier"),
        ({"voxel_size_um": [1, 0, 1]}, "its voxel size is broken"),
    ):
        save_file(arrays, path, metadata=header(**changes))
        refused(words)
    save_file(arrays, path, metadata={"napari-battery": "[" * 100_000})
    refused("no classifier of napari-battery")
    with pytest.raises(InputError, match=r"must end in .safetensors"):
        save_classifier(tmp_path / "c.pkl", classifier)
    with pytest.raises(InputError, match="does not exist"):
        save_classifier(tmp_path / "no" / "c.safetensors", classifier)


def _header_of(path):
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        return json.loads(file.metadata()["napari-battery"])
