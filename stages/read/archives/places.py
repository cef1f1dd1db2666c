"""The places of bytes in content that is put together from pieces."""

from prep.corpus.files.compression import Piece, Place


class Places:
    """Remembers where the pieces came from; positions count the bytes taken so far."""

    def __init__(self) -> None:
        self.taken = 0
        """Bytes of all pieces."""
        self._marks: list[tuple[int, Place]] = []

    def add(self, piece: Piece) -> None:
        """Take a piece."""
        self._marks.append((self.taken, piece.place))
        self.taken += len(piece.data)

    def at(self, position: int) -> Place:
        """Return a position's place, and forget what lies before it."""
        while len(self._marks) > 1 and self._marks[1][0] <= position:
            del self._marks[0]
        start, place = self._marks[0]
        return Place(place.member, place.offset + position - start)
