"""The optimisers that train a network: Adam, or Muon for its kernels and Adam for the rest."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import nn

__all__ = ["Optimiser"]

_NARROW = 16
"""Kernels with fewer inputs or outputs (the last one, to the image) are left to Adam."""


class Optimiser:
    """Moves the weights of a network.

    Parameters
    ----------
    network : Module
        Its weights are moved in place; it stays on its device and in its memory layout.
    kind : {"adam", "muon"}
        With "muon", each kernel of a convolution, seen as a matrix of (outputs, inputs),
        takes steps in which every direction counts alike: the gradient's momentum with its
        singular values brought near 1 (Jordan et al., "Muon: an optimizer for hidden layers",
        2024), as long as Adam's would be (Liu et al., "Muon is scalable for LLM training",
        arXiv:2502.16982). Biases and narrow kernels take Adam's steps.
    rate : float
        Learning rate.
    """

    def __init__(self, network: nn.Module, kind: Literal["adam", "muon"], rate: float) -> None:
        parameters = list(network.parameters())
        kernels = [p for p in parameters if _is_wide(p)] if kind == "muon" else []
        kept = {id(p) for p in kernels}
        rest = [p for p in parameters if id(p) not in kept]
        # the same memory, as the matrices that Muon asks for
        self._matrices = [(p, nn.Parameter(_matrix(p.detach(), p))) for p in kernels]
        self._parts: list[torch.optim.Optimizer] = []
        if rest:
            fused = rest[0].device.type in ("cpu", "cuda")
            self._parts.append(torch.optim.Adam(rest, lr=rate, fused=fused))
        if kernels:
            self._parts.append(
                torch.optim.Muon(
                    [matrix for _, matrix in self._matrices],
                    lr=rate,
                    weight_decay=0.0,
                    adjust_lr_fn="match_rms_adamw",
                )
            )
        self._network = network

    @property
    def rate(self) -> float:
        """Learning rate of the step before, or set for the one to come."""
        return float(self._parts[0].param_groups[0]["lr"])

    @rate.setter
    def rate(self, rate: float) -> None:
        for part in self._parts:
            for group in part.param_groups:
                group["lr"] = rate

    def clear(self) -> None:
        """Forget the gradients."""
        self._network.zero_grad(set_to_none=True)

    def step(self) -> None:
        """Move the weights by their gradients."""
        for kernel, matrix in self._matrices:
            matrix.grad = None if kernel.grad is None else _matrix(kernel.grad, kernel)
        for part in self._parts:
            part.step()

    def state_dict(self) -> dict[str, Any]:
        """What must be kept to go on: tensors and plain values."""
        return {"parts": [part.state_dict() for part in self._parts]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        for part, kept in zip(self._parts, state["parts"], strict=True):
            part.load_state_dict(kept)


def _is_wide(weight: torch.Tensor) -> bool:
    return weight.ndim == 4 and bool(min(weight.shape[0], weight[0].numel()) >= _NARROW)


def _matrix(values: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    """A kernel, or its gradient, (outputs, inputs, height, width) as (outputs, all else).

    The columns come in the order in which the kernel lies in memory, so that it is seen and
    not copied; Muon's steps do not depend on the order.
    """
    if not kernel.is_contiguous():
        values = values.permute(0, 2, 3, 1)  # channels last
    return values.flatten(1)
