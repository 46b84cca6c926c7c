//! The words that English, German, French, Spanish and Dutch teams and common business software
//! use for the columns of a sales history.

/// A meaning that a column can have.
#[derive(Debug)]
pub(super) struct Concept {
    /// Canonical column, or a decoy that no table wants.
    pub(super) name: &'static str,
    /// Whether `number`, `code` and the like may follow or lead the words.
    pub(super) identifier: bool,
    /// Lower-case words without accents or spaces, one space between two.
    words: &'static str,
}

impl Concept {
    /// The words, one by one.
    pub(super) fn words(&self) -> impl Iterator<Item = &'static str> {
        self.words.split_whitespace()
    }
}

const fn identifier(name: &'static str, words: &'static str) -> Concept {
    Concept { name, identifier: true, words }
}

const fn measure(name: &'static str, words: &'static str) -> Concept {
    Concept { name, identifier: false, words }
}

/// Every meaning known by name. Decoys come last and keep their columns from being mistaken.
pub(super) const CONCEPTS: &[Concept] = &[
    identifier(
        "customer_id",
        "customer cust client household hshd hh member shopper user buyer account person \
         consumer subscriber guest patron loyalty loyaltycard loyaltymember visitor kunde \
         kunden kd haushalt kaufer mitglied kundenkarte kunnr kunag debitor debitoren \
         kundenkarten clientefidele carte cartefidelite adherent acheteur foyer cliente socio \
         tarjeta hogar tarjetacliente comprador klant klanten huishouden lid klantkaart \
         clubcard bonuscard bonuskaart card kartennr panelist panel soldto soldtoparty crm \
         contact partner businesspartner xcardno",
    ),
    measure(
        "date",
        "date day timestamp datetime time transactiondate transactiontimestamp transdate \
         txndate trxdate trandate saledate salesdate orderdate purchasedate invoicedate \
         receiptdate ticketdate visitdate basketdate purchase shopdate businessdate postingdate \
         docdate documentdate createdat createdon orderedat purchasedat orderts ts eventtime \
         eventdate eventtimestamp transactiontime calendardate saleday salestimestamp datum tag \
         belegdatum verkaufsdatum kaufdatum bondatum buchungsdatum rechnungsdatum fkdat budat \
         erdat audat bestelldatum zeitstempel verkaufstag umsatzdatum dateachat datevente \
         dateticket jour dateheure datetransaction datecommande datefacture fecha fechaventa \
         fechacompra fechaticket fechahora dia fechafactura transactiedatum verkoopdatum \
         aankoopdatum besteldatum bonnendatum dag orderpurchasetimestamp unixtime saledt trxdt \
         trandt transdt \
         belegdat bondat transactiondt orderdt",
    ),
    identifier(
        "product_id",
        "product prod item sku upc ean gtin article art plu barcode material merchandise \
         stockcode stock asin isbn style matnr ean11 eancode artikel produkt ware strichcode \
         materialnr produit codebarre codebarres reference refproduit codearticle producto \
         articulo codigobarras referencia streepjescode productcode ean13 gtin13 gtin14 upccode \
         skucode skunumber itemsku productsku variant lineitem dunnhumbyproduct prodcode \
         lineitemsku",
    ),
    measure(
        "quantity",
        "quantity qty units unitssold quantitysold qtysold salesqty salesquantity count \
         numunits pieces pcs unitsales itemcount noofitems orderqty orderquantity saleqty \
         itemqty soldqty volume salesunits quant invoicedqty itemquantity menge anzahl stuck \
         stuckzahl absatz verkaufsmenge absatzmenge fkimg kwmeng mengestuck anz stk quantite \
         qte nombre quantitevendue qtevendue nbarticles nbunites unites cantidad cant unidades \
         cantidadvendida uds aantal hoeveelheid stuks aantalverkocht verkochteaantallen \
         purchasequantity vkmenge lineitemquantity lineitemqty",
    ),
    measure(
        "sales_value",
        "salesvalue sales netsales netsale salesamount saleamount salesamt salevalue revenue \
         turnover spend netamount netamt netvalue netrevenue extendedprice extprice \
         extendedamount linetotal lineamount linevalue linenet totalprice totalamount \
         totalsales salestotal amountpaid paidamount dollarsales salesdollars dollars saleprice \
         pricepaid netprice amount itemtotal ordervalue netpaid netlineamount netwr netspend \
         totalpaid umsatz nettoumsatz umsatznetto umsatzbrutto bruttoumsatz erlos verkaufswert \
         zeilenbetrag gesamtpreis betrag summe positionswert nettobetrag umsatzwert \
         positionsbetrag nettowert ca chiffredaffaires chiffreaffaires montant montantttc \
         montantht montantnet cattc caht prixtotal totalttc totalht ventes montantligne importe \
         importetotal importeneto ventas venta ventaneta ventasnetas monto totalventa \
         totallinea preciototal importelinea omzet nettoomzet bedrag totaalbedrag verkoopbedrag \
         regelbedrag omzetincl totaalprijs verkoopwaarde omzetbedrag \
         purchaseamount vkwert vkwertnetto vkwertbrutto umsatzbetrag verkoopomzet",
    ),
    identifier(
        "basket_id",
        "basket receipt ticket transaction trans txn trx tran order invoice bon kassenbon beleg \
         kassenzettel warenkorb rechnung bestell bestellung auftrag vbeln vbelnvf panier \
         ticketdecaisse ticketcaisse commande facture cesta factura pedido tique recibo \
         operacion mandje kassabon bestelling factuur winkelmand check bill cart visit trip \
         shoppingtrip document doc sale purchaseorder kassabonnen bonnen transactie session",
    ),
    identifier(
        "store_id",
        "store shop outlet branch location loc site warehouse plant werks market filiale filial \
         markt laden verkaufsstelle standort magasin pointdevente pdv boutique tienda sucursal \
         punto puntoventa winkel filiaal vestiging storelocation division storenbr shopcode \
         fil chain",
    ),
    measure(
        "shelf_discount",
        "shelfdiscount retaildisc retaildiscount discount disc discountamount discamt \
         discountamt discountvalue markdown markdownamount promodiscount promotiondiscount \
         linediscount itemdiscount pricereduction salesdiscount rabatt rabattbetrag nachlass \
         preisnachlass aktionsrabatt abschlag remise reduction rabais montantremise remiseligne \
         descuento dto rebaja importedescuento descuentolinea dtolinea korting kortingsbedrag \
         kortingbedrag actiekorting savings reductiontotal \
         rabattwert",
    ),
    measure(
        "offer_discount",
        "offerdiscount coupondiscount couponmatchdisc coupon couponvalue couponamount couponamt \
         loyaltydiscount loyaltydisc personaldiscount memberdiscount voucher vouchervalue \
         voucheramount voucherdiscount redeemedamount rewarddiscount offerdisc gutschein \
         gutscheinbetrag gutscheinwert couponrabatt kundenrabatt treuerabatt coupons \
         bondereduction remisefidelite remisecoupon bonreduction cupon descuentocupon \
         cupondescuento valecompra couponkorting persoonlijkekorting bonuskorting kortingsbon \
         couponwert",
    ),
    measure(
        "category",
        "category productcategory cat commodity commoditydesc subcategory subcommodity aisle \
         aisleid productgroup prodgroup itemgroup itemcategory productclass class categoryname \
         categorydesc merchandisecategory merchcategory family subclass productcategoryname \
         categorycode categoryid warengruppe wgr wg kategorie artikelgruppe produktgruppe matkl \
         sortiment warengruppenbezeichnung produktkategorie categorie famille sousfamille \
         famillearticle rayonfamille categorieproduit categoria familia subfamilia grupo \
         grupoarticulos productgroep artikelgroep categorienaam assortimentsgroep groep",
    ),
    measure(
        "department",
        "department dept departmentid deptid departmentname division sector maincategory \
         categorylevel1 departmentdesc abteilung bereich hauptwarengruppe hwg sparte rayon \
         departement secteur departamento seccion afdeling hoofdgroep parentcategory",
    ),
    measure(
        "brand",
        "brand brandname brandid brandtype make marke markenname marque marca merk merknaam \
         label hersteller manufacturer manufacturerid fabrikant fabricant fabricante vendor \
         supplier",
    ),
    measure(
        "list_price",
        "listprice regularprice regprice retailprice shelfprice baseprice standardprice srp \
         msrp rrp recommendedprice normalprice currentprice listenpreis vk vkpreis \
         verkaufspreis regalpreis uvp grundpreis normalpreis prixcatalogue prixvente prixpublic \
         prixderayon tarif pvp preciolista precioventa preciobase preciotarifa adviesprijs \
         verkoopprijs catalogusprijs lijstprijs",
    ),
    measure(
        "unit_cost",
        "unitcost cost costprice cogs purchaseprice standardcost stdcost averagecost avgcost \
         landedcost costperunit wholesaleprice buyingprice costofgoods ek ekpreis einkaufspreis \
         einstandspreis wareneinsatz stuckkosten selbstkosten stprs verpr prixachat \
         coutunitaire cout prixderevient prixrevient pa coste costo costeunitario preciocoste \
         preciocompra costounitario inkoopprijs kostprijs inkoop",
    ),
    measure(
        "margin_rate",
        "marginrate margin marginpct marginpercent grossmargin gm gmpct profitmargin \
         grossmarginrate grossmarginpct marge spanne handelsspanne rohertragsquote margenquote \
         margensatz tauxmarge tauxdemarge margen margenbruto margenpct brutomarge \
         margepercentage margepct margeprozent margeinprozent",
    ),
    identifier(
        "offer_id",
        "offer campaign promo promotion coupon couponupc deal treatment creative voucher action \
         mailing aktion angebot kampagne gutschein offre campagne operation oferta campana \
         promocion cupon actie aanbieding variation voucherid incentive reward",
    ),
    measure(
        "propensity",
        "propensity propensityscore pscore prob probability loggingprobability actionprob \
         actionprobability samplingprob assignmentprob treatmentprob wahrscheinlichkeit \
         probabilite probabilidad kans waarschijnlijkheid prozentwahrscheinlichkeit",
    ),
    measure(
        "mechanic",
        "mechanic mechanism offertype promotype promotiontype campaigntype coupontype dealtype \
         discounttype rewardtype promomechanic mechanik aktionsart angebotsart aktionstyp \
         rabattart mecanique typeoffre typepromo typepromotion mecanica tipooferta \
         tipopromocion tipopromo actietype actiesoort aanbiedingstype mechaniek",
    ),
    measure(
        "depth",
        "depth discountdepth discountrate discountpct discountpercent discountpercentage \
         percentoff pctoff discpct rabattsatz rabattprozent rabattinprozent nachlassprozent \
         tauxremise remisepct pourcentageremise tauxreduction descuentopct porcentajedescuento \
         pctdescuento kortingspercentage kortingpct kortingpercentage",
    ),
    measure(
        "amount",
        "amount amountoff moneyoff dollarsoff faceamount facevalue offervalue offeramount \
         rewardvalue wert betrag angebotswert montant valeur valeuroffre importe valor monto \
         bedrag waarde",
    ),
    measure(
        "min_spend",
        "minspend minimumspend minbasket minpurchase minimumpurchase minorder minordervalue \
         minimumorder threshold spendthreshold mindestumsatz mindestbestellwert mindesteinkauf \
         mindestbetrag seuil achatminimum minimumachat montantminimum compraminima pedidominimo \
         importeminimo minimumbesteding drempel minimalebesteding",
    ),
    measure("buy_quantity", "buyquantity buyqty unitstobuy requiredquantity kaufmenge"),
    measure("free_quantity", "freequantity freeqty freeunits getquantity getqty gratismenge"),
    measure("with_category", "withcategory partnercategory bundlecategory"),
    measure("redemption", "redemption redemptionrate expectedredemption einloesequote"),
    measure(
        "contact_cost",
        "contactcost costpercontact mailcost sendcost sendingcost postage channelcost \
         mailingcost deliverycost kontaktkosten versandkosten kostenprokontakt portokosten \
         porto coutcontact coutenvoi costecontacto costeenvio costocontacto contactkosten \
         verzendkosten",
    ),
    measure(
        "week",
        "week weekno weeknumber weeknum wk weekid weekofyear fiscalweek calendarweek kw woche \
         kalenderwoche wochennummer semaine numsemaine nosemaine semana numsemana weeknr \
         weeknummer",
    ),
    measure(
        "display",
        "display displaylocation displayloc instoredisplay displaytype endcap zweitplatzierung \
         platzierung sonderplatzierung tetedegondole tg miseenavant cabecera cabeceragondola \
         exhibicion kopstelling schapplaats displaykop",
    ),
    measure(
        "mailer",
        "mailer mailerlocation mailerloc flyer leaflet circular feature featuread feat \
         handzettel prospekt werbung beilage tract prospectus catalogue folleto revista folder \
         reclamefolder brochure",
    ),
    measure(
        "unit price",
        "unitprice price itemprice priceperunit unitsellingprice sellingprice unitretail \
         stuckpreis einzelpreis preis epreis prixunitaire prix pu puttc puht precio \
         preciounitario preciounidad pvpunitario prijs stukprijs eenheidsprijs prijsperstuk \
         priceeach \
         lineitemprice",
    ),
    measure(
        "sales before discounts",
        "grosssales grossamount grossvalue salesbeforediscount fullprice subtotal listamount \
         importebruto montantbrut brutobedrag bruttobetrag bruttowert",
    ),
    measure(
        "text",
        "description productname itemname productdescription itemdescription desc name title \
         bezeichnung artikelbezeichnung artikelname produktname artikeltext kurztext maktx \
         libelle designation nomproduit nomarticle descripcion nombreproducto nombrearticulo \
         omschrijving artikelomschrijving productnaam packagesize size grosse taille talla \
         brandowner comment bemerkung productlabel storename filialname",
    ),
    measure(
        "tax",
        "tax vat vatamount taxamount taxrate vatrate salestax mwst mehrwertsteuer ust steuer \
         mwstsatz mwstbetrag steuersatz tva tauxtva montanttva iva tipoiva importeiva btw \
         btwbedrag btwpercentage",
    ),
    measure(
        "line number",
        "line lineno linenumber linenr row rownumber rowid index position posnr posten zeile \
         zeilennr pos ligne numligne linea numlinea regel regelnummer seq sequence ordernumber \
         addtocartorder unnamed0 recordid",
    ),
    measure(
        "till, clerk or terminal",
        "register till pos terminal cashier clerk operator employee kasse kassennr kassiererin \
         kassierer bediener verkaufer caisse numcaisse caissier vendeur caja cajero numcaja \
         vendedor kassa kassanummer kassier lane verkoper salesperson",
    ),
    measure(
        "year, month, time or age",
        "year month hour quarter weekday dayofweek timeofday transtime jahr monat uhrzeit zeit \
         stunde wochentag annee mois heure hora mes ano anio jaar maand uur tijd orderdow \
         orderhourofday age alter edad leeftijd dayssincepriororder recency tenure",
    ),
    measure(
        "response to an offer",
        "redeemed redemption redemptiondate redeemedat redeemdate click clicked clicks opened \
         open response responded converted conversion visit eingelost einlosedatum einlosung \
         utilise dateutilisation canjeado fechacanje ingewisseld reordered",
    ),
    measure(
        "currency or unit",
        "currency uom unit waehrung wahrung einheit mengeneinheit meins vrkme waers devise \
         unite moneda divisa unidad valuta eenheid paymentmethod payment zahlungsart zahlart \
         channel kanal canal country land pays pais status state region",
    ),
];

/// What a word means only inside one table: (table, canonical column, words).
pub(super) const IN_TABLE: &[(&str, &str, &str)] = &[
    ("products", "product_id", "id code nummer number nr no numero codigo codeproduit"),
    ("products", "list_price", "price unitprice preis prix precio prijs retail"),
    ("products", "category", "type group gruppe groupe grupo typ producttype"),
    ("customers", "customer_id", "id code nummer number nr no numero codigo"),
    ("offers", "offer_id", "id code nummer number nr no numero codigo"),
    ("offers", "mechanic", "type kind typ art tipo soort"),
    ("offers", "depth", "discount rabatt remise descuento korting percent pct rate prozent"),
    ("offers", "amount", "value"),
    ("offers", "contact_cost", "cost kosten cout coste"),
    (
        "exposures",
        "date",
        "sent sentat sentdate senddate sentdt senton delivered deliveredat exposuredate \
         contactdate versanddatum gesendet kontaktdatum dateenvoi envoyele fechaenvio enviado \
         verzonden verzenddatum startdate start",
    ),
    ("promotions", "display", "displayed displays"),
];
