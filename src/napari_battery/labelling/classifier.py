"""A pixel classifier: trained on scribbles, a random forest tells phases apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.blocks import read_with_halo, whole, windows
from napari_battery.errors import InputError
from napari_battery.labelling.classifier_settings import ClassifierSettings
from napari_battery.labelling.features import feature_margin, feature_names, features
from napari_battery.labelling.forest import Forest, flattened, forest_of
from napari_battery.labelling.grey_histogram import grey_histogram
from napari_battery.labelling.phases_settings import PHASE_CODES
from napari_battery.lengths import in_voxels, spacing_voxels
from napari_battery.progress import SILENT, Progress
from napari_battery.provenance import provenance
from napari_battery.volume import Volume

__all__ = [
    "GreyScale",
    "PixelClassifier",
    "block_features",
    "grey_scale",
    "margin_of",
    "train_classifier",
]

_TREES_AT_ONCE = 10
_LARGEST_SCRIBBLE = 254
_SIDE = 64


@dataclass(frozen=True)
class GreyScale:
    """Grey levels that count as 0 and 1, and the one taken where there is none."""

    low: float
    high: float
    fill: float


@dataclass(frozen=True, eq=False)
class PixelClassifier:
    """What was learned from scribbles, and from which."""

    settings: ClassifierSettings
    voxel_size_um: tuple[float, ...] | None
    """Of the image it was trained on."""
    is_flat: bool
    """Whether slices are looked at one by one."""
    features: tuple[str, ...]
    phases: dict[str, int]
    """Name and code of each phase; a scribble of number n is of the phase of code n − 1."""
    forest: Forest
    """Its classes are in the order of `phases`."""
    training_voxels: dict[str, int]
    """Scribbled voxels of each phase that it learned from."""
    accuracy: float | None
    """Share of scribbled voxels that the trees which did not learn from them (out of bag)
    place right, phases counting alike; None where too few trees left any out. Neighbouring
    voxels of a scribble resemble each other: on the rest of the image it is lower."""
    importances: dict[str, float]
    """Share of each feature in what the trees decide; sums to 1."""
    made: dict[str, Any] = field(default_factory=dict)


def train_classifier(
    image: Volume,
    scribbles: Any,
    settings: ClassifierSettings = ClassifierSettings(),  # noqa: B008
    progress: Progress = SILENT,
    names: Mapping[int, str] | None = None,
) -> PixelClassifier:
    """Learn phases from hand-drawn examples.

    Parameters
    ----------
    image : Volume
        Grey levels, 2-D or 3-D. Features are computed around scribbles alone.
    scribbles : integer array
        The image's shape; 0 where nothing is drawn, n on examples of phase n.
    settings : ClassifierSettings
        Features and forest.
    progress : Progress
        Advanced per block of features and per ten trees.
    names : mapping of int to str, optional
        Name of each scribble's phase; 1 pore, 2 active, 3 binder and "phase n" by default.

    Returns
    -------
    PixelClassifier

    Raises
    ------
    InputError
        If scribbles have another shape or are no integers, or fewer than two phases are drawn
        where the image has grey levels.

    References
    ----------
    Breiman, "Random Forests" (2001); the features are those of Arganda-Carreras et al.,
    "Trainable Weka Segmentation" (2017).
    """
    drawn = np.asarray(scribbles)
    _check(image, drawn)
    scaled = in_voxels(settings, image)
    is_flat = settings.per_slice or image.ndim == 2
    values, numbers = _examples(image, drawn, scaled, is_flat, progress)
    present = np.unique(numbers)
    if len(present) < 2:
        raise _too_few(image, present)
    rows = _some(numbers, settings)
    values, numbers = values[rows], numbers[rows]
    model, accuracy = _fit(values, numbers, settings, progress)
    phases = {_name(int(n), names): int(n) - 1 for n in present}
    found = feature_names(settings, is_flat)
    counts = {name: int((numbers == code + 1).sum()) for name, code in phases.items()}
    notes = [f"{n:,} scribbled voxels of {name}" for name, n in counts.items()]
    return PixelClassifier(
        settings,
        image.voxel_size_um,
        is_flat,
        found,
        phases,
        forest_of(flattened(model.estimators_), len(found), len(phases)),
        counts,
        accuracy,
        {name: float(v) for name, v in zip(found, model.feature_importances_, strict=True)},
        provenance("classifier", settings, [image], notes),
    )


def grey_scale(
    image: Volume,
    settings: ClassifierSettings,
    histogram: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None,
) -> GreyScale:
    """What 0 and 1 of the features stand for in an image.

    Parameters
    ----------
    image : Volume
        Read where no histogram is given.
    settings : ClassifierSettings
        Uses `match_grey`.
    histogram : (values, counts), optional
        Of the image, see `grey_histogram`.
    """
    values, counts = histogram or grey_histogram(image)
    below = np.cumsum(counts) / counts.sum()
    fill = float(values @ counts / counts.sum())
    if not settings.match_grey:
        return GreyScale(0.0, 1.0, fill)
    low, high = (float(values[np.searchsorted(below, share)]) for share in (0.01, 0.99))
    return GreyScale(low, high if high > low else low + 1.0, fill)


def block_features(
    block: NDArray[Any],
    scale: GreyScale,
    settings: ClassifierSettings,
    spacing: tuple[float, ...],
    is_flat: bool,
) -> Any:
    """Features of a block with its margin, see `features`; 2-D blocks are one slice."""
    grey = block.astype(np.float64)
    if block.dtype.kind == "f":
        grey[~np.isfinite(grey)] = scale.fill
    grey -= scale.low
    grey /= scale.high - scale.low
    if grey.ndim == 2:
        grey = grey[None]
    edges = (1.0, *spacing)[-3:]
    return features(grey.astype(np.float32), settings, edges, is_flat)  # type: ignore[arg-type]


def margin_of(
    settings: ClassifierSettings, spacing: tuple[float, ...], is_flat: bool
) -> tuple[int, ...]:
    """`feature_margin` with as many axes as `spacing`."""
    edges = (1.0, *spacing)[-3:]
    margin = feature_margin(settings, edges, is_flat)  # type: ignore[arg-type]
    return margin[-len(spacing) :]


def _examples(
    image: Volume,
    drawn: NDArray[Any],
    settings: ClassifierSettings,
    is_flat: bool,
    progress: Progress,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Features and numbers of the scribbled voxels, in z, y, x order of their blocks."""
    spacing = spacing_voxels(image)
    margin = margin_of(settings, spacing, is_flat)
    blocks = [w for w in windows(whole(image.shape), (_SIDE,) * image.ndim) if drawn[w].any()]
    if not blocks:
        raise _too_few(image, np.zeros(0, int))
    scale = grey_scale(image, settings)
    progress.begin(len(blocks), f"Looking at scribbles: {image.name}")
    rows: list[NDArray[np.float32]] = []
    numbers: list[NDArray[np.int64]] = []
    for block in blocks:
        window = _around(drawn[block] > 0, block)
        marks = drawn[window].astype(np.int64)
        if image.region is not None:
            marks = np.where(np.asarray(image.region[window], bool), marks, 0)
        if image.dtype.kind == "f":
            marks = np.where(np.isfinite(np.asarray(image.data[window])), marks, 0)
        grey = read_with_halo(image.data, window, margin)
        planes = marks if marks.ndim == 3 else marks[None]
        for part, values in block_features(grey, scale, settings, spacing, is_flat):
            here = planes[part].ravel()
            rows.append(values[here > 0])
            numbers.append(here[here > 0])
        progress.advance()
    return np.concatenate(rows), np.concatenate(numbers)


def _around(marked: NDArray[np.bool_], block: tuple[slice, ...]) -> tuple[slice, ...]:
    """Smallest window of a block that holds all its marked voxels."""
    window = []
    for axis, side in enumerate(block):
        others = tuple(a for a in range(marked.ndim) if a != axis)
        seen = np.flatnonzero(marked.any(axis=others))
        window.append(slice(side.start + int(seen[0]), side.start + int(seen[-1]) + 1))
    return tuple(window)


def _some(numbers: NDArray[np.int64], settings: ClassifierSettings) -> NDArray[np.int64]:
    """Rows to learn from: all, or of phases with very many some at random."""
    rng = np.random.default_rng(settings.seed)
    kept = []
    for number in np.unique(numbers):
        rows = np.flatnonzero(numbers == number)
        if len(rows) > settings.samples_per_phase:
            rows = rng.choice(rows, settings.samples_per_phase, replace=False)
        kept.append(rows)
    return np.sort(np.concatenate(kept))


def _fit(
    values: NDArray[np.float32],
    numbers: NDArray[np.int64],
    settings: ClassifierSettings,
    progress: Progress,
) -> tuple[Any, float | None]:
    """Grow the trees a few at a time; returns the forest and its out-of-bag accuracy."""
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(
        n_estimators=0,
        max_depth=settings.max_depth,
        n_jobs=-1,
        random_state=settings.seed,
        warm_start=True,
    )
    # a phase scribbled over a large area must not outweigh one of a few strokes
    present, inverse, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    weights = (len(numbers) / (len(present) * counts))[inverse]
    steps = range(_TREES_AT_ONCE, settings.n_trees + _TREES_AT_ONCE, _TREES_AT_ONCE)
    progress.begin(len(steps), "Growing trees")
    for n_trees in steps:
        forest.set_params(n_estimators=min(n_trees, settings.n_trees))
        forest.fit(values, numbers, sample_weight=weights)
        progress.advance()
    return forest, _accuracy(forest, values, inverse, counts)


def _accuracy(
    forest: Any, values: NDArray[np.float32], truth: NDArray[np.int64], counts: NDArray[np.int64]
) -> float | None:
    """Mean over the phases of the share that trees which left a voxel out place right."""
    votes = np.zeros((len(values), len(counts)))
    for tree, used in zip(forest.estimators_, forest.estimators_samples_, strict=True):
        out = np.ones(len(values), bool)
        out[used] = False
        if out.any():
            votes[out] += tree.predict_proba(values[out])
    seen = votes.any(axis=1)
    right = votes.argmax(axis=1) == truth
    shares = [right[seen & (truth == k)] for k in range(len(counts))]
    if any(len(share) == 0 for share in shares):
        return None
    return float(np.mean([share.mean() for share in shares]))


def _name(number: int, names: Mapping[int, str] | None) -> str:
    usual = {code + 1: name for name, code in PHASE_CODES.items()}
    return (names or {}).get(number) or usual.get(number, f"phase {number}")


def _check(image: Volume, drawn: NDArray[Any]) -> None:
    if drawn.shape != image.shape:
        raise InputError(
            f"The scribbles have shape {drawn.shape}, “{image.name}” {image.shape}; "
            "draw them on a labels layer of that image."
        )
    if drawn.dtype.kind not in "iu":
        raise InputError(
            f"The scribbles are of type {drawn.dtype}; draw them on a labels layer, whose "
            "numbers are integers."
        )
    if drawn.size and (drawn.min() < 0 or drawn.max() > _LARGEST_SCRIBBLE):
        raise InputError(
            f"Scribbles are numbered {drawn.min()} to {drawn.max()}; use 1 to "
            f"{_LARGEST_SCRIBBLE}, 0 for nothing."
        )


def _too_few(image: Volume, present: NDArray[Any]) -> InputError:
    if len(present) == 0:
        return InputError(
            f"There are no scribbles where “{image.name}” has grey levels: draw examples of "
            "each phase."
        )
    return InputError(
        f"All scribbles are of phase {present[0]}: draw examples of at least one more phase."
    )
