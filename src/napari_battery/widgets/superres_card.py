"""A model's card as a page to read: what it learnt from, what it does, where it fails."""

from __future__ import annotations

from html import escape
from typing import Any

from qtpy.QtWidgets import QDialog, QTextBrowser, QVBoxLayout, QWidget

from napari_battery.superres.card import Card, Range, TrainingData, Validated

__all__ = ["CardDialog", "card_html", "one_line"]


def one_line(card: Card) -> str:
    """What a model is, in one line: its title, and the voxel sizes it is for."""
    sizes = _voxel_sizes(card)
    return ". ".join(filter(None, [card.title.rstrip("."), sizes])) + "."


def card_html(card: Card) -> str:
    """The card as rich text."""
    read = "a single slice" if card.slices == 1 else f"{card.slices} neighbouring slices"
    parts = [
        f"<h2>{escape(card.name)}</h2>",
        f"<p>{escape(card.title)}</p>" if card.title else "",
        _section("Voxel sizes", _paragraph(_voxel_sizes(card) or "Not told.")),
        _section("Limits", _paragraph(card.limits or "None are told.")),
        _section("Trained on", _training(card.training)),
        _section("Low-resolution images", _pairs(card.degradation)),
        _section("What was measured", _metrics(card.metrics)),
        _section("Metrics of the microstructure", _validation(card.validation)),
        _section(
            "Network",
            _paragraph(
                f"{card.network}{_options(card.options)}, {card.parameters:,} parameters; reads "
                f"{read}; tiles need a margin of {card.halo_px} pixels."
            )
            + _paragraph(f"Grey levels: {card.normalisation}."),
        ),
        _section("Training settings", _pairs({**card.settings, "precision": card.precision})),
        _section("Licence", _paragraph(card.licence or "Not told.")),
        _section("Made", _made(card)),
    ]
    return "".join(parts)


class CardDialog(QDialog):
    """A window with the card of a model; may stay open beside the work."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.page = QTextBrowser()
        self.page.setOpenExternalLinks(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.addWidget(self.page)
        self.resize(560, 640)

    def show_card(self, card: Card) -> None:
        """Show this card and come to the front."""
        self.setWindowTitle(f"Model “{card.name}”")
        self.page.setHtml(card_html(card))
        self.show()
        self.raise_()


def _voxel_sizes(card: Card) -> str:
    words = []
    if card.low_voxel_size_um is not None and card.high_voxel_size_um is not None:
        words.append(
            f"from {_span(card.low_voxel_size_um)} µm to {_span(card.high_voxel_size_um)} µm"
        )
    if card.ratio is not None:
        words.append(f"{_span(card.ratio)} × smaller voxels")
    text = ", ".join(words)
    return text[:1].upper() + text[1:]


def _training(data: tuple[TrainingData, ...]) -> str:
    if not data:
        return _paragraph("Not told.")
    items = []
    for one in data:
        facts = ["synthetic" if one.synthetic else "real", one.used_for]
        if one.box is not None:
            facts.append("voxels " + ", ".join(f"{a} to {b - 1}" for a, b in one.box))
        facts += [text for text in (one.licence, one.note) if text]
        items.append(f"<li><b>{escape(one.name)}</b>: {escape('; '.join(facts))}</li>")
    return f"<ul>{''.join(items)}</ul>"


def _metrics(metrics: dict[str, dict[str, float]]) -> str:
    if not metrics:
        return _paragraph("Nothing.")
    names = list(dict.fromkeys(name for numbers in metrics.values() for name in numbers))
    parts = []
    for sample, numbers in metrics.items():
        rows = {name: f"{numbers[name]:.4g}" for name in names if name in numbers}
        parts.append(f"<p><b>{escape(sample)}</b></p>{_pairs(rows)}")
    return "".join(parts)


def _validation(validation: dict[str, Validated]) -> str:
    """For which metrics the model holds, by sample."""
    if not validation:
        return _paragraph("Nothing was validated: run “napari-battery validate … --card”.")
    parts = []
    for sample, one in validation.items():
        kind = ", synthetic" if one.synthetic else ""
        parts.append(
            f"<p><b>{escape(sample)}</b>: {one.regions} regions{kind}; error allowed "
            f"{one.tolerance:.0%}, intervals of {one.confidence:.0%}</p>"
        )
        rows = {
            " ".join(filter(None, (v.metric, v.phase, v.axis))): f"{v.verdict}: {v.why}"
            for v in one.verdicts
        }
        parts.append(_table(rows))
    return "".join(parts)


def _made(card: Card) -> str:
    made = card.made
    rows = {
        "version": made.version,
        "date": made.date,
        "command": made.command,
        "SHA-256 of the weights": card.weights_sha256,
    }
    return _pairs({name: value for name, value in rows.items() if value})


def _pairs(values: dict[str, Any]) -> str:
    if not values:
        return _paragraph("Not told.")
    return _table({name: _value(value) for name, value in values.items()})


def _table(values: dict[str, str]) -> str:
    rows = "".join(
        f"<tr><td>{escape(str(name).replace('_', ' '))}</td>"
        f"<td style='padding-left: 12px'>{escape(value)}</td></tr>"
        for name, value in values.items()
    )
    return f"<table>{rows}</table>"


def _value(value: Any) -> str:
    if value is None:
        return "automatic"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.5g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(_value, value))
    text = str(value)
    # so that a hash or a path wraps, too
    return "\u200b".join(text[i : i + 16] for i in range(0, len(text), 16))


def _options(options: dict[str, Any]) -> str:
    told = ", ".join(f"{name} {value}" for name, value in options.items())
    return f" ({escape(told)})" if told else ""


def _section(title: str, content: str) -> str:
    return f"<h4>{title}</h4>{content}"


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _span(span: Range) -> str:
    low, high = (f"{v:.4g}" for v in span)
    return low if low == high else f"{low} to {high}"
