//! What a made-up database says of its networks: cities around real countries' centroids.

use super::data::Data;
use crate::geoip::countries::COUNTRIES;
use crate::random::Random;

/// Countries with many networks: their share per mille, and how many degrees of latitude and longitude
/// they extend from their middle. All others share what is left, and are small.
#[rustfmt::skip]
const LARGE: [([u8; 2], u32, f64, f64); 40] = [
    (*b"US", 310, 8.0, 22.0), (*b"DE", 50, 3.0, 4.0),   (*b"GB", 50, 3.0, 2.5),
    (*b"CN", 45, 9.0, 14.0),  (*b"FR", 40, 3.5, 3.5),   (*b"JP", 35, 4.0, 4.0),
    (*b"CA", 35, 4.0, 25.0),  (*b"BR", 35, 10.0, 9.0),  (*b"IN", 30, 8.0, 7.0),
    (*b"RU", 25, 5.0, 50.0),  (*b"IT", 25, 4.0, 4.0),   (*b"NL", 25, 1.0, 1.2),
    (*b"AU", 20, 8.0, 14.0),  (*b"ES", 20, 3.0, 4.0),   (*b"KR", 15, 1.5, 1.2),
    (*b"PL", 12, 2.5, 4.0),   (*b"MX", 12, 6.0, 9.0),   (*b"SE", 10, 5.0, 3.0),
    (*b"CH", 10, 0.7, 1.5),   (*b"TW", 8, 1.3, 0.6),    (*b"AR", 8, 9.0, 5.0),
    (*b"HK", 8, 0.2, 0.2),    (*b"SG", 7, 0.1, 0.2),    (*b"ZA", 7, 4.0, 6.0),
    (*b"TR", 7, 2.0, 7.0),    (*b"BE", 7, 0.7, 1.3),    (*b"AT", 6, 0.8, 2.5),
    (*b"UA", 6, 2.5, 7.0),    (*b"ID", 6, 5.0, 15.0),   (*b"VN", 6, 6.0, 2.0),
    (*b"TH", 5, 5.0, 2.5),    (*b"NO", 5, 4.0, 3.0),    (*b"DK", 5, 1.0, 1.5),
    (*b"FI", 5, 3.0, 3.0),    (*b"CO", 4, 5.0, 3.0),    (*b"EG", 3, 3.0, 3.0),
    (*b"NG", 3, 4.0, 4.0),    (*b"CL", 3, 12.0, 1.0),   (*b"NZ", 3, 4.0, 3.0),
    (*b"KE", 2, 3.0, 3.0),
];

/// The share of a country that is not among [`LARGE`], per mille of all.
const SMALL_WEIGHT: u32 = 1;
const SMALL_DEGREES: f64 = 1.0;

/// Cities of the largest database at most; a database has one per this many networks.
const CITIES_MAX: u32 = 40_000;
const NETWORKS_PER_CITY: u32 = 60;

/// How sure a record is of its coordinates, in kilometres: what makes records of one city differ.
const RADII_KM: [u16; 8] = [5, 1, 10, 20, 50, 100, 200, 500];

/// Where the networks of an allocation are, from one to the next.
#[derive(Debug, Default)]
pub struct Locality {
    continent: [u8; 2],
    /// Index into [`COUNTRIES`].
    country: Option<usize>,
    /// The last record: neighbours that said the same would be one network.
    last: Option<(u32, usize)>,
}

impl Locality {
    /// Goes on to an allocation of the continent's registry; it often has the country of the one
    /// before.
    pub fn enter(&mut self, continent: [u8; 2], random: &mut Random) {
        if self.continent != continent || random.below(100) < 40 {
            self.continent = continent;
            self.country = None;
        }
    }
}

/// A city, or the whole of a country.
struct Place {
    /// Index into [`COUNTRIES`].
    country: usize,
    /// 0 for the whole country.
    number: u32,
    latitude: f64,
    longitude: f64,
    /// By radius: where the record stands, once it does.
    records: [Option<u32>; RADII_KM.len()],
}

/// The records of a database, written when first asked for.
pub struct Records {
    places: Vec<Place>,
    /// By country: the first of its places, which is the whole country; the largest city follows.
    first_places: Vec<u32>,
    /// By country: where its continent, country and registered country stand, once they do.
    heads: Vec<Option<(u32, u32)>>,
    data: Data,
    count: usize,
}

fn weight(country: usize) -> u32 {
    large(country).map_or(SMALL_WEIGHT, |large| large.1)
}

fn large(country: usize) -> Option<&'static ([u8; 2], u32, f64, f64)> {
    let code = COUNTRIES[country].code;
    LARGE.iter().find(|large| large.0 == code)
}

/// A country, by weight; with a continent, one of it.
fn draw_country(continent: Option<[u8; 2]>, random: &mut Random) -> usize {
    let inside = |country: &usize| continent.is_none_or(|c| COUNTRIES[*country].continent == c);
    let countries = || (0..COUNTRIES.len()).filter(inside);
    let mut drawn = random.below(countries().map(weight).sum());
    let found = countries().find(|country| {
        let weight = weight(*country);
        let here = drawn < weight;
        drawn = drawn.wrapping_sub(weight);
        here
    });
    found.unwrap_or(0)
}

impl Records {
    /// For a database of so many networks.
    pub fn new(networks: u32, random: &mut Random) -> Self {
        let cities = (networks / NETWORKS_PER_CITY).clamp(1, CITIES_MAX);
        let weights: u32 = (0..COUNTRIES.len()).map(weight).sum();
        let mut places = Vec::new();
        let mut first_places = Vec::new();
        for country in 0..COUNTRIES.len() {
            first_places.push(places.len() as u32);
            let cities = 1 + cities * weight(country) / weights;
            places.extend((0..=cities).map(|number| Place::new(country, number, random)));
        }
        first_places.push(places.len() as u32);
        Records {
            places,
            first_places,
            heads: vec![None; COUNTRIES.len()],
            data: Data::default(),
            count: 0,
        }
    }

    /// The record of the next network: another than that of the one before.
    pub fn record(&mut self, at: &mut Locality, random: &mut Random) -> u32 {
        let country = *at.country.get_or_insert_with(|| {
            let anywhere = random.below(100) < 15;
            draw_country((!anywhere).then_some(at.continent), random)
        });
        let country = match random.below(100) {
            0..3 => draw_country(None, random),
            _ => country,
        };
        let place = self.draw_place(country, at, random);
        let mut radius = (random.fraction() * random.fraction() * RADII_KM.len() as f64) as usize;
        if at.last == Some((place, radius)) {
            radius = (radius + 1) % RADII_KM.len();
        }
        at.last = Some((place, radius));
        self.at(place as usize, radius)
    }

    fn draw_place(&self, country: usize, at: &Locality, random: &mut Random) -> u32 {
        let [first, next] = [0, 1].map(|i| self.first_places[country + i]);
        match (random.below(100), at.last) {
            // Half of all networks are where their neighbour is.
            (0..50, Some((place, _))) if (first..next).contains(&place) => place,
            (50..55, _) => first,
            _ => {
                // The first cities are the largest.
                let u = random.fraction();
                first + 1 + (u * u * u * f64::from(next - first - 1)) as u32
            }
        }
    }

    /// Where the record of a place stands.
    fn at(&mut self, place: usize, radius: usize) -> u32 {
        if let Some(offset) = self.places[place].records[radius] {
            return offset;
        }
        let head = self.head(self.places[place].country);
        let offset = self.data.offset();
        let place = &mut self.places[place];
        place.records[radius] = Some(offset);
        place.write(head, RADII_KM[radius], &mut self.data);
        self.count += 1;
        offset
    }

    /// What all records of a country share.
    fn head(&mut self, country: usize) -> (u32, u32) {
        let data = &mut self.data;
        *self.heads[country].get_or_insert_with(|| {
            let row = &COUNTRIES[country];
            let continent = data.offset();
            data.map(1).string("code").string(&text(row.continent));
            let at = data.offset();
            data.map(2).string("geoname_id").uint32(country as u32 + 1);
            data.string("iso_code").string(&text(row.code));
            (continent, at)
        })
    }

    /// How many distinct records there are.
    pub fn count(&self) -> usize {
        self.count
    }

    pub fn into_data(self) -> Vec<u8> {
        self.data.into_bytes()
    }
}

fn text(code: [u8; 2]) -> String {
    code.map(char::from).iter().collect()
}

impl Place {
    fn new(country: usize, number: u32, random: &mut Random) -> Self {
        let row = &COUNTRIES[country];
        let degrees = large(country).map_or((SMALL_DEGREES, SMALL_DEGREES), |l| (l.2, l.3));
        let mut around = |middle: f64, degrees: f64, bound: f64| {
            // The mean of three draws: more in the middle than at the edges.
            let sum: f64 = (0..3).map(|_| random.fraction()).sum();
            let degree = middle + (sum / 1.5 - 1.0) * degrees * 1.5;
            // Four places, as City databases have them.
            (degree.clamp(-bound, bound) * 10_000.0).round() / 10_000.0
        };
        let (latitude, longitude) = match number {
            0 => (row.latitude, row.longitude),
            _ => (
                around(row.latitude, degrees.0, 85.0),
                around(row.longitude, degrees.1, 180.0),
            ),
        };
        Place {
            country,
            number,
            latitude,
            longitude,
            records: [None; RADII_KM.len()],
        }
    }

    fn write(&self, (continent, country): (u32, u32), radius_km: u16, data: &mut Data) {
        let is_city = self.number > 0;
        data.map(if is_city { 6 } else { 4 });
        if is_city {
            data.string("city").map(2);
            data.string("geoname_id").uint32(self.geoname_id());
            let name = format!("{} {}", text(COUNTRIES[self.country].code), self.number);
            data.string("names").map(1).string("en").string(&name);
        }
        data.string("continent").pointer(continent);
        data.string("country").pointer(country);
        data.string("location").map(3);
        data.string("accuracy_radius").uint16(radius_km);
        data.string("latitude").double(self.latitude);
        data.string("longitude").double(self.longitude);
        data.string("registered_country").pointer(country);
        if is_city {
            data.string("subdivisions").array(1).map(1);
            data.string("iso_code").string(&self.subdivision());
        }
    }

    fn geoname_id(&self) -> u32 {
        1_000_000 + self.country as u32 * CITIES_MAX + self.number
    }

    /// "1".."12", from west to east.
    fn subdivision(&self) -> String {
        let width = large(self.country).map_or(SMALL_DEGREES, |l| l.3) * 3.0;
        let west = COUNTRIES[self.country].longitude - width / 2.0;
        let strip = (self.longitude - west) / width * 12.0;
        (strip.clamp(0.0, 11.0) as u32 + 1).to_string()
    }
}
