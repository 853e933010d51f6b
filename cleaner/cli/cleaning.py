"""``cleaner clean`` and ``cleaner explain``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, Literal

import click

from cleaner.cli.options import (
    FAILED,
    FAVOR,
    KIND,
    MAX_SIZE,
    MODEL,
    OK,
    QUIET,
    TIMEOUT,
    URL,
    source_options,
    targets,
    with_options,
)
from cleaner.cli.terminal import Progress, say
from cleaner.errors import BadUsage, CleanerError

if TYPE_CHECKING:
    from cleaner.batch.plan import Format, Plan
    from cleaner.batch.work import Settings
    from cleaner.sources import SourceOptions

__all__ = ["clean", "explain"]


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH|URL|-]...")
@click.option(
    "-o", "--output", metavar="OUT", help="Folder, or a file ending in .jsonl[.gz|.zst], .parquet, .txt, .md, .json."
)
@click.option(
    "--format", "format_", type=click.Choice(["text", "markdown", "json", "jsonl", "parquet"]),
    help="How the result is written.  [default: what OUT ends in, else text]",
)  # fmt: skip
@click.option(
    "--jobs", type=click.IntRange(min=0), default=1, show_default=True, help="Worker processes; 0 is one a core."
)
@with_options(MODEL, FAVOR, KIND, URL)
@click.option(
    "--from", "from_", type=click.Choice(["auto", "page", "jsonl", "parquet", "warc", "wet", "zip", "urls"]),
    default="auto", show_default=True, help="What the input files are, where their names do not tell.",
)  # fmt: skip
@click.option("--text-field", metavar="NAME", help="Field or column of JSONL and Parquet input that holds the page.")
@click.option("--url-field", metavar="NAME", help="Field or column of JSONL and Parquet input that holds the address.")
@click.option("--links", is_flag=True, help="Keep links in Markdown.")
@click.option("--with-metadata", is_flag=True, help="Add title, author, date, site name and language.")
@click.option("--keep-dropped", is_flag=True, help="Also write the dropped lines, each with its probability.")
@click.option("--resume", is_flag=True, help="Go on where a run into the same OUT was stopped.")
@click.option("--overwrite", is_flag=True, help="Replace an OUT that exists.")
@click.option(
    "--shard-size", type=click.IntRange(min=1), metavar="N", help="Rows per file: OUT-00000.jsonl, OUT-00001.jsonl, …"
)
@click.option("--strict", is_flag=True, help="Stop at the first page that fails.")
@click.option(
    "--time-limit", type=click.FloatRange(min=0, min_open=True), default=60.0, show_default=True,
    help="Seconds a page of a batch may take.",
)  # fmt: skip
@with_options(MAX_SIZE, TIMEOUT)
@click.option(
    "--delay", type=click.FloatRange(min=0), default=5.0, show_default=True,
    help="Seconds between two downloads of a list from one host.",
)  # fmt: skip
@click.option("--private-hosts", is_flag=True, help="Let a list of URLs reach hosts off the public internet.")
@QUIET
@click.pass_context
def clean(
    ctx: click.Context, /, paths: tuple[str, ...], output: str | None, format_: Format | None, jobs: int,
    model: str | None, favor: Literal["balanced", "precision", "recall"], kind: Literal["auto", "html", "text"],
    url: str | None, links: bool, with_metadata: bool, keep_dropped: bool, resume: bool, overwrite: bool,
    shard_size: int | None, strict: bool, time_limit: float, quiet: bool, **reading: Any,
) -> None:  # fmt: skip
    """Keep the main content of pages; write it as text, Markdown, JSON or rows.

    Reads standard input if nothing is named. A folder, an archive, a crawl or a table holds many pages and goes to a
    folder or a file of rows (-o).

    \b
    Examples:
      cleaner clean story.html --format markdown --links
      cleaner clean https://example.org/story --with-metadata --format json | jq .metadata
      cleaner clean scraped/ -o clean/ --jobs 8 --resume
      cleaner clean crawl.warc.gz -o clean.jsonl.gz --keep-dropped
      cleaner clean pages.parquet --text-field html -o clean.parquet --shard-size 100000
      cleaner clean addresses.txt --from urls -o clean.jsonl
    """
    paths = targets(ctx, paths)
    from cleaner.batch.plan import make_plan
    from cleaner.batch.work import Settings

    options = source_options(output=output, **reading)
    plan = make_plan(
        paths, options, output, format_,
        shard_size=shard_size, keep_dropped=keep_dropped, stdout=sys.stdout.buffer,
    )  # fmt: skip
    settings = Settings(
        model, favor, kind, body="markdown" if plan.format == "markdown" else "text",
        rows=plan.sink.rows if plan.sink else plan.format in ("json", "jsonl"), links=links,
        keep_dropped=keep_dropped, with_metadata=with_metadata, max_bytes=options.max_bytes,
    )  # fmt: skip
    if plan.sink is None:
        ctx.exit(_clean_few(paths, options, settings, plan, url=url, overwrite=overwrite, strict=strict))
    if url is not None:
        raise BadUsage("--url is for a single page")
    code = _clean_many(
        paths, options, settings, plan, jobs=jobs or os.cpu_count() or 1, time_limit=time_limit, resume=resume,
        overwrite=overwrite, strict=strict, quiet=quiet,
    )  # fmt: skip
    ctx.exit(code)


def _clean_few(
    paths: Sequence[str], options: SourceOptions, settings: Settings, plan: Plan, *, url: str | None, overwrite: bool,
    strict: bool,
) -> int:  # fmt: skip
    """Single pages, one by one in this process, to standard output or into one file."""
    from dataclasses import replace

    from cleaner.batch.plan import render, write_file
    from cleaner.batch.work import clean_item, make_cleaner
    from cleaner.sources import open_sources

    cleaner = make_cleaner(settings)
    code = OK
    if url is not None and len(paths) > 1:
        raise BadUsage("--url is for a single page")
    for number, item in enumerate(open_sources(paths, options)):
        if url is not None:
            item = replace(item, url=url)
        try:
            page = clean_item(cleaner, item, settings)
        except CleanerError as error:
            say(f"{item.id}: {error}")
            code = FAILED
            if strict:
                break
            continue
        text = render(page, item, settings, plan.format)
        if plan.file is not None:
            write_file(plan.file, text.encode(), overwrite=overwrite)
        else:
            between = "\n" if number and plan.format in ("text", "markdown") else ""
            sys.stdout.buffer.write((between + text).encode())
            sys.stdout.buffer.flush()
    return code


def _clean_many(
    paths: Sequence[str], options: SourceOptions, settings: Settings, plan: Plan, *, jobs: int, quiet: bool,
    **running: Any,
) -> int:  # fmt: skip
    """A batch in worker processes, with progress at a terminal and a summary at the end."""
    from cleaner.batch.run import run_batch
    from cleaner.batch.work import make_cleaner
    from cleaner.sources import count_pages, open_sources

    assert plan.sink is not None
    run = {
        "model_sha256": make_cleaner(settings).model.fingerprint,
        "inputs": list(paths),
        "from": options.format,
        "text_field": options.text_field,
        "url_field": options.url_field,
    }
    progress = Progress(quiet)
    if progress.shown:
        progress.total = count_pages(paths, options)
    with closing(open_sources(paths, options)) as items:
        summary = run_batch(items, settings, plan.sink, jobs=jobs, run=run, on_result=progress.on_result, **running)
    progress.finish(summary)
    return FAILED if summary.failed else OK


@click.command()
@click.argument("path", default="-", metavar="[PATH|URL|-]")
@with_options(MODEL, FAVOR, KIND, URL)
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
@with_options(MAX_SIZE, TIMEOUT)
@click.pass_context
def explain(
    ctx: click.Context, /, path: str, model: str | None, favor: Any, kind: Any, url: str | None, format_: str,
    **reading: Any,
) -> None:  # fmt: skip
    """Show every line of a page with its probability of being main content; + marks what is kept.

    \b
    Examples:
      cleaner explain story.html
      cleaner explain story.html --format json | jq '.lines[] | select(.kept | not) | .text'
    """
    (path,) = targets(ctx, () if path == "-" else (path,))
    from dataclasses import replace

    from cleaner.batch.work import Settings, clean_item, make_cleaner
    from cleaner.output import as_explained, as_explained_text
    from cleaner.sources import open_source

    options = source_options(from_="page", **reading)
    settings = Settings(model, favor, kind, max_bytes=options.max_bytes)
    for item in open_source(path, options):
        try:
            page = clean_item(make_cleaner(settings), item if url is None else replace(item, url=url), settings)
        except CleanerError as error:
            raise CleanerError(f"{item.id}: {error}") from None
        if format_ == "json":
            click.echo(json.dumps(as_explained(page), ensure_ascii=False, indent=2))
        else:
            click.echo(as_explained_text(page))
