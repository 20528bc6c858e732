"""The public Python interface, used as a script would use it."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from catalog_world import candidate

import voicesieve
from voicesieve.catalog.opening import open_catalog
from voicesieve.catalog.reads import listing
from voicesieve.catalog.writes import discovery
from voicesieve.domain.states import VideoState

ROOT = Path(__file__).resolve().parents[2]
CLIPS = ROOT / "demo" / "clips"
PROGRAM = (sys.executable, "-m", "voicesieve")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog of three files: two children and an adult."""
    folder = tmp_path_factory.mktemp("api")
    (folder / "clips").mkdir()
    for name in ("child-en-zoo", "child-vi-story", "adult-man-news"):
        (folder / "clips" / f"{name}.opus").write_bytes((CLIPS / f"{name}.opus").read_bytes())
    crawl = ("crawl", "--source", f"folder:{folder / 'clips'}", "--quiet", "--data", folder / "data")
    subprocess.run([*PROGRAM, *crawl], check=True)
    return folder / "data"


def printed(*arguments: str | Path) -> dict[str, object]:
    ended = subprocess.run([*PROGRAM, *arguments], check=True, capture_output=True, text=True)
    return dict(json.loads(ended.stdout))


def test_analyse_gives_what_the_command_prints() -> None:
    clip = CLIPS / "mixed-interview.opus"
    assert voicesieve.analyse(clip).to_dict() == printed("analyse", "--json", clip)


def test_why_gives_what_the_command_prints(data: Path) -> None:
    with voicesieve.open(data) as catalog:
        video = next(iter(catalog.videos()))
        assert catalog.why(video.id).to_dict() == printed("why", video.id, "--json", "--data", data)


def test_a_file_without_sound_is_a_typed_failure(tmp_path: Path) -> None:
    (tmp_path / "text.opus").write_text("no sound")
    with pytest.raises(voicesieve.FailureError) as raised:
        voicesieve.analyse(tmp_path / "text.opus")
    assert raised.value.failure.kind == "undecodable"


@pytest.mark.parametrize("names", [{"detector": "ear"}, {"operating_point": "loud"}])
def test_a_name_that_does_not_exist_says_what_there_is(names: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="there are"):
        voicesieve.analyse(CLIPS / "silence.opus", **names)


def test_videos_by_state_and_source(data: Path) -> None:
    with voicesieve.open(data) as catalog:
        titles = {state: {video.title for video in catalog.videos(state=state)} for state in ("accepted", "rejected")}
        assert titles == {"accepted": {"child-en-zoo", "child-vi-story"}, "rejected": {"adult-man-news"}}
        assert len(list(catalog.videos(source="file"))) == 3
        assert list(catalog.videos(source="rss")) == []
        with pytest.raises(ValueError, match="'heard' is not a valid VideoState"):
            catalog.videos(state="heard")


def test_segments_lie_within_their_recordings_and_name_a_file(data: Path) -> None:
    with voicesieve.open(data) as catalog:
        segments = list(catalog.segments())
        assert {segment.video for segment in segments} == {video.id for video in catalog.videos(state="accepted")}
        assert all(0 <= segment.start < segment.end and 0 <= segment.score <= 1 for segment in segments)
        assert all(segment.audio is not None and segment.audio.is_file() for segment in segments)
        rows = catalog.segments()
        assert list(rows) == list(rows) == segments, "rows can be iterated again"


def test_a_table_for_pandas(data: Path) -> None:
    pytest.importorskip("pandas")
    with voicesieve.open(data) as catalog:
        table = catalog.segments().to_pandas()
        assert list(table.columns)[:5] == ["video", "recording", "audio", "start", "end"]
        assert set(table["label"]) <= {"child", "adult", "nonspeech", "unsure"}
        assert list(catalog.videos(state="withdrawn").to_pandas().columns)[:2] == ["id", "source"]


def test_an_unknown_video_and_a_folder_without_a_catalog_say_what_to_do(data: Path, tmp_path: Path) -> None:
    with voicesieve.open(data) as catalog, pytest.raises(voicesieve.VoicesieveError, match="Ids look like"):
        catalog.why("file:0000")
    with pytest.raises(voicesieve.VoicesieveError, match="voicesieve crawl"):
        voicesieve.open(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


def test_an_empty_catalog_has_no_rows(tmp_path: Path) -> None:
    open_catalog(tmp_path, create=True).close()
    with voicesieve.open(tmp_path) as catalog:
        assert list(catalog.videos()) == list(catalog.segments()) == []


def test_reading_changes_no_file(data: Path) -> None:
    before = {path: path.read_bytes() for path in sorted(data.rglob("*")) if path.is_file()}
    with voicesieve.open(data) as catalog:
        assert [catalog.why(video.id).video for video in catalog.videos()] == [video.id for video in catalog.videos()]
        assert list(catalog.segments()) != []
    assert {path: path.read_bytes() for path in sorted(data.rglob("*")) if path.is_file()} == before


def test_a_catalog_can_be_read_while_another_writes_to_it(data: Path) -> None:
    writer = open_catalog(data, create=False)
    with voicesieve.open(data) as catalog, writer.write():
        assert len(list(catalog.videos())) == 3
    writer.close()


def test_a_withdrawn_video_shows_neither_title_nor_address(data: Path, tmp_path: Path) -> None:
    own = tmp_path / "data"
    subprocess.run(["cp", "-r", str(data), str(own)], check=True)
    with voicesieve.open(own) as catalog:
        video = next(iter(catalog.videos(state="accepted")))
    subprocess.run(
        [*PROGRAM, "withdraw", "video", video.id, "--reason", "asked for", "--yes", "--data", own], check=True
    )
    with voicesieve.open(own) as catalog:
        (withdrawn,) = catalog.videos(state=VideoState.WITHDRAWN)
        assert (withdrawn.id, withdrawn.title, withdrawn.recording, withdrawn.audio) == (video.id, "", None, None)
        assert video.url not in repr(withdrawn)
        assert video.id not in {segment.video for segment in catalog.segments()}


def test_names_are_loaded_when_they_are_used() -> None:
    program = (
        "import sys, voicesieve; print('numpy' in sys.modules, 'sqlalchemy' in sys.modules, 'open' in dir(voicesieve))"
    )
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert child.stdout.split() == ["False", "False", "True"]
    with pytest.raises(AttributeError, match="no attribute 'shout'"):
        voicesieve.shout  # noqa: B018 - looking it up is the test


def test_the_version_is_that_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert voicesieve.__version__ == project["version"]


def test_a_users_program_is_typed(tmp_path: Path) -> None:
    (tmp_path / "user.py").write_text(
        "import voicesieve\n"
        "def seconds(path: str) -> float:\n    return voicesieve.analyse(path).child_s\n"
        "with voicesieve.open('data') as catalog:\n    reveal_type(next(iter(catalog.videos())).state)\n"
        "voicesieve.analyse(1)\n"
    )
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--cache-dir", str(tmp_path), "user.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert "voicesieve.domain.states.VideoState" in checked.stdout
    assert 'user.py:6: error: Argument 1 to "analyse" has incompatible type "int"' in checked.stdout
    assert "Found 1 error" in checked.stdout


def test_rows_continue_past_a_page(tmp_path: Path) -> None:
    count = listing.PAGE * 2 + 1
    catalog = open_catalog(tmp_path, create=True)
    with catalog.write() as connection:
        videos = [candidate(number, title=f"t{number}") for number in range(count)]
        discovery.insert_videos(connection, videos, lambda url: "a.example", 1_000.0)
    catalog.close()
    with voicesieve.open(tmp_path) as opened:
        assert [video.title for video in opened.videos()] == [f"t{number}" for number in range(count)]
