"""The old place of client/scriptqueue/camera.py, kept for scripts that import it from here."""

from scriptqueue.camera import read_camera

__all__ = ["read_camera"]
