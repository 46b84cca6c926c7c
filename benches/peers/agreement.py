"""Whether the contenders computed the same: compares what they wrote, as numbers with names.

    python agreement.py --data DIR NAME=FOLDER NAME=FOLDER ...
"""

import argparse
import json
import math
import sys
from pathlib import Path

import polars as pl

RELATIVE_TOLERANCE = 1e-9
CENT = 0.01
# Tables with more rows are compared by their sums only, to spare memory.
MAX_JOINED_ROWS = 20_000_000
KEYS = {
    "cells": ["customer_id", "week", "category"],
    "ledger": ["product_id", "week"],
    "features": ["customer_id"],
}


def of_account(path: Path) -> dict:
    account = json.loads(path.read_text())
    numbers = {name: account[name] for name in ("rows_in", "rows_kept", "sales_in", "sales_kept")}
    for rule in account["rules"]:
        if rule["rows"]:
            numbers[f"{rule['name']} rows"] = rule["rows"]
            numbers[f"{rule['name']} sales"] = rule["sales_value"]
    return numbers


def of_table(path: Path, name: str, columns: list[str]) -> dict:
    """Rows, and for each column its sum and, where there are any, its missing values."""
    table = pl.scan_parquet(path).select(
        pl.len().alias("rows"),
        pl.col(columns).cast(pl.Float64).sum().name.suffix(" sum"),
        pl.col(columns).null_count().name.suffix(" missing"),
    )
    row = table.collect(engine="streaming").row(0, named=True)
    return {f"{name} {key}": value for key, value in row.items() if value or "missing" not in key}


def of_peer(folder: Path) -> dict:
    numbers = of_account(folder / "quality.json")
    for name, keys in KEYS.items():
        path = folder / f"{name}.parquet"
        columns = [
            column for column in pl.scan_parquet(path).collect_schema() if column not in keys
        ]
        numbers |= of_table(path, name, sorted(columns))
    return numbers


def of_promopt(run: Path) -> dict:
    """Reads a run folder: adapt this when its files get other names. Identifiers are hashed there,
    so only sums can be compared."""
    history = run / "history"
    columns = ["units", "gross", "shelf_discount", "offer_discount", "baskets"]
    return of_account(history / "quality.json") | of_table(
        history / "cells.parquet", "cells", columns
    )


def of_truth(data: Path) -> dict:
    """What the generator knows: the lines each rule has to reject."""
    truth = json.loads((data / "truth.json").read_text())
    rules = {f"{name} rows": count for name, count in truth["rules"].items() if count}
    return {"rows_in": truth["lines"], **rules}


def close(name: str, left: float, right: float) -> bool:
    # Sums of money to the cent, as the account has them; other sums to rounding.
    slack = CENT if name.startswith("sales") or name.endswith(" sales") else 1e-9
    return math.isclose(left, right, rel_tol=RELATIVE_TOLERANCE, abs_tol=slack)


def line_by_line(name: str, left: Path, right: Path) -> list[str]:
    """Differences between two tables of one name, joined on their keys."""
    keys = KEYS[name]
    tables = [pl.scan_parquet(folder / f"{name}.parquet") for folder in (left, right)]
    rows = tables[0].select(pl.len()).collect().item()
    if rows > MAX_JOINED_ROWS:
        return []
    names = [column for column in tables[0].collect_schema() if column not in keys]
    casts = [pl.col(keys).cast(pl.String), pl.col(names).cast(pl.Float64)]
    first, second = (table.select(casts) for table in tables)
    both = first.join(second, on=keys, how="inner")
    checks = [pl.len().alias("rows")]
    for column in names:
        one, two = pl.col(column), pl.col(f"{column}_right")
        apart = (one - two).abs() > RELATIVE_TOLERANCE * (1 + one.abs())
        checks.append((apart | (one.is_null() != two.is_null())).sum().alias(column))
    found = both.select(checks).collect(engine="streaming").row(0, named=True)
    messages = []
    if found.pop("rows") != rows:
        messages.append(f"{name}: keys differ")
    messages += [f"{name}.{column}: {n} rows differ" for column, n in found.items() if n]
    return messages


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("outputs", nargs="+", metavar="NAME=FOLDER")
    args = parser.parse_args()
    folders = {name: Path(folder) for name, folder in (o.split("=", 1) for o in args.outputs)}
    peers = [name for name in folders if name != "promopt"]
    reference = peers[0] if peers else "promopt"
    numbers = {
        name: of_promopt(folder) if name == "promopt" else of_peer(folder)
        for name, folder in folders.items()
    }
    numbers["generator"] = of_truth(args.data)
    failed = False
    for name in [*folders, "generator"]:
        if name == reference:
            continue
        shared = [key for key in numbers[reference] if key in numbers[name]]
        apart = [
            f"{key}: {numbers[name][key]} instead of {numbers[reference][key]}"
            for key in shared
            if not close(key, numbers[reference][key], numbers[name][key])
        ]
        # The generator knows only counts, and a run folder has only the account and the cells.
        known = numbers[name].keys() - numbers[reference].keys()
        apart += [f"{key}: {numbers[name][key]} is missing" for key in sorted(known)]
        if name in peers:
            for table in KEYS:
                apart += line_by_line(table, folders[reference], folders[name])
        failed |= bool(apart)
        verdict = "differs from" if apart else "agrees with"
        print(f"{name} {verdict} {reference} on {len(shared)} numbers")
        for message in apart:
            print(f"  {message}")
    sys.exit(int(failed))


if __name__ == "__main__":
    main()
