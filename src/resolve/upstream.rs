//! Asks recursive resolvers, over UDP and, for what does not fit there, TCP.

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError, NoRecords};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{self, RData, RecordType};
use hickory_resolver::system_conf;

use super::{Answer, Ask, Asking};
use crate::config::Resolver;
use crate::dns::Name;
use crate::model::Family;

/// Attempts after the first.
const RETRIES: usize = 2;
/// Answers that are remembered where they are, for names that are probed.
const CACHED_MAX: u64 = 8_192;
/// Negative answers without a SOA record say nothing of how long they hold.
const NOTHING_TTL_S: u32 = 60;

/// The machine's own resolvers.
const SYSTEM: &str = "/etc/resolv.conf";

/// Who is to be asked, as far as that is written: in a configuration, or else in a file of the machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Written {
    settings: Resolver,
    /// What the file says, or why it cannot be read.
    system: Option<Result<Vec<u8>, String>>,
}

impl Written {
    /// As it is now.
    pub fn now(settings: &Resolver) -> Self {
        Self::with_system(settings, Path::new(SYSTEM))
    }

    fn with_system(settings: &Resolver, path: &Path) -> Self {
        let read = || fs::read(path).map_err(|e| format!("{}: {e}", path.display()));
        Written {
            settings: settings.clone(),
            system: settings.servers.is_none().then(read),
        }
    }
}

/// The resolvers of a configuration.
#[derive(Clone)]
pub struct Upstream {
    made: Arc<Mutex<Made>>,
    cached_max: u64,
    /// For a question with all its attempts.
    patience: Duration,
}

struct Made {
    by: Written,
    /// Or why there is none, in words.
    resolver: Result<TokioResolver, String>,
}

impl Upstream {
    /// Asks anew for every question: whoever asks keeps the time.
    pub fn new(written: Written) -> Self {
        Self::made(written, 0)
    }

    /// Remembers answers for as long as they hold.
    pub fn caching(written: Written) -> Self {
        Self::made(written, CACHED_MAX)
    }

    fn made(written: Written, cached_max: u64) -> Self {
        let patience = written.settings.timeout * (RETRIES as u32 + 2);
        let resolver = resolver(&written, cached_max);
        if let Err(why) = &resolver {
            tracing::error!("no name can be resolved: {why}");
        }
        let made = Made {
            by: written,
            resolver,
        };
        Upstream {
            made: Arc::new(Mutex::new(made)),
            cached_max,
            patience,
        }
    }

    /// Where there was no resolver, another look is had at what is written by now: whoever asks does so again
    /// and again, ever more seldom.
    fn resolver(&self) -> Result<TokioResolver, String> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.resolver.is_err() {
            let written = Written::now(&made.by.settings);
            if written != made.by {
                made.resolver = resolver(&written, self.cached_max);
                made.by = written;
                match &made.resolver {
                    Ok(_) => tracing::info!("names can be resolved now"),
                    Err(why) => tracing::error!("no name can be resolved: {why}"),
                }
            }
        }
        made.resolver.clone()
    }

    /// One address of a name, IPv4 before IPv6.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub async fn address(&self, name: &Name) -> Result<IpAddr, String> {
        let mut why = "it has no address".to_owned();
        for family in [Family::V4, Family::V6] {
            match self.ask(name, family).await {
                Answer::Addresses { addresses, .. } => {
                    if let Some(&address) = addresses.first() {
                        return Ok(address);
                    }
                }
                Answer::Nothing { .. } => {}
                Answer::Failure(failure) => why = failure,
            }
        }
        Err(why)
    }
}

impl Ask for Upstream {
    fn ask(&self, name: &Name, family: Family) -> Asking {
        let upstream = self.clone();
        let name = rr::Name::from_labels(name.labels());
        Box::pin(async move {
            let (resolver, mut name) = match (upstream.resolver(), name) {
                (Ok(resolver), Ok(name)) => (resolver, name),
                (Err(why), _) => return Answer::Failure(why),
                (_, Err(e)) => return Answer::Failure(e.to_string()),
            };
            // No search list applies.
            name.set_fqdn(true);
            let rtype = match family {
                Family::V4 => RecordType::A,
                Family::V6 => RecordType::AAAA,
            };
            match tokio::time::timeout(upstream.patience, resolver.lookup(name, rtype)).await {
                Ok(Ok(lookup)) => found(&lookup),
                Ok(Err(error)) => not_found(&error),
                Err(_elapsed) => timed_out(),
            }
        })
    }
}

fn resolver(written: &Written, cached_max: u64) -> Result<TokioResolver, String> {
    let settings = &written.settings;
    let provider = TokioRuntimeProvider::default();
    let config = match (&settings.servers, &written.system) {
        (Some(servers), _) => {
            let servers = servers.iter().map(|server| {
                let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
                for connection in &mut connections {
                    connection.port = server.port();
                }
                NameServerConfig::new(server.ip(), true, connections)
            });
            ResolverConfig::from_parts(None, Vec::new(), servers.collect())
        }
        (None, Some(Err(why))) => return Err(why.clone()),
        (None, system) => {
            let said = system.as_ref().and_then(|read| read.as_deref().ok());
            let parsed = system_conf::parse_resolv_conf(said.unwrap_or_default());
            let (config, _) = parsed.map_err(|e| format!("{SYSTEM}: {}", words(&e)))?;
            config
        }
    };
    let mut builder = TokioResolver::builder_with_config(config, provider);
    let options: &mut ResolverOpts = builder.options_mut();
    options.timeout = settings.timeout;
    options.attempts = RETRIES;
    options.cache_size = cached_max;
    options.use_hosts_file = ResolveHosts::Never;
    builder.build().map_err(|e| words(&e))
}

/// What was found, with the TTL of the whole chain of aliases that it was found by.
fn found(lookup: &Lookup) -> Answer {
    let mut ttl_s = u32::MAX;
    let mut addresses = Vec::new();
    for record in lookup.answers() {
        let address = match &record.data {
            RData::A(a) => Some(IpAddr::V4(a.0)),
            RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.0)),
            RData::CNAME(_) => None,
            _ => continue,
        };
        ttl_s = ttl_s.min(record.ttl);
        addresses.extend(address);
    }
    match addresses.is_empty() {
        true => Answer::Nothing {
            ttl_s: NOTHING_TTL_S,
        },
        false => Answer::Addresses { addresses, ttl_s },
    }
}

fn not_found(error: &NetError) -> Answer {
    let NetError::Dns(DnsError::NoRecordsFound(NoRecords {
        response_code,
        soa,
        ns,
        negative_ttl,
        ..
    })) = error
    else {
        return match error {
            NetError::Timeout => timed_out(),
            error => Answer::Failure(words(error)),
        };
    };
    match response_code {
        ResponseCode::NXDomain => Answer::Failure("there is no such name (NXDOMAIN)".to_owned()),
        // It was sent elsewhere, where a recursive resolver would have gone itself.
        _ if soa.is_none() && ns.is_some() => Answer::Failure("a referral".to_owned()),
        _ => Answer::Nothing {
            ttl_s: negative_ttl.unwrap_or(NOTHING_TTL_S),
        },
    }
}

fn timed_out() -> Answer {
    Answer::Failure("no resolver answers in time".to_owned())
}

/// An error as a reason for those who configure.
fn words(error: &NetError) -> String {
    match error {
        NetError::Dns(DnsError::ResponseCode(ResponseCode::ServFail)) => "SERVFAIL".to_owned(),
        NetError::Dns(DnsError::ResponseCode(ResponseCode::Refused)) => "REFUSED".to_owned(),
        NetError::Dns(DnsError::ResponseCode(code)) => format!("the resolver says: {code}"),
        NetError::NoConnections => "no resolver can be reached".to_owned(),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Resolvers are made in a runtime.
    #[tokio::test]
    async fn what_the_machine_says_is_read_anew_and_makes_a_difference() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("resolv.conf");
        let settings = Resolver::default();
        let now = || Written::with_system(&settings, &path);
        let none = now();
        let why = resolver(&none, 0).expect_err("there is no file");
        assert!(why.contains("resolv.conf"), "{why}");
        fs::write(&path, "# Nobody yet.\n").unwrap();
        let empty = now();
        assert!(empty != none);
        assert!(resolver(&empty, 0).is_err());
        fs::write(&path, "nameserver 127.0.0.1\n").unwrap();
        let one = now();
        assert!(one != empty && one == now());
        assert!(resolver(&one, 0).is_ok());
        // Where the configuration says whom, the machine does not matter.
        let settings = Resolver {
            servers: Some(vec![([127, 0, 0, 1], 53).into()]),
            ..settings
        };
        let written = Written::with_system(&settings, &path);
        fs::write(&path, "nameserver 127.0.0.2\n").unwrap();
        assert!(written == Written::with_system(&settings, &path));
    }
}
