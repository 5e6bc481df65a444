"""Keeps software OpenGL from ending the program after a layer was removed."""

from __future__ import annotations

from typing import Any

__all__ = ["guard"]


def guard(viewer: Any) -> None:
    """Switch off what a removed layer leaves switched on in the graphics context.

    vispy (0.17) never disables vertex attribute arrays. When the visual that used most of
    them is deleted with its buffers, the next one to be drawn reads the deleted buffers, which
    ends the program in Mesa's software rasteriser.
    """
    viewer.layers.events.removed.connect(_disable_attributes)


def _disable_attributes(event: Any = None) -> None:
    from vispy import gloo
    from vispy.gloo import gl

    canvas = gloo.get_current_canvas()
    if canvas is None or getattr(canvas, "_closed", False):
        return
    canvas.set_current()
    for place in range(gl.glGetParameter(gl.GL_MAX_VERTEX_ATTRIBS)):
        gl.glDisableVertexAttribArray(place)
