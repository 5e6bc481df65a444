from pathlib import Path

import pandas as pd

from napari_battery.report import Section, write_report


def test_report_shows_tables_with_units_and_escapes(tmp_path: Path) -> None:
    table = pd.DataFrame({"label": [1], "volume_um3": [12.3456], "core_mean": [float("nan")]})
    section = Section(
        "<b>", ["1 < 2"], [("a b.png", 'say "x"')], table, ["particles.csv"], "synthetic data"
    )
    write_report(tmp_path / "report.html", "Run", [section])
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;" in page
    assert "1 &lt; 2" in page
    assert "Volume (µm³)" in page
    assert "12.35" in page
    assert "synthetic data" in page
    assert 'href="particles.csv"' in page
    assert "<script" not in page
    assert "http" not in page
