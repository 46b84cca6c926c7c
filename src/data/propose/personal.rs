//! Columns that say who a person is; these should never be read.

use super::content::Content;
use super::names::{squash, words};
use super::text::percent;

/// Words in a name, with what they name.
#[rustfmt::skip]
const WORDS: &[(&str, &[&str])] = &[
    ("a person's name", &[
        "firstname", "lastname", "surname", "fullname", "customername", "forename", "givenname",
        "familyname", "clientname", "membername", "username", "contactname", "vorname", "nachname",
        "familienname", "kundenname", "prenom", "nomclient", "nomdefamille", "nombrecliente",
        "apellido", "apellidos", "voornaam", "achternaam", "klantnaam", "shoppername", "fname",
        "lname", "holdername", "cardholder", "cashiername", "name1", "name2",
    ]),
    ("an e-mail address", &[
        "email", "mail", "emailaddress", "courriel", "correo", "mailadresse", "emailadresse",
    ]),
    ("a telephone number", &[
        "phone", "phonenumber", "telephone", "mobile", "cell", "cellphone", "telefon", "handy",
        "telefonnummer", "mobilnummer", "telefono", "movil", "telefoon", "tel", "portable", "fax",
        "telefoonnummer", "mobiel", "msisdn", "whatsapp",
    ]),
    ("an address", &[
        "address", "street", "streetaddress", "address1", "address2", "addressline1", "adresse",
        "strasse", "hausnummer", "rue", "direccion", "calle", "domicilio", "adres", "straat",
        "huisnummer", "customeraddress", "latitude", "longitude", "ipaddress", "ip",
    ]),
    ("a postcode", &[
        "zip", "zipcode", "postcode", "postalcode", "plz", "postleitzahl", "codepostal",
        "codigopostal",
    ]),
    ("a birth date", &[
        "birthdate", "dateofbirth", "dob", "birthday", "birthyear", "yearofbirth", "geburtsdatum",
        "geburtstag", "geburtsjahr", "datenaissance", "datedenaissance", "fechanacimiento",
        "fechadenacimiento", "geboortedatum", "geboortejaar",
    ]),
    ("a payment card or bank account", &[
        "creditcard", "creditcardnumber", "ccnumber", "cardpan", "iban", "bic", "bankaccount",
        "kreditkarte", "kreditkartennummer", "kontonummer", "cartebancaire", "tarjetacredito",
        "numerotarjetacredito", "creditcardnr", "rekeningnummer", "cvv",
    ]),
    ("an official number of a person", &[
        "ssn", "socialsecurity", "socialsecuritynumber", "nationalid", "passport", "steuerid",
        "taxid", "dni", "nif", "bsn", "nir", "personalausweis", "driverlicense",
    ]),
];

/// Words that mean a person's name unless the file is about products, stores or offers.
const BARE_NAMES: [&str; 5] = ["name", "nom", "naam", "nombre", "nome"];

/// Earlier years in a date column are those of births.
const NEWEST_BIRTHS: i32 = 2008;

/// Why a column seems personal, if it does. `people` says that the file has one row a person.
pub(super) fn reason(name: &str, content: &Content, people: bool) -> Option<String> {
    let parts = words(name);
    let squashed = squash(&parts);
    let known = |word: &&str| {
        let word = squash(&[(*word).to_owned()]);
        squashed == word
            || (word.len() >= 3
                && parts.iter().any(|part| squash(std::slice::from_ref(part)) == word))
            || (word.len() >= 8 && squashed.contains(&word))
    };
    // `email_opened` and the like count events.
    let flag = content.distinct <= 2 && content.filled > 10 && content.numbers.is_some();
    // Kinds of places rather than postcodes.
    let few_kinds = content.distinct < 10 && content.filled > 200;
    if let Some((what, _)) = WORDS.iter().find(|(_, list)| list.iter().any(&known))
        && !flag
        && !(few_kinds && *what == "a postcode")
    {
        return Some(format!("the name says {what}"));
    }
    let few = content.filled < 3;
    for (share, what) in [
        (content.emails, "e-mail addresses"),
        (content.phones, "telephone numbers"),
        (content.cards, "payment card numbers (the check digits are right)"),
    ] {
        if share > 0.8 && !few {
            return Some(format!("{} of the values look like {what}", percent(share)));
        }
    }
    if people && BARE_NAMES.contains(&squashed.as_str()) && content.letters > 0.5 {
        return Some("the name says a person's name".to_owned());
    }
    let old = content.year.is_some_and(|year| year < NEWEST_BIRTHS - 8);
    (people && old && content.surely_dates())
        .then(|| "dates of decades ago in a file of people look like birth dates".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seems_personal(name: &str, cells: &[&str], people: bool) -> bool {
        reason(name, &Content::of(cells.iter().copied(), None, false), people).is_some()
    }

    #[test]
    fn names_and_values_give_persons_away() {
        assert!(seems_personal("E-Mail", &["x"], false));
        assert!(seems_personal("Geburtsdatum", &["1970-01-01"], false));
        assert!(seems_personal("contact", &["a@b.de", "c@d.de", "e@f.org"], false));
        assert!(seems_personal("Straße", &["x"], false));
        assert!(seems_personal("name", &["Ann", "Bob"], true));
        assert!(!seems_personal("name", &["Milk", "Bread"], false));
        assert!(!seems_personal("product_name", &["Milk", "Bread"], true));
        assert!(!seems_personal("sales", &["1.5", "2.5"], true));
        assert!(seems_personal("joined", &["1961-02-03", "1975-05-05", "1980-01-01"], true));
    }
}
