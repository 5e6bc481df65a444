"""Applying a network to blocks of slices, fast: layout, precision, threads and memory."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_battery.errors import InputError
from napari_battery.superres import heap
from napari_battery.superres.engine_tiles import best_tile, feature_bytes
from napari_battery.superres.networks.interface import Network
from napari_battery.superres.networks.layers import Convolution
from napari_battery.superres.self_ensemble import mean_of_copies

__all__ = ["Engine", "Precision", "bfloat16_is_fast"]

Precision = Literal["auto", "float32", "bfloat16"]

_SHARE_OF_A_CARD = 1 / 16
"""Of a graphics card's free memory, for one layer's features; about five live at a time."""


class Engine:
    """A network made ready for a device and a precision.

    Features lie channel by channel for each pixel, ReLUs work in place, freed features stay
    with the process, and everything runs in one thread of the engine's own (with torch's
    threads below it), so that callers in several threads wait for one another. In bfloat16
    the last convolution, and what is added to the image, stay float32: the result is not
    rounded to 8 bits.

    The same pixel gets the same number from every block that carries the halo: in float32
    but for the order of sums (differences up to about 1e-6), in bfloat16 but for roundings
    that such a difference may tip.

    Parameters
    ----------
    network : Network
        Copied: training may go on with the original.
    device : str
        "auto" (a graphics card that torch can use, else the CPU) or torch's name of one.
    precision : {"auto", "float32", "bfloat16"}
        Of the convolutions. "auto" takes bfloat16 where the processor multiplies in it.
    threads : int, optional
        CPU threads; torch's setting otherwise.
    copies : {1, 2, 4, 8}
        Mirrored and turned copies of each slice that the network sees (`self_ensemble`).

    Attributes
    ----------
    device : str
        The device taken.
    precision : str
        The precision taken: "float32" or "bfloat16". On a graphics card too, float32 is
        float32 and never TF32.
    slices, halo, multiple : int
        The network's.
    copies : int
        The copies asked for.

    Raises
    ------
    InputError
        If torch has no such device.
    """

    def __init__(
        self,
        network: Network,
        device: str = "auto",
        precision: Precision = "auto",
        threads: int | None = None,
        copies: int = 1,
    ) -> None:
        self.device = _device(device)
        if precision == "auto":
            precision = "bfloat16" if bfloat16_is_fast(self.device) else "float32"
        self.precision: str = precision
        self.slices = network.slices
        self.halo = network.halo
        self.multiple = network.multiple
        self.copies = copies
        self._same = _prepared(network, self.device, self.precision)
        self._inside = _without_padding(self._same)
        self._feature_bytes = feature_bytes(self._same)
        self._worker = ThreadPoolExecutor(
            1, "napari-battery network", _use_threads, (threads or torch.get_num_threads(),)
        )

    def run(self, block: NDArray[Any]) -> NDArray[np.float32]:
        """Apply the network to a block of slices; the result keeps its size in the plane.

        Parameters
        ----------
        block : array (n + slices − 1, H, W) of float32
            Normalised grey levels, starting on a multiple of the network's `multiple` in
            the plane.

        Returns
        -------
        array (n, H, W) of float32
            For the slices from `slices` // 2 on. Within `halo` of the border in the plane the
            values depend on where the block ends.

        Raises
        ------
        InputError
            If the block has fewer slices than the network reads.
        MemoryError
            If the features do not fit into memory; a smaller block may.
        """
        self._check(block)
        return self._worker.submit(self._apply, self._same, block, 0).result()

    def run_inside(self, block: NDArray[Any]) -> NDArray[np.float32]:
        """What `run` gives without the halo, and without computing most of it.

        Parameters
        ----------
        block : array (n + slices − 1, H + 2 halo, W + 2 halo) of float32
            As in `run`, with the network's halo.

        Returns
        -------
        array (n, H, W) of float32

        Raises
        ------
        InputError, MemoryError
            As `run`; also if the block is no larger than its halo.
        """
        self._check(block)
        if min(block.shape[1:]) <= 2 * self.halo:
            raise InputError(
                f"A block of {block.shape[1]} × {block.shape[2]} pixels has nothing inside the "
                f"network's margin of {self.halo} pixels."
            )
        return self._worker.submit(self._apply, self._inside, block, self.halo).result()

    def tile(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Rows and columns of the tiles, margin not included, that suit a plane.

        Parameters
        ----------
        shape : tuple of int
            Of the plane or the volume; the last two axes count.

        Returns
        -------
        tuple of int
            On multiples of the network's `multiple`; may exceed the plane by less than that.
        """
        if self.device.startswith("cuda"):
            largest = int(torch.cuda.mem_get_info(self.device)[0] * _SHARE_OF_A_CARD)
        else:
            largest = heap.largest_kept()
        pixels = largest / self._feature_bytes
        return best_tile(shape[-2:], self.halo, self.multiple, pixels)

    def _check(self, block: NDArray[Any]) -> None:
        if block.ndim != 3 or block.shape[0] < self.slices:
            raise InputError(
                f"The network reads {self.slices} slices at a time; "
                f"a block of shape {block.shape} has too few."
            )

    def _apply(self, network: nn.Module, block: NDArray[Any], margin: int) -> NDArray[np.float32]:
        n, *sides = block.shape
        rows, columns = (side - 2 * margin for side in sides)
        result = np.empty((n - self.slices + 1, rows, columns), np.float32)
        with torch.inference_mode(), heap.kept(), _plain_float32(), _memory_errors():
            stack = torch.from_numpy(np.ascontiguousarray(block, np.float32)).to(self.device)
            # up to whole cells, as the network would: so they are the same in mirrored copies
            bottom, right = (-side % self.multiple for side in sides)
            if bottom or right:
                stack = nn.functional.pad(stack, (0, right, 0, bottom), mode="replicate")
            for i, target in enumerate(result):
                y = mean_of_copies(network, stack[None, i : i + self.slices], self.copies)[0, 0]
                top, left = (
                    margin - (full - have) // 2
                    for full, have in zip(stack.shape[1:], y.shape, strict=True)
                )
                target[:] = y[top : top + rows, left : left + columns].cpu().numpy()
        return result


def bfloat16_is_fast(device: str = "cpu") -> bool:
    """Whether a device multiplies in bfloat16 (AVX-512 BF16 or AMX; CUDA from Ampere on)."""
    if device.startswith("cuda"):
        return bool(torch.cuda.get_device_capability(device) >= (8, 0))
    if device != "cpu":
        return False
    knows = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, bool)() for name in knows)


def _device(device: str) -> str:
    if device == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise InputError(
            f"torch cannot use the device “{device}” here; choose “cpu” or “auto”."
        ) from error
    return device


def _prepared(network: Network, device: str, precision: str) -> Network:
    """A copy for inference on a device: all convolutions but the last in the precision."""
    ready: Network = copy.deepcopy(network).eval().requires_grad_(False).float()
    convolutions = [m for m in ready.modules() if isinstance(m, Convolution)]
    if precision == "bfloat16":
        for module in convolutions[:-1]:
            module.to(torch.bfloat16)
    for module in ready.modules():
        if isinstance(module, nn.ReLU | nn.LeakyReLU):
            module.inplace = True  # each follows a convolution, whose output nobody else reads
    ready.to(device=device, memory_format=torch.channels_last)
    return ready


def _without_padding(network: Network) -> Network:
    """The same weights, each layer computing only what needs nothing from beyond the block."""
    weights = {id(p): p for p in network.parameters()}
    inside: Network = copy.deepcopy(network, weights)
    for module in inside.modules():
        if isinstance(module, Convolution):
            module.padding = (0, 0)
    return inside


def _use_threads(threads: int) -> None:
    torch.set_num_threads(threads)


@contextmanager
def _plain_float32() -> Iterator[None]:
    with torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    ):
        yield


@contextmanager
def _memory_errors() -> Iterator[None]:
    """Turn torch's several ways of saying so into MemoryError."""
    try:
        yield
    except RuntimeError as error:
        said = str(error)
        if "out of memory" in said or "allocate memory" in said:
            raise MemoryError("The features of a tile do not fit into memory.") from error
        raise
