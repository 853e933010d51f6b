"""Line rules of two plain-text corpora, for comparison on pages that have lost their HTML."""

from __future__ import annotations

import re
from collections.abc import Callable

from cleaner.evaluation import words_of

Extract = Callable[[str], str]

_C4_BAD = re.compile(
    r"lorem ipsum|\{|javascript|terms of use|privacy policy|cookie policy|uses cookies|use of cookies", re.I
)
_END = tuple('.!?"”。！？')


def c4_rules(text: str) -> str:
    """C4's line rules (Raffel et al. 2020): an end mark, at least five words, none of its bad phrases."""
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(x for x in lines if x.endswith(_END) and len(words_of(x)) >= 5 and not _C4_BAD.search(x))


_REFINED = re.compile(r"^\W*\d+\s*(likes?|shares?|comments?|retweets?|reposts?|bookmarks?|downloads?)\W*$", re.I)
_REFINED_WORDS = re.compile(r"sign-in|sign in|read more\.*$|items in cart|^home$", re.I)


def refinedweb_rules(text: str) -> str:
    """RefinedWeb's line rules (Penedo et al. 2023): upper-case, numeric, counter, one-word and phrase lines go."""
    kept = []
    for line in map(str.strip, text.splitlines()):
        letters = [char for char in line if char.isalpha()]
        upper = sum(char.isupper() for char in letters) / max(len(letters), 1)
        words = words_of(line)
        counter = _REFINED.match(line) or (len(words) <= 10 and _REFINED_WORDS.search(line))
        if line and not (upper > 0.5 or not letters or counter or len(words) <= 1):
            kept.append(line)
    return "\n".join(kept)


TEXT_PEERS: dict[str, Extract] = {"C4 rules": c4_rules, "RefinedWeb rules": refinedweb_rules}
