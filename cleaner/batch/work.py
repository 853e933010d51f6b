"""What a worker does: items in, finished bytes out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from cleaner.decoding import decode
from cleaner.errors import BadInput, CleanerError
from cleaner.output import Metadata, as_markdown, as_record, as_text, dropped_lines, front_matter, metadata
from cleaner.page import CleanedPage, Kind, Page
from cleaner.pipeline import Cleaner, Judged, held
from cleaner.segmentation import detect_kind, has_markup, segment
from cleaner.sources import MAX_BYTES, Item

if TYPE_CHECKING:
    from pathlib import Path

    from cleaner.sites import SiteCounts

__all__ = [
    "Body", "Job", "Result", "Settings", "clean_chunk", "clean_item", "count_chunk", "failure", "judge_chunk",
    "make_cleaner", "settle_chunk", "start_job", "to_page", "to_record", "to_text",
]  # fmt: skip

Body = Literal["text", "markdown"]
# What a worker does with its items: all of it; the first pass over sites, up to the decision; the second, from there
# on; or the counting alone.
Job = Literal["clean", "judge", "settle", "count"]
HELD_CHARS: Final = 4_000_000  # pages held at once: enough for prediction to be cheap, little enough to stay small


class Settings(NamedTuple):
    """What decides the bytes of a result. Equal settings and an equal model give equal bytes.

    ``body`` is how a page's text is written, ``rows`` whether a result is a JSON object or the text alone; ``sites``
    is where the counts of the sites lie (`SiteCounts.store`).
    """

    model: str | None = None
    favor: Literal["balanced", "precision", "recall"] = "balanced"
    kind: Literal["auto", "html", "text"] = "auto"
    body: Body = "text"
    rows: bool = True
    links: bool = False
    keep_dropped: bool = False
    with_metadata: bool = False
    max_bytes: int = MAX_BYTES
    sites: Path | None = None

    def as_dict(self) -> dict[str, Any]:
        """The settings by name, for the record of a run; where the counts lie is not one of them."""
        return {name: value for name, value in self._asdict().items() if name != "sites"}


class Result(NamedTuple):
    """What came of one item.

    ``payload`` is what is to be written: a JSON line, or the text of a file. A failure has ``error``, and a JSON
    line as its payload whatever the settings. ``dropped`` is the JSON lines of what was dropped, if asked for and
    not part of the payload. ``empty`` tells that nothing of the page was kept. Of a first pass, ``keys`` is what the
    page adds to the counts of its site, nothing without one, and ``payload`` the judged page (`cleaner.batch.packing`).
    """

    id: str
    name: str
    payload: bytes
    error: str | None = None
    dropped: bytes | None = None
    empty: bool = False
    keys: bytes = b""


def make_cleaner(settings: Settings, sites: SiteCounts | None = None) -> Cleaner:
    """The cleaner that the settings ask for, with ``sites`` as the counts or those that the settings point to.

    Raises ``BadModel``, or ``BadInput`` for counts that are none.
    """
    sites = _attached(settings) or sites
    return Cleaner(settings.model, settings.favor, max_chars=settings.max_bytes, links=settings.links, sites=sites)


def _attached(settings: Settings) -> SiteCounts | None:
    if settings.sites is None:
        return None
    from cleaner.sites import SiteCounts

    return SiteCounts.attach(settings.sites)


def start_job(job: Job, settings: Settings) -> Callable[[Sequence[Item]], list[Result]]:
    """Gets ready for a job, once a worker: the function from items to one result each. Raises ``CleanerError``."""
    if job == "count":
        return partial(count_chunk, settings=settings)
    if job == "settle":
        return partial(settle_chunk, _attached(settings), settings=settings)
    cleaner = make_cleaner(settings)
    for kind in cleaner.model.heads:  # tables are made at the first page; its time limit is not for that
        cleaner.clean("<p>Ready.</p>", kind=kind.value)
    return partial(clean_chunk if job == "clean" else judge_chunk, cleaner, settings=settings)


def to_page(item: Item, settings: Settings) -> Page:
    """Reads and decodes an item. Raises ``BadInput`` for one that cannot be read or is no text."""
    data = item.load(settings.max_bytes)
    encoding: str | None = None
    replaced = 0
    if isinstance(data, bytes):
        decoded = decode(data, charset=item.charset)
        if decoded.binary:
            raise BadInput("binary data, not a page")
        text, encoding, replaced = decoded.text, decoded.encoding, decoded.replaced
    else:
        text = _encodable(data)
    hint = settings.kind if settings.kind != "auto" else item.kind
    if settings.kind == "auto" and hint == "html" and not has_markup(text):
        hint = "text"  # a file named .html that somebody stripped of its tags
    if hint == "html":
        kind, markdown = Kind.HTML, False
    elif hint == "text":
        kind, markdown = Kind.TEXT, detect_kind(text)[1]
    else:
        kind, markdown = detect_kind(text)
    return Page(
        text, kind, url=item.url, id=item.id, encoding=encoding, replaced=replaced, markdown=markdown, site=item.site
    )


def _encodable(text: str) -> str:
    """Without NULs and lone surrogates: JSON may hold both (``"\\ud800"``), UTF-8 and parsers may not."""
    text = text.replace("\0", "") if "\0" in text else text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def clean_item(cleaner: Cleaner, item: Item, settings: Settings) -> CleanedPage:
    """One page, in this process. Raises ``BadInput`` (among them ``PageTooLarge``)."""
    return cleaner.clean(to_page(item, settings))


def clean_chunk(cleaner: Cleaner, items: Sequence[Item], settings: Settings) -> list[Result]:
    """Cleans the pages of some items together; one result an item, in order. Never raises for a page's sake."""

    def result(item: Item, judged: Judged | Result) -> Result:
        if isinstance(judged, Result):
            return judged
        return _result(judged.settle(cleaner.favor, cleaner.sites), item, settings)

    return [_guarded(item, partial(result, item, judged)) for item, judged in _judged(cleaner, items, settings)]


def judge_chunk(cleaner: Cleaner, items: Sequence[Item], settings: Settings) -> list[Result]:
    """The same up to the decision, and what each page adds to the counts of its site."""
    from cleaner.batch.packing import pack
    from cleaner.sites import page_keys, page_site

    def result(item: Item, judged: Judged | Result) -> Result:
        if isinstance(judged, Result):
            return judged
        site = page_site(judged.page)
        keys = page_keys(site, judged.rows()).tobytes() if site is not None else b""
        packed = pack(judged, places=settings.body == "markdown", with_metadata=settings.with_metadata)
        return Result(item.id, item.name, packed, keys=keys)

    return [_guarded(item, partial(result, item, judged)) for item, judged in _judged(cleaner, items, settings)]


def settle_chunk(sites: SiteCounts | None, items: Sequence[Item], settings: Settings) -> list[Result]:
    """The same from the decision on, for items whose data is a judged page, or that failed before it."""
    from cleaner.batch.packing import unpack

    def result(item: Item) -> Result:
        if not isinstance(item.data, bytes) or item.error is not None:
            return failure(item, item.error or "no page")
        judged, language, meta = unpack(item.data, item)
        item = item._replace(data=None, language=language or item.language)
        return _result(judged.settle(settings.favor, sites), item, settings, meta)

    return [_guarded(item, partial(result, item)) for item in items]


def count_chunk(items: Sequence[Item], settings: Settings) -> list[Result]:
    """Only what some items add to the counts of their sites, without a payload."""
    from cleaner.sites import page_keys, page_site, rows_of

    def result(item: Item) -> Result:
        page = to_page(item, settings)
        site = page_site(page)
        keys = page_keys(site, rows_of(segment(page).plain)).tobytes() if site is not None else b""
        return Result(item.id, item.name, b"", keys=keys)

    return [_guarded(item, partial(result, item)) for item in items]


def _guarded(item: Item, make: Callable[[], Result]) -> Result:
    """What ``make`` gives, or the failure that it ends in: one page never costs the others."""
    try:
        return make()
    except Exception as error:
        return failure(item, _message(error))


def _judged(cleaner: Cleaner, items: Sequence[Item], settings: Settings) -> Iterator[tuple[Item, Judged | Result]]:
    """Every item with its page, judged together with others as far as memory allows, or with why there is none."""
    for group in _opened(items, settings):
        outcomes = _together(cleaner, [page for _, page in group if isinstance(page, Page)])
        for item, page in group:
            outcome = page if isinstance(page, Result) else next(outcomes)
            yield item, failure(item, _message(outcome)) if isinstance(outcome, Exception) else outcome


def _opened(items: Sequence[Item], settings: Settings) -> Iterator[list[tuple[Item, Page | Result]]]:
    group: list[tuple[Item, Page | Result]] = []
    size = 0
    for item in items:
        try:
            page: Page | Result = to_page(item, settings)
            size += held(page) if isinstance(page, Page) else 0
        except Exception as error:
            page = failure(item, _message(error))
        group.append((item, page))
        if size > HELD_CHARS:
            yield group
            group, size = [], 0
    yield group


def _together(cleaner: Cleaner, pages: list[Page]) -> Iterator[Judged | Exception]:
    """Every page judged, or why it was not; together if that works, else one by one to find the culprit."""
    try:
        yield from list(cleaner.judge_many(pages))
        return
    except Exception:
        pass
    for page in pages:
        try:
            outcome: Judged | Exception = next(cleaner.judge_many([page]))
        except Exception as error:
            outcome = error
        yield outcome


def _result(page: CleanedPage, item: Item, settings: Settings, meta: Metadata | None = None) -> Result:
    empty = not bool(page.kept.any())
    if settings.rows:
        return Result(item.id, item.name, _json_line(to_record(page, item, settings, meta)), empty=empty)
    dropped = b"".join(map(_json_line, dropped_lines(page))) if settings.keep_dropped else None
    return Result(item.id, item.name, to_text(page, settings, meta).encode(), dropped=dropped, empty=empty)


def to_text(page: CleanedPage, settings: Settings, meta: Metadata | None = None) -> str:
    """The page as the content of a file: with a newline at its end, or nothing at all. ``meta`` if it is known."""
    text = as_markdown(page, links=settings.links) if settings.body == "markdown" else as_text(page)
    head = front_matter(meta or metadata(page.page)) if settings.with_metadata else ""
    return head + (f"{text}\n" if text else "")


def to_record(page: CleanedPage, item: Item, settings: Settings, meta: Metadata | None = None) -> dict[str, Any]:
    """The page as a JSON object. ``meta`` if it is known."""
    text = as_markdown(page, links=settings.links) if settings.body == "markdown" else None
    meta = (meta or metadata(page.page)) if settings.with_metadata else None
    record = as_record(page, text=text, source=item.source, keep_dropped=settings.keep_dropped, meta=meta)
    if record["language"] is None:
        record["language"] = item.language
    return record


def failure(item: Item, message: str) -> Result:
    """The result for an item that gave no page: a record with the same fields, no text, and the error."""
    record = {
        "id": item.id, "url": item.url, "source": item.source, "text": "", "confidence": 0.0, "kind": None,
        "markdown": None, "encoding": None, "replaced": 0, "language": item.language, "kept": 0, "dropped": 0,
        "error": message,
    }  # fmt: skip
    return Result(item.id, item.name, _json_line(record), error=message, empty=True)


def _message(error: Exception) -> str:
    if isinstance(error, CleanerError):
        return str(error)
    if isinstance(error, MemoryError):
        return "out of memory"
    # A fault of ours, or of a parser: the page is lost, the batch is not, and the report says where to look.
    return f"internal error, please report it: {type(error).__name__}: {error}"[:500]


def _json_line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
