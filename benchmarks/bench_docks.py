"""How long every dock of the plugin takes to open in a running viewer; the target is 1 s.

    xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/bench_docks.py [NAME ...]

Each dock is opened in a viewer of its own process, with an image and labels already there, as a
person opens it from the menu: the first time, with all that it imports, and once more after it
was closed. Seconds on the clock until its window is painted, and CPU seconds of the process.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time


def names() -> list[str]:
    """Docks in the order of the manifest."""
    from npe2 import PluginManager

    manager = PluginManager.instance()
    manager.discover()
    widgets = manager.get_manifest("napari-battery").contributions.widgets or []
    return [widget.display_name for widget in widgets]


def measure(name: str) -> None:
    """Open one dock twice; prints the times as JSON."""
    import tempfile

    import napari
    import numpy as np
    from qtpy.QtCore import QSettings
    from qtpy.QtWidgets import QApplication

    folder = tempfile.mkdtemp()  # nothing is remembered
    QSettings.setDefaultFormat(QSettings.Format.IniFormat)
    for form in (QSettings.Format.IniFormat, QSettings.Format.NativeFormat):
        QSettings.setPath(form, QSettings.Scope.UserScope, folder)
    viewer = napari.Viewer()
    rng = np.random.default_rng(0)
    viewer.add_image(rng.normal(100, 10, (32, 64, 64)).astype(np.float32), name="scan")
    labels = np.zeros((32, 64, 64), np.int32)
    labels[8:20, 10:30, 10:30] = 1
    viewer.add_labels(labels, name="particles")
    app = QApplication.instance()
    for _ in range(20):
        app.processEvents()
    found = []
    for _ in range(2):
        clock, cpu = time.perf_counter(), time.process_time()
        dock, _widget = viewer.window.add_plugin_dock_widget("napari-battery", name)
        app.processEvents()
        found += [time.perf_counter() - clock, time.process_time() - cpu]
        viewer.window.remove_dock_widget(dock)
        app.processEvents()
    print(json.dumps(found))
    viewer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="*", help="docks to open; all if none")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        measure(options.name[0])
        return
    print(f"{'':26} first: s   CPU s   again: s   CPU s")
    slowest = ("", 0.0)
    for name in options.name or names():
        command = [sys.executable, __file__, "--one", name]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        times = json.loads(out.strip().splitlines()[-1])
        print(
            f"{name:26} {times[0]:8.2f} {times[1]:7.2f} {times[2]:10.2f} {times[3]:7.2f}",
            flush=True,
        )
        slowest = max(slowest, (name, times[1]), key=lambda one: one[1])
    print(f"slowest: {slowest[0]}, {slowest[1]:.2f} CPU s the first time")


if __name__ == "__main__":
    main()
