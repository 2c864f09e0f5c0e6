//! DNAME (RFC 6672): what makes a zone wrong is refused, what is never answered is warned of.

use super::*;

#[test]
fn rfc_6672_section_2_4_records_below_a_dname_are_never_answered() {
    says(
        "d DNAME example.net.\na.d TXT x\nd TXT y\nx.y.d A 1.2.3.4\nxd A 1.2.3.4\n",
        &[
            "z:5:5: warning: the TXT records of `a.d.example.com.` are never answered: \
             `d.example.com.` is redirected by DNAME \
             (the DNAME is at z:4:3)",
            "z:7:7: warning: the A records of `x.y.d.example.com.` are never answered: \
             `d.example.com.` is redirected by DNAME \
             (the DNAME is at z:4:3)",
        ],
    );
}

#[test]
fn rfc_6672_section_2_4_the_apex_may_be_redirected_beside_its_ns() {
    says("@ DNAME example.net.\n@ TXT x", &[]);
    let said = said("@ DNAME example.net.\na A 1.2.3.4");
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(said[0].starts_with("z:5:3: warning: the A records of `a.example.com.`"));
}

#[test]
fn rfc_6672_section_2_4_a_delegation_hides_a_dname() {
    says(
        "d DNAME example.net.\nd NS ns.example.net.",
        &[
            "z:4:3: warning: the DNAME records of `d.example.com.` are never answered: \
             `d.example.com.` is delegated to other nameservers (the NS is at z:5:3)",
        ],
    );
}

#[test]
fn rfc_6672_section_2_4_one_dname_and_no_cname_at_a_name() {
    says(
        "d DNAME example.net.\nd DNAME example.org.",
        &["z:5:3: error: `d.example.com.` has several DNAME records (the first one is at z:4:3)"],
    );
    says(
        "d DNAME example.net.\nd CNAME example.org.",
        &[
            "z:4:3: error: `d.example.com.` has a CNAME and also DNAME records \
           (an alias has no other data (RFC 2181, 10.1); the CNAME is at z:5:3)",
        ],
    );
}

#[test]
fn rfc_6672_section_3_3_a_dname_at_a_wildcard_is_warned_of() {
    says(
        "*.d DNAME example.net.",
        &["z:4:5: warning: DNAME at the wildcard `*.d.example.com.` \
           (what it means is not well defined (RFC 6672, section 3.3))"],
    );
}

#[test]
fn a_balanced_name_cannot_be_below_a_dname() {
    let text = format!("{HEAD}d DNAME example.net.\n");
    let (records, said) = parse(&text, &["www.d.example.com"]);
    assert!(records.is_none());
    assert_eq!(
        said,
        [
            "z:4:3: error: `www.d.example.com.` is balanced, but `d.example.com.` is redirected by \
          DNAME (it would never be answered; remove one or the other)"
        ]
    );
}
