//! `meridian plan`

use serde_json::Value;

use crate::place::{Outcome, Place};
use crate::server::{config, place};

fn json(outcome: &Outcome) -> Value {
    assert_eq!((outcome.code, &*outcome.stderr), (0, ""), "{outcome:?}");
    serde_json::from_str(&outcome.stdout).unwrap()
}

fn plan(place: &Place, arguments: &[&str]) -> Value {
    json(&place.run(&[&["plan", "--json"], arguments].concat()))
}

/// The clients of a family, of the only policy.
fn clients(plan: &Value, family: usize) -> &Value {
    assert_eq!(plan["policies"].as_array().unwrap().len(), 1);
    &plan["policies"][0]["clients"][family]
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

fn near(one: f64, other: f64) -> bool {
    (one - other).abs() < 1e-9
}

#[test]
fn a_drain_moves_those_who_were_there_and_nobody_else() {
    let place = place();
    let plan = plan(&place, &["meridian.toml", "--drain", "eu"]);
    assert_eq!(plan["drained"][0], "eu");
    for family in [0, 1] {
        let clients = clients(&plan, family);
        let regions = clients["regions"].as_array().unwrap();
        let region = |name: &str| regions.iter().find(|r| r["region"] == name).unwrap();
        let moved = number(&clients["moved"]);
        assert!(moved > 0.1, "{clients}");
        assert!(near(number(&region("eu")["before"]), moved));
        assert_eq!(number(&region("eu")["after"]), 0.0);
        for side in ["before", "after"] {
            let sum: f64 = regions.iter().map(|region| number(&region[side])).sum();
            assert!(near(sum, 1.0), "{clients}");
        }
        let flows = clients["flows"].as_array().unwrap();
        assert!(
            flows
                .iter()
                .all(|flow| flow["from"] == "eu" && flow["to"] != "eu")
        );
        let sum: f64 = flows.iter().map(|flow| number(&flow["share"])).sum();
        assert!(near(sum, moved), "{clients}");
        // Europe moves as a whole, and North America not at all.
        let countries = clients["countries"].as_array().unwrap();
        let country = |code: &str| countries.iter().find(|c| c["country"] == code).unwrap();
        let europe = country("continent:EU");
        assert_eq!(europe["share"], europe["moved"]);
        assert_eq!(number(&country("continent:NA")["moved"]), 0.0);
        assert_eq!(clients["is_estimated"], false);
    }
    // All that the sample knows of IPv4, and all else but private and unroutable space.
    let total =
        number(&clients(&plan, 0)["total"]) + number(&clients(&plan, 0)["unlocated"]["total"]);
    assert!(total < 3.8e9 && total > 3.6e9, "{total}");
}

#[test]
fn a_plan_is_for_people_too() {
    let place = place();
    let outcome = place.run(&["plan", "meridian.toml", "--drain", "region:eu"]);
    assert_eq!((outcome.code, &*outcome.stderr), (0, ""), "{outcome:?}");
    for words in [
        "meridian.toml, region:eu drained\n",
        "policy world: www.gslb.example.com.\n",
        "IPv4 clients, type A: ",
        "region      before       after\n",
        "  eu -> us  ",
        "  continent:EU  ",
        "mean scope /",
    ] {
        assert!(
            outcome.stdout.contains(words),
            "{words}: {}",
            outcome.stdout
        );
    }
    let outcome = place.run(&["plan", "meridian.toml", "meridian.toml"]);
    assert_eq!(
        outcome.stdout,
        "meridian.toml\n\nnobody moves: policy world\n"
    );
}

#[test]
fn two_configurations_are_compared_by_name() {
    let place = place();
    let other = config()
        .replace("[policy.world]", "[policy.planet]")
        .replace(r#"policy = "world""#, r#"policy = "planet""#)
        .replace(r#"["continent:AS"]"#, r#"["continent:AS", "continent:EU"]"#)
        .replace(r#"serves   = ["continent:EU"]"#, "")
        + "new = { policy = \"planet\" }\n";
    place.write("new.toml", other);
    let plan = plan(&place, &["meridian.toml", "new.toml"]);
    assert_eq!(plan["names_only_after"][0], "new.gslb.example.com.");
    let policy = &plan["policies"][0];
    assert_eq!(
        (&policy["before"], &policy["after"]),
        (&"world".into(), &"planet".into())
    );
    let flows = clients(&plan, 0)["flows"].as_array().unwrap();
    assert!(
        flows
            .iter()
            .any(|flow| flow["from"] == "eu" && flow["to"] == "ap")
    );
    assert!(
        flows
            .iter()
            .all(|flow| flow["to"] != "us" || flow["from"] == "eu")
    );
}

#[test]
fn two_databases_are_compared() {
    let place = place();
    let table = |country: &str| format!("20.0.0.0/8,{country}\n30.0.0.0/8,US\n");
    for (name, country) in [("old", "DE"), ("new", "JP")] {
        place.write(&format!("{name}.csv"), table(country));
        let (csv, mmdb) = (format!("{name}.csv"), format!("{name}.mmdb"));
        assert_eq!(place.run(&["geoip", "build", &csv, "-o", &mmdb]).code, 0);
        let (head, rest) = config().split_once("databases = ").map(own).unwrap();
        let rest = rest.split_once('\n').unwrap().1.to_owned();
        place.write(
            &format!("{name}.toml"),
            format!("{head}databases = \"{mmdb}\"\n{rest}"),
        );
    }
    let plan = plan(&place, &["old.toml", "new.toml"]);
    let clients = clients(&plan, 0);
    assert_eq!(number(&clients["total"]), f64::from(1 << 25));
    assert!(near(number(&clients["moved"]), 0.5), "{clients}");
    assert_eq!(clients["flows"][0]["from"], "eu");
    assert_eq!(clients["flows"][0]["to"], "ap");
    // Where clients are is what the new one says.
    assert_eq!(clients["countries"][0]["country"], "JP");
}

fn own((one, other): (&str, &str)) -> (String, String) {
    (one.to_owned(), other.to_owned())
}

#[test]
fn shares_of_a_weighted_policy_are_estimated() {
    let place = place();
    let weighted = |eu: u32| {
        let policy = format!("weighted = {{ web-eu = {eu}, web-us = 1 }}");
        config().replace(r#"geo = ["web-eu", "web-us", "web-ap"]"#, &policy)
    };
    place.write("meridian.toml", weighted(1));
    place.write("new.toml", weighted(3));
    let plan = plan(&place, &["meridian.toml", "new.toml"]);
    let clients = clients(&plan, 0);
    assert_eq!(clients["is_estimated"], true);
    // From 1/2 to 3/4.
    assert!((number(&clients["moved"]) - 0.25).abs() < 0.03, "{clients}");
    let outcome = place.run(&["plan", "meridian.toml", "meridian.toml"]);
    assert!(outcome.stdout.contains("nobody moves"), "{outcome:?}");
}

#[test]
fn where_hashes_choose_each_client_counts_by_itself() {
    let place = place();
    let of = |kind: &str, members: &str| {
        let policy = format!("{kind} = [{members}]");
        config().replace(r#"geo = ["web-eu", "web-us", "web-ap"]"#, &policy)
    };
    let (two, three) = (r#""web-eu", "web-us""#, r#""web-eu", "web-us", "web-ap""#);
    // By chance, and by hashes made for that, a third goes to the new one; other hashes deal all anew.
    for (kind, least, most) in [
        ("random", 0.31, 0.36),
        ("rendezvous", 0.31, 0.36),
        ("source-hash", 0.31, 0.70),
    ] {
        place.write("meridian.toml", of(kind, two));
        place.write("new.toml", of(kind, three));
        let plan = plan(&place, &["meridian.toml", "new.toml"]);
        let clients = clients(&plan, 0);
        let moved = number(&clients["moved"]);
        assert!((least..most).contains(&moved), "{kind}: {clients}");
        let is_kept = kind != "source-hash";
        let flows = clients["flows"].as_array().unwrap();
        assert!(
            !is_kept || flows.iter().all(|flow| flow["to"] == "ap"),
            "{clients}"
        );
    }
}

#[test]
fn what_is_down_already_is_down_before_and_after() {
    let place = place();
    let arguments = ["meridian.toml", "--drain", "eu", "--already-down", "us"];
    let plan = plan(&place, &arguments);
    let flows = clients(&plan, 0)["flows"].as_array().unwrap();
    assert_eq!(flows.len(), 1);
    assert_eq!(
        (&flows[0]["from"], &flows[0]["to"]),
        (&"eu".into(), &"ap".into())
    );
}

#[test]
fn one_name_is_planned_alone() {
    let place = place();
    let more = config() + "\"*.app\" = { policy = \"other\" }\n";
    let more = more.replace(
        "[policy.world]",
        "[policy.other]\nfailover = [\"web-us\", \"web-eu\"]\n[policy.world]",
    );
    place.write("meridian.toml", more);
    let of = |name: &str| plan(&place, &["meridian.toml", "--drain", "us", "--name", name]);
    let app = of("x.app.gslb.example.com");
    assert_eq!(app["policies"][0]["before"], "other");
    assert_eq!(clients(&app, 0)["moved"], 1.0);
    assert_eq!(of("WWW.gslb.example.com")["policies"][0]["before"], "world");
}

#[test]
fn what_cannot_be_planned_is_told() {
    let place = place();
    place.write("broken.toml", "[server]\nlisten = 7\n");
    for (arguments, words) in [
        (&["meridian.toml"][..], "there is nothing to compare"),
        (
            &["meridian.toml", "--drain", "mars"],
            "`mars` means no endpoint of meridian.toml: regions eu, us, ap; pools web-eu, ",
        ),
        (
            &[
                "meridian.toml",
                "--drain",
                "eu",
                "--name",
                "mail.gslb.example.com",
            ],
            "mail.gslb.example.com. is no balanced name in the configuration as it is",
        ),
        (
            &["meridian.toml", "broken.toml"],
            "broken.toml cannot be used",
        ),
        (&["none.toml", "--drain", "eu"], "none.toml cannot be used"),
    ] {
        let outcome = place.run(&[&["plan"], arguments].concat());
        assert_eq!(outcome.code, 1, "{outcome:?}");
        assert!(outcome.stderr.contains(words), "{words}: {outcome:?}");
    }
}

#[test]
fn a_zone_with_mistakes_is_no_plan() {
    let place = place();
    place.write("new.toml", config().replace("gslb.zone", "new.zone"));
    place.write("new.zone", "nonsense");
    let outcome = place.run(&["plan", "meridian.toml", "new.toml"]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    assert!(
        outcome.stderr.contains("new.toml cannot be used"),
        "{outcome:?}"
    );
}

#[test]
fn a_map_shows_who_moves() {
    let place = place();
    let arguments = ["plan", "meridian.toml", "--drain", "eu", "--svg", "map.svg"];
    let outcome = place.run(&arguments);
    assert_eq!((outcome.code, &*outcome.stderr), (0, ""), "{outcome:?}");
    let svg = place.read("map.svg");
    for words in [
        "<title>meridian.toml, eu drained</title>",
        "% of clients move</text>",
        "policy world: www.gslb.example.com. · by IPv4 address space, type A</text>",
        ">eu → us</text>",
        "prefers-color-scheme:dark",
        // Europe and North America, in whatever order.
        "M767.2 230.6h0",
        "M363.0 272.1h0",
    ] {
        assert!(svg.contains(words), "{words}: {svg}");
    }
    let opened = svg.matches("<g ").count() + svg.matches("<text ").count();
    let closed = svg.matches("</g>").count() + svg.matches("</text>").count();
    assert_eq!(opened, closed);
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");

    let outcome = place.run(&[
        "plan",
        "meridian.toml",
        "--drain",
        "eu",
        "--svg",
        "no/map.svg",
    ]);
    assert_eq!(outcome.code, 1);
    assert!(outcome.stderr.contains("no/map.svg: "), "{outcome:?}");
}
