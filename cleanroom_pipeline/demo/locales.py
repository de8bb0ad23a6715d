"""What the made-up people are made of, country by country.

Here: names, places, postcodes and phone numbers, and the forms they are written in. Not here: how a
customer or a click is drawn from them (`customers`, `click_events`).

Nobody real can be in it. Phone numbers come from ranges that the regulator keeps for fiction
(US and Canada 555-01xx, Ofcom, ACMA, ARCEP, Bundesnetzagentur); where no such range is known, they
start with digits that the country's numbering plan gives to no subscriber.
"""

import itertools
import re
import unicodedata
from dataclasses import dataclass
from typing import NamedTuple

_POSTCODES_PER_PLACE = 100
_POSTCODE_SLOTS = {"#": "0123456789", "@": "ABEGHJLNPRSTWXYZ"}
_LATIN_LETTERS = str.maketrans({"ß": "ss", "ø": "o", "ł": "l"})


class Name(NamedTuple):
    """One name as it is written, and its ASCII letters for an e-mail address."""

    written: str
    latin: str


@dataclass(frozen=True)
class PhoneRange:
    """A range of numbers that nobody has; `spellings` are %-templates with `digits` places.

    The first spelling is E.164 (`+` and digits alone); all the others mean the same number.
    """

    digits: int
    spellings: tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """A city with its state (None where addresses have none) and some of its postcodes."""

    city: str
    state: str | None
    postcodes: tuple[str, ...]


@dataclass(frozen=True)
class Locale:
    """What people of one country and one way of writing are called and where they live."""

    country: str
    given_names: tuple[Name, ...]
    family_names: tuple[Name, ...]
    places: tuple[Place, ...]
    phones: tuple[PhoneRange, ...]


def _latin(written: str) -> str:
    decomposed = unicodedata.normalize("NFKD", written.lower().translate(_LATIN_LETTERS))
    return "".join(c for c in decomposed if "a" <= c <= "z")


def _names(text: str) -> tuple[Name, ...]:
    """`Anna, Jürgen` or, where letters are not Latin, `佐藤 sato, 鈴木 suzuki`."""
    return tuple(_name(item) for item in text.split(", "))


def _name(item: str) -> Name:
    written, _, latin = item.rpartition(" ")
    if written and not any(c.isascii() for c in written):
        return Name(written, latin)
    return Name(item, _latin(item))


def _place(text: str) -> Place:
    """`Köln/Nordrhein-Westfalen/506##`: # stands for a digit, @ for a letter."""
    city, state, postcode = text.split("/")
    choices = (_POSTCODE_SLOTS.get(c, c) for c in postcode)
    drawn = itertools.islice(itertools.product(*choices), 0, 100 * _POSTCODES_PER_PLACE, 7)
    postcodes = ("".join(p) for p in itertools.islice(drawn, _POSTCODES_PER_PLACE))
    return Place(city, state or None, tuple(postcodes))


def _phone_range(notation: str) -> PhoneRange:
    """`+44 (0)20 7946 0###`: country code, trunk digit in brackets if there is one, the number."""
    match = re.fullmatch(r"\+(\d+) (?:\((\d)\))?(\d+)([ -])(.+)", notation)
    if match is None:
        msg = f"Phone range {notation!r}: expected a form like '+44 (0)20 7946 0###'."
        raise ValueError(msg)
    country, trunk, area, separator, rest = match.groups(default="")
    national = f"{trunk}{area}{separator}{rest}"
    international = f"+{country} {area}{separator}{rest}"
    compact = re.sub("[ -]", "", international)
    spellings = [
        compact,
        international,
        "00" + compact.removeprefix("+"),
        "00" + international.removeprefix("+"),
        national,
        re.sub("[ -]", "", national),
        f"({trunk}{area}) {rest}",
        re.sub("[ -]", ".", national),
        f"{national} ext. 12",
        f"{international} x7",
        f"  {national} ",
    ]
    if trunk:
        spellings.append(notation)
    if country == "1":
        spellings.append("1-" + national)
    return PhoneRange(notation.count("#"), tuple(s.replace("#", "%s") for s in spellings))


def _locale(country: str, *, given: str, family: str, places: str, phones: str) -> Locale:
    return Locale(
        country=country,
        given_names=_names(given),
        family_names=_names(family),
        places=tuple(_place(p) for p in places.split(", ")),
        phones=tuple(_phone_range(p) for p in phones.split(", ")),
    )


_JAPANESE_PHONES = "+81 (0)3-0000-####, +81 (0)6-0000-####, +81 (0)52-000-####"

LOCALES: tuple[Locale, ...] = (
    _locale(
        "US",
        given="James, Mary, Robert, Patricia, Michael, Jennifer, DeShawn, Latoya, Mary-Ann, José, "
        "Emily, Tyler, Brandon, Ashley, Marcus, Nicole",
        family="Smith, Johnson, Williams, O'Brien, Hernandez, Nguyen, Kowalski, Van Buren, "
        "McDonald, Robinson, Patterson, Goldberg",
        places="New York/NY/100##, Los Angeles/CA/900##, Chicago/IL/606##, Houston/TX/770##, "
        "Boston/MA/021##, Seattle/WA/981##, St. Louis/MO/631##, Washington/DC/200##",
        phones="+1 212-555-01##, +1 310-555-01##, +1 312-555-01##, +1 617-555-01##, "
        "+1 206-555-01##, +1 202-555-01##",
    ),
    _locale(
        "GB",
        given="Oliver, Amelia, George, Isla, Alistair, Siobhán, Rhys, Eleanor, Zoë, Graham, Nigel, "
        "Priyanka, Callum, Imogen",
        family="Taylor, Davies, Evans, Wright, O'Neill, MacLeod, Patel, Smythe-Jones, Thompson, "
        "Whittaker, Llewellyn, Ashworth",
        places="London/England/SW1A #@@, Manchester/England/M# #@@, Edinburgh/Scotland/EH# #@@, "
        "Cardiff/Wales/CF1# #@@, Leeds/England/LS# #@@, Belfast/Northern Ireland/BT# #@@",
        phones="+44 (0)20 7946 0###, +44 (0)161 496 0###, +44 (0)7700 900###, +44 (0)131 496 0###",
    ),
    _locale(
        "DE",
        given="Anna, Lukas, Jürgen, Käthe, Sören, Monika, Björn, Franziska, Günther, Annegret, "
        "Matthias, Heike, Mehmet, Liesel",
        family="Müller, Schmidt, Weiß, Schäfer, Strauß, von Hohenfeld, Özdemir, Großmann, Köhler, "
        "Zimmermann, Böttcher, Krüger",
        places="Berlin/Berlin/101##, München/Bayern/803##, Köln/Nordrhein-Westfalen/506##, "
        "Hamburg/Hamburg/200##, Frankfurt am Main/Hessen/603##, Stuttgart/Baden-Württemberg/701##",
        phones="+49 (0)30 23125 ###, +49 (0)89 99998 ###, +49 (0)221 4710 ###, "
        "+49 (0)40 66969 ###, +49 (0)69 90009 ###",
    ),
    _locale(
        "FR",
        given="Camille, Étienne, Chloé, François, Anaïs, Jean-Baptiste, Zoé, Benoît, Océane, "
        "Thibault, Manon, Gaëlle, Rémi, Aurélie",
        family="Dubois, Lefèvre, Garçon, D'Aubigné, Moreau, Châtelain, Rousseau, Béranger, "
        "de La Tour, Fournier, Guérin, Pelletier",
        places="Paris/Île-de-France/750##, Lyon/Auvergne-Rhône-Alpes/690##, "
        "Marseille/Provence-Alpes-Côte d'Azur/130##, Nantes/Pays de la Loire/440##, "
        "Strasbourg/Grand Est/670##, Saint-Étienne/Auvergne-Rhône-Alpes/421##",
        phones="+33 (0)1 99 00 ## ##, +33 (0)2 61 91 ## ##, +33 (0)3 53 01 ## ##, "
        "+33 (0)4 65 71 ## ##, +33 (0)6 39 98 ## ##",
    ),
    _locale(
        "ES",
        given="Inés, Javier, Begoña, Íñigo, María José, Álvaro, Nuria, Ramón, Concepción, Sergio, "
        "Montserrat, Gonzalo",
        family="García López, Muñoz, Ibáñez, Fernández, Etxeberria, Núñez Díaz, Casademont, "
        "Rodríguez, Peña, Villanueva",
        places="Madrid/Comunidad de Madrid/280##, Barcelona/Cataluña/080##, "
        "Sevilla/Andalucía/410##, A Coruña/Galicia/150##, Valencia/Comunitat Valenciana/460##",
        phones="+34 400 000 ###, +34 400 001 ###",
    ),
    _locale(
        "IT",
        given="Giulia, Lorenzo, Niccolò, Chiara, Matteo, Donatella, Salvatore, Fiorella, Gianluca, "
        "Letizia, Raffaele, Ornella",
        family="Rossi, Esposito, D'Angelo, De Luca, Bianchi, Lo Russo, Colombo, Ferrari, "
        "Mastroianni, Pellegrini, Santoro, Barbieri",
        places="Roma/RM/001##, Milano/MI/201##, Napoli/NA/801##, Torino/TO/101##, Forlì/FC/471##",
        phones="+39 200 000 ####, +39 200 001 ####",
    ),
    _locale(
        "JP",
        given="Haruto, Yui, Kenji, Sakura, Takeshi, Ayumi, Hiroshi, Naoko, Shinji, Megumi",
        family="Sato, Suzuki, Takahashi, Tanaka, Watanabe, Yamamoto, Kobayashi, Matsumoto",
        places="Shinjuku-ku/Tokyo/160-00##, Kita-ku/Osaka/530-00##, Nagoya-shi/Aichi/460-00##",
        phones=_JAPANESE_PHONES,
    ),
    _locale(
        "JP",
        given="陽翔 haruto, 結衣 yui, 健二 kenji, さくら sakura, 武 takeshi, 歩美 ayumi, "
        "ヒロシ hiroshi, 直子 naoko",
        family="佐藤 sato, 鈴木 suzuki, 高橋 takahashi, 田中 tanaka, 渡辺 watanabe, 山本 yamamoto, "
        "小林 kobayashi, 松本 matsumoto",
        places="新宿区/東京都/160-00##, 大阪市北区/大阪府/530-00##, 名古屋市中区/愛知県/460-00##",
        phones=_JAPANESE_PHONES,
    ),
    _locale(
        "IN",
        given="Aarav, Ananya, Rohit, Lakshmi, Siddharth, Kavitha, Arjun, Meenakshi, Vikram, "
        "Sunita, Harpreet, Farhan",
        family="Sharma, Iyer, Reddy, Singh, Banerjee, Chatterjee, Venkataraman, Krishnamurthy, "
        "Deshpande, Khan, Mukherjee, Nair",
        places="Mumbai/Maharashtra/4000##, New Delhi/Delhi/1100##, Bengaluru/Karnataka/5600##, "
        "Chennai/Tamil Nadu/6000##, Kolkata/West Bengal/7000##",
        phones="+91 (0)22 0000 ####, +91 (0)11 0000 ####, +91 (0)80 0000 ####",
    ),
    _locale(
        "BR",
        given="João, Ana Luíza, Thiago, Conceição, Antônio, Letícia, Caetano, Fernanda, Vinícius, "
        "Jussara, Luís, Rafaela",
        family="Silva, Souza, Gonçalves, dos Santos, Araújo, Magalhães, Teixeira, Cavalcanti, "
        "Figueiredo, Barbosa, Assunção, Pereira",
        places="São Paulo/SP/010##-000, Rio de Janeiro/RJ/200##-040, Belo Horizonte/MG/301##-010, "
        "Salvador/BA/400##-100, Brasília/DF/700##-900",
        phones="+55 11 0000-####, +55 21 0000-####, +55 31 0000-####",
    ),
    _locale(
        "MX",
        given="Guadalupe, Alejandro, Ximena, Jesús, Itzel, Rogelio, Socorro, Ángel, Citlali, "
        "Fernando, Rocío, Héctor",
        family="Hernández, Ramírez Ortiz, Cuauhtémoc, Treviño, Guzmán, Zaragoza, Ordóñez, "
        "Villarreal, Cárdenas, Quintanilla",
        places="Ciudad de México/CDMX/060##, Guadalajara/JAL/441##, Monterrey/NLE/640##, "
        "Mérida/YUC/970##, Puebla/PUE/720##",
        phones="+52 55 0000 ####, +52 33 0000 ####, +52 81 0000 ####",
    ),
    _locale(
        "CA",
        given="Liam, Charlotte, Noah, Gurpreet, Étienne, Geneviève, Maëlle, Connor, Brooklyn, "
        "Jean-François, Mackenzie, Desmond",
        family="Tremblay, Bouchard, MacDonald, Gagnon, Singh, Côté, Campbell, Lévesque, Fraser, "
        "Pelletier, Morrison, Thibodeau",
        places="Toronto/ON/M5V #@#, Montréal/QC/H2X #@#, Vancouver/BC/V6B #@#, Calgary/AB/T2P #@#, "
        "Halifax/NS/B3J #@#, Québec/QC/G1R #@#",
        phones="+1 416-555-01##, +1 514-555-01##, +1 604-555-01##, +1 902-555-01##",
    ),
    _locale(
        "AU",
        given="Jack, Matilda, Lachlan, Ruby, Hamish, Tahlia, Darcy, Kirra, Bronte, Angus, Mei-Lin, "
        "Declan",
        family="Wilson, Nguyen, Papadopoulos, Fitzgerald, Chen, O'Sullivan, Mitchell, Kelly, "
        "Abernathy, Costa, Robertson, Henderson",
        places="Sydney/NSW/20##, Melbourne/VIC/30##, Brisbane/QLD/40##, Perth/WA/60##, "
        "Adelaide/SA/50##, Hobart/TAS/70##",
        phones="+61 (0)2 5550 ####, +61 (0)3 7010 ####, +61 (0)7 5550 ####, +61 (0)8 7010 ####",
    ),
)
