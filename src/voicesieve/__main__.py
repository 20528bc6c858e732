"""The way in, for ``voicesieve`` and ``python -m voicesieve``: what must hold before anything else is loaded."""

# What `signal` is made of: that module itself takes long enough to load to be interrupted.
import _signal  # type: ignore[import-not-found]
import os
import sys


def _leave(number: int, _frame: object) -> None:
    """Ctrl-C while nothing has begun."""
    os._exit(128 + number)


if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
    _signal.signal(_signal.SIGINT, _leave)


def main() -> None:
    """Load the commands and run one."""
    _open_what_is_closed()
    from voicesieve.cli.main import run

    run()


def _open_what_is_closed() -> None:
    """Give what the caller has closed of standard input, output and errors to nobody.

    Otherwise the next file that is opened, the catalog perhaps, has the number that output is written to.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115 - for as long as the program runs


if __name__ == "__main__":
    main()
