//! Parts of the requests for each side.

use crate::asking::*;
use crate::harness::*;

fn split(options: &str) -> (Site, [Heads; 2]) {
    let (web, of_web) = scripted(|_, _| ok("", "web"));
    let (other, of_other) = scripted(|_, _| ok("", "other"));
    let routes = format!(
        "[[forwarder.route]]\nsplit = [{{ to = \"web\", weight = 75 }}, {{ to = \"other\", weight = 25 }}]\n{options}\n"
    );
    (site(&routes, &[web, other]), [of_web, of_other])
}

#[test]
fn a_client_stays_at_its_side() {
    let (site, _) = split("");
    let first = get(&site, "/").text();
    assert!((0..20).all(|_| get(&site, "/").text() == first));
}

#[test]
fn without_memory_parts_are_those_of_the_weights() {
    let (site, [of_web, of_other]) = split("canary = { keep = \"none\" }");
    let mut client = site.connect();
    for _ in 0..1000 {
        client.send(GET);
        let head = client.head();
        let len: usize = values(&head, "content-length")[0].parse().unwrap();
        std::io::Read::read_exact(&mut client.0, &mut vec![0; len]).unwrap();
    }
    let (web, other) = (of_web.lock().unwrap().len(), of_other.lock().unwrap().len());
    assert_eq!(web + other, 1000);
    // Ten standard deviations.
    assert!((113..387).contains(&other), "{other}");
}

#[test]
fn header_and_cookie_name_a_side() {
    let (site, _) = split("canary = { header = \"x-canary\", cookie = \"canary\" }");
    for (fields, side) in [
        ("X-Canary: other\r\n", "other"),
        ("X-Canary: web\r\n", "web"),
        ("Cookie: a=b; canary=other\r\n", "other"),
        ("Cookie: canary=other\r\nX-Canary: web\r\n", "web"),
    ] {
        assert_eq!(ask(&site, "GET", "/", fields).text(), side, "{fields}");
    }
    let usual = get(&site, "/").text();
    assert_eq!(
        ask(&site, "GET", "/", "X-Canary: unknown\r\n").text(),
        usual
    );
}

#[test]
fn a_cookie_keeps_a_client_at_its_side() {
    let (site, _) = split("canary = { cookie = \"side\", keep = \"cookie\", keep_for = \"1h\" }");
    let first = get(&site, "/");
    let side = first.text();
    let cookie = first.value("set-cookie");
    assert_eq!(
        cookie,
        format!("side={side}; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax")
    );
    for _ in 0..20 {
        let again = ask(&site, "GET", "/", &format!("Cookie: side={side}\r\n"));
        assert_eq!(again.text(), side);
        assert!(values(&again.head, "set-cookie").is_empty());
    }
}
