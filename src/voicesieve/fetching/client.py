"""The HTTP client: public addresses only, limits on everything, no state between requests."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import TracebackType

import aiohttp
from yarl import URL

from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.fetching.guard import check_address, check_platform, check_url
from voicesieve.fetching.resolver import PublicResolver
from voicesieve.fetching.statuses import status_failure
from voicesieve.fetching.text import clean
from voicesieve.machine import exhausted

__all__ = ["HttpAnswer", "HttpClient", "broken_transfer", "connection_failure", "content_refusal", "status_failure"]

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SAFE_FOR_ANY_HOST = frozenset({"accept", "range", "if-range", "if-none-match", "if-modified-since"})
"""Headers that may follow a redirect to another origin; all others could be credentials."""
_READ_BUFFER_BYTES = 2**18
"""What a response may hold in memory unread is twice this. Larger brought no speed on loopback."""


@dataclass(frozen=True)
class HttpAnswer:
    """A complete response. ``url`` is where redirects ended; header names are in lower case."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes


class HttpClient:
    """One per run; use as ``async with``. Keeps connections alive but no cookies, no proxy, no environment.

    ``user_agent`` should say who crawls and how to reach them. ``closed_platforms`` are asked nothing, redirects
    included: their terms need a legal basis, and none is stated.
    """

    def __init__(
        self,
        *,
        allow_private_addresses: bool,
        max_redirects: int,
        user_agent: str,
        closed_platforms: Collection[str] = (),
    ) -> None:
        self._allow_private_addresses = allow_private_addresses
        self._max_redirects = max_redirects
        self._user_agent = user_agent
        self._closed_platforms = frozenset(closed_platforms)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> HttpClient:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=PublicResolver(allow_private_addresses=self._allow_private_addresses)
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": self._user_agent, "Accept-Encoding": "identity"},
            timeout=aiohttp.ClientTimeout(total=None),  # every caller sets its own deadline
            auto_decompress=False,
            trust_env=False,
            read_bufsize=_READ_BUFFER_BYTES,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def read(
        self,
        url: str,
        *,
        max_bytes: int,
        deadline_s: float,
        headers: Mapping[str, str] | None = None,
        any_status: bool = False,
    ) -> HttpAnswer:
        """Get a whole feed or page of at most ``max_bytes`` within ``deadline_s`` seconds.

        A 304 is returned like a success, and so is every status with ``any_status``. Raises `FailureError`: a status
        of 400 or more by `status_failure`, too long, timeout, network, truncated, forbidden address, unsupported.
        """
        try:
            async with asyncio.timeout(deadline_s):
                response = await self.get(url, headers or {})
                try:
                    return await _whole(response, max_bytes, any_status=any_status)
                finally:
                    response.close()
        except TimeoutError as error:
            message = f"{_host(url)} did not answer in full within {deadline_s:g} s"
            raise FailureError(Failure.from_exception(FailureKind.TIMEOUT, error, message)) from error

    async def get(self, url: str, headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        """Follow redirects, each one checked anew, up to an answer whose body is still to be read.

        The caller closes the response and sets the time limit. Raises `FailureError` (forbidden address,
        unsupported, network), never for a status.
        """
        target = self._checked(url)
        for _ in range(self._max_redirects + 1):
            response = await self._request(target, headers)
            location = response.headers.get("Location")
            if response.status not in _REDIRECTS or location is None:
                return response
            response.close()
            following = self._checked(_redirected(target, location))
            if following.origin() != target.origin():
                headers = {name: value for name, value in headers.items() if name.lower() in _SAFE_FOR_ANY_HOST}
            target = following
        message = f"{_host(url)} redirects more than {self._max_redirects} times"
        raise FailureError(Failure(FailureKind.UNSUPPORTED, message))

    def _checked(self, url: str) -> URL:
        check_url(url)
        check_platform(url, self._closed_platforms)
        target = _parsed(url)
        host = target.host or ""
        if ":" in host or host.replace(".", "").isdigit():  # an address, for which no resolver is asked
            check_address(host, host, allow_private_addresses=self._allow_private_addresses)
        return target

    async def _request(self, target: URL, headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        if self._session is None:
            raise RuntimeError("HttpClient is used outside its 'async with'")
        try:
            return await self._session.get(target, headers=headers, allow_redirects=False)
        except aiohttp.InvalidURL as error:
            message = f"{_host(str(target))} is not a host that can be asked"
            raise FailureError(Failure.from_exception(FailureKind.UNSUPPORTED, error, message)) from error
        except aiohttp.ClientError as error:
            raise FailureError(connection_failure(str(target), error)) from error


def connection_failure(url: str, error: Exception) -> Failure:
    """Type what aiohttp raises before or instead of an answer: DNS, refused, reset, TLS, not HTTP, no descriptors."""
    if (ours := exhausted(error)) is not None:
        return ours
    return Failure.from_exception(FailureKind.NETWORK, error, f"{_host(url)} cannot be reached: {_cause(error)}")


def broken_transfer(url: str, error: Exception) -> Failure:
    """Type what aiohttp raises in the middle of a body. It does not always tell a reset from a short body."""
    if isinstance(error, aiohttp.ClientPayloadError):
        message = f"{_host(url)} ended its answer before it was complete"
        return Failure.from_exception(FailureKind.TRUNCATED, error, message)
    message = f"the connection to {_host(url)} broke: {_cause(error)}"
    return Failure.from_exception(FailureKind.NETWORK, error, message)


def content_refusal(headers: Mapping[str, str]) -> Failure | None:
    """Refuse a body in a content coding we did not ask for: it may unpack to any size."""
    coding = headers.get("Content-Encoding", "identity").strip().lower()
    if coding in ("", "identity"):
        return None
    return Failure(FailureKind.UNSUPPORTED, f"the answer is packed as {clean(coding, 50)!r} although we ask for none")


async def _whole(response: aiohttp.ClientResponse, max_bytes: int, *, any_status: bool) -> HttpAnswer:
    if not any_status and response.status >= 300 and response.status != 304:
        raise FailureError(status_failure(response.status, response.headers))
    refusal = content_refusal(response.headers)
    if refusal is not None:
        raise FailureError(refusal)
    if (response.content_length or 0) > max_bytes:
        raise FailureError(_too_long(response, max_bytes))
    body = bytearray()
    try:
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > max_bytes:
                raise FailureError(_too_long(response, max_bytes))
    except (aiohttp.ClientError, OSError) as error:
        raise FailureError(broken_transfer(str(response.url), error)) from error
    headers = {name.lower(): value for name, value in response.headers.items()}
    return HttpAnswer(response.status, str(response.url), headers, bytes(body))


def _too_long(response: aiohttp.ClientResponse, max_bytes: int) -> Failure:
    return Failure(FailureKind.TOO_LONG, f"{_host(str(response.url))} sends more than the {max_bytes:,} bytes allowed")


def _redirected(source: URL, location: str) -> str:
    try:
        return str(source.join(URL(location)))
    except ValueError as error:
        message = f"{source.host} redirects to {clean(location, 200)!r}, which is not a URL"
        raise FailureError(Failure.from_exception(FailureKind.UNSUPPORTED, error, message)) from error


def _parsed(url: str) -> URL:
    try:
        return URL(url)
    except ValueError as error:
        message = f"{clean(url, 200)!r} cannot be fetched: it is not a URL"
        raise FailureError(Failure.from_exception(FailureKind.UNSUPPORTED, error, message)) from error


def _host(url: str) -> str:
    return clean(URL(url).host or "the server", 200)


def _cause(error: BaseException) -> str:
    root = error
    while root.__cause__ is not None:
        root = root.__cause__
    return clean(str(root), 300) or type(root).__name__
