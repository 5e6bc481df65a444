"""Settings whose lengths are in voxels or in µm, as the person chose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from napari_battery.errors import InputError
from napari_battery.settings import LENGTH, VOLUME, Settings, field_specs
from napari_battery.volume import Volume

__all__ = ["factors", "in_voxels", "spacing_voxels"]

Model = TypeVar("Model", bound=Settings)


def in_voxels(settings: Model, volume: Volume) -> Model:
    """Settings with every length in voxels, for one volume.

    Parameters
    ----------
    settings : Settings
        A model with the field ``length_unit`` (others come back as they are).
    volume : Volume
        Whose voxels. Of anisotropic voxels the shortest edge counts.

    Returns
    -------
    Settings
        The same model with ``length_unit="voxels"``; fields are not rounded.

    Raises
    ------
    InputError
        If the lengths are in µm and the voxel size is unknown.
    """
    if getattr(settings, "length_unit", "voxels") == "voxels":
        return settings
    try:
        size = volume.known_voxel_size_um()
    except InputError as error:
        raise InputError(f"The settings' lengths are in µm. {error}") from None
    factor = factors(size)
    changed = {
        spec.name: value / factor[spec.unit]
        for spec in field_specs(type(settings))
        if spec.unit in factor and (value := getattr(settings, spec.name)) is not None
    }
    # not validated anew: a range holds for the number the person gave
    return settings.model_copy(update={**changed, "length_unit": "voxels"})


def factors(voxel_size_um: Sequence[float]) -> dict[str, float]:
    """Micrometres (to the volume's power) per voxel, for the units `LENGTH` and `VOLUME`."""
    return {LENGTH: min(voxel_size_um), VOLUME: float(np.prod(voxel_size_um))}


def spacing_voxels(volume: Volume) -> tuple[float, ...]:
    """Voxel edges in units of the shortest; cubes while the voxel size is unknown."""
    size = volume.voxel_size_um
    return (1.0,) * volume.ndim if size is None else tuple(edge / min(size) for edge in size)
