"""The samples: two real images that ship with the package, and the synthetic electrode."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from napari_battery.progress import SILENT, Progress
from napari_battery.synthetic import ElectrodeSettings, SyntheticElectrode, synthetic_electrode
from napari_battery.volume import Volume

__all__ = ["cycled_electrode", "nmc_slice", "sample_path", "sand"]

_SAND = "sand/sand_100x200x200_u8.tif"
_NMC, _NMC_LABELS = "nmc_nanoct/1.tif", "nmc_nanoct/1_label.tif"


def sample_path(name: str) -> Path:
    """Path of a file of ``sample_data``, in a checkout and in an installed wheel.

    Parameters
    ----------
    name : str
        Path within ``sample_data``, with forward slashes ("sand/LICENSE").
    """
    return Path(str(files("napari_battery.sample_data"))) / name


def sand() -> Volume:
    """Packed sand grains: a real CT volume.

    Returns
    -------
    Volume
        (100, 200, 200) uint8. The file states no voxel size; it is assumed to be 1 µm.
    """
    return _read(_SAND, "Sand (real CT)").with_voxel_size(1.0, "assumed 1 µm")


def nmc_slice() -> tuple[Volume, Volume]:
    """One nano-CT slice of an NMC cathode with cracked particles, and its semantic labels.

    Returns
    -------
    image, labels : Volume
        (499, 601) float32 in an arbitrary grey unit, and uint8: 0 active material, 1 and
        2 the rest (cracks carry 2). The voxel size is unknown.
    """
    image = _read(_NMC, "NMC slice (real nano-CT)")
    labels = _read(_NMC_LABELS, "NMC phases (real nano-CT)")
    labels.metadata.update(kind="phases", phases="active=0, rest=1, rest or crack=2")
    return image, labels


def cycled_electrode(progress: Progress = SILENT) -> SyntheticElectrode:
    """Make the synthetic electrode of the GREAT2 paper's four states, with its truth.

    Made anew each time, always the same, in some seconds.
    """
    return synthetic_electrode(ElectrodeSettings(), progress)


def _read(name: str, title: str) -> Volume:
    import tifffile

    path = sample_path(name)
    return Volume(
        tifffile.imread(path), name=title, path=path, metadata={"synthetic": False, "kind": "image"}
    )
