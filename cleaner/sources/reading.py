"""From what a user names (a path, a folder, a pattern, a URL, ``-``) to items."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable, Iterator

from cleaner.errors import BadInput, FetchFailed
from cleaner.sources.items import Item, SourceOptions, describe, left_of, name_from_url, read_stream

__all__ = [
    "can_be_read_twice",
    "count_others",
    "count_pages",
    "is_url",
    "is_whole_source",
    "open_source",
    "open_sources",
]

# `cleaner.sources.files` is imported where a path is given: a page from standard input need not wait for it.


def is_url(target: str) -> bool:
    """Whether a target is a web address and not a path."""
    return target.lower().startswith(("http://", "https://"))


def is_whole_source(target: str, options: SourceOptions) -> bool:
    """Whether a target is one page (a file, a URL, standard input) and not a source of many."""
    if options.format not in ("auto", "page"):
        return False
    if target == "-" or is_url(target):
        return True
    from cleaner.sources.files import is_one_page

    return is_one_page(target, options)


def can_be_read_twice(targets: Iterable[str], options: SourceOptions) -> bool:
    """Whether all targets are files and folders: not standard input, a pipe, or the web."""
    from cleaner.sources.files import is_stream

    if options.format == "urls":
        return False
    return not any(target == "-" or is_url(target) or is_stream(target) for target in targets)


def count_pages(targets: Iterable[str], options: SourceOptions) -> int | None:
    """How many pages the targets hold, ``None`` where that takes reading them; for progress, so about right will do."""
    from cleaner.sources.files import count_files

    total = 0
    for target in targets:
        if is_whole_source(target, options):
            total += 1
            continue
        below, _ = count_files(target, options)
        if below is None:
            return None
        total += below
    return total


def count_others(targets: Iterable[str], options: SourceOptions) -> int:
    """How many files of the folders among the targets are passed over, because their names tell of no page."""
    from cleaner.sources.files import count_files

    return sum(count_files(target, options)[1] for target in targets if target != "-" and not is_url(target))


def open_sources(targets: Iterable[str], options: SourceOptions) -> Generator[Item, None, None]:
    """The items of all targets, one after the other. With several folders each keeps its own name in ``Item.name``."""
    targets = list(targets)
    given = 0
    for target in targets:
        for item in open_source(target, left_of(options, given), prefixed=len(targets) > 1):
            given += 1
            yield item


def open_source(target: str, options: SourceOptions, *, prefixed: bool = False) -> Iterator[Item]:
    """The items of one target. Never raises for a fault of the source: that is an item with an ``error``."""
    if target == "-":
        yield from _standard_input(options)
    elif is_url(target) and options.done:
        yield Item(target, name_from_url(target), target, url=target)
    elif is_url(target):
        try:
            yield _fetched(target, options)
        except FetchFailed as error:
            yield Item(target, name_from_url(target), target, url=target, error=str(error))
    else:
        from cleaner.sources.files import open_path

        yield from open_path(target, options, prefixed=prefixed)


def _fetched(url: str, options: SourceOptions) -> Item:
    from cleaner.sources.web import fetch

    return fetch(url, options)


def _standard_input(options: SourceOptions) -> Iterator[Item]:
    stream = sys.stdin.buffer
    if options.format in ("auto", "page"):
        try:
            yield Item("-", "stdin", "-", data=read_stream(stream, options.max_bytes))
        except (BadInput, OSError) as error:
            yield Item("-", "stdin", "-", error=describe(error))
    elif options.format in ("parquet", "zip"):
        message = f"{options.format} cannot be read from standard input; give the file's path"
        yield Item("-", "stdin", "-", error=message)
    else:
        from cleaner.sources.files import open_container

        yield from open_container(stream, "-", options.format, "", options)
