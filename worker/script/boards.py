"""The storyboard within a value: its lists of scenes found, joined where they are parts, and told where they are not.

Scenes stand in lists under names like `scenes`, under keys of their own (`scene1`, 场景1, `1`), or alone; lists stand
beside each other in acts and chapters. A list that only repeats another (a draft, another version) is left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from scriptqueue.scene_fields import Fields, spelled
from shared.board.entry import read_number
from worker.script.json_text import strict_value

MAX_WRAPPERS = 12  # wrappers around scenes are few; deeper text is no storyboard


def _spelled(*names: str) -> frozenset[str]:
    return frozenset(spelled(name) for name in names)


_LISTS = _spelled(
    *("scenes", "scene_list", "storyboard", "storyboards", "shots", "shot_list", "script", "frames", "panels", "clips"),
    *("segments", "sequences", "beats", "分镜", "分镜头", "场景", "镜头", "镜头列表", "场景列表", "分镜列表", "脚本"),
    *("分镜脚本", "分镜头脚本", "镜头脚本", "片段", "画面列表"),
)
_TITLES = tuple(  # the first that is there counts
    map(
        spelled,
        (
            "title",
            "标题",
            "名称",
            "name",
            "片名",
            "剧名",
            "题目",
            "视频标题",
            "脚本标题",
            "storyboard_title",
            "video_title",
        ),
    )
)
_DRAFTS = _spelled(
    "thinking", "thoughts", "reasoning", "analysis", "draft", "drafts", "草稿", "初稿", "思考", "思考过程"
)
_VERSIONS = _spelled(
    "versions", "options", "alternatives", "candidates", "variants", "版本", "方案", "备选", "备选方案"
)
_NO_SCENES = _spelled(
    "characters", "cast", "roles", "props", "人物", "角色", "演员", "道具", "example", "examples", "示例"
)
_OWN_KEY = re.compile(
    r"(?:scene|shot|frame|panel|clip|segment|part|act|chapter|sequence|beat|场景?|分?镜头?|画面|片段|第)?(?:no)?"
    r"(?P<number>\d{1,3}|[一二三四五六七八九十]{1,3})(?:个?(?:场景?|分?镜头?|幕|章|节|集|段|部分|画面))?"
)


@dataclass(frozen=True)
class Board:
    scenes: list[Any]
    title: Any = None
    lists: int = 1  # of scenes, joined
    alone: bool = False  # scenes outside of any list
    left_out: tuple[str, ...] = ()
    rest: dict[Any, Any] = field(default_factory=dict)


class Finder:
    def __init__(self, fields: Fields) -> None:
        self._distinctive = _spelled(*(name for each in fields for name in each.distinctive))

    def find(self, value: Any, depth: int = 0, key: str = "") -> Board | None:
        """The storyboard inside a value that stands under a key."""
        if depth > MAX_WRAPPERS:
            return None
        if isinstance(value, str) and value.lstrip()[:1] in {"{", "["}:  # JSON inside a JSON string
            value = strict_value(value)
        if isinstance(value, dict):
            return self._in_object(value, depth, key)
        if isinstance(value, (list, tuple)):
            return (
                self._in_versions(value, depth) if key in _VERSIONS else self._in_list([*value], depth, key in _LISTS)
            )
        return None

    def is_scene(self, value: Any) -> bool:
        return isinstance(value, dict) and any(spelled(key) in self._distinctive for key in value)

    def count(self, board: Board) -> int:
        """Its entries that are scenes for sure, or wrap one."""
        return sum(
            self.is_scene(scene) or (isinstance(scene, dict) and any(map(self.is_scene, scene.values())))
            for scene in board.scenes
        )

    def _in_object(self, value: dict[Any, Any], depth: int, key: str) -> Board | None:
        is_scene = self.is_scene(value)
        own = [] if is_scene else _under_own_keys(value, key in _LISTS)
        board = self._in_list(own, depth, is_named=True) if own else None
        if board and (key in _LISTS or self.count(board) or all(isinstance(inner, str) for inner in own)):
            return replace(board, title=_title(value) or board.title)
        searched = {id(inner) for inner in own}  # each value once: twice at every depth would be 4,096 times
        found = [
            (name, board)
            for name, inner in value.items()
            if (called := spelled(name)) not in _NO_SCENES
            and id(inner) not in searched
            and (board := self.find(inner, depth + 1, called))
        ]
        named = [
            (name, board)
            for name, board in found
            if spelled(name) in _LISTS and not (is_scene and not self.count(board))
        ]
        if named:
            return self._named(value, named)
        if is_scene:
            return Board([value], alone=True)
        return self._around(value, [(name, board) for name, board in found if spelled(name) not in _DRAFTS] or found)

    def _around(self, value: dict[Any, Any], found: list[tuple[Any, Board]]) -> Board | None:
        """What an object that is no scene holds: the parts of one storyboard, or the one that it only wraps."""
        if len(found) > 1:
            return _joined([board for _, board in found], _title(value))
        for _, board in found:
            if board.alone and len(value) > 1 and not _title(value):
                return Board([value], alone=True)  # what stands around a scene is read with it
            return replace(board, title=board.title or _title(value))
        return None

    def _named(self, value: dict[Any, Any], named: list[tuple[Any, Board]]) -> Board:
        """Of several lists of one object the one with the most scenes; they are one storyboard in several grains."""
        name, best = max(named, key=lambda each: (self.count(each[1]), len(each[1].scenes)))
        left_out = [
            f"{len(board.scenes)} scenes under another name were left out" for other, board in named if other != name
        ]
        if self.is_scene(value):
            left_out.append("what was said of a scene around its own list of scenes was left out")
        rest = {key: inner for key, inner in value.items() if key != name}
        title = (
            _title(value)
            or best.title
            or next((t for v in rest.values() if isinstance(v, dict) and (t := _title(v))), None)
        )
        return replace(best, title=title, alone=False, left_out=(*best.left_out, *left_out), rest=rest)

    def _in_list(self, entries: list[Any], depth: int, is_named: bool) -> Board | None:
        scenes: list[Any] = []
        boards: list[Board] = []
        title = None
        for entry in entries:
            board = self.find(entry, depth + 1)
            if board:
                boards.append(board)
                scenes.extend(board.scenes)
            elif isinstance(entry, dict) and not scenes and len(entry) < 3 and _title(entry):
                title = _title(entry)
            else:
                scenes.append(entry)
        if len(boards) == 1 and len(scenes) == len(boards[0].scenes) and not boards[0].alone:
            return replace(boards[0], title=boards[0].title or title)
        if boards or (is_named and any(isinstance(scene, (dict, str)) and scene for scene in scenes)):
            return replace(_joined(boards, title), scenes=scenes)
        return None

    def _in_versions(self, entries: Any, depth: int) -> Board | None:
        boards = [board for entry in entries if (board := self.find(entry, depth + 1))]
        if not boards:
            return None
        best = max(boards, key=self.count)
        others = tuple(
            f"{len(board.scenes)} scenes of another version were left out" for board in boards if board is not best
        )
        return replace(best, left_out=(*best.left_out, *others))


def _joined(boards: list[Board], title: Any) -> Board:
    lists = sum(board.lists for board in boards if not board.alone) + any(board.alone for board in boards)
    return Board(
        [scene for board in boards for scene in board.scenes],
        title,
        lists,
        left_out=tuple(dict.fromkeys(text for board in boards for text in board.left_out)),
    )


def _under_own_keys(value: dict[Any, Any], is_named: bool) -> list[Any]:
    """What stands under keys that are numbers, in their order; texts count where a word says what is numbered."""
    numbered = [
        (number, key, inner) for key, inner in value.items() if inner and (number := _own_number(str(key))) is not None
    ]
    texts = [
        key for _, key, inner in numbered if isinstance(inner, str) and (is_named or not str(key).strip().isdigit())
    ]
    objects = [inner for *_, inner in numbered if isinstance(inner, (dict, list))]
    if not objects and len(texts) < (1 if is_named else 2):
        return []
    return [inner for _, _, inner in sorted(numbered, key=lambda each: each[0])]


@cache
def _own_number(key: str) -> int | None:
    own = _OWN_KEY.fullmatch(spelled(re.split(r"[:：—]", key[:80])[0]))
    return read_number(own["number"]) if own else None


def _title(value: dict[Any, Any]) -> Any:
    called = {spelled(key): inner for key, inner in value.items() if inner and isinstance(inner, (str, int, float))}
    return next((called[name] for name in _TITLES if name in called), None)
