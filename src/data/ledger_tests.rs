//! Ledgers by hand, and what must not change them.

use super::*;
use proptest::prelude::*;

/// A point at these unit prices.
fn point(day: i32, quantity: f64, regular: f64, shelf: f64) -> PricePoint {
    let shelf_discount = (regular - shelf) * quantity;
    PricePoint { day, quantity, gross: regular * quantity, shelf_discount }
}

fn rows_of(points: &[PricePoint], first_day: i32, n_weeks: u32) -> Vec<LedgerRow> {
    let mut rows = Vec::new();
    LedgerBuilder::new(first_day, n_weeks).rows(points, &mut rows).expect("sorted");
    rows
}

#[test]
fn a_week_has_the_median_prices_of_its_units_and_its_sums() {
    // Three units at 2.00, two at 1.50 (25 % off), two at a regular price of 2.20.
    let points = [point(0, 3.0, 2.0, 2.0), point(1, 2.0, 2.0, 1.5), point(6, 2.0, 2.2, 2.2)];
    let rows = rows_of(&points, 0, 1);
    assert_eq!(rows.len(), 1);
    // Of 7 units the fourth counts: 2.00 of (2.00 × 5, 2.20 × 2), 2.00 of (1.50 × 2, 2.00 × 3, ..).
    assert_eq!((rows[0].regular_price, rows[0].shelf_price), (2.0, 2.0));
    assert_eq!((rows[0].units, rows[0].gross, rows[0].shelf_discount), (7.0, 14.4, 1.0));
    assert!(rows[0].on_promotion, "day 1 was reduced");
    assert_eq!(rows[0].lowest_30_days, Some(2.0), "day 0 came before the cut");
    assert_eq!(depth(&rows[0]), 0.0);
}

#[test]
fn half_of_the_quantity_at_the_lower_price_makes_it_the_price() {
    let rows = rows_of(&[point(0, 1.0, 3.0, 2.0), point(0, 1.0, 3.0, 3.0)], 0, 1);
    assert_eq!(rows[0].shelf_price, 2.0);
}

#[test]
fn an_announced_cut_to_the_lowest_price_of_30_days_is_no_cut() {
    // As in Aldi Süd (C-330/23): 1.69 before, 1.29 within the 30 days before, 1.29 again, announced
    // as 23 % off.
    let points = [
        point(0, 10.0, 1.69, 1.69),
        point(7, 10.0, 1.69, 1.29),
        point(14, 10.0, 1.69, 1.69),
        point(21, 10.0, 1.69, 1.29),
    ];
    let rows = rows_of(&points, 0, 4);
    assert!((depth(&rows[3]) - (1.0 - 1.29 / 1.69)).abs() < 1e-12);
    assert_eq!(rows[3].lowest_30_days, Some(1.29));
    assert_eq!(legal_depth(&rows[3]), Some(0.0));
    // The first cut had only the full price before it.
    assert_eq!(rows[1].lowest_30_days, Some(1.69));
    assert_eq!(legal_depth(&rows[1]), Some(depth(&rows[1])));
    // A week without a cut looks back from its first sale.
    assert!(!rows[2].on_promotion);
    assert_eq!(rows[2].lowest_30_days, Some(1.29));
    assert_eq!(legal_depth(&rows[2]), Some(0.0));
}

#[test]
fn a_cut_that_deepens_without_a_break_is_compared_with_the_price_before_it_began() {
    let points = [
        point(0, 5.0, 4.0, 4.0),
        point(7, 5.0, 4.0, 3.0),
        point(14, 5.0, 4.0, 2.0),
        point(28, 5.0, 4.0, 1.0),
    ];
    let rows = rows_of(&points, 0, 5);
    let lowest: Vec<_> = rows.iter().map(|row| row.lowest_30_days).collect();
    assert_eq!(lowest, [None, Some(4.0), Some(4.0), Some(4.0)]);
    assert_eq!(legal_depth(&rows[3]), Some(0.75));
    assert_eq!(rows.iter().map(|row| row.week).collect::<Vec<_>>(), [0, 1, 2, 4]);
}

#[test]
fn the_look_back_reaches_30_days_and_no_further() {
    for (first, expected) in [(9, None), (10, Some(2.0))] {
        let rows = rows_of(&[point(first, 1.0, 2.0, 2.0), point(40, 1.0, 2.5, 2.0)], 35, 1);
        assert_eq!(rows[0].lowest_30_days, expected, "{first}");
    }
}

#[test]
fn a_cut_is_not_carried_over_a_month_without_a_sale() {
    let points = [point(0, 1.0, 4.0, 4.0), point(1, 1.0, 4.0, 3.0), point(32, 1.0, 4.0, 3.0)];
    let lowest: Vec<_> = rows_of(&points, 0, 5).iter().map(|row| row.lowest_30_days).collect();
    assert_eq!(lowest, [Some(4.0), None]);
}

#[test]
fn the_last_of_two_cuts_in_a_week_is_the_one_that_runs() {
    let points = [
        point(0, 1.0, 4.0, 4.0),
        point(1, 1.0, 4.0, 2.0),
        point(2, 1.0, 4.0, 4.0),
        point(3, 1.0, 4.0, 3.0),
        point(4, 9.0, 4.0, 4.0),
    ];
    let rows = rows_of(&points, 0, 1);
    assert!(rows[0].on_promotion);
    assert_eq!(rows[0].lowest_30_days, Some(2.0));
}

#[test]
fn a_reduction_below_one_percent_is_rounding() {
    assert!(!rows_of(&[point(0, 1.0, 10.0, 9.91)], 0, 1)[0].on_promotion);
    assert!(rows_of(&[point(0, 1.0, 10.0, 9.90)], 0, 1)[0].on_promotion);
}

#[test]
fn points_without_a_price_are_counted_and_points_outside_the_weeks_make_no_row() {
    let good = point(0, 1.0, 2.0, 2.0);
    let points = [
        PricePoint { quantity: 0.0, ..good },
        PricePoint { quantity: -1.0, ..good },
        PricePoint { gross: f64::NAN, ..good },
        PricePoint { gross: 0.0, ..good },
        PricePoint { shelf_discount: 3.0, ..good },
        PricePoint { shelf_discount: -1.0, ..good },
        PricePoint { shelf_discount: f64::INFINITY, ..good },
        PricePoint { day: i32::MAX, ..good },
    ];
    let mut rows = vec![];
    let mut builder = LedgerBuilder::new(0, 3);
    assert_eq!(builder.rows(&points, &mut rows), Ok(7));
    assert!(rows.is_empty());
    // And the builder is as good as new.
    assert_eq!(builder.rows(&[good], &mut rows), Ok(0));
    assert_eq!(rows, rows_of(&[good], 0, 3));
    assert_eq!(builder.rows(&[], &mut rows), Ok(0));
    assert!(rows.is_empty());
}

#[test]
fn days_that_go_back_are_refused() {
    let points = [point(3, 1.0, 2.0, 2.0), point(2, 1.0, 2.0, 2.0)];
    let error = LedgerBuilder::new(0, 3).rows(&points, &mut Vec::new()).expect_err("unsorted");
    assert_eq!(error, LedgerError::Unsorted { position: 1, found: 2, before: 3 });
}

#[test]
fn a_gift_has_no_legal_depth_to_be_measured_from() {
    let rows = rows_of(&[point(0, 1.0, 2.0, 0.0), point(1, 1.0, 2.0, 2.0)], 1, 1);
    assert_eq!(rows[0].lowest_30_days, Some(0.0));
    assert_eq!(legal_depth(&rows[0]), None);
}

/// Sales at prices of whole cents over 70 days, sorted by day.
fn sales() -> impl Strategy<Value = Vec<PricePoint>> {
    let one = (0_i32..70, 1_u32..9, 50_u32..400, 0_u32..3).prop_map(|(day, n, price, cut)| {
        let regular = f64::from(price / 50 * 50) / 100.0;
        point(day, f64::from(n), regular, regular * (1.0 - 0.25 * f64::from(cut)))
    });
    prop::collection::vec(one, 0..200).prop_map(|mut points| {
        points.sort_by_key(|point| point.day);
        points
    })
}

/// The definition, day by day and with nothing reused: for comparison.
fn plainly(points: &[PricePoint], week: i32) -> Option<(f64, f64, Option<f64>)> {
    let median = |days: std::ops::Range<i32>, off: bool| {
        let mut prices: Vec<(f64, f64)> = points
            .iter()
            .filter(|point| days.contains(&point.day))
            .map(|p| {
                let value = if off { p.gross - p.shelf_discount } else { p.gross };
                ((value / p.quantity * 1e4).round() / 1e4, p.quantity)
            })
            .collect();
        prices.sort_by(|a, b| a.0.total_cmp(&b.0));
        let total: f64 = prices.iter().map(|price| price.1).sum();
        let mut seen = 0.0;
        prices.into_iter().find_map(|(price, quantity)| {
            seen += quantity;
            (2.0 * seen >= total).then_some(price)
        })
    };
    let on = |day: i32, off| median(day..day + 1, off);
    let days = 7 * week..7 * week + 7;
    let first = days.clone().find(|day| on(*day, true).is_some())?;
    let reduced = |day: i32| Some(on(day, true)? <= 0.99 * on(day, false)?);
    let start = days.clone().rev().find(|day| reduced(*day) == Some(true)).map(|last| {
        let back = (last - 100..=last).rev().filter(|day| reduced(*day).is_some());
        back.take_while(|day| reduced(*day) == Some(true)).last().unwrap_or(last)
    });
    let from = start.unwrap_or(first);
    let lowest = (from - 30..from).filter_map(|day| on(day, true)).min_by(f64::total_cmp);
    Some((median(days.clone(), false)?, median(days, true)?, lowest))
}

proptest! {
    #[test]
    fn rows_are_those_of_the_plain_definition(points in sales()) {
        // The plain definition knows no gap of a month; one sale every ten days closes them all.
        let mut points = points;
        points.extend((0..7).map(|i| point(10 * i, 1.0, 3.0, 3.0)));
        points.sort_by_key(|point| point.day);
        let rows = rows_of(&points, 0, 10);
        for week in 0..10 {
            let row = rows.iter().find(|row| row.week == week);
            let found = row.map(|row| (row.regular_price, row.shelf_price, row.lowest_30_days));
            prop_assert_eq!(found, plainly(&points, week as i32), "week {}", week);
        }
    }

    #[test]
    fn neither_the_order_within_a_day_nor_splitting_changes_a_row(
        points in sales(), salt in any::<u64>(),
    ) {
        let mut pieces: Vec<PricePoint> = Vec::new();
        for one in &points {
            // A point of n units becomes n points of one unit.
            let n = one.quantity;
            let (gross, shelf_discount) = (one.gross / n, one.shelf_discount / n);
            let piece = PricePoint { day: one.day, quantity: 1.0, gross, shelf_discount };
            pieces.extend(std::iter::repeat_n(piece, n as usize));
        }
        let mut turn = salt;
        pieces.sort_by_cached_key(|piece| {
            turn = turn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (piece.day, turn >> 33)
        });
        prop_assert_eq!(rows_of(&points, 7, 8), rows_of(&pieces, 7, 8));
    }

    #[test]
    fn twice_the_prices_make_twice_the_rows(points in sales()) {
        let twice: Vec<PricePoint> = points
            .iter()
            .map(|p| PricePoint { gross: 2.0 * p.gross, shelf_discount: 2.0 * p.shelf_discount, ..*p })
            .collect();
        let expected: Vec<LedgerRow> = rows_of(&points, 0, 10)
            .into_iter()
            .map(|row| LedgerRow {
                regular_price: 2.0 * row.regular_price,
                shelf_price: 2.0 * row.shelf_price,
                lowest_30_days: row.lowest_30_days.map(|price| 2.0 * price),
                gross: 2.0 * row.gross,
                shelf_discount: 2.0 * row.shelf_discount,
                ..row
            })
            .collect();
        prop_assert_eq!(rows_of(&twice, 0, 10), expected);
    }
}
