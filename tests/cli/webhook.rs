//! The webhook: what it is told, when again, and after what.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::health::{Web, body, place, until_verdict};
use crate::place::Place;
use crate::process::eventually;
use crate::server::Server;

/// With a webhook at `hook`, and its secret.
fn hooked(web: &Web, hook: &Web) -> Place {
    let url = format!("http://{}/hook?token=hush", hook.address);
    let place = place(
        web,
        &format!("[webhook]\nurl = \"{url}\"\nsecret_file = \"hook.secret\""),
    );
    let secret = place.write("hook.secret", "0123456789abcdef0123456789abcdef\n");
    std::fs::set_permissions(secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    place
}

#[test]
fn a_webhook_is_told_signed_and_again_until_it_listens() {
    let (web, hook) = (Web::new(), Web::new());
    hook.set_well(false);
    let place = hooked(&web, &hook);
    let mut server = Server::start(&place, &[]);
    until_verdict(&place, "up");
    web.set_well(false);
    let logged = server
        .process
        .until_stderr("the webhook does not take changes");
    assert!(!logged.contains("hush"), "{logged}");
    hook.set_well(true);
    server
        .process
        .until_stderr("the webhook takes changes again");
    let requests = hook.requests();
    let (first, last) = (&requests[0], requests.last().unwrap());
    assert!(
        first.starts_with("POST /hook?token=hush HTTP/1.1\r\n"),
        "{first}"
    );
    assert!(
        first.contains("\r\nx-meridian-signature: sha256="),
        "{first}"
    );
    assert_eq!(body(first)["id"], body(last)["id"]);
    let change = &body(last)["changes"][0];
    assert_eq!(
        (&change["from"], &change["to"]),
        (&"up".into(), &"down".into())
    );
    assert_eq!(change["why"], "2 of 2 failed: bad status 503");
}

#[test]
fn a_secret_that_others_can_read_is_refused() {
    let (web, hook) = (Web::new(), Web::new());
    let place = hooked(&web, &hook);
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(place.path("hook.secret"), open).unwrap();
    let told = place.run(&["check", "--config", "meridian.toml"]);
    assert_eq!(told.code, 1);
    assert!(
        told.stderr.contains("hook.secret: contains secrets"),
        "{}",
        told.stderr
    );
    assert!(!told.stderr.contains("0123456789"), "{}", told.stderr);
}

/// A server whose endpoint just fell, which the webhook does not take notice of.
fn refused(place: &Place, web: &Web, hook: &Web) -> Server {
    hook.set_well(false);
    let mut server = Server::start(place, &[]);
    until_verdict(place, "up");
    web.set_well(false);
    server
        .process
        .until_stderr("the webhook does not take changes");
    server
}

#[test]
fn what_waits_for_the_webhook_outlives_kill_minus_nine_by_the_same_name() {
    let (web, hook) = (Web::new(), Web::new());
    let place = hooked(&web, &hook);
    let mut server = refused(&place, &web, &hook);
    // One more waits behind the request that nobody takes.
    web.set_well(true);
    until_verdict(&place, "up");
    eventually("it is saved", || {
        let saved: Value = serde_json::from_str(&place.read("state/webhook.json")).unwrap();
        (saved["waiting"].as_array()?.len() == 1).then_some(())
    });
    server.process.signal("KILL");
    server.process.wait();
    let refused = hook.requests();
    let (first, last_refused) = (body(&refused[0]), body(refused.last().unwrap()));
    assert_eq!(first["id"], last_refused["id"]);
    hook.set_well(true);
    let mut server = Server::start(&place, &[]);
    server
        .process
        .until_stderr("changes from before the restart wait for the webhook");
    let taken = eventually("both requests", || {
        let requests = hook.requests();
        let taken = requests.get(refused.len()..)?;
        (taken.len() >= 2).then(|| taken.iter().map(|taken| body(taken)).collect::<Vec<_>>())
    });
    assert_eq!(
        (&taken[0]["id"], &taken[0]["changes"]),
        (&first["id"], &first["changes"])
    );
    let turn = |letter: &Value| letter["changes"][0]["to"].as_str().unwrap().to_owned();
    assert_eq!(
        (turn(&taken[0]), turn(&taken[1])),
        ("down".to_owned(), "up".to_owned())
    );
    // What was taken is not sent again.
    eventually("nothing waits", || {
        let saved: Value = serde_json::from_str(&place.read("state/webhook.json")).unwrap();
        (saved["letter"].is_null() && saved["waiting"] == Value::Array(Vec::new())).then_some(())
    });
    server.process.signal("TERM");
    assert_eq!(server.process.wait(), 0);
    let before = hook.requests().len();
    let server = Server::start(&place, &[]);
    web.set_well(false);
    until_verdict(&place, "down");
    let next = eventually("the next change", || {
        hook.requests().get(before).map(|request| body(request))
    });
    assert_ne!(next["id"], first["id"]);
    assert!(!server.process.stderr().contains("before the restart"));
    server.process.signal("KILL");
}

#[test]
fn what_waits_when_the_server_stops_is_said_to_wait_on() {
    let (web, hook) = (Web::new(), Web::new());
    let place = hooked(&web, &hook);
    let mut server = refused(&place, &web, &hook);
    server.process.signal("TERM");
    assert_eq!(server.process.wait(), 0);
    let said = server.process.stderr();
    assert!(
        said.contains("they are sent after the next start"),
        "{said}"
    );
}
