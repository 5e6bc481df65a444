"""Write docs/tables.md: the columns of every table, from the code that makes them."""

from pathlib import Path

from napari_battery import tables

TABLES = {
    "particles (3-D)": tables.PARTICLES_3D,
    "particles (2-D)": tables.PARTICLES_2D,
    "layers": tables.LAYERS,
    "shells": tables.SHELLS,
    "particles by state": tables.PARTICLES_BY_STATE,
    "study: particles by state (3-D)": tables.STUDY_PARTICLES,
    "study: particles by state (2-D)": tables.STUDY_PARTICLES_2D,
    "study: states": tables.STATES,
    "study: states by subset": tables.STATES_BY_SUBSET,
    "study: tests by subset": tables.TESTS_BY_SUBSET,
    "study: noise": tables.STUDY_NOISE,
    "study: grey levels": tables.STUDY_GREYS,
    "study: ledger": tables.STUDY_LEDGER,
    "contacts": tables.CONTACTS,
    "particle shifts": tables.PARTICLE_SHIFTS,
    "series": tables.SERIES,
    "inside": tables.INSIDE,
    "inside, by layer": tables.INSIDE_PROFILE,
    "matches": tables.MATCHES,
    "microstructure": tables.MICROSTRUCTURE,
    "super-resolution quality": tables.SUPERRES_QUALITY,
    "super-resolution quality by region": tables.SUPERRES_REGIONS,
    "validation": tables.VALIDATION,
    "validation by region": tables.VALIDATION_REGIONS,
    "training": tables.TRAINING,
}


def page() -> str:
    lines = ["# Tables", "", "Made by `python docs/make_tables_page.py`.", ""]
    for title, names in TABLES.items():
        lines += [f"## {title}", "", "| column | unit | what it is |", "|---|---|---|"]
        for name in names:
            column = tables.COLUMNS[name]
            text = column.description.replace("|", "\\|")
            lines.append(f"| `{name}` | {column.unit} | {text} |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    Path(__file__).with_name("tables.md").write_text(page(), encoding="utf-8")
