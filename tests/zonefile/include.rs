//! `$INCLUDE`: paths, origins, limits.

use super::*;

/// Reads `main` among other files in one folder.
fn read(files: &[(&str, &str)]) -> (Option<Records>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let mut diagnostics = Diagnostics::new();
    let path = folder.path().join("main");
    let records = zonefile::read(&path, &name("example.com"), &[], &mut diagnostics);
    let prefix = format!("{}/", folder.path().display());
    let lines = diagnostics.sorted();
    let lines = lines.iter().map(|d| d.to_string().replace(&prefix, ""));
    (records, lines.collect())
}

#[test]
fn an_included_file_has_its_own_origin_and_owner() {
    let main = format!("{HEAD}a A 1.2.3.4\n$INCLUDE inc sub\n A 1.2.3.5\nb A 1.2.3.4");
    let (records, said) = read(&[("main", &main), ("inc", "c A 1.2.3.4\n$ORIGIN x\n")]);
    let owners: Vec<_> = records
        .unwrap_or_else(|| panic!("{said:?}"))
        .iter()
        .map(|r| r.owner.to_string())
        .collect();
    assert_eq!(
        owners[2..],
        [
            "a.example.com.",
            "a.example.com.",
            "c.sub.example.com.",
            "b.example.com."
        ]
    );
}

#[test]
fn mistakes_name_the_included_file() {
    let main = format!("{HEAD}$INCLUDE inc");
    let (records, said) = read(&[("main", &main), ("inc", "\na A x")]);
    assert!(records.is_none());
    assert!(
        said[0].starts_with("inc:2:5: error: `x`: expected an IPv4"),
        "{said:?}"
    );
}

#[test]
fn a_missing_file_is_told_where_it_is_included() {
    let (records, said) = read(&[("main", &format!("{HEAD}$INCLUDE nowhere"))]);
    assert!(records.is_none());
    assert!(
        said[0].starts_with("main:4:10: error: cannot include `nowhere`"),
        "{said:?}"
    );
}

#[test]
fn a_file_that_includes_itself_is_refused() {
    let main = format!("{HEAD}$INCLUDE loop");
    let (records, said) = read(&[("main", &main), ("loop", "$INCLUDE loop\n")]);
    assert!(records.is_none());
    assert_eq!(said.len(), 1);
    assert!(said[0].contains("does a file include itself?"), "{said:?}");
}

#[test]
fn includes_are_limited_in_number_too() {
    let main = format!("{HEAD}$INCLUDE loop");
    let (records, _) = read(&[("main", &main), ("loop", &"$INCLUDE loop\n".repeat(50))]);
    assert!(records.is_none());
}

#[test]
fn what_is_no_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut diagnostics = Diagnostics::new();
    let records = zonefile::read(folder.path(), &name("a"), &[], &mut diagnostics);
    assert!(records.is_none());
    let said = diagnostics.sorted()[0].to_string();
    assert!(
        said.ends_with("cannot read the zone file: not a regular file"),
        "{said}"
    );
}
