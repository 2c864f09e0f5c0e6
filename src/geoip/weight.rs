//! How much work it is to read a record, found out before it is read.
//!
//! Values may point to values, so a few octets can mean as many values as one likes: a thousand
//! records that each point to one list of ten thousand are ten million to decode. The reader bounds
//! each record (maxminddb 0.32), and its verifier enters what is shared only once; so this bounds
//! their sum.

use std::collections::HashMap;

/// Values to decode per octet of the data section: several times of what any writer's sharing makes.
const VALUES_PER_OCTET: u64 = 32;
/// What a small database may have anyway.
const VALUES_MIN: u64 = 1 << 16;
/// How deep values may nest; records of the GeoIP2 schema nest four deep, pointers included six.
const DEPTH_MAX: u32 = 64;

// Types of the format (<https://maxmind.github.io/MaxMind-DB/>, "Data Field Format").
const EXTENDED: u8 = 0;
const POINTER: u8 = 1;
const MAP: u8 = 7;
const ARRAY: u8 = 11;
const BOOLEAN: u8 = 14;

/// The data section of a database, and how much of it may still be decoded.
pub(super) struct Scales<'a> {
    data: &'a [u8],
    values_left: u64,
    /// What pointers lead to, once weighed.
    shared: HashMap<usize, u64>,
}

impl<'a> Scales<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Scales {
            data,
            values_left: (data.len() as u64 * VALUES_PER_OCTET).max(VALUES_MIN),
            shared: HashMap::new(),
        }
    }

    /// Counts the record at `offset` in.
    ///
    /// # Errors
    ///
    /// All records so far are more values than the section's size allows; or this one is broken or
    /// nests too deep.
    pub fn weigh(&mut self, offset: usize) -> Result<(), String> {
        let mut at = offset;
        self.value(&mut at, 0).map(drop)
    }

    /// The number of values in the one at `at`, which is left behind it.
    fn value(&mut self, at: &mut usize, depth: u32) -> Result<u64, String> {
        if depth > DEPTH_MAX {
            return Err(format!("a record nests more than {DEPTH_MAX} values deep"));
        }
        self.spend(1)?;
        let control = self.number(at, 1)? as u8;
        let kind = match control >> 5 {
            EXTENDED => (self.number(at, 1)? as u8).saturating_add(7),
            kind => kind,
        };
        if kind == POINTER {
            let target = self.pointer(at, control)?;
            return Ok(1 + self.shared(target, depth)?);
        }
        let size = self.size(at, control)?;
        let values = match kind {
            MAP => size * 2,
            ARRAY => size,
            BOOLEAN => return Ok(1),
            _ => {
                *at = at.saturating_add(size);
                return Ok(1);
            }
        };
        let mut weight = 1;
        for _ in 0..values {
            weight += self.value(at, depth + 1)?;
        }
        Ok(weight)
    }

    /// The weight of what a pointer leads to: walked once, counted each time.
    fn shared(&mut self, target: usize, depth: u32) -> Result<u64, String> {
        if let Some(&weight) = self.shared.get(&target) {
            self.spend(weight)?;
            return Ok(weight);
        }
        let mut at = target;
        let weight = self.value(&mut at, depth + 1)?;
        self.shared.insert(target, weight);
        Ok(weight)
    }

    fn spend(&mut self, values: u64) -> Result<(), String> {
        self.values_left = self.values_left.checked_sub(values).ok_or_else(|| {
            "its records share their values so often that they are too much to read".to_owned()
        })?;
        Ok(())
    }

    fn size(&self, at: &mut usize, control: u8) -> Result<usize, String> {
        Ok(match control & 0x1f {
            29 => 29 + self.number(at, 1)?,
            30 => 285 + self.number(at, 2)?,
            31 => 65_821 + self.number(at, 3)?,
            size => usize::from(size),
        })
    }

    fn pointer(&self, at: &mut usize, control: u8) -> Result<usize, String> {
        let high = usize::from(control & 7);
        Ok(match control >> 3 & 3 {
            0 => high << 8 | self.number(at, 1)?,
            1 => 2048 + (high << 16 | self.number(at, 2)?),
            2 => 526_336 + (high << 24 | self.number(at, 3)?),
            _ => self.number(at, 4)?,
        })
    }

    /// A number of so many octets.
    fn number(&self, at: &mut usize, octets: usize) -> Result<usize, String> {
        let end = at.saturating_add(octets);
        let found = self.data.get(*at..end);
        let found = found.ok_or("a record reaches past the end of the data")?;
        *at = end;
        Ok(found
            .iter()
            .fold(0, |n, &octet| n << 8 | usize::from(octet)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten arrays, each of ten pointers to the one before: 10^10 values in 510 octets.
    #[test]
    fn what_grows_with_each_pointer_is_refused() {
        let mut data = vec![0xa0];
        let mut last = 0u16;
        for _ in 0..10 {
            let here = data.len() as u16;
            // An array of ten is type 11, which is extended.
            data.extend([10, 4]);
            for _ in 0..10 {
                let [high, low] = last.to_be_bytes();
                data.extend([0x20 | high, low]);
            }
            last = here;
        }
        let mut scales = Scales::new(&data);
        scales.weigh(1).unwrap();
        assert!(scales.weigh(last.into()).unwrap_err().contains("too much"));
    }

    #[test]
    fn a_pointer_to_itself_is_refused() {
        assert!(
            Scales::new(&[0x20, 0])
                .weigh(0)
                .unwrap_err()
                .contains("deep")
        );
    }

    #[test]
    fn sizes_of_every_form_are_skipped() {
        // A string of 29, then one past the end.
        let mut data = vec![2, 4, 0x40 | 29, 0];
        data.extend([b'x'; 29]);
        data.push(0x40);
        Scales::new(&data).weigh(0).unwrap();
        data.pop();
        assert!(Scales::new(&data).weigh(0).is_err());
    }
}
