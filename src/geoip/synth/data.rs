//! The data section of an MMDB file (<https://maxmind.github.io/MaxMind-DB/>, "Output Data
//! Section"): as much of it as City records need.

/// Octets in the making. Values stand one after another; a map announces how many pairs follow.
#[derive(Debug, Default)]
pub struct Data {
    bytes: Vec<u8>,
}

// Types, as the control octet has them.
const POINTER: u8 = 1;
const STRING: u8 = 2;
const DOUBLE: u8 = 3;
const UINT16: u8 = 5;
const UINT32: u8 = 6;
const MAP: u8 = 7;
/// Types past 7 stand in an octet of their own, less 7.
const EXTENDED: u8 = 0;
const UINT64: u8 = 9;
const ARRAY: u8 = 11;

impl Data {
    /// Where the next value will stand.
    pub fn offset(&self) -> u32 {
        self.bytes.len() as u32
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// `pairs` keys and values follow, at most 28.
    pub fn map(&mut self, pairs: u8) -> &mut Self {
        self.control(MAP, pairs)
    }

    /// `elements` values follow, at most 28.
    pub fn array(&mut self, elements: u8) -> &mut Self {
        self.control(ARRAY, elements)
    }

    /// At most 28 octets.
    pub fn string(&mut self, text: &str) -> &mut Self {
        self.control(STRING, text.len() as u8);
        self.bytes.extend(text.as_bytes());
        self
    }

    pub fn double(&mut self, number: f64) -> &mut Self {
        self.control(DOUBLE, 8);
        self.bytes.extend(number.to_be_bytes());
        self
    }

    pub fn uint16(&mut self, number: u16) -> &mut Self {
        self.control(UINT16, 2);
        self.bytes.extend(number.to_be_bytes());
        self
    }

    pub fn uint32(&mut self, number: u32) -> &mut Self {
        self.control(UINT32, 4);
        self.bytes.extend(number.to_be_bytes());
        self
    }

    pub fn uint64(&mut self, number: u64) -> &mut Self {
        self.control(UINT64, 8);
        self.bytes.extend(number.to_be_bytes());
        self
    }

    /// The value that stands at `offset`.
    pub fn pointer(&mut self, offset: u32) -> &mut Self {
        // The longest of the four forms: 32 bits.
        self.bytes.push(POINTER << 5 | 3 << 3);
        self.bytes.extend(offset.to_be_bytes());
        self
    }

    fn control(&mut self, kind: u8, size: u8) -> &mut Self {
        debug_assert!(size < 29, "longer sizes have another form");
        if kind < 8 {
            self.bytes.push(kind << 5 | size);
        } else {
            self.bytes.extend([EXTENDED << 5 | size, kind - 7]);
        }
        self
    }
}
