"""The settings of a step: one typed model that forms, options and files are made from."""

from __future__ import annotations

import types
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, ConfigDict, Field

__all__ = ["LENGTH", "VOLUME", "FieldSpec", "Settings", "field_specs", "length_unit", "setting"]

LENGTH = "length"
VOLUME = "volume"
"""Units of settings that count voxels or µm, as the model's ``length_unit`` says."""


class Settings(BaseModel):
    """Base class of all settings: frozen, and refuses names it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=False)


def setting(
    default: Any,
    description: str,
    *,
    title: str | None = None,
    unit: str = "",
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    step: float | None = None,
) -> Any:
    """Declare one field of a `Settings` model.

    Parameters
    ----------
    default
        Default value; the only place where it is written.
    description : str
        One line for tooltips, ``--help`` and the reference page.
    title : str, optional
        Label in the form; made from the field's name otherwise.
    unit : str
        Unit shown behind the value ("µm", "voxels"). `LENGTH` and `VOLUME` are in the
        unit that the model's field ``length_unit`` chooses (see `length_unit`).
    ge, gt, le : float, optional
        Range of allowed values.
    step : float, optional
        Step of the form's arrow buttons.
    """
    extra: dict[str, Any] = {"unit": unit, "step": step}
    return Field(
        default, description=description, title=title, ge=ge, gt=gt, le=le, json_schema_extra=extra
    )


def length_unit() -> Any:
    """Declare the field ``length_unit: Literal["voxels", "um"]`` of a model with lengths.

    Steps turn such settings into voxels with `napari_battery.lengths.in_voxels`.
    """
    return setting(
        "voxels",
        "What lengths and volumes count: voxels (of anisotropic ones the shortest edge), or µm, "
        "which serve stacks of any voxel size.",
        title="Lengths in",
    )


@dataclass(frozen=True)
class FieldSpec:
    """What a form or a command-line option needs to know about one setting."""

    name: str
    kind: type
    """bool, int, float or str."""
    default: Any
    description: str
    title: str
    unit: str
    optional: bool
    """Whether None is allowed ("automatic")."""
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    step: float | None = None


def field_specs(model: type[Settings]) -> list[FieldSpec]:
    """The fields of a settings model, in order.

    Raises
    ------
    TypeError
        If a field is none of bool, int, float, str, a ``Literal`` of strings, or one
        of these or None: forms and options cannot show anything else.
    """
    specs = []
    for name, info in model.model_fields.items():
        annotation, optional = info.annotation, False
        if get_origin(annotation) in (Union, types.UnionType):
            members = [a for a in get_args(annotation) if a is not type(None)]
            optional = len(members) < len(get_args(annotation))
            annotation = members[0] if len(members) == 1 else annotation
        choices: tuple[str, ...] = ()
        if get_origin(annotation) is Literal:
            choices, annotation = get_args(annotation), str
        if annotation not in (bool, int, float, str):
            raise TypeError(f"{model.__name__}.{name}: no form for {info.annotation}")
        low: Any = next(
            (
                getattr(m, "ge", getattr(m, "gt", None))
                for m in info.metadata
                if isinstance(m, Ge | Gt)
            ),
            None,
        )
        high: Any = next(
            (
                getattr(m, "le", getattr(m, "lt", None))
                for m in info.metadata
                if isinstance(m, Le | Lt)
            ),
            None,
        )
        extra: Any = info.json_schema_extra or {}
        specs.append(
            FieldSpec(
                name=name,
                kind=annotation,
                default=info.default,
                description=info.description or "",
                title=info.title or name.replace("_", " ").capitalize(),
                unit=extra.get("unit", ""),
                optional=optional,
                choices=choices,
                low=low,
                high=high,
                step=extra.get("step"),
            )
        )
    return specs
