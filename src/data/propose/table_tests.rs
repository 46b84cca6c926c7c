//! Files as teams have them, and what should be made of each.

use super::made_files::{
    complete_journey, dollars, euros, german_pos, look, look_at_bytes, sold, text,
};
use super::*;

/// Asserts the table and, for each pair, a sure candidate.
#[track_caller]
fn assert_mapping(proposal: &Proposal, table: &str, pairs: &[(&str, &str)]) {
    assert_eq!(proposal.table_name(), Some(table), "{proposal:#?}");
    for (canonical, column) in pairs {
        let found = proposal.candidate(canonical);
        let sure = found.filter(|one| one.confidence >= SURE_ENOUGH);
        assert_eq!(sure.map(|one| one.column.as_str()), Some(*column), "{canonical}: {found:?}");
    }
    for column in &proposal.columns {
        let sure = column.candidate.as_ref().filter(|one| one.confidence >= SURE_ENOUGH);
        let wanted = pairs.iter().any(|(canonical, _)| *canonical == column.canonical);
        assert!(wanted || sure.is_none(), "{} should not be mapped: {sure:?}", column.canonical);
    }
}

#[track_caller]
fn assert_warns(proposal: &Proposal, words: &str) {
    let found = proposal.warnings.iter().any(|warning| warning.contains(words));
    assert!(found, "{words:?} not in {:#?}", proposal.warnings);
}

#[test]
fn a_german_till_export_is_understood() {
    let proposal = look("export_kasse.csv", &german_pos());
    assert_mapping(
        &proposal,
        "transactions",
        &[
            ("customer_id", "Kundennummer"),
            ("date", "Datum"),
            ("product_id", "Artikelnummer"),
            ("quantity", "Menge"),
            ("sales_value", "Umsatz"),
            ("basket_id", "Bon-Nr"),
            ("store_id", "Filiale"),
            ("shelf_discount", "Rabatt"),
        ],
    );
    let dialect = proposal.dialect.clone().expect("text");
    assert_eq!((dialect.delimiter.value, dialect.decimal_comma.value), (';', true));
    assert!(dialect.header.value && dialect.header.confidence > 0.9);
    let format = proposal.date_format.expect("dates");
    assert_eq!(format.value, DateFormat::DayMonthYearDots);
    assert!(format.confidence > 0.9);
}

#[test]
fn the_same_export_in_windows_1252_and_utf_16_is_understood() {
    let text = german_pos();
    let narrow: Vec<u8> = text.chars().map(|c| u8::try_from(c).expect("western")).collect();
    let wide: Vec<u8> =
        std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let plain = look("a.csv", &text);
    for (head, encoding) in [(narrow, Encoding::Windows1252), (wide, Encoding::Utf16Le)] {
        let proposal = look_at_bytes("a.csv", &head);
        let found = proposal.dialect.clone().expect("text").encoding;
        assert_eq!(found.value, encoding, "{found:?}");
        assert_eq!(proposal.columns, plain.columns);
    }
}

#[test]
fn a_french_export_with_slashes_is_understood() {
    let header = "N° ticket;Date vente;Magasin;N° carte fidélité;\
         Code article;Libellé;Qté;Montant TTC;Remise";
    let proposal = look(
        "ventes_2024.csv",
        &text(header, |s| {
            format!(
                "{};{:02}/02/2024;Lyon {};{};REF{};\"Lait, demi\";{};{};-{}",
                s.basket,
                s.day + 1,
                s.store,
                9_000 + s.customer,
                s.product,
                s.units,
                euros(s.cents * s.units),
                euros(if s.basket % 2 == 0 { 10 } else { 0 })
            )
        }),
    );
    assert_mapping(
        &proposal,
        "transactions",
        &[
            ("customer_id", "N° carte fidélité"),
            ("date", "Date vente"),
            ("product_id", "Code article"),
            ("quantity", "Qté"),
            ("sales_value", "Montant TTC"),
            ("basket_id", "N° ticket"),
            ("store_id", "Magasin"),
            ("shelf_discount", "Remise"),
        ],
    );
    assert_eq!(proposal.date_format.as_ref().map(|one| one.value), Some(DateFormat::DayMonthYear));
    assert_warns(&proposal, "negative amounts");
}

#[test]
fn an_american_export_is_understood() {
    let header = "Transaction ID,Trans Date,Store Nbr,Loyalty Card No,\
         UPC,Item Description,Qty,Unit Price,Ext Price,Coupon Amt,Email";
    let proposal = look(
        "pos.csv",
        &text(header, |s| {
            format!(
                "T{},03/{:02}/2024,{},{},00{},\"Bread, white\",{},${},${},{},u{}@mail.example",
                s.basket,
                s.day + 1,
                100 + s.store,
                55_000 + s.customer,
                41_000 + s.product,
                s.units,
                dollars(s.cents),
                dollars(s.cents * s.units),
                if s.basket % 4 == 0 { "0.50" } else { "0.00" },
                s.customer
            )
        }),
    );
    assert_mapping(
        &proposal,
        "transactions",
        &[
            ("customer_id", "Loyalty Card No"),
            ("date", "Trans Date"),
            ("product_id", "UPC"),
            ("quantity", "Qty"),
            ("sales_value", "Ext Price"),
            ("basket_id", "Transaction ID"),
            ("store_id", "Store Nbr"),
            ("offer_discount", "Coupon Amt"),
        ],
    );
    assert_eq!(proposal.date_format.as_ref().map(|one| one.value), Some(DateFormat::MonthDayYear));
    assert_warns(&proposal, "equals quantity times `Unit Price`");
    let personal: Vec<&str> = proposal.personal.iter().map(|one| one.column.as_str()).collect();
    assert_eq!(personal, ["Email"]);
}

#[test]
fn spanish_and_dutch_exports_are_understood() {
    let header = "Ticket|Fecha|Tienda|Caja|Cliente|Cod_Articulo|Cantidad|Precio|Importe|Descuento";
    let proposal = look(
        "ventas.txt",
        &text(header, |s| {
            format!(
                "{}|2024/05/{:02}|{}|1|{}|{}|{}|{}|{}|0,00",
                s.basket,
                s.day + 1,
                s.store,
                s.customer,
                s.product,
                s.units,
                euros(s.cents),
                euros(s.cents * s.units)
            )
        }),
    );
    assert_mapping(
        &proposal,
        "transactions",
        &[
            ("customer_id", "Cliente"),
            ("date", "Fecha"),
            ("product_id", "Cod_Articulo"),
            ("quantity", "Cantidad"),
            ("sales_value", "Importe"),
            ("basket_id", "Ticket"),
            ("store_id", "Tienda"),
            ("shelf_discount", "Descuento"),
        ],
    );
    let header = "bonnummer\tdatum\tfiliaal\tklantnummer\tartikelnr\taantal\tomzet\tkorting";
    let proposal = look(
        "kassa.tsv",
        &text(header, |s| {
            format!(
                "{}\t202403{:02}\t{}\t{}\t{}\t{}\t{}\t0,00",
                s.basket,
                s.day + 1,
                s.store,
                s.customer,
                s.product,
                s.units,
                euros(s.cents * s.units)
            )
        }),
    );
    assert_mapping(
        &proposal,
        "transactions",
        &[
            ("customer_id", "klantnummer"),
            ("date", "datum"),
            ("product_id", "artikelnr"),
            ("quantity", "aantal"),
            ("sales_value", "omzet"),
            ("basket_id", "bonnummer"),
            ("store_id", "filiaal"),
            ("shelf_discount", "korting"),
        ],
    );
    assert_eq!(proposal.date_format.map(|one| one.value), Some(DateFormat::Digits));
}

#[test]
fn sap_field_names_are_understood() {
    let header = "VBELN,POSNR,FKDAT,KUNNR,MATNR,WERKS,FKIMG,NETWR";
    let proposal = look(
        "vbrp.csv",
        &text(header, |s| {
            format!(
                "009{:05},{},202403{:02},00{},M{},{},{}.000,{}",
                s.basket,
                s.product,
                s.day + 1,
                s.customer,
                s.product,
                1000 + s.store,
                s.units,
                dollars(s.cents * s.units)
            )
        }),
    );
    assert_mapping(
        &proposal,
        "transactions",
        &[
            ("customer_id", "KUNNR"),
            ("date", "FKDAT"),
            ("product_id", "MATNR"),
            ("quantity", "FKIMG"),
            ("sales_value", "NETWR"),
            ("basket_id", "VBELN"),
            ("store_id", "WERKS"),
        ],
    );
}

#[test]
fn the_complete_journey_is_mapped_as_in_its_preset() {
    let proposal = propose_mapping(&complete_journey());
    assert_mapping(
        &proposal,
        "transactions",
        &[
            ("customer_id", "household_id"),
            ("date", "transaction_timestamp"),
            ("product_id", "product_id"),
            ("quantity", "quantity"),
            ("sales_value", "sales_value"),
            ("basket_id", "basket_id"),
            ("store_id", "store_id"),
            ("shelf_discount", "retail_disc"),
            ("offer_discount", "coupon_match_disc"),
        ],
    );
    assert_eq!(proposal.date_format, None, "a Parquet date needs no format");
    let disc = proposal.columns.iter().find(|one| one.canonical == "offer_discount");
    let second = disc.and_then(|one| one.runner_up.as_ref()).map(|one| one.column.as_str());
    assert_eq!(second, Some("coupon_disc"), "the other coupon column is the runner-up");
}

#[test]
fn instacart_lines_lack_prices_and_customers() {
    let proposal = look(
        "order_products.csv",
        &text("order_id,product_id,add_to_cart_order,reordered", |s| {
            format!("{},{},{},{}", s.basket, s.product, 1 + s.product % 7, s.units % 2)
        }),
    );
    for canonical in ["customer_id", "date", "sales_value"] {
        let found = proposal.candidate(canonical);
        assert!(found.is_none_or(|one| one.confidence < SURE_ENOUGH), "{found:?}");
    }
    let lacking = |warning: &String| warning.contains("no column");
    assert!(proposal.warnings.iter().any(lacking), "{:?}", proposal.warnings);
}

#[test]
fn the_result_of_a_mailing_is_no_sales_history() {
    let mut text = "recency,history_segment,history,mens,womens,\
         zip_code,newbie,channel,segment,visit,conversion,spend\n"
        .to_owned();
    for s in sold() {
        let segment = ["Mens E-Mail", "Womens E-Mail", "No E-Mail"][s.product as usize % 3];
        text += &format!(
            "{},2) $100 - $200,{},1,0,Surburban,0,Phone,{segment},{},0,{}\n",
            1 + s.day % 12,
            dollars(s.cents * 20),
            s.units % 2,
            if s.units > 2 { "29.99" } else { "0" }
        );
    }
    let proposal = look("hillstrom.csv", &text);
    assert_eq!(proposal.table, None, "{proposal:#?}");
    assert_warns(&proposal, "no sales lines");
    assert_warns(&proposal, "result of a campaign");
}

#[test]
fn product_files_are_understood() {
    let mut text = "Artikelnr;Bezeichnung;Warengruppe;Abteilung;Marke;VK-Preis;EK\n".to_owned();
    for number in 0..60 {
        text += &format!(
            "{};Artikel {number};WG {};{};Marke {};{};{}\n",
            1000 + number,
            number % 9,
            ["Food", "Nonfood"][number as usize % 2],
            number % 7,
            euros(199 + number),
            euros(99 + number)
        );
    }
    let proposal = look("artikelstamm.csv", &text);
    assert_mapping(
        &proposal,
        "products",
        &[
            ("product_id", "Artikelnr"),
            ("category", "Warengruppe"),
            ("department", "Abteilung"),
            ("brand", "Marke"),
            ("list_price", "VK-Preis"),
            ("unit_cost", "EK"),
        ],
    );
    let mut text = "id,name,type,price,margin %\n".to_owned();
    for number in 0..40 {
        text += &format!(
            "{number},Thing {number},kind {},{}.50,3{}.5\n",
            number % 5,
            number + 2,
            number % 9
        );
    }
    let proposal = look("products.csv", &text);
    assert_eq!(proposal.table_name(), Some("products"));
    let id = proposal.candidate("product_id").map(|one| one.column.as_str());
    assert_eq!(id, Some("id"));
    assert_warns(&proposal, "divide by 100");
    assert!(proposal.personal.is_empty(), "the name of a product is nobody's");
}

#[test]
fn offers_exposures_promotions_and_customers_are_told_apart() {
    let offers = "offer_id,offer_type,category,discount_pct,min_spend,contact_cost\n\
                  O1,percent,Snacks,0.2,10.00,0.05\nO2,percent,Dairy,0.1,0.00,0.05\n\
                  O3,money,Bakery,0.15,5.00,0.50\n";
    assert_mapping(
        &look("offers.csv", offers),
        "offers",
        &[
            ("offer_id", "offer_id"),
            ("mechanic", "offer_type"),
            ("category", "category"),
            ("depth", "discount_pct"),
            ("min_spend", "min_spend"),
            ("contact_cost", "contact_cost"),
        ],
    );
    let log = text("user_id,sent_at,campaign_id,propensity_score", |s| {
        format!(
            "u{},2024-03-{:02}T09:00:00,C{},0.{}",
            s.customer,
            s.day + 1,
            s.store,
            25 + s.product
        )
    });
    assert_mapping(
        &look("sends.csv", &log),
        "exposures",
        &[
            ("customer_id", "user_id"),
            ("date", "sent_at"),
            ("offer_id", "campaign_id"),
            ("propensity", "propensity_score"),
        ],
    );
    let causal = text("product_id,store_id,week,display_location,mailer_location", |s| {
        format!(
            "{},{},{},{},{}",
            s.product,
            s.store,
            1 + s.day % 52,
            s.units,
            if s.units > 1 { "A" } else { "0" }
        )
    });
    assert_mapping(
        &look("causal.csv", &causal),
        "promotions",
        &[
            ("product_id", "product_id"),
            ("store_id", "store_id"),
            ("week", "week"),
            ("display", "display_location"),
            ("mailer", "mailer_location"),
        ],
    );
    let mut people = "Kundennr;Vorname;Nachname;Geburtsdatum;PLZ;Telefon;E-Mail\n".to_owned();
    for number in 0..50 {
        people += &format!(
            "{number};Ada;Muster;0{}.05.1980;1011{};+49 30 1234{:02};a{number}@post.example\n",
            1 + number % 9,
            number % 10,
            number
        );
    }
    let customers = look("kunden.csv", &people);
    assert_mapping(&customers, "customers", &[("customer_id", "Kundennr")]);
    assert_eq!(customers.personal.len(), 6, "{:?}", customers.personal);
}

#[test]
fn small_whole_amounts_are_not_taken_for_money() {
    let header = "TRANSACTION_DT,CUSTOMER_ID,PRODUCT_ID,AMOUNT,SALES_PRICE";
    let line = |s: &super::made_files::Sold| {
        format!("11/{}/2000,{},{},{},{}", s.day + 1, s.customer, s.product, s.units, s.cents)
    };
    let proposal = look("ta.csv", &text(header, line));
    let sales = proposal.candidate("sales_value");
    assert!(sales.is_none_or(|one| one.column != "AMOUNT" || one.confidence < SURE_ENOUGH));
}

#[test]
fn unit_prices_and_counted_days_are_not_mapped_but_explained() {
    let header = "InvoiceNo,StockCode,Quantity,DAY,UnitPrice,CustomerID";
    let line = |s: &super::made_files::Sold| {
        let (price, units) = (dollars(s.cents), s.units);
        format!("{},{},{units},{},{price},{}", s.basket, s.product, s.day + 1, s.customer)
    };
    let proposal = look("pos_sales.csv", &text(header, line));
    assert_eq!(proposal.table_name(), Some("transactions"));
    assert_warns(&proposal, "add a column with quantity times price");
    assert_warns(&proposal, "`DAY` counts days or weeks");
    let found = proposal.candidate("sales_value");
    assert!(found.is_none_or(|one| one.confidence < SURE_ENOUGH), "{found:?}");
}
