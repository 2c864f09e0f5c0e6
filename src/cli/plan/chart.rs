//! A plan as a picture: where on the globe clients are, and where they go (SVG, without any resources of others).
//!
//! Longitudes and latitudes are x and y (the plate carrée), on a graticule of 30 degrees. Each square degree
//! with clients has a dot in the colour of the region that most of them go to, its area in proportion to the
//! logarithm of how many they are. Where a half of them or more move, a ring says where most of those who
//! move were before; where fewer move, the ring is thin. Colours are for light and dark backgrounds alike.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::report::{Clients, Moved, OfRegion, percent};
use crate::config::{Config, LocationSpec};
use crate::geoip::centroids;
use crate::model::Coordinates;
use crate::plan::{Account, Cell, Destination, Moves};

/// Of regions, those first whose clients change most; then they begin again.
const COLOURS: [&str; 18] = [
    "#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#b07aa1", "#d4a72c", "#17a2a2", "#ff8fa3",
    "#9c755f", "#7f7fd5", "#86b64a", "#c2528b", "#5aa9e6", "#c98f5a", "#4a8f80", "#d37295",
    "#a3a948", "#8c6bb1",
];
/// Of clients that get no address.
const NOBODY: &str = "#8a8f98";

const WIDTH: f64 = 1440.0;
const MARGIN: f64 = 40.0;
/// The map's upper edge.
const MAP_Y: f64 = 104.0;
/// Pixels per degree.
const DEGREE: f64 = (WIDTH - 2.0 * MARGIN) / 360.0;
/// What lies beyond is drawn on the edge.
const NORTH: f64 = 84.0;
const SOUTH: f64 = -58.0;
const MAP_HEIGHT: f64 = (NORTH - SOUTH) * DEGREE;
/// Lines of the legend.
const LEGEND_LINES: usize = 9;
const LINE: f64 = 22.0;
/// Lines of what dots mean.
const KEY_LINES: usize = 4;
/// Regions that are named on the map; more would cover it.
const MARKED_MAX: usize = 40;
/// Where there are fewer dots than this, they are larger.
const DOTS: f64 = 1500.0;

/// What a picture shows.
pub struct Chart<'a> {
    /// A line that says what is compared.
    pub title: String,
    /// The policy and its names.
    pub subtitle: String,
    pub moved: &'a Moved,
    pub moves: &'a Moves,
    /// Where regions are, as far as it is configured.
    pub regions: Vec<(String, Coordinates)>,
}

/// Where the regions of `config` are.
pub fn regions(config: &Config) -> Vec<(String, Coordinates)> {
    let regions = config.regions.iter();
    let located = regions.filter_map(|region| {
        let at = match region.location.as_ref()? {
            LocationSpec::Coordinates(at) => *at,
            LocationSpec::Country(country) | LocationSpec::Subdivision(country, _) => {
                centroids::country(*country)?
            }
            LocationSpec::Continent(continent) => centroids::continent(*continent)?,
        };
        Some((region.name.clone(), at))
    });
    located.collect()
}

/// Dots that look alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Look {
    moves: Extent,
    /// In tenths of a pixel, from large to small.
    radius: std::cmp::Reverse<u16>,
    /// Indices of destinations.
    from: u16,
    to: u16,
}

/// How many of a dot's clients move. Those of which most do are drawn last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Extent {
    /// Less than one of a hundred.
    Few,
    Some,
    /// A half or more.
    Most,
}

impl Chart<'_> {
    pub fn svg(&self) -> String {
        let mut text = String::new();
        // Strings take whatever is written.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, to: &mut String) -> std::fmt::Result {
        let lists = [self.moved.regions.len(), self.moved.flows.len(), KEY_LINES];
        let lines = lists
            .into_iter()
            .max()
            .unwrap_or_default()
            .min(LEGEND_LINES);
        let height = MAP_Y + MAP_HEIGHT + 76.0 + lines as f64 * LINE;
        writeln!(
            to,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" \
             width=\"{WIDTH}\" height=\"{height:.0}\" role=\"img\">\n<title>{}</title>",
            escaped(&self.title)
        )?;
        self.write_style(to)?;
        writeln!(to, "<rect class=\"page\" width=\"100%\" height=\"100%\"/>")?;
        self.write_headline(to)?;
        write_graticule(to)?;
        self.write_dots(to)?;
        self.write_regions(to)?;
        self.write_legend(to)?;
        writeln!(to, "</svg>")
    }

    fn write_style(&self, to: &mut String) -> std::fmt::Result {
        writeln!(
            to,
            "<style>\n\
             text{{font:14px system-ui,'Segoe UI','Helvetica Neue',Arial,sans-serif;fill:#1c2430}}\n\
             .page{{fill:#fff}}.map{{fill:#f3f5f8}}.grid{{fill:none;stroke:#d5dbe3}}\
             .line{{stroke:#b4bdc9}}\n\
             .large{{font-size:26px;font-weight:600}}.head{{font-weight:600}}\n\
             .dim,.small{{fill:#66707d}}.small{{font-size:11px}}\n\
             .dots{{fill:none;stroke-linecap:round}}.few{{opacity:.5}}\n\
             .mark{{stroke:#1c2430;stroke-width:1.8}}.m{{fill:#8a8f98}}\
             .label{{font-size:12px;font-weight:600;stroke:#f3f5f8;stroke-width:3;stroke-linejoin:round;\
             paint-order:stroke}}\n\
             @media (prefers-color-scheme:dark){{text{{fill:#e3e8ef}}.page{{fill:#10151c}}\
             .map{{fill:#171e27}}.grid{{stroke:#2b3542}}.line{{stroke:#3d4a5a}}\
             .dim,.small{{fill:#93a0b0}}.mark{{stroke:#e3e8ef}}\
             .label{{stroke:#171e27}}}}"
        )?;
        for number in 0..self.moves.destinations.len() as u16 {
            let colour = self.colour(number);
            writeln!(
                to,
                ".c{number}{{stroke:{colour}}}.f{number}{{fill:{colour}}}"
            )?;
        }
        writeln!(to, "</style>")
    }

    /// The colour of a destination.
    fn colour(&self, number: u16) -> &'static str {
        let destination = &self.moves.destinations[usize::from(number)];
        if !matches!(
            destination,
            Destination::Region(_) | Destination::AllDown(_)
        ) {
            return NOBODY;
        }
        let name = destination.to_string();
        let regions = self.by_change();
        let place = regions.iter().take_while(|region| region.region != name);
        COLOURS[place.count() % COLOURS.len()]
    }

    /// Regions, those first that lose or win most.
    fn by_change(&self) -> Vec<&OfRegion> {
        let mut regions: Vec<&OfRegion> = self.moved.regions.iter().collect();
        let change = |region: &OfRegion| (region.after - region.before).abs();
        regions.sort_by(|a, b| change(b).total_cmp(&change(a)));
        regions
    }

    /// By how much dots are larger.
    fn scale(&self) -> f64 {
        (DOTS / self.moves.cells.len().max(1) as f64)
            .sqrt()
            .clamp(1.0, 3.0)
    }

    fn write_headline(&self, to: &mut String) -> std::fmt::Result {
        let about = if self.moved.is_estimated {
            "About "
        } else {
            ""
        };
        let who = match self.moved.clients {
            Clients::Ipv4 => "IPv4 address space",
            Clients::Ipv6 => "IPv6 address space",
            Clients::Recorded => "recorded queries",
        };
        let text = format!("{about}{} of clients move", percent(self.moved.moved));
        text_at(to, "large", (MARGIN, 46.0), "start", &text)?;
        text_at(to, "head", (MARGIN, 70.0), "start", &self.title)?;
        let subtitle = format!("{} · by {who}, type {}", self.subtitle, self.moved.rtype);
        text_at(to, "dim", (MARGIN, 91.0), "start", &subtitle)
    }

    fn write_dots(&self, to: &mut String) -> std::fmt::Result {
        let mut dots: BTreeMap<Look, Vec<Cell>> = BTreeMap::new();
        for (&cell, account) in &self.moves.cells {
            if let Some(look) = self.look(account) {
                dots.entry(look).or_default().push(cell);
            }
        }
        writeln!(to, "<g class=\"dots\">")?;
        for (number, (look, cells)) in dots.iter().enumerate() {
            let radius = self.scale() * f64::from(look.radius.0) / 10.0;
            let Look {
                from, to: whither, ..
            } = look;
            let (class, ring) = match look.moves {
                Extent::Few => (format!("few c{whither}"), None),
                Extent::Some => (format!("c{whither}"), Some(1.4)),
                Extent::Most => (format!("c{whither}"), Some(2.6)),
            };
            let width = 2.0 * radius;
            match ring {
                None => writeln!(
                    to,
                    "<path class=\"{class}\" stroke-width=\"{width:.1}\" d=\"{}\"/>",
                    points(cells)
                )?,
                Some(ring) => writeln!(
                    to,
                    "<g class=\"c{from}\" stroke-width=\"{:.1}\"><path id=\"d{number}\" d=\"{}\"/></g>\
                     <use class=\"{class}\" stroke-width=\"{width:.1}\" href=\"#d{number}\"/>",
                    width + ring * self.scale(),
                    points(cells)
                )?,
            }
        }
        writeln!(to, "</g>")
    }

    /// `None` for a place without clients.
    fn look(&self, account: &Account) -> Option<Look> {
        let total = account.total();
        let moved = account.moved() / total;
        let moving = account.flows().iter().filter(|flow| flow.0 != flow.1);
        let main = moving.max_by(|a, b| a.2.total_cmp(&b.2));
        let numbers = 0..self.moves.destinations.len() as u16;
        let most = numbers.max_by(|a, b| account.after(*a).total_cmp(&account.after(*b)))?;
        let moves = match moved {
            moved if moved >= 0.5 => Extent::Most,
            moved if moved >= 0.01 => Extent::Some,
            _ => Extent::Few,
        };
        let (from, whither) = match (moves, main) {
            (Extent::Most, Some(&(from, to, _))) => (from, to),
            (Extent::Some, Some(&(from, ..))) => (from, most),
            _ => (most, most),
        };
        Some(Look {
            moves,
            radius: std::cmp::Reverse(radius(total / self.moved.clients.per_unit())),
            from,
            to: whither,
        })
    }

    fn write_regions(&self, to: &mut String) -> std::fmt::Result {
        if self.regions.len() > MARKED_MAX {
            return Ok(());
        }
        for (name, at) in &self.regions {
            let (x, y) = on_map(at.latitude, at.longitude);
            let colour = self
                .number(name)
                .map_or("m".to_owned(), |number| format!("f{number}"));
            writeln!(
                to,
                "<path class=\"mark {colour}\" d=\"M{x:.1} {:.1}l6 6-6 6-6-6z\"/>",
                y - 6.0
            )?;
            let (x, anchor) = match x > WIDTH - 160.0 {
                true => (x - 11.0, "end"),
                false => (x + 11.0, "start"),
            };
            text_at(to, "label", (x, y + 5.0), anchor, name)?;
        }
        Ok(())
    }

    fn write_legend(&self, to: &mut String) -> std::fmt::Result {
        let top = MAP_Y + MAP_HEIGHT + 56.0;
        let row = |line: usize| top + LINE * (line + 1) as f64;
        let columns = [MARGIN + 24.0, MARGIN + 290.0, MARGIN + 390.0];
        for ((x, text), anchor) in columns
            .into_iter()
            .zip(["Region", "before", "after"])
            .zip(["start", "end", "end"])
        {
            text_at(to, "dim", (x, top), anchor, text)?;
        }
        let regions = self.by_change();
        let shown = fitting(regions.len());
        for (line, region) in regions.iter().take(shown).enumerate() {
            let y = row(line);
            if let Some(number) = self.number(&region.region) {
                let x = MARGIN + 8.0;
                writeln!(
                    to,
                    "<circle class=\"f{number}\" cx=\"{x}\" cy=\"{:.1}\" r=\"7\"/>",
                    y - 5.0
                )?;
            }
            text_at(to, "head", (columns[0], y), "start", &region.region)?;
            text_at(to, "", (columns[1], y), "end", &percent(region.before))?;
            text_at(to, "", (columns[2], y), "end", &percent(region.after))?;
        }
        more(to, (columns[0], row(shown)), regions.len() - shown)?;
        self.write_flows(to, (MARGIN + 500.0, top))?;
        self.write_key(to, (MARGIN + 960.0, top))
    }

    fn number(&self, name: &str) -> Option<usize> {
        let mut destinations = self.moves.destinations.iter();
        destinations.position(|destination| destination.to_string() == name)
    }

    fn write_flows(&self, to: &mut String, (x, top): (f64, f64)) -> std::fmt::Result {
        text_at(to, "dim", (x, top), "start", "Moves")?;
        let flows = &self.moved.flows;
        if flows.is_empty() {
            return text_at(to, "", (x, top + LINE), "start", "none");
        }
        let shown = fitting(flows.len());
        for (line, flow) in flows.iter().take(shown).enumerate() {
            let y = top + LINE * (line + 1) as f64;
            let name = format!("{} → {}", flow.from, flow.to);
            text_at(to, "head", (x, y), "start", &name)?;
            text_at(to, "", (x + 320.0, y), "end", &percent(flow.share))?;
        }
        let y = top + LINE * (shown + 1) as f64;
        more(to, (x, y), flows.len() - shown)
    }

    /// What dots mean.
    fn write_key(&self, to: &mut String, (x, top): (f64, f64)) -> std::fmt::Result {
        text_at(
            to,
            "dim",
            (x, top),
            "start",
            "Each dot is a square degree with clients",
        )?;
        let lines = [
            ("few", "", "stay: the colour says where they go"),
            ("", "ring", "move: the ring says where they went before"),
            ("", "thin", "some move (under a half)"),
        ];
        for (line, (class, ring, words)) in lines.into_iter().enumerate() {
            let y = top + LINE * (line + 1) as f64 - 5.0;
            let at = format!("M{:.1} {y:.1}h0", x + 8.0);
            writeln!(to, "<g class=\"dots\">")?;
            let width = match ring {
                "ring" => Some(15.0),
                "thin" => Some(12.5),
                _ => None,
            };
            if let Some(width) = width {
                writeln!(
                    to,
                    "<path stroke=\"{}\" stroke-width=\"{width}\" d=\"{at}\"/>",
                    COLOURS[1]
                )?;
            }
            writeln!(
                to,
                "<path class=\"{class}\" stroke=\"{}\" stroke-width=\"10\" d=\"{at}\"/></g>",
                COLOURS[0]
            )?;
            text_at(to, "", (x + 24.0, y + 5.0), "start", words)?;
        }
        let unit = self.moved.unit;
        let y = top + LINE * KEY_LINES as f64 - 5.0;
        let sizes = [8, 16, 24];
        for (index, bits) in sizes.into_iter().enumerate() {
            let x = x + 8.0 + 34.0 * index as f64;
            let width = self.scale() * f64::from(radius(2f64.powi(bits))) / 5.0;
            writeln!(
                to,
                "<g class=\"dots\"><path stroke=\"{NOBODY}\" stroke-width=\"{width:.1}\" \
                 d=\"M{x:.1} {y:.1}h0\"/></g>"
            )?;
        }
        let words = format!("256, 65,536 and 16,777,216 {unit}");
        text_at(to, "", (x + 100.0, y + 5.0), "start", &words)
    }
}

/// How many of `count` lines are shown, so that there is one left to say how many more there are.
fn fitting(count: usize) -> usize {
    match count > LEGEND_LINES - 1 {
        true => LEGEND_LINES - 2,
        false => count,
    }
}

fn more(to: &mut String, at: (f64, f64), count: usize) -> std::fmt::Result {
    match count {
        0 => Ok(()),
        count => text_at(to, "dim", at, "start", &format!("and {count} more")),
    }
}

/// In tenths of a pixel, of a dot for so many clients: 4 steps of them, so that few dots differ in size only.
fn radius(clients: f64) -> u16 {
    let octets = (clients.max(1.0).log2() / 4.0).round().clamp(1.0, 8.0);
    (13.5 * octets.sqrt()).round() as u16
}

fn on_map(latitude: f64, longitude: f64) -> (f64, f64) {
    let x = MARGIN + (longitude + 180.0) * DEGREE;
    let y = MAP_Y + (NORTH - latitude.clamp(SOUTH, NORTH)) * DEGREE;
    (x, y)
}

/// Lines of no length, which round caps make dots: far shorter than circles.
fn points(cells: &[Cell]) -> String {
    let mut text = String::new();
    for cell in cells {
        let middle = |corner: i16| f64::from(corner) + 0.5;
        let (x, y) = on_map(middle(cell.latitude), middle(cell.longitude));
        let _ = write!(text, "M{x:.1} {y:.1}h0");
    }
    text
}

fn write_graticule(to: &mut String) -> std::fmt::Result {
    let width = WIDTH - 2.0 * MARGIN;
    writeln!(
        to,
        "<rect class=\"map\" x=\"{MARGIN}\" y=\"{MAP_Y}\" width=\"{width}\" height=\"{MAP_HEIGHT:.1}\" rx=\"4\"/>"
    )?;
    for longitude in (-150..=150).step_by(30) {
        let (x, _) = on_map(0.0, f64::from(longitude));
        let class = if longitude == 0 { "grid line" } else { "grid" };
        writeln!(
            to,
            "<path class=\"{class}\" d=\"M{x:.1} {MAP_Y}v{MAP_HEIGHT:.1}\"/>"
        )?;
        let at = (x, MAP_Y + MAP_HEIGHT + 16.0);
        text_at(to, "small", at, "middle", &degrees(longitude, 'E', 'W'))?;
    }
    for latitude in (-30..=60).step_by(30) {
        let (_, y) = on_map(f64::from(latitude), 0.0);
        let class = if latitude == 0 { "grid line" } else { "grid" };
        writeln!(
            to,
            "<path class=\"{class}\" d=\"M{MARGIN} {y:.1}h{width}\"/>"
        )?;
        let at = (MARGIN - 6.0, y + 4.0);
        text_at(to, "small", at, "end", &degrees(latitude, 'N', 'S'))?;
    }
    Ok(())
}

/// "30°N"
fn degrees(number: i32, positive: char, negative: char) -> String {
    match number {
        0 => "0°".to_owned(),
        1.. => format!("{number}°{positive}"),
        _ => format!("{}°{negative}", -number),
    }
}

fn text_at(
    to: &mut String,
    class: &str,
    (x, y): (f64, f64),
    anchor: &str,
    text: &str,
) -> std::fmt::Result {
    writeln!(
        to,
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>",
        escaped(text)
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_globe_fits_on_the_map() {
        let (left, top) = on_map(90.0, -180.0);
        let (right, bottom) = on_map(-90.0, 180.0);
        assert_eq!((left, top), (MARGIN, MAP_Y));
        assert!((right - (WIDTH - MARGIN)).abs() < 1e-9);
        assert!((bottom - (MAP_Y + MAP_HEIGHT)).abs() < 1e-9);
    }

    #[test]
    fn texts_cannot_become_tags() {
        assert_eq!(escaped("<b> & \"c\""), "&lt;b&gt; &amp; \"c\"");
    }

    #[test]
    fn more_clients_have_larger_dots_within_bounds() {
        let radii = [0.5, 256.0, 65_536.0, 1e7, 1e30].map(radius);
        assert!(
            radii.is_sorted() && radii[0] >= 10 && radii[4] <= 40,
            "{radii:?}"
        );
    }
}
