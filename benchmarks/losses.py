"""Where word F1 is lost: every wrong line of a page, its share of the loss, and a class by simple evidence.

With ``k`` words kept, ``g`` words in the gold and ``o`` in both, ``1 - F1 = ((k - o) + (g - o)) / (k + g)``: each word
kept wrongly and each word lost costs the same, so a page's loss is a sum over its words, and so over its lines. The
alignment says which lines they stand on; its counts are scaled to the measure's own, which are of multisets.

The classes are for people who look for the next thing to mend. They are guesses from mark-up and position, tried in
the order they are written in; no class is used by the cleaner.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from cleaner.evaluation import PageScore, score_page, words_of
from cleaner.features import Columns
from cleaner.labelled import LabelledPage, align
from cleaner.lexicon import JUNK_CUES
from cleaner.page import CleanedPage
from cleaner.tokens import tokenize

__all__ = ["KEPT", "LOST", "Wrong", "wrong_lines"]

KEPT, LOST = "kept", "lost"
SHORT = 8  # words
LONG = 15  # words of a line that is taken for prose
MAIN = 0.5  # a line is the gold's when this share of its words is, as in training
RUN = 3  # words that must stand together to be recognised elsewhere

# What class, id and role words of an element say about the lines inside it. The nearest element that says something
# decides, and of what it says the first.
EVIDENCE = {
    "comment thread": r"comment|respon[ds]|\brepl(?:y|ies)|disqus|discuss|livefyre",
    "related or teasers": r"relat|recommend|teaser|read-?(?:more|next)|more-|also|popular|trending|latest|recent|most-|"
    r"next-?(?:post|art|story)|suggest|outbrain|taboola|carousel|upsell|cross-?sell|similar",
    "form or dialog": r"\bform|modal|popup|dialog|newsletter|subscri|cookie|consent|gdpr|login|sign-?up|register|"
    r"search|toolbar|button|\bbtn|\bcta|filter|sort|player|paywall|alert",
    "share or advertisement": r"share|social|follow|\bads?\b|advert|sponsor|promo|banner",
    "navigation": r"\bnav|menu|crumb|sidebar|\baside\b|pagina|pager|\btoc\b|\btags?\b|categor|masthead|widget",
    "legal or company": r"foot(?:er)?\b|copyright|legal|disclaim|\babout|boilerplate|privacy",
    "byline, date or author": r"author|byline|\bdate|\btime\b|publish|posted|\bmeta\b|\bbio\b|avatar|profile|"
    r"contributor",
    "caption or credit": r"caption|credit|gallery|\bfigure\b|photo",
    "shop": r"price|cart|\bsku|rating|review|stock|shipping|variant|quantity|wish-?list|product-(?:card|item|tile)",
}
_PATTERNS = {name: re.compile(pattern, re.I) for name, pattern in EVIDENCE.items()}
CUE = {
    "ad": "share or advertisement", "share": "share or advertisement", "related": "related or teasers",
    "legal": "legal or company", "subscribe": "form or dialog", "comment": "comment thread", "nav": "navigation",
    "byline": "byline, date or author", "shop": "shop", "original": "byline, date or author",
}  # fmt: skip
BY_TAG = {
    "tr": "table", "td": "table", "th": "table", "pre": "code", "li": "list items", "oli": "list items",
    "dt": "list items", "dd": "list items", "figcaption": "caption or credit", "blockquote": "quote",
    **{f"h{i}": "heading" for i in range(1, 7)},
}  # fmt: skip
_SCRIPT = re.compile(r"<script\b([^>]*)>(.*?)</script\s*>", re.I | re.S)
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})|\\[nrt]|\\(.)")
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True)
class Wrong:
    """A line kept or lost wrongly, or a gold line that no line of the page holds (``line`` is None).

    ``words`` counts its wrong words, ``loss`` their part of the page's ``1 - F1``.
    """

    page: str
    side: str
    kind: str
    text: str
    words: float
    loss: float
    line: int | None = None
    probability: float = 0.0
    tag: str = ""


def wrong_lines(item: LabelledPage, page: CleanedPage) -> tuple[PageScore, list[Wrong]]:
    """The score of a cleaned page, and everything that was wrong on it; the losses add up to ``1 - F1``."""
    score = score_page(item, page.text, page.confidence)
    ours, theirs = Counter(words_of(page.text)), Counter(words_of(item.gold))
    total, overlap = ours.total() + theirs.total(), (ours & theirs).total()
    if not total or score.f1 == 1:
        return score, []
    look = _Look(item, page)
    kept = [(i, look.words[i] * (1 - look.share[i])) for i in np.flatnonzero(page.kept)]
    lost = [(i, look.words[i] * look.share[i]) for i in np.flatnonzero(~page.kept)]
    gold = item.gold.splitlines()
    missing = look.missing(gold)
    found: list[Wrong] = []
    scale = (ours.total() - overlap) / max(sum(words for _, words in kept), 1e-9) / total
    for i, words in kept:
        if words:
            found.append(look.wrong(i, KEPT, look.kept_class(i), words, words * scale))
    scale = (theirs.total() - overlap) / max(sum(w for _, w in lost) + sum(w for _, w in missing), 1e-9) / total
    for i, words in lost:
        if words:
            found.append(look.wrong(i, LOST, look.lost_class(i), words, words * scale))
    for i, words in missing:
        if words:
            found.append(Wrong(score.page, LOST, look.missing_class(gold[i]), gold[i], words, words * scale))
    rest = 1 - score.f1 - sum(wrong.loss for wrong in found)
    if rest > 1e-6:  # words that the two alignments do not put on any line
        found.append(Wrong(score.page, KEPT if ours.total() > overlap else LOST, "not attributed", "", 0, rest))
    return score, found


class _Look:
    """One page with what its lines are judged by."""

    def __init__(self, item: LabelledPage, page: CleanedPage) -> None:
        self.item, self.page, self.lines = item, page, page.segmented
        self.id = item.page.id or item.page.url or ""
        self.tokens = tokenize(self.lines.plain)
        self.words = self.tokens.words
        self.share = align(self.tokens, item.gold)
        self.main = self.share >= MAIN
        right = np.flatnonzero(self.main & page.kept)
        self.first, self.last = (int(right[0]), int(right[-1])) if len(right) else (-1, -1)
        # Next to nothing of the gold was kept: then each of its lines shares one cause.
        self.nothing = self.words[right].sum() < 0.05 * max((self.words * self.share).sum(), 1)

    def wrong(self, i: int, side: str, kind: str, words: float, loss: float) -> Wrong:
        probability = float(self.page.probabilities[i])
        return Wrong(self.id, side, kind, self.lines.texts[i], words, loss, int(i), probability, self.lines.tags[i])

    def kept_class(self, i: int) -> str:
        """Why a line that is not in the gold was kept."""
        if self.main[i]:
            return "other words on a right line"
        if self.copies[i]:
            return "copy of a kept line"
        if self.hidden(i):
            return "hidden element"
        tag, words = self.lines.tags[i], self.words[i]
        if tag == "h1" or self.is_title(i):
            return "title"
        evidence = self.evidence(i)
        if tag == "figcaption":
            return "caption or credit"
        if evidence != "comment thread" and words >= LONG and self.other_article(i):
            return "another article"
        if evidence:
            return evidence
        if BY_TAG.get(tag) == "heading":
            return "heading"
        if self.link_density[i] >= 0.5:
            return "links, nothing known"
        shape = BY_TAG.get(tag) or ("short line" if words <= SHORT else "prose")
        return f"{shape} {self.where(i)}"

    def lost_class(self, i: int) -> str:
        """Why a line of the gold was dropped."""
        if not self.main[i]:
            return "some words of a dropped line"
        if self.nothing:
            return "nothing of the page kept"
        if self.hidden(i):
            return "hidden element"
        if self.lines.noscript is not None and self.lines.noscript[i]:
            return "in noscript"
        evidence = self.evidence(i)
        if evidence == "comment thread":
            return "comment or post"
        tag = self.lines.tags[i]
        if tag == "h1" or self.is_title(i):
            return "title"
        if tag in BY_TAG and tag not in ("li", "oli"):
            return BY_TAG[tag]
        if self.link_density[i] >= 0.5:
            return "linked lines"
        if evidence:
            return f"in {evidence}"
        if tag in BY_TAG:
            return BY_TAG[tag]
        return f"{'short line' if self.words[i] <= SHORT else 'prose'} {self.where(i)}"

    def missing(self, gold: Sequence[str]) -> list[tuple[int, float]]:
        """Gold lines and how many of their words no line of the page holds in this order."""
        counted = tokenize(gold)
        share = align(counted, "\n".join(self.lines.texts)) if len(gold) else np.zeros(0)
        return [(i, float(n * (1 - s))) for i, (n, s) in enumerate(zip(counted.words, share, strict=True)) if s < 1]

    def missing_class(self, text: str) -> str:
        """Where the words of a gold line are, when they are not on a line in the gold's order."""
        words = words_of(text)
        size = min(RUN, len(words))
        runs = {tuple(words[i : i + size]) for i in range(len(words) - size + 1)}
        for name, pool in (
            ("on the page, in another order or cut", self.on_page), ("in JSON-LD only", self.json_ld),
            ("in another script only", self.scripts), ("elsewhere in the HTML", self.source),
        ):  # fmt: skip
            if runs and sum(run in pool[size] for run in runs) >= 0.5 * len(runs):
                return name
        return "not in the HTML"

    # -- evidence ----------------------------------------------------------------------------------------------

    @cached_property
    def link_density(self) -> npt.NDArray[np.float64]:
        return self.lines.link_chars / np.maximum([len(text) for text in self.lines.plain], 1)

    @cached_property
    def cues(self) -> list[str]:
        """The class that cue phrases give a line, "" where they cover less than half of it."""
        columns = Columns([self.lines])
        shares = np.stack([columns.cue(name) for name in JUNK_CUES])
        best = shares.argmax(axis=0)
        return [CUE[JUNK_CUES[k]] if shares[k, i] >= 0.5 else "" for i, k in enumerate(best)]

    @cached_property
    def element_evidence(self) -> list[str]:
        """What each element, or the nearest around it that says something, says; the gold's own containers do not."""
        elements = self.lines.elements
        if elements is None:
            return []
        gold = np.concatenate([[0.0], np.cumsum(self.words * self.main)])
        inside = gold[elements.last] - gold[elements.first]
        out: list[str] = []
        for e, parent in enumerate(elements.parent.tolist()):
            own = "" if inside[e] > 0.5 * gold[-1] else _evidence(*elements.signatures[elements.signature[e]])
            out.append(own or (out[parent] if e else ""))
        return out

    def evidence(self, i: int) -> str:
        """The class that the mark-up around a line, or its words, give it."""
        if self.lines.element is not None and (found := self.element_evidence[self.lines.element[i]]):
            return found
        return self.cues[i]

    def hidden(self, i: int) -> bool:
        if self.lines.elements is None or self.lines.element is None:
            return False
        return bool(self.lines.elements.hidden[self.lines.element[i]])

    def is_title(self, i: int) -> bool:
        """Most of the line stands in the page's own title, or the title in it."""
        line, title = set(words_of(self.lines.texts[i])), set(words_of(self.lines.title))
        return len(line) > 2 and len(title) > 2 and len(line & title) >= 0.8 * min(len(line), len(title)) and (
            len(line) <= 2 * len(title)
        )  # fmt: skip

    @cached_property
    def copies(self) -> npt.NDArray[np.bool_]:
        """Kept lines whose words, as a run, stand in another kept line that is the gold's or comes earlier."""
        seen: set[tuple[str, ...]] = set()
        order = [i for i in np.flatnonzero(self.page.kept) if self.main[i]]
        order += [i for i in np.flatnonzero(self.page.kept) if not self.main[i]]
        out = np.zeros(len(self.lines), dtype=bool)
        for i in order:
            words = words_of(self.lines.texts[i])
            size = min(4, len(words))
            runs = [tuple(words[j : j + size]) for j in range(len(words) - size + 1)] if size else []
            out[i] = bool(runs) and sum(run in seen for run in runs) >= 0.8 * len(runs)
            seen.update(runs)
            if size == 4:  # a heading's few words stand in longer lines by chance
                seen.add(tuple(words))
        return out

    def other_article(self, i: int) -> bool:
        """The innermost ``<article>`` around the line holds nothing of the gold."""
        elements = self.lines.elements
        if elements is None or self.lines.element is None:
            return False
        e = int(self.lines.element[i])
        while e and elements.signatures[elements.signature[e]][0] != "article":
            e = int(elements.parent[e])
        return bool(e) and not self.main[elements.first[e] : elements.last[e]].any()

    def where(self, i: int) -> str:
        """Before, among or after what was kept rightly, and there beside lines of the gold or elsewhere."""
        if self.first < 0:
            return "on a page of which nothing was kept rightly"
        if i < self.first:
            return "before the main text"
        if i <= self.last:
            return "within it"
        return "after it, in its container" if self.beside_gold(i) else "after it"

    def beside_gold(self, i: int) -> bool:
        """The element around the line's own holds lines of the gold: it goes on where the gold stops."""
        elements = self.lines.elements
        if elements is None or self.lines.element is None:
            return False
        e = int(elements.parent[self.lines.element[i]])
        whole_page = elements.signatures[elements.signature[e]][0] in ("html", "body")
        return not whole_page and bool(self.main[elements.first[e] : elements.last[e]].any())

    # -- pools of word runs, by length ---------------------------------------------------------------------------

    @cached_property
    def on_page(self) -> dict[int, set[tuple[str, ...]]]:
        return _runs(self.lines.texts)

    @cached_property
    def json_ld(self) -> dict[int, set[tuple[str, ...]]]:
        return _runs(_unescaped(body) for attributes, body in _scripts(self.item) if "ld+json" in attributes)

    @cached_property
    def scripts(self) -> dict[int, set[tuple[str, ...]]]:
        return _runs(_unescaped(body) for _, body in _scripts(self.item))

    @cached_property
    def source(self) -> dict[int, set[tuple[str, ...]]]:
        content = self.item.page.content
        return _runs([html.unescape(content), html.unescape(_TAG.sub(" ", content))])


@lru_cache(maxsize=50_000)
def _evidence(tag: str, words: str) -> str:
    text = re.sub(r"(?<=[a-z])(?=[A-Z])|_", "-", f"{tag} {words[:400]}")
    return next((name for name, pattern in _PATTERNS.items() if pattern.search(text)), "")


def _scripts(item: LabelledPage) -> list[tuple[str, str]]:
    return [(match[1].lower(), match[2]) for match in _SCRIPT.finditer(item.page.content)]


def _unescaped(script: str) -> str:
    """The text of the strings in a script: JSON's escapes undone, tags inside dropped."""

    def undo(match: re.Match[str]) -> str:
        return chr(int(match[1], 16)) if match[1] else match[2] or " "

    return html.unescape(_TAG.sub(" ", _ESCAPE.sub(undo, script)))


def _runs(texts: Iterable[str]) -> dict[int, set[tuple[str, ...]]]:
    out: dict[int, set[tuple[str, ...]]] = {0: set()}
    words = [words_of(text) for text in texts]
    for size in range(1, RUN + 1):
        out[size] = {tuple(row[i : i + size]) for row in words for i in range(len(row) - size + 1)}
    return out
