"""Reading compressed files so that damage is noticed, named and survived, and from any member on.

Decompressors disagree about a file that is cut off: some end in silence, some raise after losing what they had. Here
a file is a sequence of pieces of its content, and damage is a piece of its own, in its place. A compressed file is a
sequence of members (`prep.corpus.files.decompressors`): after a broken one the reading goes on at the next that can be
found. Archives of the web store one record per member, so pieces also say where a member begins; and since members can
be found from the middle of a file, several tasks can read one file.
"""

from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from itertools import chain, repeat
from typing import IO, NamedTuple

from prep.corpus.files.decompressors import CODECS, SUFFIXES, Codec
from prep.corpus.files.storage import open_input

PIECE = 256 << 10
"""At most this many bytes of content travel at a time, however well they compress."""

TRUNCATED = "truncated"
"""The file ends before its content does."""
BOMB = "bomb"
"""A member holds more than `BOMB_BYTES`, and more than `BOMB_RATIO` times the bytes it takes in the file."""
BOMB_BYTES = 64 << 20
BOMB_RATIO = 500

HEAD = 64
"""The first piece of a member holds at least so many bytes, where the member does."""

_BLOCK = 64 << 10


class Place(NamedTuple):
    """Where content lies: its member's first byte in the file, and the offset within the member's content.

    A file that is not compressed is one member. Places are ordered as the content is.
    """

    member: int
    offset: int


START = Place(0, 0)


class Piece(NamedTuple):
    """A run of a file's content, or (with `rule`) damage found after the content before it."""

    data: bytes
    place: Place
    begins_member: bool = False
    """Whether a member, or the file, begins with this piece; damage so marked left nothing of a member."""
    rule: str | None = None
    """What is broken: "truncated", "bomb", or "bad_" and the codec's name."""
    detail: str = ""
    missing: int | None = None
    """Bytes of content that a member's beginning announces and its end lacks; None where none are announced."""


def codec_of(path: str) -> str | None:
    """Return the codec that a file's name announces (see SUFFIXES), or None for none."""
    return next((codec for suffix, codec in SUFFIXES.items() if path.lower().endswith(suffix)), None)


def strip_codec(path: str) -> str:
    """Return the file's name without the ending that announces its compression."""
    return next((path[: -len(suffix)] for suffix in SUFFIXES if path.lower().endswith(suffix)), path)


def pieces(path: str, start: Place = START, end: Place | None = None, codec: str | None = None) -> Iterator[Piece]:
    """Yield a file's content, decompressed as its name announces, in pieces of at most 256 KiB.

    `codec` says what the file is compressed with where that is known better (empty: it is not compressed). `start` and
    `end` are places that an earlier reading or `find_member` gave; None is the file's end. Raises FileNotFoundError
    where there is no such file; damage is yielded, never raised.
    """
    content = _pieces_from(path, start, codec_of(path) if codec is None else codec)
    return content if end is None else _before(content, end)


def member_pieces(source: IO[bytes], codec: str) -> Iterator[Piece]:
    """Yield the content of a file that is open, like `pieces`; a dictionary before zstd frames is not looked for."""
    return _Members("", source, CODECS[codec]).pieces(0) if codec else _plain_pieces(source, 0)


def _pieces_from(path: str, start: Place, codec: str | None) -> Iterator[Piece]:
    with open_input(path) as source:
        if not codec:
            yield from _plain_pieces(source, start.offset)
        else:
            content = _Members(path, source, CODECS[codec]).pieces(start.member)
            yield from _without_head(content, start) if start.offset else content


def find_member(path: str, start: int, end: int, head: bytes = b"", codec_name: str | None = None) -> int | None:
    """Return where the first member begins that does so in [start, end) and whose content begins with `head`.

    Only members that are proven count: compressed data may hold what looks like one, or is one but stored within
    another. Damage is no proof, so the answer may lie behind members that a reading from the start finds. Returns None
    where there is no such member, or the codec does not let members be found.
    """
    codec = CODECS[codec_name or str(codec_of(path))]
    if start == 0:
        return 0
    if codec.magic is None:
        return None
    with open_input(path) as source, open_input(path) as again:
        members = _Members(path, again, codec)
        walked = 0  # no member begins before this, but those that were walked over
        for place in _Feed(source, max(0, start - codec.look_back)).find(codec):
            if place >= end:
                break
            if place >= max(start, walked) and members.is_proven(place, head):
                return place
            if walked <= place < start:
                walked = members.end(place)
    return None


def _plain_pieces(source: IO[bytes], offset: int) -> Iterator[Piece]:
    _move(source, offset)
    while data := source.read(PIECE):
        yield Piece(data, Place(0, offset), begins_member=offset == 0)
        offset += len(data)


def _without_head(content: Iterator[Piece], start: Place) -> Iterator[Piece]:
    """Leave out what lies before `start` in its member, the first one of the content."""
    for piece in content:
        skip = start.offset - piece.place.offset
        if piece.place.member > start.member or skip <= 0:
            yield piece
        elif len(piece.data) > skip or piece.rule is not None:
            yield piece._replace(data=piece.data[skip:], place=start, begins_member=False)


def _before(content: Iterator[Piece], end: Place) -> Iterator[Piece]:
    """Leave out what lies at `end` and behind it."""
    for piece in content:
        if piece.place >= end:
            return
        whole = piece.place.member < end.member
        yield piece if whole else piece._replace(data=piece.data[: end.offset - piece.place.offset])


class _Feed:
    """The compressed bytes of a file from some place on, in blocks."""

    def __init__(self, source: IO[bytes], offset: int) -> None:
        self.offset = offset
        """Where in the file the next bytes lie."""
        self._source = source
        self._held = b""
        _move(source, offset)

    def take(self) -> bytes:
        """Return the next bytes; none at the file's end."""
        block, self._held = self._held or self._source.read(_BLOCK), b""
        self.offset += len(block)
        return block

    def give_back(self, data: bytes) -> None:
        """Return bytes that were taken and not used."""
        self._held = data + self._held
        self.offset -= len(data)

    def at_end(self) -> bool:
        """Say whether nothing follows but padding: tapes and block devices pad members with zero bytes."""
        while block := self.take():
            if rest := block.lstrip(b"\0"):
                self.give_back(rest)
                return False
        return True

    def find(self, codec: Codec) -> Iterator[int]:
        """Yield each place where a member may begin; the next bytes are then those that lie there."""
        assert codec.magic is not None
        held, start = self.take(), 0
        while held:
            found = codec.magic.search(held, start)
            if found is not None:
                self.give_back(held[found.start() :])
                yield self.offset
                held, start = self.take(), 1
            else:
                more = self.take()
                held, start = held[1 - codec.magic_length :] + more if more else b"", 0


class _DamageError(Exception):
    """A member that cannot be read to its end; `block` is the last compressed bytes it was given."""

    def __init__(self, rule: str, detail: str, block: bytes = b"", missing: int | None = None) -> None:
        super().__init__(detail)
        self.rule = rule
        self.block = block
        self.missing = missing


class _Members:
    """The members of a compressed file."""

    def __init__(self, path: str, source: IO[bytes], codec: Codec) -> None:
        self._source = source
        self._codec = codec
        self._new = codec.open(path)

    def pieces(self, offset: int) -> Iterator[Piece]:
        """Decompress member after member from one that begins at `offset`; after damage, look for the next."""
        feed: _Feed | None = _Feed(self._source, offset)
        while feed is not None and not feed.at_end():
            start = feed.offset
            if not (yield from self._member(feed)):
                feed = self._next_member(feed, start)

    def is_proven(self, offset: int, head: bytes) -> bool:
        """Say whether a member begins at `offset` and its content with `head` (see `Codec.proof`)."""
        feed = _Feed(self._source, offset)
        try:
            while not feed.at_end() and feed.offset - offset < self._codec.proof:
                content = self._content(feed)
                if not next(content, b"").startswith(head):
                    return False
                head = b""
                for _ in content:
                    if not self._codec.whole and feed.offset - offset >= self._codec.proof:
                        break
        except _DamageError:
            return False
        return True

    def end(self, offset: int) -> int:
        """Return where the member ends that begins at `offset`; just behind its first byte where it is damaged."""
        feed = _Feed(self._source, offset)
        try:
            for _ in self._content(feed):
                pass
        except _DamageError:
            return offset + 1
        return feed.offset

    def _member(self, feed: _Feed) -> Generator[Piece, None, bool]:
        """Yield a member's content and return whether it is sound."""
        start, given = feed.offset, 0
        try:
            for data in self._content(feed):
                yield Piece(data, Place(start, given), begins_member=given == 0)
                given += len(data)
        except _DamageError as damage:
            for data in self._before_damage(start, given, feed.offset - len(damage.block), damage.block):
                yield Piece(data, Place(start, given), begins_member=given == 0)
                given += len(data)
            detail = f"the {self._codec.name} member at byte {start} {damage}"
            yield Piece(b"", Place(start, given), given == 0, damage.rule, detail, damage.missing)
            feed.give_back(damage.block[1:])
            return False
        return True

    def _content(self, feed: _Feed) -> Iterator[bytes]:
        """Decompress the next member. Raises _DamageError."""
        start, given = feed.offset, 0
        announced: int | None = None
        block = head = b""
        decompressor = self._new()
        while not decompressor.eof:
            fresh = feed.take() if decompressor.needs_input else b""
            if feed.offset - start == len(fresh):  # the member's first bytes
                announced = self._codec.announced(fresh)
            block = fresh or block
            data, damage = b"", None
            if decompressor.needs_input and not fresh:
                held = given + len(head)
                missing = None if announced is None else max(0, announced - held)
                damage = _DamageError(TRUNCATED, f"is cut off after {held} bytes of content", missing=missing)
            else:
                try:
                    data = decompressor.decompress(fresh, PIECE - len(head))
                except self._codec.errors as error:
                    damage = _DamageError(f"bad_{self._codec.name}", f"is broken: {error}", block)
            head += data
            if given or len(head) >= HEAD or decompressor.eof or damage:
                given += len(head)
                if head:
                    yield head
                head = b""
            taken = feed.offset - start
            if given > BOMB_BYTES and given > BOMB_RATIO * taken:
                damage = _DamageError(BOMB, f"holds more than {given} bytes in {taken}")
            if damage is not None:
                raise damage
        feed.give_back(decompressor.unused_data or b"")

    def _before_damage(self, start: int, known: int, sound: int, broken: bytes) -> Iterator[bytes]:
        """Yield what a member holds between `known` bytes of content and damage: a call that fails gives nothing.

        The member is decompressed again, up to the byte `sound` of the file in blocks and then byte by byte.
        """
        if not broken or not _can_move(self._source, start):
            return
        sizes = chain(repeat(_BLOCK, (sound - start) // _BLOCK), [(sound - start) % _BLOCK], repeat(1, len(broken)))
        held = bytearray()
        for data in self._until_error(map(self._source.read, sizes)):
            fresh = data[known:]
            known -= len(data) - len(fresh)
            if len(held) + len(fresh) > PIECE:
                yield bytes(held)
                held.clear()
            held += fresh
        if held:
            yield bytes(held)

    def _until_error(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        decompressor = self._new()
        with suppress(*self._codec.errors):
            for block in blocks:
                yield decompressor.decompress(block, PIECE)
                while not (decompressor.needs_input or decompressor.eof):
                    yield decompressor.decompress(b"", PIECE)

    def _next_member(self, feed: _Feed, start: int) -> _Feed | None:
        """Return what begins like a member, behind the start of the broken one: damage may have hidden its end.

        Where the file cannot be read again, the search begins behind the first of the bytes in hand.
        """
        if self._codec.magic is None:
            return None
        if _can_move(self._source, start + 1):
            feed = _Feed(self._source, start + 1)
        return feed if next(feed.find(self._codec), None) is not None else None


def _can_move(source: IO[bytes], offset: int) -> bool:
    """Move to a byte of the file; False where its store only gives it from the start to the end."""
    try:
        source.seek(offset)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # the file system's error
            raise
        return False
    return True


def _move(source: IO[bytes], offset: int) -> None:
    """Move to a byte of a file of which nothing further on was read, if need be by reading what lies before it."""
    left = 0 if _can_move(source, offset) else offset - source.tell()
    while left > 0 and (block := source.read(min(left, PIECE))):
        left -= len(block)
