"""The public shapes under their old name, which tools import; they live in `scriptqueue.schemas`."""

from scriptqueue.schemas import *  # noqa: F403
