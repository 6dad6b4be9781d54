"""An old name that measuring scripts outside of this repository import; it lives in worker/backend/model.py."""

from worker.backend.model import ModelBackend as ModelWriter

__all__ = ["ModelWriter"]
