"""`make fuzz`: schemathesis against a running service, told by schemathesis.toml what may be expected.

`python -m tests.fuzz` passes its arguments on, so that `--max-examples 5` or `--include-path /jobs` narrow it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.stub_service import service

ROOT = Path(__file__).parents[1]
KEY = "fuzz"


def fuzz(*arguments: str) -> subprocess.CompletedProcess[str]:
    """One run; its output ends with what was found."""
    with service(api={"keys": f"fuzzer:{KEY}"}) as url:
        command = [
            str(Path(sys.executable).with_name("schemathesis")),
            "--config-file",
            str(ROOT / "schemathesis.toml"),
        ]
        return subprocess.run(
            [*command, "run", f"{url}/openapi.json", "-H", f"Authorization: Bearer {KEY}", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )


if __name__ == "__main__":
    done = fuzz(*sys.argv[1:])
    print(done.stdout)
    sys.exit(done.returncode)
