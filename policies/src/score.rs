//! Deciding for one customer with a bundle: guardrails, the one encoder, the policy, a reason.

use crate::bundle::{Bundle, Manifest};
use crate::policy::Policy;
use promopt_envs::retail::{CustomerHistory, MaskRule, ObservationContext, Season};
use promopt_envs::{ActionId, ActionMask};
use rand::RngCore;
use serde::{Serialize, Serializer};
use std::fmt;
use thiserror::Error;

/// Why a customer got this action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// No allowed action has a higher expected margin.
    BestExpectedMargin,
    /// `none` has the highest expected margin of what is allowed.
    NoOfferPays,
    /// As many contacts as allowed lately.
    ContactCapReached,
    /// Too soon after the last contact.
    CoolDown,
    /// The guardrails forbid every offer of the catalogue.
    NoOfferAllowed,
    /// Drawn at random to keep learning.
    Exploration,
    /// A fixed rule or frequency decided; the name of the policy.
    Rule(String),
}

impl Reason {
    /// The code in files, such as `no_offer_pays` or `rule:always-10%`.
    #[must_use]
    pub fn code(&self) -> String {
        match self {
            Self::BestExpectedMargin => "best_expected_margin".to_owned(),
            Self::NoOfferPays => "no_offer_pays".to_owned(),
            Self::ContactCapReached => "contact_cap_reached".to_owned(),
            Self::CoolDown => "cool_down".to_owned(),
            Self::NoOfferAllowed => "no_offer_allowed".to_owned(),
            Self::Exploration => "exploration".to_owned(),
            Self::Rule(name) => format!("rule:{name}"),
        }
    }

    /// The reason in plain words.
    #[must_use]
    pub fn words(&self) -> String {
        let words = match self {
            Self::BestExpectedMargin => "this offer has the highest expected margin",
            Self::NoOfferPays => "no allowed offer is expected to earn more than none",
            Self::ContactCapReached => "the customer has had as many contacts lately as allowed",
            Self::CoolDown => "it is too soon after the last contact",
            Self::NoOfferAllowed => "the guardrails forbid every offer",
            Self::Exploration => "drawn at random among the allowed offers to keep learning",
            Self::Rule(name) => return format!("the rule `{name}` decides so"),
        };
        words.to_owned()
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code())
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.code())
    }
}

/// One decision as it is stored and served.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scored {
    /// The action taken.
    pub action: ActionId,
    /// Its identifier in the catalogue.
    pub offer_id: String,
    /// What the customer gets, in words.
    pub offer: String,
    /// Probability with which the policy takes it here, in `(0, 1]`.
    pub propensity: f64,
    /// What the policy expects of it, money in the reward's terms; `None` for rules.
    pub expected_value: Option<f64>,
    /// Why.
    pub reason: Reason,
}

/// A question that the bundle cannot answer.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum ScoreError {
    /// A persona that the bundle does not have.
    #[error(
        "expected a persona below {n_personas}, got {got}; assign personas with the bundle's \
         own model"
    )]
    Persona {
        /// Number of personas.
        n_personas: usize,
        /// The persona given.
        got: usize,
    },
    /// A history over other categories.
    #[error(
        "expected a history over {expected} categories, got {got}; build it with the bundle's \
         categories"
    )]
    Categories {
        /// Number of categories.
        expected: usize,
        /// Number in the history.
        got: usize,
    },
    /// A shelf plan over other categories.
    #[error("expected a planned shelf depth for {expected} categories, or none at all, got {got}")]
    Shelf {
        /// Number of categories.
        expected: usize,
        /// Number in the plan.
        got: usize,
    },
    /// A date, a shelf depth or a budget price that is not a number.
    #[error("expected finite {what}, got {got}; check the request")]
    NotFinite {
        /// Which one.
        what: &'static str,
        /// What was given.
        got: f64,
    },
}

/// Decides for customers with one bundle.
#[derive(Debug, Clone)]
pub struct Scorer {
    bundle: Bundle,
    rule: MaskRule,
    any_offer_allowed: bool,
}

impl Scorer {
    /// A scorer for a loaded bundle.
    #[must_use]
    pub fn new(bundle: Bundle) -> Self {
        let manifest = bundle.manifest();
        let rule = MaskRule::new(
            &manifest.guardrails,
            &manifest.catalogue,
            &manifest.observation_schema.categories,
            &manifest.margin_rates(),
        );
        let n_actions = manifest.catalogue.n_actions();
        let any_offer_allowed = (1..n_actions).any(|action| rule.ever_allows(action));
        Self { bundle, rule, any_offer_allowed }
    }

    /// The bundle.
    #[must_use]
    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// What the guardrails allow for this customer in the coming week.
    #[must_use]
    pub fn mask(&self, history: &CustomerHistory) -> ActionMask {
        let mut mask = self.rule.blank();
        self.rule.write(history, &mut mask);
        mask
    }

    /// The observation that the policy sees.
    ///
    /// # Errors
    /// [`ScoreError`] when the history or the context does not belong to this bundle.
    pub fn observe(
        &self,
        history: &CustomerHistory,
        context: &ObservationContext<'_>,
    ) -> Result<Vec<f32>, ScoreError> {
        let schema = &self.manifest().observation_schema;
        let (n_personas, got) = (schema.n_personas, context.persona);
        if got >= n_personas {
            return Err(ScoreError::Persona { n_personas, got });
        }
        let (expected, got) = (schema.n_categories(), history.n_categories());
        if expected != got {
            return Err(ScoreError::Categories { expected, got });
        }
        let got = context.shelf.len();
        if got > 0 && expected != got {
            return Err(ScoreError::Shelf { expected, got });
        }
        let Season { sin, cos, holiday } = context.season;
        let shelf = context.shelf.iter().map(|depth| ("shelf depth", *depth));
        for (what, got) in [
            ("season", sin),
            ("season", cos),
            ("holiday", holiday),
            ("budget price", context.budget_price),
        ]
        .into_iter()
        .chain(shelf)
        {
            if !got.is_finite() {
                return Err(ScoreError::NotFinite { what, got });
            }
        }
        let mut observation = vec![0.0; schema.n_features()];
        schema.encode(history, context, &mut observation);
        Ok(observation)
    }

    /// Decides for one customer. The generator matters for policies that draw at random only.
    ///
    /// # Errors
    /// As [`observe`](Self::observe).
    pub fn decide(
        &self,
        history: &CustomerHistory,
        context: &ObservationContext<'_>,
        rng: &mut dyn RngCore,
    ) -> Result<Scored, ScoreError> {
        let observation = self.observe(history, context)?;
        let mask = self.mask(history);
        let policy = self.bundle.policy();
        let decision = policy.decide(&observation, &mask, rng);
        let scores = policy.scores(&observation);
        let action = decision.action;
        let offer = self.manifest().catalogue.offer(action);
        Ok(Scored {
            action,
            offer_id: offer.id.clone(),
            offer: offer.words(&self.manifest().observation_schema.categories),
            propensity: decision.propensity,
            expected_value: policy.expected_values(&observation).map(|values| values[action]),
            reason: self.reason(history, &mask, action, scores.as_deref()),
        })
    }

    fn manifest(&self) -> &Manifest {
        self.bundle.manifest()
    }

    fn reason(
        &self,
        history: &CustomerHistory,
        mask: &ActionMask,
        action: ActionId,
        scores: Option<&[f64]>,
    ) -> Reason {
        let guardrails = &self.manifest().guardrails;
        if !self.any_offer_allowed {
            return Reason::NoOfferAllowed;
        }
        if !guardrails.permits_contact(history) {
            // Guardrails look back at most 32 weeks; so does this.
            let cooling = history.contacts_in(guardrails.cool_down_weeks.min(32)) > 0;
            return if cooling { Reason::CoolDown } else { Reason::ContactCapReached };
        }
        match scores {
            None => Reason::Rule(self.bundle.policy().name().to_owned()),
            Some(scores) if action != mask.argmax(scores) => Reason::Exploration,
            Some(_) if action == 0 => Reason::NoOfferPays,
            Some(_) => Reason::BestExpectedMargin,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::UniformRandom;
    use crate::bundle::{BundleParts, load_bundle, write_bundle};
    use crate::fixture::{bought, contacted, customer, linear, parts};
    use crate::linear::LinearPolicy;
    use crate::portable::PortablePolicy;
    use promopt_envs::SeedTree;

    fn scorer(policy: PortablePolicy, change: impl FnOnce(&mut BundleParts)) -> Scorer {
        let root = tempfile::tempdir().expect("a temporary folder");
        let mut parts = parts(policy);
        change(&mut parts);
        let dir = root.path().join("policy");
        write_bundle(&dir, &parts).expect("a bundle");
        Scorer::new(load_bundle(&dir).expect("the bundle just written"))
    }

    /// Scores that are the same for everybody: these for the actions, in order.
    fn constant(scores: [f64; 10], epsilon: f64) -> PortablePolicy {
        let mut linear = linear();
        for (row, score) in linear.weights.iter_mut().zip(scores) {
            row.fill(0.0);
            row.last_mut().map(|intercept| *intercept = score).expect("an intercept");
        }
        PortablePolicy::Linear(LinearPolicy::new("constant", linear, epsilon))
    }

    const AT: ObservationContext<'static> =
        ObservationContext { persona: 1, season: MIDSUMMER, budget_price: 0.0, shelf: &[] };
    const MIDSUMMER: Season = Season { sin: 0.0, cos: -1.0, holiday: 0.0 };

    fn decide(scorer: &Scorer, history: &CustomerHistory) -> Scored {
        scorer.decide(history, &AT, &mut SeedTree::new(1).stream()).expect("a fitting question")
    }

    #[test]
    fn the_best_allowed_offer_is_taken_with_its_expected_value() {
        // Wine at 20 % (action 8) scores most, but a margin of 15 % forbids it; then dairy at 20 %.
        let scores = [0.0, 0.1, 0.2, 0.3, 0.4, 0.9, 0.6, 0.7, 2.0, 0.8];
        let scored = decide(&scorer(constant(scores, 0.0), |_| ()), &customer(&[bought(&[1])]));
        assert_eq!((scored.offer_id.as_str(), scored.propensity), ("dairy-20%", 1.0));
        assert_eq!(scored.expected_value, Some(0.9));
        assert_eq!(scored.reason, Reason::BestExpectedMargin);
    }

    #[test]
    fn when_nothing_pays_none_is_taken_and_says_so() {
        let mut scores = [-1.0; 10];
        scores[0] = 0.5;
        let scored = decide(&scorer(constant(scores, 0.0), |_| ()), &customer(&[bought(&[1])]));
        assert_eq!((scored.action, scored.expected_value), (0, Some(0.5)));
        assert_eq!(scored.reason.code(), "no_offer_pays");
    }

    #[test]
    fn guardrails_name_themselves() {
        let mut offer_pays = [1.0; 10];
        offer_pays[0] = 0.0;
        let after = |contacts: usize, scorer: &Scorer| {
            let weeks = [vec![bought(&[1])], vec![contacted(0.1); contacts]].concat();
            decide(scorer, &customer(&weeks)).reason.code()
        };
        let capped = scorer(constant(offer_pays, 0.0), |_| ());
        assert_eq!(after(2, &capped), "best_expected_margin");
        assert_eq!(after(3, &capped), "contact_cap_reached");
        let cooling =
            scorer(constant(offer_pays, 0.0), |parts| parts.guardrails.cool_down_weeks = 2);
        assert_eq!(after(0, &cooling), "best_expected_margin");
        assert_eq!(after(1, &cooling), "cool_down");
        let forbidden = scorer(constant(offer_pays, 0.0), |parts| parts.guardrails.max_depth = 0.0);
        assert_eq!(after(0, &forbidden), "no_offer_allowed");
    }

    #[test]
    fn exploration_is_marked_and_rules_give_their_name() {
        let mut scores = [0.0; 10];
        scores[5] = 1.0;
        let explorer = scorer(constant(scores, 1.0), |_| ());
        let history = customer(&[bought(&[1])]);
        let mut rng = SeedTree::new(4).stream();
        for _ in 0..50 {
            let scored = explorer.decide(&history, &AT, &mut rng).expect("a fitting question");
            assert_eq!(scored.reason == Reason::Exploration, scored.action != 5);
            let allowed = explorer.mask(&history).n_allowed() as f64;
            assert!((scored.propensity - 1.0 / allowed).abs() < 1e-12);
        }
        let random = scorer(PortablePolicy::Random(UniformRandom::default()), |_| ());
        let scored = decide(&random, &history);
        assert_eq!((scored.reason.code().as_str(), scored.expected_value), ("rule:random", None));
        assert_eq!(scored.reason.words(), "the rule `random` decides so");
    }

    #[test]
    fn the_scorer_sees_what_training_saw() {
        let scorer = scorer(constant([0.0; 10], 0.0), |_| ());
        let history = customer(&[bought(&[1]), contacted(0.2)]);
        let mut expected = vec![0.0; scorer.manifest().observation_schema.n_features()];
        scorer.manifest().observation_schema.encode(&history, &AT, &mut expected);
        assert_eq!(scorer.observe(&history, &AT), Ok(expected));
    }

    #[test]
    fn questions_that_do_not_fit_are_errors() {
        let scorer = scorer(constant([0.0; 10], 0.0), |_| ());
        let ask = |history: &CustomerHistory, at: ObservationContext<'_>| {
            scorer.decide(history, &at, &mut SeedTree::new(1).stream()).map(|scored| scored.action)
        };
        let history = customer(&[bought(&[1])]);
        let persona = ask(&history, ObservationContext { persona: 2, ..AT });
        assert_eq!(persona, Err(ScoreError::Persona { n_personas: 2, got: 2 }));
        let categories = ask(&CustomerHistory::new(4), AT);
        assert_eq!(categories, Err(ScoreError::Categories { expected: 3, got: 4 }));
        let season = Season { sin: f64::NAN, ..MIDSUMMER };
        let season = ask(&history, ObservationContext { season, ..AT });
        assert!(matches!(season, Err(ScoreError::NotFinite { what: "season", .. })));
        let shelf = ask(&history, ObservationContext { shelf: &[0.1; 2], ..AT });
        assert_eq!(shelf, Err(ScoreError::Shelf { expected: 3, got: 2 }));
        let shelf = ask(&history, ObservationContext { shelf: &[0.1, f64::NAN, 0.0], ..AT });
        assert!(matches!(shelf, Err(ScoreError::NotFinite { what: "shelf depth", .. })));
    }
}
