"""An old name that measuring scripts outside of this repository import; it lives in worker/backend/backend.py."""

from worker.backend.backend import Prefix as Begun

__all__ = ["Begun"]
