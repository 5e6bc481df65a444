"""What a super-resolution model is trained on: one line of the Train dock's list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.viewer import ViewerModel

from napari_battery.errors import InputError
from napari_battery.progress import Progress
from napari_battery.superres.degradation import DegradationSettings
from napari_battery.superres.made_up import DRAWS
from napari_battery.volume import Volume
from napari_battery.widgets.layers import volume_from_layer

if TYPE_CHECKING:
    from napari_battery.registration.pairs import AlignedPair
    from napari_battery.superres.training_image import TrainingImage

__all__ = ["Source", "alone", "folder_pair", "layer_pair", "mended", "source_maker"]

Maker = Callable[[Progress], "Source"]

_BYTES = 9
"""Per voxel of a training image: two float32 grey levels and a mask."""


@dataclass(frozen=True, eq=False)
class Source:
    """A pair of scans, or a high-resolution scan whose low one is made up.

    Parameters
    ----------
    recipe : dict
        How to make it again (see `source_maker`); fit for JSON.
    pair : AlignedPair, optional
        The two scans.
    high : Volume, optional
        The scan that comes alone.
    degradation : DegradationSettings, optional
        How its low-resolution scans are made up.
    """

    recipe: dict[str, Any]
    pair: AlignedPair | None = None
    high: Volume | None = None
    degradation: DegradationSettings | None = None

    @property
    def name(self) -> str:
        """What the list calls it."""
        if self.recipe["kind"] == "folder":
            return f"Pair in {Path(self.recipe['folder']).name}"
        if self.pair is not None:
            return f"{self.pair.low.name} / {self.pair.high.name}"
        assert self.high is not None
        return f"{self.high.name} (low scan made up)"

    @property
    def sample(self) -> str:
        """The sample that it shows."""
        return str(self.recipe["sample"])

    @property
    def licence(self) -> str:
        """Licence of its scans."""
        return str(self.recipe["licence"])

    @property
    def is_shifted(self) -> bool:
        """Whether more than a high-resolution voxel is left between the two scans."""
        return self.pair is not None and (
            self.pair.residual_voxels > 1 or (self.pair.block_residual_voxels or (0,))[0] > 1
        )

    @property
    def n_bytes(self) -> int:
        """Memory that its training images take."""
        if self.pair is not None:
            return _BYTES * prod(self.pair.high.shape)
        assert self.high is not None
        return _BYTES * DRAWS * prod(self.high.shape)

    def told(self, **what: str) -> Source:
        """The same with another sample or licence."""
        return replace(self, recipe={**self.recipe, **what})

    def images(self, progress: Progress) -> list[TrainingImage]:
        """Its training images; fit for any thread."""
        from napari_battery.superres.made_up import made_up_images
        from napari_battery.superres.pairs import pair_image

        about = {"group": self.sample, "licence": self.licence}
        if self.pair is not None:
            return [pair_image(self.pair, progress, **about)]
        assert self.high is not None
        assert self.degradation is not None
        return made_up_images(self.high, self.degradation, progress, **about)


def layer_pair(low: Any, high: Any) -> dict[str, Any]:
    """Recipe of a pair of layers that lie on one another."""
    return {
        "kind": "layers",
        "low": low.name,
        "high": high.name,
        "mend": False,
        "sample": "",
        "licence": "",
    }


def folder_pair(folder: Path) -> dict[str, Any]:
    """Recipe of a pair that was saved to a folder."""
    return {
        "kind": "folder",
        "folder": str(folder.resolve()),
        "mend": False,
        "sample": "",
        "licence": "",
    }


def alone(high: Any, degradation: DegradationSettings) -> dict[str, Any]:
    """Recipe of a layer that comes alone."""
    return {
        "kind": "alone",
        "high": high.name,
        "degradation": degradation.model_dump(mode="json"),
        "sample": "",
        "licence": "",
    }


def source_maker(recipe: dict[str, Any], viewer: ViewerModel) -> Maker:
    """What makes a source after its recipe, in any thread; layers are looked up now.

    Raises
    ------
    InputError
        If a layer is not open, or no volume of known voxel size.
    """
    if recipe["kind"] == "folder":
        return lambda progress: _of_folder(recipe, progress)
    if recipe["kind"] == "layers":
        low, high = (_layer(viewer, recipe[role]) for role in ("low", "high"))
        return lambda progress: _of_scans(recipe, low, high, progress)
    scan = _layer(viewer, recipe["high"])
    settings = DegradationSettings(**recipe["degradation"])
    named = {**recipe, "sample": recipe["sample"] or scan.name}
    return lambda _: Source(named, high=scan, degradation=settings)


def mended(source: Source, progress: Progress) -> Source:
    """The same source with the shift that is left between its scans taken out."""
    from napari_battery.registration.pairs import mend

    assert source.pair is not None
    pair = mend(source.pair, "affine", progress)
    return replace(source, pair=pair, recipe={**source.recipe, "mend": True})


def _layer(viewer: ViewerModel, name: str) -> Volume:
    if name not in viewer.layers:
        raise InputError(f"The layer “{name}” is not open: open it under that name.")
    return volume_from_layer(viewer.layers[name])


def _of_folder(recipe: dict[str, Any], progress: Progress) -> Source:
    from napari_battery.registration.pair_files import read_pair

    return _of_pair(recipe, read_pair(Path(recipe["folder"])), progress)


def _of_scans(recipe: dict[str, Any], low: Volume, high: Volume, progress: Progress) -> Source:
    from napari_battery.provenance import describe_part
    from napari_battery.registration.pairs import cut_to_overlap

    pair = cut_to_overlap(low, high, progress)
    # of layers that were cut before, the card names the files: nothing of them is judged on
    scans = {"low": low, "high": high}
    from_files = {k: describe_part(v, pair.provenance[k]["box"]) for k, v in scans.items()}
    pair = replace(pair, provenance={**pair.provenance, **from_files})
    return _of_pair(recipe, pair, progress)


def _of_pair(recipe: dict[str, Any], pair: AlignedPair, progress: Progress) -> Source:
    known = Path(recipe["folder"]).name if recipe["kind"] == "folder" else pair.high.name
    source = Source({**recipe, "sample": recipe["sample"] or known}, pair)
    return mended(source, progress) if recipe["mend"] else source
