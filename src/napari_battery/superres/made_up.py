"""Training images of a high-resolution scan that has no low-resolution one."""

from __future__ import annotations

from napari_battery.errors import InputError
from napari_battery.progress import SILENT, Progress
from napari_battery.superres.degradation import DegradationSettings
from napari_battery.superres.pairs import degraded_image
from napari_battery.superres.part import part_of
from napari_battery.superres.training_image import TrainingImage
from napari_battery.volume import Volume

__all__ = ["DRAWS", "for_low_voxel_size", "made_up_images"]

DRAWS = 4
"""Made-up low scans of each high-resolution scan that comes alone."""


def made_up_images(
    high: Volume,
    settings: DegradationSettings = DegradationSettings(),  # noqa: B008
    progress: Progress = SILENT,
    *,
    group: str = "",
    licence: str = "",
) -> list[TrainingImage]:
    """Several training images of one high-resolution scan, cut to one size.

    Parameters
    ----------
    high, settings, progress, group, licence
        As of `degraded_image`, which is called with the seeds 0, 1, …

    Returns
    -------
    list of TrainingImage
        `DRAWS` of them, each with a blur, noise and ratio of its own.
    """
    made = [
        degraded_image(high, settings, seed, progress, group=group, licence=licence)
        for seed in range(DRAWS)
    ]
    least = [min(sides) for sides in zip(*(image.shape for image in made), strict=True)]
    return [part_of(image, tuple(slice(0, n) for n in least)) for image in made]


def for_low_voxel_size(
    settings: DegradationSettings, low_um: float, high_um: tuple[float, ...]
) -> DegradationSettings:
    """The same settings with the ratio that makes low scans of voxels of `low_um` µm.

    Raises
    ------
    InputError
        If the ratio to the high scan's voxels `high_um` is not between 1 and 32.
    """
    ratio = low_um / min(high_um)
    if not 1 <= ratio <= 32:
        raise InputError(
            f"A low voxel size of {low_um:g} µm is {ratio:.3g} times the high scan's "
            f"{min(high_um):g} µm; 1 to 32 times is possible."
        )
    return settings.model_copy(update={"ratio": ratio})
