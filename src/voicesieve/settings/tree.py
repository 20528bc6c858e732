"""The whole tree of settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource
from pydantic_settings import SettingsConfigDict as SettingsConfig

from voicesieve.settings.sections import (
    Analysis,
    Backup,
    Catalog,
    Corpus,
    Crawl,
    Discovery,
    Fetching,
    Language,
    LanguageWeights,
    Logging,
    Pace,
    Policy,
    Retention,
    Retry,
    Rights,
    Voices,
    Youtube,
    YoutubeApi,
)

PREFIX = "VOICESIEVE_"
NOT_SETTINGS = frozenset({"VOICESIEVE_DATA", "VOICESIEVE_CONFIG", "VOICESIEVE_CORPORA"})
"""Environment variables with our prefix that are not settings: options of the command line and of the tests."""


class Settings(BaseSettings):
    """The whole tree. Frozen; unknown keys are errors."""

    model_config = SettingsConfig(
        extra="forbid", frozen=True, env_prefix=PREFIX, env_nested_delimiter="__", validate_default=True
    )

    fetching: Fetching = Fetching()
    pace: Pace = Pace()
    retry: Retry = Retry()
    discovery: Discovery = Discovery()
    crawl: Crawl = Crawl()
    analysis: Analysis = Analysis()
    voices: Voices = Voices()
    policy: Policy = Policy()
    language: Language = Language()
    language_weights: LanguageWeights = LanguageWeights()
    rights: Rights = Rights()
    retention: Retention = Retention()
    youtube: Youtube = Youtube()
    youtube_api: YoutubeApi = YoutubeApi()
    corpus: Corpus = Corpus()
    catalog: Catalog = Catalog()
    backup: Backup = Backup()
    logging: Logging = Logging()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Strongest first. ``init_settings`` carries ``{"cli": ..., "file": ...}`` from `load_settings`."""
        layers = init_settings()
        return (
            InitSettingsSource(settings_cls, layers.get("cli", {})),
            env_settings,
            InitSettingsSource(settings_cls, layers.get("file", {})),
        )


def section_fields(name: str) -> Mapping[str, FieldInfo]:
    """The settings of the section ``name``, in their order."""
    section = Settings.model_fields[name].annotation
    return section.model_fields if isinstance(section, type) and issubclass(section, BaseModel) else {}


def may_hold_secret(keys: list[str]) -> bool:
    """Whether what was given for ``keys`` may hold a secret: it is one, or a section that has one."""
    if keys[0] not in Settings.model_fields:
        return False
    fields = section_fields(keys[0])
    asked = fields.values() if len(keys) == 1 else [fields[key] for key in keys[1:2] if key in fields]
    return any(field.annotation is SecretStr or get_origin(field.annotation) is dict for field in asked)
