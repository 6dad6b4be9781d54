"""The picture of the benchmarks: well-formed, to scale, with what the names say."""

from __future__ import annotations

from xml.etree import ElementTree

from tests.bench.picture import BAR, BASELINE, VALUE, picture

ON = {"meaning": "", "hardware": "2 cores of <nothing> & co"}
SUMMARY = {
    "figures": {
        "batch8": {"value": 60.0, "baseline": 12.0, "unit": "tokens/s", "ratio": 5.0, **ON},
        "cost": {"value": 1.0, "baseline": 4.0, "unit": "ms", "ratio": 0.25, **ON},
    },
}


def test_each_figure_stands_beside_its_baseline_to_scale() -> None:
    drawn = ElementTree.fromstring(picture(SUMMARY))

    bars = [bar for bar in drawn.iter("{http://www.w3.org/2000/svg}rect") if bar.get("height") == "14"]
    assert [(bar.get("fill"), float(bar.get("width", 0))) for bar in bars] == [
        (VALUE, BAR),
        (BASELINE, BAR / 5),
        (VALUE, BAR / 4),
        (BASELINE, BAR),
    ]
    words = " ".join(drawn.itertext())
    assert all(word in words for word in ("batch8", "60 tokens/s", "ratio 0.25", "<nothing> & co"))
