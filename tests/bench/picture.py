"""The figures of `make bench` as a picture: for each, what was measured beside its baseline, the longer bar the more.

Knows bench/results/summary.json, not what a figure means.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

WIDTH, LEFT, BAR, ROW = 960, 330, 400, 46
VALUE, BASELINE = "#0b6470", "#b9c2c9"


def picture(summary: Mapping[str, Any]) -> str:
    """SVG; each figure has a scale of its own, for their units differ."""
    figures: Mapping[str, Mapping[str, Any]] = summary["figures"]
    height = ROW * len(figures) + 70
    rows = "".join(_row(name, figure, 50 + ROW * number) for number, (name, figure) in enumerate(figures.items()))
    machines = "; ".join(dict.fromkeys(figure["hardware"] for figure in figures.values()))
    legend = (
        f'<rect x="{LEFT}" y="14" width="12" height="12" fill="{VALUE}"/><text x="{LEFT + 18}" y="25">measured</text>'
        f'<rect x="{LEFT + 110}" y="14" width="12" height="12" fill="{BASELINE}"/>'
        f'<text x="{LEFT + 128}" y="25">baseline of the same run</text>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="system-ui, sans-serif" '
        f'font-size="13" fill="#1f2328"><rect width="{WIDTH}" height="{height}" fill="#fff"/>{legend}{rows}'
        f'<text x="16" y="{height - 12}" fill="#57606a">{escape(machines)}</text></svg>\n'
    )


def _row(name: str, figure: Mapping[str, Any], top: int) -> str:
    most = max(figure["value"], figure["baseline"]) or 1
    bars = "".join(
        f'<rect x="{LEFT}" y="{top + offset}" width="{BAR * figure[key] / most:.1f}" height="14" fill="{color}"/>'
        f'<text x="{LEFT + BAR * figure[key] / most + 6:.1f}" y="{top + offset + 12}">'
        f"{figure[key]:g} {escape(figure['unit'])}</text>"
        for key, offset, color in (("value", 0, VALUE), ("baseline", 16, BASELINE))
    )
    return (
        f'<text x="16" y="{top + 12}">{escape(name)}</text>'
        f'<text x="16" y="{top + 28}" fill="#57606a">ratio {figure["ratio"]:g}</text>{bars}'
    )
