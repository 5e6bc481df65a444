"""Applying a network to blocks of slices, fast: layout, precision and memory in one place."""

from __future__ import annotations

import copy
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.superres.networks.interface import Network

__all__ = ["Engine", "Precision"]

Precision = Literal["auto", "float32", "bfloat16"]


class Engine:
    """A network made ready for a device and a precision.

    Parameters
    ----------
    network : Network
        Copied: training may go on with the original.
    device : str
        "auto" (a graphics card that torch can use, else the CPU) or torch's name of one.
    precision : {"auto", "float32", "bfloat16"}
        Of the convolutions.
    threads : int, optional
        CPU threads; torch's setting otherwise.

    Attributes
    ----------
    device : str
        The device taken.
    precision : str
        The precision taken: "float32" or "bfloat16".
    """

    def __init__(
        self,
        network: Network,
        device: str = "auto",
        precision: Precision = "auto",
        threads: int | None = None,
    ) -> None:
        self.device = "cpu" if device == "auto" else device
        self.precision = "float32" if precision == "auto" else precision
        self.threads = threads
        self.slices = network.slices
        self.halo = network.halo
        self.multiple = network.multiple
        self._network = copy.deepcopy(network).eval().to(self.device)

    def run(self, block: NDArray[Any]) -> NDArray[np.float32]:
        """Apply the network to a block of slices.

        Parameters
        ----------
        block : array (n + slices − 1, H, W) of float32
            Normalised grey levels, starting on a multiple of the network's `multiple` in
            the plane, with the network's halo.

        Returns
        -------
        array (n, H, W) of float32
            Slices `slices` // 2 … of the block; within `halo` of its border in the plane, the
            values depend on where the block ends and are to be cropped.
        """
        n = block.shape[0] - self.slices + 1
        if block.ndim != 3 or n < 1:
            raise InputError(
                f"The network reads {self.slices} slices at a time; "
                f"a block of shape {block.shape} has too few."
            )
        result = np.empty((n, *block.shape[1:]), np.float32)
        stack = torch.from_numpy(np.ascontiguousarray(block, np.float32))
        with torch.inference_mode():
            for i in range(n):
                x = stack[None, i : i + self.slices].to(self.device)
                result[i] = self._network(x)[0, 0].float().cpu().numpy()
        return result

    def tile(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Side lengths (rows, columns) of the tiles, margin not included, that suit a plane."""
        side = max(self.multiple, 512 // self.multiple * self.multiple)
        return min(side, shape[-2]), min(side, shape[-1])
