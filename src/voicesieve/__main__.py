"""``python -m voicesieve`` is the same as ``voicesieve``."""

from voicesieve.cli.main import run

if __name__ == "__main__":
    run()
