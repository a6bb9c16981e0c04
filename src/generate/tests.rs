//! What every table must hold, whatever its size.

use super::*;
use sha2::{Digest, Sha256};

fn csv(options: &Options) -> String {
    let mut out = Vec::new();
    Customers::new(options.clone()).unwrap().write_csv(&mut out, |_| ()).unwrap();
    String::from_utf8(out).unwrap()
}

fn wide() -> Options {
    Options { rows: 300, features: 12, truth: true, ..Options::default() }
}

#[test]
fn a_customer_depends_on_the_row_alone() {
    let customers = Customers::new(wide()).unwrap();
    let together = String::from_utf8(csv::text(&customers.block(0..300), None)).unwrap();
    let alone = (0..300).map(|row| String::from_utf8(csv::text(&customers.block(row..row + 1), None)).unwrap());
    assert_eq!(alone.collect::<String>(), together);
}

#[test]
fn a_longer_table_begins_with_the_shorter_one() {
    let (short, long) = (csv(&wide()), csv(&Options { rows: 70_000, ..wide() }));
    assert!(long.starts_with(&short));
}

#[test]
fn a_wider_table_has_the_columns_of_the_narrower_one() {
    let wide = csv(&wide());
    for features in [1, 6, 7, 8, 11] {
        let narrow = csv(&Options { features, ..self::wide() });
        for (wide, narrow) in wide.lines().zip(narrow.lines()) {
            let wide: Vec<&str> = wide.split(',').collect();
            let kept = [&wide[..=features], &wide[13..]].concat().join(",");
            assert_eq!(kept, narrow, "{features}");
        }
    }
}

#[test]
fn seeds_give_other_customers_and_other_groups() {
    let more = Options { groups: 9, ..wide() };
    assert_ne!(csv(&more), csv(&Options { seed: 43, ..more.clone() }));
}

#[test]
fn made_up_groups_and_measures_are_fixed_for_ever() {
    let table = csv(&Options { rows: 1000, groups: 12, features: 9, truth: true, seed: 42 });
    let hex: String = Sha256::digest(table).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "ee0db8696dd93f726cb2fb8633f06aaeb6ba94f76f7c6133fa4ebb3b056a4049");
}

#[test]
fn told_hears_of_every_row_once_it_is_written() {
    let (mut heard, options) = (Vec::new(), Options { rows: 200_000, ..Options::default() });
    Customers::new(options).unwrap().write_csv(io::sink(), |rows| heard.push(rows)).unwrap();
    assert!(heard.is_sorted() && heard.last() == Some(&200_000), "{heard:?}");
}

#[test]
fn options_out_of_range_are_named() {
    let default = Options::default();
    for (options, what) in [
        (Options { rows: 0, ..default.clone() }, "rows must be from 1 to 1000000000000, not 0"),
        (Options { groups: 0, ..default.clone() }, "groups must be from 1 to 1000, not 0"),
        (Options { groups: 1001, ..default.clone() }, "not 1001"),
        (Options { features: 0, ..default.clone() }, "features must be"),
        (Options { features: 1001, ..default }, "features must be"),
    ] {
        let error = Customers::new(options).unwrap_err();
        assert!(error.exit_code() == 2 && error.to_string().contains(what), "{error}");
    }
}
