"""The optimisers of the training: what they move, how far, and that they can go on."""

from __future__ import annotations

import io

import pytest
import torch

from napari_battery.superres.networks.edsr import Battery
from napari_battery.superres.networks.paper import PaperCNN
from napari_battery.superres.optimisers import Optimiser


def network(make=lambda: Battery(slices=3, blocks=1, features=32), seed=0):
    torch.manual_seed(seed)
    return make().to(memory_format=torch.channels_last)


def steps(net, optimiser, n, seed=1):
    generator = torch.Generator().manual_seed(seed)
    slices = net.slices
    for _ in range(n):
        x = torch.randn(2, slices, 24, 24, generator=generator)
        y = x[:, slices // 2 : slices // 2 + 1] * 0.5
        optimiser.clear()
        (net(x) - y).square().mean().backward()
        optimiser.step()


def kernels(net):
    return {k: v.clone() for k, v in net.state_dict().items() if v.ndim == 4}


@pytest.mark.parametrize("make", [lambda: Battery(slices=3, blocks=1, features=32), PaperCNN])
def test_a_first_step_of_muon_is_an_orthogonal_matrix(make):
    """The definition: U·Vᵀ of the gradient's singular vectors, whatever its size, which numpy
    finds too; five Newton-Schulz rounds in bfloat16 bring singular values to 0.5 to 1.3."""
    net = network(make)
    optimiser = Optimiser(net, "muon", 1e-2)
    before = kernels(net)
    steps(net, optimiser, 1)
    gradients = {name: p.grad.flatten(1) for name, p in net.named_parameters() if p.ndim == 4}
    seen = 0
    for name, now in kernels(net).items():
        moved = (before[name] - now).flatten(1)
        rows, columns = moved.shape
        if min(rows, columns) < 16:
            # Adam's first step: the rate, for all
            torch.testing.assert_close(moved.abs().max(), torch.tensor(1e-2), rtol=1e-3, atol=0)
            continue
        seen += 1
        u, s, v = torch.linalg.svd(gradients[name], full_matrices=False)
        inside = (u.T @ moved @ v.T) / (1e-2 * 0.2 * max(rows, columns) ** 0.5)
        strong = s > s[0] * 1e-2  # what is far below does not get there in five rounds
        scale = torch.diagonal(inside)[strong]
        assert scale.min() > 0.4, name
        assert scale.max() < 1.4, name
        off = inside - torch.diag(torch.diagonal(inside))
        assert off.abs().max() < 0.1, name  # bfloat16
    assert seen >= 2


def test_the_order_in_memory_changes_nothing():
    results = []
    for layout in (torch.contiguous_format, torch.channels_last):
        net = network().to(memory_format=layout)
        optimiser = Optimiser(net, "muon", 1e-2)
        steps(net, optimiser, 1)
        results.append(kernels(net))
    for name, tensor in results[0].items():
        # sums in another order, in bfloat16
        torch.testing.assert_close(tensor, results[1][name], atol=3e-4, rtol=0)


@pytest.mark.parametrize("kind", ["adam", "muon"])
def test_going_on_equals_never_having_stopped(kind):
    whole = network()
    optimiser = Optimiser(whole, kind, 3e-3)
    steps(whole, optimiser, 2)
    kept = io.BytesIO()
    torch.save((whole.state_dict(), optimiser.state_dict()), kept)
    steps(whole, optimiser, 2, seed=2)

    kept.seek(0)
    weights, state = torch.load(kept, weights_only=True)
    resumed = network(seed=5)
    resumed.load_state_dict(weights)
    again = Optimiser(resumed, kind, 1.0)
    again.load_state_dict(state)
    assert again.rate == 3e-3
    steps(resumed, again, 2, seed=2)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def test_adam_alone_is_torchs():
    ours, theirs = network(), network()
    optimiser = Optimiser(ours, "adam", 1e-3)
    torchs = torch.optim.Adam(theirs.parameters(), lr=1e-3, fused=True)
    steps(ours, optimiser, 3)

    class Wrapped:
        clear, step = torchs.zero_grad, torchs.step

    steps(theirs, Wrapped, 3)
    for name, tensor in ours.state_dict().items():
        assert torch.equal(tensor, theirs.state_dict()[name]), name
