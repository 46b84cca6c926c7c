//! Every policy that can be exported, as one type that reads and writes itself.

use crate::baseline::{AlwaysDepth, Fixed, RfmWinBack, UniformRandom};
use crate::distribution::ActionDistribution;
use crate::elasticity::PriceOptimum;
use crate::greedy::GreedyMargin;
use crate::linear::LinearPolicy;
use crate::menu::OfferMenu;
use crate::mlp::{QPolicy, ShapeError};
use crate::policy::Policy;
use crate::policy_tree::PolicyTree;
use crate::propensity::PropensityTargeting;
use crate::replica::LoggingReplica;
use crate::supported::SupportedPolicy;
use crate::two_segment::TwoSegment;
use promopt_envs::ActionMask;
use promopt_envs::retail::{ObservationSchema, OfferCatalogue};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A policy does not fit the observations or the offers that it would decide on.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum PortableError {
    /// Weights that do not fit each other.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// A length that must agree does not.
    #[error("expected {expected} {what}, got {got}; export the policy again")]
    Size {
        /// What is counted.
        what: &'static str,
        /// Number that fits.
        expected: usize,
        /// Number found.
        got: usize,
    },
    /// A number outside its range.
    #[error("expected {what} in {range}, got {got}; export the policy again")]
    Range {
        /// Which number.
        what: &'static str,
        /// Where it must lie.
        range: &'static str,
        /// What was found.
        got: f64,
    },
    /// The policy carries another schema or catalogue than the world it is used in.
    #[error(
        "expected the {what} that the policy was made for, got another; export the policy again"
    )]
    Other {
        /// Schema or catalogue.
        what: &'static str,
    },
}

/// A policy that can travel. Adding one means adding a variant and its line in each method.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum PortablePolicy {
    /// Always one action.
    Fixed(Fixed),
    /// Always one depth in the favourite category.
    AlwaysDepth(AlwaysDepth),
    /// Every allowed action equally often.
    Random(UniformRandom),
    /// What is done today.
    LoggingReplica(LoggingReplica),
    /// Win-back by recency and frequency.
    Rfm(RfmWinBack),
    /// Greedy over a Q-network.
    QNetwork(QPolicy),
    /// Greedy over linear scores.
    Linear(LinearPolicy),
    /// Greedy over the fitted response model.
    Scored(GreedyMargin),
    /// A few questions, then the best action of the leaf.
    PolicyTree(PolicyTree),
    /// Greedy over a Q-network among what was done often enough.
    Supported(SupportedPolicy),
    /// A deep offer to the half that looks at prices.
    TwoSegment(TwoSegment),
    /// The offer most likely to see a purchase, to the likeliest.
    Propensity(PropensityTargeting),
    /// The depth of the one-price optimum in each category.
    PriceOptimum(PriceOptimum),
}

impl PortablePolicy {
    /// The tag in files.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Fixed(_) => "fixed",
            Self::AlwaysDepth(_) => "always_depth",
            Self::Random(_) => "random",
            Self::LoggingReplica(_) => "logging_replica",
            Self::Rfm(_) => "rfm",
            Self::QNetwork(_) => "q_network",
            Self::Linear(_) => "linear",
            Self::Scored(_) => "scored",
            Self::PolicyTree(_) => "policy_tree",
            Self::Supported(_) => "supported",
            Self::TwoSegment(_) => "two_segment",
            Self::Propensity(_) => "propensity",
            Self::PriceOptimum(_) => "price_optimum",
        }
    }

    /// One expected value per action for policies that have such scores, shape `[n_actions]`,
    /// masked actions included; `None` for rules.
    #[must_use]
    pub fn scores(&self, observation: &[f32]) -> Option<Vec<f64>> {
        match self {
            Self::QNetwork(QPolicy { network, .. })
            | Self::Supported(SupportedPolicy { scores: network, .. }) => {
                Some(network.scores(observation).into_iter().map(f64::from).collect())
            }
            Self::Linear(linear) => Some(linear.scores.scores(observation)),
            Self::Scored(greedy) => Some(greedy.scores(observation)),
            Self::PolicyTree(tree) => Some(tree.scores(observation).to_vec()),
            Self::Fixed(_) | Self::AlwaysDepth(_) | Self::Random(_) => None,
            Self::LoggingReplica(_) | Self::Rfm(_) => None,
            Self::TwoSegment(_) | Self::Propensity(_) | Self::PriceOptimum(_) => None,
        }
    }

    /// What the policy expects each action to bring, shape `[n_actions]`: its scores, without the
    /// shadow prices where it has such; `None` for rules.
    #[must_use]
    pub fn expected_values(&self, observation: &[f32]) -> Option<Vec<f64>> {
        match self {
            Self::Scored(greedy) => Some(greedy.expected_margins(observation)),
            other => other.scores(observation),
        }
    }

    /// Checks that the policy can decide on observations of this schema and offers of this
    /// catalogue; afterwards no call panics.
    ///
    /// # Errors
    /// [`PortableError`] names the first part that does not fit.
    pub fn validate(
        &self,
        schema: &ObservationSchema,
        catalogue: &OfferCatalogue,
    ) -> Result<(), PortableError> {
        let n_actions = catalogue.n_actions();
        match self {
            Self::Random(_) => Ok(()),
            Self::Fixed(fixed) if fixed.action < n_actions => Ok(()),
            Self::Fixed(fixed) => {
                let (what, got) = ("actions, more than the fixed one", n_actions);
                Err(PortableError::Size { what, expected: fixed.action + 1, got })
            }
            Self::AlwaysDepth(rule) => check_menu(&rule.menu, schema, catalogue),
            Self::Rfm(rule) => check_menu(&rule.menu, schema, catalogue),
            Self::LoggingReplica(replica) => check_replica(replica, schema, n_actions),
            Self::QNetwork(q) => {
                q.network.validate()?;
                same("features", schema.n_features(), q.network.n_features())?;
                same("actions", n_actions, q.network.n_actions())?;
                probability("epsilon", q.epsilon)
            }
            Self::Linear(linear) => {
                linear.scores.validate()?;
                same("features", schema.n_features(), linear.scores.n_features())?;
                same("actions", n_actions, linear.scores.n_actions())?;
                probability("epsilon", linear.epsilon)
            }
            Self::Scored(greedy) => greedy.validate(schema, catalogue),
            Self::PolicyTree(tree) => {
                tree.validate()?;
                same("features", schema.n_features(), tree.n_features())?;
                same("actions", n_actions, tree.n_actions())
            }
            Self::Supported(policy) => {
                for network in [&policy.scores, &policy.logits] {
                    network.validate()?;
                    same("features", schema.n_features(), network.n_features())?;
                    same("actions", n_actions, network.n_actions())?;
                }
                probability("threshold", policy.threshold)
            }
            Self::TwoSegment(rule) => {
                check_menu(&rule.menu, schema, catalogue)?;
                probability("depth", rule.depth)?;
                finite("the threshold", rule.threshold)
            }
            Self::Propensity(rule) => rule.validate(schema, catalogue),
            Self::PriceOptimum(rule) => {
                check_menu(&rule.menu, schema, catalogue)?;
                same("depths by category", schema.n_categories(), rule.depths.len())?;
                rule.depths.iter().try_for_each(|&depth| probability("a depth", depth))
            }
        }
    }

    fn inner(&self) -> &dyn Policy {
        match self {
            Self::Fixed(policy) => policy,
            Self::AlwaysDepth(policy) => policy,
            Self::Random(policy) => policy,
            Self::LoggingReplica(policy) => policy,
            Self::Rfm(policy) => policy,
            Self::QNetwork(policy) => policy,
            Self::Linear(policy) => policy,
            Self::Scored(policy) => policy,
            Self::PolicyTree(policy) => policy,
            Self::Supported(policy) => policy,
            Self::TwoSegment(policy) => policy,
            Self::Propensity(policy) => policy,
            Self::PriceOptimum(policy) => policy,
        }
    }
}

impl Policy for PortablePolicy {
    fn name(&self) -> &str {
        self.inner().name()
    }

    fn distribution(&self, observation: &[f32], mask: &ActionMask) -> ActionDistribution {
        self.inner().distribution(observation, mask)
    }
}

fn check_menu(
    menu: &OfferMenu,
    schema: &ObservationSchema,
    catalogue: &OfferCatalogue,
) -> Result<(), PortableError> {
    check_schema(&menu.schema, schema)?;
    if menu.catalogue != *catalogue {
        return Err(PortableError::Other { what: "offer catalogue" });
    }
    same("category values", schema.n_categories(), menu.category_values.len())
}

fn check_replica(
    replica: &LoggingReplica,
    schema: &ObservationSchema,
    n_actions: usize,
) -> Result<(), PortableError> {
    check_schema(&replica.schema, schema)?;
    same("cells", LoggingReplica::n_cells(schema), replica.cells.len())?;
    for cell in &replica.cells {
        same("actions", n_actions, cell.len())?;
        cell.iter().try_for_each(|&p| probability("a logged frequency", p))?;
    }
    Ok(())
}

pub(crate) fn check_schema(
    own: &ObservationSchema,
    given: &ObservationSchema,
) -> Result<(), PortableError> {
    if own == given { Ok(()) } else { Err(PortableError::Other { what: "observation schema" }) }
}

pub(crate) fn same(what: &'static str, expected: usize, got: usize) -> Result<(), PortableError> {
    if expected == got { Ok(()) } else { Err(PortableError::Size { what, expected, got }) }
}

pub(crate) fn finite(what: &'static str, got: f64) -> Result<(), PortableError> {
    let range = "the finite numbers";
    if got.is_finite() { Ok(()) } else { Err(PortableError::Range { what, range, got }) }
}

fn probability(what: &'static str, got: f64) -> Result<(), PortableError> {
    let inside = (0.0..=1.0).contains(&got);
    if inside { Ok(()) } else { Err(PortableError::Range { what, range: "[0, 1]", got }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{catalogue, contexts, demand, menu, policies, schema};
    use proptest::prelude::*;

    #[test]
    fn every_kind_survives_json_under_its_own_tag() {
        for policy in policies() {
            let json = serde_json::to_value(&policy).expect("plain data");
            assert_eq!(json["kind"], policy.kind());
            assert_eq!(serde_json::from_value::<PortablePolicy>(json).expect("its own"), policy);
        }
    }

    #[test]
    fn every_kind_fits_its_own_shop_and_rules_refuse_another() {
        let other = ObservationSchema::new(3, &schema().categories);
        for policy in policies() {
            assert_eq!(policy.validate(&schema(), &catalogue()), Ok(()));
            let free = matches!(policy, PortablePolicy::Fixed(_) | PortablePolicy::Random(_));
            assert_eq!(policy.validate(&other, &catalogue()).is_ok(), free, "{}", policy.kind());
        }
        let short = OfferCatalogue::grid(&schema().categories, &[0.1], 0.05).expect("a valid grid");
        let rule = PortablePolicy::AlwaysDepth(AlwaysDepth::new(0.1, menu()));
        let error = rule.validate(&schema(), &short);
        assert_eq!(error, Err(PortableError::Other { what: "offer catalogue" }));
        let fixed = PortablePolicy::Fixed(Fixed::new("last", 9));
        assert!(matches!(fixed.validate(&schema(), &short), Err(PortableError::Size { .. })));
    }

    #[test]
    fn a_response_model_for_fewer_personas_is_refused() {
        let mut demand = demand();
        demand.categories[1].unit_price.pop();
        let scored = PortablePolicy::Scored(GreedyMargin::myopic(schema(), catalogue(), demand));
        let error = scored.validate(&schema(), &catalogue()).expect_err("one price is missing");
        assert_eq!(error, PortableError::Other { what: "number of values by persona" });
    }

    #[test]
    fn an_epsilon_that_is_no_probability_is_refused() {
        let mut all = policies();
        for policy in &mut all {
            if let PortablePolicy::QNetwork(q) = policy {
                q.epsilon = f64::NAN;
                let error = policy.validate(&schema(), &catalogue());
                assert!(matches!(error, Err(PortableError::Range { what: "epsilon", .. })));
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_policy_ever_takes_a_masked_action(
            seed in any::<u64>(),
            flags in proptest::collection::vec(any::<bool>(), 10),
            u in 0.0_f64..1.0,
        ) {
            prop_assume!(flags.iter().any(|&f| f));
            let mask = ActionMask::from_flags(flags).expect("one is allowed");
            let (observations, _) = contexts(seed, 1);
            for policy in policies() {
                let distribution = policy.distribution(&observations[0], &mask);
                let p = distribution.probabilities();
                prop_assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-9);
                let clean = |(&p, &allowed): (&f64, &bool)| p == 0.0 || (allowed && p > 0.0);
                prop_assert!(p.iter().zip(mask.flags()).all(clean));
                prop_assert!(mask.allows(distribution.quantile(u)));
            }
        }
    }
}
