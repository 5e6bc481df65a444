"""The samples: the real images that ship with the package, and the synthetic electrode."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from napari_battery.progress import SILENT, Progress
from napari_battery.synthetic import ElectrodeSettings, SyntheticElectrode, synthetic_electrode
from napari_battery.volume import Volume

__all__ = ["cycled_electrode", "nmc_phases", "nmc_slice", "sample_path", "sand", "sandstone"]

_SAND = "sand/sand_100x200x200_u8.tif"
_SANDSTONE_LOW = "bentheimer/low_6um_30x45x140_u8.tif"
_SANDSTONE_HIGH = "bentheimer/high_2um_90x135x420_u8.tif"
_NMC_PHASES = "nmc_segmented/nmc_251x301x301_u8.tif"
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


def sandstone() -> tuple[Volume, Volume]:
    """Two separate scans of the same Bentheimer sandstone, at 6 and at 2 µm.

    Returns
    -------
    low, high : Volume
        (30, 45, 140) and (90, 135, 420) uint8. Their outer faces are laid on one another,
        as their authors registered them; about one high-resolution voxel is left between
        them in z and y.
    """
    low = _read(_SANDSTONE_LOW, "Sandstone at 6 µm (real CT)")
    high = _read(_SANDSTONE_HIGH, "Sandstone at 2 µm (real CT)")
    source = "ImageJ tags"
    # centres of the first voxels, where the first voxels' outer faces are at 0
    return (
        replace(low.with_voxel_size(6.0, source), origin_um=(3.0, 3.0, 3.0)),
        replace(high.with_voxel_size(2.0, source), origin_um=(1.0, 1.0, 1.0)),
    )


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


def nmc_phases() -> Volume:
    """A calendered NMC cathode, segmented: pore, active material, carbon and binder.

    Returns
    -------
    Volume
        (251, 301, 301) uint8: 0 pore, 1 active, 2 binder (added numerically by its authors).
        The file states no voxel size; it is assumed to be 1 µm.
    """
    phases = _read(_NMC_PHASES, "NMC cathode, segmented (real CT)")
    phases.metadata.update(kind="phases", phases={"pore": 0, "active": 1, "binder": 2})
    return phases.with_voxel_size(1.0, "assumed 1 µm")


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
