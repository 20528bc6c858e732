"""Name resolution for the HTTP client, without the addresses that the guard forbids."""

from __future__ import annotations

import socket

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.domain.text import clean_text
from voicesieve.fetching.guard import forbidden, is_public


class PublicResolver(AbstractResolver):
    """The system's resolver, without addresses that are not public.

    The connection is made to exactly the addresses returned here, so that a second, different answer of a hostile
    name server has no effect (DNS rebinding).
    """

    def __init__(self, *, allow_private_addresses: bool) -> None:
        self._resolver = ThreadedResolver()
        self._allow_private_addresses = allow_private_addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Addresses of ``host``.

        Raises `OSError` if it has none, `FailureError` if none of them is public or it cannot be a host's name.
        """
        try:
            addresses = await self._resolver.resolve(host, port, family)
        except UnicodeError as error:
            message = f"{clean_text(host, 200)!r} cannot be a host's name"
            raise FailureError(Failure.from_exception(FailureKind.UNSUPPORTED, error, message)) from error
        if self._allow_private_addresses:
            return addresses
        public = [result for result in addresses if is_public(result["host"])]
        if addresses and not public:
            raise FailureError(forbidden(host, addresses[0]["host"]))
        return public

    async def close(self) -> None:
        await self._resolver.close()
