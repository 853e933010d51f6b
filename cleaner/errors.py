"""Errors a caller can act on. Each message says what is wrong, where, and what to do next."""

__all__ = ["BadInput", "BadLabels", "BadModel", "BadOutput", "BadUsage", "CleanerError", "FetchFailed", "PageTooLarge"]


class CleanerError(Exception):
    """Base of every error that the package raises on purpose."""


class BadInput(CleanerError):
    """The input cannot be read: a missing path, an unknown kind, a folder without pages."""


class PageTooLarge(BadInput):
    """A page is larger than the limit; nothing of it was cleaned."""


class FetchFailed(BadInput):
    """A URL did not give a page."""


class BadModel(CleanerError):
    """A model file is truncated, altered, of another version, or not a model at all."""


class BadLabels(CleanerError):
    """Labelled pages are missing, unreadable or too few to learn from."""


class BadOutput(CleanerError):
    """The output cannot be written, is there already, or belongs to a run with other options."""


class BadUsage(CleanerError):
    """Options that do not go together."""
