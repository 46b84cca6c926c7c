//! Whether logged offers can answer what another policy would have earned, at a glance.

use serde::{Deserialize, Serialize};

use super::observed::Exposed;
use super::wording::{count, share};

/// Below this share of customers with an offer little is learnt of offers; above one minus it of
/// the customers of a week, nobody is left to compare with.
const MIN_CONTACTED: f64 = 0.05;
/// Weights are the inverse of propensities: below this one decision counts as more than a hundred.
const MIN_PROPENSITY: f64 = 0.01;
/// Fewer weeks mix the effect of offers with that of the weeks.
const MIN_WEEKS: usize = 8;

/// What the log of offers is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// Offers were logged with propensities and reach enough customers.
    Ok,
    /// Offers were logged, with a weakness.
    Caution,
    /// No offers were logged.
    None,
}

/// Logged offers at a glance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExposureGlance {
    /// What the log is good for.
    pub overlap: Overlap,
    /// The same in one line.
    pub line: String,
    /// Exposures by offer, most frequent first.
    pub offers: Vec<(String, u64)>,
    /// Share of customers with any exposure.
    pub contacted: f64,
    /// Customers with any exposure.
    #[serde(default)]
    pub customers: u64,
    /// Share of the customers with an offer in an average week with offers.
    #[serde(default)]
    pub contacted_per_week: f64,
    /// Customer-weeks with offers by the number of offers at once.
    #[serde(default)]
    pub at_once: Vec<(u64, u64)>,
    /// Logged decisions to make no offer.
    #[serde(default)]
    pub none: u64,
    /// Share of exposures with a logged propensity.
    pub with_propensity: f64,
    /// Smallest logged propensity.
    pub min_propensity: Option<f64>,
    /// Weeks with an exposure.
    pub weeks: u64,
}

/// Reads the verdict off the counts; `customers` is how many there are in all.
pub(super) fn glance(exposed: &Exposed, customers: u64) -> ExposureGlance {
    let rows: u64 = exposed.offers.values().sum();
    let part = |part: u64, of: u64| if of > 0 { part as f64 / of as f64 } else { 0.0 };
    let mut offers: Vec<(String, u64)> =
        exposed.offers.iter().map(|(offer, rows)| (offer.clone(), *rows)).collect();
    offers.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let contacts: u64 = exposed.at_once.values().sum();
    let mut glance = ExposureGlance {
        overlap: Overlap::None,
        line: String::new(),
        offers,
        contacted: part(exposed.customers, customers),
        customers: exposed.customers,
        contacted_per_week: part(contacts, customers * exposed.weeks.len() as u64),
        at_once: exposed.at_once.iter().map(|(offers, weeks)| (*offers, *weeks)).collect(),
        none: exposed.none,
        with_propensity: part(exposed.with_propensity, rows),
        min_propensity: exposed.min_propensity,
        weeks: exposed.weeks.len() as u64,
    };
    let weaknesses = weaknesses(&glance, exposed);
    (glance.overlap, glance.line) = if rows == 0 {
        let line = "No offers were logged: past policies cannot be judged from this history, only \
                    in a test or in the fitted world.";
        (Overlap::None, line.to_owned())
    } else {
        let facts = format!(
            "{} given {} times to {} of the customers in {} weeks",
            match glance.offers.len() {
                1 => "1 offer was".to_owned(),
                n => format!("{} offers were", count(n as u64)),
            },
            count(rows),
            share(glance.contacted),
            count(glance.weeks)
        );
        match weaknesses.is_empty() {
            true => (Overlap::Ok, format!("{facts}, with the chance of each logged.")),
            false => (Overlap::Caution, format!("{facts}; with care: {}.", weaknesses.join("; "))),
        }
    };
    glance
}

fn weaknesses(glance: &ExposureGlance, exposed: &Exposed) -> Vec<String> {
    let mut found = Vec::new();
    if exposed.with_propensity == 0 {
        found.push("the chance of an offer was not logged and must be estimated".to_owned());
    } else if glance.with_propensity < 1.0 {
        let known = share(glance.with_propensity);
        found.push(format!("the chance of an offer was logged for {known} of them only"));
    }
    if let Some(least) = glance.min_propensity.filter(|least| *least < MIN_PROPENSITY) {
        let times = count((1.0 / least.max(1e-9)).round() as u64);
        found.push(format!("the rarest choice would count as {times} decisions"));
    }
    if glance.contacted < MIN_CONTACTED {
        found.push("too few customers had an offer".to_owned());
    } else if glance.contacted_per_week > 1.0 - MIN_CONTACTED {
        let words = "nearly every customer had an offer every week, so few are left to compare";
        found.push(words.to_owned());
    }
    if exposed.weeks.len() < MIN_WEEKS {
        found.push(format!("fewer than {MIN_WEEKS} weeks have offers"));
    }
    found
}

#[cfg(test)]
mod tests {
    use chrono::{Days, NaiveDate};

    use super::*;

    fn exposed(rows: u64, propensity: Option<f64>, weeks: u64, customers: u64) -> Exposed {
        let start = NaiveDate::from_ymd_opt(2021, 3, 1).expect("a date");
        let mut exposed = Exposed { customers, ..Exposed::default() };
        for row in 0..rows {
            exposed.add("ten off", start + Days::new(7 * (row % weeks)), propensity);
        }
        exposed
    }

    #[test]
    fn no_exposures_mean_no_overlap() {
        let glance = glance(&Exposed::default(), 500);
        assert_eq!(glance.overlap, Overlap::None);
        assert!(glance.line.starts_with("No offers were logged"), "{}", glance.line);
    }

    #[test]
    fn logged_propensities_over_many_weeks_are_ok() {
        let glance = glance(&exposed(1200, Some(0.3), 12, 250), 500);
        assert_eq!(glance.overlap, Overlap::Ok);
        assert_eq!(
            glance.line,
            "1 offer was given 1,200 times to 50% of the customers in 12 weeks, with the chance \
             of each logged."
        );
    }

    #[test]
    fn every_weakness_of_a_log_is_told() {
        let told = |exposed: &Exposed, part: &str| {
            let glance = glance(exposed, 500);
            assert_eq!(glance.overlap, Overlap::Caution);
            assert!(glance.line.contains(part), "{}", glance.line);
        };
        told(&exposed(1200, None, 12, 250), "must be estimated");
        told(&exposed(1200, Some(0.001), 12, 250), "count as 1,000 decisions");
        told(&exposed(1200, Some(0.3), 12, 10), "too few customers");
        let mut all = exposed(5880, Some(0.3), 12, 490);
        all.at_once.insert(1, 5880);
        told(&all, "nearly every customer had an offer every week");
        told(&exposed(1200, Some(0.3), 3, 250), "fewer than 8 weeks");
        let mut half = exposed(100, Some(0.3), 12, 250);
        exposed(100, None, 12, 0).offers.iter().for_each(|(offer, rows)| {
            *half.offers.entry(offer.clone()).or_default() += rows;
        });
        told(&half, "for 50% of them only");
    }
}
