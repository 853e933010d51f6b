"""The extractors that take HTML, each in a process of its own, so that none can hang or end the run.

Every one gets the decoded page and may give text in any layout: blocks and inline elements must only be told apart,
so that words are neither glued nor torn. Settings are each package's defaults but for what only decorates the text
(bullets, alternative texts). jusText and newspaper4k are told the page's language where the data set gives it.
"""

from __future__ import annotations

import logging
import multiprocessing
import re
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from cleaner.evaluation import PageScore, Report, score_page
from cleaner.labelled import LabelledPage

__all__ = ["HTML_PEERS", "Answers", "Peer", "run_peers", "with_peers"]

# (page, language or None) to text
Peer = Callable[[str, "str | None"], str]
# What makes a peer: called in its own process, imports included, so that it must be a module's own function.
Load = Callable[[], Peer]

CPU_LIMIT = 30.0  # seconds a page, where ordinary pages take a tenth of one
WALL_LIMIT = 10 * CPU_LIMIT  # for a peer that sleeps; generous, since the machine may be shared
# It says how bytes became the characters that the peers are given; lxml refuses text that still has it.
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")

# newspaper4k asks for an address; it must not go out for images.
_NOWHERE = "https://example.org/"

_STOPLISTS = {
    "af": "Afrikaans", "sq": "Albanian", "ar": "Arabic", "hy": "Armenian", "az": "Azerbaijani", "eu": "Basque",
    "be": "Belarusian", "bn": "Bengali", "bs": "Bosnian", "bg": "Bulgarian", "ca": "Catalan", "hr": "Croatian",
    "cs": "Czech", "da": "Danish", "nl": "Dutch", "en": "English", "et": "Estonian", "fi": "Finnish", "fr": "French",
    "gl": "Galician", "ka": "Georgian", "de": "German", "el": "Greek", "gu": "Gujarati", "he": "Hebrew", "hi": "Hindi",
    "hu": "Hungarian", "is": "Icelandic", "id": "Indonesian", "ga": "Irish", "it": "Italian", "kn": "Kannada",
    "kk": "Kazakh", "ko": "Korean", "lv": "Latvian", "lt": "Lithuanian", "mk": "Macedonian", "ms": "Malay",
    "ml": "Malayalam", "mr": "Marathi", "ne": "Nepali", "no": "Norwegian_Bokmal", "nb": "Norwegian_Bokmal",
    "nn": "Norwegian_Nynorsk", "fa": "Persian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian",
    "sr": "Serbian", "sk": "Slovak", "sl": "Slovenian", "es": "Spanish", "sw": "Swahili", "sv": "Swedish",
    "ta": "Tamil", "te": "Telugu", "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese", "cy": "Welsh",
}  # fmt: skip


def _trafilatura(**options: Any) -> Peer:
    import trafilatura

    return lambda html, language: trafilatura.extract(html, **options) or ""


def _readability() -> Peer:
    from readability import Document

    from cleaner.page import Kind, Page
    from cleaner.segmentation import segment

    def extract(html: str, language: str | None) -> str:
        fragment = Document(html).summary(html_partial=True)
        # It gives HTML: blocks become lines, inline elements stay inside them.
        return "\n".join(segment(Page(fragment, Kind.HTML)).texts)

    return extract


def _resiliparse() -> Peer:
    from resiliparse.extract.html2text import extract_plain_text

    return lambda html, language: extract_plain_text(html, main_content=True, alt_texts=False, list_bullets=False)


def _justext() -> Peer:
    import justext

    lists = {code: justext.get_stoplist(name) for code, name in _STOPLISTS.items()}

    def extract(html: str, language: str | None) -> str:
        known = lists.get(language or "en")
        # Without a stop list its documentation asks for thresholds of 0, which makes it independent of language.
        options = {} if known else {"stopwords_low": 0.0, "stopwords_high": 0.0}
        paragraphs = justext.justext(html, known or frozenset(), **options)
        return "\n".join(paragraph.text for paragraph in paragraphs if not paragraph.is_boilerplate)

    return extract


def _boilerpy3() -> Peer:
    from boilerpy3.extractors import ArticleExtractor

    extractor = ArticleExtractor(raise_on_failure=False)  # it recovers from bad nesting instead of giving up
    return lambda html, language: str(extractor.get_content(html))


def _newspaper() -> Peer:
    import warnings

    warnings.simplefilter("ignore")  # that its optional language tools are not there
    from newspaper import Article

    def parse(html: str, language: str | None) -> str:
        article = Article(_NOWHERE, fetch_images=False, language=language)
        article.download(input_html=html)
        article.parse()
        return str(article.text)

    def extract(html: str, language: str | None) -> str:
        try:
            return parse(html, language)
        except Exception:  # a language that it does not know, or knows only with a further package
            return parse(html, "en")

    return extract


HTML_PEERS: dict[str, Load] = {
    "trafilatura": _trafilatura,
    "trafilatura fast": partial(_trafilatura, fast=True),
    "trafilatura precision": partial(_trafilatura, favor_precision=True),
    "trafilatura recall": partial(_trafilatura, favor_recall=True),
    "readability-lxml": _readability,
    "resiliparse": _resiliparse,
    "jusText": _justext,
    "boilerpy3": _boilerpy3,
    "newspaper4k": _newspaper,
}


@dataclass
class Answers:
    """What a peer gave for each page: its text, ``None`` where it failed; why; and its CPU seconds over all pages."""

    texts: list[str | None] = field(default_factory=list)
    errors: dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0


def _serve(connection: Connection, load: Load, limit: float) -> None:
    """The peer's process: pages in, ``(text, CPU seconds, error)`` out."""
    extract = load()
    logging.disable(logging.CRITICAL)  # some tell about every page; what they raise is counted
    connection.send("ready")
    while (task := connection.recv()) is not None:
        # Counts CPU of this process, and its signal ends the process even inside a C library that never returns.
        signal.setitimer(signal.ITIMER_PROF, limit)
        start = time.process_time()
        text, error = "", ""
        try:
            text = extract(*task)
        except Exception as problem:  # whatever a peer raises is its result for this page, and is counted
            error = f"{type(problem).__name__}: {problem}"[:200]
        spent = time.process_time() - start
        signal.setitimer(signal.ITIMER_PROF, 0)
        connection.send((text, spent, error))


class _Process:
    """A peer's process, started again after each page that ended it."""

    def __init__(self, load: Load, cpu_limit: float, wall_limit: float) -> None:
        self.load, self.cpu_limit, self.wall_limit = load, cpu_limit, wall_limit
        self.process: Any = None

    def start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, self.load, self.cpu_limit), daemon=True)
        self.process.start()
        theirs.close()
        try:
            self.connection.recv()
        except EOFError:
            self.process.join()
            self.process = None
            raise RuntimeError(f"{self.load}: did not start; the peers need the 'bench' extra") from None

    def ask(self, html: str, language: str | None) -> tuple[str | None, float, str]:
        """The text (None where the peer failed), its CPU seconds, and why it failed."""
        if self.process is None:
            self.start()
        try:
            self.connection.send((html, language))
            if self.connection.poll(self.wall_limit):
                text, spent, error = self.connection.recv()
                return (None if error else text), spent, error
            self.process.kill()
            self.stop()
            return None, self.cpu_limit, f"no answer in {self.wall_limit:g} s"
        except (EOFError, BrokenPipeError, ConnectionResetError):
            self.process.join()
            slow = self.process.exitcode == -signal.SIGPROF
            reason = f"over {self.cpu_limit:g} s of CPU" if slow else f"crashed, exit code {self.process.exitcode}"
            self.stop()
            return None, self.cpu_limit if slow else 0.0, reason

    def stop(self) -> None:
        if self.process is not None:
            if self.process.is_alive():
                self.connection.send(None)
            self.process.join()
            self.connection.close()
            self.process = None


def run_peer(
    items: Sequence[LabelledPage],
    load: Load,
    *,
    cpu_limit: float = CPU_LIMIT,
    wall_limit: float = WALL_LIMIT,
    progress: Callable[[int], None] | None = None,
) -> Answers:
    """One peer's answers to all pages. An error, a crash or a page over the limit is a failure, and the run goes on."""
    answers = Answers()
    process = _Process(load, cpu_limit, wall_limit)
    try:
        for number, item in enumerate(items):
            if progress and number % 20 == 0:
                progress(number)
            text, spent, error = process.ask(_DECLARATION.sub("", item.page.content), item.language)
            answers.texts.append(text)
            answers.seconds += spent
            if error:
                answers.errors[number] = error
    finally:
        process.stop()
    return answers


def run_peers(
    items: Sequence[LabelledPage],
    peers: Mapping[str, Load],
    *,
    jobs: int = 1,
    progress: Callable[[str], None] | None = None,
    **limits: float,
) -> dict[str, Answers]:
    """The answers of several peers, ``jobs`` of them at a time; CPU is that of each peer's own process."""

    def one(name: str) -> Answers:
        shown = (lambda number: progress(f"{name}: {number} of {len(items)}")) if progress else None
        return run_peer(items, peers[name], progress=shown, **limits)

    with ThreadPoolExecutor(max(jobs, 1)) as pool:
        return dict(zip(peers, pool.map(one, peers), strict=True))


def with_peers(report: Report, items: Sequence[LabelledPage], answers: Mapping[str, Answers]) -> Report:
    """A report with the peers' scores added; a page on which a peer failed counts as empty output."""
    scores: dict[str, Sequence[PageScore]] = dict(report.scores)
    seconds = dict(report.seconds)
    for name, given in answers.items():
        scores[name] = [
            score_page(item, text or "", failed=text is None) for item, text in zip(items, given.texts, strict=True)
        ]
        seconds[name] = given.seconds
    return Report(scores, seconds, report.bootstrap, report.seed)
