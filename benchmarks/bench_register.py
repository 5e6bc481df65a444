"""Accuracy and CPU time of the alignment beside a good SimpleITK script, in one run.

    python benchmarks/bench_register.py [--case clean] [--case hard] [--case pair] [--starts 20]

All images are synthetic: spheres, rendered analytically where the known motion puts them, each
image with noise of its own. The target registration error (TRE) is the mean distance, in
voxels (of the finer image), between where a point of the overlap belongs and where the
transform found puts it.

``clean``: 256³, shifts up to 20 voxels, turns up to 5°. ``hard``: 128³, 2 to 12° and 10 to 25
voxels, noise 40 % of the contrast, every particle displaced (0.5 voxel per axis) and 2 %
larger, grey levels 10 % lower. ``pair``: a field of 2.3 µm voxels and one of 0.74 µm anywhere
inside it, up to 10°, a magnification error of up to 2 %. ``inverted``: 96³, the contrast of
one inverted and bent, mutual information.

SimpleITK: Euler or similarity transform, correlation, regular-step gradient descent, three
resolutions, its moments initialiser (``pair``: our coarse shift, as it has no such search);
gradient filters off, which is faster and more exact than the defaults.

elastix: the defaults of its rigid (``pair``: similarity) parameter map, from its own geometrical
initialiser (``pair``: our coarse shift). It is run where itk-elastix is installed.

``sandstone``: the real pair among the samples, moved onto one another, and the correlation of
the fine scan, averaged onto the coarse one's grid, with it, before and after.
"""

from __future__ import annotations

import argparse
import time
from importlib.util import find_spec

import numpy as np
from scipy.linalg import expm

from napari_battery.registration.register import register
from napari_battery.registration.settings import RegisterSettings
from napari_battery.volume import Volume

Pack = tuple[np.ndarray, np.ndarray, np.ndarray]


def spheres(low: float, high: float, pitch: float, seed: int) -> Pack:
    """Centres (µm), radii and grey levels of spheres in a cube and around it."""
    rng = np.random.default_rng(seed)
    number = int(((high - low) / pitch) ** 3 * 1.2)
    centres = rng.uniform(low, high, (number, 3))
    return centres, rng.uniform(0.3, 0.5, number) * pitch, rng.uniform(0.7, 1.0, number)


def render(n: int, pack: Pack, to_fixed: np.ndarray, voxel: float, blur: float) -> np.ndarray:
    """n³ voxels of the spheres as the moving image of a motion sees them."""
    centres, radii, levels = pack
    back = np.linalg.inv(to_fixed)
    centres = (centres @ back[:3, :3].T + back[:3, 3]) / voxel
    radii = radii * abs(np.linalg.det(back[:3, :3])) ** (1 / 3) / voxel
    image = np.zeros((n, n, n), np.float32)
    for centre, radius, level in zip(centres, radii, levels, strict=True):
        low = np.maximum(np.floor(centre - radius - 5 * blur).astype(int), 0)
        high = np.minimum(np.ceil(centre + radius + 5 * blur).astype(int) + 1, n)
        if (low >= high).any():
            continue
        axes = np.ogrid[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
        far = np.sqrt(sum((a - c) ** 2 for a, c in zip(axes, centre, strict=True))) - radius
        part = image[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
        np.maximum(part, level / (1 + np.exp(np.clip(far / (0.55 * blur), -50, 50))), out=part)
    return image


def motion(
    rng: np.random.Generator, degrees: float, shift: float, centre: float, scale: float = 1.0
) -> np.ndarray:
    """Turn about the middle, magnify, then shift, each in a random direction."""
    turn, move = rng.normal(size=3), rng.normal(size=3)
    z, y, x = turn / np.linalg.norm(turn) * np.radians(degrees)
    matrix = np.eye(4)
    matrix[:3, :3] = scale * expm(np.array([[0, -x, y], [x, 0, -z], [-y, z, 0]]))
    middle = np.full(3, centre)
    matrix[:3, 3] = middle - matrix[:3, :3] @ middle + shift * move / np.linalg.norm(move)
    return matrix


def target_error(
    found: np.ndarray, truth: np.ndarray, moving_edge: float, fixed_edge: float
) -> float:
    """Mean TRE over the overlap, in µm."""
    points = np.random.default_rng(1).uniform(0, moving_edge, (4000, 3))
    goal = points @ truth[:3, :3].T + truth[:3, 3]
    inside = ((goal >= 0) & (goal <= fixed_edge)).all(axis=1)
    points, goal = points[inside], goal[inside]
    away = points @ found[:3, :3].T + found[:3, 3] - goal
    return float(np.linalg.norm(away, axis=1).mean())


def noisy(image: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    return image + sigma * rng.standard_normal(image.shape, np.float32)


def clean(starts: int):
    n = 256
    pack = spheres(-80, n + 80, 16, 0)
    fixed = render(n, pack, np.eye(4), 1, 0.8)
    for seed in range(starts):
        rng = np.random.default_rng(seed)
        truth = motion(rng, rng.uniform(0, 5), rng.uniform(0, 20), n / 2)
        moving = noisy(render(n, pack, truth, 1, 0.8), 0.02, rng)
        yield Volume(noisy(fixed, 0.02, rng), (1.0,) * 3), Volume(moving, (1.0,) * 3), truth, {}


def hard(starts: int):
    n = 128
    pack = spheres(-50, n + 50, 13, 0)
    fixed = render(n, pack, np.eye(4), 1, 0.8)
    for seed in range(starts):
        rng = np.random.default_rng(seed)
        truth = motion(rng, rng.uniform(2, 12), rng.uniform(10, 25), n / 2)
        drifted = (pack[0] + rng.normal(0, 0.5, pack[0].shape), pack[1] * 1.02, pack[2] * 0.9)
        moving = noisy(render(n, drifted, truth, 1, 0.8), 0.36, rng)
        yield Volume(noisy(fixed, 0.36, rng), (1.0,) * 3), Volume(moving, (1.0,) * 3), truth, {}


def pair(starts: int):
    low, high, n = 2.3, 0.74, 128
    edge = n * low
    pack = spheres(-40, edge + 40, 24, 0)
    fixed = render(n, pack, np.eye(4), low, 0.8)
    for seed in range(starts):
        rng = np.random.default_rng(seed)
        fine = 192
        truth = motion(rng, rng.uniform(0, 10), 0, fine * high / 2, 1 + rng.uniform(-0.02, 0.02))
        truth[:3, 3] += rng.uniform(0.05 * edge, 0.95 * edge - fine * high, 3)
        moving = noisy(render(fine, pack, truth, high, 1.2), 0.1, rng)
        yield (
            Volume(noisy(fixed, 0.05, rng), (low,) * 3), Volume(moving, (high,) * 3), truth,
            {"kind": "similarity"},
        )  # fmt: skip


def inverted(starts: int):
    n = 96
    pack = spheres(-40, n + 40, 11, 0)
    fixed = render(n, pack, np.eye(4), 1, 0.8)
    for seed in range(starts):
        rng = np.random.default_rng(seed)
        truth = motion(rng, rng.uniform(0, 6), rng.uniform(0, 12), n / 2)
        moving = noisy((1 - render(n, pack, truth, 1, 0.8)) ** 2, 0.05, rng)
        yield (
            Volume(noisy(fixed, 0.05, rng), (1.0,) * 3), Volume(moving, (1.0,) * 3), truth,
            {"metric": "mutual-information"},
        )  # fmt: skip


HAS_ELASTIX = find_spec("itk") is not None and find_spec("itk.itkElastixRegistrationMethodPython")
CASES = {"clean": clean, "hard": hard, "pair": pair, "inverted": inverted}


def ours(fixed: Volume, moving: Volume, given: dict) -> tuple[np.ndarray, dict]:
    result = register(fixed, moving, RegisterSettings(**given))
    return result.transform.matrix, result.quality


def simpleitk(fixed: Volume, moving: Volume, given: dict, start: np.ndarray | None) -> np.ndarray:
    """A script as an experienced user writes it."""
    import SimpleITK as sitk  # noqa: N813

    def image(volume: Volume) -> sitk.Image:
        made = sitk.GetImageFromArray(np.asarray(volume.data, np.float32))
        made.SetSpacing([volume.voxel_size_um[0]] * 3)
        return made

    f, m = image(fixed), image(moving)
    similar = given.get("kind") == "similarity"
    transform = sitk.Similarity3DTransform() if similar else sitk.Euler3DTransform()
    if start is None:
        kind = sitk.CenteredTransformInitializerFilter.MOMENTS
        transform = sitk.CenteredTransformInitializer(f, m, transform, kind)
    else:
        # points of the fixed image, which the transform starts from, about the moving field
        middle = moving.voxel_size_um[0] * moving.shape[0] / 2
        centre = start[:3, :3] @ np.full(3, middle) + start[:3, 3]
        transform.SetCenter(centre[::-1].tolist())
        transform.SetTranslation((middle - centre)[::-1].tolist())
        # samples are drawn in the fixed image: the part that the moving one covers, and a margin
        voxel, reach = fixed.voxel_size_um[0], 0.55 * moving.voxel_size_um[0] * moving.shape[0]
        low = np.clip(((centre - reach) / voxel).astype(int), 0, fixed.shape)
        high = np.clip(((centre + reach) / voxel).astype(int), 0, fixed.shape)
        f = f[low[2] : high[2], low[1] : high[1], low[0] : high[0]]
    method = sitk.ImageRegistrationMethod()
    if given.get("metric"):
        method.SetMetricAsMattesMutualInformation(50)
    else:
        method.SetMetricAsCorrelation()
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentagePerLevel([0.2, 0.1, 0.05] if not similar else [0.5] * 3, 1)
    method.SetMetricUseFixedImageGradientFilter(False)
    method.SetMetricUseMovingImageGradientFilter(False)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-4, 200)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2, 1] if similar else [8, 4, 2])
    method.SetSmoothingSigmasPerLevel([2, 1, 0] if similar else [4, 2, 1])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOff()
    method.SetInitialTransform(transform, inPlace=True)
    try:
        method.Execute(f, m)
    except RuntimeError:
        return np.eye(4)
    origin = np.array(transform.TransformPoint([0.0] * 3))
    ends = np.array([transform.TransformPoint(row) for row in np.eye(3).tolist()])
    backward = np.eye(4)
    backward[:3, :3] = (ends - origin).T[::-1, ::-1]
    backward[:3, 3] = origin[::-1]
    return np.linalg.inv(backward)


def elastix(fixed: Volume, moving: Volume, given: dict, start: np.ndarray | None) -> np.ndarray:
    """The defaults, as its documentation calls them."""
    import itk

    def image(volume: Volume):
        made = itk.image_view_from_array(np.ascontiguousarray(volume.data, np.float32))
        made.SetSpacing([volume.voxel_size_um[0]] * 3)
        return made

    parameters = itk.ParameterObject.New()
    chosen = parameters.GetDefaultParameterMap("rigid")
    if given.get("kind") == "similarity":
        chosen["Transform"] = ["SimilarityTransform"]
    placed = image(moving)
    matrix = np.eye(4)
    if start is None:
        chosen["AutomaticTransformInitialization"] = ["true"]
        chosen["AutomaticTransformInitializationMethod"] = ["GeometricalCenter"]
    else:
        # where our coarse shift puts it
        middle = np.full(3, moving.voxel_size_um[0] * moving.shape[0] / 2)
        matrix[:3, 3] = start[:3, :3] @ middle + start[:3, 3] - middle
        placed.SetOrigin(matrix[:3, 3][::-1].tolist())
    parameters.AddParameterMap(chosen)
    try:
        _, found = itk.elastix_registration_method(
            image(fixed), placed, parameter_object=parameters, log_to_console=False
        )
    except RuntimeError:
        return np.eye(4)
    said = found.GetParameterMap(found.GetNumberOfParameterMaps() - 1)
    numbers = np.array([float(v) for v in said["TransformParameters"]])
    centre = np.array([float(v) for v in said["CenterOfRotationPoint"]])
    similar = given.get("kind") == "similarity"
    kind = itk.Similarity3DTransform if similar else itk.Euler3DTransform
    transform = kind[itk.D].New()
    fixed_parameters = itk.OptimizerParameters[itk.D]()
    fixed_parameters.SetSize(3)
    for k in range(3):
        fixed_parameters[k] = centre[k]
    if not similar:
        fixed_parameters.SetSize(4)
        for k in range(3):
            fixed_parameters[k] = centre[k]
        fixed_parameters[3] = float(said.get("ComputeZYX", ["false"])[0] == "true")
    transform.SetFixedParameters(fixed_parameters)
    values = itk.OptimizerParameters[itk.D]()
    values.SetSize(len(numbers))
    for k, value in enumerate(numbers):
        values[k] = value
    transform.SetParameters(values)
    origin = np.array(transform.TransformPoint([0.0] * 3))
    ends = np.array([transform.TransformPoint(row) for row in np.eye(3).tolist()])
    backward = np.eye(4)
    backward[:3, :3] = (ends - origin).T[::-1, ::-1]
    backward[:3, 3] = origin[::-1]
    return np.linalg.inv(backward) @ matrix


def sandstone() -> None:
    """What shift its authors left between both scans, and what taking it out brings."""
    from napari_battery.registration.apply import apply_transform
    from napari_battery.registration.transform import identity
    from napari_battery.samples import sandstone as scans

    low, high = scans()
    inner = (slice(1, -1),) * 3

    def agreement(transform) -> float:
        moved = apply_transform(high, transform, low)
        there = np.asarray(moved.region)[inner]
        return float(np.corrcoef(low.data[inner][there], moved.data[inner][there])[0, 1])

    for kind in ("translation", "rigid"):
        found = register(low, high, RegisterSettings(kind=kind, start="current"))
        middle = (np.array(high.shape) - 1) / 2 * high.voxel_size_um + high.origin_um
        shift = found.transform.apply_points(middle[None])[0] - middle
        told = ", ".join(f"{v:.2f}" for v in shift)
        print(
            f"sandstone {kind}: middle moved by {told} µm (z, y, x), turned by "
            f"{found.quality['rotation_deg']:.3f}°; correlation as compared "
            f"{found.quality['correlation_before']:.4f} -> "
            f"{found.quality['correlation_after']:.4f}, averaged onto the coarse grid "
            f"{agreement(identity(low, high)):.4f} -> {agreement(found.transform):.4f}"
        )


def coarse_start(fixed: Volume, moving: Volume, given: dict) -> np.ndarray:
    """Our search alone: what it costs is counted for SimpleITK, too."""
    settings = RegisterSettings(**{**given, "iterations": 1, "levels": 1, "finest": 2})
    matrix = np.eye(4)
    found = register(fixed, moving, settings).transform
    matrix[:3, 3] = found.matrix[:3, 3] + (found.linear - np.eye(3)) @ np.full(
        3, moving.voxel_size_um[0] * moving.shape[0] / 2
    )
    return matrix


def run(name: str, starts: int, beside: bool) -> None:
    rows: dict[str, list[tuple[float, float, float]]] = {"ours": [], "SimpleITK": [], "elastix": []}
    warned = 0
    cases = CASES[name](starts + 1)
    for count, (fixed, moving, truth, given) in enumerate(cases):
        voxel = min(fixed.voxel_size_um[0], moving.voxel_size_um[0])
        edges = [v.voxel_size_um[0] * (v.shape[0] - 1) for v in (moving, fixed)]
        found: dict[str, tuple[np.ndarray, float]] = {}
        since = time.process_time()
        matrix, quality = ours(fixed, moving, given)
        found["ours"] = matrix, time.process_time() - since
        if beside:
            since = time.process_time()
            start = coarse_start(fixed, moving, given) if name == "pair" else None
            matrix = simpleitk(fixed, moving, given, start)
            found["SimpleITK"] = matrix, time.process_time() - since
        if beside and HAS_ELASTIX:
            since = time.process_time()
            start = coarse_start(fixed, moving, given) if name == "pair" else None
            matrix = elastix(fixed, moving, given, start)
            found["elastix"] = matrix, time.process_time() - since
        if count == 0:
            continue  # the first one pays for imports and compiling
        warned += bool(quality["warnings"])
        scale = abs(np.linalg.det(truth[:3, :3])) ** (1 / 3)
        for who, (matrix, seconds) in found.items():
            off = abs(abs(np.linalg.det(matrix[:3, :3])) ** (1 / 3) / scale - 1)
            rows[who].append((target_error(matrix, truth, *edges) / voxel, seconds, off))
    for who, row in rows.items():
        if not row:
            continue
        tre, seconds, off = np.array(row).T
        print(
            f"{name:9} {who:9} n {len(row)}  TRE median {np.median(tre):.4f} "
            f"p95 {np.quantile(tre, 0.95):.4f} max {tre.max():.3f} voxel, "
            f"≤ 0.05: {(tre <= 0.05).mean():.2f}, ≤ 0.2: {(tre <= 0.2).mean():.2f}, "
            f"of these median {np.median(tre[tre <= 0.2]) if (tre <= 0.2).any() else np.nan:.4f}, "
            f"CPU median {np.median(seconds):.2f} s, per success "
            f"{seconds.sum() / max(1, (tre <= 0.2).sum()):.2f} s, scale off by {off.max():.1e}"
            + (f", warned {warned}" if who == "ours" else ""),
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", action="append", choices=[*CASES, "sandstone"])
    parser.add_argument("--starts", type=int, default=20)
    parser.add_argument("--alone", action="store_true", help="without SimpleITK and elastix")
    options = parser.parse_args()
    for name in options.case or [*CASES, "sandstone"]:
        if name == "sandstone":
            sandstone()
            continue
        run(name, options.starts, not options.alone)


if __name__ == "__main__":
    main()
