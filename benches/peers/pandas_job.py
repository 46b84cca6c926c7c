"""The job in pandas: narrow numpy types, categories for repeated text, no Python loop over rows."""

import numpy as np
import pandas as pd
from account import (
    HALF_A_CENT,
    HOUR_BANDS,
    KEYS,
    MAX_DEPTH,
    MAX_PRICE_RATIO,
    MAX_QUANTITY,
    N_CATEGORIES,
    arguments,
    write_account,
)

MONEY = ["gross", "shelf_discount", "offer_discount"]


def pair(rows: pd.DataFrame) -> tuple:
    return len(rows), rows["sales_value"].sum()


def narrow(lines: pd.DataFrame) -> pd.DataFrame:
    """Keys with gaps were read as floats; without gaps they fit in 32 bits."""
    kinds = {"product_id": "int32", "quantity": "int32"}
    text = not pd.api.types.is_numeric_dtype(lines["customer_id"])
    kinds["customer_id"] = "category" if text else "int32"
    return lines.astype(kinds)


def clean(path) -> tuple:
    lines = pd.read_parquet(path, engine="pyarrow")
    read, removed = pair(lines), {}

    def keep(name: str, mask) -> pd.DataFrame:
        removed[name] = pair(lines[~mask])
        return lines[mask]

    lines = narrow(keep("missing_key", lines[KEYS].notna().all(axis=1)))
    lines = keep("duplicate_line", ~lines.duplicated()).drop(columns="store_id")
    lines = keep("non_positive_quantity", lines["quantity"] > 0)
    lines = keep("non_positive_sales", lines["sales_value"] > 0)
    negative = (lines["shelf_discount"] < 0) | (lines["offer_discount"] < 0)
    lines = keep("negative_discount", ~negative)
    discount = lines["shelf_discount"] + lines["offer_discount"]
    gross = lines["sales_value"] + lines["shelf_discount"] + lines["offer_discount"]
    lines = lines.assign(gross=gross, discount=discount, unit_price=gross / lines["quantity"])
    above = lines["discount"] > MAX_DEPTH * lines["gross"] + HALF_A_CENT
    lines = keep("discount_above_shelf_price", ~above)
    lines = keep("weight_sold_quantity", lines["quantity"] <= MAX_QUANTITY)
    medians = lines.groupby("product_id")["unit_price"].median()
    median = lines["product_id"].map(medians)
    low, high = median / MAX_PRICE_RATIO, median * MAX_PRICE_RATIO
    lines = keep("implausible_unit_price", lines["unit_price"].between(low, high))
    return lines, read, removed


def add_categories(lines: pd.DataFrame, path) -> tuple:
    """Adds the category of each line, as index and as one of all categories."""
    products = pd.read_parquet(path, columns=["product_id", "category"])
    products["category"] = products["category"].astype("category")
    products = products.set_index("product_id")
    sold = lines.groupby("product_id")["sales_value"].sum()
    sales = sold.groupby(products["category"].reindex(sold.index), observed=True).sum()
    sales = sales.reset_index().sort_values(["sales_value", "category"], ascending=[False, True])
    largest = sales.head(N_CATEGORIES).reset_index(drop=True)
    index = pd.Series(largest.index, index=largest["category"].astype(str))
    category = products["category"].astype(str).map(index).fillna(N_CATEGORIES).astype("uint8")
    kind = products["category"].cat.codes
    category, kind = (
        lines["product_id"].map(column).fillna(missing).astype("int16")
        for column, missing in ((category, N_CATEGORIES), (kind, -1))
    )
    return lines.assign(category=category.astype("uint8"), kind=kind), largest


def cells_of(lines: pd.DataFrame) -> pd.DataFrame:
    key = ["customer_id", "week", "category"]
    sums = lines.groupby(key, observed=True, sort=False)[["quantity", *MONEY]].sum()
    once = lines[[*key, "basket_id"]].drop_duplicates()
    sums["baskets"] = once.groupby(key, observed=True, sort=False).size().astype("uint16")
    return sums.rename(columns={"quantity": "units"}).reset_index()


def ledger_of(lines: pd.DataFrame) -> pd.DataFrame:
    priced = pd.DataFrame(
        {
            "product_id": lines["product_id"],
            "week": lines["week"],
            "regular_price": lines["unit_price"],
            "shelf_price": (lines["gross"] - lines["shelf_discount"]) / lines["quantity"],
            "units": lines["quantity"],
        }
    )
    groups = priced.groupby(["product_id", "week"], sort=False)
    ledger = groups[["regular_price", "shelf_price"]].median()
    ledger["units"] = groups["units"].sum()
    return ledger.reset_index()


def baskets_of(lines: pd.DataFrame) -> pd.DataFrame:
    lines = lines.assign(deal=lines["discount"] > 0)
    groups = lines.groupby(["basket_id", "customer_id"], observed=True, sort=False)
    return groups.agg(
        moment=("timestamp", "min"),
        week=("week", "min"),
        lines=("quantity", "size"),
        units=("quantity", "sum"),
        sales=("sales_value", "sum"),
        gross=("gross", "sum"),
        discount=("discount", "sum"),
        deals=("deal", "sum"),
    ).reset_index()


def gaps_of(baskets: pd.DataFrame) -> pd.DataFrame:
    days = baskets[["customer_id", "day"]].drop_duplicates().sort_values(["customer_id", "day"])
    same = days["customer_id"] == days["customer_id"].shift()
    gap = (days["day"].diff() / pd.Timedelta(days=1)).where(same)
    groups = gap.groupby(days["customer_id"], observed=True)
    mean, count = groups.mean(), groups.count()
    spread = groups.std(ddof=0).where(count >= 2)
    return pd.DataFrame({"gap_mean": mean, "gap_cv": spread / mean})


def shares(customers, column, n: int, name: str, weights=None) -> pd.DataFrame:
    """One column per value of `column`, each row summing to 1."""
    table = pd.crosstab(customers, column, weights, aggfunc=None if weights is None else "sum")
    table = table.reindex(columns=range(n), fill_value=0).fillna(0)
    table.columns = [f"{name}_{index}" for index in range(n)]
    return table.div(table.sum(axis=1), axis=0)


def features_of(baskets, cells, lines, last, n_weeks: int) -> pd.DataFrame:
    baskets = baskets.assign(day=baskets["moment"].dt.normalize())
    band = np.searchsorted(HOUR_BANDS, baskets["moment"].dt.hour, side="right")
    groups = baskets.groupby("customer_id", observed=True)
    sums = groups[["lines", "units", "sales", "gross", "discount", "deals"]].sum()
    n = groups.size()
    weeks = n_weeks - groups["week"].min().astype("int64")
    once = baskets[["customer_id", "week"]].drop_duplicates()
    visits = once.groupby("customer_id", observed=True).size()
    kinds = lines[["customer_id", "kind"]].drop_duplicates()
    habits = pd.DataFrame(
        {
            "recency_days": (last - groups["day"].max()).dt.days,
            "tenure_days": (last - groups["day"].min()).dt.days,
            "baskets": n,
            "frequency": visits / weeks,
            "monetary_basket": sums["sales"] / n,
            "monetary_week": sums["sales"] / weeks,
            "basket_lines": sums["lines"] / n,
            "basket_units": sums["units"] / n,
            "basket_value": sums["gross"] / n,
            "discount_share": sums["discount"] / sums["gross"],
            "deal_share": sums["deals"] / sums["lines"],
            "n_categories": kinds.groupby("customer_id", observed=True).size(),
        }
    )
    customers = baskets["customer_id"]
    weekday = baskets["moment"].dt.day_of_week
    mix = cells["customer_id"], cells["category"], N_CATEGORIES + 1, "category", cells["gross"]
    parts = [
        habits,
        gaps_of(baskets),
        shares(customers, weekday, 7, "weekday"),
        shares(customers, pd.Series(band, index=baskets.index), 5, "hours"),
        shares(*mix),
    ]
    return pd.concat(parts, axis=1).rename_axis("customer_id").reset_index()


def main():
    args = arguments()
    out = args.out
    lines, read, removed = clean(args.data / "transactions.parquet")
    write_account(out, read, removed)
    lines, largest = add_categories(lines, args.data / "products.parquet")
    largest.to_parquet(out / "categories.parquet", compression="zstd")
    first, last = lines["timestamp"].min().normalize(), lines["timestamp"].max().normalize()
    monday = first - pd.Timedelta(days=first.weekday())
    n_weeks = (last - monday).days // 7 + 1
    lines["week"] = ((lines["timestamp"] - monday) // pd.Timedelta(days=7)).astype("uint16")
    ledger_of(lines).to_parquet(out / "ledger.parquet", compression="zstd")
    cells = cells_of(lines)
    cells.to_parquet(out / "cells.parquet", compression="zstd")
    features = features_of(baskets_of(lines), cells, lines, last, n_weeks)
    features.to_parquet(out / "features.parquet", compression="zstd")


if __name__ == "__main__":
    main()
