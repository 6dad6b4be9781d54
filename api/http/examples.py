"""Requests that the documentation of `POST /jobs` and `POST /batches` shows, by their names."""

from __future__ import annotations

from typing import Any

BATCHES: Any = {
    "two prompts": {"value": {"jobs": [{"prompt": "雨中的猫"}, {"prompt": "A lighthouse keeper finds a bottle"}]}},
    "takes of one idea, of which one is chosen": {
        "value": {
            "jobs": [
                {"prompt": "雨中的猫", "style": style, "priority": "low", "metadata": {"style": style}}
                for style in ("水墨", "黑白胶片")
            ]
        }
    },
}
EXAMPLES: Any = {
    "one line": {"value": {"prompt": "一个程序员在咖啡店找到灵感的故事"}},
    "with wishes": {
        "value": {
            "prompt": "A lighthouse keeper finds a message in a bottle",
            "language": "en",
            "min_scenes": 4,
            "target_duration_s": 24,
            "sampling": {"temperature": 0.5, "seed": 7},
            "priority": "high",
            "metadata": {"campaign": "autumn"},
        }
    },
    "a finished script": {
        "value": {"mode": "break_down", "prompt": "清晨，面馆刚刚开门。老板端出第一碗面。", "fields": ["light"]}
    },
    "a cast": {
        "value": {
            "prompt": "小雨在雨里找到一只猫",
            "characters": [{"id": "xiaoyu", "name": "小雨", "look": "十岁的女孩，红色雨衣，黄色雨靴"}],
            "fields": ["dialogue", "narration"],
            "targets": ["veo-3.1"],
        }
    },
    "longer scenes, another language": {
        "value": {"prompt": "雨中的猫", "language": "zh-Hant", "max_scenes": 24, "scene_min_s": 5, "scene_max_s": 20}
    },
    "a scene written anew": {
        "value": {
            "base": {"job": "0f8b3c52-6f0e-4d0a-9f5e-3f1b8a6f2f10"},
            "rewrite": [3],
            "note": "at night, in the rain",
        }
    },
    "prompts for video models": {
        "value": {"prompt": "雨中的猫", "fields": ["movement", "light"], "targets": ["wan-2.2", "kling-3"]}
    },
}
