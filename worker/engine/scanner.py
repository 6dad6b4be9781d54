"""Where in a storyboard's JSON a growing text stands: fed with bytes, it counts scenes and strings.

Knows the shape (an object with a list of objects, which may hold lists, and before it an object of objects), and names
only as it is given them. The text is valid so far: the grammar sees to it.
"""

from __future__ import annotations

from collections.abc import Collection

SCENE_DEPTH = 3  # root object, list, scene
LIST_DEPTH = 2

_QUOTE, _BACKSLASH, _COLON, _COMMA = b'"\\:,'
_OPEN, _CLOSE = frozenset(b"{["), frozenset(b"}]")
_OBJECT_END, _LIST = b"}["
_ROOT = b"{"


class Scanner:
    """`spoken` are the keys whose strings it keeps, `seconds` is that of a scene's length."""

    def __init__(self, spoken: Collection[str] = (), seconds: str | None = None) -> None:
        self.speech = bytearray()  # of the scene: its spoken strings as JSON has them, a quote after each
        self.seconds: float | None = None  # of the scene, once they are written
        self.text = bytearray()  # all of it, from the root object on
        self.scenes: list[bytes] = []  # those that are whole
        self.depth = 0
        self.scenes_done = 0
        self.in_list = False  # the scenes', and not the object before it
        self.values_in_scene = 0  # string values finished in the scene that is being written, outside its lists
        self.values_before_scenes = 0
        self.scene_key = ""  # the last one of the scene itself
        self.place = 0  # grows with each string value and each scene that ends: no two strings have one
        self.in_value = False  # inside a string that is a value, not a key
        self.in_speech = False  # and a spoken one
        self.begun = False  # what may stand before the root object is no part of it
        self.complete = False
        self._in_string = False
        self._escaped = False
        self._after_colon = False
        self._scene_at = 0  # where it begins
        self._key, self._number = bytearray(), bytearray()  # the last key, and the number that is being written
        self._spoken_keys = frozenset(key.encode() for key in spoken)
        self._seconds_key = None if seconds is None else seconds.encode()

    @property
    def in_escape(self) -> bool:
        return self._escaped

    @property
    def key(self) -> str:
        """The last one, or what of it is written."""
        return self._key.decode(errors="replace")

    @property
    def in_scene(self) -> bool:
        return self.in_list and self.depth >= SCENE_DEPTH

    def feed(self, data: bytes) -> None:
        if self._in_string and not self._escaped and b'"' not in data and b"\\" not in data:
            self.text += data
            self._keep(data)
            return  # most of what is ever written
        if not self.begun:
            data = data[data.find(_ROOT) :] if _ROOT in data else b""
            self.begun = bool(data)
        begin = len(self.text)
        self.text += data
        for at, byte in enumerate(data, begin):
            if self._in_string:
                self._in_text(byte)
            else:
                self._in_structure(byte, at)

    def _keep(self, text: bytes) -> None:
        """Of the string, where it is asked for again: a key, or what is spoken."""
        if not self.in_value:
            self._key += text
        elif self.in_speech:
            self.speech += text

    def _in_text(self, byte: int) -> None:
        if self.in_speech or not (self.in_value or byte == _QUOTE):
            self._keep(bytes((byte,)))
        if self._escaped:
            self._escaped = False
        elif byte == _BACKSLASH:
            self._escaped = True
        elif byte == _QUOTE:
            self._in_string = False
            if not self.in_value and self.depth == SCENE_DEPTH:
                self.scene_key = self.key
            if self.in_value:
                self.in_value = self.in_speech = False
                self.place += 1
                if self.in_scene:
                    self.values_in_scene += self.depth == SCENE_DEPTH
                else:
                    self.values_before_scenes += 1

    def _in_structure(self, byte: int, at: int) -> None:
        if byte == _QUOTE:
            self._in_string, self.in_value, self._after_colon = True, self._after_colon, False
            if self.in_value:
                self.in_speech = bytes(self._key) in self._spoken_keys
            else:
                self._key.clear()
        elif byte == _COLON:
            self._after_colon = True
        elif byte == _COMMA:
            self._after_colon = False
            self._end_number()
        elif byte in _OPEN:
            self._after_colon = False
            self.depth += 1
            if self.depth == LIST_DEPTH:
                self.in_list = byte == _LIST
            elif self.depth == SCENE_DEPTH:
                self.values_in_scene = 0
                self.speech, self.seconds = bytearray(), None
                self._scene_at = at
        elif byte in _CLOSE:
            self._end_number()
            self.depth -= 1
            if byte == _OBJECT_END and self.depth == LIST_DEPTH and self.in_list:
                self.scenes_done += 1
                self.scenes.append(bytes(self.text[self._scene_at : at + 1]))
                self.place += 1
            self.complete = self.depth == 0
        else:
            self._number.append(byte)

    def _end_number(self) -> None:
        if self._number:
            if bytes(self._key) == self._seconds_key and self.depth == SCENE_DEPTH:
                self.seconds = float(self._number)
            self._number.clear()
