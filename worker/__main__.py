"""`python -m worker`: one worker under its supervisor. Arguments are passed on to `celery worker`."""

from __future__ import annotations

import sys

from worker.exits import fatal

if __name__ == "__main__":
    with fatal("scriptqueue"):
        from worker.supervisor import main
    sys.exit(main(sys.argv[1:]))
