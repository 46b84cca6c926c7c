"""Writes a sales history of any size, with dirt at known rates, for the scale benchmark.

    python generate.py --lines 1000000 --out /some/folder

The rows come in time order, as tills report them, not sorted by customer. Memory is bounded by one
row group whatever the number of lines, and the same arguments give the same tables. `truth.json`
says how many lines each cleaning rule has to reject.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

LINES_PER_CUSTOMER = 200
LINES_PER_BASKET = 8
N_PRODUCTS = 40_000
N_CATEGORIES = 120
N_DEPARTMENTS = 12
N_STORES = 200
N_WEEKS = 104
FIRST_DAY = np.datetime64("2023-01-02", "us")  # a Monday
FIRST_PRODUCT_ID = 100_000
FIRST_BASKET_ID = 10_000_000_000
ROW_GROUP = 1_000_000
SHARE_ON_DEAL = 0.3
SHARE_WITH_OFFER = 0.04
DEPTHS = np.array([10, 15, 20, 25, 30, 40, 50])  # percent

# Rule that has to reject the line, and the share of all lines.
DIRT = {
    "duplicate_line": 0.002,
    "missing_key": 0.0005,
    "non_positive_quantity": 0.001,
    "non_positive_sales": 0.001,
    "negative_discount": 0.0001,
    "discount_above_shelf_price": 0.0002,
    "weight_sold_quantity": 0.0005,
    "implausible_unit_price": 0.0002,
}
KINDS = list(DIRT)
# Outliers strike only products sold often enough for their median to stand.
N_PRODUCTS_WITH_OUTLIERS = 10_000

KEYS = ["customer_id", "timestamp", "product_id", "quantity", "sales_value"]
SCHEMA = [
    ("timestamp", pa.timestamp("us")),
    ("product_id", pa.int32()),
    ("quantity", pa.int32()),
    ("sales_value", pa.float64()),
    ("shelf_discount", pa.float64()),
    ("offer_discount", pa.float64()),
    ("basket_id", pa.int64()),
    ("store_id", pa.int32()),
]

CONFIG = """\
# Written by generate.py: {lines} lines.
name = "scale"
seed = 7

[data]
dir = "."
salt = "scale"
n_categories = 10
# The job asks for features once, at the end, and for none of the rules that the peers do not have.
snapshot_weeks = 520

[data.clean]
match_returns = false
outlier_z = 0
max_lines_per_week = 0

[data.transactions]
path = "transactions.{suffix}"
[data.transactions.columns]
date = "timestamp"

[data.products]
path = "products.parquet"
"""
PROMOTIONS_CONFIG = """
[data.promotions]
path = "promotions.parquet"
"""


@dataclass
class Market:
    """What stays the same over all row groups."""

    popularity: np.ndarray  # cumulative, by rank
    product_of_rank: np.ndarray
    price: np.ndarray  # cents, by product
    deal: np.ndarray  # percent off, [product, week]
    customer_weight: np.ndarray  # cumulative
    home_store: np.ndarray
    clock: np.ndarray  # cumulative share of baskets, by hour of the two years


def make_market(lines: int, rng: np.random.Generator) -> tuple[Market, pa.Table]:
    n_customers = max(10, lines // LINES_PER_CUSTOMER)
    zipf = np.cumsum(1.0 / np.arange(1, N_PRODUCTS + 1))
    category_weight = rng.dirichlet(np.full(N_CATEGORIES, 1.5))
    category = rng.choice(N_CATEGORIES, N_PRODUCTS, p=category_weight)
    level = rng.normal(1.1, 0.5, N_CATEGORIES)
    price = np.exp(level[category] + rng.normal(0, 0.4, N_PRODUCTS))
    price = np.clip(np.round(price * 10) * 10 - 1, 79, 9999).astype(np.int64)
    on_deal = rng.random((N_PRODUCTS, N_WEEKS)) < SHARE_ON_DEAL
    deal = np.where(on_deal, rng.choice(DEPTHS, (N_PRODUCTS, N_WEEKS)), 0).astype(np.int8)
    activity = np.cumsum(rng.gamma(0.8, size=n_customers))
    season = 1.0 + 0.15 * np.cos(2 * np.pi * (np.arange(N_WEEKS) + 2) / 52)
    weekday = np.array([0.9, 0.85, 0.9, 1.0, 1.25, 1.4, 0.7])
    hour = np.zeros(24)
    hour[7:22] = [2, 4, 6, 7, 7, 8, 7, 6, 7, 9, 11, 10, 8, 5, 3]
    clock = np.cumsum(np.einsum("w,d,h->wdh", season, weekday, hour).ravel())
    market = Market(
        popularity=zipf / zipf[-1],
        product_of_rank=rng.permutation(N_PRODUCTS),
        price=price,
        deal=deal,
        customer_weight=activity / activity[-1],
        home_store=rng.integers(1, N_STORES + 1, n_customers),
        clock=np.concatenate([[0.0], clock / clock[-1]]),
    )
    products = pa.table(
        {
            "product_id": pa.array(np.arange(N_PRODUCTS) + FIRST_PRODUCT_ID, pa.int32()),
            "category": [f"category_{index:03d}" for index in category],
            "department": [f"department_{index % N_DEPARTMENTS:02d}" for index in category],
            "brand": [f"brand_{index:03d}" for index in rng.integers(0, 400, N_PRODUCTS)],
            "unit_cost": np.round(price * rng.uniform(0.55, 0.8, N_PRODUCTS)) / 100,
        }
    )
    return market, products


def distinct_in_baskets(basket: np.ndarray, market: Market, rng: np.random.Generator):
    """Ranks of products by popularity, none twice in a basket: tills add repeats up."""
    rank = np.searchsorted(market.popularity, rng.random(len(basket)))
    while True:
        key = basket * N_PRODUCTS + rank
        order = np.argsort(key)
        repeats = order[1:][key[order[1:]] == key[order[:-1]]]
        if len(repeats) == 0:
            return rank
        rank[repeats] = rng.integers(0, N_PRODUCTS, len(repeats))


def clean_lines(group: int, n: int, market: Market, span: tuple, rng: np.random.Generator):
    """One row group before dirt: integer columns, money in cents."""
    sizes = 1 + rng.negative_binomial(2, 2 / (LINES_PER_BASKET + 1), n // 4 + 16)
    n_baskets = int(np.searchsorted(np.cumsum(sizes), n)) + 1
    basket = np.repeat(np.arange(n_baskets), sizes[:n_baskets])[:n]
    moment = np.sort(span[0] + (span[1] - span[0]) * rng.random(n_baskets))
    hours = np.interp(moment, market.clock, np.arange(len(market.clock)))
    seconds = (hours * 3600).astype(np.int64)
    customer = np.searchsorted(market.customer_weight, rng.random(n_baskets))
    stray = rng.random(n_baskets) < 0.15
    store = np.where(stray, rng.integers(1, N_STORES + 1, n_baskets), market.home_store[customer])
    rank = distinct_in_baskets(basket, market, rng)
    product = market.product_of_rank[rank]
    week = np.minimum(seconds // (7 * 86_400), N_WEEKS - 1)[basket]
    store = store[basket]
    # Prices differ by price zone and rise by 2 % every half year.
    percent = 97 + 3 * (store % 3) + 2 * (week // 26)
    price = (market.price[product] * percent + 50) // 100
    quantity = 1 + np.searchsorted([0.78, 0.92, 0.96, 0.985, 0.995], rng.random(n))
    gross = price * quantity
    shelf = (gross * market.deal[product, week] + 50) // 100
    offer_percent = np.where(rng.random(n) < SHARE_WITH_OFFER, rng.choice([10, 20], n), 0)
    offer = ((gross - shelf) * offer_percent + 50) // 100
    columns = {
        "customer_id": customer[basket] + 1,
        "timestamp": seconds[basket],
        "product_id": product + FIRST_PRODUCT_ID,
        "quantity": quantity,
        "sales_value": gross - shelf - offer,
        "shelf_discount": shelf,
        "offer_discount": offer,
        "basket_id": FIRST_BASKET_ID + group * ROW_GROUP + basket,
        "store_id": store,
    }
    return columns, rank


def spoil(columns: dict, rank: np.ndarray, lag: int, rng: np.random.Generator):
    """Makes some lines dirty in place; returns the count by rule, returns, and the missing keys."""
    n = len(rank)
    dirty = np.flatnonzero(rng.random(n) < sum(DIRT.values()))
    shares = np.array(list(DIRT.values()))
    kind = rng.choice(len(KINDS), len(dirty), p=shares / shares.sum())
    clean = np.ones(n, bool)
    clean[dirty] = False
    of = {name: dirty[kind == index] for index, name in enumerate(KINDS)}
    of["implausible_unit_price"] = of["implausible_unit_price"][
        rank[of["implausible_unit_price"]] < N_PRODUCTS_WITH_OUTLIERS
    ]
    before = {name: values.copy() for name, values in columns.items()}

    rows = of["duplicate_line"]
    source = rows - rng.integers(1, 50, len(rows))
    good = (source >= 0) & clean[np.maximum(source, 0)]
    of["duplicate_line"] = rows[good]
    for name, values in columns.items():
        values[rows[good]] = before[name][source[good]]
    # Two copies of one line are both rejected as copies of the third, so counts stay exact.

    rows = of["non_positive_quantity"]
    columns["quantity"][rows] = rng.integers(-3, 1, len(rows))
    columns["sales_value"][rows] *= -1
    source = rows - 1 - rng.exponential(lag, len(rows)).astype(np.int64)
    back = (rng.random(len(rows)) < 0.5) & (source >= 0) & clean[np.maximum(source, 0)]
    rows, source = rows[back], source[back]
    for name in ("customer_id", "product_id", "store_id"):
        columns[name][rows] = before[name][source]
    for name in ("quantity", "sales_value", "shelf_discount", "offer_discount"):
        columns[name][rows] = -before[name][source]
    n_returns = len(rows)

    columns["sales_value"][of["non_positive_sales"]] = 0
    columns["shelf_discount"][of["negative_discount"]] = -50
    rows = of["discount_above_shelf_price"]
    paid = np.maximum(columns["sales_value"][rows] // 4, 1)
    columns["sales_value"][rows] = paid
    columns["shelf_discount"][rows] = paid * 60
    rows = of["weight_sold_quantity"]
    columns["quantity"][rows] = rng.integers(101, 2500, len(rows))
    rows = of["implausible_unit_price"]
    factor = rng.integers(60, 200, len(rows))
    sales = columns["sales_value"][rows] + columns["shelf_discount"][rows]
    high = rng.random(len(rows)) < 0.7
    columns["sales_value"][rows] = np.where(high, sales * factor, np.maximum(sales // 60, 1))
    columns["shelf_discount"][rows] = 0
    columns["offer_discount"][rows] = 0

    missing = {name: np.zeros(n, bool) for name in KEYS}
    for name, row in zip(rng.choice(KEYS, len(of["missing_key"])), of["missing_key"], strict=True):
        missing[name][row] = True
    return {name: len(rows) for name, rows in of.items()}, n_returns, missing


def to_table(columns: dict, missing: dict, schema: pa.Schema) -> pa.Table:
    arrays = []
    for field in schema:
        values, mask = columns[field.name], missing.get(field.name)
        if field.name == "timestamp":
            values = FIRST_DAY + values.astype("timedelta64[s]")
        elif pa.types.is_floating(field.type):
            values = values / 100
        elif pa.types.is_string(field.type):
            digits = np.char.zfill(values.astype("U7"), 7)
            values = np.char.add("C", digits)
        arrays.append(pa.array(values, field.type, mask=mask))
    return pa.Table.from_arrays(arrays, schema=schema)


def write_transactions(out: Path, args: argparse.Namespace, market: Market) -> dict:
    id_type = pa.string() if args.string_customers else pa.int32()
    schema = pa.schema([("customer_id", id_type), *SCHEMA])
    truth = {"lines": args.lines, "returns": 0, "rules": dict.fromkeys(KINDS, 0)}
    parquet = pq.ParquetWriter(out / "transactions.parquet", schema, compression="snappy")
    text = pa_csv.CSVWriter(out / "transactions.csv", schema) if args.csv else None
    lag = max(1, min(args.lines // N_WEEKS, ROW_GROUP // 4))
    for group, start in enumerate(range(0, args.lines, ROW_GROUP)):
        rng = np.random.default_rng([args.seed, 1, group])
        n = min(ROW_GROUP, args.lines - start)
        span = (start / args.lines, (start + n) / args.lines)
        columns, rank = clean_lines(group, n, market, span, rng)
        counts, n_returns, missing = spoil(columns, rank, lag, rng)
        table = to_table(columns, missing, schema)
        parquet.write_table(table, row_group_size=ROW_GROUP)
        if text is not None:
            text.write_table(table)
        truth["returns"] += n_returns
        for name, count in counts.items():
            truth["rules"][name] += count
    parquet.close()
    if text is not None:
        text.close()
    return truth


def write_promotions(out: Path, rows: int, seed: int):
    """Displays and mailers by product, store and week, in row groups."""
    schema = pa.schema(
        [
            ("product_id", pa.int32()),
            ("store_id", pa.int32()),
            ("week", pa.int32()),
            ("display", pa.string()),
            ("mailer", pa.string()),
        ]
    )
    codes = [np.array(list("0123456789")), np.array(list("0ACDFHJLPX"))]
    with pq.ParquetWriter(out / "promotions.parquet", schema) as parquet:
        for group, start in enumerate(range(0, rows, ROW_GROUP)):
            rng = np.random.default_rng([seed, 2, group])
            n = min(ROW_GROUP, rows - start)
            week = (start + np.arange(n)) * N_WEEKS // rows
            columns = [
                rng.integers(0, N_PRODUCTS, n) + FIRST_PRODUCT_ID,
                rng.integers(1, N_STORES + 1, n),
                week + 1,
                codes[0][rng.integers(0, 10, n)],
                codes[1][rng.integers(0, 10, n)],
            ]
            parquet.write_table(pa.table(dict(zip(schema.names, columns, strict=True)), schema))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lines", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--csv", action="store_true", help="write transactions.csv as well")
    parser.add_argument("--promotions", type=int, default=0, metavar="ROWS")
    parser.add_argument(
        "--string-customers", action="store_true", help='identifiers like "C0001234"'
    )
    return parser.parse_args()


def main():
    args = parse()
    args.out.mkdir(parents=True, exist_ok=True)
    market, products = make_market(args.lines, np.random.default_rng([args.seed, 0]))
    pq.write_table(products, args.out / "products.parquet")
    config = CONFIG.format(lines=args.lines, suffix="parquet")
    if args.promotions:
        write_promotions(args.out, args.promotions, args.seed)
        config += PROMOTIONS_CONFIG
    truth = write_transactions(args.out, args, market)
    (args.out / "promopt.toml").write_text(config)
    # Written last: its presence says that the folder is whole.
    (args.out / "truth.json").write_text(json.dumps(truth, indent=2) + "\n")


if __name__ == "__main__":
    main()
