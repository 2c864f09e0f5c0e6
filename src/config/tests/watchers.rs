//! `[metrics]` and `[webhook]`.

use std::path::PathBuf;

use super::super::{Config, Metrics};
use super::{marked, parse_text, reported};

fn config(text: &str) -> Config {
    parse_text(text).expect("nothing is wrong").config
}

/// Without any, there is something else to be told.
const ZONE: &str = "\n[zone.example]\nfile = \"example.zone\"";

/// One mistake or warning, at the mark, with this text.
fn assert_told(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        let (text, place) = marked(text);
        let text = text + ZONE;
        assert_eq!(reported(&text), [format!("{place}: {expected}")], "{text}");
    }
}

#[test]
fn nobody_is_told_anything_by_default() {
    let config = config("");
    assert_eq!((config.metrics, config.webhook), (None, None));
}

#[test]
fn metrics_are_on_loopback_unless_it_is_said_that_they_need_not() {
    let listen = |text: &str| {
        let Metrics { listen } = config(text).metrics.expect("metrics");
        listen.to_string()
    };
    assert_eq!(listen("[metrics]"), "127.0.0.1:9153");
    assert_eq!(listen("[metrics]\nlisten = \"[::1]:0\""), "[::1]:0");
    let remote = "[metrics]\nlisten = \"0.0.0.0:9153\"\nallow_remote = true";
    assert_eq!(listen(remote), "0.0.0.0:9153");
    assert_told(&[
        (
            "[metrics]\nlisten = ¦\"192.0.2.1:9153\"",
            "error: 192.0.2.1:9153 is not on loopback, and whoever gets there may read metrics (where a \
             firewall sees to that, write `allow_remote = true`)",
        ),
        (
            "[metrics]\n¦port = 9153",
            "error: unknown key `port` ([metrics] knows `listen` and `allow_remote`)",
        ),
    ]);
}

#[test]
fn a_webhook_is_told_of_falls_and_rises_unless_it_asks_for_less() {
    let webhook = |on: &str| {
        let text = format!(
            "[webhook]\nurl = \"https://example.org/a?b\"\nsecret_file = \"hook.secret\"\n{on}"
        );
        config(&text).webhook.expect("a webhook")
    };
    let both = webhook("");
    assert_eq!(both.url, "https://example.org/a?b");
    let path = both.secret_file.map(|at| at.value);
    assert_eq!(path, Some(PathBuf::from("/etc/meridian/hook.secret")));
    assert!(both.on_down && both.on_up);
    let down = webhook("on = \"down\"");
    assert!(down.on_down && !down.on_up);
    let both = webhook("on = [\"up\", \"down\"]");
    assert!(both.on_down && both.on_up);
}

#[test]
fn mistakes_in_a_webhook() {
    assert_told(&[
        (
            "[webhook]\nsecret_file = \"s\"\nurl = ¦\"ftp://example.org/\"",
            "error: expected a URL such as \"https://example.org/hook\", found \"ftp://example.org/\"",
        ),
        (
            "[webhook]\nsecret_file = \"s\"\nurl = \"https://example.org/\"\non = ¦\"unknown\"",
            "error: \"unknown\" is none of `down` and `up`",
        ),
        (
            "[webhook]\nurl = \"https://example.org/\"\nsecret = \"0123456789abcdef\"\n¦secret_file = \"s\"",
            "error: `secret_file` and `secret` exclude each other",
        ),
        (
            "[webhook]\nsecret_file = \"s\"\nurl = ¦\"http://192.0.2.1/\"",
            "warning: what is sent there can be read on its way (https:// is not)",
        ),
    ]);
    let here = "[webhook]\nsecret_file = \"s\"\nurl = \"http://127.0.0.1:1/\"";
    assert_eq!(reported(&format!("{here}{ZONE}")), [""; 0]);
}

#[test]
fn neither_secrets_nor_passwords_are_shown() {
    for text in [
        "[webhook]\nurl = \"https://example.org/\"\nsecret = \"hush-hush\"",
        "[webhook]\nurl = \"https://example.org/\"\nsecret = [\"hush-hush\"]",
        "[webhook]\nsecret_file = \"s\"\nurl = \"https://ann:hush-hush@example.org/\"",
    ] {
        let [mistake] = &reported(&format!("{text}{ZONE}"))[..] else {
            panic!("{text}");
        };
        assert!(
            mistake.contains("error:") && !mistake.contains("hush"),
            "{mistake}"
        );
        assert!(
            !mistake.starts_with("3:1"),
            "a column shows the line: {mistake}"
        );
    }
    let secret = "[webhook]\nurl = \"https://example.org/\"\nsecret = \"hush-hush-hush-hush\"";
    assert!(!format!("{:?}", config(secret)).contains("hush"));
}
