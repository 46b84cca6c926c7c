//! Past promotions for the page on the fitted world.

use crate::demand::Ground;
use crate::demand::fit::OfferEvidence;
use crate::demand::waterfall::{Part, PromotionFacts, PromotionKind, Waterfall};
use crate::evaluate::Interval;
use crate::report as input;
use crate::report::world_page::{
    Evidence, LiftColumn, LiftPart, PastPromotions, PromotionKindRow, PromotionLift,
};
use crate::run::lift::LiftResult;

/// The promotions of the past; `None` when there were none.
pub(super) fn past(
    ground: &Ground<'_>,
    lift: &LiftResult,
    offers: OfferEvidence,
) -> Option<PastPromotions> {
    let level = lift.waterfalls.first()?.incremental_margin.level;
    let kinds = [("At the shelf", &lift.shelf), ("Offers to chosen customers", &lift.offers)];
    let row = |(kind, facts): (&str, &Option<PromotionFacts>)| {
        facts.as_ref().map(|facts| PromotionKindRow {
            kind: kind.to_owned(),
            promotions: facts.promotions as u64,
            share_losing: estimate(&facts.losing_share),
            dip: estimate(&facts.dip_share),
            halo: estimate(&facts.halo_per_unit),
        })
    };
    let judged = [&lift.shelf, &lift.offers];
    Some(PastPromotions {
        interval_level: level,
        found: lift.found as u64,
        judged: judged.into_iter().flatten().map(|facts| facts.promotions as u64).sum(),
        total: input::Estimate::unknown(),
        kinds: kinds.into_iter().filter_map(row).collect(),
        reference: "59 % worldwide (Nielsen 2015)".to_owned(),
        top: lift.waterfalls.iter().map(|w| one(ground, w, offers)).collect(),
        remarks: vec![
            "Shares are over promotions spread evenly over the history; listed are those that gave \
             most money away."
                .to_owned(),
        ],
    })
}

fn estimate(interval: &Interval) -> input::Estimate {
    input::Estimate::new(interval.estimate, interval.lower, interval.upper)
}

fn one(ground: &Ground<'_>, found: &Waterfall, offers: OfferEvidence) -> PromotionLift {
    let weeks = &found.promotion.weeks;
    let first = ground.history.week_start(weeks.start);
    let last = ground.history.week_start(weeks.end) - chrono::Days::new(1);
    PromotionLift {
        name: found.promotion.id.clone(),
        period: format!("{first} to {last}"),
        customers: Some(found.customers as u64),
        parts: found
            .parts
            .iter()
            .map(|line| LiftPart {
                name: line.part.label().to_owned(),
                column: column(line.part),
                margin: estimate(&line.margin),
            })
            .collect(),
        incremental: estimate(&found.incremental_margin),
        break_even: found.break_even_multiple.unwrap_or(f64::NAN),
        reached: estimate(&found.expected_multiple),
        evidence: match (found.promotion.kind, offers) {
            (PromotionKind::Shelf, _) => Evidence::QuasiExperimental,
            (_, OfferEvidence::Randomised) => Evidence::Randomised,
            (_, OfferEvidence::Observational) => Evidence::Observational,
            (_, OfferEvidence::AssumedFromShelf) => Evidence::Prior,
        },
    }
}

fn column(part: Part) -> LiftColumn {
    match part {
        Part::Baseline => LiftColumn::Baseline,
        Part::OwnLift => LiftColumn::OwnLift,
        Part::WithinCategory => LiftColumn::Cannibalised,
        Part::Switched | Part::Halo => LiftColumn::Halo,
        Part::PulledForward | Part::LaterElsewhere => LiftColumn::PulledForward,
        Part::SubsidisedBaseline | Part::DiscountOnLift => LiftColumn::Discount,
        Part::ContactCost => LiftColumn::Contact,
    }
}
