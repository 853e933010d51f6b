"""`Cleaner`, `clean`, `explain`: the one place where the stages are joined."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from cleaner.decision import BETA, Favor, decide
from cleaner.decoding import decode
from cleaner.errors import BadInput, PageTooLarge
from cleaner.model import Model, shipped_model
from cleaner.page import CleanedPage, Floats, Kind, Line, Lines, Page
from cleaner.segmentation import detect_kind, segment
from cleaner.tokens import Hashes

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from cleaner.sites import SiteCounts

__all__ = ["Cleaner", "clean", "explain", "make_page", "predict"]

KindName = Literal["auto", "html", "text"]
Source = str | bytes | Page
Words: TypeAlias = "npt.NDArray[np.int64]"

MAX_CHARS = 32_000_000  # the working memory is about 60 bytes a character
# Prediction over many pages at once costs a fifth of one page at a time; more than this gains nothing.
BATCH_PAGES = 32
BATCH_CHARS = 4_000_000


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


def predict(model: Model, batch: Sequence[Lines]) -> list[tuple[Floats, Words, Hashes]]:
    """The probability, word count and hash of each line, for each page of a batch; the pages may be of both kinds."""
    none = (np.zeros(0, dtype=np.float32), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint64))
    out: list[tuple[Floats, Words, Hashes]] = [none] * len(batch)
    for kind in Kind:
        chosen = [i for i, lines in enumerate(batch) if lines.kind is kind and len(lines)]
        if not chosen:
            continue
        columns = model.head(kind).judge([batch[i] for i in chosen])
        ends = np.cumsum([len(batch[i]) for i in chosen])[:-1]
        for i, *found in zip(chosen, *(np.split(column, ends) for column in columns), strict=True):
            out[i] = (found[0], found[1], found[2])
    return out


class Cleaner:
    """Cleans pages with one model.

    ``model`` is a `Model`, the path of a model file, or None for the shipped one; ``favor`` moves the cut towards
    precision or recall; a page of more than ``max_chars`` characters raises `PageTooLarge`; with ``links`` lines
    also keep their links for Markdown output. With ``sites``, the counts of a site's lines (`SiteCounts`, or the path
    of a file that ``cleaner sites build`` made), a page whose site is counted is also judged by what its lines have
    in common with the site's other pages; that costs about 40 ns a character. Making one costs as much as reading
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
        """Clean many pages, in input order, holding a few hundred at a time; ``jobs=1`` stays in this process.

        Raises `PageTooLarge` at the first page that is; `cleaner.batch` records such pages and goes on.
        """
        batches = self._batches(sources)
        if jobs == 1:
            return chain.from_iterable(map(self._clean_batch, batches))
        from joblib import Parallel, delayed

        run = Parallel(n_jobs=jobs, return_as="generator", pre_dispatch="2*n_jobs", batch_size=1)
        return chain.from_iterable(run(delayed(self._clean_batch)(batch) for batch in batches))

    def _check_size(self, source: Source) -> None:
        size = len(source.content if isinstance(source, Page) else source)
        if size > self.max_chars:
            name = source.id or source.url if isinstance(source, Page) else None
            raise PageTooLarge(
                f"{name or 'the page'}: {size / 1e6:,.0f} MB is more than the limit of {self.max_chars / 1e6:,.0f} MB; "
                f"split it or raise the limit"
            )

    def _batches(self, sources: Iterable[Source]) -> Iterator[list[Page]]:
        batch: list[Page] = []
        size = 0
        for source in sources:
            self._check_size(source)
            page = make_page(source)
            if batch and (len(batch) >= BATCH_PAGES or size + len(page.content) > BATCH_CHARS):
                yield batch
                batch, size = [], 0
            batch.append(page)
            size += len(page.content)
        if batch:
            yield batch

    def _clean_batch(self, pages: Sequence[Page]) -> list[CleanedPage]:
        segmented = [segment(page, links=self.links) for page in pages]
        cleaned = []
        judged = predict(self.model, segmented)
        for page, lines, (probabilities, words, hashes) in zip(pages, segmented, judged, strict=True):
            if self.sites is not None:
                probabilities = _by_site(self.sites, page, lines, probabilities)
            kept, confidence = decide(probabilities, words, self.favor, hashes)
            cleaned.append(CleanedPage(page, confidence, lines, probabilities, kept))
        return cleaned


def _counts(sites: SiteCounts | Path | str) -> SiteCounts:
    from cleaner.sites import SiteCounts

    return sites if isinstance(sites, SiteCounts) else SiteCounts.load(sites)


def _by_site(sites: SiteCounts, page: Page, lines: Lines, probabilities: Floats) -> Floats:
    from cleaner.sites import adjusted, page_site

    site = page_site(page)
    return probabilities if site is None else adjusted(probabilities, lines.texts, page.kind, sites, site)


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
