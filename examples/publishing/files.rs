//! The configuration that is measured: zones that differ in nothing but number, pools in ten regions, a
//! made-up database of City size.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use meridian::geoip::synth::{SynthPlan, synth};

use super::regions::REGIONS;

/// How much of everything there is.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Scale {
    /// Names in all
    #[arg(long, default_value_t = 1_000_000)]
    pub names: usize,
    #[arg(long, default_value_t = 1_000)]
    pub zones: usize,
    /// Probed endpoints, in pools of four
    #[arg(long, default_value_t = 100_000)]
    pub endpoints: usize,
    /// IPv4 networks of the database
    #[arg(long, default_value_t = 3_700_000)]
    pub ipv4_networks: u32,
    /// IPv6 networks of the database
    #[arg(long, default_value_t = 2_300_000)]
    pub ipv6_networks: u32,
    /// Different views of the world that policies have, 1 to 10
    #[arg(long, default_value_t = 2)]
    pub maps: usize,
}

const POOL_SIZE: usize = 4;
const POOLS_PER_POLICY: usize = 5;

/// The balanced name that follows the backend's verdict, and what it is answered.
pub const FLIPPING: &str = "flipping.zone000000.example";
pub const FLIPPING_UP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
pub const FLIPPING_DOWN: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

/// A folder with all files.
pub struct Files {
    folder: PathBuf,
    pub scale: Scale,
}

impl Files {
    /// Writes everything at version 0; `backend` is what decides over [`FLIPPING`].
    pub fn write(folder: &Path, scale: Scale, backend: SocketAddr) -> Result<Self, String> {
        let files = Files {
            folder: folder.to_owned(),
            scale,
        };
        for seed in [1, 2] {
            let plan = SynthPlan {
                ipv4_networks: scale.ipv4_networks,
                ipv6_networks: scale.ipv6_networks,
                seed,
            };
            synth(&plan, &files.database(seed))?;
        }
        let written = files.write_all(backend);
        written.map_err(|e| format!("{}: {e}", folder.display()))?;
        Ok(files)
    }

    pub fn config(&self) -> PathBuf {
        self.folder.join("meridian.toml")
    }

    fn write_all(&self, backend: SocketAddr) -> io::Result<()> {
        fs::create_dir(self.folder.join("zones"))?;
        self.write_settings(backend, 1)?;
        fs::write(self.folder.join("pools.toml"), self.pools_and_policies())?;
        self.replace_database(0)?;
        (0..self.scale.zones).try_for_each(|zone| self.write_zone(zone, 0))
    }

    /// Replaces the file that all others follow from; an endpoint in it has this weight.
    pub fn write_settings(&self, backend: SocketAddr, weight: u16) -> io::Result<()> {
        let new = self.folder.join("new.toml");
        fs::write(&new, self.settings(backend, weight))?;
        fs::rename(new, self.config())
    }

    fn database(&self, seed: u64) -> PathBuf {
        self.folder.join(format!("city-{seed}.mmdb"))
    }

    /// Takes the one of two databases that `version` stands for.
    pub fn replace_database(&self, version: u16) -> io::Result<()> {
        let new = self.folder.join("new.mmdb");
        fs::copy(self.database(u64::from(version % 2) + 1), &new)?;
        fs::rename(new, self.folder.join("city.mmdb"))
    }

    /// Replaces a zone's file by one that says `version`.
    pub fn write_zone(&self, zone: usize, version: u16) -> io::Result<()> {
        let new = self.folder.join("new.zone");
        fs::write(&new, self.zone_text(zone, version))?;
        fs::rename(new, self.folder.join(format!("zones/{}.zone", apex(zone))))
    }

    pub fn names_per_zone(&self) -> usize {
        self.scale.names / self.scale.zones
    }

    fn zone_text(&self, zone: usize, version: u16) -> String {
        let mut text = format!(
            "$TTL 300\n@ SOA ns1 hostmaster {version} 7200 1800 1209600 60\n@ NS ns1\n\
             ns1 A 192.0.2.53\n{VERSION} A {}\n",
            version_address(version)
        );
        for host in 0..self.names_per_zone() {
            let address = host_address(host, zone, self.scale.zones);
            let _ = writeln!(text, "{} A {address}", host_label(host));
        }
        text
    }

    fn settings(&self, backend: SocketAddr, weight: u16) -> String {
        let mut text = format!(
            "include = \"pools.toml\"\n\
             [server]\nlisten = [\"127.0.0.1:0\"]\nudp_threads = 1\nstartup_grace = \"30s\"\n\
             state_dir = \"state\"\n\
             [geoip]\ndatabases = [\"city.mmdb\"]\n\
             [monitor.port]\ntcp = true\nport = 9\ninterval = \"1h\"\ntimeout = \"1s\"\n\
             [monitor.backend]\nhttp = \"/\"\ninterval = \"50ms\"\ntimeout = \"40ms\"\nrise = 1\n\
             fall = 1\n\
             [pool.flipping]\nregion = \"eu-west\"\nmonitor = \"backend\"\n\
             endpoints = [{{ address = \"{FLIPPING_UP}\", check = \"{backend}\" }}]\n\
             [pool.otherwise]\nregion = \"eu-west\"\n\
             endpoints = [{{ address = \"{FLIPPING_DOWN}\", weight = {weight} }}]\n\
             [policy.flips]\nfailover = [\"flipping\", \"otherwise\"]\n\
             [zones]\nfiles = [\"zones/*.zone\"]\n"
        );
        for (name, latitude, longitude) in REGIONS {
            let location = format!("[{latitude:?}, {longitude:?}]");
            let _ = writeln!(text, "[region.{name}]\nlocation = {location}");
        }
        for zone in 0..self.scale.zones {
            let _ = writeln!(text, "[zone.\"{}\".balanced]", apex(zone));
            if zone == 0 {
                text.push_str("flipping = { policy = \"flips\" }\n");
            }
            for policy in (zone..self.policies()).step_by(self.scale.zones) {
                let _ = writeln!(text, "app{policy} = {{ policy = \"g{policy}\" }}");
            }
        }
        text
    }

    fn policies(&self) -> usize {
        self.scale.endpoints / POOL_SIZE / POOLS_PER_POLICY
    }

    fn pools_and_policies(&self) -> String {
        let mut text = String::new();
        for policy in 0..self.policies() {
            let pools = (0..POOLS_PER_POLICY).map(|i| policy * POOLS_PER_POLICY + i);
            for (i, pool) in pools.clone().enumerate() {
                let (region, ..) = REGIONS[(i + policy % self.scale.maps) % REGIONS.len()];
                let address = |i| Ipv4Addr::from(0x7f01_0000 + (pool * POOL_SIZE + i) as u32);
                let endpoints: Vec<_> = (0..POOL_SIZE)
                    .map(|i| format!("\"{}\"", address(i)))
                    .collect();
                let endpoints = endpoints.join(", ");
                let _ = writeln!(
                    text,
                    "[pool.p{pool}]\nregion = \"{region}\"\nmonitor = \"port\"\n\
                     endpoints = [{endpoints}]"
                );
            }
            let members: Vec<_> = pools.map(|pool| format!("\"p{pool}\"")).collect();
            let members = members.join(", ");
            let _ = writeln!(text, "[policy.g{policy}]\ngeo = [{members}]");
        }
        text
    }
}

/// The name in each zone that says which version of the file is answered. As long as that of a host.
pub const VERSION: &str = "version000";

/// All are of equal length.
pub fn apex(zone: usize) -> String {
    format!("zone{zone:06}.example")
}

/// All are of equal length.
pub fn host_label(host: usize) -> String {
    format!("host{host:06}")
}

/// What a host of a zone is answered.
pub fn host_address(host: usize, zone: usize, zones: usize) -> Ipv4Addr {
    Ipv4Addr::from(0x0a00_0000 + (host * zones + zone) as u32)
}

/// What [`VERSION`] of a zone is answered.
pub fn version_address(version: u16) -> Ipv4Addr {
    Ipv4Addr::from(0xc612_0000 + u32::from(version))
}

/// The same, backwards.
pub fn version_of(address: Ipv4Addr) -> Option<u16> {
    u16::try_from(u32::from(address).checked_sub(0xc612_0000)?).ok()
}
