"""The HTTP client: public addresses only, limits on everything, no state kept between items."""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass
from types import TracebackType

import aiohttp
from aiohttp.http_exceptions import BadStatusLine
from yarl import URL

from voicesieve.domain import addresses
from voicesieve.domain.addresses import WebAddress
from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.domain.fetching import Exchange, Observe, unobserved
from voicesieve.domain.text import clean_text
from voicesieve.fetching.credentials import Credentials
from voicesieve.fetching.guard import check_address, check_platform, checked_url
from voicesieve.fetching.resolver import PublicResolver
from voicesieve.fetching.statuses import status_failure
from voicesieve.fetching.unpacking import Unpacker, codings_of, is_gzip
from voicesieve.machine import exhausted

_REDIRECTS = frozenset({300, 301, 302, 303, 307, 308})
_SAFE_FOR_ANY_HOST = frozenset({"accept", "range", "if-range", "if-none-match", "if-modified-since"})
"""Headers that may follow a redirect to another origin; all others could be credentials."""
_REFRESH = re.compile(r"\s*(\d{1,9})(?:\.\d*)?\s*[;,]\s*(?:url\s*=)?\s*[\"']?([^\"']+)", re.IGNORECASE)
_LONGEST_REFRESH_S = 10
"""A refresh within this time leads to another page; a page with a longer one reloads itself."""
_READ_BUFFER_BYTES = 2**18
"""A response holds at most twice this unread in memory. Larger values were not faster on loopback."""
_MAX_HEADER_BYTES = 2**15
"""Longest header. Security policies of real sites are longer than the 8 kB that aiohttp allows by default."""
_MAX_COOKIE_BYTES = 2**13
"""Most cookies sent in one request; servers refuse longer headers."""


@dataclass(frozen=True)
class HttpAnswer:
    """A complete response. ``url`` is where redirects ended; header names are in lower case."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes


class HttpClient:
    """One per run; use as ``async with``. Keeps connections alive, but uses no proxy and no environment variables.

    ``user_agent`` should name who crawls and how to contact them. ``closed_platforms`` get no request, redirects
    included: their terms need a legal basis, and none is stated. ``observe`` is called after every request.
    """

    def __init__(
        self,
        *,
        allow_private_addresses: bool,
        max_redirects: int,
        user_agent: str,
        closed_platforms: Collection[str] = (),
        credentials: Credentials | None = None,
        observe: Observe = unobserved,
    ) -> None:
        self.allow_private_addresses = allow_private_addresses
        self.max_redirects = max_redirects
        self.closed_platforms = frozenset(closed_platforms)
        self.credentials = credentials or Credentials({})
        self.observe = observe
        self._user_agent = user_agent
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> HttpClient:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=PublicResolver(allow_private_addresses=self.allow_private_addresses), ssl=_tls()
            ),
            cookie_jar=aiohttp.DummyCookieJar(),  # a visit has a jar of its own
            headers={"User-Agent": self._user_agent},
            timeout=aiohttp.ClientTimeout(total=None),  # every caller sets its own deadline
            auto_decompress=False,
            trust_env=False,
            read_bufsize=_READ_BUFFER_BYTES,
            max_line_size=_MAX_HEADER_BYTES,
            max_field_size=_MAX_HEADER_BYTES,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    @property
    def session(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("HttpClient is used outside its 'async with'")
        return self._session

    def visit(self, name: str) -> Visit:
        """All requests for one item, called ``name`` in the log."""
        return Visit(self, name)

    async def read(
        self,
        url: str,
        *,
        max_bytes: int,
        deadline_s: float,
        headers: Mapping[str, str] | None = None,
        any_status: bool = False,
    ) -> HttpAnswer:
        """Get a whole feed or page of at most ``max_bytes``, unpacked, within ``deadline_s`` seconds.

        A 304 is returned like a success, and so is every status with ``any_status``. Raises `FailureError`: a status
        of 400 or more by `status_failure`, too long, timeout, network, truncated, forbidden address, unsupported.
        """
        try:
            async with asyncio.timeout(deadline_s):
                response = await self.visit(url).get(url, headers or {})
                try:
                    return await _whole(response, max_bytes, any_status=any_status)
                finally:
                    response.close()
        except TimeoutError as error:
            message = f"{_host(url)} did not answer in full within {deadline_s:g} s"
            raise FailureError(Failure.from_exception(FailureKind.TIMEOUT, error, message)) from error


class Visit:
    """The requests for one item: they share cookies, which no other item sees, and are counted together."""

    def __init__(self, client: HttpClient, name: str) -> None:
        self._client = client
        self._name = name
        self._cookies = aiohttp.CookieJar(unsafe=True, quote_cookie=False)
        self._requests = 0
        self._accepted_codings = "identity"

    async def get(self, url: str, headers: Mapping[str, str], *, follow_refresh: bool = False) -> HttpResponse:
        """Follow redirects, each one checked again, up to a response whose body is still to be read.

        With ``follow_refresh`` also a page that only redirects its reader. The caller closes the response and sets the
        time limit. Raises `FailureError` (forbidden address, unsupported, network), never for a status.
        """
        wanted = address = self._checked(url)
        seen: set[tuple[str, str]] = set()
        for _ in range(self._client.max_redirects + 1):
            seen.add((str(address), self._cookies_for(address)))
            response = await self._request(address, wanted, headers)
            if response.status == 406 and self._accepted_codings == "identity":
                response.close()
                self._accepted_codings = "gzip, deflate"  # which can be unpacked, though it saves nothing
                response = await self._request(address, wanted, headers)
            location = _onward(response, follow_refresh=follow_refresh)
            if location is None:
                return response
            response.close()
            following = self._redirected(address, location)
            if following.origin != address.origin:
                headers = {name: value for name, value in headers.items() if name.lower() in _SAFE_FOR_ANY_HOST}
            address = following
            if (str(address), self._cookies_for(address)) in seen:
                message = f"{_host(url)} redirects in a loop; check the address in a browser"
                raise FailureError(Failure(FailureKind.SERVER_ERROR, message))
        message = (
            f"{_host(url)} redirects more than {self._client.max_redirects} times; "
            "if the address works in a browser, raise fetching.max_redirects"
        )
        # Not `unsupported`: the next method would follow the same redirects once more.
        raise FailureError(Failure(FailureKind.SERVER_ERROR, message))

    def _checked(self, url: str) -> WebAddress:
        address = checked_url(url)
        check_platform(address.host, self._client.closed_platforms)
        host = address.host.strip("[]")
        if ":" in host or host.replace(".", "").isdigit():  # an address, which no resolver checks
            check_address(address.host, host, allow_private_addresses=self._client.allow_private_addresses)
        return address

    def _redirected(self, source: WebAddress, location: str) -> WebAddress:
        try:
            return self._checked(addresses.resolved(str(source), addresses.of_header(location)))
        except FailureError as error:
            failure = error.failure
            message = f"{clean_text(source.host, 200)} redirects to an address that is not followed: {failure.message}"
            raise FailureError(Failure.from_exception(failure.kind, error, message)) from error

    async def _request(self, address: WebAddress, wanted: WebAddress, headers: Mapping[str, str]) -> HttpResponse:
        self._requests += 1
        sent = {"Accept-Encoding": self._accepted_codings, **headers}
        if cookies := self._cookies_for(address):
            sent["Cookie"] = cookies
        if authorization := self._client.credentials.header_for(address, wanted):
            sent["Authorization"] = authorization
        record = _Record(self._client.observe, self._name, self._requests, str(address), headers.get("Range", ""))
        try:
            response = await self._client.session.get(_as_given(address), headers=sent, allow_redirects=False)
        except aiohttp.InvalidURL as error:
            message = f"{clean_text(address.host, 200)} is not a valid host name"
            record.end(None, 0, message)
            raise FailureError(Failure.from_exception(FailureKind.UNSUPPORTED, error, message)) from error
        except aiohttp.ClientError as error:
            failure = connection_failure(str(address), error)
            record.end(None, 0, failure.message)
            raise FailureError(failure) from error
        except BaseException as error:
            record.end(None, 0, clean_text(str(error), 300) or type(error).__name__)
            raise
        self._cookies.update_cookies_from_headers(response.headers.getall("Set-Cookie", ()), URL(address.origin))
        refused = self._client.credentials.why_not(address) if authorization is None else ""
        return HttpResponse(response, address, record, authorized=authorization is not None, not_shown=refused)

    def _cookies_for(self, address: WebAddress) -> str:
        path, _, _ = address.target.partition("?")
        url = URL.build(scheme=address.scheme, authority=_authority(address), path=path, encoded=True)
        pairs, length = [], 0
        for cookie in self._cookies.filter_cookies(url).values():
            pair = f"{cookie.key}={cookie.value}"
            length += len(pair) + 2
            if length <= _MAX_COOKIE_BYTES:
                pairs.append(pair)
        return "; ".join(pairs)


class HttpResponse:
    """An answer whose body is still to be read. ``close`` must be called; it completes the request's line in the
    log."""

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        address: WebAddress,
        record: _Record,
        *,
        authorized: bool,
        not_shown: str,
    ) -> None:
        self._response = response
        self._record = record
        self._bytes = 0
        self._authorized = authorized
        self._not_shown = not_shown
        self.address = address
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self.content_length = response.content_length

    def codings(self) -> tuple[str, ...]:
        """What the body is packed with. Raises `FailureError` for what cannot be unpacked."""
        return codings_of(",".join(self._response.headers.getall("Content-Encoding", ())))

    async def some(self) -> bytes:
        """The next bytes as they come in, empty at the end. Raises `aiohttp.ClientError` and `OSError`."""
        data = await self._response.content.readany()
        self._bytes += len(data)
        return data

    def failure(self) -> Failure:
        """The status as a failure, with advice about credentials."""
        failure = status_failure(self.status, self.headers)
        if self.status not in (401, 403):
            return failure
        host = self.address.origin.partition("://")[2]
        if self._not_shown:
            advice = self._not_shown
        elif self._authorized:
            advice = f'it does not accept what fetching.credentials."{host}" says'
        else:
            advice = f'if it is open to you with a password or token, set fetching.credentials."{host}"'
        return Failure(failure.kind, f"{failure.message}; {advice}", retry_after_s=failure.retry_after_s)

    def close(self) -> None:
        self._response.close()
        self._record.end(self.status, self._bytes)


class _Record:
    """The line of one request in the log, written once it has ended."""

    def __init__(self, observe: Observe, visit: str, number: int, url: str, range_: str) -> None:
        self._observe: Observe | None = observe
        self._visit, self._number, self._url, self._range = visit, number, url, range_
        self._started = time.monotonic()

    def end(self, status: int | None, size: int, error: str = "") -> None:
        if self._observe is None:
            return
        took_s = time.monotonic() - self._started
        self._observe(Exchange(self._visit, self._number, self._url, self._range, status, size, took_s, error))
        self._observe = None


def connection_failure(url: str, error: Exception) -> Failure:
    """Type what aiohttp raises before or instead of an answer: DNS, refused, reset, TLS, not HTTP, no descriptors."""
    if (ours := exhausted(error)) is not None:
        return ours
    if isinstance(error, aiohttp.ClientResponseError):
        reason = clean_text(" ".join(error.message.split()), 200)
        message = f"{_host(url)} sent an answer that is not valid HTTP: {reason}"
        # Other broken answers may pass the next method, which may be less strict.
        kind = FailureKind.NETWORK if isinstance(_root(error), BadStatusLine) else FailureKind.UNSUPPORTED
        return Failure.from_exception(kind, error, message)
    return Failure.from_exception(FailureKind.NETWORK, error, f"{_host(url)} cannot be reached: {_cause(error)}")


def broken_transfer(url: str, error: Exception) -> Failure:
    """Type what aiohttp raises in the middle of a body. It does not always distinguish a reset from a short body."""
    if isinstance(error, aiohttp.ClientPayloadError):
        message = f"{_host(url)} ended its answer before it was complete"
        return Failure.from_exception(FailureKind.TRUNCATED, error, message)
    message = f"the connection to {_host(url)} broke: {_cause(error)}"
    return Failure.from_exception(FailureKind.NETWORK, error, message)


async def _whole(response: HttpResponse, max_bytes: int, *, any_status: bool) -> HttpAnswer:
    if not any_status and response.status != 304 and (response.status >= 300 or response.status == 202):
        raise FailureError(response.failure())
    unpacker = Unpacker(response.codings())
    if (response.content_length or 0) > max_bytes:
        raise FailureError(_too_long(response, max_bytes))
    body = await _gathered(_unpacked(response, unpacker), response, max_bytes)
    if not unpacker.packed and is_gzip(body):  # a packed file that is served as it is
        body = await _gathered(_unpacked_file(body), response, max_bytes)
    headers = {name.lower(): value for name, value in response.headers.items()}
    return HttpAnswer(response.status, str(response.address), headers, body)


async def _gathered(pieces: AsyncIterator[bytes], response: HttpResponse, max_bytes: int) -> bytes:
    body = bytearray()
    async for piece in pieces:
        body += piece
        if len(body) > max_bytes:
            raise FailureError(_too_long(response, max_bytes))
    return bytes(body)


async def _unpacked(response: HttpResponse, unpacker: Unpacker) -> AsyncIterator[bytes]:
    try:
        while data := await response.some():
            for piece in unpacker.pieces(data):
                yield piece
                if unpacker.packed:
                    await asyncio.sleep(0)  # a bomb takes seconds to unpack; other tasks must not wait for it
    except (aiohttp.ClientError, OSError) as error:
        raise FailureError(broken_transfer(str(response.address), error)) from error
    yield unpacker.rest()


async def _unpacked_file(body: bytes) -> AsyncIterator[bytes]:
    unpacker = Unpacker(("gzip",))
    for piece in unpacker.pieces(body):
        yield piece
        await asyncio.sleep(0)
    yield unpacker.rest()


def _too_long(response: HttpResponse, max_bytes: int) -> Failure:
    host = clean_text(response.address.host, 200)
    return Failure(FailureKind.TOO_LONG, f"{host} sends more than the {max_bytes:,} bytes allowed")


def _onward(response: HttpResponse, *, follow_refresh: bool) -> str | None:
    """Where the answer redirects to; ``None`` for an answer that does not redirect."""
    if response.status in _REDIRECTS:
        return response.headers.get("Location", "").strip() or None
    if not follow_refresh or response.status != 200:
        return None
    media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    refresh = _REFRESH.match(response.headers.get("Refresh", ""))
    if refresh is None or int(refresh[1]) > _LONGEST_REFRESH_S or media_type not in ("", "text/html"):
        return None
    return refresh[2].strip() or None


def _as_given(address: WebAddress) -> URL:
    """``address`` for aiohttp, its target sent as it is: taken apart, yarl would drop an empty query."""
    return URL.build(scheme=address.scheme, authority=_authority(address), path=address.target, encoded=True)


def _authority(address: WebAddress) -> str:
    return address.origin.partition("://")[2]


def _tls() -> ssl.SSLContext:
    """Certificates checked as by default; but unlike the default it writes no keys to ``SSLKEYLOGFILE``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _host(url: str) -> str:
    try:
        return clean_text(addresses.split(url).host, 200)
    except ValueError:
        return "the server"


def _root(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _cause(error: BaseException) -> str:
    root = _root(error)
    return clean_text(str(root), 300) or type(root).__name__
