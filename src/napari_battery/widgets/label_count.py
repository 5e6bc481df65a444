"""What to know of new labels at once: how many, how many cut, how many in several pieces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_battery.volume import Volume

__all__ = ["LabelCount", "count_labels", "particles"]


@dataclass(frozen=True)
class LabelCount:
    """Numbers of labels.

    Parameters
    ----------
    n : int
        Labels.
    n_cut : int
        Those that touch a face of the volume.
    in_pieces : tuple of int
        Those that fall into several pieces (joined by faces of voxels).
    """

    n: int
    n_cut: int
    in_pieces: tuple[int, ...]

    def text(self) -> str:
        """One or two sentences."""
        touch = "touches" if self.n_cut == 1 else "touch"
        text = f"{particles(self.n)}; {self.n_cut:,} {touch} the border."
        if self.in_pieces:
            n = len(self.in_pieces)
            some = ", ".join(map(str, self.in_pieces[:5])) + (", …" if n > 5 else "")
            falls = "is" if n == 1 else "are"
            text += f" {n:,} {falls} in several pieces (label {some})."
        return text


def count_labels(labels: Volume) -> LabelCount:
    """Count labels, cut ones and ones in pieces.

    Parameters
    ----------
    labels : Volume
        Labels 1 … n, 2-D or 3-D.
    """
    import cc3d

    data = np.asarray(labels.data)
    n = int(data.max(initial=0))
    cut = np.zeros(n + 1, bool)
    for axis in range(data.ndim):
        for face in (0, -1):
            cut[data.take(face, axis=axis)] = True
    pieces, n_pieces = cc3d.connected_components(
        data, connectivity=4 if data.ndim == 2 else 6, return_N=True
    )
    in_pieces: list[int] = []
    if n_pieces > n:
        label_of = np.zeros(n_pieces + 1, data.dtype)
        for plane, labelled in zip(pieces, data, strict=True):
            label_of[plane] = labelled
        in_pieces = np.flatnonzero(np.bincount(label_of[1:], minlength=n + 1) > 1).tolist()
    return LabelCount(n, int(cut[1:].sum()), tuple(in_pieces))


def particles(n: int) -> str:
    """The number with its noun."""
    return "1 particle" if n == 1 else f"{n:,} particles"
