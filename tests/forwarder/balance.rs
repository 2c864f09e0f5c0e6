//! Which endpoint a request goes to, by every way there is to choose.

use std::thread;

use crate::rig::{Act, Plan, Rig, address, send, until};

fn rig(backends: usize, route: &str) -> Rig {
    Rig::new(Plan {
        backends,
        route,
        ..Plan::default()
    })
}

#[test]
fn every_way_to_choose_serves() {
    for balance in [
        "weighted",
        "failover",
        "round-robin",
        "random",
        "smooth",
        "source-hash",
        "consistent-hash",
        "rendezvous",
        "least-connections",
        "weighted-least-connections",
        "least-time",
        "two-choices",
    ] {
        let rig = rig(3, &format!("balance = \"{balance}\""));
        for _ in 0..10 {
            rig.get("").backend();
        }
        let counts = rig.counts();
        assert_eq!(counts.iter().sum::<usize>(), 10, "{balance}: {counts:?}");
        let used = counts.iter().filter(|count| **count > 0).count();
        match balance {
            "failover" | "source-hash" | "consistent-hash" | "rendezvous" => {
                assert_eq!(used, 1, "{balance}: {counts:?}");
            }
            _ => assert!(used > 1, "{balance}: {counts:?}"),
        }
    }
}

#[test]
fn idle_endpoints_get_what_they_weigh() {
    for balance in [
        "weighted",
        "smooth",
        "weighted-least-connections",
        "two-choices",
    ] {
        let weighted = |weights: [u16; 3]| {
            let weights = weights.iter().enumerate();
            let endpoint = |(at, weight): (usize, &u16)| {
                format!("{{ address = \"{}\", weight = {weight} }}", address(at))
            };
            weights.map(endpoint).collect()
        };
        let rig = Rig::new(Plan {
            backends: 3,
            route: &format!("balance = \"{balance}\""),
            endpoints: Some(weighted([60, 30, 10])),
            ..Plan::default()
        });
        const ALL: usize = 600;
        for _ in 0..ALL {
            rig.get("").backend();
        }
        for (count, percent) in rig.counts().into_iter().zip([60.0, 30.0, 10.0]) {
            let got = 100.0 * count as f64 / ALL as f64;
            assert!((got - percent).abs() < 7.0, "{balance}: {:?}", rig.counts());
        }
    }
}

#[test]
fn who_works_on_much_gets_no_more() {
    for balance in ["least-connections", "weighted-least-connections"] {
        let rig = rig(3, &format!("balance = \"{balance}\""));
        rig.backends[1].acts(Act::Hold);
        let address = rig.address();
        let ask = move || send(address, "GET", "/", "", "");
        // Until one of them is held.
        let mut held = Vec::new();
        until(|| {
            held.push(thread::spawn(ask));
            thread::sleep(std::time::Duration::from_millis(20));
            rig.backends[1].at_work() > 0
        });
        let before = rig.backends[1].count();
        for _ in 0..30 {
            assert_ne!(rig.get("").backend(), 1);
        }
        assert_eq!(rig.backends[1].count(), before, "{balance}");
        rig.gate.open();
        held.into_iter().for_each(|ask| drop(ask.join()));
    }
}

#[test]
fn who_is_slow_is_left_to_others_by_least_time() {
    let rig = rig(3, "balance = \"least-time\"");
    rig.backends[2].acts(Act::Slow(100));
    for _ in 0..60 {
        rig.get("").backend();
    }
    let counts = rig.counts();
    assert!(counts[2] <= 12, "{counts:?}");
}

#[test]
fn equal_requests_go_to_the_same_and_only_those_of_who_is_gone_move() {
    for (hash, header) in [
        ("{ header = \"X-User\" }", "X-User: {}\r\n"),
        ("{ cookie = \"user\" }", "Cookie: a=b; user={}\r\n"),
    ] {
        for balance in ["consistent-hash", "rendezvous", "source-hash"] {
            let rig = rig(4, &format!("balance = \"{balance}\"\nhash = {hash}"));
            let ask = |user: usize| {
                let headers = header.replace("{}", &user.to_string());
                rig.get(&headers).backend()
            };
            let first: Vec<usize> = (0..40).map(ask).collect();
            let again: Vec<usize> = (0..40).map(ask).collect();
            assert_eq!(first, again, "{balance}");
            assert!((0..4).all(|one| first.contains(&one)), "{first:?}");
            if balance == "source-hash" {
                continue;
            }
            rig.backends[1].kill();
            for (user, &before) in first.iter().enumerate() {
                let now = ask(user);
                assert_ne!(now, 1);
                assert!(before == 1 || now == before, "{user}: {before}, {now}");
            }
        }
    }
}

#[test]
fn paths_are_spread_by_their_hash_and_queries_are_not() {
    let rig = rig(4, "balance = \"consistent-hash\"\nhash = \"path\"");
    let ask = |path: &str| rig.send("GET", path, "", "").backend();
    for number in 0..10 {
        let path = format!("/{number}");
        assert_eq!(ask(&path), ask(&format!("{path}?q=1")));
    }
    let used = rig.counts().iter().filter(|count| **count > 0).count();
    assert!(used > 1);
}

#[test]
fn nobody_has_more_than_the_load_factor_of_its_part() {
    let rig = rig(
        4,
        "balance = \"consistent-hash\"\nhash = \"host\"\nload_factor = 1.25",
    );
    rig.backends.iter().for_each(|one| one.acts(Act::Hold));
    let address = rig.address();
    let mut asking = Vec::new();
    // All of one host, one after the other.
    for asked in 1..=20 {
        asking.push(thread::spawn(move || send(address, "GET", "/", "", "")));
        rig.wait_at_work(asked);
    }
    // 1.25 of a fourth of 20, rounded up.
    let most: Vec<_> = rig.backends.iter().map(|one| one.most()).collect();
    assert!(most.iter().all(|most| *most <= 7), "{most:?}");
    rig.gate.open();
    for ask in asking {
        ask.join().unwrap().expect("a response").backend();
    }
}

#[test]
fn two_choices_keep_the_longest_queue_short() {
    let rig = rig(5, "balance = \"two-choices\"");
    rig.backends.iter().for_each(|one| one.acts(Act::Hold));
    let address = rig.address();
    let mut asking = Vec::new();
    for asked in 1..=40 {
        asking.push(thread::spawn(move || send(address, "GET", "/", "", "")));
        rig.wait_at_work(asked);
    }
    let most: Vec<_> = rig.backends.iter().map(|one| one.most()).collect();
    assert!(most.iter().all(|most| (4..=12).contains(most)), "{most:?}");
    rig.gate.open();
    asking.into_iter().for_each(|ask| drop(ask.join()));
}

/// More than are all looked at.
#[test]
fn of_many_endpoints_each_is_used_and_who_has_room_is_found() {
    const MANY: usize = 40;
    for balance in [
        "weighted",
        "round-robin",
        "least-connections",
        "weighted-least-connections",
        "least-time",
        "two-choices",
        "consistent-hash",
    ] {
        let rig = Rig::new(Plan {
            backends: MANY,
            route: &format!("balance = \"{balance}\""),
            backend: "max_in_flight = 1\nmax_pending = 0",
            ..Plan::default()
        });
        for backend in &rig.backends {
            backend.scripted(|seen| match &*seen.path {
                "/hold" => Act::Hold,
                _ => Act::Serve,
            });
        }
        let to = rig.address();
        // Nobody may wait, so that each of them has one of its own.
        let held: Vec<_> = (1..MANY)
            .map(|count| {
                let held = thread::spawn(move || send(to, "GET", "/hold", "", "").unwrap().status);
                rig.wait_at_work(count);
                held
            })
            .collect();
        assert_eq!(rig.get("").status, 200, "{balance}");
        rig.gate.open();
        for held in held {
            assert_eq!(held.join().unwrap(), 200, "{balance}");
        }
    }
}
