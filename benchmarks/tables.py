"""Scores and losses as Markdown."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from losses import KEPT, LOST, Wrong

from cleaner.evaluation import PageScore, Report, Summary, confidence_bands


def report_table(report: Report, by: Iterable[str]) -> str:
    """A report as Markdown: overall, then word F1 and shingle F1 for each grouping that the pages have."""
    out = [
        "| | pages | word F1 (95 %) | precision | recall | shingle F1 | exact | empty | failed | CPU ms/page |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, s in report.summaries.items():
        ms = f"{1000 * report.seconds[name] / max(s.pages, 1):.1f}" if name in report.seconds else ""
        out.append(
            f"| {name} | {s.pages} | {s.f1:.4f} ({s.low:.3f}-{s.high:.3f}) | {s.precision:.3f} | {s.recall:.3f} "
            f"| {s.shingle_f1:.4f} | {s.exact:.3f} | {s.empty} | {s.failed} | {ms} |"
        )
    for name in by:
        groups = report.grouped(name)
        if set(groups) - {"?"}:
            out += _grouped(report, groups, name, "f1", "word F1")
            out += _grouped(report, groups, name, "shingle_f1", "shingle F1")
    return "\n".join(out)


def _grouped(report: Report, groups: dict[str, dict[str, Summary]], by: str, field: str, label: str) -> list[str]:
    """The best of each row in bold, where there is a choice."""
    out = [
        "",
        f"| {label} by {by.replace('_', ' ')} | pages | " + " | ".join(report.scores) + " |",
        "|---|" + "---|" * (1 + len(report.scores)),
    ]
    for group, row in groups.items():
        values = {name: round(getattr(summary, field), 4) for name, summary in row.items()}
        best = max(values.values()) if len(report.scores) > 1 else None
        cells = [
            "" if name not in values else f"**{values[name]:.4f}**" if values[name] == best else f"{values[name]:.4f}"
            for name in report.scores
        ]
        out.append(f"| {group} | {max(s.pages for s in row.values())} | {' | '.join(cells)} |")
    return out


def calibration_table(rows: Sequence[PageScore]) -> str:
    """Bands of confidence with the mean true word F1 of their pages."""
    cells = [f"| {low:.1f}-{low + 0.1:.1f} | {pages} | {f1:.3f} |" for low, pages, f1 in confidence_bands(rows)]
    return "\n".join(["| confidence | pages | true word F1 |", "|---|---|---|", *cells])


def class_table(pages: Sequence[tuple[PageScore, Sequence[Wrong]]], by: str | None = None, top: int = 0) -> str:
    """Classes by their share of the total loss, as Markdown; with ``by``, F1 points a page in each of its groups.

    A point is 0.01 of word F1. ``top`` keeps that many classes.
    """
    loss: dict[tuple[str, str], float] = defaultdict(float)
    lines: Counter[tuple[str, str]] = Counter()
    touched: dict[tuple[str, str], set[int]] = defaultdict(set)
    grouped: dict[tuple[str, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    sizes: Counter[str] = Counter()
    for number, (score, wrongs) in enumerate(pages):
        group = score.groups.get(by, "?") if by else ""
        sizes[group] += 1
        for wrong in wrongs:
            key = wrong.side, wrong.kind
            loss[key] += wrong.loss
            lines[key] += 1
            touched[key].add(number)
            grouped[key][group] += wrong.loss
    total = max(sum(loss.values()), 1e-9)
    order = sorted(loss, key=lambda key: -loss[key])[: top or None]
    if by:
        names = sorted(sizes, key=lambda name: -sizes[name])
        out = [
            f"| F1 points lost a page, by {by.replace('_', ' ')} | "
            + " | ".join(f"{name} ({sizes[name]})" for name in names)
            + " |",
            "|---|" + "---|" * len(names),
        ]  # fmt: skip
        sums = {name: sum(grouped[key][name] for key in loss) for name in names}
        out.append("| all | " + " | ".join(f"{100 * sums[n] / sizes[n]:.2f}" for n in names) + " |")
        for key in order:
            cells = " | ".join(f"{100 * grouped[key][n] / sizes[n]:.2f}" for n in names)
            out.append(f"| {key[0]}: {key[1]} | {cells} |")
        return "\n".join(out)
    out = ["| class of error | share of the loss | F1 points a page | pages | lines |", "|---|---|---|---|---|"]
    for side in (KEPT, LOST):
        part = sum(value for key, value in loss.items() if key[0] == side)
        count = sum(value for key, value in lines.items() if key[0] == side)
        name = "all kept wrongly" if side == KEPT else "all lost"
        out.append(f"| {name} | {part / total:.1%} | {100 * part / max(len(pages), 1):.2f} | | {count} |")
    for key in order:
        points = 100 * loss[key] / max(len(pages), 1)
        out.append(
            f"| {key[0]}: {key[1]} | {loss[key] / total:.1%} | {points:.2f} | {len(touched[key])} | {lines[key]} |"
        )
    return "\n".join(out)


def examples(pages: Sequence[tuple[PageScore, Sequence[Wrong]]], top: int, count: int) -> str:
    """For each of the ``top`` classes the ``count`` pages that lose most by it, with their longest lines."""
    found: dict[tuple[str, str], list[tuple[float, PageScore, list[Wrong]]]] = defaultdict(list)
    for score, wrongs in pages:
        of_page: dict[tuple[str, str], list[Wrong]] = defaultdict(list)
        for wrong in wrongs:
            of_page[wrong.side, wrong.kind].append(wrong)
        for key, rows in of_page.items():
            found[key].append((sum(row.loss for row in rows), score, rows))
    out: list[str] = []
    for key in sorted(found, key=lambda key: -sum(loss for loss, _, _ in found[key]))[:top]:
        out.append(f"\n### {key[0]}: {key[1]}")
        for loss, score, rows in sorted(found[key], key=lambda row: -row[0])[:count]:
            where = f"{score.groups.get('dataset', '')} {score.page} {score.groups.get('page_type', '')}"
            out.append(f"- {where}: F1 {score.f1:.3f}, {100 * loss:.1f} points in {len(rows)} lines")
            for row in sorted(rows, key=lambda row: -row.loss)[:3]:
                out.append(f"    {row.probability:.2f} {row.tag:8} {row.text[:110]}")
    return "\n".join(out)


def page_listing(score: PageScore, wrongs: list[Wrong]) -> str:
    """A page's wrong lines in page order, with their part of the loss in F1 points; then gold that no line holds."""
    out = [
        f"   F1 {score.f1:.3f} precision {score.precision:.3f} recall {score.recall:.3f} "
        f"confidence {score.confidence or 0:.3f}"
    ]
    for wrong in sorted(wrongs, key=lambda w: (w.line is None, w.line or 0)):
        if wrong.loss >= 0.0005:
            mark = "?" if wrong.line is None else "+" if wrong.side == "kept" else "-"
            out.append(
                f"{mark} {100 * wrong.loss:5.2f} {wrong.probability:.2f} {wrong.tag:10} "
                f"[{wrong.kind}] {wrong.text[:120]}"
            )
    return "\n".join(out)
