"""A plain HTML page beside the tables and figures it shows."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from napari_battery import __version__
from napari_battery.files import write_text
from napari_battery.tables import column_title

__all__ = ["Section", "write_report"]

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
       color: #1d2733; }
h1, h2 { line-height: 1.2 } h2 { margin-top: 2.5rem; border-top: 1px solid #d5dce4;
       padding-top: 1rem }
figure { margin: 1rem 0 } img { max-width: 100% } figcaption, .small { color: #5b6875;
       font-size: .9rem }
table { border-collapse: collapse; font-size: .9rem } th, td { padding: .25rem .7rem;
       text-align: right; border-bottom: 1px solid #e4e9ee; white-space: nowrap }
.tag { background: #fff3d6; border-radius: .3rem; padding: .1rem .5rem }
.wide { overflow-x: auto }
"""


@dataclass(frozen=True)
class Section:
    """One part of a report.

    Parameters
    ----------
    title : str
        Heading.
    text : sequence of str
        Paragraphs.
    figures : sequence of (str, str)
        Picture file, relative to the page, and its caption.
    table : DataFrame, optional
        Shown whole, with units; keep it short.
    files : sequence of str
        Files to link, relative to the page.
    tag : str
        What must be seen first: "synthetic data", "assumed voxel size".
    """

    title: str
    text: Sequence[str] = ()
    figures: Sequence[tuple[str, str]] = ()
    table: pd.DataFrame | None = None
    files: Sequence[str] = ()
    tag: str = ""


def write_report(path: Path, title: str, sections: Sequence[Section]) -> None:
    """Write the page; everything in it is escaped, nothing is loaded from elsewhere."""
    body = "".join(_section(section) for section in sections)
    write_text(
        path,
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{html.escape(title)}'
        f"</title><style>{_STYLE}</style>\n<h1>{html.escape(title)}</h1>\n{body}"
        f'<p class="small">napari-battery {html.escape(__version__)}</p></html>\n',
    )


def _section(section: Section) -> str:
    tag = f' <span class="tag">{html.escape(section.tag)}</span>' if section.tag else ""
    parts = [f"<h2>{html.escape(section.title)}{tag}</h2>"]
    parts += [f"<p>{html.escape(text)}</p>" for text in section.text]
    for file, caption in section.figures:
        alt = html.escape(caption, quote=True)
        parts.append(
            f'<figure><img src="{html.escape(file, quote=True)}" alt="{alt}">'
            f"<figcaption>{html.escape(caption)}</figcaption></figure>"
        )
    if section.table is not None:
        shown = section.table.rename(columns=column_title)
        table = shown.to_html(index=False, border=0, float_format="{:.4g}".format, na_rep="–")
        parts.append(f'<div class="wide">{table}</div>')
    if section.files:
        links = ", ".join(
            f'<a href="{html.escape(f, quote=True)}">{html.escape(f)}</a>' for f in section.files
        )
        parts.append(f'<p class="small">Files: {links}</p>')
    return "\n".join(parts) + "\n"
