//! What a column is found to hold.

use super::*;

#[test]
fn what_a_column_holds_is_found_over_the_whole_file() {
    let t = table("n,d,y,t,e\n,,,,\n1,2024-02-29,Yes,plan b,\n2,2024-03-01,NO,plan a,\n3,,,plan b,\n");
    let kinds: Vec<_> = t.columns.iter().map(crate::table::Column::kind).collect();
    assert_eq!(kinds, ["number", "date", "yes/no", "text", "number"]);
    let Values::YesNo(yes) = &t.columns[2].values else { panic!("{t:?}") };
    assert!(yes.get(0).is_nan() && yes.get(1) == 1.0 && yes.get(2) == 0.0);
    let Values::Dates(days) = &t.columns[1].values else { panic!("{t:?}") };
    assert_eq!(days.get(2) - days.get(1), 1.0);
    assert_eq!(levels(&t, "t").names, ["plan b", "plan a"]);
    assert_eq!((t.columns[4].missing, t.columns[3].missing), (4, 1));
}

#[test]
fn a_date_among_texts_or_numbers_is_text() {
    let t = table("a,b\n2024-01-01,2024-01-01\nnever,7\n");
    assert_eq!(found(&t, "a"), TextFound { numbers: 0, texts: 2, row: 0, value: "2024-01-01".into() });
    assert_eq!(found(&t, "b"), TextFound { numbers: 1, texts: 1, row: 0, value: "2024-01-01".into() });
}

#[test]
fn columns_that_are_mostly_text_are_read_again() {
    let file = tempfile::NamedTempFile::with_suffix(".csv").unwrap();
    std::fs::write(&file, "id,plan,zip,when\n1,7,01,2024-01-01\n2,b,a2,soon\n3,,01,\n").unwrap();
    let t = crate::table::read(file.path(), &ids(&["id"])).unwrap();
    assert_eq!(levels(&t, "plan").names, ["7", "b"]);
    assert_eq!(levels(&t, "when").names, ["2024-01-01", "soon"]);
    assert_eq!(found(&t, "zip").numbers, 2);
    let options = ReadOptions { as_text: [("zip".to_owned(), Vec::new())].into(), ..ids(&["id"]) };
    assert_eq!(levels(&crate::table::read(file.path(), &options).unwrap(), "zip").names, ["01", "a2"]);
}
