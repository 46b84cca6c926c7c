//! Every mechanic from a file to an action.

use super::*;
use crate::data::{DataConfig, ingest};
use promopt_envs::retail::{MechanicKind, Tier};

const CONFIG: &str = "preset = \"canonical\"\nn_categories = 2\n[offers]\npath = \"offers.csv\"\n\
    [exposures]\npath = \"exposures.csv\"\n";
const PRODUCTS: &str = "product_id,category,unit_cost\nw,WINE,4\nc,CHEESE,2\nx,SALT,1\n";
/// Customer 1 buys two wines at 10.00 each, a tenth off, and a cheese at 4.00; later one wine.
const LINES: &str = "customer_id,date,product_id,quantity,sales_value,shelf_discount\n\
    1,2024-01-01,w,2,18,2\n1,2024-01-01,c,1,4,0\n1,2024-01-09,w,1,10,0\n\
    2,2024-01-10,c,1,4,0\n2,2024-01-16,x,1,2,0\n";
const OFFERS: &str = "offer_id,mechanic,category,depth,amount,min_spend,buy_quantity,\
    free_quantity,with_category,value,redemption,contact_cost\n\
    a,percent,WINE,0.2,,,,,,,,0.05\n\
    b,amount off,,,4,,,,,,,0.05\n\
    c,fixed_price,WINE,,7,,,,,,,0.05\n\
    d,spend_get,,,5,40,,,,,,0.05\n\
    e,BOGO,WINE,0.5,,,1,1,,,,0.05\n\
    f,bundle,WINE,0.3,,,,,CHEESE,,,0.05\n\
    g,tiered,CHEESE,0.1,,,3,,,,,0.05\n\
    h,gift,,,1,20,,,,2,,0.05\n\
    i,free delivery,,,4,30,,,,3,,0.05\n\
    j,points,,,10,,,,,0.005,,0.05\n\
    k,voucher,CHEESE,0.25,,,,,,,0.4,0.05\n\
    l,sweepstake,,,,,,,,,,0.3\n\
    m,sweepstake,CHEESE,0.1,,,,,,,,0.05\n\
    n,bogo,WINE,,,,,,,,,0.05\n\
    o,percent,SALT,0.1,,,,,,,,0.05\n\
    p,fixed_price,WINE,,12,,,,,,,0.05\n\
    none,none,,,,,,,,,,\n";

fn history() -> History {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in [
        ("products.csv", PRODUCTS),
        ("transactions.csv", LINES),
        ("offers.csv", OFFERS),
        ("exposures.csv", "customer_id,date,offer_id\n1,2024-01-08,e\n2,2024-01-08,l\n"),
    ] {
        std::fs::write(dir.path().join(name), text).expect("writable");
    }
    let config = DataConfig::from_toml(CONFIG).expect("a valid config").with_dir(dir.path());
    ingest(&config, dir.path(), "salt").expect("usable")
}

#[test]
fn every_mechanic_of_a_file_becomes_an_action() {
    let history = history();
    let actions = ActionMap::new(&history, &[0.1], 0.0).expect("offers");
    assert!(actions.from_history);
    let wine = history.categories.iter().position(|c| c.name == "WINE").expect("targetable");
    let cheese = 1 - wine;
    let together = (1.0 + 1.0) / (2.0 + 2.0);
    let tier = vec![Tier { units: 3, share: 0.1 }];
    let expected = [
        ("a", Some(wine), Mechanic::Percent),
        ("b", None, Mechanic::Amount { off: 4.0 }),
        ("c", Some(wine), Mechanic::FixedPrice { price: 7.0 }),
        ("d", None, Mechanic::SpendGet { min_spend: 40.0, off: 5.0 }),
        ("e", Some(wine), Mechanic::BuyGet { buy: 1, free: 1, share: 0.5 }),
        ("f", Some(wine), Mechanic::Bundle { with: cheese, share: 0.3, together }),
        ("g", Some(cheese), Mechanic::Tiers { steps: tier }),
        ("h", None, Mechanic::Gift { min_spend: 20.0, cost: 1.0, value: 2.0 }),
        ("i", None, Mechanic::FreeShipping { min_spend: 30.0, cost: 4.0, value: 3.0 }),
        ("j", None, Mechanic::Points { rate: 10.0, value_per_point: 0.005 }),
        ("k", Some(cheese), Mechanic::Coupon { share: 0.25, redemption: 0.4 }),
        ("m", Some(cheese), Mechanic::Percent),
    ];
    assert_eq!(actions.catalogue.n_actions(), expected.len() + 1);
    for (action, (id, category, mechanic)) in expected.into_iter().enumerate() {
        let offer = actions.catalogue.offer(action + 1);
        assert_eq!((offer.id.as_str(), offer.category), (id, category));
        assert_eq!(offer.mechanic, mechanic);
    }
    // Four visits: 22.00, 10.00, 4.00 and 2.00; a usual one is 9.50. Wine is 28.00 for 3 units.
    let depth = |id: &str| {
        let action = actions.catalogue.find(id).expect("an action");
        (actions.catalogue.offer(action).depth * 1e9).round() / 1e9
    };
    assert_eq!(depth("b"), (4.0 / 9.5 * 1e9_f64).round() / 1e9);
    assert_eq!(depth("c"), 0.25);
    assert_eq!(depth("d"), 0.125);
    assert_eq!(depth("i"), 0.1);
    let action = |id: &str| {
        let offer = history.offers.iter().position(|o| o.offer_id == id).expect("kept");
        actions.action_of(offer as u16)
    };
    assert_eq!(action("none"), Some(0));
    assert_eq!(action("e"), Some(5));
    // Unknown words, missing terms, categories that are not targetable, and a price above the shelf.
    assert_eq!(["l", "n", "o", "p"].map(action), [None; 4]);
    let note = history.quality.notes.iter().find(|note| note.contains("unknown content"));
    let note = note.expect("a note on l and n");
    assert!(note.starts_with("2 of the offers"), "{note}");
    assert!(note.contains("`sweepstake`") && note.contains("needs `buy_quantity`"), "{note}");
}

#[test]
fn what_was_saved_comes_back_with_its_terms() {
    let history = history();
    let dir = tempfile::tempdir().expect("a temporary folder");
    crate::data::save(&history, dir.path()).expect("writable");
    let loaded = crate::data::load(dir.path()).expect("readable");
    assert_eq!(loaded.offers, history.offers);
}

#[test]
fn offers_of_the_config_stand_beside_those_of_the_history() {
    let mut history = history();
    let text = "depths = [0.1, 0.2]\n[[list]]\noffer_id = \"new\"\nmechanic = \"coupon\"\n\
        category = \"WINE\"\ndepth = 0.3\nredemption = 0.2\n";
    let config: OffersConfig = toml::from_str(text).expect("valid");
    let actions = ActionMap::with_offers(&history, &config).expect("fits");
    let last = actions.catalogue.n_actions() - 1;
    assert_eq!(actions.catalogue.offer(last).id, "new");
    assert_eq!(actions.catalogue.offer(last).mechanic.kind(), MechanicKind::Coupon);
    history.offers.clear();
    let beside_grid = ActionMap::with_offers(&history, &config).expect("fits");
    assert_eq!(beside_grid.catalogue.n_actions(), 1 + 2 * 2 + 1);
    assert!(!beside_grid.from_history);
    let elsewhere = toml::from_str(&text.replace("WINE", "BEER")).expect("valid");
    let error = ActionMap::with_offers(&history, &elsewhere).expect_err("no such category");
    assert!(error.to_string().contains("offer `new`") && error.to_string().contains("`BEER`"));
}
