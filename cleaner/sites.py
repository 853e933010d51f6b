"""Repetition across a site: on how many pages of a host a line, or its template, occurs.

What a site puts around every page occurs on most of them; what is written for one page occurs on that page. Pages are
counted once a host (`SiteCounter`, from the keys that `page_keys` makes), and the counts are evidence beside the
model's: `adjusted` moves a line's log-odds by the share of the site's *other* pages that carry it.

A count is of distinct pages: pages that differ in nothing but words with digits are one page, or a crawl that met a
story twice would take it for a frame.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from cleaner.errors import BadInput, BadOutput
from cleaner.page import Floats, Kind, Page
from cleaner.tokens import Hashes, Ints, hash_strings, mixed, tokenize

if TYPE_CHECKING:
    import tempfile

__all__ = [
    "Rows", "SiteCounter", "SiteCounts", "adjusted", "evidence", "page_keys", "page_site", "rows_of", "site_of",
]  # fmt: skip

Counts: TypeAlias = "Ints | npt.NDArray[np.float64]"

# The weights of `evidence`, in log-odds; `python benchmarks/sites.py fit` made them, from pages that may train.
WEIGHTS: Final[dict[Kind, tuple[float, float, float]]] = {
    Kind.HTML: (0.78, -1.22, -0.35),
    Kind.TEXT: (0.53, -1.35, -0.63),
}
TWIN: Final = 4.0  # evidence fades when less than a quarter of what looks like content is the page's own
_TEMPLATE: Final = 0x9E6C63D0876A9A47
_PAGE: Final = 0xC2B2AE3D27D4EB4F
# Keys are kept in memory up to this many (32 MB), then sorted into files, one for each range of keys.
HELD_KEYS: Final = 4_000_000
PARTS: Final = 64
PARQUET_ROWS: Final = 1_000_000
MAX_KEYS: Final = 1_000_000_000  # a file that claims more is refused
_FORMAT: Final = b"cleaner.sites"
_VERSION: Final = b"2"  # 2: text is counted without the addresses of its links


def site_of(url: str | None) -> str | None:
    """The site that an address belongs to: its host in lower case without ``www.``, ``None`` if it has none.

    >>> site_of("https://www.Example.org:8080/story"), site_of("story.html")
    ('example.org', None)
    """
    if not url:
        return None
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return None
    return host.removeprefix("www.").rstrip(".") or None if host else None


def page_site(page: Page) -> str | None:
    """The site of a page: what its source said, else the host of its address."""
    return page.site or site_of(page.url)


def _mixed(hashes: Hashes, salt: int) -> Hashes:
    """Hashes under a salt, every bit of the result depending on every bit of both."""
    return mixed(hashes ^ np.uint64(salt))


class Rows(NamedTuple):
    """The rows of a page's lines as they are counted: the words, the hash and the template's hash of each.

    A line of wrapped text is counted row by row: what stands beside what differs from page to page. ``first`` has the
    first row of each line; a page without such lines has a row a line.
    """

    words: Ints
    hashes: Hashes
    templates: Hashes
    first: Ints


def rows_of(texts: list[str], lines: tuple[Ints, Hashes, Hashes] | None = None) -> Rows:
    """The rows of a page's lines. Costs a tokenization, about 40 ns a character.

    ``lines`` is the words, hashes and templates of whole lines where they are known: if no line is wrapped they serve,
    and cost nothing.
    """
    if lines is not None and "\n" not in "".join(texts):
        return Rows(*lines, np.arange(len(texts)))
    rows = [text.split("\n") for text in texts]
    tokens = tokenize([row for text in rows for row in text])
    sizes = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
    return Rows(tokens.words, tokens.line_hashes(), tokens.line_hashes(template=True), np.cumsum(sizes) - sizes)


@dataclass(frozen=True, slots=True)
class _Keys:
    """The keys of one page: of its site, of the page itself, and of each line and its template (0: no words)."""

    site: np.uint64
    page: np.uint64
    line: Hashes
    template: Hashes


def _site_key(own: int) -> Hashes:
    return _mixed(np.array([own], dtype=np.uint64), 0)


def _keys(site: str, rows: Rows) -> _Keys:
    own = int(hash_strings([site])[0])
    some = rows.words > 0
    zero = np.uint64(0)
    distinct = np.unique(rows.templates[some])
    digest = hashlib.blake2b(distinct.astype("<u8").tobytes(), digest_size=8).digest()
    page = _mixed(np.frombuffer(digest, dtype="<u8").astype(np.uint64), own ^ _PAGE)[0]
    return _Keys(
        _site_key(own)[0],
        page,
        np.where(some, _mixed(rows.hashes, own), zero),
        np.where(some, _mixed(rows.templates, own ^ _TEMPLATE), zero),
    )


def page_keys(site: str, rows: Rows) -> Hashes:
    """What one page adds to the counts: the keys of its site, of itself, and of its distinct lines and templates."""
    keys = _keys(site, rows)
    lines = np.unique(np.concatenate([keys.line, keys.template]))
    return np.concatenate([np.array([keys.site, keys.page], dtype=np.uint64), lines[lines != 0]])


class SiteCounter:
    """Counts the pages of `page_keys` by key, in bounded memory: 32 MB, about 60 bytes a page, the rest on disk.

    The result depends on the pages and, where pages differ in numbers only, on which of them came first; not on how
    many processes made the keys.
    """

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._sites: dict[int, int] = {}
        self._held: list[Hashes] = []
        self._size = 0
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def add(self, keys: Hashes) -> None:
        """Counts one page. Raises ``BadOutput`` when the disk for temporary files is full."""
        site, page = int(keys[0]), int(keys[1])
        if page in self._seen:
            return
        self._seen.add(page)
        self._sites[site] = self._sites.get(site, 0) + 1
        self._held.append(keys[1:])
        self._size += len(keys)
        if self._size > HELD_KEYS:
            self._spill()

    def _spill(self) -> None:
        keys = np.sort(np.concatenate(self._held))
        self._held, self._size = [], 0
        try:
            if self._folder is None:
                import tempfile  # brings half of the archive formats along

                self._folder = tempfile.TemporaryDirectory(prefix="cleaner-sites-")
            for number, part in enumerate(_parts(keys)):
                with (Path(self._folder.name) / str(number)).open("ab") as file:
                    file.write(part.tobytes())
        except OSError as error:
            raise _no_room(error) from error

    def counts(self) -> SiteCounts:
        """The counts of all pages so far; what occurs on one page only, and sites of one page, are left out."""
        keys: list[Hashes] = []
        pages: list[Hashes] = []
        if self._folder is not None and self._held:
            self._spill()
        for part in self._groups():
            found, count = np.unique(part, return_counts=True)
            several = count > 1
            keys.append(found[several])
            pages.append(count[several].astype(np.uint64))
        sites = {site: count for site, count in self._sites.items() if count > 1}
        # The pages themselves are kept too: a page is no evidence about itself.
        own = np.fromiter(self._seen, dtype=np.uint64, count=len(self._seen)) if sites else np.zeros(0, np.uint64)
        names = np.fromiter(sites, dtype=np.uint64, count=len(sites))
        number = np.fromiter(sites.values(), dtype=np.uint64, count=len(sites))
        table = np.stack([
            np.concatenate([*keys, own, names]), np.concatenate([*pages, np.ones(len(own), np.uint64), number])
        ])  # fmt: skip
        table = table[:, np.argsort(table[0], kind="stable")]
        distinct = np.append(True, np.diff(table[0]) > 0) if table.shape[1] else np.zeros(0, dtype=bool)
        return SiteCounts(table[:, distinct])

    def _groups(self) -> Iterator[Hashes]:
        if self._folder is None:
            yield np.concatenate(self._held) if self._held else np.zeros(0, dtype=np.uint64)
            return
        for number in range(PARTS):
            path = Path(self._folder.name) / str(number)
            try:
                yield np.fromfile(path, dtype=np.uint64) if path.exists() else np.zeros(0, dtype=np.uint64)
            except OSError as error:
                raise _no_room(error) from error

    def close(self) -> None:
        """Removes what lies on disk."""
        if self._folder is not None:
            with suppress(OSError):
                self._folder.cleanup()
            self._folder = None


def _parts(keys: Hashes) -> list[Hashes]:
    """Sorted keys cut into ranges of equal width."""
    width = (1 << 64) // PARTS
    bounds = np.array([number * width for number in range(1, PARTS)], dtype=np.uint64)
    return np.split(keys, np.searchsorted(keys, bounds))


def _no_room(error: OSError) -> BadOutput:
    reason = (error.strerror or str(error)).lower()
    import tempfile

    return BadOutput(f"{tempfile.gettempdir()}: the counts of the sites cannot be kept there: {reason}; set TMPDIR")


@dataclass(frozen=True, slots=True, eq=False)
class SiteCounts:
    """On how many distinct pages each key occurs: ``table[0]`` the keys, rising, ``table[1]`` the pages of each.

    A site's own key has its number of pages, a page's key 1. Keys are hashes: the counts tell nothing of a page to
    someone who does not have it.
    """

    table: Hashes

    def __len__(self) -> int:
        return int(self.table.shape[1])

    @property
    def fingerprint(self) -> str:
        """SHA-256 of keys and counts."""
        digest = hashlib.sha256()
        for low in range(0, len(self), PARQUET_ROWS):
            digest.update(self.table[:, low : low + PARQUET_ROWS].astype("<u8").tobytes())
        return digest.hexdigest()

    def look_up(self, keys: Hashes) -> npt.NDArray[np.int64]:
        """The pages of each key, 0 for one that is not there."""
        if not len(self):
            return np.zeros(len(keys), dtype=np.int64)
        at = np.minimum(np.searchsorted(self.table[0], keys), len(self) - 1)
        return np.where(self.table[0][at] == keys, self.table[1][at], 0).astype(np.int64)

    def other_pages(self, site: str) -> int:
        """How many pages of a site are counted: at least as many as a page of it has others; costs one look-up."""
        return int(self.look_up(_site_key(int(hash_strings([site])[0])))[0])

    def others(self, site: str, rows: Rows) -> tuple[int, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """How many other pages the site has, and how many of those carry each row, and each row's template."""
        keys = _keys(site, rows)
        of_page = np.array([keys.site, keys.page], dtype=np.uint64)
        pages = self.look_up(np.concatenate([of_page, keys.line, keys.template]))
        pages = np.maximum(pages - (pages[1] > 0), 0)  # without the page itself
        line, template = np.split(pages[2:], 2)
        return int(pages[0]), line, template

    def save(self, path: Path) -> None:
        """Writes the counts as Parquet, whole or not at all. Raises ``BadOutput``."""
        part = path.with_name(f".{path.name}.part")
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError as error:
            raise BadOutput("writing Parquet needs pyarrow; install it with: pip install 'cleaner[parquet]'") from error
        schema = pa.schema([("key", pa.uint64()), ("pages", pa.uint64())], metadata={_FORMAT: _VERSION})
        try:
            with pq.ParquetWriter(part, schema, compression="zstd") as writer:
                for low in range(0, len(self), PARQUET_ROWS):
                    rows = np.ascontiguousarray(self.table[:, low : low + PARQUET_ROWS])
                    writer.write_table(pa.table(list(rows), schema=schema))
            part.replace(path)
        except OSError as error:
            raise BadOutput(f"{path}: cannot be written: {(error.strerror or str(error)).lower()}") from error

    @classmethod
    def load(cls, path: Path | str) -> SiteCounts:
        """Reads what `save` wrote, from anyone. Raises ``BadInput`` for a file that is something else, or damaged."""
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError as error:
            raise BadInput("reading Parquet needs pyarrow; install it with: pip install 'cleaner[parquet]'") from error
        try:
            with pq.ParquetFile(path) as file:
                schema = file.schema_arrow
                version = (schema.metadata or {}).get(_FORMAT)
                if version is None:
                    raise ValueError("nothing in it says so")
                if version != _VERSION:
                    raise ValueError("it is of another version: build it again with 'cleaner sites build'")
                if schema.names != ["key", "pages"] or any(kind != pa.uint64() for kind in schema.types):
                    raise ValueError("its columns are others")
                size = file.metadata.num_rows
                if size > MAX_KEYS:
                    raise ValueError(f"it claims {size:,} keys")
                batches = list(file.iter_batches(batch_size=PARQUET_ROWS))
            if any(column.null_count for batch in batches for column in batch.columns):
                raise ValueError("it has gaps")
            columns = [[batch.column(at).to_numpy() for batch in batches] for at in (0, 1)]
            table = np.stack([np.concatenate([*column, np.zeros(0, np.uint64)]) for column in columns])
            return cls(_checked(table))
        except FileNotFoundError:
            raise BadInput(f"{path}: no such file; make one with: cleaner sites build") from None
        except (pa.ArrowException, ValueError, TypeError, OSError, MemoryError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0][:100]
            raise BadInput(f"{path}: not a file of `cleaner sites build`: {reason}") from error

    def store(self, path: Path) -> None:
        """Writes the bare table for `attach`, whole or not at all; ``OSError`` is the caller's to name."""
        part = path.with_name(f"{path.name}.part")
        with part.open("wb") as file:
            np.save(file, self.table, allow_pickle=False)
        part.replace(path)

    @classmethod
    def attach(cls, path: Path) -> SiteCounts:
        """The table that `store` wrote, mapped and not read: processes share it. Raises ``BadInput``."""
        try:
            table: Any = np.load(path, mmap_mode="r", allow_pickle=False).view(np.ndarray)  # as memmap, slow to slice
            if table.dtype != np.uint64 or table.ndim != 2 or table.shape[0] != 2:
                raise ValueError("another shape")
        except (OSError, ValueError, EOFError) as error:
            raise BadInput(f"{path}: not the counts of a run ({error}); start anew with --overwrite") from error
        return cls(table)


def _checked(table: Hashes) -> Hashes:
    keys, pages = table
    if (keys[1:] <= keys[:-1]).any():
        raise ValueError("its keys do not rise")
    if (pages < 1).any() or (pages > np.iinfo(np.int64).max).any():
        raise ValueError("its counts are out of range")
    return table


def evidence(probabilities: Floats, words: Ints, total: int, line: Counts, template: Counts) -> npt.NDArray[np.float64]:
    """What the counts tell of each line, shape (lines, 3): all 0 for a line that no other page has.

    The columns are the share of the other pages that carry the line; the same, longer lines weighing more (long ones
    do not recur by chance); and the squared share of those that carry only its template. Where nearly all that looks
    like content recurs, the page has a twin, and its lines say little: all of it fades.
    """
    share = line / total
    only_template = (np.maximum(template - line, 0) / total) ** 2
    length = np.log1p(words)
    mass = words * probabilities.astype(np.float64)
    own = 1 - float((mass * share).sum()) / max(float(mass.sum()), 1e-9)
    return min(1.0, TWIN * own) * np.stack([share, share * length, only_template * length], axis=1)


def adjusted(probabilities: Floats, rows: Rows, kind: Kind, counts: SiteCounts, site: str) -> Floats:
    """The probability of each line, moved by how many of the site's other pages carry it: shape (lines,).

    A page whose site is not counted, or has no other page, keeps its probabilities.
    """
    if not len(probabilities):
        return probabilities
    total, line, template = counts.others(site, rows)
    if not total:
        return probabilities
    # A line of several rows is as common as its words are on average.
    words = np.add.reduceat(rows.words, rows.first)
    means = [np.add.reduceat(rows.words * count, rows.first) / np.maximum(words, 1) for count in (line, template)]
    found = evidence(probabilities, words, total, *means)
    p = np.clip(probabilities.astype(np.float64), 1e-6, 1 - 1e-6)
    odds = np.log(p / (1 - p)) + found @ np.array(WEIGHTS[kind])
    moved: Floats = (1 / (1 + np.exp(-odds))).astype(np.float32)
    return np.where(found.any(axis=1), moved, probabilities)
