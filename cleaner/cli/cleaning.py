"""``cleaner clean`` and ``cleaner explain``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any, Literal

import click

from cleaner.cli.options import (
    DELAY,
    FAILED,
    FAVOR,
    FROM,
    JOBS,
    KIND,
    MAX_SIZE,
    MODEL,
    OK,
    PRIVATE_HOSTS,
    QUIET,
    SITES_FROM,
    TEXT_FIELD,
    TIME_LIMIT,
    TIMEOUT,
    URL,
    URL_FIELD,
    source_options,
    targets,
    with_options,
)
from cleaner.cli.terminal import Progress, say
from cleaner.errors import BadUsage, CleanerError

if TYPE_CHECKING:
    from cleaner.batch.plan import Format, Plan
    from cleaner.batch.pool import Pool
    from cleaner.batch.spool import Spool
    from cleaner.batch.work import Settings
    from cleaner.sites import SiteCounts
    from cleaner.sources import Item, SourceOptions

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
@with_options(JOBS, MODEL, FAVOR, KIND, URL, FROM, TEXT_FIELD, URL_FIELD)
@click.option(
    "--sites/--no-sites", default=None,
    help="Compare pages: lines that recur on others of their site count as its frame.  [default: where possible]",
)  # fmt: skip
@SITES_FROM
@click.option("--links", is_flag=True, help="Keep links in Markdown.")
@click.option("--with-metadata", is_flag=True, help="Add title, author, date, site name and language.")
@click.option("--keep-dropped", is_flag=True, help="Also write the dropped lines, each with its probability.")
@click.option("--resume", is_flag=True, help="Go on where a run into the same OUT was stopped.")
@click.option("--overwrite", is_flag=True, help="Replace an OUT that exists.")
@click.option(
    "--shard-size", type=click.IntRange(min=1), metavar="N", help="Rows per file: OUT-00000.jsonl, OUT-00001.jsonl, …"
)
@click.option("--strict", is_flag=True, help="Stop at the first page that fails.")
@with_options(TIME_LIMIT, MAX_SIZE, TIMEOUT, DELAY, PRIVATE_HOSTS)
@QUIET
@click.pass_context
def clean(
    ctx: click.Context, /, paths: tuple[str, ...], output: str | None, format_: Format | None, jobs: int,
    model: str | None, favor: Literal["balanced", "precision", "recall"], kind: Literal["auto", "html", "text"],
    url: str | None, links: bool, with_metadata: bool, keep_dropped: bool, resume: bool, overwrite: bool,
    shard_size: int | None, strict: bool, time_limit: float, quiet: bool, sites: bool | None, sites_from: str | None,
    **reading: Any,
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
    output = None if output == "-" else output
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
    twice = _reads_twice(sites, sites_from, paths, options, plan)
    if plan.sink is None:
        code = _clean_few(
            paths, options, settings, plan, url=url, overwrite=overwrite, strict=strict, sites_from=sites_from
        )
        ctx.exit(code)
    if url is not None:
        raise BadUsage("--url is for a single page")
    code = _clean_many(
        paths, options, settings, plan, jobs=jobs or os.cpu_count() or 1, time_limit=time_limit, resume=resume,
        overwrite=overwrite, strict=strict, quiet=quiet, twice=twice, sites_from=sites_from,
    )  # fmt: skip
    ctx.exit(code)


def _reads_twice(
    sites: bool | None, sites_from: str | None, paths: Sequence[str], options: SourceOptions, plan: Plan
) -> bool:
    """Whether a first pass counts what recurs on the pages of each site: for every batch that can be read twice."""
    from cleaner.sources import can_be_read_twice, is_whole_source

    if sites_from is not None:
        if sites is not None:
            raise BadUsage("--sites-from brings its counts along: leave out --sites and --no-sites")
        return False
    if sites and (plan.sink is None or not can_be_read_twice(paths, options)):
        raise BadUsage("--sites reads a batch of files twice; for other pages use --sites-from")
    several = len(paths) > 1 or not all(is_whole_source(path, options) for path in paths)
    return sites if sites is not None else plan.sink is not None and several and can_be_read_twice(paths, options)


def _clean_few(
    paths: Sequence[str], options: SourceOptions, settings: Settings, plan: Plan, *, url: str | None, overwrite: bool,
    strict: bool, sites_from: str | None,
) -> int:  # fmt: skip
    """Single pages, one by one in this process, to standard output or into one file."""
    from cleaner.batch.plan import render, write_file
    from cleaner.batch.work import clean_item, make_cleaner
    from cleaner.sources import open_sources

    cleaner = make_cleaner(settings, _loaded(sites_from))
    code = OK
    if url is not None and len(paths) > 1:
        raise BadUsage("--url is for a single page")
    for number, item in enumerate(open_sources(paths, options)):
        if url is not None:
            item = item._replace(url=url, site=None)
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
    twice: bool, sites_from: str | None, time_limit: float, **running: Any,
) -> int:  # fmt: skip
    """A batch in worker processes, with progress at a terminal and a summary at the end."""
    from cleaner.batch.counting import count_sites
    from cleaner.batch.run import run_batch
    from cleaner.batch.work import make_cleaner
    from cleaner.sources import count_others, count_pages, open_sources

    assert plan.sink is not None
    given = _loaded(sites_from)
    run = {
        "model_sha256": make_cleaner(settings).model.fingerprint,
        "inputs": list(paths),
        "from": options.format,
        "text_field": options.text_field,
        "url_field": options.url_field,
        "sites": "counted" if twice else given.fingerprint if given is not None else None,
    }
    progress = Progress(quiet)
    if progress.shown:
        progress.total = count_pages(paths, options)

    def counts(pool: Pool, spool: Spool) -> SiteCounts:
        if given is not None:
            return given
        with closing(open_sources(paths, options)) as items:
            return count_sites(items, settings, pool, on_page=progress.on_counted, spool=spool)

    with ExitStack() as stack:

        def items(done: int) -> Iterator[Item]:
            return stack.enter_context(closing(open_sources(paths, options._replace(done=done))))

        summary = run_batch(
            items, settings, plan.sink, jobs=jobs, time_limit=time_limit, run=run, on_result=progress.on_result,
            sites=counts if twice or given is not None else None, **running,
        )  # fmt: skip
    progress.finish(summary)
    if not quiet and (others := count_others(paths, options)):
        say(f"files passed over, whose names tell of no page: {others:,}; --from page reads all files as pages")
    return FAILED if summary.failed else OK


def _loaded(sites_from: str | None) -> SiteCounts | None:
    if sites_from is None:
        return None
    from cleaner.sites import SiteCounts

    return SiteCounts.load(sites_from)


@click.command()
@click.argument("path", default="-", metavar="[PATH|URL|-]")
@with_options(MODEL, FAVOR, KIND, URL)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json", "marks"]),
    default="text",
    show_default=True,
    help="For the eye, as JSON, or as a marked page to correct and train on.",
)
@with_options(SITES_FROM, MAX_SIZE, TIMEOUT)
@click.pass_context
def explain(
    ctx: click.Context, /, path: str, model: str | None, favor: Any, kind: Any, url: str | None, format_: str,
    sites_from: str | None, **reading: Any,
) -> None:  # fmt: skip
    """Show every line of a page with its probability of being main content; + marks what is kept.

    \b
    Examples:
      cleaner explain story.html
      cleaner explain story.html --format json | jq '.lines[] | select(.kept | not) | .text'
      cleaner explain story.txt --format marks > my-pages/story.marked.txt
    """
    (path,) = targets(ctx, () if path == "-" else (path,))
    from cleaner.batch.work import Settings, clean_item, make_cleaner
    from cleaner.output import as_explained, as_explained_text, as_marks
    from cleaner.sources import is_whole_source, open_source

    if not is_whole_source(path, source_options(**reading)):
        raise BadUsage(f"{path} holds many pages: explain shows one")
    options = source_options(from_="page", **reading)
    settings = Settings(model, favor, kind, max_bytes=options.max_bytes)
    for item in open_source(path, options):
        try:
            cleaner = make_cleaner(settings, _loaded(sites_from))
            page = clean_item(cleaner, item if url is None else item._replace(url=url, site=None), settings)
        except CleanerError as error:
            raise CleanerError(f"{item.id}: {error}") from None
        if format_ == "json":
            click.echo(json.dumps(as_explained(page), ensure_ascii=False, indent=2))
        elif format_ == "marks":
            click.echo(as_marks(page))
        else:
            click.echo(as_explained_text(page))
