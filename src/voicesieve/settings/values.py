"""The kinds of values that settings have: how each is checked, in whatever setting."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

LONGEST_S = 366 * 86_400
"""A year: longer than any wait or recording makes sense, and short enough that every time stays a date. TOML can
write ``inf``."""

Seconds = Annotated[float, Field(ge=0, le=LONGEST_S)]
PositiveSeconds = Annotated[float, Field(gt=0, le=LONGEST_S)]


def _header_text(text: str) -> str:
    """HTTP headers carry one line of text; a control character could end one header and begin another."""
    if not text.isprintable():
        raise ValueError("must be one line without control or invisible characters: it is sent in an HTTP header")
    return text


def _header_secret(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not (text.isascii() and _header_text(text) == text.strip()):
        raise ValueError("must be ASCII without blanks around it: it is sent in an HTTP header")
    return secret


HeaderText = Annotated[str, AfterValidator(_header_text)]
HeaderSecret = Annotated[SecretStr, AfterValidator(_header_secret)]
Weight = Annotated[float, Field(ge=0, le=1)]

HOST_AND_PORT = r"(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?"

CALIBRATION_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"
"""A name that is a valid file name on every system."""
