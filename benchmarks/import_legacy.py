"""How long an import of the earlier crawler's folder takes, beside a plain copy of the same files.

    python -m benchmarks.import_legacy [--records 10000] [--seconds 30] [--json]

Every fourth record has no file. Files share fifty contents under names of their own; each is copied, hashed, probed and
stored all the same. The copy is `shutil.copytree` followed by one sync, the least that a durable copy can cost.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests import legacy_trees


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--records", type=int, default=10_000)
    arguments.add_argument("--seconds", type=float, default=30.0, help="length of each file")
    arguments.add_argument("--json", action="store_true")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="import-legacy-", dir=Path.cwd()) as folder:
        facts = measure(Path(folder), options.records, options.seconds)
    if options.json:
        print(json.dumps(facts))
        return
    print(
        f"{facts['records']} records, {facts['files']} files of {options.seconds:.0f} s, {facts['bytes'] / 1e9:.2f} GB"
    )
    for name in ("copy_s", "dry_run_s", "import_s", "again_s"):
        print(f"{name:>10}  {facts[name]:8.1f} s  {facts[name] / facts['copy_s']:6.1f} x copy")


def measure(folder: Path, records: int, seconds: float) -> dict[str, float]:
    tree, data = folder / "old", folder / "data"
    expected = legacy_trees.build_large(tree, records, seconds=seconds)
    files = [path for path in tree.rglob("*") if path.is_file()]
    facts: dict[str, float] = {
        "records": records,
        "files": len(files) - 1,
        "bytes": sum(f.stat().st_size for f in files),
    }
    started = time.monotonic()
    shutil.copytree(tree, folder / "copy")
    os.sync()
    facts["copy_s"] = time.monotonic() - started
    shutil.rmtree(folder / "copy")
    for name, extra in (("dry_run_s", ["--dry-run"]), ("import_s", []), ("again_s", [])):
        started = time.monotonic()
        command = [
            sys.executable,
            "-m",
            "voicesieve",
            "import-legacy",
            str(tree),
            "--data",
            str(data),
            "--json",
            *extra,
        ]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        facts[name] = time.monotonic() - started
        if name != "again_s":
            assert json.loads(done.stdout)["imported"] == expected.imported
    return facts


if __name__ == "__main__":
    main()
