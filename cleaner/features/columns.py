"""The columns that the features are made from: arrays over all lines of a batch of pages.

A column is computed when it is first asked for and then kept, so a model that uses few features pays for few.
Windows, containers and whole pages are sums over contiguous lines, that is, differences of prefix sums.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from cleaner import tokens as tk
from cleaner.features.class_words import ClassWords
from cleaner.features.hashed import HashedWeights, lead_scores, structure_scores, wording_scores
from cleaner.lexicon import ADDRESS, CUES, JUNK_CUES, cues, stop_words
from cleaner.page import Kind, Lines
from cleaner.repetition import by_value, occurrences, ranks, within_page

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["CLASS_WORDS", "TAGS", "Columns", "Containers"]

Array: TypeAlias = "npt.NDArray[np.float64]"
Index: TypeAlias = "npt.NDArray[np.int64]"
Hashes = tk.Hashes

# A line of prose, for the columns that ask what surrounds a line: this many words and at most this link density.
# boilerpipe's rules turn at 10 to 16 words and link densities of 0.2 to 0.33 (Kohlschütter et al. 2010).
PROSE_WORDS = 12
PROSE_LINKS = 0.25
FEW_WORDS = 8  # what stands under every comment or teaser, such as "Reply" or a date, has no more

TAGS = (
    "p", "div", "li", "oli", "td", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "figcaption", "dt",
    "dd", "button", "label", "nav", "header", "footer", "aside", "article", "main", "section", "form", "body", "th",
    "summary", "address", "caption", "noscript",
)  # fmt: skip

# What class, id and role words of an element say, in the groups that front-end conventions have; a group matches by
# substring, as `ClassWords` reads it: ``|`` is anything but a letter, ``!x`` anything but the letter x. Most of the
# words are those that the Readability family of extractors has looked for since 2009.
CLASS_WORDS: dict[str, str] = {
    "nav": "nav menu breadcrumb crumb pagina pager toolbar skip jump sitemap",
    "frame": "footer foot| header| masthead banner topbar bottom copyright legal colophon",
    "side": "side aside rail widget column-left column-right columnleft columnright gutter complementary secondary",
    "ad": "|ad| |ads| advert sponsor promo dfp gpt- taboola outbrain commercial banner",
    "share": "share sharing social facebook twitter whatsapp follow addtoany print!e",
    "related": "relat recommend more- popular trending latest recent also similar read-next readnext teaser most- "
    "suggest carousel slider",
    "comment": "comment disqus respond respons reply replies feedback",
    "byline": "byline author |by| date time publish meta| credit dateline posted bio| avatar",
    "signup": "newsletter subscri sign-up signup login register paywall cookie consent gdpr modal popup overlay "
    "notice alert",
    "tags": "|tag| |tags| categor topic label keyword badge",
    "hidden": "hidden hide| sr-only screen-reader screenreader visually invisible offscreen collapse",
    "content": "content main body| prose rich-text richtext wysiwyg markdown rte copy!r text|",
    "article": "article story entry post| news blog single hentry",
    "title": "title headline heading hed| subtitle standfirst deck dek| lead intro summary excerpt abstract",
    "caption": "caption figure media image img photo gallery video player embed",
    "product": "product price spec attribute sku variant shop detail feature descri",
    "cart": "cart basket checkout wish stock shipping delivery quantity review rating stars",
    "thread": "thread message msg topic forum discussion question answer bbp postbody cooked reply-body replybody "
    "signature",
    "list": "list grid card item tile row| result archive feed loop catalog collection",
    "docs": "doc| docs documentation api code highlight syntax toc reference wiki admonition section",
    "faq": "faq accordion tab| tabs panel toggle expand answer",
    "hero": "hero cta call-to jumbotron landing testimonial pricing service benefit feature",
    "form": "form input field search select filter sort button btn control",
}
_CLASS_TABLE = ClassWords(CLASS_WORDS.values())


class Columns:
    """Arrays over the ``n`` lines of a batch of pages of one kind, in page order."""

    def __init__(self, pages: Sequence[Lines], weights: HashedWeights | None = None) -> None:
        self.weights = weights
        if not pages or sum(map(len, pages)) == 0:
            raise ValueError("a batch needs at least one line")
        self.pages = pages
        self.kind = pages[0].kind
        sizes = np.array([len(page) for page in pages], dtype=np.int64)
        self.sizes = sizes
        self.start = np.cumsum(sizes) - sizes
        self.page_of: Index = np.repeat(np.arange(len(pages)), sizes)
        self.low: Index = self.start[self.page_of]
        self.high: Index = self.low + sizes[self.page_of]
        self.n = int(sizes.sum())
        self.row: Index = np.arange(self.n)
        self.texts = [text for page in pages for text in page.texts]
        self.tokens = tk.tokenize([text for page in pages for text in page.plain])
        self._named: dict[str, Array] = {}
        self._prefix: dict[str, Array] = {}
        self._kept: dict[str, Any] = {}

    # -- single lines ------------------------------------------------------------------------------------------

    def column(self, name: str) -> Array:
        """The column ``name`` (a ``_make_…`` method, or ``label_`` and a class of cues), as float64, shape (n,)."""
        found = self._named.get(name)
        if found is None:
            label = name.removeprefix("label_")
            made = self.label(label) if label != name else getattr(self, f"_make_{name}")()
            found = self._named[name] = np.asarray(made, dtype=np.float64)
        return found

    def kept(self, name: str, make: Callable[[Columns], Any]) -> Any:
        """What ``make`` gives for this batch, made once."""
        if name not in self._kept:
            self._kept[name] = make(self)
        return self._kept[name]

    def joined(self, attribute: str) -> Array:
        """One of the arrays of `Lines`, joined over the pages."""
        return np.concatenate([getattr(page, attribute) for page in self.pages]).astype(np.float64)

    @cached_property
    def line_of_word(self) -> Index:
        """The line that each word of the batch stands in."""
        return np.repeat(self.row, self.tokens.words)

    def per_line(self, flags: npt.NDArray[np.bool_]) -> Array:
        """How many words of each line are flagged, given one flag a word."""
        total = np.zeros(len(self.tokens.hashes) + 1, dtype=np.int32)
        np.cumsum(flags, out=total[1:])
        out: Array = np.diff(total.take(self.tokens.first)).astype(np.float64)
        return out

    def tally(self, lines: Index, weights: npt.ArrayLike | None = None) -> Array:
        """How often each line is named, or the sum of the weights of its names."""
        return np.bincount(lines, weights=weights, minlength=self.n).astype(np.float64, copy=False)

    def _make_one(self) -> Any:
        return np.ones(self.n)

    def _make_words(self) -> Any:
        return self.tokens.words.astype(np.float64)

    def _make_chars(self) -> Any:
        return self.tokens.chars.astype(np.float64)

    def _make_link_density(self) -> Any:
        return self.joined("link_chars") / np.maximum(self.column("chars"), 1)

    def _make_links(self) -> Any:
        return self.joined("link_count")

    def _make_link_words(self) -> Any:
        # In steps of 2^-20, so that sums are exact: those of a page must not hang on the pages before it in the batch.
        return np.round(self.column("words") * self.column("link_density") * 2.0**20) / 2.0**20

    def _make_bold(self) -> Any:
        return self.joined("bold_chars") / np.maximum(self.column("chars"), 1)

    def _make_level(self) -> Any:
        return self.joined("level")

    def _make_blank_before(self) -> Any:
        return np.minimum(self.joined("blank_before"), 5)

    def count(self, code: int) -> Array:
        """The number of characters of one class in each line."""
        return self.tokens.counts[:, code].astype(np.float64)

    def _make_ends(self) -> Any:
        return self.count(tk.END)

    def _make_commas(self) -> Any:
        return self.count(tk.COMMA)

    def _make_capitals(self) -> Any:
        return self.per_line(self.tokens.initial == tk.UPPER)

    def _make_all_upper(self) -> Any:
        return self.per_line(self.tokens.all_upper & (self.tokens.length > 1))

    def _make_numbers(self) -> Any:
        return self.per_line(self.tokens.digits)

    def _make_lone(self) -> Any:
        return self.count(tk.LONE)

    @cached_property
    def stop_rows(self) -> npt.NDArray[np.int32]:
        """For each word its row in the table of stop words, -1 for a word that is none."""
        return stop_words().find(self.tokens.hashes)

    def _make_stop_any(self) -> Any:
        return self.per_line(self.stop_rows >= 0)

    def _make_stop(self) -> Any:
        """Stop words of the language that explains most of the page's stop words."""
        known = np.flatnonzero(self.stop_rows >= 0)
        group = stop_words().group[self.stop_rows[known]]
        groups = stop_words().groups
        speaks = (groups[:, None] >> np.arange(64, dtype=np.uint64) & np.uint64(1)).astype(np.float64)
        line = self.line_of_word[known]
        page = self.page_of[line]
        size = len(self.pages) * len(groups)
        counts = np.bincount(page * len(groups) + group, minlength=size).reshape(len(self.pages), -1)
        # Not `@`: for so little, the linear algebra library's threads cost a hundred times the sums.
        spoken = np.einsum("pg,gl->pl", counts, speaks)
        return self.tally(line, speaks[group, np.argmax(spoken, axis=1)[page]])

    @cached_property
    def _cue_words(self) -> npt.NDArray[np.float64]:
        """Words covered by cue phrases of each class, shape (classes, n)."""
        tokens = self.tokens
        covered = np.zeros(len(tokens.hashes), dtype=np.uint16)
        first = cues().may_start(tokens.hashes)
        room = tokens.first[1:][self.line_of_word[first]] - first  # words from there to the end of the line
        for k in cues().by_length:
            start = first[room >= k]
            hit, bits = cues().find(k, tokens.runs(start, k))
            for i in range(k):
                covered[start[hit] + i] |= bits
        inside = np.flatnonzero(covered)
        lines, classes = self.line_of_word[inside], covered[inside]
        return np.stack([self.tally(lines, classes >> i & 1) for i in range(len(CUES))])

    def cue(self, name: str) -> Array:
        """The share of a line's words that cue phrases of one class cover."""
        out: Array = self._cue_words[CUES.index(name)] / np.maximum(self.column("words"), 1)
        return out

    def label(self, name: str) -> npt.NDArray[np.bool_]:
        """Short lines that are mostly cue phrases of one class: they announce it, where a longer line talks of it."""
        return np.asarray((self.cue(name) >= 0.5) & (self.column("words") <= PROSE_WORDS))

    def _make_cue(self) -> Any:
        """The same over all kinds of boilerplate: the largest share."""
        return self.column("cue_words") / np.maximum(self.column("words"), 1)

    def _make_cue_words(self) -> Any:
        return self._cue_words[: len(JUNK_CUES)].max(axis=0)

    def _make_address_words(self) -> Any:
        return self._cue_words[CUES.index(ADDRESS)]

    def _make_wording_words(self) -> Any:
        return self.column("wording") * self.column("words")

    def _make_prose_wording_words(self) -> Any:
        return self.column("wording") * self.column("prose_words")

    def _make_prose(self) -> Any:
        """1 for a line that looks like a sentence or more: long, few links, something of a sentence's marks."""
        long = self.column("words") - 0.5 * self.column("lone") >= PROSE_WORDS
        marked = (self.column("ends") + self.column("commas")) > 0
        return long & marked & (self.column("link_density") <= PROSE_LINKS)

    def _make_prose_words(self) -> Any:
        return self.column("prose") * self.column("words")

    def _make_short(self) -> Any:
        """1 for a line of few words that ends no sentence."""
        return (self.column("words") < PROSE_WORDS) & (self.tokens.tail != tk.END)

    def _make_title_like(self) -> Any:
        """1 for a line that begins with a capital and ends no sentence."""
        return (self.tokens.head == tk.UPPER) & (self.tokens.tail != tk.END)

    def _make_ended(self) -> Any:
        tail = self.tokens.tail
        return (tail == tk.END) | ((tail == tk.QUOTE) & (self.column("ends") > 0))

    # -- repetition --------------------------------------------------------------------------------------------

    def _make_repeats(self) -> Any:
        return occurrences(self.tokens.line_hashes(), self.page_of)

    def _make_copy(self) -> Any:
        return ranks(self.tokens.line_hashes(), self.page_of)

    def _make_template_repeats(self) -> Any:
        return occurrences(self.tokens.line_hashes(template=True), self.page_of)

    def _make_head_repeats(self) -> Any:
        return occurrences(self.tokens.line_hashes(head=2, template=True), self.page_of)

    def _make_tail_repeats(self) -> Any:
        return occurrences(self.tokens.line_hashes(tail=2, template=True), self.page_of)

    def _make_first_word_repeats(self) -> Any:
        return occurrences(self.tokens.line_hashes(head=1, template=True), self.page_of)

    def _make_last_word_repeats(self) -> Any:
        return occurrences(self.tokens.line_hashes(tail=1, template=True), self.page_of)

    @cached_property
    def _vocabulary(self) -> tuple[Hashes, Index, Index, npt.NDArray[np.bool_]]:
        """The words of the batch, equal words of a page side by side: ``(values, places, lines, fresh)``.

        ``values`` rise; ``fresh`` marks where the next word begins. Lines of equal words stand in page order.
        """
        keys = within_page(self.tokens.hashes, self.page_of[self.line_of_word])
        places, fresh = by_value(keys)
        return tk.spread(keys)[places], places, self.line_of_word[places], fresh

    def _make_body_overlap(self) -> Any:
        """The share of a line's content words that also occur in the page's prose, outside the line itself."""
        _, places, lines, fresh = self._vocabulary
        content = self.stop_rows < 0
        if not len(places):
            return np.zeros(self.n)
        prose = self.column("prose").astype(np.int64)[lines]
        start = np.flatnonzero(fresh)
        in_prose = np.repeat(np.add.reduceat(prose, start), np.diff(start, append=len(fresh)))
        # Words of a prose line must not count as evidence for that line: take its own occurrences off.
        fresh_line = fresh.copy()
        fresh_line[1:] |= lines[1:] != lines[:-1]
        start = np.flatnonzero(fresh_line)
        sizes = np.diff(start, append=len(fresh))
        own = np.repeat(sizes, sizes) * prose
        hit = content[places] & (in_prose > own)
        return self.tally(lines[hit]) / np.maximum(self.per_line(content), 1)

    def _make_rare_words(self) -> Any:
        """The share of a line's words that occur nowhere else in the page."""
        _, _, lines, fresh = self._vocabulary
        alone = fresh & np.append(fresh[1:], True)
        return self.tally(lines[alone]) / np.maximum(self.column("words"), 1)

    def _make_log_template_repeats(self) -> Any:
        """How often a short line's template recurs in its page, as a log: what stands under every comment or teaser."""
        return np.log1p(np.maximum(self.column("template_repeats") - 1, 0)) * (self.column("words") <= PROSE_WORDS)

    def _make_recurs_repeats(self) -> Any:
        return (self.column("repeats") >= 3) & (self.column("words") <= FEW_WORDS)

    def _make_recurs_template_repeats(self) -> Any:
        return (self.column("template_repeats") >= 3) & (self.column("words") <= PROSE_WORDS)

    # -- learnt from words ---------------------------------------------------------------------------------------

    def _make_structure(self) -> Any:
        return structure_scores(self, self._known.structure)

    def _make_wording(self) -> Any:
        return wording_scores(self, self._known.wording)

    def _make_wording_size(self) -> Any:
        """How much the words of the page tell, all lines alike: little in a language that was not learnt from."""
        square = np.bincount(self.page_of, weights=self.column("wording") ** 2)
        return np.sqrt(square / self.sizes)[self.page_of]

    def _make_lead(self) -> Any:
        return self.tokens.lead

    def _make_lead_wording(self) -> Any:
        return lead_scores(self, self._known.wording)

    def _make_lead_alone(self) -> Any:
        """1 for a line that is nothing but a lead: what it announces stands below it."""
        return (self.tokens.lead > 0) & (self.tokens.lead == self.tokens.words)

    def _make_lead_above(self) -> Any:
        """The lead's wording of the line above, if that is nothing but a lead."""
        value = self.column("lead_wording") * self.column("lead_alone")
        return np.where(self.row > self.low, value[np.maximum(self.row - 1, 0)], 0.0)

    def _make_lead_upper(self) -> Any:
        """The share of the lead's words that are in capitals."""
        tokens = self.tokens
        start = tokens.first[:-1]
        total = np.append(0, np.cumsum(tokens.all_upper))
        return (total[start + tokens.lead] - total[start]) / np.maximum(tokens.lead, 1)

    def _make_lead_cue(self) -> Any:
        """Of which kind of cue phrases the lead is one: its place in `JUNK_CUES` from 1, the first of several, or 0."""
        tokens = self.tokens
        out = np.zeros(self.n)
        for length in cues().by_length:
            rows = np.flatnonzero(tokens.lead == length)
            hit, classes = cues().find(length, tokens.runs(tokens.first[:-1][rows], length))
            bits = classes.astype(np.int64) & ((1 << len(JUNK_CUES)) - 1)
            out[rows[hit]] = np.where(bits > 0, np.log2(np.maximum(bits & -bits, 1)) + 1, 0)
        return out

    @property
    def _known(self) -> HashedWeights:
        if self.weights is None:
            raise ValueError("these features need the weights of a model")
        return self.weights

    def page_mean(self, name: str) -> Array:
        """The mean of a column over the words of the line's page."""
        weight = self.column("words") + 0.1
        size = len(self.pages)
        top = np.bincount(self.page_of, weights=self.column(name) * weight, minlength=size)
        out: Array = (top / np.bincount(self.page_of, weights=weight, minlength=size))[self.page_of]
        return out

    def page_max(self, name: str) -> Array:
        """The largest value of a column in the line's page."""
        out: Array = np.maximum.reduceat(self.column(name), self.start)[self.page_of]
        return out

    # -- what surrounds a line -----------------------------------------------------------------------------------

    def prefix(self, name: str) -> Array:
        """Prefix sums of a column over the whole batch, shape (n + 1,)."""
        found = self._prefix.get(name)
        if found is None:
            found = np.zeros(self.n + 1)
            np.cumsum(self.column(name), out=found[1:])
            self._prefix[name] = found
        return found

    def window(self, name: str, radius: int) -> Array:
        """The sum of a column over the lines at most ``radius`` away in the same page."""
        p = self.prefix(name)
        out: Array = p[np.minimum(self.row + radius + 1, self.high)] - p[np.maximum(self.row - radius, self.low)]
        return out

    def above(self, name: str, radius: int | None = None) -> Array:
        """The sum over the lines above (all of them, or the ``radius`` nearest), the line itself left out."""
        p = self.prefix(name)
        low = self.low if radius is None else np.maximum(self.row - radius, self.low)
        out: Array = p[self.row] - p[low]
        return out

    def below(self, name: str, radius: int | None = None) -> Array:
        """The sum over the lines below (all of them, or the ``radius`` nearest), the line itself left out."""
        p = self.prefix(name)
        high = self.high if radius is None else np.minimum(self.row + radius + 1, self.high)
        out: Array = p[high] - p[self.row + 1]
        return out

    def total(self, name: str) -> Array:
        """The sum over the line's whole page."""
        p = self.prefix(name)
        out: Array = p[self.high] - p[self.low]
        return out

    def neighbour(self, name: str, offset: int, fill: float = -1.0) -> Array:
        """The value of the line ``offset`` below (above, if negative); ``fill`` beyond the page."""
        at = self.row + offset
        inside = (at >= self.low) & (at < self.high)
        return np.where(inside, self.column(name)[np.clip(at, 0, self.n - 1)], fill)

    def since(self, flag: npt.NDArray[np.bool_]) -> Array:
        """Lines back to the last flagged line of the page, itself 0; the page's size where there is none."""
        last = np.maximum.accumulate(np.where(flag, self.row, -1))
        return np.where(last >= self.low, self.row - last, self.high - self.low).astype(np.float64)

    def until(self, flag: npt.NDArray[np.bool_]) -> Array:
        """Lines on to the next flagged line of the page, itself 0; the page's size where there is none."""
        far = 2 * self.n + 1
        following = np.minimum.accumulate(np.where(flag, self.row, far)[::-1])[::-1]
        return np.where(following < self.high, following - self.row, self.high - self.low).astype(np.float64)

    def around(self, first: Index, last: Index) -> tuple[Array, Array]:
        """Where each line stands to the lines ``first:last`` (one stretch for each line of the batch).

        1 within and 0 outside; and the logarithm of the lines to get there, negative above, 0 within.
        """
        inside = (self.row >= first) & (self.row < last)
        away = np.where(inside, 0, np.where(self.row < first, self.row - first, self.row - last + 1))
        return inside.astype(np.float64), np.sign(away) * np.log1p(np.abs(away))

    def _fresh(self, keys: Index) -> npt.NDArray[np.bool_]:
        fresh = np.ones(self.n, dtype=bool)
        fresh[1:] = (keys[1:] != keys[:-1]) | (self.page_of[1:] != self.page_of[:-1])
        return fresh

    def run_of(self, keys: Index) -> Index:
        """The number of each line's run: neighbouring lines of a page with the same key."""
        out: Index = np.cumsum(self._fresh(keys)) - 1
        return out

    def share_of_run(self, keys: Index) -> tuple[Array, Array]:
        """Runs of neighbouring lines with the same key: for each line its place in the run and the run's length."""
        fresh = self._fresh(keys)
        start = np.maximum.accumulate(np.where(fresh, self.row, 0))
        run = np.cumsum(fresh) - 1
        length = np.bincount(run)[run]
        return (self.row - start).astype(np.float64), length.astype(np.float64)

    @cached_property
    def tag_codes(self) -> Index:
        """The place of each line's tag in `TAGS`; ``len(TAGS)`` for any other."""
        code = {tag: i for i, tag in enumerate(TAGS)}
        return np.array([code.get(tag, len(TAGS)) for page in self.pages for tag in page.tags], dtype=np.int64)

    @cached_property
    def containers(self) -> Containers:
        """The elements of the batch; only for HTML pages."""
        return Containers(self)


class Containers:
    """The block elements of all pages of a batch, joined, with sums over the lines of each."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        elements = [page.elements for page in columns.pages if page.elements is not None]
        if columns.kind is not Kind.HTML or len(elements) != len(columns.pages):
            raise ValueError("only HTML pages have containers")
        sizes = np.array([len(e.parent) for e in elements], dtype=np.int64)
        self.page_of: Index = np.repeat(np.arange(len(elements)), sizes)
        self.root: Index = np.cumsum(sizes) - sizes
        shift = self.root[self.page_of]
        line_shift = columns.start[self.page_of]

        def join(name: str) -> Index:
            return np.concatenate([getattr(e, name) for e in elements]).astype(np.int64)

        self.parent: Index = join("parent") + shift
        self.first: Index = join("first") + line_shift
        self.last: Index = join("last") + line_shift
        self.images, self.controls = join("images"), join("controls")
        self.hidden, self.depth, self.children = join("hidden"), join("depth"), join("children")
        self.path_sizes: Index = np.array([int(e.path.max()) + 1 for e in elements], dtype=np.int64)
        self.path_start: Index = np.cumsum(self.path_sizes) - self.path_sizes
        self.path: Index = join("path") + self.path_start[self.page_of]
        self.of_line: Index = self.root[columns.page_of] + np.concatenate(
            [page.element for page in columns.pages if page.element is not None]
        )
        # The signatures of all pages, one after the other; `inline` is the one of a line's innermost inline element.
        signatures = [signature for e in elements for signature in e.signatures]
        signature_sizes = np.array([len(e.signatures) for e in elements], dtype=np.int64)
        signature_shift = np.cumsum(signature_sizes) - signature_sizes
        self.signature: Index = join("signature") + signature_shift[self.page_of]
        inline = np.concatenate([page.inline for page in columns.pages if page.inline is not None])
        self.inline: Index = np.where(inline >= 0, inline + signature_shift[columns.page_of], -1)
        self.signature_bits, self.part_hashes, self.part_bounds = _CLASS_TABLE.look_up(signatures)
        self.bits: Index = self.signature_bits[self.signature]
        self.inline_bits: Index = np.where(self.inline >= 0, self.signature_bits[self.inline], 0)
        self.tag: Index = _tag_codes(signatures)[self.signature]
        self._ancestors: dict[int, Index] = {}

    @cached_property
    def grown(self) -> Index:
        """For each element the nearest element around it that holds more lines (the root: itself)."""
        up = self.parent.copy()
        for _ in range(64):
            same = (self.first[up] == self.first) & (self.last[up] == self.last) & (self.parent[up] != up)
            if not same.any():
                break
            up = np.where(same, up[up], up)
        return up

    def ancestor(self, k: int) -> Index:
        """For each line its ``k``-th container: 0 is its own element, then only ones that hold more lines."""
        found = self._ancestors.get(k)
        if found is None:
            found = self.of_line if k == 0 else self.grown[self.ancestor(k - 1)]
            self._ancestors[k] = found
        return found

    def sums(self, name: str) -> Array:
        """The sum of a column over the lines of each element."""
        p = self.columns.prefix(name)
        out: Array = p[self.last] - p[self.first]
        return out

    @cached_property
    def around_bits(self) -> Index:
        """The class groups of each element or of any element around it."""
        bits, up = self.bits.copy(), self.parent.copy()
        while True:
            bits |= bits[up]
            further = up[up]
            if (further == up).all():
                return bits
            up = further

    @cached_property
    def path_count(self) -> Array:
        """For each element how many elements of its page have the same path."""
        return np.bincount(self.path)[self.path].astype(np.float64)

    def hull(self, share: float) -> Index:
        """For each page the smallest element that holds at least ``share`` of the words in prose; else its root."""
        prose = self.sums("prose_words")
        total = prose[self.root][self.page_of]
        enough = (prose >= share * total) & (total > 0)
        # Elements stand in document order, and those that hold most of the page are nested in each other, so the
        # last one (the deepest) is the smallest.
        order = np.where(enough, np.arange(len(prose)), -1)
        best: Index = np.maximum(np.maximum.reduceat(order, self.root), self.root)
        return best


_TAG_CODE = {tag: i for i, tag in enumerate(TAGS)}


def _tag_codes(signatures: list[tuple[str, str]]) -> Index:
    return np.array([_TAG_CODE.get(tag, len(TAGS)) for tag, _ in signatures], dtype=np.int64)
