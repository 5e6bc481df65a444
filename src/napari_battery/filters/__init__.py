"""Denoising and artefact removal."""
