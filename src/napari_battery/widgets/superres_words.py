"""What the Super-resolve dock says before and after a run."""

from __future__ import annotations

from math import prod
from typing import Any

from napari_battery.io.lazy import Window
from napari_battery.volume import Volume
from napari_battery.widgets.durations import duration
from napari_battery.widgets.superres_case import Case, Ready

__all__ = ["about_result", "about_round_trip", "about_size"]

_MB, _GB = 1e6, 1e9


def about_size(case: Case, window: Window, ready: Ready | None) -> str:
    """How large the result of a window will be, and how long it takes."""
    shape = " × ".join(str(w.stop - w.start) for w in window)
    n_bytes = prod(w.stop - w.start for w in window) * case.image.dtype.itemsize
    size = case.grid.known_voxel_size_um()[0]
    words = [f"{shape} voxels of {size:.4g} µm, {_bytes(n_bytes)}"]
    if case.image.is_assumed:
        words.append(f"voxel size {case.image.voxel_size_source}")
    if ready is not None:
        words.append(f"about {duration(ready.seconds(window))} ({ready.engine.precision})")
    return "; ".join(words) + "."


def about_result(result: Volume, seconds: float) -> str:
    """What came of a run: time, precision, the check of a seam, and the round trip."""
    made: dict[str, Any] = result.metadata["made"]
    words = [f"{duration(seconds)} in {made['precision']} on {made['device']}"]
    if made["copies"] > 1:
        words.append(f"the mean of {made['copies']} mirrored and turned copies")
    if made["seam"] is not None:
        off = made["seam"]["difference_normalised_grey"]
        words.append(f"two tiles meet {f'to {off:.1g} of the grey range' if off else 'exactly'}")
    if made["tiles_halved"]:
        times = "once" if made["tiles_halved"] == 1 else f"{made['tiles_halved']} times"
        words.append(f"tiles halved {times} for want of memory")
    if "round_trip" in made:
        words.append(about_round_trip(made["round_trip"]))
    text = "; ".join(words) + "."
    return " ".join([text[:1].upper() + text[1:], *made["notes"]])


def about_round_trip(numbers: dict[str, Any]) -> str:
    """How far the degraded result is from the image."""
    ratio, rms = numbers["rms_over_noise"], numbers["rms_grey"]
    if ratio is None:
        return f"degraded again it differs from the image by {rms:.3g} grey levels (rms)"
    return f"degraded again it differs from the image by {ratio:.2f} × the noise ({rms:.3g} grey)"


def _bytes(n: float) -> str:
    if n >= _GB:
        return f"{n / _GB:,.1f} GB"
    return f"{n / _MB:,.1f} MB" if n >= _MB else f"{n / 1e3:,.0f} kB"
