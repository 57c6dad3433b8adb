#!/usr/bin/env python3
"""Makes a CRM and calls of many kinds of case up, in the formats of `aftercall match backtest`.

    generate.py DIR [--contacts N] [--calls N] [--seed N]

Everybody and everything in it is invented. The names are not those of the tables that ship, so that rules that fit only those show it.
"""
import argparse
import json
import os
import random

P = argparse.ArgumentParser()
P.add_argument("dir")
P.add_argument("--contacts", type=int, default=2000)
P.add_argument("--calls", type=int, default=1500)
P.add_argument("--seed", type=int, default=7)
A = P.parse_args()
R = random.Random(A.seed)

# name: short forms that people use. Some have none; some are rare enough to stand in no table.
FIRST = """Margaret:Maggie,Meg,Peggy Theodore:Ted,Theo Veronica:Ronnie,Roni Gregory:Greg Leonard:Len,Lenny Priscilla:Cilla Dorothy:Dot,Dottie
Bernadette:Bernie Cornelius:Neil Rosemary:Rosie Harold:Hal,Harry Winifred:Winnie Raymond:Ray Frances:Fran,Frankie Francis:Frank Daniel:Dan,Danny
Danielle:Dani Patrick:Pat,Paddy Patricia:Pat,Trish,Patty Alexander:Alex,Sandy Alexandra:Alex,Lexi Christopher:Chris,Kit Christine:Chris,Tina Samuel:Sam
Samantha:Sam Robert:Bob,Rob Roberta:Bobbie Gabriel:Gabe Gabriela:Gaby Josephine:Jo,Josie Joseph:Joe Eleanor:Ellie,Nell Nathaniel:Nate Timothy:Tim
Kimberly:Kim Jacqueline:Jackie Stephanie:Steph Stephen:Steve Frederick:Fred Florence:Flo Geraldine:Gerry Gerald:Jerry,Gerry Lawrence:Larry
Vincent:Vince Walter:Walt Zachary:Zach Rebecca:Becky Deborah:Debbie Susan:Sue Barbara:Barb Catherine:Cathy,Kate Elizabeth:Liz,Beth,Betty
William:Bill,Will Richard:Rick,Dick Charles:Chuck,Charlie Edward:Ed,Ted Thomas:Tom Michael:Mike James:Jim,Jimmy Anthony:Tony Andrew:Andy Matthew:Matt
Guillermo:Memo Francisco:Paco,Pancho Dolores:Lola Guadalupe:Lupe Ignacio:Nacho Enrique:Kike Rosario:Chayo Concepcion:Concha Alejandro:Alex Rafael:Rafa
Joaquin: Xiomara: Yesenia: Itzel: Anahi: Leocadia: Evaristo: Nicanor: Thandiwe: Sipho: Nkosana: Ayodele: Chiamaka:Chi Babajide: Zuberi: Makena: Wanjiru:
Bronwen: Gwydion: Eluned: Oisin: Grainne: Fearghal: Muireann: Ailish: Torquil: Morag: Hamish: Isolde: Ottoline: Peregrine: Cressida: Thaddea: Lysander:
Wolfram: Gundula: Reinhilde: Heribert: Friedhelm: Annegret: Ortrud: Sieglinde: Lennart: Ylva: Torbjorn: Ragnhild: Gunhild: Eskil: Solvei: Ottar:
Zsofia: Bence: Csilla: Gergely: Ioana: Razvan: Mihaela: Dragos: Bogdana: Zlatko: Snezana: Vesna: Goran: Ljubica: Bronislaw: Halina: Wieslawa: Zdzislaw:
Dmitri:Dima Ekaterina:Katya Nikolai:Kolya Svetlana:Sveta Mikhail:Misha Tatiana:Tanya Yevgeny:Zhenya Anastasia:Nastya Vladimir:Vova Oleksandr:Sasha
Venkatesh:Venkat Subramanian:Subbu Lakshmi: Meenakshi:Meena Raghunath:Raghu Padmavathi:Padma Srinivas:Srini Harpreet: Gurinder: Jaswant: Manjeet: Balvinder:
Mehreen: Farzana: Shahid: Tahira: Zubair: Nasreen: Parveen: Iqbal: Rukhsana: Mohammed:Mo Yusuf: Khadija: Hussein: Layla: Noor: Siavash: Golnaz: Parviz: Shirin:
Xiaoling: Jianguo: Meifang: Zhihao: Yuxuan: Weimin: Lihua: Guozhi: Thuong: Ngoc: Hieu: Quynh: Haruto: Sayuri: Kazuhiko: Minjun: Seoyeon: Jihoon: Hyejin:""".split()
SHORT = {}
for item in FIRST:
    name, _, nicks = item.partition(":")
    SHORT[name] = [n for n in nicks.split(",") if n]
FIRST = list(SHORT)
LOOKALIKE = [("Daniel", "Danielle"), ("Gabriel", "Gabriela"), ("Joseph", "Josephine"), ("Robert", "Roberta"), ("Francis", "Frances"), ("Gerald", "Geraldine"), ("Marie", "Maria"), ("Ronald", "Donald"), ("Karen", "Karin"), ("Erica", "Eric"), ("Jean", "Joan"), ("Nora", "Norma")]
SAME_SHORT = [("Samuel", "Samantha", "Sam"), ("Patrick", "Patricia", "Pat"), ("Christopher", "Christine", "Chris"), ("Alexander", "Alexandra", "Alex")]
COMMON_LAST = "Smith Johnson Brown Miller Davis Garcia Martinez Lee Nguyen Patel Khan Kowalski Schmidt Murphy Walker Young King Wright Hill Green Baker Adams Nelson Carter".split()
LAST = """Abernathy Quillfeather Thistlewood Vandergriff Oyelaran Mbekwe Szymborska Wojcik Dvorakova Hrabal Kirchhoff Muellerstein Grünewald Schönfeld Löwenthal
Fjellstad Østergaard Åkerlund Lindqvist Papathanasiou Georgiadis Constantinescu Radulescu Horvath Szentgyorgyi Bogdanovic Petrosyan Hovhannisyan Ibragimov
Zakharchenko Shevtsova Vasilenko Balasubramaniam Ramanujan Deshpande Kulkarni Mukhopadhyay Siddiqui Qureshi Chaudhry Haidari Rostami Farahani Al-Mansour
El-Sayed Benhaddou Ouedraogo Nkemelu Tshivhase Ngcobo Wanyama Zhuang Ouyang Xiong Tsukamoto Yanagisawa Hwangbo Namgung Phanthavong De-la-Fuente De-Oliveira
van-der-Meer von-Hohenberg Di-Lorenzo O'Shaughnessy McElligott MacGillivray Fitzwilliam Featherstone Cholmley Ravensworth Birtwhistle Entwistle Arbuthnot
Culpepper Merriweather Hollingsworth Pennington Loxley Tarkington Zimbalist Rosenkrantz Feuerstein Gottlieb Abramowitz Echeverria Urquidi Zubizarreta Ibarra
Villalobos Quintanilla Sepulveda Arredondo Betancourt Monteverde Archuleta Baptiste Thibault Delacroix Beauregard Lachance Fontenot Guidry Robicheaux""".split()
LAST = [n.replace("-", " ") if n[0].islower() or n.startswith("De-") or n.startswith("Di-") else n for n in LAST]
STEMS = "Hart Wind Brook Stone Lang Fair Black White Ash Elm Hazel Raven Wolf Crow Marsh Whit Gold Silver Kings Queen Nor Sut West Eas Long Short Hol Bram Cald Dun".split()
ENDS = "ley ton field well worth ham by wick combe ridge dale ford shaw hurst man ster more den low ington".split()
LAST += sorted({s + e for s in STEMS for e in ENDS if R.random() < 0.75})
CITY = "Dayton Albany Fresno Tulsa Omaha Reno Provo Macon Salem Utica Flint Boulder Mobile Eugene Laredo".split()
WORD = "Bluebird Keystone Lantern Sagebrush Copperfield Harborview Maplecrest Northgate Pinehurst Sunflower Wildwood Zenith Trillium Anchor Beacon Cardinal Evergreen Falconer Granite Heritage Ironbridge Juniper Kestrel Larkspur Meridian Nightingale".split()
TRADE = {"Dental": ["dentistry", "dental office"], "Law Firm": ["law office", "attorneys"], "Plumbing": ["plumbers"], "Heating & Cooling": ["HVAC"], "Veterinary Clinic": ["vet", "animal hospital"],
         "Roofing": ["roofers"], "Landscaping": ["lawn care"], "Insurance": ["insurance agency"], "Auto Repair": ["garage"], "Bakery": [], "Accounting": ["CPA", "accountants"], "Construction": ["builders"], "Real Estate": ["realty"]}
LEGAL = ["", " LLC", " Inc.", ", Inc.", " Group", " Co.", " Ltd"]
AREA = [a for a in range(202, 980) if a % 100 != 11 and a % 10 != 0][: 300]
FREE = ["gmail.com", "yahoo.com", "hotmail.com", "outlook.com", "icloud.com", "aol.com"]

contacts, calls, truth = [], [], []
used = set()


def fold(t):
    for a, b in [("ü", "u"), ("ö", "o"), ("ä", "a"), ("Ø", "O"), ("ø", "o"), ("Å", "A"), ("å", "a")]:
        t = t.replace(a, b)
    return "".join(c for c in t.lower() if c.isalnum())


def number():
    while True:
        n = f"{R.choice(AREA)}{R.randint(200, 989)}{R.randint(0, 9999):04d}"
        if n[3:6] != "555" and n not in used:
            used.add(n)
            return n


def typed(n):
    a, b, c = n[:3], n[3:6], n[6:]
    return R.choice([f"({a}) {b}-{c}", f"{a}-{b}-{c}", f"{a}.{b}.{c}", n, f"+1{n}", f"1-{a}-{b}-{c}", f"+1 {a} {b} {c}", f"{a} {b} {c}", f"({a}){b}-{c}", f"1{n}"])


def messy(n):
    a, b, c = n[:3], n[3:6], n[6:]
    o = number()
    return R.choice([f"cell {a}-{b}-{c}", f"{a}-{b}-{c} (home)", f"{a}/{b}-{c}", f"{a}.{b}.{c} ask for the owner", f"({a}) {b}-{c} ext 42", f"{a}-{b}-{c} x9", f"{typed(o)} or {a}-{b}-{c}", f"{a}-{b}-{c} / {o[:3]}-{o[3:6]}-{o[6:]}", f"'{n}", f"tel:{n}", f"001{n}", f"{a}-{b}-{c}; {typed(o)}", f"office: {a} {b} {c} - after 3pm"])


def net(n):
    return R.choice([f"+1{n}", f"+1{n}", f"+1{n}", f"1{n}", f"sip:+1{n}@carrier.example"])


def hidden():
    return R.choice(["anonymous", None, "Private", "Restricted", "unavailable", "+266696687"])


def email_for(f, l, host=None):
    f, l = fold(f), fold(l)
    while True:
        local = R.choice([f"{f}.{l}", f"{f}{l}", f"{f[0]}{l}", f"{f}_{l}", f"{l}{f[0]}", f"{f}-{l}"])
        if host is None:
            local += R.choice(["", str(R.randint(2, 99)), str(R.randint(1950, 2005))])
        e = f"{local}@{host or R.choice(FREE)}"
        if e not in used:
            used.add(e)
            return e
        f += R.choice("abc")


DIGIT = "zero one two three four five six seven eight nine".split()
TENS = {2: "twenty", 3: "thirty", 4: "forty", 5: "fifty", 6: "sixty", 7: "seventy", 8: "eighty", 9: "ninety"}


def say_digits(d):
    if len(d) == 2 and d[0] in "23456789" and R.random() < 0.5:
        return TENS[int(d[0])] + ("" if d[1] == "0" else " " + DIGIT[int(d[1])])
    if len(d) == 4 and d.startswith("19") and R.random() < 0.5:
        return "nineteen " + (say_digits(d[2:]) if d[2] in "23456789" else " ".join(DIGIT[int(c)] for c in d[2:]))
    return " ".join(DIGIT[int(c)] for c in d)


LETTER = {"b": "bee", "j": "jay", "k": "kay", "r": "are", "c": "see", "t": "tee", "p": "pee"}
NATO = {"a": "apple", "b": "boy", "c": "cat", "d": "dog", "e": "echo", "f": "frank", "g": "george", "h": "henry", "i": "ida", "j": "john", "k": "king", "l": "larry", "m": "mary", "n": "nancy", "o": "oscar", "p": "peter", "q": "queen", "r": "robert", "s": "sam", "t": "tom", "u": "uncle", "v": "victor", "w": "william", "x": "xray", "y": "yellow", "z": "zebra"}


def speak_email(e):
    local, host = e.split("@")
    out, i = [], 0
    style = R.random()
    while i < len(local):
        c = local[i]
        if c.isdigit():
            j = i
            while j < len(local) and local[j].isdigit():
                j += 1
            out.append(say_digits(local[i:j]))
            i = j
        elif c in "._-":
            out.append({".": R.choice(["dot", "dot", "period", "point"]), "_": "underscore", "-": R.choice(["dash", "hyphen"])}[c])
            i += 1
        else:
            j = i
            while j < len(local) and local[j].isalpha():
                j += 1
            w = local[i:j]
            if len(w) == 1:
                out.append(LETTER.get(w, w) if R.random() < 0.5 else w)
            elif style < 0.12:
                out.append(" ".join(w))
            elif style < 0.2:
                out.append("-".join(w.upper()))
            elif style < 0.26:
                out.append(" ".join(f"{x} as in {NATO[x]}" if R.random() < 0.5 else x for x in w))
            else:
                out.append(w)
            i = j
    label, *ends = host.split(".")
    label = {"gmail": R.choice(["gmail", "g mail", "gee mail"]), "hotmail": R.choice(["hotmail", "hot mail", "hot male"]), "outlook": R.choice(["outlook", "out look"]), "icloud": R.choice(["icloud", "i cloud"]), "aol": R.choice(["aol", "a o l"])}.get(label, label)
    said = " ".join(out) + " " + R.choice(["at", "at", "at", "at the rate", "at sign"]) + " " + label + " dot " + " dot ".join("con" if x == "com" and R.random() < 0.08 else x for x in ends)
    return R.choice(["", "", "", "it's ", "my email is ", "uh ", "sure, that's "]) + said + R.choice(["", "", "", " all lowercase", " thanks", ", yeah"])


def mishear(w):
    w = list(w)
    for _ in range(1 if len(w) < 7 else R.choice([1, 1, 2])):
        i = R.randrange(1, len(w)) if len(w) > 1 else 0
        c = w[i].lower()
        k = R.random()
        if c in "aeiou" and k < 0.7:
            w[i] = R.choice([x for x in "aeiou" if x != c])
        elif c in "bdgkpstvzmnf" and k < 0.5:
            w[i] = {"b": "p", "p": "b", "d": "t", "t": "d", "g": "k", "k": "g", "s": "z", "z": "s", "v": "f", "f": "v", "m": "n", "n": "m"}[c]
        elif k < 0.75:
            w.insert(i, w[i])
        elif len(w) > 4:
            del w[i]
    return "".join(w)


def said(name):
    k = R.random()
    name = name.lower() if k < 0.4 else name
    return R.choice(["", "", "", "", "this is ", "hi it's ", "my name is ", "uh "]) + name


def person(last=None, first=None):
    f = first or R.choice(FIRST)
    l = last or (R.choice(COMMON_LAST) if R.random() < 0.25 else R.choice(LAST))
    return f, l


def contact(f, l, **k):
    c = {"contact_id": f"P{len(contacts):06d}", "account_id": None, "account_name": None, "first_name": f, "last_name": l, "suffix": None, "email": None, "other_email": None, "phone": None, "mobile": None, "other_phone": None, "city": R.choice(CITY), "country": R.choice(["US", "USA", None, "United States"]), "updated_at": "2025-01-01"}
    c.update(k)
    x = R.random()
    if x < 0.06:
        c["first_name"], c["last_name"] = f.upper(), l.upper()
    elif x < 0.09 and not k.get("keep"):
        c["first_name"], c["last_name"] = None, f"{f} {l}"
    elif x < 0.12 and SHORT.get(f):
        c["first_name"] = f"{f} ({SHORT[f][0]})"
    c.pop("keep", None)
    if c["email"] and R.random() < 0.15:
        c["email"] = R.choice([c["email"].upper(), "mailto:" + c["email"], f"<{c['email']}>", c["email"] + " "])
    contacts.append(c)
    c = dict(c, first=f, last=l)
    return c


def company():
    trade = R.choice(list(TRADE))
    base = R.choice([f"{R.choice(WORD)} {trade}", f"{R.choice(CITY)} {R.choice(WORD)} {trade}", f"{R.choice(LAST).title()} & Sons {trade}", f"{R.choice(LAST).title()} {trade}"])
    return base, trade, base + R.choice(LEGAL)


def call(kind, outcome, ids, number=None, name=None, email=None, comp=None, back=None, shown=None, ok=()):
    cid = f"Q{len(calls):06d}"
    calls.append({"call_id": cid, "started_at": "2026-05-05T10:00:00Z", "region": "US", "from_number": number, "caller_id_name": shown, "name_said": name, "email_said": email, "company_said": comp, "callback_said": back})
    t = {"call_id": cid, "scenario": kind, "outcome": outcome, "contact_ids": ids}
    if ok:
        t["also_ok"] = list(ok)
    truth.append(t)


class Solo:
    def __init__(self, **k):
        self.f, self.l = person(k.pop("last", None), k.pop("first", None))
        self.m = number()
        self.e = email_for(self.f, self.l)
        self.c = contact(self.f, self.l, mobile=typed(self.m), email=self.e, **k)
        self.id = self.c["contact_id"]


def household(n=None, firsts=None):
    l = person()[1]
    phone = number()
    out = []
    names = firsts or R.sample(FIRST, n or R.choice([2, 2, 3, 4]))
    account = R.choice([None, f"{l} Household", f"The {l} Family", l])
    for f in names:
        m = number()
        out.append(contact(f, l, phone=typed(phone), mobile=typed(m) if R.random() < 0.6 else None, email=email_for(f, l) if R.random() < 0.6 else None, account_name=account, account_id=f"H{phone}" if account else None))
    return l, phone, out


def firm(n=None):
    base, trade, full = company()
    host = fold(base.replace("&", "")) + ".com"
    phone = number()
    staff = []
    for f in R.sample(FIRST, n or R.choice([2, 3, 5, 8])):
        l = person()[1]
        staff.append(contact(f, l, phone=typed(phone) + R.choice(["", f" x{R.randint(10, 99)}", f" ext. {R.randint(100, 199)}"]), email=email_for(f, l, host), account_name=full, account_id=f"F{phone}", mobile=typed(number()) if R.random() < 0.4 else None))
    return base, trade, phone, staff, host


def background(n):
    while len(contacts) < n:
        k = R.random()
        if k < 0.4:
            Solo()
        elif k < 0.65:
            household()
        else:
            firm()


def fresh(taken):
    while True:
        f, l = person()
        if (f, l) not in taken:
            return f, l


def heard_company(base, trade):
    k = R.random()
    if k < 0.5:
        return base.lower() if R.random() < 0.5 else base
    if k < 0.7 and TRADE[trade]:
        return base.replace(trade, R.choice(TRADE[trade]))
    if k < 0.85:
        return "the " + base.replace("&", "and")
    return base + R.choice([" company", " incorporated", ""])


def kinds():
    def known(name):
        def make():
            s = Solo()
            call(f"known_number_{name.__name__}", "match", [s.id], net(s.m), name(s))
        return make

    def full(s): return said(f"{s.f} {s.l}")
    def first_only(s): return said(s.f)
    def no_name(_): return None
    def swapped(s): return f"{s.l} {s.f}"
    def comma(s): return f"{s.l}, {s.f}"
    def middle(s): return f"{s.f} {R.choice(['J.', 'Lynn', 'Marie', 'Lee', 'A'])} {s.l}"
    def titled(s): return f"{R.choice(['Mrs.', 'Mr', 'Dr.', 'Ms'])} {s.l}"
    def misheard(s): return said(f"{mishear(s.f)} {mishear(s.l)}")
    def spelled(s): return f"{s.f} {s.l}, {' '.join(s.l.replace(' ', '').replace(chr(39), ''))}"
    for f in [full, first_only, no_name, swapped, comma, middle, titled, misheard, spelled]:
        yield known(f)

    def known_number_nickname():
        s = Solo(first=R.choice([f for f in FIRST if SHORT[f]]))
        n = R.choice(SHORT[s.f])
        call("known_number_nickname", "match", [s.id], net(s.m), said(R.choice([n, f"{n} {s.l}"])))
    yield known_number_nickname

    def known_number_full_for_nickname():
        f = R.choice([f for f in FIRST if SHORT[f]])
        m = number()
        l = person()[1]
        c = contact(R.choice(SHORT[f]), l, mobile=typed(m), keep=1)
        call("known_number_full_for_nickname", "match", [c["contact_id"]], net(m), said(f"{f} {l}"))
    yield known_number_full_for_nickname

    def known_number_messy():
        f, l = person()
        m = number()
        c = contact(f, l, **{R.choice(["phone", "mobile", "other_phone"]): messy(m)})
        call("known_number_messy", "match", [c["contact_id"]], net(m), R.choice([None, said(f), said(f"{f} {l}")]))
    yield known_number_messy

    def known_number_initial_on_file():
        f, l = person()
        m = number()
        c = contact(f[0] + R.choice(["", "."]), l, mobile=typed(m), keep=1)
        call("known_number_initial_on_file", "match", [c["contact_id"]], net(m), said(f"{f} {l}"))
    yield known_number_initial_on_file

    def known_number_wrong_email_heard():
        s = Solo()
        call("known_number_other_email", "match", [s.id], net(s.m), said(f"{s.f} {s.l}"), speak_email(email_for(s.f, s.l)))
    yield known_number_wrong_email_heard

    def mistyped_number():
        f, l = fresh(set())
        m = number()
        i = R.randrange(3, 8)
        while m[i] == m[i + 1]:
            m = number()
        t = m[:i] + m[i + 1] + m[i] + m[i + 2:]
        c = contact(f, l, mobile=typed(t))
        call("mistyped_number_full_name", "match", [c["contact_id"]], net(m), said(f"{f} {l}"), ok=["review"])
    yield mistyped_number

    def household_first():
        l, ph, hs = household()
        h = R.choice(hs)
        call("household_first", "match", [h["contact_id"]], net(ph), said(R.choice([h["first"], f"{h['first']} {l}"])))
    yield household_first

    def household_nickname():
        l, ph, hs = household(firsts=[R.choice([f for f in FIRST if SHORT[f]])] + R.sample([f for f in FIRST if not SHORT[f]], 2))
        call("household_nickname", "match", [hs[0]["contact_id"]], net(ph), said(R.choice(SHORT[hs[0]["first"]])))
    yield household_nickname

    def household_misheard():
        l, ph, hs = household(firsts=R.sample([f for f in FIRST if len(f) > 5], 2))
        call("household_misheard", "match", [hs[0]["contact_id"]], net(ph), said(mishear(hs[0]["first"]) + R.choice(["", " " + l])), ok=["review"])
    yield household_misheard

    def household_no_name():
        l, ph, hs = household()
        call("household_no_name", "ambiguous", [h["contact_id"] for h in hs], net(ph), None, shown=R.choice([None, f"{l.upper()} {hs[0]['first'].upper()}", "WIRELESS CALLER"]))
    yield household_no_name

    def household_last_only():
        l, ph, hs = household()
        call("household_last_only", "ambiguous", [h["contact_id"] for h in hs], net(ph), R.choice([f"Mr. {l}", f"the {l} residence", f"Mrs {l}"]))
    yield household_last_only

    def household_new_member():
        l, ph, hs = household()
        f = R.choice([f for f in FIRST if f not in [h["first"] for h in hs]])
        call("household_new_member", "new", [], net(ph), said(f"{f} {l}"), ok=["review"])
    yield household_new_member

    def lookalike_pair():
        a, b = R.choice(LOOKALIKE)
        if R.random() < 0.5:
            a, b = b, a
        l, ph, hs = household(firsts=[a, b])
        call("household_lookalike_names", "match", [hs[0]["contact_id"]], net(ph), said(R.choice([a, f"{a} {l}"])), ok=["review"])
    yield lookalike_pair

    def lookalike_new_member():
        a, b = R.choice(LOOKALIKE)
        l, ph, hs = household(firsts=[a, R.choice([f for f in FIRST if f not in (a, b)])])
        call("household_lookalike_new_member", "new", [], net(ph), said(f"{b} {l}"), ok=["review"])
    yield lookalike_new_member

    def couple_short():
        a, b, n = R.choice(SAME_SHORT)
        l, ph, hs = household(firsts=[a, b])
        call("couple_short_said", "ambiguous", [h["contact_id"] for h in hs], net(ph), said(R.choice([n, f"{n} {l}"])))
    yield couple_short

    def couple_full():
        a, b, n = R.choice(SAME_SHORT)
        if R.random() < 0.5:
            a, b = b, a
        l, ph, hs = household(firsts=[a, b])
        call("couple_full_said", "match", [hs[0]["contact_id"]], net(ph), said(R.choice([a, f"{a} {l}"])))
    yield couple_full

    def couple_short_on_file():
        a, b, n = R.choice(SAME_SHORT)
        l = person()[1]
        ph = number()
        x = contact(n, l, phone=typed(ph), keep=1)
        y = contact(b, l, phone=typed(ph), keep=1)
        call("couple_short_on_file_short_said", "ambiguous", [x["contact_id"], y["contact_id"]], net(ph), said(f"{n} {l}"))
    yield couple_short_on_file

    def father_son():
        f, l = person()
        ph = number()
        a = contact(f, l, phone=typed(ph), email=email_for(f, l), keep=1)
        b = contact(f, l + R.choice([" Jr.", " Jr", ""]), phone=typed(ph), email=email_for(f, l), keep=1)
        if not b["last_name"].lower().rstrip(".").endswith("jr"):
            contacts[-1]["suffix"] = R.choice(["Jr", "Junior", "II"])
        k = R.choice(["none", "jr", "sr", "short"])
        ids = [a["contact_id"], b["contact_id"]]
        if k == "none":
            call("father_son_no_suffix", "ambiguous", ids, net(ph), said(f"{f} {l}"))
        elif k == "jr":
            call("father_son_junior_said", "match", ids[1:], net(ph), said(f"{f} {l} {R.choice(['junior', 'Jr.', 'the second'])}"))
        elif k == "sr":
            call("father_son_senior_said", "match", ids[:1], net(ph), said(f"{f} {l} {R.choice(['senior', 'Sr.'])}"))
        else:
            call("father_son_first_only", "ambiguous", ids, net(ph), said(f))
    yield father_son
    yield father_son

    def father_son_short_on_file():
        f = R.choice([f for f in FIRST if SHORT[f]])
        l = person()[1]
        ph = number()
        a = contact(f, l, phone=typed(ph), keep=1)
        b = contact(SHORT[f][0], l + " Jr.", phone=typed(ph), keep=1)
        call("father_son_son_by_short_name", "ambiguous", [a["contact_id"], b["contact_id"]], net(ph), said(f"{f} {l}"))
    yield father_son_short_on_file

    def junior_not_on_file():
        f, l = person()
        ph = number()
        contact(f, l, phone=typed(ph))
        call("junior_not_on_file", "new", [], net(ph), said(f"{f} {l} junior"), ok=["review"])
    yield junior_not_on_file

    def office_named():
        b, t, ph, st, h = firm()
        s = R.choice(st)
        call("office_named", "match", [s["contact_id"]], net(ph), said(R.choice([f"{s['first']} {s['last']}", f"{s['first']} {s['last']} from {b}", s["first"]])), comp=R.choice([None, heard_company(b, t)]))
    yield office_named

    def office_no_name():
        b, t, ph, st, h = firm()
        call("office_no_name", "ambiguous", [s["contact_id"] for s in st], net(ph), None, comp=R.choice([None, b]))
    yield office_no_name

    def office_colleague_not_on_file():
        b, t, ph, st, h = firm()
        f = R.choice([f for f in FIRST if f not in [s["first"] for s in st]])
        call("office_colleague_not_on_file", "new", [], net(ph), said(f"{f} {R.choice(LAST)}"), comp=b, ok=["review"])
    yield office_colleague_not_on_file

    def reassigned():
        s = Solo()
        f, l = fresh({(s.f, s.l)})
        while f == s.f or l == s.l:
            f, l = fresh(set())
        call("number_reassigned", "new", [], net(s.m), said(f"{f} {l}"), R.choice([None, speak_email(email_for(f, l))]), ok=["review"])
    yield reassigned

    def for_someone_else():
        s = Solo()
        f, l = fresh({(s.f, s.l)})
        while f == s.f:
            f, l = fresh(set())
        call("calling_for_someone_else", "new", [], net(number()), f"{f} {l} calling for {s.f} {s.l}", ok=["review"])
    yield for_someone_else

    def email_spoken():
        s = Solo()
        call("email_spoken", "match", [s.id], R.choice([hidden(), net(number())]), R.choice([said(f"{s.f} {s.l}"), said(s.f), None]), speak_email(s.e))
    yield email_spoken
    yield email_spoken

    def email_spoken_company():
        b, t, ph, st, h = firm()
        s = R.choice([x for x in st])
        e = s["email"].lower().replace("mailto:", "").strip("<> ")
        call("email_spoken_company", "match", [s["contact_id"]], net(number()), said(f"{s['first']} {s['last']}"), speak_email(e), comp=R.choice([None, b]))
    yield email_spoken_company

    def email_misheard():
        s = Solo()
        local, host = s.e.split("@")
        bad = mishear(local.rstrip("0123456789")) + local[len(local.rstrip("0123456789")):]
        call("email_misheard_full_name", "match", [s.id], net(number()), said(f"{s.f} {s.l}"), speak_email(f"{bad}@{host}"), ok=["review"])
    yield email_misheard

    def email_neighbour():
        s = Solo()
        l2 = R.choice([l for l in LAST if l != s.l])
        f2 = R.choice([f for f in FIRST if f[0] != s.f[0]])
        local, host = s.e.split("@")
        call("email_of_a_neighbour_new", "new", [], net(number()), said(f"{f2} {l2}"), speak_email(local[:-1] + R.choice("xyz") + "@" + host), ok=["review"])
    yield email_neighbour

    def shared_email():
        l, ph, hs = household(2)
        e = email_for("the", l + "s")
        for h in hs:
            contacts[int(h["contact_id"][1:])]["other_email"] = e
        call("shared_email_named", "match", [hs[0]["contact_id"]], net(number()), said(hs[0]["first"] + R.choice(["", " " + l])), speak_email(e))
    yield shared_email

    def two_people_no_name():
        a, b = Solo(), Solo()
        call("number_of_one_email_of_other_no_name", "ambiguous", [a.id, b.id], net(a.m), None, speak_email(b.e))
    yield two_people_no_name

    def two_people_named():
        a, b = Solo(), Solo()
        while a.f == b.f:
            b = Solo()
        call("number_of_one_email_of_other_named", "match", [b.id], net(a.m), said(f"{b.f} {b.l}"), speak_email(b.e))
    yield two_people_named

    def withheld_name_company():
        b, t, ph, st, h = firm()
        s = R.choice(st)
        call("withheld_name_company", "match", [s["contact_id"]], hidden(), said(f"{s['first']} {s['last']}"), comp=heard_company(b, t))
    yield withheld_name_company

    def misheard_name_company():
        b, t, ph, st, h = firm()
        s = R.choice(st)
        call("misheard_name_company", "match", [s["contact_id"]], net(number()), said(f"{mishear(s['first'])} {mishear(s['last'])}"), comp=heard_company(b, t), ok=["review"])
    yield misheard_name_company

    def first_name_company():
        b, t, ph, st, h = firm()
        s = R.choice(st)
        call("first_name_company", "match", [s["contact_id"]], net(number()), said(s["first"]), comp=heard_company(b, t), ok=["review"])
    yield first_name_company

    def new_at_company():
        b, t, ph, st, h = firm()
        f = R.choice([f for f in FIRST if f not in [s["first"] for s in st]])
        l = R.choice([l for l in LAST if l not in [s["last"] for s in st]])
        call("new_at_known_company", "new", [], net(number()), said(f"{f} {l}"), R.choice([None, speak_email(f"{fold(f)}.{fold(l)}@{h}")]), comp=heard_company(b, t))
    yield new_at_company

    def new_same_first_at_company():
        b, t, ph, st, h = firm()
        s = R.choice(st)
        l = R.choice([l for l in LAST if l not in [x["last"] for x in st]])
        call("new_at_company_same_first_name", "new", [], net(number()), said(f"{s['first']} {l}"), comp=heard_company(b, t), ok=["review"])
    yield new_same_first_at_company

    def new_same_last_at_company():
        b, t, ph, st, h = firm()
        s = R.choice(st)
        f = R.choice([f for f in FIRST if f not in [x["first"] for x in st]])
        call("new_at_company_same_last_name", "new", [], net(number()), said(f"{f} {s['last']}"), comp=heard_company(b, t))
    yield new_same_last_at_company

    def namesakes_company():
        f, l = person()
        b, t, full_ = company()
        x = contact(f, l, account_name=full_, account_id="N" + full_, mobile=typed(number()))
        contact(f, l, mobile=typed(number()))
        call("namesakes_company_tells", "match", [x["contact_id"]], hidden(), said(f"{f} {l}"), comp=heard_company(b, t))
    yield namesakes_company

    def name_only():
        s = Solo()
        call("name_only", "ambiguous", [s.id], R.choice([hidden(), net(number())]), said(f"{s.f} {s.l}"))
    yield name_only

    def name_only_two():
        s = Solo()
        x = Solo(first=s.f, last=s.l)
        call("name_only_two", "ambiguous", [s.id, x.id], R.choice([hidden(), net(number())]), said(f"{s.f} {s.l}"))
    yield name_only_two

    def callback():
        s = Solo()
        n = s.m
        words = " ".join(DIGIT[int(c)] if R.random() < 0.9 or c != "0" else "oh" for c in n)
        spoken = R.choice([n, f"{n[:3]}-{n[3:6]}-{n[6:]}", words, " ".join(DIGIT[int(c)] for c in n[:3]) + ", " + " ".join(DIGIT[int(c)] for c in n[3:]), words])
        call("callback_said", "match", [s.id], hidden(), R.choice([said(f"{s.f} {s.l}"), said(s.f), None]), back=spoken)
    yield callback

    def new_caller():
        f, l = R.choice(FIRST), "".join(R.choice(["ka", "lo", "mir", "ten", "su", "vel", "bra", "dor", "qui", "zan"]) for _ in range(3)).title()
        call("new_caller", "new", [], net(number()), said(R.choice([f"{f} {l}", f"{f} {l}", f])), R.choice([None, None, speak_email(email_for(f, l)), "none", "I don't have one"]))
    yield new_caller
    yield new_caller

    def new_nothing():
        call("new_nothing", "new", [], net(number()), None, shown=R.choice([None, "WIRELESS CALLER", "DAYTON OH"]))
    yield new_nothing

    def new_neighbour():
        s = Solo()
        n = s.m[:9] + R.choice([d for d in "0123456789" if d != s.m[9]])
        call("new_neighbour_number", "new", [], net(n), said(f"{R.choice(FIRST)} {R.choice(STEMS)}berg"))
    yield new_neighbour

    def new_common_name():
        f, l = R.choice(["John", "Mary", "David", "Linda"]), R.choice(COMMON_LAST)
        call("new_caller_common_name", "new", [], net(number()), said(f"{f} {l}"), speak_email(email_for(f, l)), ok=["review"])
    yield new_common_name

    def married_number():
        s = Solo(first=R.choice([f for f in FIRST if f[-1] in "ae"]))
        call("married_name_number", "match", [s.id], net(s.m), said(f"{s.f} {R.choice(LAST)}"), ok=["review"])
    yield married_number

    def married_email():
        s = Solo(first=R.choice([f for f in FIRST if f[-1] in "ae"]))
        call("married_name_email", "match", [s.id], net(number()), said(f"{s.f} {R.choice(LAST)}"), speak_email(s.e))
    yield married_email

    def hyphenated():
        f = R.choice(FIRST)
        a, b = R.sample([l for l in LAST if " " not in l], 2)
        m = number()
        c = contact(f, f"{a}-{b}", mobile=typed(m))
        call("double_surname_part_said", "match", [c["contact_id"]], net(m), said(f"{f} {R.choice([a, b])}"))
    yield hyphenated

    def umlauts():
        f, l = person(last=R.choice(["Grünewald", "Schönfeld", "Löwenthal", "Østergaard", "Åkerlund"]))
        m = number()
        c = contact(f, l, mobile=typed(m))
        v = R.choice([l, fold(l).title(), l.replace("ü", "ue").replace("ö", "oe").replace("Ø", "Oe").replace("Å", "Aa")])
        call("umlauts_both_ways", "match", [c["contact_id"]], net(m), said(f"{f} {v}"))
    yield umlauts

    def particles():
        f = R.choice(FIRST)
        l = R.choice(["De La Fuente", "van der Meer", "Di Lorenzo", "O'Shaughnessy", "El Sayed", "De Oliveira"])
        m = number()
        c = contact(f, R.choice([l, l.replace(" ", ""), l.lower()]), mobile=typed(m), keep=1)
        call("particles_glued_or_split", "match", [c["contact_id"]], net(m), said(f"{f} {R.choice([l, l.replace(' ', ''), l.lower()])}"))
    yield particles

    def duplicates():
        s = Solo()
        x = contact(s.f, s.l, mobile=typed(s.m))
        call("crm_holds_duplicates", "match", [s.id, x["contact_id"]], net(s.m), said(f"{s.f} {s.l}"), ok=["review"])
    yield duplicates

    def placeholder():
        s = Solo()
        n = number()
        contact("Caller", f"+1{n}", phone=f"+1{n}", keep=1)
        call("placeholder_beside_the_real_one", "match", [s.id], net(n), said(f"{s.f} {s.l}"), speak_email(s.e), ok=["review"])
    yield placeholder

    def placeholder_alone():
        n = number()
        c = contact("Unknown", "Caller", phone=f"+1{n}", keep=1)
        call("placeholder_alone", "match", [c["contact_id"]], net(n), R.choice([None, said("{} {}".format(*person()))]), ok=["review", "created"])
    yield placeholder_alone

    def generic():
        contact(*person(), phone="000-000-0000", email="none@none.com")
        f, l = "Quorra", R.choice(STEMS) + "vane"
        call("generic_values", "new", [], net(number()), said(f"{f} {l}"), R.choice(["none at none dot com", "none", "noemail@noemail.com"]))
    yield generic


background(max(200, A.contacts - int(A.calls * 1.9)))
MAKERS = list(kinds())
for i in range(A.calls):
    MAKERS[i % len(MAKERS)]()
# Somebody of the same name elsewhere makes a name alone ambiguous: what the truth says must hold against the whole CRM.
names = {}
for c in contacts:
    names.setdefault((fold(c["first_name"] or ""), fold(c["last_name"] or "")), []).append(c["contact_id"])
for c, t in zip(calls, truth):
    if t["outcome"] == "new" and c["name_said"]:
        words = c["name_said"].lower().split()
        for a in range(len(words) - 1):
            if (fold(words[a]), fold(" ".join(words[a + 1:]))) in names:
                t["also_ok"] = sorted(set(t.get("also_ok", [])) | {"review"})
os.makedirs(A.dir, exist_ok=True)
order = list(range(len(calls)))
R.shuffle(order)
for name, rows in [("contacts", contacts), ("calls", [calls[i] for i in order]), ("truth", [truth[i] for i in order])]:
    with open(os.path.join(A.dir, f"{name}.jsonl"), "w", encoding="utf-8") as f:
        for row in rows:
            f.write(json.dumps(row, ensure_ascii=False) + "\n")
