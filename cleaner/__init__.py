"""Takes the boilerplate off web pages, with their HTML or without it, and says how sure it is.

>>> from cleaner import clean
>>> clean("")
''
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cleaner.errors import CleanerError
    from cleaner.page import CleanedPage, Kind, Line, Page
    from cleaner.pipeline import Cleaner, clean, explain

__all__ = ["CleanedPage", "Cleaner", "CleanerError", "Kind", "Line", "Page", "clean", "explain"]
__version__ = "0.1.0"

_HOME = {"CleanerError": "errors", "CleanedPage": "page", "Kind": "page", "Line": "page", "Page": "page"}


def __getattr__(name: str) -> Any:
    # Names are handed on when asked for: `cleaner --help` must not wait for numpy.
    if name in __all__:
        from importlib import import_module

        return getattr(import_module(f"cleaner.{_HOME.get(name, 'pipeline')}"), name)
    raise AttributeError(f"module 'cleaner' has no attribute {name!r}")
