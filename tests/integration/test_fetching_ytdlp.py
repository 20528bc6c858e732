"""The real yt-dlp in its worker process, against pages on loopback."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fetch_servers import Site, Visit, endless, serving
from test_fetching_http import LIMITS as HTTP_LIMITS
from test_fetching_http import MEDIA, open_files

from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.domain.fetching import Exchange, Fetched, FetchLimits, FetchRequest
from voicesieve.fetching.ytdlp.fetcher import YtDlpFetcher

# A worker needs about a second to start, and several times that on a busy machine.
LIMITS = replace(HTTP_LIMITS, deadline_s=60, stall_s=30)

TWO_SEGMENTS = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n/a.mp3?1\n#EXTINF:9,\n/a.mp3?2\n"

WATCH = "https://www.youtube.com/watch?v=dQw4w9WgXcQ"
EMBED = "https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ"


def page(*sources: str, title: str = "A story") -> Callable[[Visit], None]:
    tags = "".join(f'<audio src="{source}"></audio>' for source in sources)
    body = f"<html><title>{title}</title>{tags}</html>".encode()
    return lambda visit: visit.answer(body, Content_Type="text/html; charset=utf-8")


def media(visit: Visit) -> None:
    visit.answer(MEDIA, Content_Type="audio/mpeg")


def stuck(visit: Visit) -> None:
    visit.start(200, Content_Type="audio/mpeg", Content_Length=len(MEDIA))
    visit.wfile.write(MEDIA[:50_000])
    visit.wfile.flush()
    visit.hang()


def text(body: str, content_type: str) -> Callable[[Visit], None]:
    return lambda visit: visit.answer(body.encode(), Content_Type=content_type)


@pytest.fixture
def site() -> Iterator[Site]:
    m3u8 = "application/vnd.apple.mpegurl"
    routes = {
        "/page": page("/a.mp3", title="A \u202estory\x00\x1b[31m of T\u1ebft"),
        "/two": page("/a.mp3", "/b.mp3"),
        "/none": page(),
        "/stuck": page("/stuck.mp3"),
        "/endless": page("/endless.mp3"),
        "/inward": lambda visit: visit.answer(b"", 302, Location="file:///etc/passwd"),
        "/a.mp3": media,
        "/b.mp3": media,
        "/stuck.mp3": stuck,
        "/endless.mp3": endless,
        "/vod.m3u8": text(TWO_SEGMENTS + "#EXT-X-ENDLIST\n", m3u8),
        "/live.m3u8": text(TWO_SEGMENTS, m3u8),
        "/slow-down": lambda visit: visit.answer(b"", 429, Retry_After="77"),
        "/gone": lambda visit: visit.answer(b"", 404),
        "/to-youtube": lambda visit: visit.answer(b"", 302, Location=WATCH),
        "/embeds-youtube": text(f'<title>A story</title><iframe src="{EMBED}"></iframe>', "text/html"),
    }
    with serving(routes) as served:
        yield served


def fetch(url: str, scratch: Path, limits: FetchLimits = LIMITS) -> Fetched:
    return asyncio.run(YtDlpFetcher().fetch(FetchRequest("list:1", url, scratch, limits)))


def failure_of(url: str, scratch: Path, limits: FetchLimits = LIMITS) -> Failure:
    with pytest.raises(FailureError) as caught:
        fetch(url, scratch, limits)
    assert children_of(os.getpid()) == []
    return caught.value.failure


def children_of(pid: int) -> list[int]:
    """Child processes, zombies too, but for the servants of pools that other tests have started."""
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [child for child in children if b"from multiprocessing" not in Path(f"/proc/{child}/cmdline").read_bytes()]


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "this did not happen in time"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_audio_of_a_page_arrives_with_clean_facts(site: Site, tmp_path: Path) -> None:
    fetched = fetch(f"{site.base}/page", tmp_path)
    assert fetched.path == tmp_path / "media"
    assert fetched.path.read_bytes() == MEDIA
    assert fetched.bytes == len(MEDIA)
    assert fetched.facts["webpage_url"] == f"{site.base}/page"
    title = fetched.facts["title"]
    assert isinstance(title, str)
    assert "of Tết" in title
    assert "\x00" not in title
    assert "\x1b" not in title
    assert "\u202e" not in title


def test_yt_dlp_introduces_itself_as_we_do_and_its_requests_are_reported(site: Site, tmp_path: Path) -> None:
    agent, seen = "voicesieve/1 (+https://example.org/contact)", list[Exchange]()
    fetcher = YtDlpFetcher(user_agent=agent, observe=seen.append)
    asyncio.run(fetcher.fetch(FetchRequest("url:1", f"{site.base}/page", tmp_path, LIMITS)))
    assert {headers["User-Agent"] for _, headers in site.visits} == {agent}
    names = {name.title() for _, headers in site.visits for name in headers}
    assert not [name for name in names if name.startswith("Sec-")]
    assert [(exchange.visit, exchange.number, exchange.status) for exchange in seen] == [
        ("url:1", number, 200) for number in range(1, len(seen) + 1)
    ]
    assert {exchange.url for exchange in seen} == {f"{site.base}/page", f"{site.base}/a.mp3"}


def test_requests_of_a_failed_fetch_are_reported(site: Site, tmp_path: Path) -> None:
    seen: list[Exchange] = []
    with pytest.raises(FailureError):
        asyncio.run(
            YtDlpFetcher(observe=seen.append).fetch(FetchRequest("url:1", f"{site.base}/gone", tmp_path, LIMITS))
        )
    assert {exchange.status for exchange in seen} == {404}


@pytest.mark.parametrize("path", ["/to-youtube", "/embeds-youtube"])
def test_no_page_of_another_site_leads_yt_dlp_to_youtube(site: Site, tmp_path: Path, path: str) -> None:
    """The video would come without the basis, the licence filter and the pace of YouTube."""
    failure = failure_of(f"{site.base}{path}", tmp_path)
    assert failure.kind is FailureKind.FORBIDDEN_ADDRESS
    assert "youtube" in failure.message


@pytest.mark.parametrize(
    "mirror", ["https://yewtu.be/watch?v=", "https://www.hooktube.com/watch?v=", "https://piped.video/watch?v="]
)
def test_no_mirror_leads_yt_dlp_to_youtube(tmp_path: Path, mirror: str) -> None:
    """yt-dlp takes these hosts for YouTube and would ask YouTube itself, and nobody else."""
    failure = failure_of(f"{mirror}dQw4w9WgXcQ", tmp_path)
    assert failure.kind is FailureKind.FORBIDDEN_ADDRESS
    assert "youtube" in failure.message


def test_a_finished_stream_states_its_duration(site: Site, tmp_path: Path) -> None:
    fetched = fetch(f"{site.base}/vod.m3u8", tmp_path)
    assert fetched.expected_duration_s == 18.0
    assert fetched.path.read_bytes() == MEDIA * 2


@pytest.mark.parametrize("path", ["/page", "/a.mp3"])
def test_private_addresses_are_refused_with_the_setting_that_allows_them(site: Site, tmp_path: Path, path: str) -> None:
    failure = failure_of(site.base + path, tmp_path, replace(LIMITS, allow_private_addresses=False))
    assert failure.kind is FailureKind.FORBIDDEN_ADDRESS
    assert "fetching.allow_private_addresses" in failure.message
    assert site.visits == []


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/two", FailureKind.UNSUPPORTED),
        ("/none", FailureKind.UNSUPPORTED),
        ("/live.m3u8", FailureKind.LIVE_OR_UPCOMING),
        ("/gone", FailureKind.GONE),
    ],
)
def test_refusals_are_typed(site: Site, tmp_path: Path, path: str, kind: FailureKind) -> None:
    assert failure_of(site.base + path, tmp_path).kind is kind


def test_a_redirect_to_a_local_file_brings_nothing(site: Site, tmp_path: Path) -> None:
    failure_of(f"{site.base}/inward", tmp_path)
    assert not (tmp_path / "media").exists()


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ytsearch5:children", "-x", "http://a:b@127.0.0.1/"])
def test_only_web_addresses_reach_ytdlp(tmp_path: Path, url: str) -> None:
    assert failure_of(url, tmp_path).kind is FailureKind.UNSUPPORTED


def test_the_wait_that_a_server_asks_for_comes_through(site: Site, tmp_path: Path) -> None:
    failure = failure_of(f"{site.base}/slow-down", tmp_path)
    assert (failure.kind, failure.retry_after_s) == (FailureKind.RATE_LIMITED, 77.0)
    assert failure.chain


def test_a_duration_over_the_limit_is_refused_before_any_media(site: Site, tmp_path: Path) -> None:
    failure = failure_of(f"{site.base}/vod.m3u8", tmp_path, replace(LIMITS, max_duration_s=10))
    assert failure.kind is FailureKind.TOO_LONG
    assert "/a.mp3" not in [path for path, _ in site.visits]


@pytest.mark.parametrize("path", ["/page", "/endless"])
def test_the_size_limit_holds(site: Site, tmp_path: Path, path: str) -> None:
    failure = failure_of(site.base + path, tmp_path, replace(LIMITS, max_bytes=100_000))
    assert failure.kind is FailureKind.TOO_LONG


def test_a_stalled_transfer_is_killed(site: Site, tmp_path: Path) -> None:
    failure = failure_of(f"{site.base}/stuck", tmp_path, replace(LIMITS, stall_s=3))
    assert (failure.kind, "stalled" in failure.message) == (FailureKind.TIMEOUT, True)


def test_the_deadline_holds(site: Site, tmp_path: Path) -> None:
    started = time.monotonic()
    failure = failure_of(f"{site.base}/stuck", tmp_path, replace(LIMITS, deadline_s=1.0))
    assert (failure.kind, "deadline" in failure.message) == (FailureKind.TIMEOUT, True)
    assert time.monotonic() - started < 10


def test_a_worker_killed_from_outside_is_our_failure(site: Site, tmp_path: Path) -> None:
    async def run() -> None:
        fetching = asyncio.create_task(
            YtDlpFetcher().fetch(FetchRequest("list:1", f"{site.base}/stuck", tmp_path, LIMITS))
        )
        while not (workers := children_of(os.getpid())):
            await asyncio.sleep(0.02)
        os.kill(workers[0], signal.SIGKILL)
        await fetching

    with pytest.raises(FailureError) as caught:
        asyncio.run(run())
    assert caught.value.failure.kind is FailureKind.OUT_OF_MEMORY


def test_the_worker_sees_no_secret_and_no_proxy(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICESIEVE_YOUTUBE_API_KEY", "canary")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    seen: list[bytes] = []

    async def run() -> Fetched:
        fetching = asyncio.create_task(
            YtDlpFetcher().fetch(FetchRequest("list:1", f"{site.base}/page", tmp_path, LIMITS))
        )
        while not fetching.done() and not seen:
            await asyncio.sleep(0.02)
            seen.extend(
                environment
                for worker in children_of(os.getpid())
                if b"YTDLP_NO_PLUGINS" in (environment := Path(f"/proc/{worker}/environ").read_bytes())
            )
        return await fetching

    assert asyncio.run(run()).bytes == len(MEDIA)
    assert b"canary" not in seen[0]
    assert b"proxy" not in seen[0]


def test_cancelling_thirty_fetches_at_random_leaves_nothing_behind(site: Site, tmp_path: Path) -> None:
    async def run() -> None:
        chance = random.Random(4)
        loop = asyncio.get_running_loop()
        tasks = []
        for number in range(30):
            scratch = tmp_path / str(number)
            scratch.mkdir()
            request = FetchRequest(f"list:{number}", f"{site.base}/stuck", scratch, LIMITS)
            tasks.append(asyncio.create_task(YtDlpFetcher().fetch(request)))
            loop.call_later(chance.uniform(0, 3), tasks[-1].cancel)
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)

    with pytest.raises(FailureError):  # the first use opens what stays open for good
        fetch(f"{site.base}/gone", tmp_path)
    before = len(open_files())
    asyncio.run(run())
    assert children_of(os.getpid()) == []
    until(lambda: len(open_files()) <= before)


def fake_worker(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Put a worker of our own in the place of the real one."""
    package = folder / "fake" / "voicesieve" / "fetching" / "ytdlp"
    package.mkdir(parents=True)
    for parent in (package, package.parent, package.parent.parent):
        (parent / "__init__.py").touch()
    (package / "video_worker.py").write_text(f"import os, sys, json\n{code}\n")
    monkeypatch.setenv("PYTHONPATH", str(folder / "fake"))


@pytest.mark.parametrize(
    "code",
    [
        "",
        "sys.exit(3)",
        "print('not JSON')",
        "print('null')",
        "print('[' * 100_000)",
        "print(json.dumps({'facts': {'title': 'x' * 5_000_000}}))",
        "print(json.dumps({'failure': 7}))",
        "print(json.dumps({'failure': {'kind': 'no_such_kind', 'message': 'x'}}))",
        "print(json.dumps({'bytes': 5, 'facts': {}}))",
        "os.symlink('/etc/passwd', 'media'); print('{}')",
        "os.mkfifo('media'); print('{}')",
        "open('media', 'w').close(); print('{}')",
    ],
)
def test_a_worker_that_lost_its_mind_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    fake_worker(tmp_path, monkeypatch, code)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    assert failure_of("http://a.example/", scratch).kind is FailureKind.INTERNAL_ERROR


def test_what_a_worker_says_is_bounded_and_cleaned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "open('media', 'w').write('x')\n"
        "facts = {'title': '\\x1b' + 'y' * 9_999, 'age_limit': 18, 'odd': {'a': 1}, 'huge': 10**400}\n"
        "print(json.dumps({'duration_s': -1, 'facts': facts}))"
    )
    fake_worker(tmp_path, monkeypatch, code)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    fetched = fetch("http://a.example/", scratch)
    assert (fetched.bytes, fetched.expected_duration_s) == (1, None)
    assert fetched.facts == {"title": "y" * 1_000, "age_limit": 18.0, "odd": "", "huge": ""}


PARENT = """
import asyncio, pathlib, sys
from voicesieve.domain.fetching import FetchLimits, FetchRequest
from voicesieve.fetching.ytdlp.fetcher import YtDlpFetcher
limits = FetchLimits(600, 600, 1, 10**9, 10**9, 3, True)
asyncio.run(YtDlpFetcher().fetch(FetchRequest("list:1", sys.argv[1], pathlib.Path(sys.argv[2]), limits)))
"""


@pytest.mark.parametrize("while_", ["starting", "fetching"])
def test_the_worker_does_not_outlive_its_parent(site: Site, tmp_path: Path, while_: str) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, f"{site.base}/stuck", str(tmp_path)]) as parent:
        try:
            until(lambda: children_of(parent.pid) != [])
            (worker,) = children_of(parent.pid)
            if while_ == "fetching":
                until(lambda: any(path == "/stuck.mp3" for path, _ in site.visits))
        finally:
            parent.kill()
    until(lambda: not is_alive(worker))
