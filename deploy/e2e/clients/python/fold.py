"""Folds the order state and Product Sales topics into the reference tables of Online Retail, as JSON on stdout.

    python fold.py BROKERS REGISTRY_URL
"""

import hashlib
import json
import re
import sys
from collections import defaultdict
from decimal import Decimal
from zoneinfo import ZoneInfo

import mesh

LONDON = ZoneInfo("Europe/London")
PRODUCT = re.compile(r"^\d{5}[A-Za-z]*$")


def lines(orders):
    for order in orders.values():
        for item in order["items"]:
            yield order, item


def is_credit(line):
    return line[0]["orderId"].startswith("C")


def is_clean(line):
    order, item = line
    return bool(order["customer"]) and not is_credit(line) and item["quantity"] > 0 and item["unitPrice"] > 0


def view(chosen):
    invoices, customers, codes = set(), set(), set()
    rows = units = 0
    revenue = Decimal(0)
    for order, item in chosen:
        rows += 1
        invoices.add(order["orderId"])
        if order["customer"]:
            customers.add(order["customer"]["id"])
        codes.add(item["productCode"])
        units += item["quantity"]
        revenue += item["quantity"] * item["unitPrice"]
    return [rows, len(invoices), len(customers), len(codes), units, f"{revenue:.3f}"]


def distinct(chosen):
    seen = set()
    for order, item in chosen:
        same = (order["orderId"], item["productCode"], item["description"], item["quantity"], item["orderedAt"],
                item["unitPrice"], order["customer"]["id"], order["country"])
        if same not in seen:
            seen.add(same)
            yield order, item


def months(chosen):
    table = defaultdict(lambda: [0, set(), Decimal(0), Decimal(0), Decimal(0), Decimal(0), set(), set()])
    for order, item in chosen:
        m = table[item["orderedAt"].astimezone(LONDON).strftime("%Y-%m")]
        amount = item["quantity"] * item["unitPrice"]
        m[0] += 1
        m[1].add(order["orderId"])
        m[2] += amount
        if order["orderId"].isdigit():
            m[3] += amount
        if is_credit((order, item)):
            m[4] += amount
        if is_clean((order, item)):
            m[5] += amount
            m[6].add(order["orderId"])
            m[7].add(order["customer"]["id"])
    return {k: [m[0], len(m[1]), *(f"{x:.3f}" for x in m[2:6]), len(m[6]), len(m[7])] for k, m in sorted(table.items())}


def digest(rows):
    text = "".join(f"{c}|{n}|{q}|{r:.3f}|{i}\n" for c, (n, q, r, i) in sorted(rows.items(), key=lambda x: x[0].encode()))
    return [len(rows), hashlib.sha256(text.encode()).hexdigest()]


def products(chosen):
    rows = defaultdict(lambda: [0, 0, Decimal(0), set()])
    for order, item in chosen:
        r = rows[item["productCode"]]
        r[0] += 1
        r[1] += item["quantity"]
        r[2] += item["quantity"] * item["unitPrice"]
        r[3].add(order["orderId"])
    return digest({c: (n, q, m, len(i)) for c, (n, q, m, i) in rows.items()})


def sales(rows):
    by_month = defaultdict(lambda: [Decimal(0)] * 4)
    by_product = defaultdict(lambda: (0, 0, Decimal(0), 0))
    for row in rows.values():
        m = by_month[row["day"].strftime("%Y-%m")]
        for i, f in enumerate(("net", "gross", "cancelled", "adjusted")):
            m[i] += row[f]
        p = by_product[row["productId"]]
        by_product[row["productId"]] = (
            p[0] + row["lines"] + row["cancelledLines"] + row["adjustedLines"] + row["writtenOffLines"],
            p[1] + row["units"] + row["cancelledUnits"] + row["writtenOffUnits"],
            p[2] + row["net"], 0)
    return {"months": {k: [f"{x:.3f}" for x in m] for k, m in sorted(by_month.items())}, "products": digest(by_product)}


def main():
    brokers, registry = sys.argv[1:3]
    orders = mesh.table(brokers, registry, "pub.ecomm.orderproc.order.state.v1")
    every = list(lines(orders))
    clean = [x for x in every if is_clean(x)]
    json.dump({
        "orders": len(orders),
        "unfinished": sum(o["status"] not in ("COMPLETED", "CANCELLED") for o in orders.values()),
        "views": {
            "all": view(every),
            "numeric": view(x for x in every if x[0]["orderId"].isdigit()),
            "cancelled": view(x for x in every if is_credit(x)),
            "clean": view(clean),
            "clean distinct": view(distinct(clean)),
            "clean products": view(x for x in clean if PRODUCT.match(x[1]["productCode"])),
        },
        "months": months(every),
        "products": products(every),
        "sales": sales(mesh.table(brokers, registry, "pub.ecomm.product.product-sales.state.v1")),
    }, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
