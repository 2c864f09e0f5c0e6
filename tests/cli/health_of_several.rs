//! `meridian health` of endpoints that go by several targets.

use serde_json::Value;

use crate::health::{Web, health, json, turns};
use crate::place::Place;
use crate::process::eventually;
use crate::server::{Server, ZONE};

/// `web-eu` is up with one of `http` and `deep`, with the database, and while there is no maintenance; `plain-eu` with
/// `http` alone.
fn place(http: &Web, deep: &Web, database: &Web) -> Place {
    let place = Place::new();
    place.write("gslb.zone", ZONE);
    let (http, deep, database) = (http.address.port(), deep.address.port(), database.address);
    let probe = "interval = \"100ms\"\ntimeout = \"90ms\"";
    let config = format!(
        r#"
[server]
listen      = ["127.0.0.1:0"]
state_dir   = "state"
udp_threads = 1
[region.eu]
[monitor.http]
http = "/"
port = {http}
{probe}
[monitor.deep]
http = "/deep"
port = {deep}
{probe}
[monitor.database]
http = "/"
at   = "{database}"
{probe}
[monitor.maintenance]
push = {{ max_age = "1h" }}
[monitor.either]
any = ["http", "deep"]
[monitor.in-service]
not = "maintenance"
[pool.web-eu]
region    = "eu"
monitor   = ["either", "database", "in-service"]
endpoints = ["127.0.0.1"]
[pool.plain-eu]
region    = "eu"
monitor   = "http"
endpoints = ["127.0.0.1"]
[policy.world]
failover = ["web-eu", "plain-eu"]
[zone."gslb.example.com"]
file = "gslb.zone"
[zone."gslb.example.com".balanced]
www = {{ policy = "world" }}
"#
    );
    place.write("meridian.toml", config);
    place
}

const WHOLE: &str = "either, database, in-service";

/// The endpoint, once its verdict is this.
fn until(place: &Place, verdict: &str) -> Value {
    eventually(verdict, || {
        let endpoint = json(place, &["web-eu"])["endpoints"][0].clone();
        (endpoint["verdict"] == verdict).then_some(endpoint)
    })
}

#[test]
fn an_endpoint_is_told_with_the_condition_that_it_goes_by_part_by_part() {
    let (http, deep, database) = (Web::new(), Web::new(), Web::new());
    let place = place(&http, &deep, &database);
    let mut server = Server::start(&place, &[]);
    // Of maintenance, nobody spoke yet.
    let unknown = until(&place, "unknown");
    assert_eq!(
        (&unknown["counts_as"], &unknown["why"]),
        (&"up".into(), &"nothing is known of in-service".into())
    );
    let said = |words: &[&str]| {
        let done = place.run(&[words, &["-c", "meridian.toml"]].concat());
        assert_eq!(done.code, 0, "{done:?}");
    };
    said(&["observe", "web-eu", "down", "--monitor", "maintenance"]);
    let up = until(&place, "up");
    // A second has one line of it.
    server.process.until_stderr("web-eu/127.0.0.1 is up");
    assert_eq!(up["why"], "either, database and in-service are up");
    let condition = &up["condition"];
    assert_eq!(
        (&condition["monitor"], &condition["how"]),
        (&WHOLE.into(), &"all of".into())
    );
    let part = |n: usize| &condition["parts"][n];
    assert_eq!(
        (&part(0)["how"], &part(0)["why"]),
        (&"any of".into(), &"http and deep are up".into())
    );
    assert_eq!(part(1)["monitor"], "database");
    assert_eq!(
        (&part(2)["how"], &part(2)["why"]),
        (&"not".into(), &"maintenance is down".into())
    );

    // A part that is down, where another does: the endpoint stays up, and nothing says otherwise.
    deep.set_well(false);
    let up = eventually("deep is down", || {
        let endpoint = json(&place, &["web-eu"])["endpoints"][0].clone();
        let deep = &endpoint["condition"]["parts"][0]["parts"][1];
        (deep["verdict"] == "down").then_some(endpoint)
    });
    assert_eq!(
        (&up["verdict"], &up["condition"]["parts"][0]["why"]),
        (&"up".into(), &"http is up".into())
    );
    let port = deep.address.port();
    let line = server.process.until_stderr("/deep is down");
    assert!(!line.contains("\"web-eu/127.0.0.1 is down\""), "{line}");

    database.set_well(false);
    let down = until(&place, "down");
    assert_eq!(
        (&down["counts_as"], &down["why"]),
        (&"down".into(), &"database is down".into())
    );

    let text = health(&place, &["web-eu"]).stdout;
    for part in [
        "4 targets: 1 up, 3 down, 0 unknown; 1 endpoint of several targets: 0 up, 1 down, 0 unknown; ",
        "\nweb-eu/127.0.0.1 (region eu)\n  verdict    down for ",
        "\n  why        database is down\n  counts as  down\n",
        "\n  condition  down     either, database, in-service  all of: database is down\n",
        "\n             up         either                      any of: http is up\n",
        &format!(
            "\n             down         deep                      http://127.0.0.1:{port}/deep: "
        ),
        "\n             up         in-service                  not: maintenance is down\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(
        text.contains("web-eu/127.0.0.1                  database: "),
        "{text}"
    );
    let text = health(&place, &["monitor:database"]).stdout;
    assert!(
        text.contains("(region eu), as a part of either, database, in-service\n"),
        "{text}"
    );

    let text = health(&place, &["--history", "monitor:http"]).stdout;
    assert!(
        text.contains("  up        plain-eu/127.0.0.1                first probe"),
        "{text}"
    );
    let text = health(&place, &["monitor:maintenance"]).stdout;
    assert!(text.contains("\n  why       told to be down\n"), "{text}");
    let history = json(&place, &["--history", "monitor:http"]);
    assert_eq!(
        (&history[0]["endpoints"][0], &history[0]["part_endpoints"]),
        (&"plain-eu/127.0.0.1".into(), &1.into())
    );

    // The target's change, and what became of the endpoint by it.
    let told = turns(&place, "web-eu");
    let is_calculated = |turn: &&[String; 4]| turn[0] == "calculation";
    let of_endpoint: Vec<_> = told.iter().filter(is_calculated).collect();
    let calculated =
        |from: &str, to: &str, why: &str| ["calculation", from, to, why].map(str::to_owned);
    assert_eq!(
        of_endpoint,
        [
            &calculated("unknown", "up", "either, database and in-service are up"),
            &calculated("up", "down", "database is down"),
        ]
    );
    let history = json(&place, &["--history", "monitor:database"]);
    let change = history.as_array().unwrap().last().unwrap();
    assert_eq!(
        (&change["part"], &change["to"]),
        (&true.into(), &"down".into())
    );
    let text = health(&place, &["--history", "monitor:database"]).stdout;
    let at = format!("down      http://{}/ ", database.address);
    assert!(text.contains(&at), "{at}: {text}");
}

#[test]
fn what_is_asked_for_by_the_name_of_a_monitor_is_all_that_it_comes_down_to() {
    let (http, deep, database) = (Web::new(), Web::new(), Web::new());
    let place = place(&http, &deep, &database);
    let _server = Server::start(&place, &[]);
    let meant = |what: &str| {
        let report = json(&place, &[what]);
        let count = |list: &str| report[list].as_array().unwrap().len();
        (count("targets"), count("endpoints"))
    };
    assert_eq!(meant("monitor:either"), (2, 1));
    assert_eq!(meant("monitor:in-service"), (1, 1));
    assert_eq!(meant("monitor:maintenance"), (1, 1));
    assert_eq!(meant(&format!("monitor:{WHOLE}")), (4, 1));
    // What others share with it by name is theirs, and so is what they go by.
    assert_eq!(meant("plain-eu"), (1, 0));
    assert_eq!(meant("monitor:http"), (1, 1));
    assert_eq!(meant("127.0.0.1"), (4, 1));
    assert_eq!(meant(&format!("http://{}/", database.address)), (1, 1));
    let none = health(&place, &["monitor:nobody"]);
    assert_eq!(none.code, 1);
}

#[test]
fn another_calculation_is_a_change_of_its_own_after_a_reload() {
    let (http, deep, database) = (Web::new(), Web::new(), Web::new());
    database.set_well(false);
    let place = place(&http, &deep, &database);
    let mut server = Server::start(&place, &[]);
    until(&place, "down");
    let text = place.read("meridian.toml");
    place.write(
        "meridian.toml",
        text.replace(", \"database\", \"in-service\"]", "]"),
    );
    server.reload("configuration reloaded");
    let last = eventually("it is up without the database", || {
        let last = turns(&place, "web-eu/127.0.0.1").pop()?;
        (last[2] == "up").then_some(last)
    });
    assert_eq!(
        last,
        ["calculation", "down", "up", "http and deep are up"].map(str::to_owned)
    );
    let report = json(&place, &["web-eu"]);
    assert_eq!(report["targets"].as_array().unwrap().len(), 2, "{report}");
}
