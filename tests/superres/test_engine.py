"""Tiles meet: for every network, with the margin derived from its layers and no smaller one."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from napari_battery.blocks import read_with_halo
from napari_battery.errors import InputError
from napari_battery.superres import engine as engine_module
from napari_battery.superres.engine import Engine, bfloat16_is_fast
from napari_battery.superres.networks import Network, make_network

SMALL: dict[str, dict[str, int]] = {
    "paper-cnn": {},
    "paper-gan": {},
    "battery": {"blocks": 2, "features": 8},
    "edsr": {"blocks": 2, "features": 8, "unshuffle": 2},
    "rcan": {"groups": 1, "blocks": 2, "features": 16, "slices": 3},
    "esrgan": {"blocks": 1, "features": 8, "growth": 4, "unshuffle": 1},
}
"""Every network, with few enough layers that whole images of several margins are quick."""

ORDER_OF_SUMS = 1e-6
"""Of the grey range: float32 sums of some thousand products, added in another order."""


def drawn(name: str) -> Network:
    torch.manual_seed(3)
    return make_network(name, **SMALL[name])


def with_open_paths(name: str) -> Network:
    """A network of positive weights: nothing cancels, no ReLU closes, 0 stays 0."""
    network = drawn(name)
    with torch.no_grad():
        for weight in network.parameters():
            weight.abs_() if weight.ndim > 1 else weight.zero_()
    return network


def image_for(network: Network, rows: int, columns: int) -> NDArray[np.float32]:
    shape = (network.slices, rows, columns)
    return np.random.default_rng(5).random(shape, np.float32)


def on_scale(values: NDArray[Any], whole: NDArray[Any]) -> float:
    """The largest difference, as a part of the grey range (1, as networks see it, or more)."""
    return float(np.abs(values).max() / max(1.0, np.ptp(whole)))


def tiled(
    engine: Engine, image: NDArray[np.float32], side: int, halo: int, inside: bool = False
) -> NDArray[np.float32]:
    """The image in tiles of `side`, each read with a mirrored margin of `halo`."""
    result = np.empty(image.shape[1:], np.float32)
    for top in range(0, image.shape[1], side):
        for left in range(0, image.shape[2], side):
            window = (
                slice(0, image.shape[0]),
                slice(top, min(top + side, image.shape[1])),
                slice(left, min(left + side, image.shape[2])),
            )
            block = read_with_halo(image, window, (0, halo, halo))
            if inside:
                values = engine.run_inside(block)[0]
            else:
                full = engine.run(block)[0]
                values = full[halo : full.shape[0] - halo, halo : full.shape[1] - halo]
            result[window[1:]] = values
    return result


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("copies", [1, 8])
def test_tiles_with_the_halo_are_the_whole_image(name: str, inside: bool, copies: int) -> None:
    network = drawn(name)
    engine = Engine(network, "cpu", "float32", copies=copies)
    image = image_for(network, 97, 83)  # odd: no multiple of 2 or 3, nor of the tile
    whole = tiled(engine, image, 10**6, engine.halo)
    # a side that leaves a last tile of one cell or less
    side = 24 * network.multiple
    difference = tiled(engine, image, side, engine.halo, inside) - whole
    assert on_scale(difference, whole) <= ORDER_OF_SUMS


@pytest.mark.parametrize("name", SMALL)
def test_a_halo_one_pixel_short_shows_a_seam(name: str) -> None:
    """The halo's outermost pixels reach the tile's outermost pixels, on every side."""
    network = with_open_paths(name)
    engine = Engine(network, "cpu", "float32")
    block = np.ones_like(image_for(network, *[12 * network.multiple + 2 * engine.halo] * 2))
    block[:, 1:-1, 1:-1] = 0
    reached = engine.run_inside(block)[0] > 0
    for edge in (reached[0], reached[-1], reached[:, 0], reached[:, -1]):
        assert edge.all()
    m = network.multiple
    assert not reached[m:-m, m:-m].any()


@pytest.mark.parametrize("name", ["paper-cnn", "paper-gan"])
def test_tiles_with_a_halo_one_pixel_short_differ(name: str) -> None:
    engine = Engine(with_open_paths(name), "cpu", "float32")
    image = image_for(engine._same, 97, 83)
    whole = tiled(engine, image, 10**6, engine.halo)
    enough = on_scale(tiled(engine, image, 24, engine.halo) - whole, whole)
    short = on_scale(tiled(engine, image, 24, engine.halo - 1) - whole, whole)
    assert enough <= 4 * ORDER_OF_SUMS  # sums of positive products alone are larger than the range
    assert short > 20 * ORDER_OF_SUMS


@pytest.mark.parametrize("name", SMALL)
def test_the_engine_gives_what_the_network_gives(name: str) -> None:
    network = drawn(name)
    image = image_for(network, 40, 47)
    with torch.inference_mode():
        plain = network(torch.from_numpy(image)[None])[0].numpy()
    fast = Engine(network, "cpu", "float32").run(image)
    assert fast.shape == (1, 40, 47)
    assert on_scale(fast - plain, plain) <= ORDER_OF_SUMS


@pytest.mark.parametrize("copies", [2, 4, 8])
def test_the_mean_of_copies_is_of_mirrored_and_turned_images(copies: int) -> None:
    network = drawn("battery")
    image = image_for(network, 30, 42)
    ways: list[tuple[bool, tuple[int, ...]]] = [(False, ()), (False, (2,))]
    ways += [(False, (1,)), (False, (1, 2))] if copies >= 4 else []
    ways += [(True, flips) for _, flips in ways] if copies == 8 else []
    once = Engine(network, "cpu", "float32")
    results = []
    for transposed, flips in ways:
        turned = np.flip(image.transpose(0, 2, 1) if transposed else image, flips)
        back = np.flip(once.run(turned), flips)
        results.append(back.transpose(0, 2, 1) if transposed else back)
    assert len(results) == copies
    mean = np.mean(results, axis=0)
    found = Engine(network, "cpu", "float32", copies=copies).run(image)
    assert on_scale(found - mean, mean) <= ORDER_OF_SUMS
    assert np.abs(results[-1] - results[0]).max() > 1e-3  # they do differ


def test_eight_copies_know_no_direction() -> None:
    network = drawn("battery")
    engine = Engine(network, "cpu", "float32", copies=8)
    image = image_for(network, 36, 36)
    quarter = np.rot90(engine.run(image), axes=(1, 2))
    found = engine.run(np.rot90(image, axes=(1, 2)))
    assert on_scale(found - quarter, quarter) <= ORDER_OF_SUMS


def test_a_stack_is_put_through_slice_by_slice() -> None:
    network = drawn("battery")
    engine = Engine(network, "cpu", "float32")
    stack = np.random.default_rng(0).random((network.slices + 3, 30, 33), np.float32)
    result = engine.run(stack)
    assert result.shape == (4, 30, 33)
    for i in range(4):
        np.testing.assert_array_equal(result[i], engine.run(stack[i : i + network.slices])[0])


def test_a_blob_stays_where_it_is() -> None:
    """The default network, its layers switched off, gives back the middle slice."""
    network = make_network("battery", blocks=1, features=4)
    with torch.no_grad():
        for weight in network.parameters():
            weight.zero_()
    image = image_for(network, 31, 32)
    middle = image[network.slices // 2]
    np.testing.assert_array_equal(Engine(network, "cpu", "float32").run(image)[0], middle)


@pytest.mark.parametrize("name", SMALL)
def test_bfloat16_is_near_float32(name: str) -> None:
    """Noise of under 0.2 % of the output's range: 0.01 dB at a PSNR of 27 dB."""
    torch.manual_seed(0)
    network = make_network(name, **SMALL[name])
    image = image_for(network, 60, 61)
    exact = Engine(network, "cpu", "float32").run(image)
    engine = Engine(network, "cpu", "bfloat16")
    rounded = engine.run(image)
    assert engine.precision == "bfloat16"
    rms = float(np.sqrt(np.mean((rounded - exact) ** 2)))
    assert 0 < rms < 2e-3 * np.ptp(exact)
    assert len(np.unique(rounded)) > 0.9 * len(np.unique(exact))  # not in steps of 8 bits


def test_auto_takes_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    network = drawn("paper-gan")
    for fast, precision in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr(engine_module, "bfloat16_is_fast", lambda device, fast=fast: fast)
        assert Engine(network, "cpu").precision == precision
    monkeypatch.undo()
    assert not bfloat16_is_fast("mps")
    if not torch.cuda.is_available():
        assert Engine(network).device in ("cpu", "mps")
        with pytest.raises(InputError, match="cannot use the device “cuda”"):
            Engine(network, "cuda")


def test_the_tile_suits_the_plane_and_the_network() -> None:
    for name, options in SMALL.items():
        engine = Engine(make_network(name, **options), "cpu", "float32")
        for plane in ((1, 1), (97, 83), (3000, 2000), (20000, 30)):
            sides = engine.tile((7, *plane))
            for side, n in zip(sides, plane, strict=True):
                assert side % engine.multiple == 0
                assert 0 < side < n + engine.multiple
    large = Engine(make_network("paper-cnn"), "cpu", "float32").tile((3000, 3000))
    margin = 2 * 14
    assert (large[0] + margin) * (large[1] + margin) * 64 * 4 <= 64 * 2**20


def test_blocks_that_hold_too_little_are_refused() -> None:
    engine = Engine(drawn("battery"), "cpu", "float32")
    with pytest.raises(InputError, match="reads 27 slices at a time"):
        engine.run(np.zeros((4, 30, 30), np.float32))
    side = 2 * engine.halo
    with pytest.raises(InputError, match=f"margin of {engine.halo} pixels"):
        engine.run_inside(np.zeros((27, side, side), np.float32))


def test_out_of_memory_is_said_in_pythons_way(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(drawn("paper-gan"), "cpu", "float32")

    def no_memory(*_: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate")

    monkeypatch.setattr(engine._same, "forward", no_memory)
    with pytest.raises(MemoryError):
        engine.run(np.zeros((1, 8, 8), np.float32))


def test_callers_in_several_threads_get_their_own_results() -> None:
    engine = Engine(drawn("paper-gan"), "cpu", "float32", threads=1)
    images = [np.full((1, 20, 20), i, np.float32) for i in range(6)]
    alone = [engine.run(image) for image in images]
    results: dict[int, NDArray[np.float32]] = {}

    def work(i: int) -> None:
        results[i] = engine.run(images[i])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, values in enumerate(alone):
        np.testing.assert_array_equal(results[i], values)
