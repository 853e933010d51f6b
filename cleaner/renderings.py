"""Text as scrapers leave it: renderings of a segmented page, for training and for measuring plain-text cleaners.

A page that lost its HTML comes as one text node a line, as block lines, wrapped at a column, as Markdown, with blank
lines or without, with a date glued to its first line. A text model must work on all of them, so it is trained on all
of them: `RENDERINGS`. Most held texts were cleaned once already, badly: `COMPOSED` are texts of much main content and
little junk. Both are drawn by a generator that is handed in, so the same seed gives the same texts.
"""

from __future__ import annotations

import random
import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from cleaner.conversions import CONVERSIONS
from cleaner.labelled import LabelledPage
from cleaner.lexicon import phrases
from cleaner.page import Kind, Lines, Page
from cleaner.segmentation import detect_kind

__all__ = [
    "COMPOSED",
    "CONVERSIONS",
    "OF_TEXT",
    "RENDERINGS",
    "Labels",
    "clean_article",
    "partly_cleaned",
    "rendered",
    "transplant",
]

Labels = npt.NDArray[np.bool_]
Render = Callable[[Lines, random.Random], str]

# Thai, Lao, Burmese, Khmer, kana and Chinese characters: two make about one word, and no blank stands between.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")


def _visible(lines: Lines, rng: random.Random) -> str:
    """Block lines, as in WET records."""
    return "\n".join(lines.texts)


def _paragraphs(lines: Lines, rng: random.Random) -> str:
    """A blank line between all blocks."""
    return "\n\n".join(lines.texts)


def _grouped(lines: Lines, rng: random.Random) -> str:
    """Blank lines where the element around the lines changes, as `innerText` has them."""
    out: list[str] = []
    element = lines.element.tolist() if lines.element is not None else list(range(len(lines)))
    for i, text in enumerate(lines.texts):
        if i and element[i] != element[i - 1] and lines.tags[i] not in ("li", "oli", "td", "tr"):
            out.append("")
        out.append(text)
    return "\n".join(out)


def _wrap(text: str, width: int) -> str:
    return "\n".join(textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)) or text


def _wrapped(width: int, gap: str) -> Render:
    def render(lines: Lines, rng: random.Random) -> str:
        """Hard-wrapped at a column."""
        return gap.join(_wrap(text, width) for text in lines.texts)

    return render


def _joined(lines: Lines, rng: random.Random) -> str:
    """One long line a paragraph: what stands in one element is one line, its items and rows too."""
    out: list[str] = []
    last = -1
    element = lines.element.tolist() if lines.element is not None else list(range(len(lines)))
    for i, text in enumerate(lines.texts):
        listed = i and lines.tags[i] == lines.tags[i - 1] and lines.tags[i] in ("li", "oli", "tr", "dd", "dt")
        if out and (element[i] == last or (listed and len(out[-1]) < 2000)):
            out[-1] += " " + text
        else:
            out.append(text)
        last = element[i]
    return "\n".join(out)


def _broken(lines: Lines, rng: random.Random) -> str:
    """Some long lines broken in the midst of a sentence, as where a link or a figure stood, by a blank line."""
    out: list[str] = []
    for text in lines.texts:
        words = text.split(" ")
        if len(words) >= 16 and rng.random() < 0.3:
            at = rng.randint(5, len(words) - 5)
            out += [" ".join(words[:at]), " ".join(words[at:])]
        else:
            out.append(text)
    return "\n\n".join(out)


def _nodes(lines: Lines, rng: random.Random) -> str:
    """One text node a line: links inside a line and the cells of a row stand on lines of their own."""
    if lines.markup is None:
        return _visible(lines, rng).replace("\t", "\n")
    out: list[str] = []
    for markup in lines.markup:
        at = 0
        while True:
            start = markup.find("[", at)
            middle = markup.find("](", start) if start >= 0 else -1
            stop = markup.find(")", middle) if middle >= 0 else -1
            if stop < 0:
                out.append(markup[at:])
                break
            out += [markup[at:start], markup[start + 1 : middle]]
            at = stop + 1
    return "\n".join(text.strip() for part in out for text in part.split("\t") if text.strip())


def _markdown(lines: Lines, rng: random.Random) -> str:
    """Headings, bullets, quotes, links and tables marked as a Markdown scraper marks them."""
    out: list[str] = []
    texts = lines.markup if lines.markup is not None else lines.texts
    for text, tag, level in zip(texts, lines.tags, lines.level.tolist(), strict=True):
        if tag in ("li", "oli"):
            mark = "1. " if tag == "oli" else rng.choice(("- ", "* "))
            out.append("  " * max(level - 1, 0) + mark + text)
        elif tag[0] == "h" and tag[1:].isdigit():
            out += ["", "#" * int(tag[1:]) + " " + text, ""]
        elif tag == "blockquote":
            out += ["> " + text, ""]
        elif tag == "tr":
            out.append("| " + text.replace("\t", " | ") + " |")
        else:
            out += [text, ""]
    return "\n".join(out)


def _indented(lines: Lines, rng: random.Random) -> str:
    """Tabs and stray spaces, deeper for lists."""
    out: list[str] = []
    for text, level in zip(lines.texts, lines.level.tolist(), strict=True):
        out.append(("\t" if rng.random() < 0.5 else "    ") * min(level, 3) + text + " " * rng.choice((0, 0, 1, 3)))
        out += [rng.choice(("", " \t"))] * rng.choice((0, 0, 0, 1, 2))
    return "\n".join(out)


def _glued(lines: Lines, rng: random.Random) -> str:
    """A date or an id before the first line, an address after the last."""
    day = f"{rng.randint(2003, 2025)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
    first = rng.choice((day, str(rng.randint(10**5, 10**9)), f"{day}T0{rng.randint(0, 9)}:15:00Z"))
    return f"{first}{rng.choice((' ', chr(9), ''))}" + rng.choice(("\n", "\n\n")).join(lines.texts)


RENDERINGS: dict[str, Render] = {
    "visible": _visible,
    "paragraphs": _paragraphs,
    "grouped": _grouped,
    "wrapped 72": _wrapped(72, "\n\n"),
    "wrapped 80": _wrapped(80, "\n"),
    "nodes": _nodes,
    "markdown": _markdown,
    "indented": _indented,
    "glued": _glued,
    "joined": _joined,
    "broken": _broken,
}
# What points from the midst of a story to another page: a cue phrase that says so, a mark, a title.
_POINTER = re.compile(r"\W*([^\W\d_][^:|>»–]{1,40}?)\s*[:|>»–]\s*\S.{8,200}$")
_POINTERS = (
    "{label}: {title}", "{label}: {title}", "{label}: {title}", "{label}: {title}", "{label} | {title}",
    "{label} | {title}", "{label}: [{title}]", "[{label}: {title}]", "({label}: {title})", "{label}: {title} »",
    "{label} > {title}", "{label} – {title}", "{label}:\n{title}", "{label}\n{title}", "{label}\n{title}\n{other}",
    "{label}:\n- {title}\n- {other}", "{label}:\n• {title}", "{label}: [{title}]({url})", "{title}", "» {title}",
    "* {title}",
)  # fmt: skip
# The renderings that a page can have whose HTML is not known.
OF_TEXT = ("paragraphs", "wrapped 72", "wrapped 80", "indented", "glued", "broken")
COMPOSED = ("partly cleaned", "transplant", "short transplant", "clean article")
OWN_LABEL = 0.4  # the share of a transplant's labels that other pages give; the rest are cue phrases
INSERTS = 0.2  # the share of transplants with lists or headings of other pages' main content in them
SLOTS = 0.2  # the share of transplants with one label, the same again, between many of the paragraphs
SHORT_LINE = 12  # words
_HEADINGS = ("h2", "h3", "h4", "h5", "h6")


def _runs(main: Labels, wanted: bool) -> list[tuple[int, int]]:
    """Ranges of neighbouring lines that are all main content, or all junk."""
    out: list[tuple[int, int]] = []
    for i, value in enumerate(main.tolist()):
        if value == wanted:
            if out and out[-1][1] == i:
                out[-1] = (out[-1][0], i + 1)
            else:
                out.append((i, i + 1))
    return out


def _pointers(texts: Sequence[str], language: str | None) -> Labels:
    """Which lines point to another page ("Read more: a headline"), by the cue phrases of the language."""
    known = set(phrases(language or "en")["related"])
    found = (_POINTER.match(text) for text in texts)
    return np.fromiter((m is not None and m[1].strip().lower() in known for m in found), bool, len(texts))


def partly_cleaned(lines: Lines, main: Labels, rng: random.Random) -> str:
    """The main content with a few junk lines left near it, as an extractor leaves them."""
    inside = np.flatnonzero(main)
    if not len(inside):
        return ""
    keep = main.copy()
    near = [i for i in range(max(inside[0] - 6, 0), min(inside[-1] + 12, len(main))) if not main[i]]
    between = [i for i in near if inside[0] < i < inside[-1]]
    for i in rng.sample(near, min(len(near), rng.randint(1, 4))) + [i for i in between if rng.random() < 0.4]:
        keep[i] = True
    return _lay_out([lines.texts[i] for i in np.flatnonzero(keep)], rng)


def clean_article(gold: str, rng: random.Random) -> str:
    """The gold text alone: a page that has no junk must stay whole."""
    return _lay_out([line.strip() for line in gold.splitlines() if line.strip()], rng)


def _lay_out(texts: Sequence[str], rng: random.Random) -> str:
    """Lines as a page: one below the other, with blank lines between, or wrapped as well."""
    way = rng.random()
    if way < 0.25:
        width = rng.choice((72, 76, 80))
        return "\n\n".join(_wrap(text, width) for text in texts)
    return ("\n" if way < 0.6 else "\n\n").join(texts)


@lru_cache(maxsize=1 << 16)
def _size(text: str) -> int:
    """About how many words a line has; the same donors serve many transplants."""
    return text.count(" ") + 1 + len(_UNSPACED.findall(text)) // 2


class _Junk:
    """Junk of other pages, by what can be made of it, and the labels that a language puts on junk."""

    def __init__(self, donors: Sequence[tuple[Lines, Labels]], rng: random.Random, language: str | None) -> None:
        self.runs = [other.texts[a:b] for other, labels in donors for a, b in _runs(labels, False)]
        lines = [text for run in self.runs for text in run]
        count = [_size(text) for text in lines]
        # What looks like junk and is content: lists, tables and headings of the donors' own main content.
        self.lists = [
            run
            for other, labels in donors
            for a, b in _runs(labels & (np.array([_size(text) for text in other.texts]) <= SHORT_LINE), True)
            if len(run := other.texts[a:b]) > 1
        ]
        self.headings = [
            text
            for other, labels in donors
            for text, tag, main in zip(other.texts, other.tags, labels.tolist(), strict=True)
            if main and tag in _HEADINGS and _size(text) <= SHORT_LINE
        ]
        self.labels = [text for text, n in zip(lines, count, strict=True) if n <= 3 and len(text) > 2] or lines
        self.titles = [text for text, n in zip(lines, count, strict=True) if 5 <= n <= 14 and "\t" not in text]
        self.titles += [other.title for other, _ in donors if 5 <= _size(other.title) <= 14]
        self.titles = list(dict.fromkeys(self.titles))
        self.prose = [text for text, n in zip(lines, count, strict=True) if n >= 15]
        self.rng = rng
        self.phrases = phrases(language or "en")

    def label(self, *classes: str, own: float = OWN_LABEL, cut: float = 0.0) -> str:
        """A short line of the donors, or a cue phrase of one of some classes, in lower, mixed or upper case.

        ``own`` is the share of the first, ``cut`` the share of phrases of which only the first word is taken.
        """
        rng = self.rng
        pool = [phrase for name in classes for phrase in self.phrases[name]]
        if not pool or rng.random() < own:
            own_label = rng.choice(self.labels)
            return own_label.rstrip(":") or own_label  # a rule of colons stays what it is
        phrase = rng.choice(pool)
        if rng.random() < cut:
            phrase = phrase.split(" ")[0]
        way = rng.random()
        return phrase[0].upper() + phrase[1:] if way < 0.5 else phrase.title() if way < 0.8 else phrase.upper()

    def piece(self) -> list[str]:
        """What stands between two paragraphs: a label, a headline in one of its dresses, a notice, a short run."""
        rng = self.rng
        way = rng.random()
        if way < 0.3 or not self.titles:
            return [self.label("ad", "share", "related", "subscribe", "comment")]
        title = rng.choice(self.titles)
        if way < 0.4:
            return [title.upper()]
        if way < 0.78:
            # "More:" and "Also:" are in no list: too short to be a cue, but plain as a lead.
            label = self.label("related", own=0.15, cut=0.25)
            address = f"https://www.example.com/{rng.randint(1, 10**6)}"
            pointer = rng.choice(_POINTERS).format(label=label, title=title, other=rng.choice(self.titles), url=address)
            return (pointer.upper() if rng.random() < 0.2 else pointer).split("\n")
        if way < 0.85 and self.prose:
            return [rng.choice(self.prose)]
        run = rng.choice(self.runs)
        return run[: rng.randint(1, 3)]

    def insert(self, body: list[str]) -> None:
        """Put a list, a table or a heading of another page's main content into a story: it is content there as well."""
        rng = self.rng
        at = rng.randint(1, len(body) - 1)
        if self.lists and rng.random() < 0.7:
            run = rng.choice(self.lists)
            start = rng.randrange(len(run) - 1)
            between = rng.choice(("\t", "\n", "\n", "  ", " "))  # the cells of a row, if it is a table
            body[at:at] = "\n".join(run[start : start + rng.randint(2, 12)]).replace("\t", between).split("\n")
        elif self.headings:
            body.insert(at, rng.choice(self.headings))

    def tail(self, url: str | None) -> list[str]:
        """What stands below the last paragraph: a run of junk, a list of titles, a notice, the page's address."""
        rng = self.rng
        way = rng.random()
        if way < 0.35 or not self.titles:
            run = rng.choice(self.runs)
            start = rng.randrange(len(run))
            return run[start : start + rng.randint(1, 60)]
        if way < 0.7:
            return self._list()
        if way < 0.75 and self.prose:
            return [rng.choice(self.prose)]
        if way < 0.85:
            return [self.label("nav", "legal", "share", "subscribe") for _ in range(rng.randint(2, 12))]
        label = self.label("original")
        address = url or f"https://{label.split()[0].lower()}.example/{rng.randint(1, 10**6)}"
        return rng.choice(([f"{label}: {address}"], [label, address], [f"{label}:", address], [address]))

    def byline(self) -> list[str]:
        """What stands between a headline and its story: who, where from, when."""
        rng = self.rng
        out = []
        for _ in range(rng.randint(1, 3)):
            clock, day = self._moment()
            dress = rng.choice(("{0}: {1}", "{0} {1}", "{0}: {1} / {2}", "{0} {1}, {2}", "{1}", "{1} {2}", "{0}"))
            out.append(dress.format(self.label("byline"), day, clock))
        return out

    def _moment(self) -> tuple[str, str]:
        """A time, which may be a duration, and a date."""
        rng = self.rng
        order = rng.choice(("{0}-{1:02}-{2:02}", "{2:02}.{1:02}.{0}", "{1}/{2}/{0}"))
        day = order.format(rng.randint(2003, 2025), rng.randint(1, 12), rng.randint(1, 28))
        return f"{rng.randint(0, 23)}:{rng.randint(0, 59):02}", day

    def _list(self) -> list[str]:
        """A label and titles below it, each with its duration, its date, its number or a frame of words."""
        rng = self.rng
        out = [self.label("related") + rng.choice(("", "", ":"))]
        head, foot = self.label("related", "byline"), self.label("related", "comment")
        plain = ("{1}", "{1}", "{1}", "{1}\n{4}", "{4}\n{1}", "{4} {1}", "{5}\n{1}", "{1}\n{5}", "{5} {1}", "{3}. {1}")
        dress = rng.choice((*plain, '{0} "{1}"\n{1}\n{2}', "{1}\n{2}", "{0}\n{1}", "{0}: {1}\n{1}"))
        upper = rng.random() < 0.1
        titles = rng.sample(self.titles, min(rng.choice((3, 6, 12, 25, 60)), len(self.titles)))
        for number, title in enumerate(titles, 1):
            out += dress.format(head, title.upper() if upper else title, foot, number, *self._moment()).split("\n")
        return out


def transplant(
    lines: Lines,
    main: Labels,
    donors: Sequence[tuple[Lines, Labels]],
    rng: random.Random,
    url: str | None = None,
    most: int | None = None,
    language: str | None = None,
) -> tuple[str, str]:
    """The main content of one page with junk of others between its lines, above it and in a tail below it.

    Gives the page and its main content, of which ``most`` takes only the first lines: junk may be longer than a story.

    The junk is the donors' own, partly in the dress that old scrapes give it: a headline in capitals or behind a
    label, a list of titles with a frame around each, the page's address, one label between many of the paragraphs.
    Labels are theirs, or cue phrases of the ``language``. A caption may stand twice. The story may have lists and
    headings of the donors' own main content put into it, which are content: not all that is short and stands among
    paragraphs is junk.
    """
    junk = _Junk(donors, rng, language)
    inside = np.flatnonzero(main)[:most]
    body = [lines.texts[i] for i in inside]
    if not body or not junk.runs:
        return _lay_out(body, rng), "\n".join(body)
    if rng.random() < 0.5:
        # Capitals alone are no sign of junk: headings have them too.
        body = [text.upper() if lines.tags[i] in _HEADINGS else text for i, text in zip(inside, body, strict=True)]
    if len(body) > 2 and rng.random() < INSERTS:
        for _ in range(rng.choice((1, 1, 2))):
            junk.insert(body)
    gold = "\n".join(body)
    out: list[str] = []
    # A third of the pages were cleaned before: what is left is little, and nothing says that there is more.
    light = rng.random() < 0.35
    for _ in range(0 if light else rng.randint(0, 2)):
        out += rng.choice(junk.runs)[-rng.choice((1, 2, 4, 25)) :]
    out += junk.byline() if rng.random() < 0.3 else []
    rate = rng.choice((0.0, 0.05, 0.1, 0.2)) if light else rng.choice((0.0, 0.05, 0.1, 0.2, 0.35))
    short = [i for i, text in enumerate(body[:12]) if 5 <= _size(text) <= 40]
    twice = rng.choice(short) if short and rng.random() < 0.4 else -1
    slot: list[str] = []
    if rng.random() < SLOTS:
        slot, rate = [junk.label("ad", "ad", "share", "related", "subscribe")], rng.choice((0.3, 0.6, 1.0))
    for i, text in enumerate(body):
        if i and rng.random() < rate:
            out += slot or junk.piece()
        out += [text, text] if i == twice else [text]
    if light:
        out += junk.piece() if rng.random() < 0.5 else []
    else:
        for _ in range(rng.choice((0, 1, 1, 2, 3))):
            out += junk.tail(url)
    return _lay_out(out, rng), gold


def rendered(
    item: LabelledPage,
    name: str,
    lines: Lines,
    main: Labels,
    donors: Sequence[tuple[Lines, Labels]],
    rng: random.Random,
) -> LabelledPage:
    """A labelled HTML page as one of `RENDERINGS`, `CONVERSIONS` or `COMPOSED`, with the same gold.

    ``lines`` are the page's, cut with their links, ``main`` tells which are main content; ``donors`` give the junk
    of a transplant. A "short transplant" and its gold have the first lines of the main content only.
    """
    gold = item.gold
    if name in COMPOSED:
        # Golds disagree about these. A composed page has only the pointers that are put into it, and they are junk.
        main = main & ~_pointers(lines.texts, item.language)
        wanted = gold.splitlines()
        keep = ~_pointers(wanted, item.language)
        gold = "\n".join(line for line, kept in zip(wanted, keep.tolist(), strict=True) if kept)
    if name in RENDERINGS:
        text = RENDERINGS[name](lines, rng)
    elif name in CONVERSIONS:
        text = CONVERSIONS[name](item.page.content, rng, item.page.url)
    elif name == "partly cleaned":
        text = partly_cleaned(lines, main, rng)
    elif name == "transplant":
        text, _ = transplant(lines, main, donors, rng, item.page.url, language=item.language)
    elif name == "short transplant":
        text, gold = transplant(lines, main, donors, rng, item.page.url, rng.randint(2, 10), item.language)
    else:
        text = clean_article(gold, rng)
    page = Page(text, Kind.TEXT, url=item.page.url, id=item.page.id, markdown=detect_kind(text)[1])
    return replace(item, page=page, gold=gold)
