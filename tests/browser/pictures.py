"""`python -m tests.browser.pictures URL`: docs/page.png and docs/scenes.png of a running service, from its real page.

Writes the page's own first examples, in English and in Chinese; the Chinese one is the picture, and is recorded while
its scenes arrive. Whatever the model writes is what is shown: nothing is chosen or written again.
"""

from __future__ import annotations

import re
import struct
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize

from tests.browser.chromium import chromium

ROOT = Path(__file__).parents[2]
PICTURE, RECORDING = ROOT / "docs/page.png", ROOT / "docs/scenes.png"
WORDS = ROOT / "api/page"
WIDTH, HEIGHT = 1440, 900
SCALE = 2 / 3  # of the recording, whose layout is the picture's
MOST_BYTES = 950_000
EVERY_MS = 2000
SHOWN_MS, LAST_MS = 900, 4000
PATIENCE_MS = 600_000
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def main() -> int:
    url = sys.argv[1]
    with chromium() as browser:
        page = opened(browser, SCALE)
        write(page, url, example("en"))
        page.wait_for_selector(".job[data-status=succeeded]", timeout=PATIENCE_MS)
        write(page, url, example("zh"))
        RECORDING.write_bytes(animated(thinned(frames(page))))
        written = page.url
        page = opened(browser, 1)
        page.goto(written)
        page.wait_for_selector(".job[data-status=succeeded]")
        page.screenshot(path=PICTURE, animations="disabled")
    print(f"{RECORDING.name}: {RECORDING.stat().st_size} bytes, {PICTURE.name}: {PICTURE.stat().st_size} bytes")
    return 0


def opened(browser: Browser, scale: float) -> Page:
    size: ViewportSize = {"width": WIDTH, "height": HEIGHT}
    return browser.new_page(viewport=size, device_scale_factor=scale, locale="en-GB", color_scheme="light")


def example(language: str) -> str:
    """The first prompt that the page offers in a language."""
    found = re.search(r'"example\.1\.prompt": "(.+)"', (WORDS / f"words.{language}.js").read_text())
    assert found is not None
    return found[1]


def write(page: Page, url: str, prompt: str) -> None:
    page.goto(f"{url}/#/")
    page.locator("#prompt").fill(prompt)
    page.locator("button[type=submit]").click()
    page.wait_for_selector(".job")


def frames(page: Page) -> list[bytes]:
    """PNGs of one size while the job on the page is written, the last of the finished board; none twice in a row."""
    shots: list[bytes] = []
    done = False
    while not done:
        page.wait_for_timeout(EVERY_MS)
        done = page.locator(".job[data-status=succeeded]").count() > 0
        shot = page.screenshot(animations="disabled", caret="hide")
        if not shots or shot != shots[-1]:
            shots.append(shot)
    return shots


def thinned(shots: Sequence[bytes]) -> Sequence[bytes]:
    """Every second, third, ... of them, and always the last, so that they fit into `MOST_BYTES`."""
    step = 1
    while sum(map(len, shots[::-step])) > MOST_BYTES:
        step += 1
    return shots[::-step][::-1]


def animated(shots: Sequence[bytes]) -> bytes:
    """One APNG of PNGs of one size and kind, for ever from the start again."""
    width, height = struct.unpack(">II", next(chunks(shots[0]))[1][:8])
    pieces = [SIGNATURE, chunk(b"IHDR", next(chunks(shots[0]))[1]), chunk(b"acTL", struct.pack(">II", len(shots), 0))]
    number = 0
    for place, shot in enumerate(shots):
        shown_ms = LAST_MS if place == len(shots) - 1 else SHOWN_MS
        pieces.append(chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, width, height, 0, 0, shown_ms, 1000, 0, 0)))
        number += 1
        data = b"".join(content for kind, content in chunks(shot) if kind == b"IDAT")
        if place == 0:
            pieces.append(chunk(b"IDAT", data))
        else:
            pieces.append(chunk(b"fdAT", struct.pack(">I", number) + data))
            number += 1
    return b"".join((*pieces, chunk(b"IEND", b"")))


def chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each."""
    at = len(SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += length + 12


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


if __name__ == "__main__":
    sys.exit(main())
