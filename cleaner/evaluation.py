"""How good a cleaned text is: word F1 and shingle F1 against gold texts, with confidence intervals.

Word F1: words are runs of ``\\w``, lower case, one a character in scripts without spaces; the overlap of kept and
gold words as multisets, F1 a page, then the mean over pages. Two empty sides count 1. Shingle F1: runs of four words
as multisets, mean precision over pages with output, mean recall over pages with gold, and the F1 of the two means
(as in the public article-extraction-benchmark).
"""

from __future__ import annotations

import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from cleaner.errors import CleanerError
from cleaner.labelled import LabelledPage
from cleaner.page import Kind
from cleaner.pipeline import Cleaner

__all__ = [
    "PageScore", "Report", "check_picture", "confidence_bands", "evaluate", "rank_correlation", "score_page",
    "summarize", "word_scores", "words_of",
]  # fmt: skip

_LONE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_WORD = re.compile(rf"[{_LONE}]|[^\W{_LONE}]+")
SHINGLE = 4


def words_of(text: str) -> list[str]:
    """The words that the measures count."""
    return _WORD.findall(text.lower())


def _f1(overlap: float, ours: float, theirs: float) -> tuple[float, float, float]:
    if not ours and not theirs:
        return 1.0, 1.0, 1.0
    precision = overlap / ours if ours else 0.0
    recall = overlap / theirs if theirs else 0.0
    both = precision + recall
    return (2 * precision * recall / both if both else 0.0), precision, recall


def word_scores(text: str, gold: str) -> tuple[float, float, float]:
    """Word F1, precision and recall of one page, each 0..1."""
    ours, theirs = Counter(words_of(text)), Counter(words_of(gold))
    return _f1((ours & theirs).total(), ours.total(), theirs.total())


def _shingles(words: Sequence[str]) -> Counter[tuple[str, ...]]:
    if len(words) < SHINGLE:
        return Counter([tuple(words)] if words else [])
    return Counter(zip(*(words[i:] for i in range(SHINGLE)), strict=False))


@dataclass(frozen=True, slots=True)
class PageScore:
    """The measures of one cleaned page; ``shingle_precision`` is None without output, the recall without gold.

    ``exact`` tells that the words are the gold's, in its order; ``failed`` that the cleaner gave an error or no answer
    in time, which counts as empty output.
    """

    page: str
    host: str
    groups: Mapping[str, str]
    f1: float
    precision: float
    recall: float
    shingle_precision: float | None
    shingle_recall: float | None
    confidence: float | None = None
    empty: bool = False
    exact: bool = False
    failed: bool = False


def score_page(item: LabelledPage, text: str, confidence: float | None = None, *, failed: bool = False) -> PageScore:
    """Score one page's text against its gold; lines that are optional there count for nothing."""
    if item.optional:
        optional = {line.strip() for line in item.optional.splitlines()}
        text = "\n".join(line for line in text.splitlines() if line.strip() not in optional)
    f1, precision, recall = word_scores(text, item.gold)
    words, wanted = words_of(text), words_of(item.gold)
    ours, theirs = _shingles(words), _shingles(wanted)
    overlap = (ours & theirs).total()
    groups = {"kind": str(item.page.kind), "site": item.host}
    for name in ("language", "page_type", "dataset"):
        value = getattr(item, name)
        if value:
            groups[name] = value
    return PageScore(
        page=item.page.id or item.page.url or "",
        host=item.host,
        groups=groups,
        f1=f1,
        precision=precision,
        recall=recall,
        shingle_precision=overlap / ours.total() if ours else None,
        shingle_recall=overlap / theirs.total() if theirs else None,
        confidence=confidence,
        empty=not ours,
        exact=words == wanted,
        failed=failed,
    )


@dataclass(frozen=True, slots=True)
class Summary:
    """Means over pages; ``low`` and ``high`` bound word F1 with 95 % confidence (bootstrap over hosts).

    ``exact`` is the share of exact matches; ``empty`` and ``failed`` count pages.
    """

    pages: int
    f1: float
    low: float
    high: float
    precision: float
    recall: float
    shingle_f1: float
    exact: float
    empty: int
    failed: int

    def as_dict(self) -> dict[str, float]:
        return {name: round(float(getattr(self, name)), 4) for name in self.__slots__}


def _mean(values: Iterable[float | None]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else 0.0


def summarize(scores: Sequence[PageScore], *, bootstrap: int = 1000, seed: int = 0) -> Summary:
    """Means and a bootstrap interval; hosts are drawn, not pages, since pages of a host are alike."""
    by_host: dict[str, list[float]] = defaultdict(list)
    for score in scores:
        by_host[score.host].append(score.f1)
    sums = np.array([sum(values) for values in by_host.values()])
    sizes = np.array([len(values) for values in by_host.values()])
    rng = np.random.default_rng(seed)
    low = high = _mean(score.f1 for score in scores)
    if bootstrap and len(sums) > 1:
        drawn = rng.integers(0, len(sums), size=(bootstrap, len(sums)))
        means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
        low, high = np.quantile(means, [0.025, 0.975])
    precision = _mean(score.shingle_precision for score in scores)
    recall = _mean(score.shingle_recall for score in scores)
    return Summary(
        pages=len(scores),
        f1=_mean(score.f1 for score in scores),
        low=float(low),
        high=float(high),
        precision=_mean(score.precision for score in scores),
        recall=_mean(score.recall for score in scores),
        shingle_f1=2 * precision * recall / (precision + recall) if precision + recall else 0.0,
        exact=_mean(float(score.exact) for score in scores),
        empty=sum(score.empty for score in scores),
        failed=sum(score.failed for score in scores),
    )


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> float:
    """Spearman's rank correlation; 0 where one side does not vary."""
    if len(a) < 2:
        return 0.0
    from scipy.stats import rankdata

    x, y = rankdata(a), rankdata(b)
    if x.std() == 0 or y.std() == 0:
        return 0.0
    return float(np.corrcoef(x, y)[0, 1])


def confidence_bands(scores: Sequence[PageScore]) -> list[tuple[float, int, float]]:
    """What the confidence is worth: for each tenth its lower end, its pages and their mean word F1."""
    bands: dict[int, list[float]] = defaultdict(list)
    for score in scores:
        if score.confidence is not None:
            bands[min(int(score.confidence * 10), 9)].append(score.f1)
    return [(band / 10, len(values), sum(values) / len(values)) for band, values in sorted(bands.items())]


@dataclass(frozen=True)
class Report:
    """The scores of each cleaner on the same pages; ``seconds`` is CPU time of one process over all of them."""

    scores: Mapping[str, Sequence[PageScore]]
    seconds: Mapping[str, float]
    bootstrap: int = 1000
    seed: int = 0

    @cached_property
    def summaries(self) -> dict[str, Summary]:
        """One summary a cleaner, over all pages."""
        return {name: summarize(rows, bootstrap=self.bootstrap, seed=self.seed) for name, rows in self.scores.items()}

    def grouped(self, by: str) -> dict[str, dict[str, Summary]]:
        """Summaries by ``kind``, ``site``, ``language``, ``page_type`` or ``dataset``: group, then cleaner."""
        out: dict[str, dict[str, Summary]] = {}
        for name, rows in self.scores.items():
            groups: dict[str, list[PageScore]] = defaultdict(list)
            for row in rows:
                groups[row.groups.get(by, "?")].append(row)
            for group in sorted(groups):
                out.setdefault(group, {})[name] = summarize(groups[group], bootstrap=self.bootstrap, seed=self.seed)
        return out

    @property
    def _first(self) -> Sequence[PageScore]:
        return next(iter(self.scores.values()))

    def correlation(self) -> float:
        """Rank correlation of the cleaner's confidence with its true word F1."""
        rows = [row for row in self._first if row.confidence is not None]
        return rank_correlation([row.confidence or 0.0 for row in rows], [row.f1 for row in rows])

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return {
            "overall": {
                name: {
                    **summary.as_dict(),
                    **({"cpu_seconds": round(self.seconds[name], 3)} if name in self.seconds else {}),
                }
                for name, summary in self.summaries.items()
            },
            "confidence_rank_correlation": round(self.correlation(), 4),
            "confidence_bands": [
                {"from": low, "pages": pages, "f1": round(f1, 4)} for low, pages, f1 in confidence_bands(self._first)
            ],
            **{
                f"by_{by}": {
                    group: {name: summary.as_dict() for name, summary in row.items()}
                    for group, row in self.grouped(by).items()
                }
                for by in ("kind", "dataset", "page_type", "language", "site")
            },
        }

    def as_text(self) -> str:
        """A table for people: overall, then by kind, page type, language and site."""
        lines = [
            f"{'':28} {'pages':>5}  {'word F1 (95 %)':<22} {'prec.':>6} {'recall':>6} {'shingle':>7} {'ms/page':>8}"
        ]
        for name, summary in self.summaries.items():
            ms = 1000 * self.seconds[name] / max(summary.pages, 1)
            lines.append(f"{name:28} {summary.pages:5}  {_row(summary)} {ms:8.1f}")
        names = list(self.scores)
        for by in ("kind", "page_type", "language", "site"):
            groups = self.grouped(by)
            if set(groups) - {"?"}:
                lines += ["", f"by {by.replace('_', ' ')}, word F1: " + " | ".join(names)]
                for group, row in groups.items():
                    values = "  ".join(f"{row[name].f1:.3f}" if name in row else "  -  " for name in names)
                    lines.append(f"  {group:40} {max(s.pages for s in row.values()):5}  {values}")
        lines += ["", f"confidence against word F1, rank correlation: {self.correlation():.3f}"]
        lines += [
            f"  confidence {low:.1f}-{low + 0.1:.1f} {pages:5} pages, word F1 {f1:.3f}"
            for low, pages, f1 in confidence_bands(self._first)
        ]
        return "\n".join(lines)

    def plot(self, path: Path | str) -> None:
        """Draw the distribution of word F1 over pages, one curve a cleaner (needs the ``plot`` extra)."""
        check_picture(path)
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7, 4), layout="constrained")
        axes = figure.subplots()
        for name, rows in self.scores.items():
            values = np.sort([row.f1 for row in rows])
            axes.plot(np.linspace(0, 100, len(values)), values, label=f"{name} ({self.summaries[name].f1:.3f})")
        axes.set(xlabel="pages, worst first (%)", ylabel="word F1", ylim=(0, 1.01), xlim=(0, 100))
        axes.grid(alpha=0.3)
        axes.legend(loc="lower right")
        figure.savefig(path, dpi=120)


def check_picture(path: Path | str) -> None:
    """Raise `CleanerError` where a picture cannot be drawn: without the ``plot`` extra, or by an unknown ending."""
    try:
        from matplotlib.backend_bases import FigureCanvasBase
    except ImportError:
        raise CleanerError("a plot needs matplotlib: pip install 'cleaner[plot]'") from None
    known = FigureCanvasBase.get_supported_filetypes()
    if Path(path).suffix.lower().removeprefix(".") not in known:
        raise CleanerError(f"{path}: no picture by its ending; one of .png, .svg, .pdf is")


def _row(summary: Summary) -> str:
    interval = f"{summary.f1:.4f} ({summary.low:.3f}-{summary.high:.3f})"
    return f"{interval:<22} {summary.precision:6.3f} {summary.recall:6.3f} {summary.shingle_f1:7.3f}"


def trafilatura_text(html: str) -> str:
    """What trafilatura (default settings) takes for the main content; empty where it finds none."""
    import trafilatura

    return trafilatura.extract(html) or ""


def evaluate(
    pages: Sequence[LabelledPage],
    cleaner: Cleaner,
    *,
    peers: bool = True,
    bootstrap: int = 1000,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Report:
    """Score ``cleaner`` on labelled pages, with ``peers`` beside trafilatura (HTML) and keep-all on the same pages."""
    scores: dict[str, list[PageScore]] = {"cleaner": []}
    seconds: dict[str, float] = defaultdict(float)
    start = time.process_time()
    cleaned = list(cleaner.clean_many(item.page for item in pages))
    seconds["cleaner"] = time.process_time() - start
    scores["cleaner"] = [
        score_page(item, page.text, page.confidence) for item, page in zip(pages, cleaned, strict=True)
    ]
    if peers:
        kept_all = "keep all lines"
        scores[kept_all] = [
            score_page(item, "\n".join(page.segmented.texts)) for item, page in zip(pages, cleaned, strict=True)
        ]
        seconds[kept_all] = 0.0
        rows = []
        for number, item in enumerate(pages):
            if item.page.kind is not Kind.HTML:
                continue
            if progress and number % 50 == 0:
                progress(f"trafilatura: {number} of {len(pages)} pages")
            start = time.process_time()
            text = trafilatura_text(item.page.content)
            seconds["trafilatura"] += time.process_time() - start
            rows.append(score_page(item, text))
        if rows:
            scores["trafilatura"] = rows
    return Report(scores, dict(seconds), bootstrap, seed)
