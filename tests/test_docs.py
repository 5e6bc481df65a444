"""The pages made from code are the code's."""

from __future__ import annotations

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def test_the_tables_page_is_up_to_date() -> None:
    made = runpy.run_path(str(DOCS / "make_tables_page.py"))["page"]()
    assert (DOCS / "tables.md").read_text(encoding="utf-8") == made


def test_every_picture_and_page_that_is_named_is_there() -> None:
    import re

    for page in (*DOCS.glob("*.md"), DOCS.parent / "README.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} names {target}"
