"""Where judged pages wait on disk until the lines of their sites are counted."""

from __future__ import annotations

import json
import struct
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from cleaner.batch.work import Result
from cleaner.errors import BadOutput
from cleaner.sources import Item

__all__ = ["Spool"]

_SIZES: Final = struct.Struct("<IQ")  # bytes of the header and of the page
_BUFFER: Final = 1 << 20


class Spool:
    """Judged pages, in input order, in a file without a name.

    Nobody else can open such a file, so that what is read is what was written, and it is gone with the process,
    however that ends. It lies in ``folder``, where the output has to find room anyway; without one, where temporary
    files do. Nothing is held in memory.
    """

    def __init__(self, folder: Path | None) -> None:
        self.pages = 0
        self._folder = folder or Path(tempfile.gettempdir())
        self._file: IO[bytes] | None = None

    def add(self, item: Item, result: Result) -> None:
        """Appends what came of an item: its page, or why there is none. Raises ``BadOutput`` on a full disk."""
        header = json.dumps([item.id, item.name, item.source, item.url, item.language, item.site, result.error])
        page = b"" if result.error is not None else result.payload
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._folder, buffering=_BUFFER)  # noqa: SIM115
            self._file.write(_SIZES.pack(len(header), len(page)))
            self._file.write(header.encode())  # ASCII
            self._file.write(page)
        except OSError as error:
            raise self._no_room(error) from error
        self.pages += 1

    def items(self) -> Iterator[Item]:
        """What was added, from the first on: items whose data is for `unpack`, failed ones with their error."""
        if self._file is None:
            return
        try:
            self._file.flush()
            self._file.seek(0)
            for _ in range(self.pages):
                size, length = _SIZES.unpack(self._file.read(_SIZES.size))
                id, name, source, url, language, site, error = json.loads(self._file.read(size))
                data = self._file.read(length)
                yield Item(id, name, source, url, data, language=language, site=site, error=error)
        except OSError as error:
            raise self._no_room(error) from error

    def close(self) -> None:
        """Lets go of the file, and with it of its room."""
        with suppress(OSError):  # what could not be flushed on a full disk
            if self._file is not None:
                self._file.close()

    def _no_room(self, error: OSError) -> BadOutput:
        reason = (error.strerror or str(error)).lower()
        return BadOutput(
            f"{self._folder}: cannot be written: {reason}; pages wait there to be compared with others of their site, "
            "--no-sites does without"
        )
