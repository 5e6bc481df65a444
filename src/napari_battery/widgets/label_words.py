"""What the Label particles dock says of labels."""

from __future__ import annotations

from pydantic import ValidationError

from napari_battery.labelling import LabelSettings
from napari_battery.labelling.counts import LabelCount
from napari_battery.volume import Volume
from napari_battery.widgets.forms import explain

__all__ = ["about_box", "about_labels", "particles", "problem_text"]


def about_labels(count: LabelCount, labels: Volume) -> str:
    """How many, how many cut, their size, and which are in several pieces."""
    touch = "touches" if count.n_cut == 1 else "touch"
    text = f"{particles(count.n)}; {count.n_cut:,} {touch} the border."
    if count.n > count.n_cut:
        text += f" Median diameter of the others {_diameter(count, labels)}."
    if count.in_pieces:
        n = len(count.in_pieces)
        some = ", ".join(map(str, count.in_pieces[:5])) + (", …" if n > 5 else "")
        text += f" {n:,} {'is' if n == 1 else 'are'} in several pieces (label {some})."
    return text


def about_box(count: LabelCount, labels: Volume) -> str:
    """How many particles a box shows, and how large those are that it does not cut."""
    n_whole = count.n - count.n_cut
    if count.n == 0:
        return "no particle"
    if n_whole == 0:
        return f"{particles(count.n)}, all cut by the box"
    size = _diameter(count, labels)
    return f"{particles(count.n)}; median diameter of the {n_whole:,} whole ones {size}"


def particles(n: int) -> str:
    """The number with its noun."""
    return "1 particle" if n == 1 else f"{n:,} particles"


def problem_text(problem: ValueError) -> str:
    """An `InputError`, or settings that do not go together, in plain words."""
    if isinstance(problem, ValidationError):
        return explain(problem, LabelSettings)
    return str(problem)


def _diameter(count: LabelCount, labels: Volume) -> str:
    if labels.voxel_size_um is None:
        return f"{count.median_diameter:.3g} voxels"
    assumed = " (voxel size assumed)" if labels.is_assumed else ""
    return f"{count.median_diameter:.3g} µm{assumed}"
