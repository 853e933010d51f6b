"""Whether a line is about what the page's body is about: words that occur again nearby, in any language.

A teaser, a comment or the beginning of another story is as good prose as the body; what tells it apart is that it
shares few words with it. Lexical cohesion as Hearst (1997, "TextTiling: segmenting text into multi-paragraph subtopic
passages") uses it: two occurrences of a term in nearby lines tie those together, and a boundary between two lines
that few ties cross parts two subjects. Terms are words that are no stop words, cut to their first letters, so that
inflected names meet; where words are not parted by spaces, pairs of characters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from cleaner import tokens as tk
from cleaner.features.shapes import body, running_minimum
from cleaner.repetition import by_value, within_page

if TYPE_CHECKING:
    import numpy.typing as npt

    from cleaner.features.columns import Columns

__all__ = ["Cohesion", "cohesion"]

Array: TypeAlias = "npt.NDArray[np.float64]"
_REACH = 12  # lines between two occurrences that still tie them
_NEAR = 10
_LEAD = 3  # lines of prose that say what a story is about
_CORE = 0.25  # of the most ties that cross a boundary of the page: as many hold a line to its core


class Cohesion(NamedTuple):
    """Each an array with a number a line. Shares are of the line's different terms, the line itself left out.

    ``above_near``, ``below_near``, ``above``: those that occur within ten lines above or below, anywhere above;
    ``lead`` in the body's first lines of prose; ``core`` in the lines of the core. ``ties`` are the ties that cross
    the boundary above the line, as a share of the page's most; ``lowest`` is the least number of ties on the way from
    the line to the place of the most, as a log, and ``lowest_share`` as a share of the most; ``core_distance`` the
    signed log of the lines to that place.
    """

    above_near: Array
    below_near: Array
    above: Array
    lead: Array
    core: Array
    ties: Array
    lowest: Array
    lowest_share: Array
    core_distance: Array


def _terms(c: Columns) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """The different terms of each line, equal ones of a page side by side: their lines, and where a new term begins."""
    tokens = c.tokens
    line = c.line_of_word
    lone = tokens.initial == tk.LONE
    pair = np.zeros(len(lone), dtype=bool)
    pair[:-1] = lone[:-1] & lone[1:] & (line[:-1] == line[1:])
    pairs = np.flatnonzero(pair)
    keys = tokens.stems.copy()
    keys[pairs] = tk.mixed(tokens.hashes[pairs]) ^ tokens.hashes[pairs + 1]
    chosen = np.flatnonzero(pair | (~lone & (c.stop_rows < 0) & ~tokens.digits & (tokens.length >= 3)))
    line = line[chosen]
    order, fresh = by_value(within_page(tk.mixed(keys[chosen]), c.page_of[line]))
    line = line[order]
    once = fresh.copy()
    once[1:] |= line[1:] != line[:-1]
    return line[once], fresh[once]


def cohesion(c: Columns) -> Cohesion:
    """The cohesion of each line with its page; linear in the words but for one sort of them."""
    line, fresh = _terms(c)
    count = c.tally(line)
    term = np.cumsum(fresh) - 1

    def share(flags: npt.NDArray[np.bool_]) -> Array:
        out: Array = c.tally(line[flags]) / np.maximum(count, 1)
        return out

    def also_in(lines: npt.NDArray[np.bool_]) -> Array:
        """The share of terms that occur in some lines, other than the line itself."""
        inside = lines[line]
        total = np.bincount(term, weights=inside)
        return share(total[term] > inside) if len(term) else np.zeros(c.n)

    far = c.n + _REACH
    gap = np.where(fresh, far, np.diff(line, prepend=0))  # to the occurrence before
    on = np.append(gap, far)[1:]
    prose = (c.column("prose") > 0) & (c.kept("body", body)[0] > 0)
    rank = np.cumsum(prose)
    lead = prose & (rank - (rank - prose)[c.low] <= _LEAD)

    tied = gap <= _REACH
    steps = np.bincount(line[tied] - gap[tied] + 1, minlength=c.n + 1) - np.bincount(line[tied] + 1, minlength=c.n + 1)
    ties = np.cumsum(steps)[: c.n].astype(np.float64)
    most = np.maximum.reduceat(ties, c.start)[c.page_of]
    peak = np.minimum.reduceat(np.where(ties == most, c.row, c.n), c.start)[c.page_of]
    part = (c.row == c.low) | (c.row == peak)
    step = float(ties.max()) + 1
    upwards = running_minimum(np.append(ties[1:], 0.0)[::-1], np.append(part[1:], True)[::-1], step)[::-1]
    lowest = np.where(c.row >= peak, running_minimum(ties, part, step), upwards)
    away = c.row - peak
    return Cohesion(
        above_near=share(gap <= _NEAR),
        below_near=share(on <= _NEAR),
        above=share(gap < far),
        lead=also_in(lead),
        core=also_in(lowest >= _CORE * most),
        ties=ties / np.maximum(most, 1),
        lowest=np.log1p(lowest),
        lowest_share=lowest / np.maximum(most, 1),
        core_distance=np.sign(away) * np.log1p(np.abs(away)),
    )
