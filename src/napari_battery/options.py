"""Command-line options and YAML files made from settings models."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from napari_battery.errors import InputError
from napari_battery.settings import LENGTH, VOLUME, FieldSpec, Settings, field_specs

__all__ = ["add_settings", "settings_from"]

Model = TypeVar("Model", bound=Settings)

_AUTOMATIC = "auto"
_SHOWN = {LENGTH: "voxels or µm, see --length-unit", VOLUME: "voxels or µm³, see --length-unit"}


def add_settings(parser: argparse.ArgumentParser, model: type[Settings]) -> None:
    """Add one option per field of `model`, and ``--settings FILE`` for a YAML file of them."""
    group = parser.add_argument_group("settings")
    group.add_argument(
        "--settings",
        metavar="FILE",
        type=Path,
        help="YAML file of settings; options given here win over it",
    )
    for spec in field_specs(model):
        default = _AUTOMATIC if spec.default is None else spec.default
        unit = _SHOWN.get(spec.unit, spec.unit)
        text = spec.description + (f" [{unit}]" if unit else "")
        text = f"{text} (default: {default})".replace("%", "%%")
        option: dict[str, Any] = {"dest": spec.name, "default": argparse.SUPPRESS, "help": text}
        if spec.kind is bool:
            option["action"] = argparse.BooleanOptionalAction
        elif spec.choices and not spec.optional:
            option["choices"] = spec.choices
        else:
            option["metavar"] = spec.unit.upper() or spec.kind.__name__.upper()
            option["type"] = _converter(spec)
        group.add_argument("--" + spec.name.replace("_", "-"), **option)


def _converter(spec: FieldSpec) -> Any:
    def convert(text: str) -> Any:
        if spec.optional and text == _AUTOMATIC:
            return None
        return spec.kind(text)

    convert.__name__ = spec.kind.__name__  # argparse says "invalid float value"
    return convert


def settings_from(arguments: argparse.Namespace, model: type[Model]) -> Model:
    """Make the settings from the parsed command line.

    Raises
    ------
    InputError
        If the YAML file cannot be read or a value is out of its range; names the field.
    """
    values: dict[str, Any] = {}
    file: Path | None = arguments.settings
    if file is not None:
        values.update(_read_yaml(file))
    given = vars(arguments)
    values.update({name: given[name] for name in model.model_fields if name in given})
    try:
        return model(**values)
    except ValidationError as error:
        where = f" (of {file})" if file is not None else ""
        problems = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'settings'}: "
            + ("there is no such setting" if e["type"] == "extra_forbidden" else e["msg"])
            for e in error.errors()
        )
        raise InputError(f"Settings{where}: {problems}.") from None


def _read_yaml(file: Path) -> dict[str, Any]:
    import yaml

    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"Cannot read the settings {file}: {error}".replace("\n", " ")) from None
    if not isinstance(content, dict | None):
        raise InputError(f"The settings {file} are no mapping of names to values.")
    return content or {}
