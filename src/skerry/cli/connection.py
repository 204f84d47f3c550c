"""One HTTP server, as a command asks it: what can't be reached is said in one sentence."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import click
import httpx

from skerry.cli.errors import NotReachable


class Connection:
    """Requests to one base URL, each answered within ``timeout_s`` seconds.

    url: as people may read it, without the password that it may hold.

    Raises:
        click.UsageError: the URL is none, or the token can't be sent.
    """

    def __init__(self, url: str, *, token: str | None, timeout_s: float) -> None:
        headers = {"User-Agent": "skerry"}
        token = (token or "").strip()  # What is read from a file often ends in a newline.
        if not (token.isascii() and token.isprintable()):
            raise click.UsageError("the token holds characters that can't be sent")
        if token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout_s)
            host = self._http.base_url.host
        except (httpx.InvalidURL, UnicodeEncodeError) as error:
            raise click.UsageError(f"{url} is not a URL: {error}") from error
        if not host or self._http.base_url.scheme not in ("http", "https"):
            raise click.UsageError(f"{url} is not the URL of a server, as http://127.0.0.1:8080 is")
        self.url = without_password(url)
        self._timeout_s = timeout_s

    def __enter__(self) -> Self:
        """Return the connection; leaving closes it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it."""
        self._http.close()

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Return the answer to a request, whatever its status.

        Raises:
            NotReachable: nothing answered within the time.
        """
        try:
            return self._http.request(method, path, **options)
        except httpx.TimeoutException as error:
            raise NotReachable(
                f"{self.url} did not answer within {self._timeout_s:g} s (--timeout-s)"
            ) from error
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            raise NotReachable(f"{self.url} can't be reached: {reason}") from error


def without_password(url: str) -> str:
    """Return a URL without the user and the password in it: it goes to logs."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return scheme + separator + authority.rpartition("@")[2] + slash + path
