"""Microstructure: fractions, transport, sizes, surfaces, expansion, regression, export."""
