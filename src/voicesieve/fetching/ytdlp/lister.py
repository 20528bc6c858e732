"""Pages of lists on YouTube, each requested by a yt-dlp worker of its own."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.domain.fetching import Observe, unobserved
from voicesieve.domain.listings import ListedVideo, ListPage
from voicesieve.fetching.ytdlp import process
from voicesieve.fetching.ytdlp.list_worker import Order
from voicesieve.fetching.ytdlp.process import number, text

MODULE = "voicesieve.fetching.ytdlp.list_worker"
TIMEOUT_S = 30.0
DEADLINE_S = 180.0
"""Starting a worker, a page of the site and one of its API, each with one retry of `TIMEOUT_S`."""


class YtDlpLister:
    """Reads one page of a list at a time. Holds no state."""

    def __init__(
        self, *, allow_private_addresses: bool, user_agent: str = "voicesieve", observe: Observe = unobserved
    ) -> None:
        self._allow_private_addresses = allow_private_addresses
        self._user_agent = user_agent
        self._observe = observe

    async def page(
        self, *, url: str, phrase: str, parameters: str | None, place: Mapping[str, object] | None
    ) -> ListPage:
        """One page of a search (``phrase``) or of a list (``url``). Raises `FailureError`."""
        order = Order(url, phrase, parameters, place, TIMEOUT_S, self._allow_private_addresses, self._user_agent)
        with tempfile.TemporaryDirectory(prefix="voicesieve-list-") as folder:
            worker = await process.start(MODULE, asdict(order), Path(folder))
            try:
                async with asyncio.timeout(DEADLINE_S):
                    answer = await worker.answer
                if not answer:
                    raise FailureError(await worker.died())
            except TimeoutError as error:
                message = f"no page within {DEADLINE_S:g} s"
                raise FailureError(Failure.from_exception(FailureKind.TIMEOUT, error, message)) from error
            finally:
                await worker.end()
        for exchange in process.requests(answer, phrase or url):
            self._observe(exchange)
        return _page(process.parsed(answer))


def _page(fields: Mapping[str, object]) -> ListPage:
    """The worker's answer, checked, because the worker has handled hostile input."""
    entries = fields.get("entries")
    if not isinstance(entries, list):
        raise FailureError(process.nonsense("it has no list of entries"))
    place, about = fields.get("place"), process.facts(fields.get("about"))
    if place is not None and not isinstance(place, dict):
        raise FailureError(process.nonsense("its place is not an object"))
    channel, channel_id = text(about.get("channel")), text(about.get("channel_id"))
    return ListPage(tuple(_video(entry) for entry in entries if isinstance(entry, dict)), place, channel, channel_id)


def _video(entry: Mapping[str, object]) -> ListedVideo:
    return ListedVideo(
        id=text(entry.get("id")),
        title=text(entry.get("title")),
        channel=text(entry.get("channel")),
        channel_id=text(entry.get("channel_id")),
        description=text(entry.get("description")),
        duration_s=number(entry.get("duration_s")),
        live_status=text(entry.get("live_status")),
        availability=text(entry.get("availability")),
    )
