//! Displays and mailers, joined to what was sold without ever holding the whole table.
//!
//! The table is read once in batches; rows of products and stores that sold something go to the part
//! of their product, twelve bytes each, and are looked up there when the product's prices are summed
//! up.

use std::path::Path;

use super::aggregate::Weeks;
use super::batch::Values;
use super::column::{MISSING, day_of};
use super::config::{DataConfig, TableConfig};
use super::error::DataError;
use super::intern::Interner;
use super::line::Line;
use super::quality::PromotionCounts;
use super::schema::PROMOTIONS;
use super::spill::{N_PARTS, Spill};
use super::table::{self, TableBatch};

const DISPLAY: u8 = 1;
const MAILER: u8 = 2;
const ROW_BYTES: usize = 12;

/// Shares of a week's units.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Featured {
    /// Sold in stores with a display of the product.
    pub(super) display: f64,
    /// Sold in stores with the product in a mailer.
    pub(super) mailer: f64,
}

/// All rows of products and stores that sold something, by part of the product.
pub(super) struct Promotions {
    spill: Spill,
}

/// The rows of one part: product, store, week, marks; ascending.
pub(super) struct PartPromotions {
    rows: Vec<(u32, u32, u16, u8)>,
}

/// Names that the table is joined by.
pub(super) struct Known<'a> {
    pub(super) products: &'a Interner,
    /// Rank of each product code.
    pub(super) product_ranks: &'a [u32],
    pub(super) stores: &'a Interner,
    /// Rank of each store code.
    pub(super) store_ranks: &'a [u32],
}

/// Reads the promotions table.
pub(super) fn read(
    config: &DataConfig,
    table: &TableConfig,
    dir: &Path,
    known: &Known<'_>,
    weeks: Weeks,
    spill_dir: &Path,
) -> Result<(Promotions, PromotionCounts), DataError> {
    let first_week = first_week(config, weeks)?;
    let spill = Spill::new();
    let mut counts = PromotionCounts::default();
    table::stream(&PROMOTIONS, table, dir, &mut |batch| {
        let products = ranks(&batch, "product_id", known.products, known.product_ranks);
        let stores = ranks(&batch, "store_id", known.stores, known.store_ranks);
        let weeks_of = match &batch.columns[PROMOTIONS.position("week")] {
            Some(Values::Numbers(numbers)) => numbers.as_slice(),
            _ => &[],
        };
        let marks = marks(&batch);
        let mut parts: Vec<Vec<u8>> = vec![Vec::new(); N_PARTS];
        for row in 0..batch.rows {
            counts.rows_in += 1;
            let week = weeks_of.get(row).map_or(f64::NAN, |week| week + first_week);
            if products[row] == MISSING || stores[row] == MISSING {
                counts.not_sold += 1;
            } else if !(week >= 0.0 && week < f64::from(weeks.count)) {
                counts.outside_dates += 1;
            } else {
                counts.rows_kept += 1;
                let out = &mut parts[products[row] as usize * N_PARTS / known.products.len()];
                out.extend_from_slice(&products[row].to_le_bytes());
                out.extend_from_slice(&stores[row].to_le_bytes());
                out.extend_from_slice(&(week as u16).to_le_bytes());
                out.extend_from_slice(&[marks[row], 0]);
            }
        }
        let filled = parts.iter().enumerate().filter(|(_, bytes)| !bytes.is_empty());
        for (part, bytes) in filled {
            spill.append(part, spill_dir, |out| out.extend_from_slice(bytes))?;
        }
        Ok(())
    })?;
    Ok((Promotions { spill }, counts))
}

/// What to add to a week number of the table for the index in the history.
fn first_week(config: &DataConfig, weeks: Weeks) -> Result<f64, DataError> {
    let start = match config.promotions_week_one_date()? {
        Some(date) => day_of(config.week_starts.week_of(date)),
        None => weeks.first_day,
    };
    Ok(f64::from((start - weeks.first_day).div_euclid(7)) - 1.0)
}

fn ranks(batch: &TableBatch, name: &str, names: &Interner, ranks: &[u32]) -> Vec<u32> {
    let rank = |code: Option<u32>| code.map_or(MISSING, |code| ranks[code as usize]);
    match &batch.columns[PROMOTIONS.position(name)] {
        Some(Values::Text(texts)) => texts.iter().map(|text| rank(names.code(text))).collect(),
        Some(Values::Whole(wholes)) => {
            wholes.iter().map(|whole| rank(names.code_of_whole(*whole))).collect()
        }
        _ => vec![MISSING; batch.rows],
    }
}

/// Display and mailer by row; "0" and nothing mean none.
fn marks(batch: &TableBatch) -> Vec<u8> {
    let mut marks = vec![0; batch.rows];
    for (name, mark) in [("display", DISPLAY), ("mailer", MAILER)] {
        match &batch.columns[PROMOTIONS.position(name)] {
            Some(Values::Text(texts)) => {
                let set = texts.iter().map(|text| !matches!(text, b"" | b"0" | b"0.0"));
                set.zip(&mut marks).for_each(|(set, own)| *own |= if set { mark } else { 0 });
            }
            Some(Values::Whole(wholes)) => {
                let set = wholes.iter().map(|whole| *whole != 0 && *whole != i64::MIN);
                set.zip(&mut marks).for_each(|(set, own)| *own |= if set { mark } else { 0 });
            }
            _ => {}
        }
    }
    marks
}

impl Promotions {
    /// The rows of one part.
    pub(super) fn part(&self, part: usize, dir: &Path) -> Result<PartPromotions, DataError> {
        let bytes = self.spill.take(part, dir)?;
        let (chunks, _) = bytes.as_chunks::<ROW_BYTES>();
        let mut rows: Vec<(u32, u32, u16, u8)> = chunks
            .iter()
            .map(|row| {
                let whole = |at: usize| {
                    u32::from_le_bytes([row[at], row[at + 1], row[at + 2], row[at + 3]])
                };
                (whole(0), whole(4), u16::from_le_bytes([row[8], row[9]]), row[10])
            })
            .collect();
        rows.sort_unstable();
        // Several displays of a week are one row with the marks of all.
        rows.dedup_by(|next, own| {
            let same = (next.0, next.1, next.2) == (own.0, own.1, own.2);
            if same {
                own.3 |= next.3;
            }
            same
        });
        Ok(PartPromotions { rows })
    }
}

impl PartPromotions {
    /// Shares of the units of these lines, which are of one product and week.
    pub(super) fn featured(&self, lines: &[Line], week: u32) -> Featured {
        let (mut all, mut display, mut mailer) = (0.0, 0.0, 0.0);
        for line in lines {
            let key = (line.product, line.store, week as u16);
            let found = self.rows.binary_search_by_key(&key, |row| (row.0, row.1, row.2));
            let marks = found.map_or(0, |at| self.rows[at].3);
            all += line.quantity;
            display += if marks & DISPLAY > 0 { line.quantity } else { 0.0 };
            mailer += if marks & MAILER > 0 { line.quantity } else { 0.0 };
        }
        if all > 0.0 {
            Featured { display: display / all, mailer: mailer / all }
        } else {
            Featured::default()
        }
    }
}
