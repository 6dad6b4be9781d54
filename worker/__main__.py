"""`python -m worker`: one worker under its supervisor. Arguments are passed on to `celery worker`."""

from __future__ import annotations

import sys

from worker.supervisor import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
