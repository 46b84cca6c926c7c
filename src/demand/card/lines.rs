//! Lines about distributions, and about figures that the literature knows.

use super::behaviour::{BehaviourCompared, CUSTOMERS_MIN};
use super::distributions::Compared;
use super::inputs::{Evidence, Measured};
use super::judge::{CardLine, CardVerdict, KS_GOAL, Reference, judge_agreement};
use super::spread::Spread;

/// Lines of the behaviours: of all customers, and of the persona that agrees least.
pub(super) fn behaviour_lines(behaviours: &[BehaviourCompared]) -> Vec<CardLine> {
    let mut lines = Vec::new();
    for behaviour in behaviours {
        lines.push(agreement_line(&behaviour.all, "all customers"));
        let name = &behaviour.all.name;
        lines.push(match behaviour.worst() {
            Some((persona, compared)) => CardLine {
                note: format!("persona {persona}; {}", against_itself(compared)),
                ..agreement_line(compared, "worst persona")
            },
            None => CardLine::not_applicable(
                &format!("{name}, worst persona: KS complement"),
                &agreement_band(),
                &format!("no persona has {CUSTOMERS_MIN} customers"),
            ),
        });
    }
    lines
}

/// Lines of the ten distributions and of their mean.
pub(super) fn ten_lines(ten: &[Compared]) -> Vec<CardLine> {
    if ten.is_empty() {
        let reason = "the history holds no product lines, or no product choice was fitted";
        let line = "ten distributions: mean KS complement";
        return vec![CardLine::not_applicable(line, &mean_band(), reason)];
    }
    let of_products = |compared: &Compared| {
        let published = compared.published.map(|p| p.ks_complement);
        let beside = published.map(|p| format!("RetailSynth {p:.3}; ")).unwrap_or_default();
        CardLine {
            note: format!("{beside}{}", against_itself(compared)),
            ..agreement_line(compared, "product lines")
        }
    };
    let mut lines = vec![mean_line(ten)];
    lines.extend(ten.iter().map(of_products));
    lines
}

fn mean_band() -> String {
    format!("at least {:.2}, none below {:.2}; RetailSynth published 0.787", KS_GOAL.0, KS_GOAL.1)
}

fn agreement_band() -> String {
    format!("at least {:.2}, or what the world scores against itself", KS_GOAL.0)
}

fn against_itself(compared: &Compared) -> String {
    let itself = compared.against_itself.map_or(f64::NAN, |s| s.mean);
    let far = compared.wasserstein_over_deviation.map_or(f64::NAN, |s| s.mean);
    format!("against itself {itself:.3}; Wasserstein {far:.3} standard deviations")
}

fn agreement_line(compared: &Compared, whose: &str) -> CardLine {
    CardLine {
        line: format!("{}, {whose}: KS complement", compared.name),
        actual: None,
        simulated: Some(compared.ks_complement),
        band: agreement_band(),
        verdict: judge_agreement(&compared.ks_complement, compared.against_itself.as_ref()),
        note: against_itself(compared),
    }
}

/// The mean of the ten. Its interval is the mean of their ends: replications may err together.
fn mean_line(ten: &[Compared]) -> CardLine {
    let mean_of = |part: fn(&Spread) -> f64| {
        ten.iter().map(|c| part(&c.ks_complement)).sum::<f64>() / ten.len() as f64
    };
    let mean = Spread {
        mean: mean_of(|s| s.mean),
        lower: mean_of(|s| s.lower),
        upper: mean_of(|s| s.upper),
    };
    let least = ten.iter().min_by(|a, b| a.ks_complement.mean.total_cmp(&b.ks_complement.mean));
    let low = least.map_or(0.0, |c| c.ks_complement.mean);
    let verdict = match (mean.mean >= KS_GOAL.0, low >= KS_GOAL.1, mean.mean >= KS_GOAL.1) {
        (true, true, _) => CardVerdict::Pass,
        (_, _, true) => CardVerdict::Warn,
        _ => CardVerdict::Fail,
    };
    CardLine {
        line: "ten distributions: mean KS complement".to_owned(),
        actual: None,
        simulated: Some(mean),
        band: mean_band(),
        verdict,
        note: least.map(|c| format!("lowest: {} at {low:.3}", c.name)).unwrap_or_default(),
    }
}

/// A figure of the literature: its line, the ranges, and where they come from.
struct Known {
    line: &'static str,
    band: &'static str,
    reference: Reference,
}

/// Own-price elasticity of a whole category. A brand's −2.62 (Bijmolt, van Heerde and Pieters 2005)
/// is mostly switching: 84 % of it for coffee (Gupta 1988) leaves −0.42; a third of the unit gain
/// (van Heerde, Gupta and Wittink 2003) leaves −1.75. Orange juice at Dominick's: own −2.86 and +2.0
/// from the rivals together leave −0.86.
const CATEGORY_PRICE: Known = Known {
    line: "own-price elasticity of a category",
    band: "-1.75 to -0.42: what is not switching of a brand's -2.62 (Bijmolt 2005, Gupta 1988)",
    reference: Reference { usual: (-1.75, -0.42), seen: (-2.62, -0.20) },
};

/// Tellis 1988 to the promotional mean of van Heerde and Neslin; seen: eleven orange juices.
const PRODUCT_PRICE: Known = Known {
    line: "own-price elasticity of a product",
    band: "-3.63 to -1.76: means of 1,851 and 367 estimates, -2.62 and -1.76; on promotion -3.63",
    reference: Reference { usual: (-3.63, -1.76), seen: (-4.09, -1.00) },
};

const FEATURE: Known = Known {
    line: "feature multiplier of a product",
    band: "1.21 to 2.87, mean 1.94: eleven orange juices at Dominick's",
    reference: Reference { usual: (1.21, 2.87), seen: (1.0, 4.0) },
};

const CANNIBALISED: Known = Known {
    line: "cannibalised share of a product's unit gain",
    band: "0.25 to 0.55: 0.33 (van Heerde, Gupta and Wittink 2003), orange juice 0.44, CVS at most 0.55",
    reference: Reference { usual: (0.25, 0.55), seen: (0.10, 0.74) },
};

const DIP: Known = Known {
    line: "post-promotion dip over the lift",
    band: "0.04 to 0.25 (van Heerde, Leeflang and Wittink 2000); orange juice 0.08",
    reference: Reference { usual: (0.04, 0.25), seen: (0.0, 0.35) },
};

const HALO: Known = Known {
    line: "halo: units elsewhere per unit of lift",
    band: "0 to 0.32: CVS +0.16 (Ailawadi et al. 2007), at most twice that",
    reference: Reference { usual: (0.0, 0.32), seen: (-0.16, 0.48) },
};

const LOSING: Known = Known {
    line: "share of past promotions that lose margin",
    band: "0.50 to 0.72 (Nielsen 2015: 59 % worldwide, 72 % US; Ailawadi et al. 2007: over half)",
    reference: Reference { usual: (0.50, 0.72), seen: (0.33, 0.85) },
};

impl Known {
    fn line(&self, evidence: Option<&Evidence>, missing: &str) -> CardLine {
        match evidence {
            Some(Evidence::Estimated(found)) => CardLine {
                line: self.line.to_owned(),
                actual: None,
                simulated: Some(*found),
                band: self.band.to_owned(),
                verdict: self.reference.judge(found),
                note: String::new(),
            },
            Some(Evidence::NotIdentified(reason)) => {
                CardLine::not_applicable(self.line, self.band, reason)
            }
            None => CardLine::not_applicable(self.line, self.band, missing),
        }
    }
}

/// Lines about what was measured outside the held-out weeks, beside the literature.
pub(super) fn known_lines(measured: &Measured) -> Vec<CardLine> {
    let category = measured.category_own_price.map(Evidence::Estimated);
    let products = measured.products.as_ref();
    let promotions = measured.promotions.as_ref();
    let no_products = "the history holds no product lines, or no product choice was fitted";
    let no_promotions = "no past promotion could be taken apart";
    let mut lines = vec![
        CATEGORY_PRICE.line(category.as_ref(), "no category has an estimate"),
        PRODUCT_PRICE.line(products.map(|p| &p.own_price), no_products),
        FEATURE.line(products.map(|p| &p.feature_multiplier), no_products),
        CANNIBALISED.line(products.map(|p| &p.cannibalised), no_products),
    ];
    let of_promotions = [
        DIP.line(promotions.map(|p| &p.dip), no_promotions),
        HALO.line(promotions.map(|p| &p.halo), no_promotions),
        LOSING.line(promotions.map(|p| &p.share_losing), no_promotions),
    ];
    lines.extend(of_promotions.into_iter().map(|line| match promotions {
        Some(p) if line.note.is_empty() => {
            CardLine { note: format!("{} promotions", p.n_promotions), ..line }
        }
        _ => line,
    }));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demand::card::distance::Sample;
    use crate::demand::card::inputs::{ProductEvidence, PromotionFacts};
    use CardVerdict::{Fail, NotApplicable, Pass, Warn};

    fn compared(name: &str, ks_complement: f64) -> Compared {
        let sample = Sample::new((0..50).map(f64::from));
        let same = Compared::new(name, "week", &sample, &[&sample, &sample]);
        let ks_complement = Spread::exact(ks_complement);
        Compared { ks_complement, ..same.expect("the sample is not empty") }
    }

    fn estimated(mean: f64) -> Evidence {
        Evidence::Estimated(Spread { mean, lower: mean - 0.01, upper: mean + 0.01 })
    }

    #[test]
    fn the_mean_of_the_ten_passes_only_when_none_is_low() {
        let verdict = |values: &[f64]| {
            let ten: Vec<Compared> = values.iter().map(|v| compared("x", *v)).collect();
            ten_lines(&ten)[0].verdict
        };
        assert_eq!(verdict(&[0.95, 0.90]), Pass);
        assert_eq!(verdict(&[1.0, 1.0, 0.72]), Warn);
        assert_eq!(verdict(&[0.80, 0.78]), Warn);
        assert_eq!(verdict(&[0.70, 0.75]), Fail);
    }

    #[test]
    fn without_product_lines_the_ten_do_not_apply() {
        let lines = ten_lines(&[]);
        assert_eq!(lines.len(), 1);
        assert_eq!((lines[0].verdict, lines[0].simulated), (NotApplicable, None));
        assert!(!lines[0].note.is_empty());
    }

    #[test]
    fn the_worst_persona_is_named_or_said_to_be_too_small() {
        let all = compared("visit rate", 0.95);
        let personas = vec![(0, compared("visit rate", 0.93)), (2, compared("visit rate", 0.70))];
        let lines = behaviour_lines(&[BehaviourCompared { all: all.clone(), personas }]);
        assert_eq!((lines[0].verdict, lines[1].verdict), (Pass, Fail));
        assert!(lines[1].note.starts_with("persona 2;"), "{}", lines[1].note);
        let lines = behaviour_lines(&[BehaviourCompared { all, personas: Vec::new() }]);
        assert_eq!(lines[1].verdict, NotApplicable);
    }

    #[test]
    fn figures_of_the_literature_pass_against_themselves() {
        let lines = known_lines(&Measured {
            category_own_price: Some(Spread::exact(-0.86)),
            products: Some(ProductEvidence {
                own_price: estimated(-2.62),
                feature_multiplier: estimated(1.94),
                cannibalised: estimated(0.33),
            }),
            promotions: Some(PromotionFacts {
                dip: estimated(0.08),
                halo: estimated(0.16),
                share_losing: estimated(0.59),
                n_promotions: 40,
            }),
        });
        assert_eq!(lines.len(), 7);
        assert!(lines.iter().all(|l| l.verdict == Pass), "{lines:?}");
        assert_eq!(lines[6].note, "40 promotions");
    }

    #[test]
    fn what_is_not_identified_stays_on_the_card_with_its_reason() {
        let reason = "displays are not recorded".to_owned();
        let lines = known_lines(&Measured {
            products: Some(ProductEvidence {
                own_price: estimated(-15.7),
                feature_multiplier: Evidence::NotIdentified(reason.clone()),
                cannibalised: estimated(0.70),
            }),
            ..Measured::default()
        });
        let verdicts: Vec<CardVerdict> = lines.iter().map(|l| l.verdict).collect();
        let none = NotApplicable;
        assert_eq!(verdicts, [none, Fail, none, Warn, none, none, none]);
        assert_eq!(lines[2].note, reason);
        assert!(lines.iter().all(|l| l.verdict != NotApplicable || !l.note.is_empty()));
    }
}
