"""Output file names made from names that came from outside.

Names of crawled pages are hostile by accident or on purpose: ``../../.bashrc``, absolute paths, 300 characters, two
that differ only in case. Every name made here is relative, has no ``..``, fits the usual limits of file systems, and
is the only one of its kind, also where upper and lower case are the same.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Final

__all__ = ["Names", "safe_name"]

COMPONENT_BYTES: Final = 120  # of 255 on all common file systems; endings and temporary names come on top
PATH_BYTES: Final = 800  # of 4,096 on Linux and 1,024 on macOS, together with the output folder
# Characters that Windows refuses, and what a shell or a terminal would trip over.
_UNSAFE: Final = re.compile(r'[<>:"|?*\x00-\x1f\x7f]')
_RESERVED: Final = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.I)
_INPUT_ENDING: Final = re.compile(r"\.(?:html?|xhtml|txt|md|markdown|php|aspx?|jsp)(?:\.(?:gz|zst))?$", re.I)
_OUTPUT_ENDING: Final = re.compile(r"\.(?:txt|md|json|jsonl)$", re.I)


def safe_name(name: str) -> str:
    """A relative path without ending for ``name``, whose parts are separated by slashes of either kind.

    >>> safe_name("../../etc/passwd"), safe_name("C:\\\\pages\\\\Story.html"), safe_name("/")
    ('etc/passwd', 'C_/pages/Story', 'page')
    """
    clean = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode("utf-8")).replace("\\", "/")
    parts = [part for part in clean.split("/") if part.strip(" .")]
    if not parts:
        return "page"
    parts[-1] = _INPUT_ENDING.sub("", parts[-1]) or parts[-1]
    parts = [_component(part) for part in parts]
    # A folder that ends like an output file would stand where another page's output wants to be.
    parts[:-1] = [f"{part}_" if _OUTPUT_ENDING.search(part) else part for part in parts[:-1]]
    path = "/".join(parts)
    if len(path.encode()) > PATH_BYTES:
        path = f"{parts[0]}/{parts[-1][:40]}~{_hash(name)}"
    return path


def _component(part: str) -> str:
    part = _UNSAFE.sub("_", part).strip().rstrip(". ")
    if not part:
        return "_"
    if part[0] == "." or _RESERVED.match(part):
        part = f"_{part}"
    if len(part.encode()) > COMPONENT_BYTES:
        part = part.encode()[: COMPONENT_BYTES - 9].decode("utf-8", "ignore").rstrip(". ") + f"~{_hash(part)}"
    return part


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=4).hexdigest()


class Names:
    """Gives every page its own name, in the order in which the pages come. About 70 bytes of memory a page.

    Takes the same time for every page, also where all have the same name.
    """

    def __init__(self) -> None:
        self._taken: set[int] = set()
        self._numbers: dict[int, int] = {}  # of names that were asked for a third time: the next number to try

    def assign(self, name: str) -> str:
        """The name for the next page; a name that is taken gets a hash of the original, then a number."""
        base = safe_name(name)
        if self._take(base):
            return base
        if self._take(path := f"{base}~{_hash(name)}"):
            return path
        key = _key(base)
        number = self._numbers.get(key, 2)
        while not self._take(path := f"{base}~{number}"):
            number += 1
        self._numbers[key] = number + 1
        return path

    def _take(self, path: str) -> bool:
        key = _key(path)
        free = key not in self._taken
        self._taken.add(key)
        return free


def _key(path: str) -> int:
    folded = unicodedata.normalize("NFC", path.casefold())
    return int.from_bytes(hashlib.blake2b(folded.encode(), digest_size=8).digest(), "big")
