//! A small shop for the tests of this crate: customers, masks, one policy of each kind, a bundle.

use crate::baseline::{AlwaysDepth, Fixed, RfmWinBack, UniformRandom};
use crate::bundle::{Approval, BundleParts, DataWindow, golden_rows};
use crate::elasticity::PriceOptimum;
use crate::greedy::GreedyMargin;
use crate::linear::{LinearPolicy, LinearScores};
use crate::menu::OfferMenu;
use crate::mlp::{Dense, QHead, QNetwork, QPolicy};
use crate::policy_tree::{PolicyTree, TreeNode};
use crate::portable::PortablePolicy;
use crate::propensity::PropensityTargeting;
use crate::replica::LoggingReplica;
use crate::supported::SupportedPolicy;
use crate::two_segment::TwoSegment;
use promopt_envs::retail::{
    CategoryModel, CategoryWeek, CustomerHistory, DemandModel, Guardrails, MaskRule,
    ObservationContext, ObservationSchema, OfferCatalogue, Season, UnitsModel, VisitModel,
    WeekRecord, WeekShock,
};
use promopt_envs::{ActionMask, SeedTree};
use rand::Rng;
use std::collections::BTreeMap;

const MARGIN_RATES: [f64; 3] = [0.3, 0.4, 0.15];

pub(crate) fn schema() -> ObservationSchema {
    ObservationSchema::new(2, &["bakery", "dairy", "wine"].map(str::to_owned))
}

/// `none`, then 10 %, 20 % and 30 % in each of the three categories.
pub(crate) fn catalogue() -> OfferCatalogue {
    OfferCatalogue::grid(&schema().categories, &[0.1, 0.2, 0.3], 0.05).expect("a valid grid")
}

pub(crate) fn menu() -> OfferMenu {
    OfferMenu::new(schema(), catalogue())
}

/// A week with a purchase of one unit in these categories.
pub(crate) fn bought(categories: &[usize]) -> WeekRecord {
    let mut week = WeekRecord::empty(3);
    for &category in categories {
        let bought = CategoryWeek { units: 1.0, gross: 2.0, cost: 1.2, ..CategoryWeek::default() };
        week.categories[category] = bought;
    }
    week
}

/// A week with this contact and no purchase.
pub(crate) fn contacted(depth: f64) -> WeekRecord {
    WeekRecord { contact_depth: Some(depth), contact_cost: 0.05, ..WeekRecord::empty(3) }
}

/// A customer after these weeks.
pub(crate) fn customer(weeks: &[WeekRecord]) -> CustomerHistory {
    let mut history = CustomerHistory::new(3);
    weeks.iter().for_each(|week| history.record(week));
    history
}

pub(crate) fn observe(history: &CustomerHistory, persona: usize) -> Vec<f32> {
    let mut observation = vec![0.0; schema().n_features()];
    let season = Season { sin: 0.95, cos: -0.31, holiday: 0.0 };
    let at = ObservationContext { persona, season, budget_price: 0.0, shelf: &[] };
    schema().encode(history, &at, &mut observation);
    observation
}

/// Random customers and what the default guardrails allow them.
pub(crate) fn contexts(seed: u64, n: u64) -> (Vec<Vec<f32>>, Vec<ActionMask>) {
    let schema = schema();
    let rule =
        MaskRule::new(&Guardrails::default(), &catalogue(), &schema.categories, &MARGIN_RATES);
    (0..n)
        .map(|i| {
            let mut rng = SeedTree::new(seed).child("contexts").index(i).stream();
            let mut history = CustomerHistory::new(3);
            for _ in 0..rng.random_range(0..50) {
                let categories: Vec<usize> = (0..3).filter(|_| rng.random_bool(0.2)).collect();
                let mut week = bought(&categories);
                week.contact_depth = rng.random_bool(0.3).then_some(0.2);
                history.record(&week);
            }
            let mut mask = rule.blank();
            rule.write(&history, &mut mask);
            (observe(&history, rng.random_range(0..2)), mask)
        })
        .unzip()
}

fn dense(n_in: usize, n_out: usize, rng: &mut impl Rng) -> Dense {
    let mut draw = |n: usize| (0..n).map(|_| rng.random_range(-0.5..0.5)).collect::<Vec<f32>>();
    Dense { weight: draw(n_in * n_out), bias: draw(n_out), n_in, n_out }
}

/// An untrained network: eight hidden units, with or without a dueling head.
pub(crate) fn network(dueling: bool) -> QNetwork {
    let (n_features, n_actions) = (schema().n_features(), catalogue().n_actions());
    let mut rng = SeedTree::new(3).child("network").stream();
    let hidden = vec![dense(n_features, 8, &mut rng), dense(8, 8, &mut rng)];
    let head = if dueling {
        let (value, advantage) = (dense(8, 1, &mut rng), dense(8, n_actions, &mut rng));
        QHead::Dueling { value, advantage }
    } else {
        QHead::Plain(dense(8, n_actions, &mut rng))
    };
    QNetwork { mean: vec![0.5; n_features], scale: vec![3.0; n_features], hidden, head }
}

/// One question about the first feature; different actions on both sides.
fn tree() -> PolicyTree {
    let n_actions = catalogue().n_actions();
    let values = |best: usize| (0..n_actions).map(|a| f64::from(u8::from(a == best))).collect();
    PolicyTree {
        name: "policy-tree".into(),
        features: (0..schema().n_features()).map(|i| format!("feature {i}")).collect(),
        nodes: vec![
            TreeNode::Split { feature: 0, threshold: 3.0, below: 1, above: 2 },
            TreeNode::Leaf { values: values(1) },
            TreeNode::Leaf { values: values(2) },
        ],
    }
}

pub(crate) fn linear() -> LinearScores {
    let (n_features, n_actions) = (schema().n_features(), catalogue().n_actions());
    let mut rng = SeedTree::new(3).child("linear").stream();
    let mut row = || (0..=n_features).map(|_| rng.random_range(-0.5..0.5)).collect();
    let weights = (0..n_actions).map(|_| row()).collect();
    LinearScores { mean: vec![0.5; n_features], scale: vec![3.0; n_features], weights }
}

/// A hand-made response model in which offers sometimes pay.
pub(crate) fn demand() -> DemandModel {
    let category = |margin_rate: f64| CategoryModel {
        fixed: [-0.5, 0.6, 0.1, 0.2, 0.05, 0.0],
        common: [0.0, -0.5, -0.05, 0.0, 0.1, 0.0, 0.0, 0.0, 0.1],
        own: [-0.1, -0.3, 0.0, 0.1, -0.5],
        shelf: [2.0, 1.0],
        offer: [9.0, 0.5, 1.0, 0.1, 0.0, -0.2, -0.3, -0.5, 0.0, 0.0],
        persona: vec![0.1, -0.1],
        persona_shelf: vec![0.2, 0.0],
        persona_offer: vec![0.3, -0.3],
        units: UnitsModel {
            fixed: [-1.0, 0.1, 0.05, 0.2],
            moving: [-0.1, 0.0, 0.0, 0.0, 0.0, 0.1, -0.2],
            shelf: 0.5,
            offer: 0.8,
            persona: vec![0.0, 0.1],
            dispersion: 0.2,
        },
        unit_price: vec![4.0, 5.0],
        margin_rate,
        shelf_realised: [1.0, 1.0],
        shelf_mean: 0.05,
    };
    let visit = VisitModel {
        fixed: [0.2, 0.7, 0.1, 0.2],
        moving: [-0.3, -0.1, 1.0, -0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.2],
        offer: [4.0, 1.0, 0.0, 0.1, 0.0, 0.0, 0.2, -0.3, -0.1, 0.0, 0.0],
        persona: vec![0.0, 0.2],
        persona_offer: vec![0.1, 0.0],
    };
    DemandModel {
        visit,
        categories: MARGIN_RATES.map(category).to_vec(),
        redemption: 0.8,
        churn: 0.01,
        shock: WeekShock::default(),
    }
}

/// At least one policy of each kind.
pub(crate) fn policies() -> Vec<PortablePolicy> {
    let (observations, masks) = contexts(1, 300);
    let mut rng = SeedTree::new(1).child("log").stream();
    let actions: Vec<usize> = masks.iter().map(|mask| mask.sample(&mut rng)).collect();
    let log = observations.iter().map(Vec::as_slice).zip(actions);
    let replica = LoggingReplica::fit(&schema(), catalogue().n_actions(), log);
    let values = vec![1.5, 1.0, 7.0];
    vec![
        PortablePolicy::Fixed(Fixed::none()),
        PortablePolicy::Fixed(Fixed::new("dairy", 4)),
        PortablePolicy::AlwaysDepth(AlwaysDepth::new(0.1, menu().with_values(values))),
        PortablePolicy::Random(UniformRandom::default()),
        PortablePolicy::LoggingReplica(replica.expect("a valid log")),
        PortablePolicy::Rfm(RfmWinBack::new(menu())),
        PortablePolicy::QNetwork(QPolicy::new("dqn", network(false), 0.0)),
        PortablePolicy::QNetwork(QPolicy::new("dueling", network(true), 0.1)),
        PortablePolicy::Linear(LinearPolicy::new("lin_ucb", linear(), 0.05)),
        PortablePolicy::Scored(GreedyMargin::myopic(schema(), catalogue(), demand())),
        PortablePolicy::Scored(
            GreedyMargin::myopic(schema(), catalogue(), demand()).with_budget_price(0.4),
        ),
        PortablePolicy::TwoSegment(TwoSegment::new(0.05, menu())),
        PortablePolicy::Propensity(PropensityTargeting::new(0.3, schema(), catalogue(), demand())),
        PortablePolicy::PriceOptimum(PriceOptimum::new(&[-4.0, -2.0, -9.0], &MARGIN_RATES, menu())),
        PortablePolicy::PolicyTree(tree()),
        PortablePolicy::Supported(SupportedPolicy {
            scores: network(false),
            logits: network(true),
            threshold: 0.3,
        }),
    ]
}

/// A complete bundle around a policy, with five golden rows.
pub(crate) fn parts(policy: PortablePolicy) -> BundleParts {
    let (observations, masks) = contexts(2, 5);
    BundleParts {
        golden: golden_rows(&policy, &observations, &masks),
        policy,
        observation_schema: schema(),
        catalogue: catalogue(),
        margin_rates: MARGIN_RATES.to_vec(),
        guardrails: Guardrails::default(),
        personas: serde_json::json!({"centroids": [[0.1, 0.2], [0.3, 0.4]]}),
        model_card: "# Test policy\n".to_owned(),
        approval: Approval::NotApproved,
        reasons: vec!["the interval includes zero".to_owned()],
        evidence: serde_json::json!({"uplift": {"low": -0.1, "high": 0.3}}),
        seeds: BTreeMap::from([("root".to_owned(), 7)]),
        data_window: DataWindow { first: "2024-01-01".to_owned(), last: "2024-12-30".to_owned() },
        data_fingerprint: "0123abcd".to_owned(),
        code_version: "0.1.0".to_owned(),
        attachments: BTreeMap::from([("policy.onnx".to_owned(), vec![1, 2, 3])]),
    }
}
