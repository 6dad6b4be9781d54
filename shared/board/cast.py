"""Who is in a board: the cast as a request gives it or a model writes it, and who is meant by what a scene says.

Models name people by id, by name, or by both; a value that means nobody of the cast is left out, which is the reader's
to tell. Knows no scene and no request.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scriptqueue.scene_fields import spelled
from scriptqueue.schemas import MAX_SPOKEN_LINES, Character
from shared.board.speaking import seconds_to_say
from shared.board.text import clean, folded, quoted

WRITTEN_IDS = ("c1", "c2", "c3", "c4")  # of a cast that the model writes: known before it has written a name
MAX_NAME_CHARACTERS, MAX_LOOK_CHARACTERS = 40, 300

_MAX_REPAIRS = 10  # of one list
_SHOWN_CHARACTERS = 80  # of a line that is left out
_CAST_KEYS = ("characters", "cast", "roles", "character_list", "人物", "角色", "角色列表", "人物表")
_ID_KEYS = ("id", "character_id", "编号")
_NAME_KEYS = ("name", "character", "姓名", "名字", "名称", "角色")
_LOOK_KEYS = ("look", "looks", "appearance", "description", "desc", "visual", "外貌", "形象", "外形", "描述")
_SPEAKER_KEYS = ("character", "speaker", "who", "name", "id", "role", "角色", "人物", "说话人")
_LINE_KEYS = ("line", "text", "lines", "dialogue", "speech", "content", "says", "words", "台词", "对白", "内容")
_BETWEEN = re.compile(r"\s*(?:[,，、;；/&\n]|\band\b|和)\s*")
_SPEAKS = re.compile(r"\s*(?P<who>[^:：\n]{1,60}?)\s*[:：]\s*(?P<line>[^\n]+)")
_END = re.compile(r"[。！？!?.，、；,;]\s*|\s")


class Cast:
    """People of a board, by all that they may be called."""

    def __init__(self, members: Sequence[Character] = (), called: Mapping[str, str] | None = None) -> None:
        self.members = tuple(members)
        self._ids: dict[str, str] = {}
        for character in reversed(self.members):  # of two with one name the first; an id is nobody's name
            self._ids[folded(character.name)] = character.id
        for character in self.members:
            self._ids[folded(character.id)] = character.id
        self._ids |= called or {}  # what their writer called them goes before what we do

    def id_of(self, value: Any) -> str | None:
        """Of who is meant; None: nobody of the cast."""
        if isinstance(value, dict):
            value = _under(value, _SPEAKER_KEYS)
        if not isinstance(value, (str, int)) or isinstance(value, bool):
            return None
        words = str(value)[:80]
        parts = (words, *re.split(r"[()（）\[\]|:：-]", words))  # `c1 (Anna)`
        return next((self._ids[key] for part in parts if (key := folded(part.strip())) in self._ids), None)

    def seen(self, value: Any, what: str, repairs: list[str]) -> tuple[str, ...]:
        """The ids of a list, each once, however it was written."""
        found: dict[str, None] = {}
        unknown: list[str] = []
        for one in _listed(value):
            if known := self.id_of(one):
                found[known] = None
                continue
            parts = [part for part in _BETWEEN.split(one) if part] if isinstance(one, str) else [one]
            for part in parts:
                if known := self.id_of(part):
                    found[known] = None
                else:
                    unknown.append(f"{quoted(part)} is not in the cast and was left out")
        repairs.extend(_few(unknown, what))
        if [*found] != value and (found or value) and [*found] != [*_listed(value)]:
            repairs.append(f"{what} read as {', '.join(found) or 'nobody'}")
        return tuple(found)

    def lines(self, value: Any, what: str, repairs: list[str]) -> tuple[dict[str, str], ...]:
        """Those of a dialogue that one of the cast speaks, in their order."""
        spoken: list[dict[str, str]] = []
        left_out: list[str] = []
        mends: list[str] = []
        for who, text in _speakers(value):
            line = clean(text, "", mends)
            known = self.id_of(who)
            if line and not seconds_to_say(line):
                left_out.append(f"{quoted(line)} left out: it says nothing")
            elif line and known and len(spoken) < MAX_SPOKEN_LINES:
                spoken.append({"character": known, "line": line})
            elif line:
                why = f"more than {MAX_SPOKEN_LINES} lines" if known else f"{quoted(who)} is not in the cast"
                left_out.append(f"{quoted(line, _SHOWN_CHARACTERS)} left out: {why}")
        repairs.extend(_few([mend.removeprefix(": ") for mend in mends] + left_out, what))
        if value and spoken and spoken != [*_listed(value)]:
            repairs.append(f"{what} read as {len(spoken)} line{'s'[: len(spoken) > 1]}")
        return tuple(spoken)


def written_cast(raw: Mapping[Any, Any], repairs: list[str]) -> Cast:
    """As a model wrote it: a list or an object, of objects or of texts."""
    called = {spelled(name): value for name, value in raw.items()}
    value = next((called[key] for key in map(spelled, _CAST_KEYS) if called.get(key)), None)
    members: list[Character] = []
    ids: dict[str, str] = {}
    mends: list[str] = []
    for own, entry in _entries(value):
        name, look = _portrait(entry, mends)
        if not name:
            mends.append(f"{quoted(entry)} says no name and was left out")
        elif known := next((one.id for one in members if folded(one.name) == folded(name)), None):
            mends.append(f"{quoted(name)} comes twice and is one")
            ids[folded(str(own)[:80])] = known
        elif len(members) == len(WRITTEN_IDS):
            mends.append(f"{quoted(name)} left out: a cast of at most {len(WRITTEN_IDS)} is written")
        else:
            made = WRITTEN_IDS[len(members)]
            members.append(Character(id=made, name=name, look=look))
            ids[folded(str(own)[:80])] = made
    repairs += _few(mends, "characters")
    if value is None:
        repairs.append("characters: no cast was written")
    return Cast(members, ids)


def with_names(cast: Cast, names: Sequence[str], repairs: list[str]) -> Cast:
    """The first ones by these names, which are known, with the looks that the cast has for them; then whom it has
    besides. What it was called by its writer is still known."""
    if [one.name for one in cast.members[: len(names)]] == [*names]:
        return cast
    written = {folded(one.name): one for one in cast.members}
    known = {*map(folded, names)}
    looks = {name: written[folded(name)].look if folded(name) in written else "" for name in names}
    if missing := [name for name, look in looks.items() if not look]:
        repairs.append(f"characters: {', '.join(missing)} had no look; the name stands for it")
    rest = [(one.name, one.look) for one in cast.members if folded(one.name) not in known]
    every = [*((name, look or name) for name, look in looks.items()), *rest]
    members = [Character(id=one, name=name, look=look) for one, (name, look) in zip(WRITTEN_IDS, every, strict=False)]
    now = {folded(one.name): one.id for one in members}
    return Cast(members, {folded(one.id): now[folded(one.name)] for one in cast.members if folded(one.name) in now})


def _entries(value: Any) -> Iterator[tuple[Any, Any]]:
    """What each of a cast is called by who wrote it, and what is said of it."""
    if isinstance(value, dict) and not any(spelled(name) in map(spelled, _LOOK_KEYS) for name in value):
        yield from value.items()
        return
    for number, entry in enumerate(_listed(value), 1):
        own = _under(entry, _ID_KEYS) if isinstance(entry, dict) else None
        yield f"c{number}" if own is None else own, entry


def _portrait(entry: Any, mends: list[str]) -> tuple[str, str]:
    """A name and a look, both short enough; the name stands for a look that is missing."""
    if isinstance(entry, dict):
        name, look = _under(entry, _NAME_KEYS), _under(entry, _LOOK_KEYS)
    else:
        spoken = _SPEAKS.match(entry) if isinstance(entry, str) else None
        name, look = (spoken["who"], spoken["line"]) if spoken else (entry, None)
    name = _within(clean(name, "name", mends), MAX_NAME_CHARACTERS, mends)
    look = _within(clean(look, "look", mends), MAX_LOOK_CHARACTERS, mends)
    if name and not look:
        mends.append(f"{quoted(name)} has no look; the name stands for it")
    return name, look or name


def _within(text: str, most: int, mends: list[str]) -> str:
    if len(text) <= most:
        return text
    ends = [end.start() for end in _END.finditer(text, 0, most + 1) if end.start()]
    kept = text[: ends[-1] if ends else most]
    mends.append(f"{quoted(text)} was shortened to {len(kept)} characters")
    return kept


def _speakers(value: Any) -> Iterator[tuple[Any, Any]]:
    """Who says what, as it was written."""
    for entry in _listed(value):
        if isinstance(entry, dict):
            if {*map(spelled, entry)} & {*map(spelled, _LINE_KEYS)}:
                yield _under(entry, _SPEAKER_KEYS), _under(entry, _LINE_KEYS)
            else:  # a key for each speaker
                yield from entry.items()
        else:
            texts = str(entry).splitlines() if entry is not None else []
            for text in filter(str.strip, texts):
                spoken = _SPEAKS.match(text)
                yield (spoken["who"], spoken["line"].strip(" \"“”'「」")) if spoken else ("", text)


def _few(mends: Sequence[str], what: str) -> list[str]:
    """Each once, as repairs; of very many only the first."""
    once = [*dict.fromkeys(mends)]
    more = [f"{what}: {len(once) - _MAX_REPAIRS} more of this kind"] if len(once) > _MAX_REPAIRS else []
    return [*(f"{what}: {mend}" for mend in once[:_MAX_REPAIRS]), *more]


def _listed(value: Any) -> Sequence[Any]:
    if value is None or value == "":
        return ()
    return value if isinstance(value, (list, tuple)) else (value,)


def _under(value: Mapping[Any, Any], keys: Sequence[str]) -> Any:
    """What stands under the first of these keys that is there."""
    called = {spelled(name): inner for name, inner in value.items()}
    return next((called[key] for key in map(spelled, keys) if called.get(key) not in (None, "", [])), None)
