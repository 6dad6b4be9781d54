"""Many jobs at once, and how a page reads on until it has them all."""

from __future__ import annotations

import httpx

ROWS = ".rows li"
READ_ALL = """async () => {
  const scroller = document.querySelector('.scroller');
  while (document.querySelector('.jobs-head .hint').textContent.endsWith('+')) {
    scroller.scrollTop = scroller.scrollHeight;
    await new Promise(requestAnimationFrame);
  }
  scroller.scrollTop = scroller.scrollHeight;
}"""


def seed(api: httpx.Client, count: int) -> None:
    for start in range(0, count, 1000):
        jobs = [{"prompt": f"雨中的猫 {number}"} for number in range(start, min(start + 1000, count))]
        api.post("/batches", json={"jobs": jobs}).raise_for_status()
