//! The way from config to history, one screen per step.
//!
//! Four passes, of which only the first sees the files: `scan` sends lines to the parts of their
//! customers, `clean` sorts and cleans part by part, `assemble` turns parts into cells and features,
//! `market` sums up products. Between passes lines lie in a [`Spill`], in memory while they fit.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::aggregate::{self, CategoryTotals, Grouping, Weeks};
use super::assemble::{Assembler, Part};
use super::assess::Completeness;
use super::cleaned::{Cleaned, clean_parts, refuse_empty};
use super::config::{DataConfig, TableConfig};
use super::error::DataError;
use super::exposures::{self, Logged};
use super::forget::Forgotten;
use super::history::{Exposure, OfferRow};
use super::market::{Market, Priced, Summary};
use super::offers;
use super::product_facts;
use super::product_lines::{self, ProductTable};
use super::products::{self, Products};
use super::promotions;
use super::quality::{MarginSource, QualityReport};
use super::ranks::{Names, Ranked};
use super::rules::{Account, Rejection, Rule, money};
use super::scan::{self, Scan};
use super::schema;
use super::spill::{N_PARTS, Spill};
use super::table::{self, check_count};
use super::tally::Tally;

/// Stores beyond which a column of something else was mapped; counts by store and day are dense.
const MOST_STORES: usize = 20_000;
/// Parts worked on between two deliveries.
const PARTS_AT_ONCE: usize = 8;

/// What an ingest is asked for besides the config.
#[derive(Debug, Clone)]
pub(super) struct Request<'a> {
    pub(super) config: &'a DataConfig,
    pub(super) base_dir: &'a Path,
    pub(super) salt: &'a str,
    /// Folder of a temporary file, needed when the lines outgrow the memory budget.
    pub(super) spill_dir: &'a Path,
    /// When customer features are wanted.
    pub(super) snapshots: Snapshots<'a>,
    /// Customers whose purchases are also wanted product by product.
    pub(super) sampled: u32,
    /// Whether rejected lines are listed and not only counted.
    pub(super) list_rejected: bool,
    /// Customers who are left out.
    pub(super) forgotten: &'a Forgotten,
}

/// Dates for which customer features are computed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Snapshots<'a> {
    /// None.
    None,
    /// Back from the end of the history in the configured steps, and these weeks before its end.
    Regular { weeks_before_end: &'a [u32] },
    /// The week that begins on this day.
    AsOf(i32),
}

/// Who takes what an ingest delivers, in order.
pub(super) trait Sink {
    /// The weeks and categories, before anything else.
    fn begin(&mut self, frame: &Frame) -> Result<(), DataError>;
    /// Some customers, in order of their hash.
    fn part(&mut self, part: Part, names: Names<'_>) -> Result<(), DataError>;
    /// Prices of some products, in order of their name.
    fn prices(&mut self, rows: &[Priced], names: Names<'_>) -> Result<(), DataError>;
}

/// What is known before the first part.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) weeks: Weeks,
    /// Category names, "other" last.
    pub(super) categories: Vec<String>,
    /// Weeks before which each snapshot of the features reads, ascending.
    pub(super) snapshots: Vec<u32>,
    pub(super) has_promotions: bool,
}

/// Everything that is delivered at the end.
pub(super) struct Rest {
    pub(super) frame: Frame,
    pub(super) category_totals: CategoryTotals,
    pub(super) market: Summary,
    pub(super) products: ProductTable,
    pub(super) offers: Vec<OfferRow>,
    pub(super) exposures: Vec<Exposure>,
    pub(super) quality: QualityReport,
    pub(super) observed: super::assess::Observed,
    pub(super) rejected: Vec<(PathBuf, usize, Rejection)>,
}

/// Reads, cleans and aggregates the configured tables.
pub(super) fn ingest(request: &Request<'_>, sink: &mut dyn Sink) -> Result<Rest, DataError> {
    let config = request.config;
    config.validate()?;
    config.demand_sales()?;
    let dir = config.resolved_dir(request.base_dir);
    // Cheap checks of every table first: a wrong column name must not cost a long read.
    config
        .tables()
        .into_iter()
        .try_for_each(|(schema, table)| table::check(schema, table, &dir).map(|_| ()))?;
    let catalogue = table::read(&schema::PRODUCTS, &config.products, &dir)?;
    let mut account = Account::new(request.list_rejected);
    let mut scan = scan::scan(request, &dir, &mut account)?;
    let ranked = Ranked::of(&scan);
    check_count("stores", ranked.stores.len(), MOST_STORES)?;
    let products = products::describe(&catalogue, &ranked.products, config)?;
    drop(catalogue);
    let cleaned = clean_parts(request, &scan, &ranked, &products, &mut account)?;
    scan.spill = Spill::new();
    refuse_empty(&cleaned, &account, config)?;
    let (weeks, span) = cleaned.weeks(config);
    let grouping = aggregate::choose_categories(&cleaned.sales_by_product(), &products, config);
    let mut offers = offers::read(config, &dir)?;
    let logged = exposures::read_exposures(config, &dir, &scan.customers, &mut offers)?;
    let frame = Frame {
        weeks,
        categories: grouping.names.clone(),
        snapshots: snapshots(request, weeks),
        has_promotions: config.enabled_promotions().is_some(),
    };
    sink.begin(&frame)?;
    let work = Work { request, scan: &scan, ranked: &ranked, products: &products, frame: &frame };
    let by_product = Spill::new();
    let assembled = work.assemble(
        &cleaned,
        &grouping,
        span,
        (&logged, &offers),
        &by_product,
        &mut account,
        sink,
    )?;
    let promotions = config.enabled_promotions().map(|table| work.promotions(table, &dir));
    let (promotions, counts) = promotions.transpose()?.unzip();
    let names = Names { scan: &scan, ranked: &ranked };
    let market = work.market(&grouping, &by_product, promotions.as_ref());
    let market = market.sum_up(&mut |rows| sink.prices(rows, names))?;
    let tally = assembled.tally;
    let mut quality = report(&account, &scan, &tally, config);
    quality.promotions = counts.unwrap_or_default();
    quality.notes.extend(partial_weeks(weeks, span));
    let index = |code: u32| assembled.kept[ranked.customer_ranks[code as usize] as usize];
    let exposures = logged.place(index, weeks, &offers, &mut quality);
    let mut observed = tally.observed(&grouping.names, &ranked.stores, &ranked.products, &products);
    observed.completeness = completeness(&scan);
    observed.exposures = exposures::exposed(&exposures, &offers, weeks);
    Ok(Rest {
        category_totals: assembled.category_totals,
        products: product_lines::table(&market.products, &products, &ranked.products),
        market,
        offers,
        exposures,
        quality,
        observed,
        rejected: work.locate(account.listed.unwrap_or_default()),
        frame,
    })
}

/// Weeks that features are computed for: back from the end in equal steps, and those asked for.
fn snapshots(request: &Request<'_>, weeks: Weeks) -> Vec<u32> {
    let weeks_before_end = match request.snapshots {
        Snapshots::None => return Vec::new(),
        Snapshots::AsOf(day) => {
            let week = (day - weeks.first_day).div_euclid(7);
            return vec![u32::try_from(week).unwrap_or(0)];
        }
        Snapshots::Regular { weeks_before_end } => weeks_before_end,
    };
    let steps = (0..).map(|step| step * request.config.snapshot_weeks);
    let regular = steps.map_while(|back| weeks.count.checked_sub(back)).filter(|week| *week > 0);
    let asked = weeks_before_end.iter().filter_map(|back| weeks.count.checked_sub(*back));
    let mut snapshots: Vec<u32> = regular.chain(asked.filter(|week| *week > 0)).collect();
    snapshots.sort_unstable();
    snapshots.dedup();
    snapshots
}

/// What the last two passes share.
struct Work<'a> {
    request: &'a Request<'a>,
    scan: &'a Scan,
    ranked: &'a Ranked,
    products: &'a Products,
    frame: &'a Frame,
}

/// What the third pass leaves behind.
struct Assembled {
    tally: Tally,
    category_totals: CategoryTotals,
    /// By customer rank, the index among the kept customers.
    kept: Vec<Option<u32>>,
}

impl Work<'_> {
    #[allow(clippy::too_many_arguments, reason = "each is the outcome of an earlier step")]
    fn assemble(
        &self,
        cleaned: &Cleaned,
        grouping: &Grouping,
        span: (i32, i32),
        (logged, offers): (&Logged, &[OfferRow]),
        by_product: &Spill,
        account: &mut Account,
        sink: &mut dyn Sink,
    ) -> Result<Assembled, DataError> {
        let weeks = self.frame.weeks;
        let (n_categories, n_stores) = (grouping.names.len(), self.ranked.stores.len());
        let tally = Tally::new(weeks, span, n_categories, n_stores, self.ranked.products.len());
        let tallies: Vec<Mutex<Tally>> =
            (0..=rayon::current_num_threads()).map(|_| Mutex::new(tally.clone())).collect();
        let category_of_offer: Vec<Option<u16>> = offers
            .iter()
            .map(|offer| {
                let name = offer.category.as_ref()?;
                grouping.names.iter().position(|own| own == name).map(|index| index as u16)
            })
            .collect();
        let facts = product_facts::of(&cleaned.counts, &cleaned.plausible, self.products, grouping);
        let as_of: Vec<i32> =
            self.frame.snapshots.iter().map(|week| weeks.first_day + 7 * *week as i32).collect();
        let assembler = Assembler {
            plausible: &cleaned.plausible,
            products: self.products,
            grouping,
            weeks,
            facts: &facts,
            product_index: &product_lines::number(&cleaned.sold()),
            contacts: &logged.contacts(&self.ranked.customer_ranks, &category_of_offer),
            as_of: &as_of,
            tallies: &tallies,
            by_product,
            spill_dir: self.request.spill_dir,
        };
        let names = Names { scan: self.scan, ranked: self.ranked };
        let mut category_totals = CategoryTotals::new(n_categories);
        let (mut kept, mut next) = (vec![None; self.ranked.customers.len()], 0);
        let (list, sampled) = (self.request.list_rejected, self.request.sampled);
        for start in (0..N_PARTS).step_by(PARTS_AT_ONCE) {
            let left = sampled.saturating_sub(next);
            let parts: Vec<Result<(Part, Account), DataError>> = (start..start + PARTS_AT_ONCE)
                .into_par_iter()
                .map(|part| {
                    let mut account = Account::new(list);
                    let bytes = cleaned.spill.take(part, self.request.spill_dir)?;
                    Ok((assembler.part(&bytes, left, &mut account)?, account))
                })
                .collect();
            for part in parts {
                let (mut part, more) = part?;
                part.lines.retain(|line| line.customer + next < sampled);
                account.merge(more);
                category_totals.add(&part.cells);
                for rank in &part.ranks {
                    kept[*rank as usize] = Some(next);
                    next += 1;
                }
                sink.part(part, names)?;
            }
        }
        let mut merged = tally;
        for tally in tallies {
            merged.merge(&tally.into_inner().unwrap_or_else(PoisonError::into_inner));
        }
        Ok(Assembled { tally: merged, category_totals, kept })
    }

    fn market<'a>(
        &'a self,
        grouping: &'a Grouping,
        lines: &'a Spill,
        promotions: Option<&'a promotions::Promotions>,
    ) -> Market<'a> {
        Market {
            weeks: self.frame.weeks,
            grouping,
            by_store: self.request.config.ledger_by_store,
            lines,
            promotions,
            spill_dir: self.request.spill_dir,
        }
    }

    fn promotions(
        &self,
        table: &TableConfig,
        dir: &Path,
    ) -> Result<(promotions::Promotions, super::quality::PromotionCounts), DataError> {
        let known = promotions::Known {
            products: &self.scan.products,
            product_ranks: &self.ranked.product_ranks,
            stores: &self.scan.stores,
            store_ranks: &self.ranked.store_ranks,
        };
        let (config, spill_dir) = (self.request.config, self.request.spill_dir);
        promotions::read(config, table, dir, &known, self.frame.weeks, spill_dir)
    }

    /// The rejected lines in the order of the files, with file and row.
    fn locate(&self, mut listed: Vec<Rejection>) -> Vec<(PathBuf, usize, Rejection)> {
        listed.sort_by_key(|rejection| rejection.row);
        let place = |rejection: Rejection| {
            let (file, row) = self.scan.origins.of(rejection.row as usize);
            (file.to_owned(), row, rejection)
        };
        listed.into_iter().map(place).collect()
    }
}

/// How complete each mapped column of the transactions is.
fn completeness(scan: &Scan) -> BTreeMap<String, Completeness> {
    let column = |(name, missing): &(&str, u64)| {
        let key = schema::TRANSACTIONS.column(name).is_some_and(|column| column.required);
        let completeness = Completeness { rows: scan.rows, missing: *missing, key };
        (format!("transactions.{name}"), completeness)
    };
    scan.missing.iter().map(column).collect()
}

fn report(account: &Account, scan: &Scan, tally: &Tally, config: &DataConfig) -> QualityReport {
    let [unknown_products, uncategorised] = tally.unplaced();
    let [unit_cost, margin_rate, department, default] = tally.by_cost();
    let sales_kept = money(account.sales_kept());
    let source = MarginSource { unit_cost, margin_rate, department, default };
    QualityReport {
        rows_in: account.rows_in,
        rows_kept: account.rows_kept(),
        sales_in: money(account.sales_in),
        sales_kept,
        rules: account.counts(|rule| setting(rule, config)),
        unknown_products,
        uncategorised,
        margin_source: source.shares_of(sales_kept),
        margin_assumed: department + default > 0.0,
        notes: scan.notes.clone(),
        ..Default::default()
    }
}

/// The limit of a rule as the config says it.
pub(super) fn setting(rule: Rule, config: &DataConfig) -> String {
    let clean = &config.clean;
    match rule {
        Rule::ImpossibleDate => format!("max_impossible_dates = {}", clean.max_impossible_dates),
        Rule::MatchedReturn | Rule::ReturnedSale => {
            format!("match_returns = {}", clean.match_returns)
        }
        Rule::DiscountAboveShelfPrice => format!("max_depth = {}", clean.max_depth),
        Rule::ExcludedDepartment => {
            format!("exclude_departments = {:?}", clean.exclude_departments)
        }
        Rule::UnknownProduct => match clean.unknown_products {
            super::config::UnknownProducts::Keep => "unknown_products = \"keep\"".to_owned(),
            super::config::UnknownProducts::Reject => "unknown_products = \"reject\"".to_owned(),
        },
        Rule::WeightSoldQuantity => format!("max_quantity = {}", clean.max_quantity),
        Rule::OutsideDates => {
            let shown = |date: &Option<String>| date.clone().unwrap_or_else(|| "any".to_owned());
            format!("{} to {}", shown(&config.first_date), shown(&config.last_date))
        }
        Rule::ImplausibleCustomer => format!("max_lines_per_week = {}", clean.max_lines_per_week),
        Rule::ImplausibleUnitPrice => format!("max_price_ratio = {}", clean.max_price_ratio),
        Rule::PriceOutlier => {
            format!("outlier_z = {}, outlier_ratio = {}", clean.outlier_z, clean.outlier_ratio)
        }
        _ => String::new(),
    }
}

fn partial_weeks(weeks: Weeks, (first, last): (i32, i32)) -> Vec<String> {
    let before = first - weeks.first_day;
    let after = weeks.first_day + 7 * weeks.count as i32 - 1 - last;
    let partial = [("first", before), ("last", after)].into_iter().filter(|(_, days)| *days > 0);
    let note = |(which, days): (&str, i32)| {
        format!(
            "the {which} week has sales on at most {} of 7 days; set `{which}_date` or \
             `week_starts` in [data] to leave out partial weeks",
            7 - days
        )
    };
    partial.map(note).collect()
}
