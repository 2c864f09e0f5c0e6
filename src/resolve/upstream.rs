//! Asks recursive resolvers, over UDP and, for what does not fit there, TCP.

use std::net::IpAddr;
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

/// The resolvers of a configuration.
#[derive(Clone)]
pub struct Upstream {
    /// Or why there is none, in words.
    resolver: Result<TokioResolver, String>,
    /// For a question with all its attempts.
    patience: Duration,
}

impl Upstream {
    /// Asks anew for every question: whoever asks keeps the time.
    pub fn new(settings: &Resolver) -> Self {
        Self::made(settings, 0)
    }

    /// Remembers answers for as long as they hold.
    pub fn caching(settings: &Resolver) -> Self {
        Self::made(settings, CACHED_MAX)
    }

    fn made(settings: &Resolver, cached_max: u64) -> Self {
        let resolver = resolver(settings, cached_max);
        if let Err(why) = &resolver {
            tracing::error!("no name can be resolved: {why}");
        }
        Upstream {
            resolver,
            patience: settings.timeout * (RETRIES as u32 + 2),
        }
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
            let (resolver, mut name) = match (upstream.resolver, name) {
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

fn resolver(settings: &Resolver, cached_max: u64) -> Result<TokioResolver, String> {
    let provider = TokioRuntimeProvider::default();
    let mut builder = match &settings.servers {
        Some(servers) => {
            let servers = servers.iter().map(|server| {
                let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
                for connection in &mut connections {
                    connection.port = server.port();
                }
                NameServerConfig::new(server.ip(), true, connections)
            });
            let config = ResolverConfig::from_parts(None, Vec::new(), servers.collect());
            TokioResolver::builder_with_config(config, provider)
        }
        None => TokioResolver::builder(provider)
            .map_err(|e| format!("/etc/resolv.conf: {}", words(&e)))?,
    };
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
