#!/usr/bin/env python3
"""Counts what each rule of rules.json must match, with the conditions written again by hand and no pattern matcher.

Run once: `python3 expected.py > expected.tsv`. The first column is the rule, the second how many of events.jsonl it matches,
the third a few of their lines, to be looked at.
"""

import ipaddress
import json
import pathlib

HERE = pathlib.Path(__file__).parent
ABSENT = object()


def at(event, *path):
    """The value there, or ABSENT."""
    for name in path:
        if not isinstance(event, dict) or name not in event:
            return ABSENT
        event = event[name]
    return event


def each(value):
    """A scalar, or the elements of an array: one that fits is enough."""
    if value is ABSENT:
        return []
    return value if isinstance(value, list) else [value]


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def inside(value, *nets):
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return False
    return any(address in ipaddress.ip_network(net) for net in nets)


def orders_placed(event):
    return event["Source"] == "com.example.orders" and event["DetailType"] == "Order Placed"


def europe(event):
    return any(isinstance(v, str) and v.startswith("eu-") for v in each(at(event, "Detail", "warehouse")))


def pictures(event):
    key = at(event, "Detail", "object", "key")
    return event["Source"] == "com.example.files" and key is not ABSENT and (key[-4:] == ".jpg" or key[-4:] == ".png")


def unsettled(event):
    status = at(event, "Detail", "status")
    return event["Source"] == "com.example.payments" and status is not ABSENT and status != "captured" and status != "pending"


def warm(event):
    return any(is_number(v) and 60 <= v < 95.5 for v in each(at(event, "Detail", "celsius")))


def with_coupon(event):
    return at(event, "Detail", "coupon") is not ABSENT


def unreachable_customers(event):
    return event["Source"] == "com.example.orders" and at(event, "Detail", "customer", "email") is ABSENT


def from_the_office(event):
    return any(inside(v, "10.20.0.0/16", "2001:db8::/32") for v in each(at(event, "Detail", "ip")))


def photo_uploads(event):
    key = at(event, "Detail", "object", "key")
    if key is ABSENT or not key.startswith("uploads/") or not key.endswith(".jpg"):
        return False
    return "/photo-" in key[len("uploads/") :]


def failed_logins(event):
    result = at(event, "Detail", "result")
    return event["DetailType"] == "Login" and result is not ABSENT and result.lower() == "failed"


def important(event):
    if event["Source"] not in ("com.example.orders", "com.example.payments"):
        return False
    amount = at(event, "Detail", "amount")
    return at(event, "Detail", "priority") == "high" or (is_number(amount) and amount > 900)


def unapproved(event):
    return event["Source"] == "com.example.payments" and at(event, "Detail", "approver") is None and at(event, "Detail", "currency") == "JPY"


RULES = [orders_placed, europe, pictures, unsettled, warm, with_coupon, unreachable_customers, from_the_office, photo_uploads, failed_logins, important, unapproved]


def main():
    with open(HERE / "events.jsonl", encoding="utf-8") as file:
        events = [json.loads(line) for line in file]
    assert len(events) == 1_000 and all(event["Detail"]["mark"] == str(at + 1) for at, event in enumerate(events))
    for rule in RULES:
        lines = [event["Detail"]["mark"] for event in events if rule(event)]
        name = rule.__name__.replace("_", "-")
        print(name, len(lines), ",".join(lines[:5]), sep="\t")


if __name__ == "__main__":
    main()
