"""A network applied to a volume tile by tile, read ahead in threads, with little memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.blocks import read_with_halo, windows
from napari_battery.errors import InputError
from napari_battery.io.lazy import LazyArray, Window
from napari_battery.progress import Progress
from napari_battery.superres.upscale import Upscaler

if TYPE_CHECKING:
    from napari_battery.superres.engine import Engine

__all__ = ["Tiles", "is_out_of_memory"]

_BLOCK_PIXELS = {"cpu": 1 << 21}
_BLOCK_PIXELS_OF_A_CARD = 1 << 23
"""Pixels of the slices that go through the network between two looks at Cancel."""
_READERS = 4
_SMALLEST_TILE = 16
_STRIP = (16, 64)
"""Pixels of the checked strip to either side of a seam, and along it."""
_ALLOWED = {"float32": 4e-6, "bfloat16": 2e-2}
"""Normalised grey by which a pixel may depend on the tile it is in: float32's sums come in
another order; in bfloat16 such a difference now and then tips the rounding of an activation,
which has 8 bits."""


class Tiles:
    """Runs a network over windows of its target grid, tile by tile.

    Tiles start on multiples of the network's `multiple`, counted from the grid's first voxel,
    and carry its halo, mirrored at the grid's faces: the result is that of the whole grid in
    one piece, however it is cut.

    Parameters
    ----------
    scaler : Upscaler
        Of three axes.
    engine : Engine
        The network, made ready.
    tile : int, optional
        Side of the tiles in pixels, rounded up to the multiple; chosen by the engine otherwise.

    Attributes
    ----------
    side : tuple of int
        Rows and columns of the tiles; halved each time that memory runs out.
    halved : int
        How often that was.
    seam : dict or None
        What came of the check of one seam; None until then, or where there is none.
    """

    def __init__(self, scaler: Upscaler, engine: Engine, tile: int | None = None) -> None:
        self._scaler = scaler
        self._engine = engine
        self._data = LazyArray(scaler.shape, np.float32, scaler.block)
        self.halo = (engine.slices // 2, engine.halo, engine.halo)
        plane = scaler.shape[1:]
        sides = (tile, tile) if tile is not None else engine.tile(plane)
        self.side = tuple(self._up(min(int(side), n)) for side, n in zip(sides, plane, strict=True))
        if tile is None:  # equal tiles rather than a narrow last one
            counts = [-(-n // side) for n, side in zip(plane, self.side, strict=True)]
            self.side = tuple(self._up(-(-n // k)) for n, k in zip(plane, counts, strict=True))
        self.halved = 0
        self.seam: dict[str, Any] | None = None
        self._strip: _Strip | None = None

    def depth(self) -> int:
        """Slices that go through the network between two looks at Cancel."""
        pixels = np.prod([side + 2 * self._engine.halo for side in self.side])
        kind = str(self._engine.device).split(":")[0]
        most = _BLOCK_PIXELS.get(kind, _BLOCK_PIXELS_OF_A_CARD) / self._engine.copies
        return max(1, int(most // pixels))

    def cuts(self, box: Window) -> list[Window]:
        """The blocks of a window: slices by tile, last axis fastest, within the grid."""
        return list(windows(self._aligned(box), (self.depth(), *self.side)))

    def run(
        self,
        cuts: list[Window],
        store: Callable[[Window, NDArray[np.float32]], None],
        progress: Progress,
    ) -> None:
        """Put blocks through the network; `progress` advances with each.

        Parameters
        ----------
        cuts : list of Window
            From `cuts`.
        store : callable
            Gets a window and its normalised grey levels; called from several threads.

        Raises
        ------
        Cancelled, MemoryError
        InputError
            If two tiles do not meet.
        """
        if self.seam is None and self._strip is None:
            self._strip = _strip_of(cuts)
        pool = ThreadPoolExecutor(_READERS, "napari-battery tile")
        try:
            self._pipe(cuts, store, progress, pool)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _pipe(
        self,
        cuts: list[Window],
        store: Callable[[Window, NDArray[np.float32]], None],
        progress: Progress,
        pool: ThreadPoolExecutor,
    ) -> None:
        """Read ahead and store behind, in threads, while the network runs."""
        coming = self._pieces(cuts)
        ahead: deque[tuple[Window, bool, Future[NDArray[np.float32]]]] = deque()
        behind: deque[Future[None]] = deque()
        while True:
            for piece, last in coming:
                ahead.append((piece, last, pool.submit(self._read, piece)))
                if len(ahead) > _READERS // 2:
                    break
            if not ahead:
                break
            piece, last, reading = ahead.popleft()
            for window, values in self._through(piece, reading):
                self._look_at_seam(window, values)
                behind.append(pool.submit(store, window, values))
            while len(behind) > _READERS or (behind and behind[0].done()):
                behind.popleft().result()
            if last:
                progress.advance()
        for stored in behind:
            stored.result()

    def _pieces(self, cuts: list[Window]) -> Iterator[tuple[Window, bool]]:
        """The blocks, cut further where tiles have been halved; with which ends a block."""
        for cut in cuts:
            pieces = list(windows(cut, (cut[0].stop - cut[0].start, *self.side)))
            for i, piece in enumerate(pieces):
                yield piece, i == len(pieces) - 1

    def _read(self, window: Window) -> NDArray[np.float32]:
        return read_with_halo(self._data, window, self.halo)

    def _through(
        self, window: Window, reading: Future[NDArray[np.float32]] | None = None
    ) -> Iterator[tuple[Window, NDArray[np.float32]]]:
        """Results of a block, in parts where memory ran out."""
        if all(w.stop - w.start <= n for w, n in zip(window[1:], self.side, strict=True)):
            try:
                block = reading.result() if reading is not None else self._read(window)
                values = self._engine.run_inside(block)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                block = None  # its memory is needed
            else:
                yield window, values
                return
            self._halve(window)
        for part in windows(window, (window[0].stop - window[0].start, *self.side)):
            yield from self._through(part)

    def _halve(self, window: Window) -> None:
        """Halve the tiles, below what just did not fit."""
        sides = [w.stop - w.start for w in window[1:]]
        floor = self._up(_SMALLEST_TILE)
        if max(sides) <= floor:
            raise MemoryError(
                f"There is not enough memory even for tiles of {sides[0]} × {sides[1]} pixels. "
                "Close other programs, or use a smaller network."
            )
        now = (min(a, b) for a, b in zip(self.side, sides, strict=True))
        self.side = tuple(max(self._up(-(-side // 2)), floor) for side in now)
        self.halved += 1
        _free_memory()

    def _aligned(self, box: Window) -> Window:
        """A window grown until it starts and ends on the multiple, or ends with the grid."""
        m = self._engine.multiple
        return (
            box[0],
            *(
                slice(w.start // m * m, min(self._up(w.stop), n))
                for w, n in zip(box[1:], self._scaler.shape[1:], strict=True)
            ),
        )

    def _up(self, n: int) -> int:
        m = self._engine.multiple
        return -(-n // m) * m

    def _look_at_seam(self, window: Window, values: NDArray[np.float32]) -> None:
        """Compare a strip across a seam with the same strip computed in one piece."""
        strip = self._strip
        if strip is None or self.seam is not None or not strip.collect(window, values):
            return
        at = self._fitting(strip)
        aligned = self._aligned(at)
        once = np.empty([w.stop - w.start for w in at], np.float32)
        _copy(self._engine.run_inside(self._read(aligned)), aligned, once, at)
        before = np.empty_like(once)
        _copy(strip.values, strip.window, before, at)
        off = float(np.abs(once - before).max())
        size = max(1.0, float(np.abs(once).max()))
        allowed = _ALLOWED[self._engine.precision] * size
        self.seam = {
            "axis": "zyx"[strip.axis],
            "voxel": strip.at,
            "difference_normalised_grey": off,
            "allowed": allowed,
        }
        if not off <= allowed:  # also where it is no number
            raise InputError(
                f"Two tiles do not meet: at the seam {'zyx'[strip.axis]} = {strip.at} the result "
                f"depends on the tile by {off:.2g} of the grey range; {allowed:.1g} is allowed. "
                f"The margin of the network ({self._engine.halo} px) is too small, or it gave "
                "values that are no numbers; do not use this model."
            )

    def _fitting(self, strip: _Strip) -> Window:
        """The strip, or what of it is no larger than tiles that have been halved since."""
        window = list(strip.window)
        for axis in (1, 2):
            w = window[axis]
            room = (self.side[axis - 1] - 2 * (self._engine.multiple - 1)) // 2
            middle = strip.at if axis == strip.axis else (w.start + w.stop) // 2
            window[axis] = slice(max(w.start, middle - room), min(w.stop, middle + room))
        return tuple(window)


class _Strip:
    """A window across a seam, filled from the tiles that meet there."""

    def __init__(self, window: Window, axis: int, at: int) -> None:
        self.window, self.axis, self.at = window, axis, at
        shape = [w.stop - w.start for w in window]
        self.values = np.empty(shape, np.float32)
        self._missing = int(np.prod(shape))

    def collect(self, window: Window, values: NDArray[np.float32]) -> bool:
        """Take over what lies in the strip; whether that completes it."""
        self._missing -= _copy(values, window, self.values, self.window)
        return self._missing == 0


def _strip_of(cuts: list[Window]) -> _Strip | None:
    """A strip across the first seam: within a slice if there is one, else between slices."""
    for axis in (2, 1, 0):
        for one, other in pairwise(sorted(cuts, key=lambda c: [c[a].start for a in _last(axis)])):
            same = all(one[a] == other[a] for a in range(3) if a != axis)
            if same and one[axis].stop == other[axis].start:
                break
        else:
            continue
        at = one[axis].stop
        across, along = _STRIP
        window = [one[0] if axis == 0 else slice(one[0].start, one[0].start + 1), *one[1:]]
        for a in (1, 2):
            middle = (one[a].start + one[a].stop) // 2
            low = max(one[a].start, middle - along // 2)
            window[a] = slice(low, min(low + along, one[a].stop))
        reach = across if axis else 1
        window[axis] = slice(max(one[axis].start, at - reach), min(at + reach, other[axis].stop))
        return _Strip(tuple(window), axis, at)
    return None


def _last(axis: int) -> list[int]:
    """The axes in an order in which neighbours along `axis` follow one another."""
    return [a for a in range(3) if a != axis] + [axis]


def _copy(source: NDArray[Any], there: Window, target: NDArray[Any], here: Window) -> int:
    """Copy where two windows overlap; how many voxels that are."""
    both = [
        slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(there, here, strict=True)
    ]
    if any(w.start >= w.stop for w in both):
        return 0
    to = tuple(slice(w.start - b.start, w.stop - b.start) for w, b in zip(both, here, strict=True))
    at = tuple(slice(w.start - b.start, w.stop - b.start) for w, b in zip(both, there, strict=True))
    target[to] = source[at]
    return int(np.prod([w.stop - w.start for w in both]))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out: Python's, the processor's in torch, or a graphics card's."""
    if isinstance(error, MemoryError):
        return True
    if not isinstance(error, RuntimeError):
        return False
    text = str(error).lower()
    return type(error).__name__ == "OutOfMemoryError" or any(
        sign in text
        for sign in ("out of memory", "not enough memory", "can't allocate memory", "bad_alloc")
    )


def _free_memory() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
