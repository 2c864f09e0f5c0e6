//! Making a database out of CSV files.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use ipnet::{IpNet, Ipv6Net};
use mmdb_writer::{Value, Writer};

use super::file;
use super::geofeed::{self, Columns, Entry};
use super::world::Location;
use crate::config::{Diagnostics, Place};

/// Where an IPv6 tree keeps IPv4.
const IPV4_PLACE: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 96);

/// What was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuildSummary {
    /// Lines that name a network.
    pub networks: usize,
    pub size_bytes: usize,
}

/// Builds an MMDB file of the GeoIP2 City schema, with AS numbers, out of CSV files.
///
/// The files have the columns of a geofeed (RFC 8805), then `continent,latitude,longitude,asn`;
/// all but the first may be empty. City and postal code are not kept. The longest prefix wins; of
/// equal ones in several files, the later file's. A network with no location is cut out.
///
/// Equal input makes equal bytes: the file's build time is always 1970-01-01. `output` is replaced
/// by rename, so that a server that watches it never reads half of it.
///
/// # Errors
///
/// Every mistake in the files, each at its line; or that a file cannot be read or written.
pub fn build(csv_files: &[PathBuf], output: &Path) -> Result<BuildSummary, Diagnostics> {
    let mut diagnostics = Diagnostics::new();
    let mut entries = Vec::new();
    for path in csv_files {
        match file::read(path, geofeed::SIZE_BYTES_MAX) {
            Ok(bytes) => entries.extend(geofeed::parse(
                path,
                &bytes,
                Columns::Source,
                &mut diagnostics,
            )),
            Err(reason) => diagnostics.error(&Place::file(path), reason, None),
        }
    }
    let bytes = compose(&mut entries, output, &mut diagnostics);
    if diagnostics.has_errors() {
        return Err(diagnostics);
    }
    if let Err(error) = replace(output, &bytes) {
        diagnostics.error(&Place::file(output), error.to_string(), None);
        return Err(diagnostics);
    }
    Ok(BuildSummary {
        networks: entries.len(),
        size_bytes: bytes.len(),
    })
}

/// The octets of the database; of no use after a mistake.
fn compose(entries: &mut [Entry], output: &Path, diagnostics: &mut Diagnostics) -> Vec<u8> {
    // Always the same; and not 0, with which libmaxminddb refuses a database.
    let build_time = UNIX_EPOCH + Duration::from_secs(1);
    let mut writer = Writer::builder("Meridian-City")
        .description(&[("en", "Built by meridian geoip build")])
        .build_epoch(build_time)
        .build();
    // The writer lets later networks win over earlier ones.
    entries.sort_by_key(|entry| entry.prefix.prefix_len());
    for entry in entries.iter() {
        if let Err(reason) = insert(&mut writer, entry) {
            let message = format!("`{}` cannot be written: {reason}", entry.prefix);
            diagnostics.error(&entry.place, message, None);
        }
    }
    if entries.is_empty() && !diagnostics.has_errors() {
        diagnostics.error(&Place::file(output), "no network to write", None);
    }
    writer.to_bytes().unwrap_or_else(|error| {
        diagnostics.error(&Place::file(output), error.to_string(), None);
        Vec::new()
    })
}

fn insert(writer: &mut Writer, entry: &Entry) -> Result<(), String> {
    if let IpNet::V6(prefix) = entry.prefix
        && (prefix.contains(&IPV4_PLACE) || IPV4_PLACE.contains(&prefix))
    {
        return Err("::/96 is the place of IPv4 in the file".to_owned());
    }
    let value = (!entry.location.is_empty()).then(|| value(&entry.location));
    writer
        .insert_with(entry.prefix, |_| value.clone())
        .map_err(|error| error.to_string())
}

/// A record of the GeoIP2 City schema, with `autonomous_system_number` beside it as ISP databases
/// have it.
fn value(location: &Location) -> Value {
    let text = |code: &[u8]| Value::from(String::from_utf8_lossy(code).into_owned());
    let mut fields = Vec::new();
    if let Some(code) = location.continent {
        fields.push(("continent", Value::map([("code", text(&code))])));
    }
    if let Some(code) = location.country {
        fields.push(("country", Value::map([("iso_code", text(&code))])));
    }
    if !location.subdivisions.is_empty() {
        let codes = location.subdivisions.iter();
        let codes = codes.map(|code| Value::map([("iso_code", text(code.as_bytes()))]));
        fields.push(("subdivisions", Value::array(codes)));
    }
    if let Some(at) = location.coordinates {
        let point = [
            ("latitude", Value::from(at.latitude)),
            ("longitude", Value::from(at.longitude)),
        ];
        fields.push(("location", Value::map(point)));
    }
    if let Some(asn) = location.asn {
        fields.push(("autonomous_system_number", Value::from(asn)));
    }
    Value::map(fields)
}

/// Writes beside `path`, then renames over it.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not a file name"))?;
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}", std::process::id()));
    let temporary = path.with_file_name(temporary);
    let written = write(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
