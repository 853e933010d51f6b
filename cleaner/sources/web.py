"""Pages from the web, by trafilatura's downloader: one URL, or a list with a pause between visits to a host."""

from __future__ import annotations

import ipaddress
import logging
import re
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import urlsplit

from cleaner.errors import BadInput, FetchFailed
from cleaner.sources.items import Item, SourceOptions, describe, name_from_url, open_binary, printable, too_large

__all__ = ["fetch", "read_urls"]

DOWNLOADS: Final = 8  # at once, each from another host; politeness, not bandwidth, is the limit
MAX_URL: Final = 8192
_CHARSET: Final = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.I)
_OURS: Final = threading.local()


def fetch(url: str, options: SourceOptions | None = None, *, private_hosts: bool = True) -> Item:
    """Downloads one page; the item's ``url`` is where redirects ended, its ``charset`` what the server said.

    Raises ``FetchFailed`` with the reason: no such host, refused, timed out, a status other than 200, too large.
    ``private_hosts=False`` refuses addresses that are not on the public internet, also after a redirect; with
    ``True`` they are refused only if the URL as given did not name such a host itself.
    """
    options = options or SourceOptions()
    # A server that sends a byte a second outlives any timeout per read, so the download as a whole has a time limit;
    # a thread that hangs on is left behind, as a daemon that does not keep the process.
    outcome: Future[Item] = Future()

    def run() -> None:
        try:
            outcome.set_result(_download(url, options, private_hosts))
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        return outcome.result(timeout=options.timeout * 1.5 + 1)
    except TimeoutError:
        raise FetchFailed(f"timed out after {options.timeout:g} seconds") from None


def _download(url: str, options: SourceOptions, private_hosts: bool) -> Item:
    from copy import deepcopy

    from trafilatura.downloads import fetch_response
    from trafilatura.settings import DEFAULT_CONFIG

    config = deepcopy(DEFAULT_CONFIG)
    settings = config["DEFAULT"]
    settings["DOWNLOAD_TIMEOUT"] = str(max(1, round(options.timeout)))
    settings["MAX_FILE_SIZE"] = str(options.max_bytes)
    settings["INSECURE_SSL_FALLBACK"] = "off"
    if private_hosts and _names_private_host(url):
        settings["SSRF_PROTECTION"] = "off"
    with _reasons() as reasons:
        try:
            response: Any = fetch_response(url, config=config)
        except Exception as error:  # whatever a hostile server or URL provokes in the downloader
            raise FetchFailed(f"download failed ({describe(error)})") from error
    if response is None:
        raise FetchFailed(_reason(reasons, options))
    if response.status != 200:
        raise FetchFailed(f"the server answered {response.status}")
    data: bytes = response.data or b""
    if len(data) > options.max_bytes:
        raise FetchFailed(too_large(options.max_bytes))
    final = response.url or url
    headers = {key.lower(): value for key, value in (response.headers or {}).items()}
    content_type = headers.get("content-type") or ""
    charset = _CHARSET.search(content_type)
    return Item(
        url, name_from_url(url), url, url=final, data=data, charset=charset[1] if charset else None,
        kind="html" if "html" in content_type.lower() else "auto",
    )  # fmt: skip


def read_urls(path: Path | IO[bytes], label: str, options: SourceOptions) -> Iterator[Item]:
    """One item a line of a list of URLs, in the list's order; blank lines and those that begin with ``#`` are not.

    Downloads from several hosts run at once; two from one host are ``options.delay`` seconds apart. The first
    ``options.done`` are not downloaded.
    """
    visits = _Visits(options.delay)

    def get(url: str) -> Item:
        if not visits.wait(url):
            return Item(url, name_from_url(url), label, url=url, error="not downloaded: the run was ended")
        try:
            return fetch(url, options, private_hosts=options.private_hosts)._replace(source=label)
        except FetchFailed as error:
            return Item(url, name_from_url(url), label, url=url, error=str(error))

    with ThreadPoolExecutor(DOWNLOADS) as pool:
        waiting: deque[Future[Item]] = deque()
        try:
            for number, url in enumerate(_urls(path, label)):
                if isinstance(url, Item) or number < options.done:
                    known: Future[Item] = Future()
                    known.set_result(url if isinstance(url, Item) else Item(url, name_from_url(url), label, url=url))
                    waiting.append(known)
                else:
                    waiting.append(pool.submit(get, url))
                while len(waiting) >= 4 * DOWNLOADS:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            visits.end()
            for future in waiting:
                future.cancel()


def _urls(path: Path | IO[bytes], label: str) -> Iterator[str | Item]:
    try:
        if isinstance(path, Path):
            with open_binary(path) as stream:
                yield from _url_lines(stream, label)
        else:
            yield from _url_lines(path, label)
    except BadInput as error:
        yield Item(label, label, label, error=str(error))


def _url_lines(stream: IO[bytes], label: str) -> Iterator[str | Item]:
    number = 0
    while line := stream.readline(MAX_URL):
        number += 1
        text = printable(line.decode("utf-8-sig" if number == 1 else "utf-8", "replace").strip())
        if not text or text.startswith("#"):
            continue
        url = text.split()[0]
        if not url.lower().startswith(("http://", "https://")):
            at = f"{label}:{number}"
            yield Item(at, at, label, error=f"not a http or https URL: {url[:100]}")
            continue
        yield url


class _Visits:
    """Makes downloads from one host wait for their turn."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._next: dict[str, float] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()

    def end(self) -> None:
        """No more visits: whoever waits need not."""
        self._ended.set()

    def wait(self, url: str) -> bool:
        """Returns when it is the URL's turn: true, or at once when there are no more visits: false."""
        try:
            host = urlsplit(url).netloc.lower()
        except ValueError:
            host = ""  # no address: the download says so
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next.get(host, 0.0))
            self._next[host] = turn + self._delay
            if len(self._next) > 10_000:  # a long list: forget hosts whose turn is over
                self._next = {name: at for name, at in self._next.items() if at > now}
        return not self._ended.wait(max(0.0, turn - now))


def _names_private_host(url: str) -> bool:
    """Whether a URL names, by itself, an address that is not public: ``localhost``, ``192.168.0.7``, ``intranet``."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".lan", ".internal")) or "." not in host


class _reasons:
    """Collects what trafilatura logs in this thread instead of returning it, and keeps it off standard error."""

    def __enter__(self) -> list[str]:
        logger = logging.getLogger("trafilatura.downloads")
        if not any(isinstance(handler, _Collector) for handler in logger.handlers):
            logger.addHandler(_Collector())
            logging.getLogger("urllib3").addHandler(logging.NullHandler())
        _OURS.messages = []
        messages: list[str] = _OURS.messages
        return messages

    def __exit__(self, *_: object) -> None:
        _OURS.messages = None


class _Collector(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        messages = getattr(_OURS, "messages", None)
        if messages is not None:
            messages.append(record.getMessage())


def _reason(messages: list[str], options: SourceOptions) -> str:
    text = " ".join(messages)
    if "SSRF" in text:
        return "the address is not on the public internet; allow it with --private-hosts"
    if "timed out" in text or "Timeout" in text:
        return f"timed out after {options.timeout:g} seconds"
    if "NameResolution" in text:
        return "no such host"
    if "refused" in text:
        return "connection refused"
    if "CERTIFICATE" in text or "SSL" in text:
        return "the server's certificate is not valid"
    if "too many redirects" in text:
        return "too many redirects"
    if status := re.search(r"too many (\d{3}) error responses", text):
        return f"the server answered {status[1]}"
    if "MAX_FILE_SIZE" in text or not messages:  # pycurl's downloader does not log it
        return too_large(options.max_bytes)
    return f"download failed ({messages[-1][:200]})"
