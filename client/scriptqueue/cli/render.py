"""`scriptqueue render`: the sheet of a job or of a file, written where it was asked for. The drawing is sheet.py's;
pixels are resvg's, which takes the fonts of the system.
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from scriptqueue.cli import format, sheet
from scriptqueue.cli.arguments import FORMATS
from scriptqueue.cli.bulk import read_text
from scriptqueue.schemas import Job, Storyboard

SHARPNESS = 2  # pixels of the PNG a unit of the SVG


class CannotDraw(Exception):
    """There is no storyboard, or nothing to draw it with."""


def from_job(job: Job, arguments: Namespace) -> int:
    if job.result is None:
        raise CannotDraw(f"there is no storyboard: the job is {format.line(job)}")
    return _write(job.result, f"{job.id} · {format.writer(job)}", arguments)


def from_file(arguments: Namespace) -> int:
    """A bare storyboard, or a job as `--json` prints it."""
    if arguments.id is not None:
        raise ValueError("give the ID of a job or --file FILE, not both")
    text = read_text(arguments.file)
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{arguments.file} is no JSON: {error}") from None
    try:
        if isinstance(document, dict) and "status" in document:
            return from_job(Job.model_validate(document, extra="ignore"), arguments)
        return _write(Storyboard.model_validate(document), "", arguments)
    except ValidationError as error:
        faults = [f"{'/'.join(map(str, fault['loc'])) or 'it'}: {fault['msg']}" for fault in error.errors()]
        raise ValueError(f"{arguments.file} is no storyboard: {'; '.join(faults)}") from None


def _write(board: Storyboard, note: str, arguments: Namespace) -> int:
    picture = _drawn(board, note, named_format(arguments, FORMATS) or "svg", prompts=arguments.prompts)
    if picture.startswith(b"\x89PNG") and arguments.output is None and sys.stdout.isatty():
        raise ValueError("a PNG is nothing for a terminal: add -o FILE")
    return put(picture, arguments.output)


def put(content: bytes, output: str | None) -> int:
    """Into the file, or to stdout as it is."""
    if output is not None:
        try:
            Path(output).write_bytes(content)
        except OSError as error:
            raise CannotDraw(f"cannot write {output}: {error.strerror}") from None
    else:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    return 0


def named_format(arguments: Namespace, known: Sequence[str]) -> str:
    """The one that was named, or that the file's ending is of; empty: neither."""
    if arguments.format:
        return str(arguments.format)
    ending = Path(arguments.output or "").suffix.removeprefix(".").lower()
    ending = {"htm": "html"}.get(ending, ending)
    if arguments.output and ending not in known:
        raise ValueError(f"{arguments.output} ends like no format: add --format {'|'.join(known)}")
    return ending


def _drawn(board: Storyboard, note: str, format: str, *, prompts: bool) -> bytes:
    if format == "html":
        return sheet.html(board, note, prompts=prompts).encode()
    text = sheet.svg(board, note, prompts=prompts)
    return text.encode() if format == "svg" else png(text)


def png(svg: str) -> bytes:
    try:
        from resvg_py import svg_to_bytes
    except ImportError:
        raise CannotDraw("a PNG needs the package resvg-py: pip install resvg-py; SVG and HTML need nothing") from None
    return bytes(svg_to_bytes(svg_string=svg, zoom=SHARPNESS))
