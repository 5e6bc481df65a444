from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

import numpy as np
import psutil
import pytest

from napari_battery.superres import heap

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or heap._glibc() is None, reason="glibc's heap alone"
)

MB = 2**20
PAGE = 4096


def page_faults(run: Callable[[], object]) -> int:
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    run()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def use_and_free() -> None:
    np.ones(heap.largest_kept(), np.uint8)


def in_a_thread(run: Callable[[], None]) -> None:
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


@pytest.mark.parametrize("anywhere", [lambda run: run(), in_a_thread])
def test_freed_features_are_used_again_without_new_pages(
    anywhere: Callable[[Callable[[], None]], None],
) -> None:
    """In the main thread and in others, whose heaps glibc keeps apart."""
    again: list[int] = []

    def work() -> None:
        with heap.kept():
            use_and_free()
            again.extend(page_faults(use_and_free) for _ in range(4))

    anywhere(work)
    pages = heap.largest_kept() // PAGE
    assert min(again) < 0.05 * pages  # nothing but what other threads do meanwhile


def test_the_memory_goes_back_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heap, "_LINGER_S", 0.01)
    process = psutil.Process()
    with heap.kept():
        pieces = [np.ones(16 * MB, np.uint8) for _ in range(12)]
        with_pieces = process.memory_info().rss
        del pieces
    end = time.monotonic() + 30
    while (heap._giving_back is not None or heap._users) and time.monotonic() < end:
        time.sleep(0.02)
    with heap._lock:
        assert with_pieces - process.memory_info().rss > 150 * MB


def test_it_lasts_until_the_last_user_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []
    monkeypatch.setattr(heap, "_LINGER_S", 0.05)
    monkeypatch.setattr(heap, "_keep", lambda: given.append("keep"))
    monkeypatch.setattr(heap, "_give_back", lambda: given.append("back"))
    heap._giving_back = None
    with heap.kept():
        with heap.kept():
            pass
        time.sleep(0.15)
        assert given == ["keep"]
    with heap.kept():  # soon after: nothing was given back between
        assert given == ["keep"]
    end = time.monotonic() + 30
    while len(given) < 2 and time.monotonic() < end:
        time.sleep(0.02)
    assert given == ["keep", "back"]
