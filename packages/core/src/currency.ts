/** Lower-case ISO 4217 codes of money, lately withdrawn ones included; funds, metals and test codes are left out. */
export const CURRENCIES: ReadonlySet<string> = new Set(
  (
    "aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd btn bwp byn bzd cad cdf chf clp cny " +
    "cop crc cup cve czk djf dkk dop dzd egp ern etb eur fjd fkp gbp gel ghs gip gmd gnf gtq gyd hkd hnl htg huf idr ils inr " +
    "iqd irr isk jmd jod jpy kes kgs khr kmf kpw krw kwd kyd kzt lak lbp lkr lrd lsl lyd mad mdl mga mkd mmk mnt mop mru mur " +
    "mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sdg sek sgd " +
    "shp sle sos srd ssp stn svc syp szl thb tjs tmt tnd top try ttd twd tzs uah ugx usd uyu uzs ves vnd vuv wst xaf xcd xcg " +
    "xof xpf yer zar zmw zwg"
  ).split(" "),
);

/**
 * Currencies whose minor unit is the major unit at Stripe. `isk` and `ugx` have no coins either, but Stripe keeps them at
 * two decimals that must be 00; `mga` is the other way round.
 */
export const ZERO_DECIMAL_CURRENCIES: ReadonlySet<string> = new Set(
  "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split(" "),
);

/** Currencies with 1,000 minor units; `iqd` and `lyd` by ISO 4217 alone, since Stripe does not offer them. */
export const THREE_DECIMAL_CURRENCIES: ReadonlySet<string> = new Set("bhd iqd jod kwd lyd omr tnd".split(" "));
