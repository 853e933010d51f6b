"""``cleaner sites build``."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from cleaner.cli.options import (
    DELAY,
    FAILED,
    FROM,
    JOBS,
    KIND,
    MAX_SIZE,
    PRIVATE_HOSTS,
    QUIET,
    TEXT_FIELD,
    TIME_LIMIT,
    URL_FIELD,
    check_writable,
    named,
    source_options,
    with_options,
)
from cleaner.cli.terminal import Progress
from cleaner.errors import BadOutput

__all__ = ["sites"]


@click.group()
def sites() -> None:
    """Count on how many pages of each site a line recurs, for `cleaner clean --sites-from FILE`."""


@sites.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("-o", "--output", required=True, metavar="FILE", help="The file to write, a .parquet.")
@click.option("--overwrite", is_flag=True, help="Replace a FILE that exists.")
@with_options(JOBS, KIND, FROM, TEXT_FIELD, URL_FIELD, TIME_LIMIT, MAX_SIZE, DELAY, PRIVATE_HOSTS, QUIET)
@click.pass_context
def build(
    ctx: click.Context, /, paths: tuple[str, ...], output: str, overwrite: bool, jobs: int, kind: Any,
    time_limit: float, quiet: bool, **reading: Any,
) -> None:  # fmt: skip
    """Count the lines of all pages by site, and keep what recurs.

    \b
    Examples:
      cleaner sites build crawl.warc.gz -o sites.parquet --jobs 0
      cleaner clean story.html --url https://example.org/story --sites-from sites.parquet
    """
    from cleaner.batch.counting import count_sites
    from cleaner.batch.pool import Pool
    from cleaner.batch.sinks import check_packer
    from cleaner.batch.work import Settings
    from cleaner.sources import count_pages, open_sources

    named(paths)
    check_writable(output)
    check_packer(".parquet")
    path = Path(output)
    if path.exists() and not overwrite:
        raise BadOutput(f"{path}: exists already; name another file or use --overwrite")
    options = source_options(fetch_timeout=30.0, output=output, **reading)
    progress = Progress(quiet)
    if progress.shown:
        progress.total = count_pages(paths, options)
    settings = Settings(kind=kind, max_bytes=options.max_bytes)
    pool = Pool(jobs or os.cpu_count() or 1, time_limit)
    with closing(pool), closing(open_sources(paths, options)) as items:
        counts = count_sites(items, settings, pool, on_page=progress.on_counted, on_failure=progress.on_failure)
    progress.clear()
    if not len(counts):
        message = "no site has two pages that could be read and differ in more than numbers"
        raise BadOutput(f"{path}: not written: {message}")
    counts.save(path)
    if not quiet:
        failed = f"; {progress.errors:,} pages failed" if progress.errors else ""
        click.echo(f"wrote {output}: {len(counts):,} keys{failed}", err=True)
    if progress.errors:
        ctx.exit(FAILED)
