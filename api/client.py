"""The Python client under its old name, which users' programs import; it lives in `scriptqueue.client`."""

from scriptqueue.client import *  # noqa: F403
