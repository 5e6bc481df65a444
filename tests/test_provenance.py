import numpy as np

from napari_battery.io.read import read_volume
from napari_battery.prepare import crop
from napari_battery.provenance import describe_part, provenance
from napari_battery.samples import sample_path
from napari_battery.volume import Volume

FILE = sample_path("bentheimer/low_6um_30x45x140_u8.tif")


def test_a_crop_of_a_crop_is_traced_to_its_file():
    scan = read_volume(FILE)
    part = crop(crop(scan, [(2, 20), (0, 40), (10, 100)]), [(1, 9), (5, 30), (3, 60)])
    told = describe_part(part, [(0, 8), (2, 20), (4, 50)])
    assert told["name"] == scan.name
    assert told["fingerprint"].startswith("sha256:")
    box = [[3, 11], [7, 25], [17, 63]]
    assert told["box"] == box
    window = tuple(slice(a, b) for a, b in box)
    np.testing.assert_array_equal(scan.data[window], part.data[0:8, 2:20, 4:50])


def test_a_scan_cut_for_a_pair_is_traced_and_a_changed_one_is_not():
    scan = read_volume(FILE)
    source = describe_part(scan, [(0, 30), (5, 25), (0, 140)])
    made = {"step": "pair", "inputs": [], "pair": {"low": source, "high": {"box": [[0, 1]] * 3}}}
    cut = Volume(scan.data[:, 5:25], scan.voxel_size_um, name="cut", metadata={"made": made})
    told = describe_part(cut, [(1, 9), (0, 20), (0, 140)])
    assert told["fingerprint"] == source["fingerprint"]
    assert told["box"] == [[1, 9], [5, 25], [0, 140]]
    filtered = Volume(scan.data, name="f", metadata={"made": provenance("filter", None, [scan])})
    told = describe_part(filtered, [(0, 2)] * 3)
    assert (told["name"], told["fingerprint"]) == ("f", None)
