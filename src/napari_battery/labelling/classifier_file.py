"""Classifiers in files: safetensors, which hold arrays and text and can run nothing."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from napari_battery.errors import InputError
from napari_battery.files import atomic_path
from napari_battery.labelling.classifier import PixelClassifier
from napari_battery.labelling.classifier_settings import ClassifierSettings
from napari_battery.labelling.features import feature_names
from napari_battery.labelling.forest import ARRAYS, forest_of

__all__ = ["ENDING", "FORMAT", "load_classifier", "save_classifier"]

FORMAT = "napari-battery-classifier/1"
ENDING = ".safetensors"
_KEY = "napari-battery"


def save_classifier(path: str | os.PathLike[str], classifier: PixelClassifier) -> None:
    """Write a classifier: the forest's arrays, and a JSON header with all the rest.

    Parameters
    ----------
    path : path
        Ends in .safetensors. Whatever stands there is replaced once the new file is whole.
    classifier : PixelClassifier
        From `train_classifier`.

    Raises
    ------
    InputError
        For another ending, or a folder that is missing or may not be written to.
    """
    from safetensors.numpy import save_file

    path = Path(path)
    if path.suffix.lower() != ENDING:
        raise InputError(f"Cannot write {path}: the name of a classifier must end in {ENDING}.")
    header = {
        "format": FORMAT,
        "settings": classifier.settings.model_dump(mode="json"),
        "voxel_size_um": classifier.voxel_size_um,
        "is_flat": classifier.is_flat,
        "features": classifier.features,
        "phases": classifier.phases,
        "training_voxels": classifier.training_voxels,
        "accuracy": classifier.accuracy,
        "importances": classifier.importances,
        "made": classifier.made,
    }
    text = json.dumps(header, ensure_ascii=False, default=str)
    with atomic_path(path) as temporary:
        save_file(dict(classifier.forest.arrays), temporary, metadata={_KEY: text})


def load_classifier(path: str | os.PathLike[str]) -> PixelClassifier:
    """Read a classifier.

    Raises
    ------
    InputError
        If the file does not exist, is no classifier of this program, is broken, or comes from
        a version whose features were others.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no file {path}.")
    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(_KEY)
            names = set(file.keys())
            arrays = {k: file.get_tensor(k) for k in ARRAYS if k in names}
    except (SafetensorError, OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{path} cannot be read as a classifier (a {ENDING} file): it is broken, or of "
            f"another kind. ({' '.join(str(error).split())})"
        ) from None
    header = _header(path, text)
    if set(arrays) != set(ARRAYS):
        raise InputError(f"{path} is a broken classifier: it lacks its trees. Train it again.")
    try:
        return _made_of(path, header, arrays)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        # InputError and pydantic's errors are ValueErrors
        if isinstance(error, InputError) and not isinstance(error, ValidationError):
            raise InputError(f"{path}: {error}") from None
        raise InputError(f"{path} is a broken classifier: train it again.") from None


def _header(path: Path, text: str | None) -> dict[str, Any]:
    try:
        header = json.loads(text or "")
    except (ValueError, RecursionError):
        header = None
    kind = header.get("format") if isinstance(header, dict) else None
    if kind != FORMAT:
        known = str(kind).startswith(FORMAT.split("/")[0])
        what = f"of another version ({kind})" if known else "no classifier of napari-battery"
        raise InputError(f"{path} is {what}: choose one saved by “Save classifier”.")
    result: dict[str, Any] = header
    return result


def _made_of(path: Path, header: dict[str, Any], arrays: dict[str, Any]) -> PixelClassifier:
    settings = ClassifierSettings(**header["settings"])
    is_flat = bool(header["is_flat"])
    found = tuple(header["features"])
    if found != feature_names(settings, is_flat):
        raise InputError("its features are not those of this version; train it again.")
    phases = {str(name): int(code) for name, code in header["phases"].items()}
    codes = list(phases.values())
    if len(codes) < 2 or sorted(set(codes)) != codes or not 0 <= codes[0] <= codes[-1] < 255:
        raise InputError("its phases are broken; train it again.")
    size = header["voxel_size_um"]
    if size is not None and not all(0 < edge < math.inf for edge in size):
        raise InputError("its voxel size is broken; train it again.")
    accuracy = header["accuracy"]
    return PixelClassifier(
        settings=settings,
        voxel_size_um=None if size is None else tuple(float(edge) for edge in size),
        is_flat=is_flat,
        features=found,
        phases=phases,
        forest=forest_of(arrays, len(found), len(phases)),
        training_voxels={str(k): int(v) for k, v in header["training_voxels"].items()},
        accuracy=None if accuracy is None else float(accuracy),
        importances={str(k): float(v) for k, v in header["importances"].items()},
        made=dict(header["made"]),
    )
