"""Which of Bosnian, Croatian and Serbian a text is that an engine calls Serbo-Croatian (`hbs`).

The standards share nearly all words. Cyrillic is Serbian; in Latin letters, words decide that one standard has where
the others have another (*što* and *tko* against *šta* and *ko*, *tisuća* against *hiljada*, *gdje* against *gde*). The
standard with the most such words is taken where it has at least two, and more than the others; else none is.
"""

import re
from collections import Counter

_WORDS = {
    "hr": (
        "tko netko nitko itko tisuća tisuće tisuću tjedan tjedna tjednu tjedni vlak vlaka zrak zraka kruh "
        "kruha sveučilište sveučilišta povijest povijesti glazba glazbe kazalište kazališta općina općine "
        "općini siječnja veljače ožujka travnja svibnja lipnja srpnja kolovoza rujna listopada studenoga "
        "studenog prosinca nogomet nogometna uvjet uvjeta točno točka točke tijekom izvješće izvješća uporaba "
        "priopćenje također redatelj skladatelj časopis tvrtka tvrtke europa europe europska europski "
        "europskoj opće opći uopće sukladno glede nazočnost žlica kava"
    ),
    "sr": (
        "šta ko neko niko hiljada hiljade hiljadu nedelja nedelje voz vozovi vazduh vazduha hleb hleba gde "
        "negde nigde uvek posle pre vreme vremena deo dela dve ceo cela reč reči mleko mesto mesta lepo lep "
        "dete deca devojka čovek sneg svet sveta svetu celo leto belo telo vera mera reka ovde zdravlje "
        "fudbal fudbalski evropa evrope evropska evropski srbija srbije srbiji opština opštine takođe uopšte "
        "uslov tačno tačka saopštenje preduzeće istorija istorije muzika januara februara marta aprila maja "
        "juna jula avgusta septembra oktobra novembra decembra"
    ),
    "bs": (
        "lahko mehko polahko kahva kahve sahat hudožestvo općina općine općini također sedmica sedmice "
        "sedmicu hiljada hiljade historija historije historijski univerzitet univerziteta gdje uvijek vrijeme "
        "poslije prije dvije hljeb hljeba mjesto mjesta evropa evrope evropska evropski januara februara "
        "marta aprila maja juna jula augusta septembra oktobra novembra decembra tačno tačka sretan kafa "
        "duhan halal bosna bosne bosni hercegovina hercegovine niko neko"
    ),
}
_STANDARDS = {
    word: [code for code, words in _WORDS.items() if word in words.split()]
    for word in " ".join(_WORDS.values()).split()
}
_LETTERS = re.compile(r"[^\W\d_]+")
_LOOKED_AT = 20_000
_FEWEST = 2


def standard(text: str, script: str) -> str | None:
    """Return `sr`, `hr` or `bs` for a text, None where nothing decides; `script` is that of most letters."""
    if script == "Cyrl":
        return "sr"
    found: Counter[str] = Counter()
    for word in _LETTERS.findall(text[:_LOOKED_AT].lower()):
        standards = _STANDARDS.get(word, ())
        for code in standards:
            found[code] += 6 // len(standards)
    ranked = found.most_common(2)
    if not ranked or ranked[0][1] < 6 * _FEWEST:
        return None
    return ranked[0][0] if len(ranked) < 2 or ranked[0][1] > ranked[1][1] else None
