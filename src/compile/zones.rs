//! The zones of a configuration, several at a time: read and compiled, taken over as they are, or kept
//! although their files are wrong now.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::thread;

use super::nested::Apexes;
use super::zone::BalancedSpec;
use super::{Old, Whole, zone, zonefile};
use crate::config::{self, Config, Diagnostics, Place, Stamp};
use crate::dns::Name;
use crate::geoip::World;
use crate::state::Zone;

/// A zone as it is served, and what it was made of.
#[derive(Clone)]
pub struct ServedZone {
    pub zone: Arc<Zone>,
    /// What its file said; `None` where that would not tell whether the zone is the same.
    print: Option<Print>,
    pub trouble: Option<Trouble>,
}

impl ServedZone {
    fn sound(zone: Arc<Zone>, print: Option<Print>) -> Self {
        ServedZone {
            zone,
            print,
            trouble: None,
        }
    }

    /// False: it answers SERVFAIL.
    pub fn has_data(&self) -> bool {
        !self
            .trouble
            .as_ref()
            .is_some_and(|trouble| trouble.has_no_data)
    }
}

/// Why a zone is not what its file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// True: there are no data from before, and the zone answers SERVFAIL.
    pub has_no_data: bool,
    /// When the file was first found to be wrong, in milliseconds since the Unix epoch.
    pub since_unix_ms: u64,
    /// The first mistake.
    pub mistake: String,
    /// Policies that the zone's data name and the configuration no longer has: the balanced names that
    /// use them answer SERVFAIL.
    pub policies_gone: Vec<String>,
}

/// What there was before, for zones that go on.
pub(super) struct Before<'b> {
    pub whole: &'b Whole,
    now_unix_ms: u64,
    /// What was declared, and what is served.
    zones: HashMap<&'b Name, (&'b config::Zone, &'b ServedZone)>,
}

impl<'b> Before<'b> {
    pub fn new(whole: &'b Whole, now_unix_ms: u64) -> Self {
        let declared = &whole.config.zones;
        let zones = declared.iter().zip(&*whole.parts.served);
        Before {
            whole,
            now_unix_ms,
            zones: zones
                .map(|(declared, served)| (&declared.apex, (declared, served)))
                .collect(),
        }
    }

    /// What there is, for parts that follow from the configuration and `world`.
    pub fn old(&self, world: &World) -> Old<'b> {
        Old {
            config: &self.whole.config,
            parts: &self.whole.parts,
            has_maps: std::ptr::eq(&*self.whole.world, world),
        }
    }

    /// The zone as it is served, if it was declared in the same way, and what its file said.
    fn declared_alike(
        &self,
        config: &Config,
        zone: &config::Zone,
    ) -> Option<(&'b Arc<Zone>, &'b Print)> {
        let (declared, served) = self.zones.get(&zone.apex)?;
        let print = served.print.as_ref()?;
        let is_alike = is_declared_alike(&self.whole.config, declared, config, zone);
        is_alike.then_some((&served.zone, print))
    }

    /// The zone with the data from before its file became wrong, or without any.
    fn kept(&self, zone: &config::Zone, mistakes: &Diagnostics) -> Option<ServedZone> {
        let (_, before) = self.zones.get(&zone.apex).copied().unzip();
        let trouble = before.and_then(|before| before.trouble.as_ref());
        let data = before.filter(|_| trouble.is_none_or(|trouble| !trouble.has_no_data));
        let since_unix_ms = trouble.map_or(self.now_unix_ms, |trouble| trouble.since_unix_ms);
        let first = mistakes.iter().find(|mistake| mistake.is_error());
        Some(ServedZone {
            zone: match data {
                Some(data) => Arc::clone(&data.zone),
                None => Arc::new(without_data(zone)?),
            },
            print: None,
            trouble: Some(Trouble {
                has_no_data: data.is_none(),
                since_unix_ms,
                mistake: first.map(ToString::to_string).unwrap_or_default(),
                policies_gone: Vec::new(),
            }),
        })
    }
}

/// All zones, in the order of the configuration; fewer if some have mistakes and there is nothing to
/// take instead.
pub(super) fn compile(
    config: &Config,
    apexes: &Apexes<'_>,
    before: Option<&Before<'_>>,
    diagnostics: &mut Diagnostics,
) -> Vec<ServedZone> {
    let compiled = in_parallel(config.zones.len(), |number| {
        let mut diagnostics = Diagnostics::new();
        let zone = &config.zones[number];
        let served = served(config, zone, apexes, before, &mut diagnostics);
        (served, diagnostics)
    });
    let mut zones = Vec::with_capacity(compiled.len());
    for (served, found) in compiled {
        zones.extend(served);
        diagnostics.extend(found);
    }
    zones
}

/// What `make` makes of `0..count`, in that order, made by as many threads as there are cores.
fn in_parallel<T: Send + Sync>(count: usize, make: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let slots: Vec<OnceLock<T>> = (0..count).map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    let work = || loop {
        let number = next.fetch_add(1, Relaxed);
        match slots.get(number) {
            Some(slot) => slot.get_or_init(|| make(number)),
            None => return,
        };
    };
    thread::scope(|scope| {
        for _ in 1..cores.min(count) {
            scope.spawn(work);
        }
        work();
    });
    slots.into_iter().filter_map(OnceLock::into_inner).collect()
}

fn served(
    config: &Config,
    source: &config::Zone,
    apexes: &Apexes<'_>,
    before: Option<&Before<'_>>,
    diagnostics: &mut Diagnostics,
) -> Option<ServedZone> {
    let served = read(config, source, apexes, before, diagnostics);
    served.or_else(|| before?.kept(source, diagnostics))
}

fn read(
    config: &Config,
    source: &config::Zone,
    apexes: &Apexes<'_>,
    before: Option<&Before<'_>>,
    diagnostics: &mut Diagnostics,
) -> Option<ServedZone> {
    let same = before.and_then(|before| before.declared_alike(config, source));
    let stamp = Stamp::settled_at(&source.file.value);
    if let Some((zone, print)) = same
        && stamp.is_some_and(|stamp| print.stamp == Some(stamp))
    {
        return Some(ServedZone::sound(Arc::clone(zone), Some(print.clone())));
    }
    let text = zonefile::load(&source.file.value, diagnostics)?;
    let print = Print::of(&text, stamp);
    if let (Some((zone, old)), Some(new)) = (same, &print)
        && old.text == new.text
    {
        return Some(ServedZone::sound(Arc::clone(zone), print));
    }
    let zone = build(config, source, text, apexes, diagnostics)?;
    Some(ServedZone::sound(Arc::new(zone), print))
}

fn build(
    config: &Config,
    source: &config::Zone,
    text: Vec<u8>,
    apexes: &Apexes<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Zone> {
    let path = &source.file.value;
    let owners = owners(config, source);
    let records = zonefile::parse(&text, path, &source.apex, &owners, diagnostics)?;
    drop(text);
    apexes.check_records(&source.apex, &records, diagnostics);
    let balanced: Vec<_> = source
        .balanced
        .iter()
        .map(|balanced| BalancedSpec {
            owner: &balanced.owner,
            policy: &config.policies[balanced.policy.index()].name,
            ttl: balanced.ttl,
            answers: balanced.answers,
        })
        .collect();
    zone::build(&source.apex, settings(source), &records, &balanced)
        .map_err(|zone::Refused { place, message }| {
            let place = place.unwrap_or_else(|| Place::file(path));
            diagnostics.error(&place, message, None);
        })
        .ok()
}

/// The balanced names of a zone.
fn owners(config: &Config, zone: &config::Zone) -> Vec<zonefile::Balanced> {
    let owner = |balanced: &config::Balanced| zonefile::Balanced {
        owner: balanced.owner.clone(),
        may_be_alias: config.policies[balanced.policy.index()].has_names,
    };
    zone.balanced.iter().map(owner).collect()
}

/// Stands where a zone should be; it is never answered from.
fn without_data(zone: &config::Zone) -> Option<Zone> {
    const TEXT: &[u8] = b"@ 0 SOA . . 0 0 0 0 0\n@ 0 NS .\n";
    let mut unused = Diagnostics::new();
    let records = zonefile::parse(TEXT, Path::new(""), &zone.apex, &[], &mut unused)?;
    zone::build(&zone.apex, settings(zone), &records, &[]).ok()
}

fn settings(zone: &config::Zone) -> zone::Settings {
    zone::Settings {
        client_subnet: zone.client_subnet,
        responses: zone.responses,
        rrset_order: zone.rrset_order,
    }
}

/// Whether two configurations say the same of a zone.
fn is_declared_alike(
    old_config: &Config,
    old: &config::Zone,
    new_config: &Config,
    new: &config::Zone,
) -> bool {
    // Every field, so that a new one is not forgotten here.
    let config::Zone {
        apex: _,
        file,
        client_subnet,
        responses,
        rrset_order,
        // Linked anew with every configuration.
        allow_query: _,
        balanced,
    } = new;
    let policy = |config: &Config, balanced: &config::Balanced| {
        let policy = &config.policies[balanced.policy.index()];
        (policy.name.clone(), policy.has_names)
    };
    let is_alike = |(old, new): (&config::Balanced, &config::Balanced)| {
        let config::Balanced {
            owner,
            policy: _,
            ttl,
            answers,
            place: _,
        } = new;
        old.owner.as_wire() == owner.as_wire()
            && policy(old_config, old) == policy(new_config, new)
            && old.ttl == *ttl
            && old.answers == *answers
    };
    old.apex.as_wire() == new.apex.as_wire()
        && old.file.value == file.value
        && old.client_subnet == *client_subnet
        && old.responses == *responses
        && old.rrset_order == *rrset_order
        && old.balanced.len() == balanced.len()
        && old.balanced.iter().zip(balanced).all(is_alike)
}

/// What a zone file said.
#[derive(Clone, Debug)]
struct Print {
    /// Of the file before it was read, where that tells every later change.
    stamp: Option<Stamp>,
    text: TextPrint,
}

/// Tells the text of a zone file from others: its length, and two hashes that nobody can foresee.
#[derive(Clone, Debug, PartialEq, Eq)]
struct TextPrint(usize, [u64; 2]);

impl Print {
    /// None for a text that other files may belong to.
    fn of(text: &[u8], stamp: Option<Stamp>) -> Option<Self> {
        static STATE: OnceLock<[RandomState; 2]> = OnceLock::new();
        const INCLUDE: &[u8] = b"$INCLUDE";
        let includes = |at: usize| {
            let word = text.get(at..at + INCLUDE.len());
            word.is_some_and(|word| word.eq_ignore_ascii_case(INCLUDE))
        };
        let mut dollars = text.iter().enumerate().filter(|(_, octet)| **octet == b'$');
        if dollars.any(|(at, _)| includes(at)) {
            return None;
        }
        let state = STATE.get_or_init(|| [RandomState::new(), RandomState::new()]);
        let hashes = state.each_ref().map(|state| state.hash_one(text));
        Some(Print {
            stamp,
            text: TextPrint(text.len(), hashes),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::compile::{load, reload};

    const ZONE: &str = "@ 60 SOA a b 1 2 3 4 5\n@ 60 NS ns.net.\n";

    /// A configuration of these zone files.
    fn folder(zones: &[(&str, &str)]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("zones")).unwrap();
        write(&folder, "m.toml", "[zones]\nfiles = [\"zones/*\"]\n");
        for (name, text) in zones {
            write(&folder, &format!("zones/{name}"), text);
        }
        folder
    }

    fn write(folder: &TempDir, name: &str, text: &str) {
        fs::write(folder.path().join(name), text).unwrap();
    }

    fn config(folder: &TempDir) -> std::path::PathBuf {
        folder.path().join("m.toml")
    }

    #[test]
    fn zones_that_are_the_same_are_taken_as_they_are() {
        let included = format!("{ZONE}$Include ../more\n");
        let folder = folder(&[
            ("a.example", ZONE),
            ("b.example", ZONE),
            ("c.example", &included),
        ]);
        write(&folder, "more", "");
        let (before, _) = load(&config(&folder), None).unwrap();
        let same = |whole: &Whole| -> Vec<bool> {
            let pairs = whole.parts.served.iter().zip(&*before.parts.served);
            pairs
                .map(|(new, old)| Arc::ptr_eq(&new.zone, &old.zone))
                .collect()
        };
        // Another file of the same content, and of as many octets.
        fs::remove_file(folder.path().join("zones/a.example")).unwrap();
        write(&folder, "zones/a.example", ZONE);
        write(&folder, "zones/b.example", &ZONE.replace("1 2", "2 2"));
        let (after, _) = reload(&before, 7, &config(&folder), None).unwrap();
        assert_eq!(same(&after), [true, false, false]);
        write(
            &folder,
            "m.toml",
            "[zones]\nfiles = [\"zones/*\"]\nclient_subnet = false\n",
        );
        let (after, _) = reload(&before, 7, &config(&folder), None).unwrap();
        assert_eq!(same(&after), [false, false, false]);
    }

    #[test]
    fn a_zone_in_trouble_is_as_it_was_since_when_and_why() {
        let folder = folder(&[("a.example", ZONE), ("b.example", ZONE)]);
        let (before, _) = load(&config(&folder), None).unwrap();
        write(&folder, "zones/a.example", "wrong\n");
        write(&folder, "zones/c.example", "wrong\n");
        let (first, found) = reload(&before, 7, &config(&folder), None).unwrap();
        assert!(found.has_errors());
        let (second, _) = reload(&first, 8, &config(&folder), None).unwrap();
        for whole in [first, second] {
            let [a, b, c] = &whole.parts.served[..] else {
                panic!("three zones");
            };
            assert!(Arc::ptr_eq(&a.zone, &before.parts.served[0].zone));
            assert_eq!(b.trouble, None);
            assert_eq!(c.zone.apex.to_string(), "c.example.");
            for (zone, has_data) in [(a, true), (c, false)] {
                let trouble = zone.trouble.as_ref().unwrap();
                assert_eq!(zone.has_data(), has_data);
                assert_eq!((trouble.has_no_data, trouble.since_unix_ms), (!has_data, 7));
                let place = format!("{}:1:6: error: ", zone.zone.apex);
                let place = place.replace(".:", ":");
                assert!(trouble.mistake.contains(&place), "{}", trouble.mistake);
            }
        }
    }

    #[test]
    fn zones_found_together_share_what_is_said_of_all() {
        let folder = folder(&[("a.example", ZONE), ("b.example", ZONE)]);
        let list = "allow_query = [\"192.0.2.0/24\", \"2001:db8::/32\"]\n";
        let text = "[zones]\nfiles = [\"zones/*\"]\n".to_owned() + list;
        write(&folder, "m.toml", &text);
        let (whole, _) = load(&config(&folder), None).unwrap();
        let sets: Vec<_> = whole
            .parts
            .zones
            .iter()
            .map(|zone| zone.allow_query.clone())
            .collect();
        let [Some(one), Some(other)] = &sets[..] else {
            panic!("two zones with lists");
        };
        assert!(Arc::ptr_eq(one, other));
    }

    #[test]
    fn mistakes_come_in_the_order_of_the_zones_whoever_is_done_first() {
        let names: Vec<_> = (0..50).map(|n| format!("z{n:02}.example")).collect();
        let long = ZONE.to_owned() + &"x 60 TXT long\n".repeat(300) + "wrong\n";
        let text = |n: usize| {
            if n.is_multiple_of(7) {
                &*long
            } else {
                "wrong\n"
            }
        };
        let zones: Vec<_> = names
            .iter()
            .enumerate()
            .map(|(n, name)| (&**name, text(n)))
            .collect();
        let folder = folder(&zones);
        let mistakes = load(&config(&folder), None).err().expect("mistakes");
        let files: Vec<_> = mistakes
            .iter()
            .filter(|m| m.is_error())
            .map(|m| m.place.file.clone())
            .collect();
        assert!(files.is_sorted(), "{files:?}");
        assert!(files.len() >= names.len());
    }
}
