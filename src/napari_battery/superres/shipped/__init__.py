"""Weights and cards of the models that ship with the package."""
