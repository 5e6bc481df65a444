"""The step of the Compare dock: layers become samples, samples are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from napari_battery.errors import InputError
from napari_battery.microstructure.comparison import Comparison, compare_groups
from napari_battery.microstructure.measure_settings import MicrostructureSettings
from napari_battery.microstructure.phases import phases_of
from napari_battery.microstructure.sample import (
    Sample,
    grey_sample,
    labels_sample,
    phases_sample,
    with_labels,
)
from napari_battery.progress import Progress
from napari_battery.volume import Volume

__all__ = ["Given", "compare_layers", "images_of", "samples_of"]


@dataclass(frozen=True, eq=False)
class Given:
    """A layer's volume, its group, and what it holds ("phases", "particles", "grey")."""

    volume: Volume
    group: str
    holds: str


def compare_layers(
    given: Sequence[Given],
    codes: Mapping[str, int],
    thresholds: Sequence[float],
    names: Sequence[str],
    settings: MicrostructureSettings,
    progress: Progress,
    *,
    expanded: tuple[str, str] | None = None,
) -> Comparison:
    """Compare layers; see `microstructure.comparison.compare_groups`.

    Parameters
    ----------
    given : sequence of Given
    codes : mapping of str to int
        Code of each phase, of all volumes of phases.
    thresholds : sequence of float
        Between the phases of grey volumes; empty takes Otsu's of the first grey volume for all.
    names : sequence of str
        Phases of grey volumes from dark to bright.
    settings, progress, expanded
        As there.
    """
    notes: list[str] = []
    images, measured = images_of(given)
    samples, groups = samples_of(measured, codes, thresholds, names, notes)
    found = compare_groups(samples, groups, settings, progress, expanded=expanded, images=images)
    return replace(found, notes=[*notes, *found.notes])


def images_of(given: Sequence[Given]) -> tuple[list[Volume], list[Given]]:
    """Grey volumes beside phases of the same group and shape, and everything else.

    What such a volume holds is measured by its phases already; its grey levels are compared.
    """
    segmented = {(one.group, one.volume.shape) for one in given if one.holds == "phases"}

    def is_image(one: Given) -> bool:
        return one.holds == "grey" and (one.group, one.volume.shape) in segmented

    return (
        [one.volume for one in given if is_image(one)],
        [one for one in given if not is_image(one)],
    )


def samples_of(
    given: Sequence[Given],
    codes: Mapping[str, int],
    thresholds: Sequence[float],
    names: Sequence[str],
    notes: list[str],
) -> tuple[list[Sample], dict[str, str]]:
    """Samples in the order of the layers, and the group of each by its name.

    Particles go with the volume of phases or grey levels of the same group and shape; those
    that have none are samples by themselves.

    Raises
    ------
    InputError
        If nothing is given, two layers have one name, or a layer is not what it is said to be.
    """
    if not given:
        raise InputError("No layer is ticked: tick what is to be compared.")
    used = _otsu(given, notes) if not thresholds else list(thresholds)
    samples: list[Sample] = []
    particles = [one for one in given if one.holds == "particles"]
    groups: dict[str, str] = {}
    for one in given:
        if one.holds == "particles":
            continue
        sample = _sample(one, codes, used, names)
        own = next((p for p in particles if _fit(p, one, sample)), None)
        if own is not None:
            particles.remove(own)
            sample = with_labels(sample, own.volume)
            notes.append(f"Particles of “{one.volume.name}”: “{own.volume.name}”.")
        samples.append(sample)
        groups[sample.name] = one.group
    for one in particles:
        samples.append(labels_sample(one.volume))
        groups[one.volume.name] = one.group
    order = {name: i for i, name in enumerate(dict.fromkeys(one.group for one in given))}
    return sorted(samples, key=lambda s: order[groups[s.name]]), groups


def _fit(particles: Given, other: Given, sample: Sample) -> bool:
    return particles.group == other.group and particles.volume.shape == sample.shape


def _sample(
    one: Given, codes: Mapping[str, int], thresholds: Sequence[float], names: Sequence[str]
) -> Sample:
    if one.holds == "grey":
        return grey_sample(one.volume, thresholds, names)
    own = one.volume.metadata.get("phases")
    if not codes and not own and one.volume.dtype != bool:
        return Sample(phases_of(one.volume, None), origin=one.volume)  # says what is missing
    present = codes or None
    return phases_sample(one.volume, present)


def _otsu(given: Sequence[Given], notes: list[str]) -> list[float]:
    """Otsu's threshold of the first grey volume, for all of them."""
    from napari_battery.labelling.thresholds import threshold_levels

    grey = [one for one in given if one.holds == "grey"]
    if not grey:
        return []
    cut = threshold_levels(grey[0].volume)[0]
    others = f", and used for all {len(grey)}" if len(grey) > 1 else ""
    notes.append(f"Threshold {cut:g}: Otsu's of “{grey[0].volume.name}”{others}.")
    return [float(cut)]
