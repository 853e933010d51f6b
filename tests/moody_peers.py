"""Peers that do what the page says, in a module of their own, which a peer's process imports quickly."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable


def load_moody() -> Callable[[str, str | None], str]:
    """The loop is one that Python's own signal handlers could not end."""

    def extract(html: str, language: str | None) -> str:
        if html == "raise":
            raise ValueError("not | this page")
        if html == "loop":
            sum(range(10**15))
        if html == "sleep":
            time.sleep(600)
        if html == "exit":
            os._exit(3)
        if html == "segfault":
            ctypes.string_at(0)
        return f"{html} {language}"

    return extract


def load_broken() -> Callable[[str, str | None], str]:
    raise ImportError("not installed")
