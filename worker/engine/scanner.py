"""Where in a storyboard's JSON a growing text stands: fed with bytes, it counts scenes and strings.

Knows the shape (an object with a list of objects), not the names. The text is valid so far: the grammar sees to it.
"""

from __future__ import annotations

SCENE_DEPTH = 3  # root object, list, scene
LIST_DEPTH = 2

_QUOTE, _BACKSLASH, _COLON, _COMMA = b'"\\:,'
_OPEN, _CLOSE = frozenset(b"{["), frozenset(b"}]")
_OBJECT_END = ord("}")


class Scanner:
    def __init__(self) -> None:
        self.depth = 0
        self.scenes_done = 0
        self.values_in_scene = 0  # string values finished in the scene that is being written
        self.values_before_scenes = 0
        self.place = 0  # grows with each string value and each scene that ends: no two strings have one
        self.in_value = False  # inside a string that is a value, not a key
        self.complete = False
        self._in_string = False
        self._escaped = False
        self._after_colon = False

    @property
    def in_scene(self) -> bool:
        return self.depth >= SCENE_DEPTH

    def feed(self, data: bytes) -> None:
        if self._in_string and not self._escaped and b'"' not in data and b"\\" not in data:
            return  # most of what is ever written
        for byte in data:
            if self._in_string:
                self._in_text(byte)
            else:
                self._in_structure(byte)

    def _in_text(self, byte: int) -> None:
        if self._escaped:
            self._escaped = False
        elif byte == _BACKSLASH:
            self._escaped = True
        elif byte == _QUOTE:
            self._in_string = False
            if self.in_value:
                self.in_value = False
                self.place += 1
                if self.in_scene:
                    self.values_in_scene += 1
                else:
                    self.values_before_scenes += 1

    def _in_structure(self, byte: int) -> None:
        if byte == _QUOTE:
            self._in_string, self.in_value, self._after_colon = True, self._after_colon, False
        elif byte == _COLON:
            self._after_colon = True
        elif byte == _COMMA:
            self._after_colon = False
        elif byte in _OPEN:
            self._after_colon = False
            self.depth += 1
            if self.depth == SCENE_DEPTH:
                self.values_in_scene = 0
        elif byte in _CLOSE:
            self.depth -= 1
            if byte == _OBJECT_END and self.depth == LIST_DEPTH:
                self.scenes_done += 1
                self.place += 1
            self.complete = self.depth == 0
