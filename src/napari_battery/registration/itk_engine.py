"""The second engine: SimpleITK's gradient descent on the same resolutions, as a cross-check."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.progress import Progress
from napari_battery.registration.gauss_newton import Trial
from napari_battery.registration.pyramid import Level
from napari_battery.registration.settings import RegisterSettings
from napari_battery.registration.transform_files import first_line

__all__ = ["refine_with_itk"]

Array = NDArray[np.floating[Any]]


def refine_with_itk(
    fixed: list[Level],
    moving: list[Level],
    backward: Array,
    settings: RegisterSettings,
    progress: Progress,
    see: Callable[[int, int, Trial], None],
) -> Array:
    """Refine in every resolution, from coarse to fine.

    Regular-step gradient descent on the correlation, or on Mattes' mutual information, with
    the samples and the number of iterations of the settings.

    Parameters
    ----------
    fixed, moving : list of Level
        From fine to coarse.
    backward : (4, 4) array
        From the fixed world to the moving one.
    settings : RegisterSettings
        Kind, metric, samples, iterations, seed.
    progress : Progress
        Advanced per step.
    see : callable
        Called as ``see(level, iteration, trial)`` after each step.

    Returns
    -------
    (4, 4) array
        From the fixed world to the moving one.

    Raises
    ------
    InputError
        If SimpleITK gives up: mostly because the images hardly overlap.
    Cancelled
        Once `progress` says so.
    """
    for number, (still, other) in enumerate(
        zip(reversed(fixed), reversed(moving), strict=True), start=1
    ):
        # gradient descent needs several steps for one of Gauss and Newton
        steps = 5 * settings.iterations
        progress.begin(steps, f"Aligning with SimpleITK, resolution {number} of {len(fixed)}")
        backward = _one_level(still, other, backward, settings, steps, progress, see, number)
    return backward


def _one_level(
    still: Level,
    other: Level,
    backward: Array,
    settings: RegisterSettings,
    steps: int,
    progress: Progress,
    see: Callable[[int, int, Trial], None],
    number: int,
) -> Array:
    import SimpleITK as sitk  # noqa: N813

    loud = sitk.ProcessObject.GetGlobalWarningDisplay()
    # what it writes past Python is said by the error it raises, or by our own figures
    sitk.ProcessObject.GlobalWarningDisplayOff()
    try:
        return _run_level(still, other, backward, settings, steps, progress, see, number)
    except RuntimeError as error:
        reason = first_line(error)
        raise InputError(
            f"SimpleITK could not align the images: {reason.rstrip('.')}. Check that they overlap "
            "where it starts, or use the own engine."
        ) from error
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(loud)


def _run_level(
    still: Level,
    other: Level,
    backward: Array,
    settings: RegisterSettings,
    steps: int,
    progress: Progress,
    see: Callable[[int, int, Trial], None],
    number: int,
) -> Array:
    import SimpleITK as sitk  # noqa: N813

    flat = still.data.shape[0] == 1
    fixed, fixed_mask = _image(still, flat)
    moving, moving_mask = _image(other, flat)
    centre = still.matrix @ [*((np.array(still.data.shape) - 1) / 2), 1.0]
    transform = _transform(settings.kind, centre[:3], flat)
    method = sitk.ImageRegistrationMethod()
    if settings.metric == "correlation":
        method.SetMetricAsCorrelation()
    else:
        method.SetMetricAsMattesMutualInformation(50)
    if fixed_mask is not None:
        method.SetMetricFixedMask(fixed_mask)
    if moving_mask is not None:
        method.SetMetricMovingMask(moving_mask)
    method.SetMetricSamplingStrategy(method.RANDOM)
    share = min(1.0, settings.samples / still.data.size)
    method.SetMetricSamplingPercentage(share, settings.seed + 1)
    method.SetMetricUseFixedImageGradientFilter(False)
    method.SetMetricUseMovingImageGradientFilter(False)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=1.0, minStep=1e-4, numberOfIterations=steps, gradientMagnitudeTolerance=1e-8
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(transform, inPlace=True)
    method.SetMovingInitialTransform(_affine(backward, flat))
    stopped: list[BaseException] = []

    def step() -> None:
        matrix = backward @ _matrix(transform, flat)
        # of the trial only map and metric are known here
        nothing = np.empty(0)
        metric = -float(method.GetMetricValue())
        try:
            progress.advance()
            see(number, method.GetOptimizerIteration() + 1,
                Trial(matrix, metric, 1.0, nothing, nothing))  # fmt: skip
        except BaseException as error:
            # an exception must not pass through SimpleITK; it goes on once that has stopped
            stopped.append(error)
            method.StopRegistration()

    method.AddCommand(sitk.sitkIterationEvent, step)
    try:
        method.Execute(fixed, moving)
    finally:
        if stopped:  # also where SimpleITK fails because it was stopped
            raise stopped[0]
    return np.asarray(backward @ _matrix(transform, flat))


def _image(level: Level, flat: bool) -> tuple[Any, Any | None]:
    """An image of SimpleITK (axes x, y, z) and, where voxels have no data, its mask."""
    import SimpleITK as sitk  # noqa: N813

    first = 1 if flat else 0
    data = level.data[0] if flat else level.data
    good = np.isfinite(data)
    linear = level.matrix[first:3, first:3][::-1, ::-1]
    spacing = np.linalg.norm(linear, axis=0)

    def place(image: Any) -> Any:
        image.SetSpacing(spacing.tolist())
        image.SetDirection((linear / spacing).ravel().tolist())
        image.SetOrigin(level.matrix[first:3, 3][::-1].tolist())
        return image

    image = place(sitk.GetImageFromArray(np.where(good, data, np.nanmean(data))))
    mask = None if good.all() else place(sitk.GetImageFromArray(good.astype(np.uint8)))
    return image, mask


def _transform(kind: str, centre: Array, flat: bool) -> Any:
    import SimpleITK as sitk  # noqa: N813

    n = 2 if flat else 3
    if kind == "translation":
        return sitk.TranslationTransform(n)
    transform = {
        "rigid": sitk.Euler2DTransform if flat else sitk.Euler3DTransform,
        "similarity": sitk.Similarity2DTransform if flat else sitk.Similarity3DTransform,
        "affine": lambda: sitk.AffineTransform(n),
    }[kind]()
    transform.SetCenter(centre[-n:][::-1].tolist())
    return transform


def _affine(matrix: Array, flat: bool) -> Any:
    """A 4×4 matrix as SimpleITK's transform."""
    import SimpleITK as sitk  # noqa: N813

    n = 2 if flat else 3
    part = matrix[3 - n : 3, 3 - n : 3][::-1, ::-1]
    transform = sitk.AffineTransform(n)
    transform.SetMatrix(part.ravel().tolist())
    transform.SetTranslation(matrix[3 - n : 3, 3][::-1].tolist())
    return transform


def _matrix(transform: Any, flat: bool) -> Array:
    """A transform of SimpleITK as 4×4 matrix, from what it does to points."""
    n = 2 if flat else 3
    origin = np.array(transform.TransformPoint([0.0] * n))
    ends = np.array([transform.TransformPoint(list(map(float, row))) for row in np.eye(n)])
    matrix = np.eye(4)
    matrix[3 - n : 3, 3 - n : 3] = (ends - origin).T[::-1, ::-1]
    matrix[3 - n : 3, 3] = origin[::-1]
    return matrix
