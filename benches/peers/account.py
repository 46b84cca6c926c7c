"""What the three jobs share: arguments, limits, names, and the account of the rejected lines.

The meaning of every number is in ../README.md.
"""

import argparse
import json
from pathlib import Path

MAX_DEPTH = 0.95
HALF_A_CENT = 0.005
MAX_QUANTITY = 100
MAX_PRICE_RATIO = 20
N_CATEGORIES = 10  # index N_CATEGORIES is "other"
HOUR_BANDS = [9, 12, 15, 18]  # a band starts at each; the first starts at 0
RULES = [
    "missing_key",
    "duplicate_line",
    "non_positive_quantity",
    "non_positive_sales",
    "negative_discount",
    "discount_above_shelf_price",
    "weight_sold_quantity",
    "implausible_unit_price",
]
KEYS = ["customer_id", "timestamp", "product_id", "quantity", "sales_value"]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--memory-limit", help="of DuckDB's buffers, such as 6GB; others ignore it")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    return args


def write_account(out: Path, read: tuple, removed: dict):
    """`read` is (rows, sales); `removed` maps each rule that hit anything to the same."""
    rules = []
    for name in RULES:
        rows, sales = removed.get(name, (0, 0.0))
        rules.append({"name": name, "rows": int(rows), "sales_value": round(float(sales or 0), 4)})
    account = {
        "rows_in": int(read[0]),
        "rows_kept": int(read[0]) - sum(rule["rows"] for rule in rules),
        "sales_in": round(float(read[1]), 4),
        "sales_kept": round(float(read[1]) - sum(rule["sales_value"] for rule in rules), 4),
        "rules": rules,
    }
    (out / "quality.json").write_text(json.dumps(account, indent=2) + "\n")
