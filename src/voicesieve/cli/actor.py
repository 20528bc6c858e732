"""Who is acting, for the audit log."""

from __future__ import annotations

import os
import pwd
import socket


def actor() -> str:
    """``user@host`` of this process. The user comes from the kernel, not from the environment."""
    uid = os.getuid()
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:  # a container may run as a number without a name
        user = str(uid)
    return f"{user}@{socket.gethostname()}"
