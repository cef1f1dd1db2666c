"""Words that tell what a part of a page is for: words of class names, ids and roles, and words of its text.

The groups are what the block classifier sees; which of them speak for content it has learned. Class words are
those that many sites and frameworks share; `camelCase` and `kebab-case` names are taken apart.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from prep.corpus.arrow.columns import Bytes
from prep.corpus.kernels import leaf

_SLOTS: Final = 4096
_WORD: Final = 0xFFFFFFFF
_CLASS_WORDS: Final = """
nav: nav navbar navigation navlinks subnav topnav mainnav sitenav navlist menu submenu menus megamenu menuitem topbar
    toolbar sitemap navmenu sidenav mobilenav bottomnav
crumb: breadcrumb breadcrumbs crumb crumbs
header: header masthead head top topheader pageheader siteheader
banner: banner hero jumbotron billboard splash
footer: footer foot bottom colophon copyright legal pagefooter sitefooter disclaimer imprint
sidebar: sidebar side aside rail sidebars leftcol rightcol secondary tertiary
widget: widget widgets block blocks module modules
comment: comment comments disqus respond commentlist replies responses feedback
reply: reply replied quote signature
related: related recommended recommendations recommendation suggested suggestions similar popular trending latest
    recent more readnext upnext teaser teasers promo promos also outbrain taboola
share: share sharing shares social socials sns follow facebook twitter linkedin pinterest whatsapp addthis sharethis
    socialmedia
ad: ad ads adv advert adverts advertisement advertising adsense sponsor sponsored sponsors dfp gpt promotion promoted
    adslot adunit affiliate
cookie: cookie cookies consent gdpr ccpa onetrust privacy notice notification notifications alert announcement
newsletter: newsletter subscribe subscription signup optin mailchimp mailing email
login: login signin account register registration auth user users profile avatar member membership
modal: modal popup popover overlay dialog lightbox drawer offcanvas tooltip dropdown flyout toast
search: search searchbox searchform filter filters sort sorting facet facets refine refinement
article: article articles articlebody post posts entry story blog news blogpost
content: content contents main body maincontent pagecontent articlecontent postcontent entrycontent inner
prose: text richtext rich prose wysiwyg markdown rte copy paragraph paragraphs editor editorial formatted rtf
    typography
title: title headline heading name subtitle subheading subhead
meta: meta byline author authors date time published timestamp datetime updated category categories tag tags label
    labels badge
product: product products pdp item items sku goods
price: price prices pricing amount cost sale discount currency
buy: buy cart basket checkout addtocart wishlist quantity qty shipping delivery
rating: rating ratings stars star review reviews score testimonial testimonials
card: card cards tile tiles grid listing listings results result
list: list lists
forum: thread threads topic topics message messages msg forum forums board postbody discussion conversation answer
    answers question questions
page: pagination pager paging paginate prev previous next
hidden: hidden hide invisible collapsed collapse visuallyhidden offscreen
sronly: sr screenreader screen reader only skip
accordion: accordion faq faqs toggle tab tabs panel panels expand expandable tabpanel
image: image images img photo photos picture thumb thumbnail thumbnails gallery figure media
caption: caption captions figcaption credit credits
slide: slide slides slider carousel swiper slick slideshow
code: code highlight syntax snippet pre sourcecode
toc: toc tableofcontents outline anchors
desc: description desc summary excerpt intro introduction lead lede dek standfirst abstract overview synopsis blurb
detail: detail details spec specs specification specifications feature features info information benefits
action: btn button buttons cta action actions link links readmore
video: video videos player youtube audio podcast
bio: bio about biography
table: table row cell cells data
section: section sections region area zone
logo: logo brand branding
contact: contact address phone map location locations hours
stats: stat stats count counter views likes votes vote points karma
lang: language languages lang locale country
step: step steps instruction instructions recipe ingredients
reference: reference references footnote footnotes citation citations notes bibliography
"""
_TEXT_WORDS: Final = """
share: share tweet facebook twitter linkedin pinterest whatsapp reddit instagram youtube tiktok follow teilen folgen
    drucken partager compartir condividi compartilhar delen telegram vkontakte поделиться paylaş udostępnij bagikan
subscribe: subscribe newsletter newsletters inbox signup mailing unsubscribe abonnieren abo abonnement abonnez
    suscríbete suscribirse iscriviti assine подписаться подписка abone
cookie: cookie cookies consent gdpr einwilligung zustimmung
legal: copyright rights reserved privacy policy terms conditions disclaimer trademark trademarks impressum datenschutz
    agb datenschutzerklärung nutzungsbedingungen mentions légales confidentialité aviso privacidad riservati diritti
    direitos reservados rechte vorbehalten права защищены
login: login log sign register account password username forgot anmelden registrieren einloggen abmelden connexion
    connecter inscription ingresar accedi entrar войти регистрация inloggen
comment: comment comments replies reply respond responses kommentar kommentare kommentieren antworten commentaire
    commentaires comentarios comentario commenti commento comentários reacties комментарии yorum komentarze komentar
related: related recommended popular trending latest recent similar also viewed recommend recommendations ähnliche
    meistgelesen empfehlungen themen thema verwandte weitere lire aussi relacionadas relacionados correlati anche
    leia também читайте также lees ilgili czytaj
more: more read continue learn see view show all discover explore mehr weiterlesen lesen anzeigen plus suite leer
    più leggi mais ver подробнее далее meer devamı więcej selengkapnya
nav: home menu navigation skip main back top about careers sitemap startseite menü übersicht kontakt zurück accueil
    inicio главная ana anasayfa strona
search: search filter sort filters results clear suche suchen suchergebnisse recherche rechercher buscar cerca поиск ara
page: next previous prev page newer older pages weiter vorherige nächste seite suivant précédent siguiente anterior
forum: posts posted joined quote threads thread topic topics member members likes views beitrag beiträge mitglied
    zitat
cart: cart checkout shipping wishlist quantity add basket bag delivery stock warenkorb versand lieferung panier
    carrito carrello корзина
price: price prices save off sale free usd discount preis preise prix precio prezzo цена
meta: min ago updated published written author editor staff edited veröffentlicht aktualisiert autor uhr stand redaktion
    publié actualizado publicado aggiornato pubblicato автор опубликовано foto quelle bild
month: january february march april may june july august september october november december jan feb mar apr jun jul
    aug sep sept oct nov dec januar februar märz mai juni juli oktober dezember janvier février avril juin juillet août
    septembre octobre décembre enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre
contact: contact call phone email fax tel address hours telefon adresse öffnungszeiten teléfono contacto
ad: advertisement sponsored ad ads promoted affiliate anzeige werbung publicité publicidad pubblicità реклама reklam
    advertentie
stop: the of and to in is that it for was with as on be are this by at from an or which have has not but der die das und
    den dem ein eine einen einer ist im zu von mit für auf sich nicht auch dass wird sind bei wie werden hat aus nach
    le la les et des du un une en est que qui dans pour sur pas au aux par avec sont ce el los las del y por con para
    una como pero más il di che è della per non sono nel o os da em não uma com het een van op te dat zijn voor og
    det som til på av är och att i w z na się że jest nie ve bir bu için ile yang dan ini untuk dengan и в не на что
    с по как это для है के में की और को से का في من على أن إلى
pronoun: you your we our my they their he she his her us me ich wir sie er es ihr uns mein unser vous nous je elle
    ils nuestro usted ella ellos io noi loro ik wij zij hij eu ele ela я мы он она они
button: click here download get started start try book request join watch apply hier klicken jetzt ansehen herunterladen
review: review reviews rating ratings stars star rated verified bewertung bewertungen sterne avis reseñas
lang: english deutsch español français italiano português nederlands polski русский türkçe 日本語 한국어 中文
faq: what how why when who where can do does should warum wann wer wo kann pourquoi quand cómo qué come
time: minutes days weeks months years week month day year hour minuten stunden tage wochen monate jahre jahr heures
    jours años días ore giorni
currency: eur gbp
"""

Keys = npt.NDArray[np.uint32]
Groups = npt.NDArray[np.uint8]


def word_groups(text: str) -> dict[str, tuple[str, ...]]:
    """Return words by their group, from lines of `group: word word`."""
    groups: dict[str, list[str]] = {}
    name = ""
    for token in text.split():
        if token.endswith(":"):
            name = token[:-1]
            groups[name] = []
        else:
            groups[name].append(token)
    return {group: tuple(words) for group, words in groups.items()}


CLASS_GROUPS: Final = word_groups(_CLASS_WORDS)
"""Words of class names by group; a word stands in one group."""
TEXT_GROUPS: Final = word_groups(_TEXT_WORDS)
"""Words of the page's text by group; a word stands in one group."""


def word_hash(word: bytes) -> int:
    """Return the 32-bit hash of a word in lower case; never zero."""
    state = 0
    for byte in word:
        state = (state * 31 + byte) & _WORD
    return state or 1


def word_table(groups: dict[str, tuple[str, ...]]) -> tuple[Keys, Groups]:
    """Return the hashes of words and the places of their groups, for `group_of`."""
    keys, values = np.zeros(_SLOTS, np.uint32), np.zeros(_SLOTS, np.uint8)
    for place, words in enumerate(groups.values()):
        for word in words:
            state = word_hash(word.encode())
            slot = (state ^ (state >> 12)) % _SLOTS
            while keys[slot] != 0:
                assert keys[slot] != state, f"the word {word} has the hash of another"
                slot = (slot + 1) % _SLOTS
            keys[slot], values[slot] = state, place
    return keys, values


_CLASS_KEYS, _CLASS_VALUES = word_table(CLASS_GROUPS)
_TEXT_KEYS, _TEXT_VALUES = word_table(TEXT_GROUPS)


@leaf
def group_of(keys: Keys, values: Groups, state: int) -> int:
    """Return the group of the word with this hash, −1 where it is in none."""
    if state == 0:
        state = 1
    slot = (state ^ (state >> 12)) % _SLOTS
    while keys[slot] != 0:
        if keys[slot] == state:
            return int(values[slot])
        slot = (slot + 1) % _SLOTS
    return -1


@leaf
def text_group(state: int) -> int:
    """Return the group of the word with this hash, −1 where it is in none."""
    return group_of(_TEXT_KEYS, _TEXT_VALUES, state)


@leaf
def class_groups(page: Bytes, start: int, end: int) -> np.uint64:
    """Return the groups of the words in an attribute's value, one bit each."""
    groups = np.uint64(0)
    state = 0
    before = 0
    for at in range(start, end + 1):
        byte = int(page[at]) if at < end else 0
        upper = 65 <= byte <= 90
        if state != 0 and ((upper and 97 <= before <= 122) or not 97 <= (byte | 32) <= 122):
            group = group_of(_CLASS_KEYS, _CLASS_VALUES, state)
            if group >= 0:
                groups |= np.uint64(1) << np.uint64(group)
            state = 0
        before = byte
        if 97 <= (byte | 32) <= 122:
            state = (state * 31 + (byte | 32)) & _WORD
    return groups
