"""One run at a time in one output."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from cleaner.errors import BadOutput

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["OutputLock"]


class OutputLock:
    """Held by the run that writes an output, until it lets go or its process ends, however that ends.

    ``path`` is a folder, or a file that is there as long as it is held, and after a run that was killed. Where the
    system or the file system knows no locks, nobody is kept out.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    def take(self) -> None:
        """Raises ``BadOutput`` if another run holds the lock, ``OSError`` if its file cannot be made."""
        if fcntl is None:
            return
        while self._handle is None:
            handle = os.open(self._path, os.O_RDONLY if self._path.is_dir() else os.O_RDWR | os.O_CREAT, 0o666)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(handle)
                raise BadOutput(f"{self._path}: another run is writing here; wait for its end") from None
            except OSError:  # network file systems: go without
                pass
            if self._is_at_path(handle):
                self._handle = handle
            else:  # the run that held it removed the file in between
                os.close(handle)

    def _is_at_path(self, handle: int) -> bool:
        try:
            return os.path.samestat(os.fstat(handle), self._path.stat())
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Lets go, if the lock is held."""
        if self._handle is None:
            return
        if stat.S_ISREG(os.fstat(self._handle).st_mode):
            with suppress(OSError):  # left over, it keeps nobody out
                self._path.unlink()
        os.close(self._handle)
        self._handle = None
