"""One settings tree: file < environment < command line, wrong values named, secrets never shown."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

from voicesieve.settings import Settings, SettingsError, commented_template, load_settings

CANARY = "canary-5f1c"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith("VOICESIEVE_"):
            monkeypatch.delenv(name)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "voicesieve.toml"


def refusal(file: Path | None = None, command_line: dict[str, dict[str, object]] | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(file, command_line)
    return str(caught.value)


def test_defaults_stand_without_any_file() -> None:
    assert load_settings() == Settings(cli={}, file={})  # type: ignore[call-arg]
    assert load_settings().pace.requests_per_hour == 240.0


def test_the_stronger_layer_wins_key_by_key(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("[fetching]\nmax_redirects = 1\nstall_s = 11\ndeadline_s = 21\nmax_bytes = 31000\n")
    monkeypatch.setenv("VOICESIEVE_FETCHING__STALL_S", "12")
    monkeypatch.setenv("VOICESIEVE_FETCHING__DEADLINE_S", "22")
    fetching = load_settings(file, {"fetching": {"deadline_s": 23}}).fetching
    assert (fetching.max_bytes, fetching.max_redirects) == (31_000, 1)
    assert (fetching.stall_s, fetching.deadline_s) == (12, 23)
    assert fetching.stall_bytes == Settings.model_fields["fetching"].default.stall_bytes


def test_options_of_the_command_line_in_the_environment_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICESIEVE_DATA", "somewhere")
    monkeypatch.setenv("VOICESIEVE_CORPORA", "elsewhere")
    load_settings()


def test_a_wrong_value_in_the_file_is_named_with_what_is_allowed(file: Path) -> None:
    file.write_text('[policy]\noperating_point = "strict"\n[fetching]\nmax_bytes = 5\n')
    lines = refusal(file).splitlines()
    assert sorted(lines) == [
        f"{file}: fetching.max_bytes = 5: input should be greater than or equal to 1024.",
        f"{file}: policy.operating_point = 'strict': input should be 'corpus' or 'discover'.",
    ]


@pytest.mark.parametrize("name", ["VOICESIEVE_FETCHING__MAX_BYTES", "voicesieve_fetching__max_bytes"])
def test_a_wrong_value_in_the_environment_is_named(file: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    file.write_text("[fetching]\nmax_bytes = 31000\n")
    monkeypatch.setenv(name, "5")
    assert refusal(file) == (
        "environment: VOICESIEVE_FETCHING__MAX_BYTES (fetching.max_bytes) = '5': "
        "input should be greater than or equal to 1024."
    ).replace("VOICESIEVE_FETCHING__MAX_BYTES", name)


def test_a_wrong_value_in_a_section_of_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICESIEVE_FETCHING", '{"max_bytes": 5}')
    assert refusal().startswith("environment: VOICESIEVE_FETCHING (fetching.max_bytes) = 5: ")


def test_a_wrong_value_on_the_command_line_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICESIEVE_FETCHING__MAX_BYTES", "31000")
    assert refusal(command_line={"fetching": {"max_bytes": "many"}}) == (
        "command line: fetching.max_bytes = 'many': input should be a valid integer, "
        "unable to parse string as an integer."
    )


def test_a_list_that_is_not_json_is_named_with_how_to_write_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICESIEVE_FETCHING__METHODS", "http")
    monkeypatch.setenv("VOICESIEVE_RIGHTS__STATEMENT", "free text is no list")
    message = refusal()
    assert message.startswith("environment: VOICESIEVE_FETCHING__METHODS (fetching.methods) = 'http': is not JSON")
    assert '["http", "yt-dlp"]' in message
    assert "RIGHTS" not in message


def test_unknown_keys_are_named_with_the_known_ones(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("[fetching]\nmax_byte = 5\n")
    assert refusal(file).startswith(f"{file}: fetching.max_byte is not a setting. Allowed: ")
    assert "max_bytes" in refusal(file)
    file.write_text("[fetchin]\nmax_bytes = 5\n")
    assert "fetchin is not a setting. Allowed: analysis, " in refusal(file)
    monkeypatch.setenv("VOICESIEVE_FETCHIN__MAX_BYTES", "5")
    assert refusal().startswith("environment: VOICESIEVE_FETCHIN__MAX_BYTES is not a setting. Allowed: VOICESIEVE_")


def test_a_file_that_is_missing_or_is_no_toml_is_named(file: Path) -> None:
    assert refusal(file).startswith(f"{file} cannot be read: No such file or directory. ")
    for content in (b"[fetching\n", b"\xff\xff", b"\xff\xfe\x00"):
        file.write_bytes(content)
        assert refusal(file).startswith(f"{file} is not a TOML file: ")


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "1e300", "-1"])
def test_times_are_finite_and_stay_within_a_year(file: Path, value: str) -> None:
    file.write_text(f"[retry]\npause_s = {value}\n")
    assert refusal(file).startswith(f"{file}: retry.pause_s = ")


def test_limits_that_leave_no_recording_are_refused(file: Path) -> None:
    file.write_text("[fetching]\nmin_duration_s = 10\nmax_duration_s = 5\n")
    assert refusal(file) == (
        f"{file}: fetching: min_duration_s 10 is above max_duration_s 5, which leaves no recording."
    )


HEADERS = [
    "x\r\nX-Evil: 1",
    "x\ny",
    "x\x00",
    "x\x1b[2J",
    "x\x7f",
    "x\u0085y",
    "x\u2028y",
    "x\u200b",
    "x\udcff",
    "x\u00a0y",
]


@pytest.mark.parametrize("value", HEADERS)
@pytest.mark.parametrize(("section", "key"), [("fetching", "contact"), ("youtube_api", "key")])
def test_what_cannot_be_sent_in_a_header_is_refused_by_name(section: str, key: str, value: str) -> None:
    """It passed, and every request then failed, again and again."""
    message = refusal(command_line={section: {key: value}})
    assert message.startswith(f"command line: {section}.{key}")
    assert message.isprintable()
    assert "header" in message


def test_a_contact_may_be_written_in_any_language_and_a_key_may_not() -> None:
    assert load_settings(command_line={"fetching": {"contact": "Bé Na, na@example.org"}}).fetching.contact
    for value in ("kéy", " key", "key "):
        assert "youtube_api.key" in refusal(command_line={"youtube_api": {"key": value}})
    assert "youtube_api.endpoint" in refusal(command_line={"youtube_api": {"endpoint": "http://x/\x00"}})


def test_a_secret_shows_up_nowhere() -> None:
    settings = load_settings(command_line={"catalog": {"url": f"postgresql://me:{CANARY}@host/db"}})
    assert CANARY in settings.catalog.url.get_secret_value()
    for shown in (repr(settings), str(settings), settings.model_dump_json(), repr(settings.catalog)):
        assert CANARY not in shown


@pytest.mark.parametrize(
    "content",
    [
        f'catalog = "postgresql://me:{CANARY}@host/db"',
        f'[catalog]\nurl = ["{CANARY}"]',
        f'[catalog]\nurl = {{ a = "{CANARY}" }}',
        f'[catalog]\nurll = "{CANARY}"',
        f'[catalogue]\nurl = "{CANARY}"',
    ],
)
def test_a_secret_in_the_wrong_place_of_the_file_is_not_shown(file: Path, content: str) -> None:
    file.write_text(content)
    assert CANARY not in refusal(file)


@pytest.mark.parametrize("value", [f"postgresql://me:{CANARY}@host/db", f'"{CANARY}"', f'{{"url": ["{CANARY}"]}}'])
def test_a_secret_in_the_wrong_place_of_the_environment_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("VOICESIEVE_CATALOG", value)
    message = refusal()
    assert CANARY not in message
    assert "VOICESIEVE_CATALOG" in message


def test_the_template_shows_every_key_with_its_default(file: Path) -> None:
    template = commented_template()
    file.write_text(template)
    assert load_settings(file) == load_settings()
    lines = [line.removeprefix("# ") for line in template.splitlines()]
    active = "\n".join(line for line in lines if line.startswith("[") or line.split(" = ")[0].isidentifier())
    file.write_text(active)
    assert load_settings(file) == load_settings()
    shown = {(section, key) for section, keys in tomllib.loads(active).items() for key in keys}
    expected = {
        (section, key) for section, field in Settings.model_fields.items() for key in type(field.default).model_fields
    }
    assert shown == expected


def test_credentials_are_read_by_host_and_never_shown(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(f'[fetching.credentials."feeds.example.org"]\nuser = "me"\npassword = "{CANARY}"\n')
    monkeypatch.setenv("VOICESIEVE_FETCHING__CREDENTIALS", f'{{"127.0.0.1:8080": {{"bearer": "{CANARY}"}}}}')
    settings = load_settings(file)
    assert set(settings.fetching.credentials) == {"feeds.example.org", "127.0.0.1:8080"}
    for shown in (repr(settings), settings.model_dump_json(), repr(settings.fetching)):
        assert CANARY not in shown


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (f'"https://h.example/" = {{bearer = "{CANARY}"}}', "fetching.credentials"),
        (f'"h.example" = {{password = "{CANARY}", bearer = "{CANARY}"}}', "user and password, or bearer alone"),
        (f'"h.example" = {{token = "{CANARY}"}}', "Allowed: bearer, password, plain_http, user"),
        (f'"h.example" = {{user = "a:b", password = "{CANARY}"}}', "colon"),
        (f'"h.example" = {{bearer = "{CANARY}\\r\\nX-Evil: 1"}}', "control characters"),
        (f'"h.example" = "{CANARY}"', "fetching.credentials.h.example"),
        (f'"h.example" = {{password = ["{CANARY}"]}}', "fetching.credentials.h.example.password"),
    ],
)
def test_wrong_credentials_are_named_and_not_shown(file: Path, content: str, named: str) -> None:
    file.write_text(f"[fetching.credentials]\n{content}\n")
    message = refusal(file)
    assert named in message
    assert CANARY not in message


def test_credentials_of_the_environment_that_are_no_json_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICESIEVE_FETCHING__CREDENTIALS", f"me:{CANARY}")
    message = refusal()
    assert "VOICESIEVE_FETCHING__CREDENTIALS" in message
    assert '{"feeds.example.org":' in message
    assert CANARY not in message
