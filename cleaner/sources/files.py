"""Files, folders, patterns and archives to items. Only what is given as a path waits for this, and for `pathlib`."""

from __future__ import annotations

import os
import re
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, Final

from cleaner.errors import BadInput
from cleaner.sources.items import (
    Item,
    KindHint,
    SourceFormat,
    SourceOptions,
    bounded_gunzip,
    describe,
    left_of,
    printable,
    read_stream,
    too_large,
    unzstd,
)

if TYPE_CHECKING:
    import zipfile

__all__ = [
    "FOLDER_JOURNAL", "count_files", "is_one_page", "is_pattern", "is_stream", "matching", "open_container",
    "open_path", "path_site", "rows_journal",
]  # fmt: skip

# What a name says about the content. `.html` files that hold no tag, and `.txt` files that are HTML, are common in
# scrapes, so that a hint is checked against the content later.
PAGES: Final[dict[str, KindHint]] = {
    ".html": "html", ".htm": "html", ".xhtml": "html", ".txt": "auto", ".md": "text", ".markdown": "text",
}  # fmt: skip
CONTAINERS: Final[dict[str, SourceFormat]] = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".warc": "warc", ".wet": "wet", ".zip": "zip",
}  # fmt: skip
COMPRESSED: Final = (".gz", ".zst")
LABELS: Final = (".gold.txt", ".either.txt")
# What a run leaves in the folder that it writes to; beside a file of rows it is `rows_journal`.
FOLDER_JOURNAL: Final = ".cleaner-journal.json"
_SHARD: Final = r"(.+)-(\d{5,})((?:\.\w+)+)"
_JOURNAL_CHARS: Final = 1_000_000  # a thousand times what one has
_BESIDE: Final = r"\.(.+)\.(?:journal\.json|rows\.part|sites\.npy|lock)(?:\.part)?"
_ANYWHERE: Final = r"(?:^|(?<=[/\\]))\*\*(?:[/\\]+|$)"
_HOST: Final = r"(?:[a-z0-9_-]+\.)+[a-z][a-z0-9-]+"


def source_format(name: str) -> SourceFormat | None:
    """What a file holds, by its extension, ``None`` if that is not one that is known."""
    suffixes = [suffix.lower() for suffix in PurePosixPath(name).suffixes[-2:]]
    if suffixes and suffixes[-1] in COMPRESSED:
        suffixes.pop()
    if not suffixes:
        return None
    return "page" if suffixes[-1] in PAGES else CONTAINERS.get(suffixes[-1])


def rows_journal(name: str) -> str:
    """What a run that writes rows to a file of this name leaves beside it."""
    return f".{name}.journal.json"


def is_one_page(target: str, options: SourceOptions) -> bool:
    """Whether a path is that of one page, and not of a folder, a pattern or a file of many."""
    of_many = options.format == "auto" and source_format(target) not in ("page", None)
    return not (of_many or Path(target).is_dir() or is_pattern(target))


def is_stream(target: str) -> bool:
    """Whether a path is neither a file nor a folder: what is read from a pipe is gone."""
    path = Path(target)
    return path.exists() and not path.is_dir() and not stat.S_ISREG(path.stat().st_mode)


def count_files(folder: str, options: SourceOptions) -> tuple[int | None, int]:
    """How many pages a folder holds, and how many files that are passed over, for their names tell of no page.

    The first is ``None`` where it has files of many pages, or is no folder.
    """
    if not Path(folder).is_dir():
        return None, 0
    total = others = 0
    several = options.format not in ("auto", "page")
    written: dict[str, str | None] = {}  # what an earlier run wrote to a folder, by its ending
    for at, below, names in os.walk(folder):
        there = set(names)
        ending = written.pop(at, None) or (_ending_of_run(Path(at), there) if at != folder else None)
        written.update({os.path.join(at, name): ending for name in below})  # noqa: PTH118 - as `os.walk` does
        found = [
            name for name in names if not name.endswith(LABELS) and not _was_written(Path(at), name, there, ending)
        ]
        total += sum(_is_input(name, options) for name in found)
        others += sum(not _is_input(name, options) and name[0] != "." for name in found)
        several = several or (
            options.format == "auto" and any(source_format(name) not in ("page", None) for name in found)
        )
    return None if several else total, others


def open_path(target: str, options: SourceOptions, *, prefixed: bool = False) -> Iterator[Item]:
    """The items of a file, a folder or a pattern; ``prefixed`` puts a folder's name before those of its items."""
    if is_pattern(target):
        yield from _pattern(target, options)
        return
    path = Path(target)
    if path.is_dir():
        yield from _folder(path, f"{path.resolve().name}/" if prefixed else "", options)
    else:
        yield from _file(path, path.name, printable(target), options)


def is_pattern(target: str) -> bool:
    """Whether a target names no file but what files are called."""
    return any(char in target for char in "*?[") and not Path(target).exists()


def _pattern(target: str, options: SourceOptions) -> Iterator[Item]:
    try:
        files = sorted((name for name in matching(target) if Path(name).is_file()), key=os.fsencode)
    except (ValueError, OSError) as error:
        yield Item(printable(target), "pattern", printable(target), error=f"cannot be looked for: {describe(error)}")
        return
    given = 0
    for name in files:
        for item in _file(Path(name), name, printable(name), left_of(options, given)):
            given += 1
            yield item
    if not files:
        yield Item(printable(target), "pattern", printable(target), error="no file matches the pattern")


def matching(pattern: str) -> set[str]:
    """What matches a pattern, hidden names only where it has them so; ``**`` is any number of folders, links left out.

    `glob.glob` follows links there, and ends never where two lead back into their own folder; `Path.glob` means
    something else by ``**`` from one Python to the next.
    """
    import glob

    anywhere = re.search(_ANYWHERE, pattern)
    if anywhere is None:
        return set(glob.glob(pattern))  # noqa: PTH207 - Path.glob knows no absolute pattern
    head, rest = pattern[: anywhere.start()], pattern[anywhere.end() :] or "*"
    found: set[str] = set()
    for base in glob.glob(head) if head else [""]:  # noqa: PTH207
        for folder, below, _ in os.walk(base or "."):
            below[:] = [name for name in below if not name.startswith(".")]
            inside = folder if base else folder[2:]  # without "./"
            found |= matching(os.path.join(glob.escape(inside), rest))  # noqa: PTH118 - keeps a leading "./"
    return found


def _file(path: Path, name: str, label: str, options: SourceOptions) -> Iterator[Item]:
    """The items of one file that the user named; ``name`` is what outputs are named after."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        yield Item(label, name, label, error=describe(error))
        return
    if stat.S_ISDIR(mode):
        yield Item(label, name, label, error="is a folder")
        return
    form = options.format if options.format != "auto" else source_format(name)
    if form in ("page", None):
        site = path_site(path.absolute().parent.name, path.name)
        yield Item(label, name, label, path=path, kind=_hint(name), site=site)
    else:
        yield from open_container(path, label, form, "", options)


def _hint(name: str) -> KindHint:
    suffixes = [suffix.lower() for suffix in PurePosixPath(name).suffixes[-2:]]
    if suffixes and suffixes[-1] in COMPRESSED:
        suffixes.pop()
    return PAGES.get(suffixes[-1], "auto") if suffixes else "auto"


def path_site(root: str, relative: str) -> str:
    """The site of a file: the outermost of its folders that is named like a host, else the first below ``root``.

    ``root`` is the name of the folder (or archive) that was asked for, ``relative`` the file's path in it.

    >>> path_site("scraped", "www.example.org/2024/story.html"), path_site("scraped", "news/a/story.html")
    ('example.org', 'news')
    >>> path_site("scraped", "story.html")
    'scraped'
    """
    folders = [root, *PurePosixPath(relative).parts[:-1]]
    named = next((name for name in folders if re.fullmatch(_HOST, name, re.I)), folders[min(1, len(folders) - 1)])
    return printable(named.lower().removeprefix("www."))


def open_container(
    stream: Path | IO[bytes], label: str, form: SourceFormat | None, prefix: str, options: SourceOptions
) -> Iterator[Item]:
    """The items of a file or stream of many pages; ``prefix`` goes before their names."""
    items: Iterator[Item]
    if form == "jsonl":
        from cleaner.sources.records import read_jsonl

        items = read_jsonl(stream, label, options)
    elif form == "parquet" and isinstance(stream, Path):
        from cleaner.sources.records import read_parquet

        items = read_parquet(stream, label, options)
    elif form in ("warc", "wet"):
        from cleaner.sources.warc import read_warc

        items = read_warc(stream, label, options)
    elif form == "urls":
        from cleaner.sources.web import read_urls

        items = read_urls(stream, label, options)
    elif form == "zip" and isinstance(stream, Path):
        items = _zip(stream, label, options)
    else:
        items = iter([Item(label, label, label, error=f"cannot be read as {form}")])
    if not prefix:
        yield from items
        return
    for item in items:
        yield item._replace(name=prefix + item.name)


def _folder(root: Path, prefix: str, options: SourceOptions) -> Iterator[Item]:
    """Every page and container below a folder, sorted by name, depth first, without following links to folders.

    A link to a file outside the folder is refused: an unpacked archive may point anywhere. What an earlier run wrote
    there is left out; whoever wants to read it names it.
    """
    label = printable(str(root))
    inside = root.resolve()
    pending: list[tuple[Path, str, bool, str | None]] = [(root, "", True, None)]
    given = 0
    found = earlier = False
    while pending:
        path, relative, is_folder, ending = pending.pop()
        if _is_output(path, options):
            continue
        if not is_folder:
            item = _folder_file(path, relative, inside, label)
            if item is None:
                continue
            found = True
            form = options.format if options.format != "auto" else source_format(relative)
            if item.error is None and form != "page":
                folder = f"{prefix}{PurePosixPath(relative).parent}/"
                for one in open_container(path, item.id, form, folder, left_of(options, given)):
                    given += 1
                    yield one
            else:
                given += 1
                yield item._replace(name=prefix + item.name)
            continue
        try:
            entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in os.scandir(path)]
        except OSError as error:
            found = True
            given += 1
            at = printable(str(path))
            yield Item(at, prefix + relative, label, error=f"folder cannot be listed: {describe(error)}")
            continue
        entries.sort(key=lambda entry: os.fsencode(entry[0]), reverse=True)
        names = {name for name, _ in entries}
        if relative:
            ending = ending or _ending_of_run(path, names)
        for name, below in entries:
            if not below and _was_written(path, name, names, ending):
                earlier = True
            elif (below and not (options.format == "page" and name[0] == ".")) or (
                not below and _is_input(name, options) and not _is_label(name, names)
            ):
                pending.append((path / name, f"{relative}/{name}" if relative else name, below, ending))
    if not found:
        known = ", ".join((*PAGES, *CONTAINERS))
        but = "; what an earlier run wrote is read only where it is named" if earlier else ""
        yield Item(label, "folder", label, error=f"no pages in this folder (looked for {known}{but})")


def _is_output(path: Path, options: SourceOptions) -> bool:
    """Whether a path is what is being written, or a hidden file beside it. A shard's name may be that of an input."""
    out = options.exclude
    if out is None:
        return False
    if path.name.startswith(f".{out.name}."):
        return path.parent.resolve() == out.parent
    return _resolved(path) == out


def _resolved(path: Path) -> Path | None:
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # a loop of links; said when it is read
        return None


def _is_input(name: str, options: SourceOptions) -> bool:
    return source_format(name) is not None or (options.format != "auto" and name[0] != ".")


def _was_written(folder: Path, name: str, names: set[str], ending: str | None) -> bool:
    """Whether an earlier run wrote this file: rows or a shard of them, or below a folder of files with ``ending``."""
    if ending is not None and (name.endswith((ending, ".dropped.jsonl")) or name in ("errors.jsonl", FOLDER_JOURNAL)):
        return True
    beside = re.fullmatch(_BESIDE, name)
    if rows_journal(beside[1] if beside else name) in names:
        return True
    shard = re.fullmatch(_SHARD, name)
    if shard is None or rows_journal(shard[1] + shard[3]) not in names:
        return False
    journal = _journal(folder / rows_journal(shard[1] + shard[3]))
    written = journal.get("shard")
    sharded = isinstance(journal.get("run"), dict) and journal["run"].get("shard_size")
    return bool(sharded) and isinstance(written, int) and int(shard[2]) < written + bool(journal.get("closing"))


def _ending_of_run(folder: Path, names: set[str]) -> str | None:
    """With what ending an earlier run wrote its files to a folder; None where no run wrote there."""
    if FOLDER_JOURNAL not in names:
        return None
    run = _journal(folder / FOLDER_JOURNAL).get("run")
    ending = run.get("ending") if isinstance(run, dict) else None
    return ending if isinstance(ending, str) and ending else None


def _journal(path: Path) -> dict[str, Any]:
    """What a journal says; nothing where it cannot be read."""
    import json

    try:
        if not path.is_file():  # a pipe of that name would never end
            return {}
        with path.open(encoding="utf-8") as file:
            found = json.loads(file.read(_JOURNAL_CHARS))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_label(name: str, names: set[str]) -> bool:
    """A gold text beside its page is a label, not a page."""
    return any(
        name.endswith(label) and any(name.removesuffix(label) + extension in names for extension in PAGES)
        for label in LABELS
    )


def _folder_file(path: Path, relative: str, inside: Path, label: str) -> Item | None:
    """The item of a file met in a folder; ``None`` for what is no file (a pipe, a socket)."""
    at = printable(str(path))
    try:
        mode = path.stat().st_mode
        target = path.resolve()
    except (OSError, RuntimeError) as error:  # a broken link, a loop of links, a file that has just vanished
        return Item(at, relative, label, error=describe(error))
    if not stat.S_ISREG(mode):
        return None
    if path.is_symlink() and not target.is_relative_to(inside):
        return Item(at, relative, label, error="a link that leads out of the folder; name its target instead")
    return Item(at, relative, label, path=path, kind=_hint(relative), site=path_site(inside.name, relative))


def _zip(path: Path, label: str, options: SourceOptions) -> Iterator[Item]:
    """The pages of a zip archive, in the archive's order; folders and other files in it are passed over."""
    import zipfile

    stem = path.name.removesuffix(path.suffix)
    found = False
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if info.is_dir() or source_format(info.filename) != "page":
                    continue
                found = True
                at = f"{label}:{printable(info.filename)}"
                name = f"{stem}/{info.filename}"
                try:
                    data = _member(archive, info, options.max_bytes)
                except Exception as error:  # zipfile raises a dozen kinds on a hostile archive
                    yield Item(at, name, label, error=_zip_fault(error))
                else:
                    site = path_site(stem, printable(info.filename))
                    yield Item(at, name, label, data=data, kind=_hint(info.filename), site=site)
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        found = True
        yield Item(label, label, label, error=_zip_fault(error))
    if not found:
        yield Item(label, label, label, error=f"no pages in this archive ({', '.join(PAGES)})")


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, max_bytes: int) -> bytes:
    if info.flag_bits & 1:
        raise BadInput("encrypted")
    if info.file_size > max_bytes:
        raise BadInput(too_large(max_bytes))
    with archive.open(info) as stream:  # the size in the directory may lie, so the reading is bounded too
        if info.filename.lower().endswith(".zst"):
            with unzstd(stream) as unzipped:
                return read_stream(unzipped, max_bytes)
        data = read_stream(stream, max_bytes)
    return bounded_gunzip(data, max_bytes) if info.filename.lower().endswith(".gz") else data


def _zip_fault(error: Exception) -> str:
    if isinstance(error, BadInput):
        return str(error)
    from zipfile import BadZipFile

    if isinstance(error, BadZipFile | zlib.error | EOFError):
        return f"broken zip archive ({str(error) or 'ends too early'})"
    return describe(error)
