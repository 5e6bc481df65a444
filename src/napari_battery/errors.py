"""Errors that are meant for the person at the screen."""

__all__ = ["InputError"]


class InputError(ValueError):
    """An input or a setting that a step cannot work with.

    The message is one sentence or two in plain words: what was wrong, which layer
    or file, both numbers where two disagree, and what to do about it. Docks show
    it as it stands; the command line prints it and exits with 1.
    """
