"""`Cleaner`, `clean`, `explain`: the one place where the stages are joined."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import numpy as np

from cleaner.calibration import log_odds, probability
from cleaner.decision import BETA, Favor, decide
from cleaner.decoding import decode
from cleaner.errors import BadInput, PageTooLarge
from cleaner.model import Model, shipped_model
from cleaner.page import CleanedPage, Floats, Kind, Line, Lines, Page
from cleaner.segmentation import detect_kind, segment
from cleaner.tokens import Hashes

if TYPE_CHECKING:
    from concurrent.futures import Future
    from pathlib import Path

    import numpy.typing as npt

    from cleaner.sites import Rows, SiteCounts

__all__ = ["Cleaner", "Judged", "clean", "explain", "held", "look_again", "make_page", "predict"]

KindName = Literal["auto", "html", "text"]
Source = str | bytes | Page
Words: TypeAlias = "npt.NDArray[np.int64]"

MAX_CHARS = 32_000_000  # the working memory is about 60 bytes a character
MAX_LINES = 500_000  # and two kilobytes a line: a page of nothing but short lines needs as much for a tenth of the size
# Prediction over many pages at once costs a fifth of one page at a time; more than this gains nothing.
BATCH_PAGES = 32
BATCH_CHARS, BATCH_LINES = 4_000_000, 100_000  # of text: the working memory goes by these
# HTML that is in doubt is also judged as if its mark-up were gone: what is known of text is learnt from more pages, by
# other features. Its log-odds have this share (docs/decisions.md).
TEXT_SHARE = 0.35
DOUBT = 0.3  # words expected to be judged wrongly, for each that is expected to be main content
SECOND_LOOK_LINES = 500  # longer pages are mostly lists, and what it costs grows with the lines


def make_page(source: Source, *, url: str | None = None, kind: KindName = "auto") -> Page:
    """One page from bytes, text or a `Page`; ``kind="auto"`` looks at the content. Binary data gives an empty page."""
    if kind not in ("auto", "html", "text"):
        raise BadInput(f"unknown kind {kind!r}: use 'auto', 'html' or 'text'")
    if isinstance(source, Page):
        return source
    if isinstance(source, str):
        content, encoding, replaced = source, None, 0
    else:
        decoded = decode(source)
        content = "" if decoded.binary else decoded.text
        encoding, replaced = decoded.encoding, decoded.replaced
    found, markdown = detect_kind(content)
    chosen = found if kind == "auto" else Kind(kind)
    return Page(content, chosen, url, None, encoding, replaced, markdown and chosen is Kind.TEXT)


class Judged(NamedTuple):
    """A page and what the model says of its lines, before the other pages of its site have a say.

    ``words``, ``hashes`` and ``templates`` spare the decision and the site's counts another look at the texts.
    """

    page: Page
    lines: Lines
    probabilities: Floats
    words: Words
    hashes: Hashes
    templates: Hashes

    def rows(self) -> Rows:
        """The page's rows, as its site counts them."""
        from cleaner.sites import rows_of

        return rows_of(self.lines.plain, (self.words, self.hashes, self.templates))

    def settle(self, favor: Favor, sites: SiteCounts | None = None) -> CleanedPage:
        """The decision, with the evidence of the page's site where that is counted."""
        probabilities = self.probabilities if sites is None else self._by_site(sites)
        kept, confidence = decide(probabilities, self.words, favor, self.hashes)
        return CleanedPage(self.page, confidence, self.lines, probabilities, kept)

    def _by_site(self, sites: SiteCounts) -> Floats:
        from cleaner.sites import adjusted, page_site

        site = page_site(self.page)
        if site is None or not sites.other_pages(site):
            return self.probabilities
        return adjusted(self.probabilities, self.rows(), self.page.kind, sites, site)


Found: TypeAlias = tuple[Floats, Words, Hashes, Hashes]


def predict(model: Model, batch: Sequence[Lines]) -> list[Found]:
    """The probability, word count, hash and template's hash of each line, for each page of a batch of either kind."""
    keys = np.zeros(0, dtype=np.uint64)
    out: list[Found] = [(np.zeros(0, dtype=np.float32), np.zeros(0, dtype=np.int64), keys, keys)] * len(batch)
    for kind in Kind:
        chosen = [i for i, lines in enumerate(batch) if lines.kind is kind and len(lines)]
        for i, found in zip(chosen, _judged(model, kind, [batch[i] for i in chosen]), strict=True):
            out[i] = found
    return look_again(model, batch, out)


def look_again(model: Model, batch: Sequence[Lines], found: Sequence[Found]) -> list[Found]:
    """What was found of a batch's pages, those of HTML that are in doubt judged as text too."""
    out = list(found)
    doubtful = [i for i, lines in enumerate(batch) if lines.kind is Kind.HTML and _is_in_doubt(*out[i][:2])]
    if not doubtful or Kind.TEXT not in model.heads:
        return out
    bare = _judged(model, Kind.TEXT, [_without_markup(batch[i]) for i in doubtful])
    for i, (as_text, *_) in zip(doubtful, bare, strict=True):
        as_html, words, hashes, templates = out[i]
        odds = (1 - TEXT_SHARE) * log_odds(as_html) + TEXT_SHARE * log_odds(as_text)
        out[i] = probability(odds).astype(np.float32), words, hashes, templates
    return out


def _judged(model: Model, kind: Kind, pages: Sequence[Lines]) -> Iterator[Found]:
    """Pages of one kind by its head, as many at once as the memory is meant for."""
    for low, high in _stretches([(len(lines), sum(map(len, lines.plain))) for lines in pages]):
        ends = np.cumsum([len(lines) for lines in pages[low:high]])[:-1]
        yield from zip(*(np.split(column, ends) for column in model.head(kind).judge(pages[low:high])), strict=True)


def _stretches(sizes: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Neighbours, given the lines and characters of each, that make a batch at most, or one alone that is more."""
    low = lines = chars = 0
    for high, (more_lines, more_chars) in enumerate(sizes):
        lines, chars = lines + more_lines, chars + more_chars
        if high > low and (high - low >= BATCH_PAGES or lines > BATCH_LINES or chars > BATCH_CHARS):
            yield low, high
            low, lines, chars = high, more_lines, more_chars
    if low < len(sizes):
        yield low, len(sizes)


def held(page: Page) -> int:
    """What a page weighs until its batch is judged, in characters of text: of HTML a third, for most is mark-up."""
    return len(page.content) // (3 if page.kind is Kind.HTML else 1)


def _is_in_doubt(probabilities: Floats, words: Words) -> bool:
    """Whether a page may gain by a second look. Ranks pages as the confidence does (-0.998), at a tenth of its cost."""
    if not 0 < len(words) <= SECOND_LOOK_LINES:
        return False
    p = probabilities.astype(np.float64)
    return float((words * np.minimum(p, 1 - p)).sum()) > DOUBT * float((words * p).sum())


def _without_markup(lines: Lines) -> Lines:
    """A page's lines as an old scraper leaves them: their texts, and nothing else."""
    none = np.zeros(len(lines), dtype=np.int32)
    return Lines(Kind.TEXT, lines.texts, ["p"] * len(lines), none, none, none, none, none)


class Cleaner:
    """Cleans pages with one model.

    ``model`` is a `Model`, the path of a model file, or None for the shipped one; ``favor`` moves the cut towards
    precision or recall; a page of more than ``max_chars`` characters, or of half a million lines, raises
    `PageTooLarge`; with ``links`` lines also keep their links for Markdown output. With ``sites``, the counts of a
    site's lines (`SiteCounts`, or the path of a file that ``cleaner sites build`` made), a page whose site is counted
    is also judged by what its lines have in common with the site's other pages. Making one costs as much as reading
    the model file.
    """

    def __init__(
        self,
        model: Model | Path | str | None = None,
        favor: Favor = "balanced",
        *,
        max_chars: int = MAX_CHARS,
        links: bool = False,
        sites: SiteCounts | Path | str | None = None,
    ) -> None:
        if favor not in BETA:
            raise BadInput(f"unknown favor {favor!r}: use 'balanced', 'precision' or 'recall'")
        self.model = shipped_model() if model is None else model if isinstance(model, Model) else Model.load(model)
        self.favor: Favor = favor
        self.max_chars = max_chars
        self.links = links
        self.sites = None if sites is None else _counts(sites)

    def clean(self, source: Source, *, url: str | None = None, kind: KindName = "auto") -> CleanedPage:
        """Clean one page. An empty page gives empty text and confidence 0, never an error.

        Several times cheaper a page: `clean_many`.
        """
        self._check_size(source)
        return self._clean_batch([make_page(source, url=url, kind=kind)])[0]

    def clean_many(self, sources: Iterable[Source], *, jobs: int = 1) -> Iterator[CleanedPage]:
        """Clean many pages, in input order, holding a few hundred at a time.

        ``jobs=1`` stays in this process, 0 is one a core.

        Raises `PageTooLarge` at the first page that is; `cleaner.batch` records such pages and goes on.
        """
        batches = self._batches(sources)
        jobs = jobs or os.cpu_count() or 1
        if jobs == 1:
            return chain.from_iterable(map(self._clean_batch, batches))
        return chain.from_iterable(self._by_workers(batches, jobs))

    def _by_workers(self, batches: Iterator[list[Page]], jobs: int) -> Iterator[list[CleanedPage]]:
        # joblib's own generator takes in all there is, however slowly what it gives is used. Its processes, but not the
        # ones that it keeps for others.
        from joblib.externals.loky import ProcessPoolExecutor

        with ProcessPoolExecutor(max_workers=jobs, env={"OMP_NUM_THREADS": "1"}) as executor:
            waiting: deque[Future[list[CleanedPage]]] = deque()
            try:
                for batch in batches:
                    waiting.append(executor.submit(self._clean_batch, batch))
                    if len(waiting) > 2 * jobs:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def judge_many(self, sources: Iterable[Source]) -> Iterator[Judged]:
        """`clean_many` up to the decision, in this process: what it needs is all there, and the page may go."""
        return chain.from_iterable(map(self._judge_batch, self._batches(sources)))

    def _check_size(self, source: Source) -> None:
        if not isinstance(source, (str, bytes, bytearray, Page)):
            raise TypeError(f"a page is str, bytes or Page, not {type(source).__name__}")
        size = len(source.content if isinstance(source, Page) else source)
        if size > self.max_chars:
            limit = f"{size / 1e6:,.0f} MB is more than the limit of {self.max_chars / 1e6:,.0f} MB"
            raise _too_large(source, f"{limit}; split it or raise the limit")

    def _batches(self, sources: Iterable[Source]) -> Iterator[list[Page]]:
        batch: list[Page] = []
        size = 0
        for source in sources:
            self._check_size(source)
            page = make_page(source)
            if batch and (len(batch) >= BATCH_PAGES or size + held(page) > BATCH_CHARS):
                yield batch
                batch, size = [], 0
            batch.append(page)
            size += held(page)
        if batch:
            yield batch

    def _judge_batch(self, pages: Sequence[Page]) -> list[Judged]:
        segmented = [self._segment(page) for page in pages]
        judged = predict(self.model, segmented)
        return [Judged(page, lines, *found) for page, lines, found in zip(pages, segmented, judged, strict=True)]

    def _segment(self, page: Page) -> Lines:
        # Cutting a text into that many lines would need half of the memory, so its line ends are counted before.
        many = page.kind is Kind.TEXT and page.content.count("\n") > MAX_LINES
        lines = None if many else segment(page, links=self.links)
        if lines is None or len(lines) > MAX_LINES:
            raise _too_large(page, f"more than {MAX_LINES:,} lines; split it")
        return lines

    def _clean_batch(self, pages: Sequence[Page]) -> list[CleanedPage]:
        return [judged.settle(self.favor, self.sites) for judged in self._judge_batch(pages)]


def _too_large(source: Source, reason: str) -> PageTooLarge:
    name = source.id or source.url if isinstance(source, Page) else None
    return PageTooLarge(f"{name or 'the page'}: {reason}")


def _counts(sites: SiteCounts | Path | str) -> SiteCounts:
    from cleaner.sites import SiteCounts

    return sites if isinstance(sites, SiteCounts) else SiteCounts.load(sites)


@cache
def _shipped() -> Cleaner:
    return Cleaner()


def clean(source: str | bytes, *, url: str | None = None, kind: KindName = "auto") -> str:
    """The main content of a page, as text: the kept lines in page order.

    >>> clean("")
    ''
    """
    return _shipped().clean(source, url=url, kind=kind).text


def explain(source: str | bytes, *, url: str | None = None, kind: KindName = "auto") -> tuple[Line, ...]:
    """Every line of a page with its probability and whether it was kept."""
    return _shipped().clean(source, url=url, kind=kind).lines
