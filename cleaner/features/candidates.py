"""Which container holds the main content, and which hold others of its kind.

A second article or a comment below a story is as good prose as the story; what differs is the element it stands in.
Two views of that, without any page to learn from. The *candidate* is the element that scores most after Readability's
manner: every line of 25 characters scores for the elements around it, less for those further out. The *host* of a line
is the element in which it stands as a paragraph: the parent of its own element where the line's tag is a paragraph's,
a list item's or a heading's within the text, else its own element. Hosts that are alike (the same tags and classes from
the root down) are the posts of a thread or the entries of a list; a story's host has none like it, or the most of the
page's prose.

Source: Readability (Arc90, 2009 to 2010, Apache-2.0; Mozilla, 2011 on), from which the kinds of evidence and the sizes
of the weights are; what is counted differs (lines instead of elements, link density by words).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cleaner.features.columns import CLASS_WORDS, TAGS, Array, Columns, Index

if TYPE_CHECKING:
    import numpy.typing as npt


__all__ = ["Candidates", "candidates"]

MIN_CHARS = 25
LEVELS = 6  # the host and five elements around it
CLASS_WEIGHT = 25
_PARAGRAPHS = np.isin((*TAGS, ""), ("p", "pre", "td", "li", "oli", "blockquote", "dd", "h2", "h3", "h4"))
_TAG_WEIGHTS = {
    "div": 5, "pre": 3, "td": 3, "blockquote": 3, "address": -3, "form": -3, "li": -3, "dd": -3, "dt": -3,
    "h1": -5, "h2": -5, "h3": -5, "h4": -5, "h5": -5, "h6": -5, "th": -5,
}  # fmt: skip
_WEIGHT_OF_TAG = np.array([_TAG_WEIGHTS.get(tag, 0) for tag in (*TAGS, "")], dtype=np.float64)


def _groups(*names: str) -> int:
    return sum(1 << list(CLASS_WORDS).index(name) for name in names)


_FOR = _groups("content", "article")
_AGAINST = _groups("comment", "related", "side", "signup", "share", "frame", "ad")


class Candidates(NamedTuple):
    """One number a line, each of shape (n,).

    ``candidate_words_share`` is of the page's words; of the page's words in prose are ``best_host_share`` (the host
    with most), ``hosts_alike_share`` (all hosts like the line's) and ``best_hosts_share`` (the hosts alike that have
    most). ``score_against_best`` is the best score of the line's host, its parent and its grandparent, against the
    candidate's, within ±1; the other ``…_against_best`` are in words of prose. ``around_…`` is 0 within, else the
    signed logarithm of the lines to get there, as for hulls; the best hosts are one stretch, from the first to the
    last, of which there is none on a page without prose. Logarithms too: ``host_prose``, the lines of prose in the
    line's host, ``hosts_alike``, how many have prose, and ``hosts_alike_mean``, their words of prose on average.
    """

    in_candidate: Array
    around_candidate: Array
    candidate_words_share: Array
    score_against_best: Array
    around_host: Array
    best_host_share: Array
    host_against_best: Array
    host_prose: Array
    second_host_against_best: Array
    hosts_alike: Array
    hosts_alike_mean: Array
    hosts_alike_share: Array
    in_best_hosts: Array
    around_best_hosts: Array
    hosts_alike_against_best: Array
    best_hosts_share: Array


def candidates(c: Columns) -> Candidates:
    """The evidence of containers for all lines of a batch of HTML pages."""
    box = c.containers
    size = len(box.parent)
    host = np.where(_PARAGRAPHS[c.tag_codes], box.parent[box.of_line], box.of_line)
    page_words = np.maximum(c.total("words"), 1)
    page_prose = np.maximum(c.total("prose_words"), 1)

    score = _scores(c, host)
    best = _first_best(score, box.root, box.page_of)
    at = best[c.page_of]
    in_candidate, around_candidate = c.around(box.first[at], box.last[at])
    near = np.maximum(score[host], np.maximum(score[box.parent[host]], score[box.parent[box.parent[host]]]))

    prose = np.bincount(host, weights=c.column("prose_words"), minlength=size)
    best_host = _first_best(prose, box.root, box.page_of)
    top = np.maximum(prose[best_host], 1)
    second = prose.copy()
    second[best_host] = 0
    second = np.maximum.reduceat(second, box.root)
    at_host = best_host[c.page_of]

    # All hosts of one path together.
    paths = int(box.path_sizes.sum())
    alike = np.bincount(box.path, weights=prose > 0, minlength=paths)
    alike_prose = np.bincount(box.path, weights=prose, minlength=paths)
    page_of_path = np.repeat(np.arange(len(box.root)), box.path_sizes)
    best_path = _first_best(alike_prose, box.path_start, page_of_path)
    of_best = (box.path == best_path[box.page_of]) & (prose > 0)
    first = np.minimum.reduceat(np.where(of_best, box.first, c.n), box.root)[c.page_of]
    last = np.maximum.reduceat(np.where(of_best, box.last, -1), box.root)[c.page_of]
    some = last >= 0  # pages without prose have no host
    in_best, around_best = c.around(np.where(some, first, c.low), np.where(some, last, c.high))
    own, its_best = box.path[host], best_path[c.page_of]

    return Candidates(
        in_candidate=in_candidate,
        around_candidate=around_candidate,
        candidate_words_share=box.sums("words")[at] / page_words,
        score_against_best=np.clip(near / np.maximum(score[at], 1), -1, 1),
        around_host=c.around(box.first[at_host], box.last[at_host])[1],
        best_host_share=prose[at_host] / page_prose,
        host_against_best=prose[host] / top[c.page_of],
        host_prose=np.log1p(np.bincount(host, weights=c.column("prose"), minlength=size)[host]),
        second_host_against_best=(second / top)[c.page_of],
        hosts_alike=np.log1p(alike[own]),
        hosts_alike_mean=np.log1p(alike_prose[own] / np.maximum(alike[own], 1)),
        hosts_alike_share=alike_prose[own] / page_prose,
        in_best_hosts=in_best * some,
        around_best_hosts=around_best,
        hosts_alike_against_best=alike_prose[own] / np.maximum(alike_prose[its_best], 1),
        best_hosts_share=alike_prose[its_best] / page_prose,
    )


def _scores(c: Columns, host: Index) -> Array:
    """The score of every element, after Readability's manner."""
    box = c.containers
    score = np.zeros(len(box.parent))
    chars = c.column("chars")
    given = (chars >= MIN_CHARS) * (1 + c.column("commas") + np.minimum(chars / 100, 3))
    at, divisor = host, 1.0
    for level in range(LEVELS):
        score += np.bincount(at, weights=given / divisor, minlength=len(score))
        up = box.parent[at]
        given = np.where(up == at, 0.0, given)
        at, divisor = up, 2.0 if level == 0 else 3.0 * (level + 1)
    weight = _WEIGHT_OF_TAG[box.tag]
    weight += CLASS_WEIGHT * (((box.bits & _FOR) > 0) * 1.0 - ((box.bits & _AGAINST) > 0))
    score += np.where(score > 0, weight, 0)
    score *= 1 - box.sums("link_words") / np.maximum(box.sums("words"), 1)
    return score


def _first_best(values: npt.NDArray[Any], starts: Index, page_of: Index) -> Index:
    """For each page the first place of its largest value; ``starts`` are the pages' first places."""
    best = np.maximum.reduceat(values, starts)[page_of] == values
    out: Index = np.minimum.reduceat(np.where(best, np.arange(len(values)), len(values)), starts)
    return out
