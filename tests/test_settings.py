from __future__ import annotations

import argparse
from pathlib import Path
from typing import Literal

import pytest
from pydantic import ValidationError

from napari_battery.errors import InputError
from napari_battery.labelling.settings import LabelSettings
from napari_battery.options import add_settings, settings_from
from napari_battery.radial.settings import RadialSettings
from napari_battery.settings import Settings, field_specs, setting


class Example(Settings):
    """Every kind of field."""

    count: int = setting(5, "How many.", unit="layers", ge=0, le=10)
    size: float | None = setting(None, "How large; 100 % of it.", unit="µm", gt=0)
    method: Literal["otsu", "manual"] = setting("otsu", "Which.")
    fill: bool = setting(True, "Whether.")


class Odd(Settings):
    """A field that no form can show."""

    sizes: tuple[int, ...] = setting((), "Several.")


def test_specs_carry_everything_a_form_needs() -> None:
    count, size, method, fill = field_specs(Example)
    assert (count.kind, count.default, count.low, count.high) == (int, 5, 0, 10)
    assert (count.unit, count.title) == ("layers", "Count")
    assert (size.kind, size.optional, size.default, size.low) == (float, True, None, 0)
    assert (method.kind, method.choices) == (str, ("otsu", "manual"))
    assert fill.kind is bool


def test_a_field_without_a_form_is_refused() -> None:
    with pytest.raises(TypeError, match="Odd.sizes"):
        field_specs(Odd)


@pytest.mark.parametrize("model", [RadialSettings, LabelSettings])
def test_every_setting_is_explained(model: type[Settings]) -> None:
    for spec in field_specs(model):
        assert spec.description.endswith((".", ")")), spec.name


def test_settings_are_frozen_and_closed() -> None:
    with pytest.raises(ValidationError):
        Example().count = 3  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Example(unknown=1)  # type: ignore[call-arg]


def parse(*arguments: str) -> Example:
    parser = argparse.ArgumentParser()
    add_settings(parser, Example)
    parser.format_help()  # a stray % in a description would raise here
    return settings_from(parser.parse_args(arguments), Example)


def test_options_are_the_settings() -> None:
    assert parse() == Example()
    given = parse("--count", "3", "--size", "0.5", "--method", "manual", "--no-fill")
    assert given == Example(count=3, size=0.5, method="manual", fill=False)
    assert parse("--size", "auto").size is None


def test_a_file_of_settings_and_options_over_it(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text("count: 7\nmethod: manual\n")
    assert parse("--settings", str(file), "--count", "8") == Example(count=8, method="manual")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("count: 99", "count"),
        ("cuont: 3", "cuont: there is no such setting"),
        ("- 1", "no mapping"),
        ("a: [", "Cannot read"),
        ("!!python/object/apply:os.system [true]", "Cannot read"),
    ],
)
def test_a_bad_file_is_named(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        parse("--settings", str(file))
    assert "bad.yaml" in str(caught.value)


def test_out_of_range_names_the_field() -> None:
    with pytest.raises(InputError, match="count"):
        parse("--count", "11")
