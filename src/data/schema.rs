//! The input tables: canonical column names, kinds, and which of them are needed.

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A string or an integer that names something.
    Identifier,
    /// A finite number.
    Number,
    /// A date, or a timestamp whose date counts; with a time zone in Parquet it is the date in UTC.
    Day,
}

/// One canonical column.
#[derive(Debug)]
pub(super) struct ColumnSchema {
    /// Name in config and messages.
    pub(super) name: &'static str,
    /// A second canonical name.
    pub(super) alias: Option<&'static str>,
    /// What it holds.
    pub(super) kind: Kind,
    /// Whether the file must have it.
    pub(super) required: bool,
}

/// One input table.
#[derive(Debug)]
pub(super) struct TableSchema {
    /// Name of the config section.
    pub(super) table: &'static str,
    /// Its columns.
    pub(super) columns: &'static [ColumnSchema],
}

impl TableSchema {
    /// The column with this canonical name.
    pub(super) fn column(&self, name: &str) -> Option<&ColumnSchema> {
        self.columns.iter().find(|column| column.name == name || column.alias == Some(name))
    }

    /// Position of a canonical column among the columns of the schema.
    pub(super) fn position(&self, name: &str) -> usize {
        let found = self.columns.iter().position(|column| column.name == name);
        found.expect("callers name columns of the schema they read")
    }

    /// All canonical names.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.columns.iter().flat_map(|column| [Some(column.name), column.alias]).flatten()
    }
}

const fn needed(name: &'static str, kind: Kind) -> ColumnSchema {
    ColumnSchema { name, alias: None, kind, required: true }
}

const fn optional(name: &'static str, kind: Kind) -> ColumnSchema {
    ColumnSchema { name, alias: None, kind, required: false }
}

const fn date() -> ColumnSchema {
    ColumnSchema { name: "date", alias: Some("timestamp"), kind: Kind::Day, required: true }
}

pub(super) const TRANSACTIONS: TableSchema = TableSchema {
    table: "transactions",
    columns: &[
        needed("customer_id", Kind::Identifier),
        date(),
        needed("product_id", Kind::Identifier),
        needed("quantity", Kind::Number),
        needed("sales_value", Kind::Number),
        optional("basket_id", Kind::Identifier),
        optional("store_id", Kind::Identifier),
        optional("shelf_discount", Kind::Number),
        optional("offer_discount", Kind::Number),
    ],
};

pub(super) const PRODUCTS: TableSchema = TableSchema {
    table: "products",
    columns: &[
        needed("product_id", Kind::Identifier),
        needed("category", Kind::Identifier),
        optional("department", Kind::Identifier),
        optional("brand", Kind::Identifier),
        optional("private_label", Kind::Identifier),
        optional("list_price", Kind::Number),
        optional("unit_cost", Kind::Number),
        optional("margin_rate", Kind::Number),
    ],
};

pub(super) const CUSTOMERS: TableSchema =
    TableSchema { table: "customers", columns: &[needed("customer_id", Kind::Identifier)] };

pub(super) const EXPOSURES: TableSchema = TableSchema {
    table: "exposures",
    columns: &[
        needed("customer_id", Kind::Identifier),
        date(),
        needed("offer_id", Kind::Identifier),
        optional("propensity", Kind::Number),
    ],
};

pub(super) const OFFERS: TableSchema = TableSchema {
    table: "offers",
    columns: &[
        needed("offer_id", Kind::Identifier),
        needed("mechanic", Kind::Identifier),
        optional("category", Kind::Identifier),
        optional("depth", Kind::Number),
        optional("amount", Kind::Number),
        optional("min_spend", Kind::Number),
        optional("buy_quantity", Kind::Number),
        optional("free_quantity", Kind::Number),
        optional("with_category", Kind::Identifier),
        optional("value", Kind::Number),
        optional("redemption", Kind::Number),
        optional("contact_cost", Kind::Number),
    ],
};

pub(super) const PROMOTIONS: TableSchema = TableSchema {
    table: "promotions",
    columns: &[
        needed("product_id", Kind::Identifier),
        needed("store_id", Kind::Identifier),
        needed("week", Kind::Number),
        optional("display", Kind::Identifier),
        optional("mailer", Kind::Identifier),
    ],
};

/// What can follow a decision.
pub(super) const OUTCOMES: [&str; 5] = ["visit", "click", "conversion", "spend", "margin"];

pub(super) const DECISIONS: TableSchema = TableSchema {
    table: "decisions",
    columns: &[
        optional("customer_id", Kind::Identifier),
        optional("date", Kind::Day),
        needed("offer_id", Kind::Identifier),
        optional("propensity", Kind::Number),
        optional("visit", Kind::Number),
        optional("click", Kind::Number),
        optional("conversion", Kind::Number),
        optional("spend", Kind::Number),
        optional("margin", Kind::Number),
    ],
};

pub(super) const STORE_WEEKS: TableSchema = TableSchema {
    table: "store_weeks",
    columns: &[
        needed("store_id", Kind::Identifier),
        needed("product_id", Kind::Identifier),
        needed("week", Kind::Number),
        optional("units", Kind::Number),
        optional("log_units", Kind::Number),
        optional("price", Kind::Number),
        optional("deal", Kind::Number),
        optional("feature", Kind::Number),
        optional("margin_rate", Kind::Number),
        optional("margin_percent", Kind::Number),
    ],
};

/// `"; did you mean ...?"` for the nearest name when one is near, else nothing.
pub(super) fn did_you_mean<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> String {
    let normal = |name: &str| -> String {
        name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
    };
    let target = normal(wanted);
    let nearest = known
        .map(|name| {
            let other = normal(name);
            let inside = !other.is_empty() && (target.contains(&other) || other.contains(&target));
            (
                if inside { distance(&target, &other).min(2) } else { distance(&target, &other) },
                name,
            )
        })
        .min();
    match nearest {
        Some((distance, name)) if distance <= 1 + target.len() / 4 => {
            format!("; did you mean `{name}`?")
        }
        _ => String::new(),
    }
}

/// Levenshtein distance.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (above, from) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = above + 1;
        for (index, to) in right.iter().enumerate() {
            let replace = diagonal + usize::from(from != *to);
            diagonal = row[index + 1];
            row[index + 1] = replace.min(diagonal + 1).min(row[index] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_ignores_case_and_separators() {
        let known = ["household_id", "Sales Value", "qty"];
        assert_eq!(did_you_mean("sales_value", known.into_iter()), "; did you mean `Sales Value`?");
        assert_eq!(
            did_you_mean("houshold_id", known.into_iter()),
            "; did you mean `household_id`?"
        );
        assert_eq!(did_you_mean("store", known.into_iter()), "");
    }

    #[test]
    fn distances_count_single_edits() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("same", "same"), 0);
    }
}
