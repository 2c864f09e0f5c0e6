//! The `domain` crate's view of our tokens: it knows the presentation format of each record type.

use std::borrow::Cow;
use std::fmt;

use domain::base::charstr::CharStr;
use domain::base::name::Name as DomainName;
use domain::base::scan::{ConvertSymbols, EntrySymbol, Scanner, ScannerError, Symbol};
use domain::dep::octseq::str::Str;

use super::lexer::Token;
use super::ttl;
use crate::dns::{Name, NameError};

/// Why a value could not be read; [`TokenScanner::culprit`] says which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ScanError {
    /// Something about the value read last.
    Value(Cow<'static, str>),
    /// A value is missing.
    EndOfEntry,
    /// There are more values than the type has.
    TrailingTokens,
}

impl fmt::Display for ScanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ScanError::Value(reason) => reason,
            ScanError::EndOfEntry => "a value is missing",
            ScanError::TrailingTokens => "one value too many",
        })
    }
}

impl std::error::Error for ScanError {}

impl ScannerError for ScanError {
    fn custom(reason: &'static str) -> Self {
        ScanError::Value(Cow::Borrowed(reason))
    }

    fn end_of_entry() -> Self {
        ScanError::EndOfEntry
    }

    fn short_buf() -> Self {
        Self::custom("the record data is too long")
    }

    fn trailing_tokens() -> Self {
        ScanError::TrailingTokens
    }
}

impl From<NameError> for ScanError {
    fn from(error: NameError) -> Self {
        ScanError::Value(Cow::Owned(error.to_string()))
    }
}

/// A walk over the values of one record.
pub(super) struct TokenScanner<'t> {
    text: &'t [u8],
    tokens: &'t [Token],
    /// The next token.
    at: usize,
    origin: &'t Name,
    /// Tokens from this one on are durations and may have units; `usize::MAX` for none.
    durations_from: usize,
}

impl<'t> TokenScanner<'t> {
    pub fn new(text: &'t [u8], tokens: &'t [Token], origin: &'t Name) -> Self {
        TokenScanner {
            text,
            tokens,
            at: 0,
            origin,
            durations_from: usize::MAX,
        }
    }

    /// Lets the tokens from index `first` on have units, like TTLs.
    pub fn durations_from(mut self, first: usize) -> Self {
        self.durations_from = first;
        self
    }

    /// An error if there are tokens left.
    pub fn finish(&self) -> Result<(), ScanError> {
        match self.tokens.get(self.at) {
            Some(_) => Err(ScanError::TrailingTokens),
            None => Ok(()),
        }
    }

    /// The index of the token that `error` is about; past the last one for one that is missing.
    pub fn culprit(&self, error: &ScanError) -> usize {
        match error {
            ScanError::Value(_) => self.at.saturating_sub(1),
            ScanError::EndOfEntry | ScanError::TrailingTokens => self.at,
        }
    }

    fn next(&mut self) -> Result<Token, ScanError> {
        let token = *self.tokens.get(self.at).ok_or(ScanError::EndOfEntry)?;
        self.at += 1;
        Ok(token)
    }

    fn symbols(&self, token: Token) -> Symbols<'t> {
        Symbols(token.bytes(self.text))
    }

    /// Appends the octets that a token stands for.
    fn append(&self, token: Token, octets: &mut Vec<u8>) -> Result<(), ScanError> {
        for symbol in self.symbols(token) {
            octets.push(octet(symbol?));
        }
        Ok(())
    }
}

/// The octets that a token stands for, as symbols: every octet that is no printable ASCII counts
/// as escaped, so that raw UTF-8 in strings passes as it is.
struct Symbols<'t>(&'t [u8]);

impl Iterator for Symbols<'_> {
    type Item = Result<Symbol, ScanError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(match first {
            b'\\' => self.escape(),
            0..=0x7f => Ok(Symbol::Char(char::from(first))),
            _ => Ok(Symbol::DecimalEscape(first)),
        })
    }
}

impl Symbols<'_> {
    /// `\DDD` or `\X`, after the backslash.
    fn escape(&mut self) -> Result<Symbol, ScanError> {
        let bad = || ScanError::custom("an escape that is neither \\X nor \\DDD (000..255)");
        match *self.0 {
            [a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', ..] => {
                self.0 = &self.0[3..];
                let [a, b, c] = [a, b, c].map(|digit| u16::from(digit - b'0'));
                let value = u8::try_from(a * 100 + b * 10 + c).map_err(|_| bad())?;
                Ok(Symbol::DecimalEscape(value))
            }
            [x @ 0x20..=0x7e, ..] if !x.is_ascii_digit() => {
                self.0 = &self.0[1..];
                Ok(Symbol::SimpleEscape(x))
            }
            _ => Err(bad()),
        }
    }
}

/// The octet that one of our symbols stands for; they have no characters beyond ASCII.
fn octet(symbol: Symbol) -> u8 {
    match symbol {
        Symbol::Char(c) => c as u8,
        Symbol::SimpleEscape(octet) | Symbol::DecimalEscape(octet) => octet,
    }
}

/// A name in presentation format, relative to `origin`.
pub(super) fn name(token: &[u8], origin: &Name) -> Result<Name, ScanError> {
    let text = std::str::from_utf8(token)
        .map_err(|_| ScanError::custom("a name that is not UTF-8 (write octets as \\DDD)"))?;
    Ok(Name::parse_relative(text, origin)?)
}

impl Scanner for TokenScanner<'_> {
    type Octets = Vec<u8>;
    type OctetsBuilder = Vec<u8>;
    type Name = DomainName<Vec<u8>>;
    type Error = ScanError;

    fn has_space(&self) -> bool {
        self.tokens.get(self.at).is_some_and(|token| !token.joined)
    }

    fn continues(&mut self) -> bool {
        self.at < self.tokens.len()
    }

    fn scan_symbols<F>(&mut self, mut op: F) -> Result<(), ScanError>
    where
        F: FnMut(Symbol) -> Result<(), ScanError>,
    {
        let token = self.next()?;
        if token.start == token.end {
            return Err(ScanError::custom("an empty value"));
        }
        if self.at > self.durations_from {
            let seconds = ttl::parse(token.bytes(self.text))
                .map_err(|e| ScanError::custom(e.reason()))?
                .to_string();
            return seconds.chars().try_for_each(|c| op(Symbol::Char(c)));
        }
        self.symbols(token).try_for_each(|symbol| op(symbol?))
    }

    fn scan_entry_symbols<F>(&mut self, mut op: F) -> Result<(), ScanError>
    where
        F: FnMut(EntrySymbol) -> Result<(), ScanError>,
    {
        while self.continues() {
            self.scan_symbols(|symbol| op(symbol.into()))?;
            op(EntrySymbol::EndOfToken)?;
        }
        Ok(())
    }

    fn convert_token<C: ConvertSymbols<Symbol, ScanError>>(
        &mut self,
        mut convert: C,
    ) -> Result<Vec<u8>, ScanError> {
        let mut octets = Vec::new();
        self.scan_symbols(|symbol| {
            octets.extend_from_slice(convert.process_symbol(symbol)?.unwrap_or_default());
            Ok(())
        })?;
        octets.extend_from_slice(convert.process_tail()?.unwrap_or_default());
        Ok(octets)
    }

    fn convert_entry<C: ConvertSymbols<EntrySymbol, ScanError>>(
        &mut self,
        mut convert: C,
    ) -> Result<Vec<u8>, ScanError> {
        let mut octets = Vec::new();
        self.scan_entry_symbols(|symbol| {
            octets.extend_from_slice(convert.process_symbol(symbol)?.unwrap_or_default());
            Ok(())
        })?;
        octets.extend_from_slice(convert.process_tail()?.unwrap_or_default());
        Ok(octets)
    }

    fn scan_octets(&mut self) -> Result<Vec<u8>, ScanError> {
        let token = self.next()?;
        let mut octets = Vec::with_capacity((token.end - token.start) as usize);
        self.append(token, &mut octets)?;
        Ok(octets)
    }

    fn scan_svcb_octets(&mut self) -> Result<Vec<u8>, ScanError> {
        let mut octets = self.scan_octets()?;
        while self.continues() && !self.has_space() {
            let token = self.next()?;
            self.append(token, &mut octets)?;
        }
        Ok(octets)
    }

    fn scan_ascii_str<F, T>(&mut self, op: F) -> Result<T, ScanError>
    where
        F: FnOnce(&str) -> Result<T, ScanError>,
    {
        let octets = self.scan_octets()?;
        match std::str::from_utf8(&octets) {
            Ok(text) if text.is_ascii() => op(text),
            _ => Err(ScanError::custom("characters beyond ASCII")),
        }
    }

    fn scan_name(&mut self) -> Result<Self::Name, ScanError> {
        let token = self.next()?;
        let name = name(token.bytes(self.text), self.origin)?;
        DomainName::from_octets(name.as_wire().to_vec())
            .map_err(|_| ScanError::custom("no domain name"))
    }

    fn scan_charstr(&mut self) -> Result<CharStr<Vec<u8>>, ScanError> {
        CharStr::from_octets(self.scan_octets()?)
            .map_err(|_| ScanError::custom("a string of more than 255 octets"))
    }

    fn scan_string(&mut self) -> Result<Str<Vec<u8>>, ScanError> {
        Str::from_utf8(self.scan_octets()?).map_err(|_| ScanError::custom("text that is not UTF-8"))
    }

    fn scan_charstr_entry(&mut self) -> Result<Vec<u8>, ScanError> {
        let mut wire = Vec::new();
        loop {
            let string = self.scan_charstr()?;
            wire.push(string.len() as u8);
            wire.extend_from_slice(string.as_slice());
            if !self.continues() {
                return Ok(wire);
            }
        }
    }

    fn scan_opt_unknown_marker(&mut self) -> Result<bool, ScanError> {
        let is_marker = self
            .tokens
            .get(self.at)
            .is_some_and(|token| !token.quoted && token.bytes(self.text) == b"\\#");
        self.at += usize::from(is_marker);
        Ok(is_marker)
    }

    fn octets_builder(&mut self) -> Result<Vec<u8>, ScanError> {
        Ok(Vec::new())
    }
}
