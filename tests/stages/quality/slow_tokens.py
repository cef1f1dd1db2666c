"""A slow reference implementation of `split_tokens`, over strings, with regular expressions."""

from itertools import chain

import regex

from prep.stages.quality.words.spacy_kernels import token_table

CAPITAL, SMALL = 2, 64
MARKS = "…,:;!?¿؟¡()[]{}<>_#*&。？！，、；：～·।،۔؛٪'\"”“`‘´’‚„»«「」『』（）〔〕【】《》〈〉⟦⟧–—"
CURRENCY = "$£€¥฿₽﷼" + "".join(map(chr, range(0x20A0, 0x20C0)))
OPENS = regex.compile(rf"[{regex.escape(MARKS)}§%=+{regex.escape(CURRENCY)}\p{{So}}]")
CLOSES = regex.compile(rf"[{regex.escape(MARKS)}\p{{So}}]")
PAIRS = ("):", ":)", ";)", "''")
ABBREVIATIONS = (
    "Adm Ak Ala Apr Ariz Ark Aug Bros Calif Co Colo Conn Corp Dec Del Dr Feb Fla Ga Gen Gov Ia Id Ill Inc Ind Jan Jr "
    "Jul Jun Kan Kans Ky La Ltd Mar Mass Md Messrs Mich Minn Miss Mo Mont Mr Mrs Ms Mt Neb Nebr Nev Nov Oct Okla Ore "
    "Pa Prof Rep Rev Sen Sep Sept St Tenn Va Wash Wis co vs a.m p.m e.g i.e E.g I.e v.s"
).split() + list("abcdefghijklmnopqrstuvwxyz")
UNITS = (
    "km m dm cm mm nm yd in ft kg g mg t lb oz ha m/s km/h kmh mph hPa Pa mbar mb MB kb KB gb GB tb TB T G M K % am pm "
    "a.m. p.m."
).split()
PRONOUNS = "that there they this these those what when where who why how you it".split()
VERBS = "ai are ca could dare did does do had has have is might must need ought sha should was were wo would".split()
TOGETHER = {
    **dict.fromkeys(chain(f"{word}d" for word in (*PRONOUNS, "he", "i", "we")), 1),
    **dict.fromkeys("thats theres whats whens wheres whos whys hows hes shes im".split(), 1),
    **dict.fromkeys(chain((f"{verb}nt" for verb in VERBS), (f"{word}ll" for word in PRONOUNS)), 2),
    **dict.fromkeys((f"{word}ve" for word in "i we you they could should would must might".split()), 2),
    **dict.fromkeys("youre theyre gonna gotta".split(), 2),
    "cannot": 3,
}
ENDINGS, BEFORE_ENDINGS = "m re ve ll d".split(), {*PRONOUNS, *"i he she we could should would might must not".split()}


def is_(character: str, kind: int) -> bool:
    """Say whether a letter is small or capital, by the table of scripts."""
    return bool(token_table()[ord(character)] & kind) if character else False


def is_alpha(character: str) -> bool:
    return is_(character, CAPITAL | SMALL)


def is_digit(character: str) -> bool:
    return character != "" and character in "0123456789"


def slow_tokens(text: str) -> list[str]:
    return [token for piece in text.split() for token in tokens_of(piece)]


def tokens_of(piece: str) -> list[str]:
    before: list[str] = []
    behind: list[str] = []
    while length := opening(piece):
        before.append(piece[:length])
        piece = piece[length:]
    while length := closing(piece):
        behind.insert(0, piece[-length:])
        piece = piece[:-length]
    whole = piece == "and/or" or is_address(piece)
    return [*before, *([piece] if whole else inside(piece)), *behind]


def opening(piece: str) -> int:
    stops = len(piece) - len(piece.lstrip("."))
    if stops > 1 or not piece:
        return stops
    if not OPENS.match(piece) or (piece[0] == "+" and is_digit(piece[1:2])):
        return 0
    return 2 if piece[:2] in PAIRS else 1


def closing(piece: str) -> int:
    stops = len(piece) - len(piece.rstrip("."))
    if stops > 1 or not piece:
        return stops
    if stops:
        return unit(piece) or int(ends_in_stop(piece))
    if CLOSES.match(piece[-1]):
        return 2 if piece[-2:] in PAIRS else 1
    if is_digit(piece[-2:-1]) and OPENS.match(piece[-1]) and piece[-1] not in "%=§":
        return 1
    if regex.search(r"(?<=..)['’][sS]\Z", "x" + piece) and len(piece) > 2:
        return 2
    return unit(piece)


def unit(piece: str) -> int:
    found = regex.search(r"(?<=[0-9])[^0-9]{1,4}\Z", piece)
    return len(found[0]) if found and found[0] in UNITS else 0


def ends_in_stop(piece: str) -> bool:
    word = piece[:-1]
    last = word[-1:]
    capitals = is_(last, CAPITAL) and is_(word[-2:-1], CAPITAL)
    cut = is_(last, SMALL) or is_digit(last) or (last and (CLOSES.match(last) or last in "%²-+")) or capitals
    return bool(cut) and word not in ABBREVIATIONS


def is_address(piece: str) -> bool:
    """Return whether a piece begins with labels between stops and behind `@`, the last of small letters."""
    head = regex.match(r"[^:/?#]*", piece)
    assert head is not None
    rest = piece[head.end() :]
    if not all(regex.match(r"[\p{L}0-9_@.-]", character) for character in head[0]):
        return False
    labels = regex.split("[.@]", head[0])
    if "" in labels[:-1]:
        return False
    if rest.startswith("://") and len(rest) > 3:
        return True
    last = regex.split("[.@]", head[0])[-1]
    stops = head[0].rpartition("@")[2].count(".")
    return stops > 0 and len(last) > 1 and all(is_(character, SMALL) for character in last)


def inside(piece: str) -> list[str]:
    found: list[str] = []
    word, at = "", 0
    while at < len(piece):
        length = separator(piece, at)
        if length:
            found += [word, piece[at : at + length]]
            word = ""
            at += length
            continue
        word += piece[at]
        at += 1
    cut = contraction(word) if word == piece and word else len(word)
    return [token for token in [*found, word[:cut], word[cut:]] if token]


def separator(piece: str, at: int) -> int:
    character, before, behind = piece[at], piece[at - 1 : at], piece[at + 1 : at + 2]
    if regex.match(r"\p{So}|…", character):
        return 1
    if not before or not behind:
        return 0
    if character == ".":
        stops = regex.match(r"\.+", piece, pos=at)
        assert stops is not None
        return len(stops[0]) if len(stops[0]) > 1 else int(is_(before, SMALL) and is_(behind, CAPITAL))
    if character == "-" and behind == "-" and (is_alpha(before) or is_digit(before)):
        length = 3 if piece[at + 2 : at + 3] == "-" else 2
        return length if is_alpha(piece[at + length : at + length + 1]) else 0
    if not is_alpha(behind):
        return int(character in "+-*^" and is_digit(before) and (is_digit(behind) or behind == "-"))
    if character == ",":
        return int(is_alpha(before))
    return int(character in "-–—~:<>=/" and (is_alpha(before) or is_digit(before)))


def contraction(word: str) -> int:
    for at in range(max(1, len(word) - 3), len(word) - 1):
        if word[at] in "'’":
            if word[at + 1 :] in ENDINGS and lower_first(word[:at]) in BEFORE_ENDINGS:
                return at
            if word[at + 1 :] == "t" and word[at - 1] == "n" and at > 1:
                return at - 1
    return len(word) - TOGETHER.get(lower_first(word), 0)


def lower_first(word: str) -> str:
    return word[0].lower() + word[1:] if "A" <= word[0] <= "Z" else word
