//! Geofeeds: CSV files that say where networks are (RFC 8805).

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use ipnet::IpNet;

use super::centroids;
use super::csv::{self, Field};
use super::record;
use super::world::Location;
use crate::config::{Diagnostics, Place};
use crate::model::Coordinates;

/// Feeds larger than this are refused: about five million lines.
pub(super) const SIZE_BYTES_MAX: u64 = 256 << 20;

/// A file's mistakes past this many are not looked for.
const MISTAKES_MAX: u32 = 100;

/// Which columns a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Columns {
    /// `ip_prefix,alpha2code,region,city,postal` (RFC 8805, 2.1.1); what follows is ignored.
    Feed,
    /// Those, and `continent,latitude,longitude,asn`: the source of a database.
    Source,
}

/// One line: a network and where it is. A location that says nothing means that the network is not
/// to be located (RFC 8805, 2.1.2).
#[derive(Debug, PartialEq)]
pub(super) struct Entry {
    pub prefix: IpNet,
    pub location: Location,
    pub place: Place,
}

/// Something wrong with a field.
struct Mistake {
    column: u32,
    message: String,
    help: Option<String>,
}

impl Mistake {
    fn new(field: &Field, message: impl Into<String>) -> Self {
        Mistake {
            column: field.column,
            message: message.into(),
            help: None,
        }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// The entries of the file at `path`, whose contents are `bytes`. Every mistake goes to
/// `diagnostics`, with its line and column; lines with one are left out.
pub(super) fn parse(
    path: &Path,
    bytes: &[u8],
    columns: Columns,
    diagnostics: &mut Diagnostics,
) -> Vec<Entry> {
    let mut parser = Parser {
        file: Arc::from(path),
        columns,
        diagnostics,
        mistakes: 0,
        lines: HashMap::new(),
    };
    let Some(text) = parser.text(bytes) else {
        return Vec::new();
    };
    let mut entries = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        entries.extend(parser.entry(line, text));
        if parser.mistakes >= MISTAKES_MAX {
            let message = "too many mistakes: the lines after this one are not read";
            let place = parser.place(line, 1);
            parser.diagnostics.error(&place, message, None);
            break;
        }
    }
    entries
}

struct Parser<'a> {
    file: Arc<Path>,
    columns: Columns,
    diagnostics: &'a mut Diagnostics,
    mistakes: u32,
    /// The line on which each prefix stands.
    lines: HashMap<IpNet, u32>,
}

impl Parser<'_> {
    fn place(&self, line: u32, column: u32) -> Place {
        Place {
            file: Arc::clone(&self.file),
            line,
            column,
        }
    }

    /// A feed is UTF-8 (RFC 8805, 2.1); some editors put a byte order mark in front.
    fn text<'b>(&mut self, bytes: &'b [u8]) -> Option<&'b str> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Some(text.trim_start_matches('\u{feff}')),
            Err(error) => {
                let valid = &bytes[..error.valid_up_to()];
                let line = 1 + valid.iter().filter(|&&octet| octet == b'\n').count();
                let place = self.place(line as u32, 1);
                self.diagnostics.error(&place, "not UTF-8", None);
                None
            }
        }
    }

    fn entry(&mut self, line: u32, text: &str) -> Option<Entry> {
        let fields = csv::fields(text).map_err(|column| Mistake {
            column,
            message: "quotation mark without a closing one".to_owned(),
            help: None,
        });
        let fields = self.checked(line, fields)?;
        let first = fields.first()?;
        let prefix = self.checked(line, prefix(first));
        let location = self.location(line, &fields);
        let (prefix, location) = (prefix?, location?);
        let unique = self.unique(line, first, prefix);
        self.checked(line, unique)?;
        Some(Entry {
            prefix,
            location,
            place: self.place(line, first.column),
        })
    }

    /// Every field after the prefix. All of them are looked at, whichever is wrong.
    fn location(&mut self, line: u32, fields: &[Field]) -> Option<Location> {
        let field = |index: usize| fields.get(index).filter(|field| !field.text.is_empty());
        let country = self.checked(line, country(field(1)));
        let region = match country {
            Some(country) => self.checked(line, region(field(2), country)),
            None => None,
        };
        if self.columns == Columns::Feed {
            let (country, region) = (country?, region?);
            return Some(Location {
                continent: country.and_then(centroids::continent_of),
                country,
                subdivisions: region.into_iter().collect(),
                ..Location::default()
            });
        }
        let continent = self.checked(line, continent(field(5)));
        let coordinates = self.checked(line, coordinates(field(6), field(7)));
        let asn = self.checked(line, asn(field(8)));
        let (country, region) = (country?, region?);
        Some(Location {
            network: None,
            asn: asn?,
            continent: continent?.or_else(|| country.and_then(centroids::continent_of)),
            country,
            subdivisions: region.into_iter().collect(),
            coordinates: coordinates?,
        })
    }

    fn unique(&mut self, line: u32, field: &Field, prefix: IpNet) -> Result<(), Mistake> {
        match self.lines.insert(prefix, line) {
            None => Ok(()),
            Some(before) => Err(Mistake::new(
                field,
                format!("`{prefix}` stands on line {before} already"),
            )),
        }
    }

    /// The value, or None once its mistake is noted.
    fn checked<T>(&mut self, line: u32, value: Result<T, Mistake>) -> Option<T> {
        match value {
            Ok(value) => Some(value),
            Err(mistake) => {
                self.mistakes += 1;
                let place = self.place(line, mistake.column);
                self.diagnostics
                    .error(&place, mistake.message, mistake.help);
                None
            }
        }
    }
}

/// A network, or a single address (RFC 8805, 2.1.1.1).
fn prefix(field: &Field) -> Result<IpNet, Mistake> {
    let text = &field.text;
    let parsed = text.parse().or_else(|_| text.parse().map(IpAddr::into));
    let network: IpNet = parsed.map_err(|_| {
        Mistake::new(field, format!("`{text}` is no IP prefix")).help("such as `192.0.2.0/24`")
    })?;
    if network.trunc() != network {
        let mistake = Mistake::new(field, format!("`{text}` has bits past its prefix length"));
        return Err(mistake.help(format!("did you mean `{}`?", network.trunc())));
    }
    Ok(network)
}

/// ISO 3166-1 alpha-2, in either case (RFC 8805, 2.1.1.2). None for an empty field and for `ZZ`,
/// with which feeds also say that a network is not to be located.
fn country(field: Option<&Field>) -> Result<Option<[u8; 2]>, Mistake> {
    let Some(field) = field else {
        return Ok(None);
    };
    match <[u8; 2]>::try_from(field.text.to_ascii_uppercase().as_bytes()) {
        Ok(code) if code == *b"ZZ" => Ok(None),
        Ok(code) if centroids::is_country(code) => Ok(Some(code)),
        _ => {
            let message = format!("`{}` is no country", field.text);
            Err(Mistake::new(field, message).help("expected ISO 3166-1 alpha-2, such as `DE`"))
        }
    }
}

/// ISO 3166-2, in either case (RFC 8805, 2.1.1.3): the part after the dash.
fn region(field: Option<&Field>, country: Option<[u8; 2]>) -> Result<Option<Box<str>>, Mistake> {
    let Some(field) = field else {
        return Ok(None);
    };
    let text = field.text.to_ascii_uppercase();
    let parts = text.split_once('-');
    let Some((of, code)) = parts.filter(|(_, code)| record::is_subdivision(code)) else {
        let message = format!("`{}` is no region", field.text);
        return Err(Mistake::new(field, message).help("expected ISO 3166-2, such as `US-CA`"));
    };
    if country.is_none_or(|country| of.as_bytes() != country) {
        let message = format!("region `{}` lies in another country", field.text);
        return Err(Mistake::new(field, message).help("the column before it has its country"));
    }
    Ok(Some(code.into()))
}

fn continent(field: Option<&Field>) -> Result<Option<[u8; 2]>, Mistake> {
    let Some(field) = field else {
        return Ok(None);
    };
    match <[u8; 2]>::try_from(field.text.as_bytes()) {
        Ok(code) if centroids::is_continent(code) => Ok(Some(code)),
        _ => {
            let message = format!("`{}` is no continent", field.text);
            Err(Mistake::new(field, message).help("expected one of AF AN AS EU NA OC SA"))
        }
    }
}

fn coordinates(
    latitude: Option<&Field>,
    longitude: Option<&Field>,
) -> Result<Option<Coordinates>, Mistake> {
    let (latitude, longitude) = match (latitude, longitude) {
        (None, None) => return Ok(None),
        (Some(latitude), Some(longitude)) => (latitude, longitude),
        (Some(field), None) | (None, Some(field)) => {
            return Err(Mistake::new(field, "latitude and longitude go together"));
        }
    };
    let degrees = |field: &Field, max: f64| {
        let number = field.text.parse().ok();
        number
            .filter(|degrees: &f64| degrees.abs() <= max)
            .ok_or_else(|| {
                let message = format!("`{}` is not within -{max}..={max} degrees", field.text);
                Mistake::new(field, message)
            })
    };
    let latitude = degrees(latitude, 90.0)?;
    let longitude = degrees(longitude, 180.0)?;
    Ok(record::coordinates(latitude, longitude))
}

fn asn(field: Option<&Field>) -> Result<Option<u32>, Mistake> {
    let Some(field) = field else {
        return Ok(None);
    };
    match field.text.parse() {
        Ok(number) if number > 0 => Ok(Some(number)),
        _ => {
            let message = format!("`{}` is no AS number", field.text);
            Err(Mistake::new(field, message).help("expected 1..=4294967295"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_feed(text: &str) -> (Vec<Entry>, Vec<String>) {
        parse_columns(text, Columns::Feed)
    }

    fn parse_columns(text: &str, columns: Columns) -> (Vec<Entry>, Vec<String>) {
        let mut diagnostics = Diagnostics::new();
        let path = Path::new("feed.csv");
        let entries = parse(path, text.as_bytes(), columns, &mut diagnostics);
        let mistakes = diagnostics.sorted();
        (entries, mistakes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_feed_of_rfc_8805_is_read() {
        let (entries, mistakes) = parse_feed(
            "# networks\r\n192.0.2.0/25,US,US-AL,,\r\n192.0.2.5,us,us-al,\"Mobile, AL\",\n\
             2001:db8::/32,PL,PL-02,,,further\n198.51.100.0/24,JP\n\n",
        );
        assert_eq!(mistakes, [""; 0]);
        let says = |entry: &Entry| {
            let location = &entry.location;
            let subdivisions = location.subdivisions.join("/");
            (entry.prefix.to_string(), location.country, subdivisions)
        };
        let said: Vec<_> = entries.iter().map(says).collect();
        let expected = [
            ("192.0.2.0/25", b"US", "AL"),
            ("192.0.2.5/32", b"US", "AL"),
            ("2001:db8::/32", b"PL", "02"),
            ("198.51.100.0/24", b"JP", ""),
        ];
        let expected = expected.map(|(net, c, s)| (net.to_owned(), Some(*c), s.to_owned()));
        assert_eq!(said, expected);
        assert_eq!(entries[0].location.continent, Some(*b"NA"));
    }

    #[test]
    fn an_empty_country_means_not_to_locate() {
        let (entries, mistakes) = parse_feed("192.0.2.0/24,,,,\n198.51.100.0/24,ZZ,,,\n");
        assert_eq!(mistakes, [""; 0]);
        assert_eq!(entries.len(), 2);
        assert!(entries.iter().all(|e| e.location == Location::default()));
    }

    #[test]
    fn every_mistake_is_reported_at_its_line_and_column() {
        let (entries, mistakes) = parse_feed(
            "192.0.2.1/24,DE,,,\n\
             # fine\n\
             198.51.100.0/24, XX, DE-BY,,\n\
             nonsense,FR,FR,,\n\
             203.0.113.0/24,DE,AT-9,,\n\
             2001:db8::/32,DE,,,\n\
             2001:db8::/32,FR,,,\n\
             192.0.2.0/24,,US-CA,,\n\
             10.0.0.0/8,\"DE\n",
        );
        assert_eq!(entries.len(), 1);
        let expected = [
            "feed.csv:1:1: error: `192.0.2.1/24` has bits past its prefix length \
             (did you mean `192.0.2.0/24`?)",
            "feed.csv:3:18: error: `XX` is no country (expected ISO 3166-1 alpha-2, such as `DE`)",
            "feed.csv:4:1: error: `nonsense` is no IP prefix (such as `192.0.2.0/24`)",
            "feed.csv:4:13: error: `FR` is no region (expected ISO 3166-2, such as `US-CA`)",
            "feed.csv:5:19: error: region `AT-9` lies in another country \
             (the column before it has its country)",
            "feed.csv:7:1: error: `2001:db8::/32` stands on line 6 already",
            "feed.csv:8:15: error: region `US-CA` lies in another country \
             (the column before it has its country)",
            "feed.csv:9:12: error: quotation mark without a closing one",
        ];
        assert_eq!(mistakes, expected);
    }

    #[test]
    fn a_file_that_is_no_text_is_refused_at_the_line() {
        let mut diagnostics = Diagnostics::new();
        let bytes = b"192.0.2.0/24,DE,,,\n\xff\xfe";
        let entries = parse(Path::new("f"), bytes, Columns::Feed, &mut diagnostics);
        assert!(entries.is_empty());
        assert_eq!(
            diagnostics.sorted()[0].to_string(),
            "f:2:1: error: not UTF-8"
        );
    }

    #[test]
    fn reading_stops_after_a_hundred_mistakes() {
        let (_, mistakes) = parse_feed(&"nonsense\n".repeat(1000));
        assert_eq!(mistakes.len(), 101);
        assert!(mistakes.iter().any(|m| m.contains("too many mistakes")));
    }

    #[test]
    fn a_source_says_continent_coordinates_and_asn_too() {
        let (entries, mistakes) = parse_columns(
            "193.0.0.0/21,NL,,,,,52.37,4.9,3333\n41.0.0.0/8,,,,,AF,,,\n",
            Columns::Source,
        );
        assert_eq!(mistakes, [""; 0]);
        assert_eq!(entries[0].location.asn, Some(3333));
        assert_eq!(entries[0].location.continent, Some(*b"EU"));
        assert_eq!(entries[0].location.coordinates.unwrap().longitude, 4.9);
        assert_eq!(entries[1].location.continent, Some(*b"AF"));
        assert_eq!(entries[1].location.country, None);
    }

    #[test]
    fn mistakes_in_the_columns_of_a_source_are_reported_at_once() {
        let line = "193.0.0.0/21,NL,,,,XX,91,4.9,AS3333\n41.0.0.0/8,,,,,AF,1,,\n";
        let (entries, mistakes) = parse_columns(line, Columns::Source);
        assert!(entries.is_empty());
        let expected = [
            "feed.csv:1:20: error: `XX` is no continent (expected one of AF AN AS EU NA OC SA)",
            "feed.csv:1:23: error: `91` is not within -90..=90 degrees",
            "feed.csv:1:30: error: `AS3333` is no AS number (expected 1..=4294967295)",
            "feed.csv:2:19: error: latitude and longitude go together",
        ];
        assert_eq!(mistakes, expected);
    }
}
