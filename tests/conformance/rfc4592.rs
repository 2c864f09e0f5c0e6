//! RFC 4592: The role of wildcards in the Domain Name System.

use crate::*;

#[test]
fn section_2_1_1_a_wildcard_can_be_asked_for_by_its_own_name() {
    let reply = ask(&gslb("*.wild", "A"));
    assert_answers(&reply, &["*.wild.gslb.example.com. 3600 IN A 192.0.2.40"]);
}

#[test]
fn section_2_1_3_an_asterisk_inside_a_name_is_a_label_like_others() {
    assert_answers(
        &ask(&gslb("x.*.entwild", "A")),
        &["x.*.entwild.gslb.example.com. 3600 IN A 192.0.2.42"],
    );
    assert_no_data(&ask(&gslb("x.y.entwild", "A")));
}

#[test]
fn section_2_2_2_an_empty_non_terminal_is_no_data() {
    assert_no_data(&ask(&gslb("ent", "A")));
    assert_no_data(&ask(&gslb("_tcp", "SRV")));
    assert_no_data(&ask(&gslb("sub.wild", "A")));
    // That of a wildcard, too: it exists, and covers others with nothing.
    assert_no_data(&ask(&gslb("app", "A")));
    assert_no_data(&ask(&gslb("any.entwild", "A")));
}

#[test]
fn section_3_3_1_a_wildcard_covers_names_of_any_depth() {
    for name in ["x.wild", "x.y.wild", "x.y.z.wild"] {
        let reply = ask(&gslb(name, "A"));
        let line = format!("{name}.gslb.example.com. 3600 IN A 192.0.2.40");
        assert_answers(&reply, &[&line]);
    }
}

#[test]
fn section_2_2_1_what_exists_is_not_covered() {
    // It has text only.
    assert_no_data(&ask(&gslb("host.wild", "A")));
    // `sub.wild` exists as an empty non-terminal, and is the closest encloser.
    assert_no_name(&ask(&gslb("x.sub.wild", "A")));
    assert_no_name(&ask(&gslb("x.host.wild", "A")));
}

#[test]
fn section_2_2_1_a_type_that_the_wildcard_lacks_is_no_data() {
    assert_no_data(&ask(&gslb("x.wild", "AAAA")));
}

#[test]
fn section_3_3_3_an_alias_at_a_wildcard_is_followed() {
    let reply = ask(&gslb("any.alias-wild", "A").from("20.1.2.3"));
    assert_answers(
        &reply,
        &[
            "any.alias-wild.gslb.example.com. 300 IN CNAME www.gslb.example.com.",
            "www.gslb.example.com. 30 IN A 192.0.2.1",
        ],
    );
}

#[test]
fn section_3_3_3_an_alias_to_a_name_under_a_wildcard_is_followed() {
    let reply = ask(&gslb("covered", "A"));
    assert_answers(
        &reply,
        &[
            "covered.gslb.example.com. 300 IN CNAME some.wild.gslb.example.com.",
            "some.wild.gslb.example.com. 3600 IN A 192.0.2.40",
        ],
    );
}

#[test]
fn a_balanced_wildcard_covers_what_a_static_one_would() {
    let reply = ask(&gslb("x.y.app", "A").from("2600:1000::53"));
    assert_answers(&reply, &["x.y.app.gslb.example.com. 30 IN A 192.0.2.2"]);
    let reply = ask(&gslb("*.app", "A").from("2600:1000::53"));
    assert_answers(&reply, &["*.app.gslb.example.com. 30 IN A 192.0.2.2"]);
    assert_no_data(&ask(&gslb("x.app", "TXT")));
}
