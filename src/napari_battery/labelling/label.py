"""Labels of particles in one image: threshold, clean, distance, markers, watershed."""

from __future__ import annotations

from napari_battery.labelling.settings import LabelSettings
from napari_battery.labelling.stages import Stages
from napari_battery.progress import SILENT, Progress
from napari_battery.volume import Volume

__all__ = ["label_particles"]


def label_particles(
    image: Volume,
    settings: LabelSettings = LabelSettings(),  # noqa: B008
    progress: Progress = SILENT,
    mask: Volume | None = None,
    phase: int | str | None = None,
) -> Volume:
    """Give each particle of an image its own number.

    Watershed on a smoothed distance map, as in the GREAT2 paper (section 2.2), with
    markers at its h-maxima. Touching particles are parted at their necks.

    Parameters
    ----------
    image : Volume
        Grey levels, 2-D or 3-D, any type. Nothing is labelled outside its region.
    settings : LabelSettings
        Thresholding, cleaning and splitting.
    progress : Progress
        Several stages per step, advanced within; cancels in between.
    mask : Volume, optional
        A mask or phases to part into particles in place of the thresholded image; the
        image then only lends its grid and region (it may be the mask itself).
    phase : int or str, optional
        Which phase of `mask`, see `napari_battery.labelling.phase_mask`.

    Returns
    -------
    Volume
        int32 labels 1 … n on the image's grid, numbered by z, y, x of the particles'
        centres. ``metadata`` holds ``kind="labels"``, ``n_labels``, ``threshold`` (None with
        a mask), ``note`` (empty, or why there is no label) and ``made``.

    Raises
    ------
    InputError
        If the image has no contrast or no finite grey level or holds labels, a manual
        threshold is wanted but not given, or the mask does not fit.

    References
    ----------
    Jones et al., "Demonstrating faster multi-label grey-level analysis for crack
    detection in ex-situ & operando micro-CT images of NMC electrode".
    """
    return Stages(image, mask, phase, keep=False).run(settings, progress)
