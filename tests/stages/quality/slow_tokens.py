"""A slow reference implementation of `count_tokens`, over strings, with regular expressions."""

import regex

MARKS = "…,:;!?¿؟¡()[]{}<>_#*&。？！，、；：～·।،۔؛٪'\"”“`‘´’‚„»«「」『』（）〔〕【】《》〈〉–—"
OPENS = regex.compile(rf"[{regex.escape(MARKS)}§%=+\p{{Sc}}\p{{So}}]")
CLOSES = regex.compile(rf"[{regex.escape(MARKS)}\p{{So}}]")
CAPITAL, LETTER, SMALL, DIGIT = r"[\p{Lu}\p{Lt}]", r"\p{L}", r"[\p{L}--[\p{Lu}\p{Lt}]]", r"\p{Nd}"
ABBREVIATIONS = "mr mrs ms dr prof st jr sr inc co corp ltd vs gov gen rep sen bros mt messrs adm ph".split()
UNITS = "km|m|dm|cm|mm|nm|ha|g|kg|mg|t|lb|oz|mph|kmh|hPa|Pa|mbar|mb|MB|kb|KB|gb|GB|tb|TB|T|G|M|K"
DOMAIN = rf"(?:[{LETTER}{DIGIT}_-]+\.)+[A-Za-z]{{2,}}"
ADDRESS = regex.compile(rf"(?V1)(?:[{LETTER}{DIGIT}_-]+(?:\.[{LETTER}{DIGIT}_-]+)*@)*{DOMAIN}(?:[:/?#].*)?", regex.S)
LABEL = rf"[{LETTER}{DIGIT}_-]+"
LINK = regex.compile(rf"(?V1){LABEL}(?:[.@]{LABEL})*[.@]?://.+", regex.S)
INSIDE = regex.compile(
    rf"(?V1)\p{{So}}|(?<=.)(?=..)(?:\.\.+|(?<={SMALL})\.(?={CAPITAL})|(?<={LETTER})--(?={LETTER})"
    rf"|(?<={LETTER})[-–—~,](?={LETTER})|(?<=[{LETTER}{DIGIT}])[:<>=/](?={LETTER})"
    rf"|(?<={DIGIT})[-+*^](?=[{DIGIT}-])|…)",
    regex.S,
)


def slow_tokens(text: str) -> dict[str, int]:
    tokens = [token for piece in text.split() for token in tokens_of(piece)]
    return {"tokens": len(tokens), "alphabetic_tokens": sum(bool(regex.search(r"\p{L}", token)) for token in tokens)}


def tokens_of(piece: str) -> list[str]:
    cut: list[str] = []
    while piece:
        dots = regex.match(r"\.\.+", piece)
        if not dots and (not OPENS.match(piece) or regex.match(rf"\+{DIGIT}", piece)):
            break
        cut.append(dots[0] if dots else piece[0])
        piece = piece[len(cut[-1]) :]
    while piece:
        dots = regex.search(r"\.\.+\Z", piece)
        behind_digit = regex.search(rf"{DIGIT}[%=+§\p{{Sc}}]\Z", piece)
        if not (dots or ends_in_stop(piece) or CLOSES.match(piece[-1]) or behind_digit):
            break
        cut.append(dots[0] if dots else piece[-1])
        piece = piece[: len(piece) - len(cut[-1])]
    unit = regex.search(rf"(?<={DIGIT})(?:{UNITS})\Z", piece)
    if unit:
        cut.append(unit[0])
        piece = piece[: unit.start()]
    if ADDRESS.fullmatch(piece) or LINK.fullmatch(piece):
        return [*cut, "a"]
    return [*cut, *inside(piece)]


def ends_in_stop(piece: str) -> bool:
    word = piece[:-1]
    if not piece.endswith(".") or word.lower() in ABBREVIATIONS or regex.fullmatch(r"(?:[A-Za-z]\.)+[A-Za-z]", word):
        return False
    last = word[-1:]
    return bool(
        regex.search(rf"(?V1)(?:{SMALL}|{CAPITAL}{CAPITAL}|{DIGIT}|[%²+-])\Z", word) or (last and CLOSES.match(last))
    )


def inside(piece: str) -> list[str]:
    found: list[str] = []
    word, at = "", 0
    while at < len(piece):
        separator = INSIDE.match(piece, at)
        if separator and (at > 0 or regex.match(r"\p{So}", piece)) and separator[0]:
            found += [word, separator[0]]
            word = ""
            at = separator.end()
            continue
        rest = piece[at + 1 :]
        if piece[at] in "'’" and at > 0:
            negates = rest == "t" and piece[at - 1] == "n" and at > 1
            if negates or rest in ("s", "S", "m", "re", "ve", "ll", "d"):
                found.append(word)
                word = "a"
                break
        word += piece[at]
        at += 1
    return [token for token in [*found, word] if token]
