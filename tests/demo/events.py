#!/usr/bin/env python3
"""Writes the demo's 1,000 events. Run once: `python3 events.py > events.jsonl`; the seed is fixed, so it writes the same again.

Each line is an entry as `bascule event put --file` reads it. `Detail.mark` is the number of the line, by which a delivery is
recognised wherever it arrives. Values vary on purpose: strings in several scripts, raw and escaped; numbers in several
spellings; nulls, empty and nested objects and arrays; addresses of both families; events that no rule wants.
"""

import json
import random

SEED = 20261125
COUNT = 1_000
BUS = "shop"

chance = random.Random(SEED)
NAMES = ["Ada", "Björk", "Čapek", "Dvořák", "Łucja", "Nguyễn", "Søren", "Zoë", "李雷", "さくら", "Αθηνά", "Ольга", "🦊 Fox", "O'Neil \"Q\""]
WAREHOUSES = ["eu-north", "eu-west", "eu", "us-east", "us-west", "EU-north", "ap-south"]
CITIES = ["Köln", "São Paulo", "Łódź", "東京", "Reykjavík", "Paris", "Zürich"]


class Number(float):
    """A number that keeps its spelling."""

    def __new__(cls, text):
        made = super().__new__(cls, text)
        made.text = text
        return made

    def __repr__(self):
        return self.text


def spelled(value):
    """The same number in one of several spellings, all exact in decimal."""
    plain = f"{value:.2f}"
    ways = [plain, plain.rstrip("0").rstrip(".") or "0"]
    hundredths = round(value * 100)
    ways.append(f"{hundredths}e-2")
    if value >= 10:
        ways.append(f"{value / 10:.3f}E1")
    return Number(chance.choice(ways))


def v4():
    return chance.choice(
        [f"10.20.{chance.randrange(256)}.{chance.randrange(256)}", f"10.{chance.choice([19, 21])}.0.{chance.randrange(256)}", f"203.0.113.{chance.randrange(256)}"]
    )


def v6():
    return chance.choice(["2001:db8::%x" % chance.randrange(65536), "2001:db8:%x::1" % chance.randrange(65536), "2001:db9::%x" % chance.randrange(65536), "fe80::1"])


def order():
    kind = chance.choices(["Order Placed", "Order Shipped", "Order Cancelled"], [5, 3, 2])[0]
    customer = {"name": chance.choice(NAMES), "city": chance.choice(CITIES)}
    if chance.random() < 0.8:
        customer["email"] = chance.choice(["a@example.com", "b@example.org", None])
    detail = {
        "order": {"id": f"o-{chance.randrange(10_000):04}", "lines": [{"sku": f"s{chance.randrange(50)}", "count": chance.randrange(1, 9)} for _ in range(chance.randrange(1, 4))]},
        "customer": customer,
        "amount": spelled(chance.randrange(100, 200_000) / 100),
        "warehouse": chance.choice(WAREHOUSES),
        "priority": chance.choice(["low", "normal", "high"]),
        "gift": chance.choice([True, False]),
    }
    if chance.random() < 0.25:
        detail["coupon"] = chance.choice(["SPRING", "", None, 7])
    return "com.example.orders", kind, detail


def payment():
    detail = {"amount": spelled(chance.randrange(1, 150_000) / 100), "currency": chance.choice(["EUR", "JPY", "BRL"]), "approver": chance.choice([None, None, "u-1", "u-2", ""])}
    if chance.random() < 0.9:
        detail["status"] = chance.choice(["captured", "pending", "declined", "refunded", "Captured"])
    return "com.example.payments", "Payment Changed", detail


def reading():
    detail = {"sensor": {"id": chance.randrange(40), "place": chance.choice(CITIES)}, "celsius": spelled(chance.randrange(-4_000, 12_000) / 100) if chance.random() < 0.9 else chance.choice([None, "hot"])}
    if chance.random() < 0.1:
        detail["celsius"] = [spelled(chance.randrange(0, 12_000) / 100) for _ in range(chance.randrange(1, 4))]
    # Edges of the range that a rule asks for.
    if chance.random() < 0.1:
        detail["celsius"] = Number(chance.choice(["60", "60.0", "6e1", "59.99", "95.5", "9.55E1", "95.49"]))
    return "com.example.sensors", "Reading", detail


def request():
    detail = {"ip": v4() if chance.random() < 0.7 else v6(), "path": chance.choice(["/", "/cart", "/a/b/c"]), "ms": chance.randrange(5_000), "tags": chance.sample(["bot", "mobile", "beta", "vip"], chance.randrange(4))}
    if chance.random() < 0.15:
        detail["ip"] = [v4(), v6()]
    return "com.example.web", "Request Served", detail


def file():
    folder = chance.choices(["uploads", "upload", "archive"], [6, 1, 1])[0] + "/" + chance.choice(["2026/11", "tmp", "ümläut"])
    name = chance.choices(["photo-", "PHOTO-", "doc-"], [4, 1, 1])[0] + str(chance.randrange(100))
    key = f"{folder}/{name}{chance.choices(['.jpg', '.png', '.pdf', '.jpg.bak'], [4, 1, 1, 1])[0]}"
    return "com.example.files", "Object Created", {"object": {"key": key, "size": chance.randrange(1 << 33)}, "version": None}


def login():
    detail = {"user": chance.choice(NAMES), "result": chance.choice(["ok", "failed", "FAILED", "Failed", "failed ", "fail"]), "address": v4()}
    return "com.example.auth", "Login", detail


def stock():
    return "org.example.inventory", "Stock Low", {"sku": f"s{chance.randrange(50)}", "left": chance.randrange(10), "suppliers": [{"name": chance.choice(NAMES), "days": [1, 3, None]}, []]}


def odd():
    deep = {"end": True}
    for level in range(chance.randrange(1, 30)):
        deep = {f"l{level}": deep} if level % 3 else {"in": [deep, {}, []]}
    return "net.example.odd", "Nobody's", {"deep": deep, "text": "tab\t, quote\", backslash\\, \u2028, nul-free \u0001", "big": 12345678901234567890, "small": Number("1e-9"), "none": None}


MAKERS = [(order, 30), (payment, 18), (reading, 15), (request, 13), (file, 9), (login, 8), (stock, 4), (odd, 3)]


def main():
    makers, weights = zip(*MAKERS)
    for line in range(1, COUNT + 1):
        source, kind, detail = chance.choices(makers, weights)[0]()
        entry = {"Source": source, "DetailType": kind, "EventBusName": BUS, "Detail": {"mark": str(line), **detail}}
        if chance.random() < 0.3:
            entry["Resources"] = [f"arn:aws:example:us-east-1:000000000000:thing/{chance.randrange(99)}"]
        if chance.random() < 0.2:
            entry["Time"] = f"2026-11-{chance.randrange(1, 25):02}T{chance.randrange(24):02}:30:00Z"
        print(json.dumps(entry, ensure_ascii=chance.random() < 0.3, separators=(",", ":")))


# The library's encoder in Python, not the one in C, and with it the spelling that a number was given.
json.encoder.c_make_encoder = None
json.encoder.float = type("float", (float,), {"__repr__": staticmethod(lambda value: repr(value))})

if __name__ == "__main__":
    main()
