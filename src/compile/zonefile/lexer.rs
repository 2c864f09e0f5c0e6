//! Text -> entries of tokens (RFC 1035, 5.1): white space, comments, quotes, parentheses.
//!
//! A mistake costs its entry: the lexer goes on with the next one.

/// Tokens of one entry at most. Record data of 65,535 octets as hex needs no more.
const TOKENS_MAX: usize = 70_000;

/// A token, as a range of the text. Escapes are still in it; quotes are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub start: u32,
    pub end: u32,
    /// Counts from 1.
    pub line: u32,
    pub quoted: bool,
    /// Whether it follows the token before without anything between, like the value in `key="value"`.
    pub joined: bool,
}

impl Token {
    pub fn bytes<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        &text[self.start as usize..self.end as usize]
    }
}

/// A spot in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    pub offset: u32,
    /// Counts from 1.
    pub line: u32,
}

impl From<Token> for Spot {
    fn from(token: Token) -> Self {
        Spot {
            // The quote belongs to what one looks for.
            offset: token.start - u32::from(token.quoted),
            line: token.line,
        }
    }
}

/// What is wrong with an entry's structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LexError {
    QuoteNotClosed,
    ParenthesisNotClosed,
    ParenthesisNotOpened,
    ControlOctet(u8),
    TooManyTokens,
}

impl LexError {
    pub fn message(self) -> String {
        match self {
            LexError::QuoteNotClosed => "`\"` is not closed on its line".to_owned(),
            LexError::ParenthesisNotClosed => "`(` is never closed".to_owned(),
            LexError::ParenthesisNotOpened => "`)` without `(`".to_owned(),
            LexError::ControlOctet(octet) => format!("a control octet (0x{octet:02x})"),
            LexError::TooManyTokens => {
                format!("an entry of more than {TOKENS_MAX} values opens here")
            }
        }
    }

    pub fn help(self) -> &'static str {
        match self {
            LexError::QuoteNotClosed => {
                "close it; a quote inside is `\\\"`, a line feed inside is `\\010`"
            }
            LexError::ParenthesisNotClosed => "an entry goes on over lines until `)`",
            LexError::ParenthesisNotOpened => "remove it, or open it before",
            LexError::ControlOctet(_) => {
                "zone files are text; write such an octet as `\\DDD` in decimal"
            }
            LexError::TooManyTokens => "is a `(` not closed?",
        }
    }
}

/// How an entry begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Start {
    pub spot: Spot,
    /// The line begins with white space: no owner is written.
    pub is_blank: bool,
}

pub(super) struct Lexer<'t> {
    text: &'t [u8],
    at: usize,
    line: u32,
    tokens: Vec<Token>,
    parentheses: u32,
    /// The outermost open parenthesis.
    opened: Spot,
    error: Option<(Spot, LexError)>,
}

/// One entry: its tokens (at least one), or what is wrong with it and where.
pub(super) struct Entry<'l> {
    pub start: Start,
    pub tokens: Result<&'l [Token], (Spot, LexError)>,
}

impl<'t> Lexer<'t> {
    /// `text` is at most `u32::MAX` octets long.
    pub fn new(text: &'t [u8]) -> Self {
        Lexer {
            text,
            at: 0,
            line: 1,
            tokens: Vec::new(),
            parentheses: 0,
            opened: Spot { offset: 0, line: 1 },
            error: None,
        }
    }

    /// The next entry that is not empty.
    pub fn next_entry(&mut self) -> Option<Entry<'_>> {
        while self.at < self.text.len() {
            let start = Start {
                spot: self.spot(),
                is_blank: matches!(self.text[self.at], b' ' | b'\t'),
            };
            self.read_entry();
            match self.error {
                Some(error) => {
                    let tokens = Err(error);
                    return Some(Entry { start, tokens });
                }
                None if self.tokens.is_empty() => continue,
                None => {
                    let tokens = Ok(self.tokens.as_slice());
                    return Some(Entry { start, tokens });
                }
            }
        }
        None
    }

    fn spot(&self) -> Spot {
        Spot {
            offset: self.at as u32,
            line: self.line,
        }
    }

    fn fail(&mut self, spot: Spot, error: LexError) {
        self.error.get_or_insert((spot, error));
    }

    /// Reads to the line feed that ends the entry, or to the end of the text.
    fn read_entry(&mut self) {
        self.tokens.clear();
        self.error = None;
        self.parentheses = 0;
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                b'\n' => {
                    self.at += 1;
                    self.line += 1;
                    if self.parentheses == 0 {
                        return;
                    }
                }
                b' ' | b'\t' | b'\r' => self.at += 1,
                b';' => self.skip_comment(),
                b'(' => self.open(),
                b')' => self.close(),
                b'"' => self.read_quoted(),
                _ => self.read_unquoted(),
            }
            if self.tokens.len() > TOKENS_MAX {
                return self.give_up(LexError::TooManyTokens);
            }
        }
        if self.parentheses > 0 {
            self.give_up(LexError::ParenthesisNotClosed);
        }
    }

    fn skip_comment(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
    }

    fn open(&mut self) {
        if self.parentheses == 0 {
            self.opened = self.spot();
        }
        self.parentheses += 1;
        self.at += 1;
    }

    fn close(&mut self) {
        match self.parentheses.checked_sub(1) {
            Some(fewer) => self.parentheses = fewer,
            None => self.fail(self.spot(), LexError::ParenthesisNotOpened),
        }
        self.at += 1;
    }

    fn read_quoted(&mut self) {
        let quote = self.spot();
        self.at += 1;
        loop {
            match self.text.get(self.at) {
                None | Some(b'\n') => return self.fail(quote, LexError::QuoteNotClosed),
                Some(b'"') => break,
                Some(b'\\') => self.skip_escape(),
                Some(&octet) => {
                    if octet.is_ascii_control() && octet != b'\t' {
                        self.fail(self.spot(), LexError::ControlOctet(octet));
                    }
                    self.at += 1;
                }
            }
        }
        self.push(quote.offset + 1, true);
        self.at += 1;
    }

    fn read_unquoted(&mut self) {
        let start = self.spot();
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                b'\n' | b' ' | b'\t' | b'\r' | b';' | b'(' | b')' | b'"' => break,
                b'\\' => self.skip_escape(),
                octet => {
                    if octet.is_ascii_control() {
                        self.fail(self.spot(), LexError::ControlOctet(octet));
                    }
                    self.at += 1;
                }
            }
        }
        self.push(start.offset, false);
    }

    /// Skips a backslash and the character after it. A line feed cannot be escaped.
    fn skip_escape(&mut self) {
        self.at += 1;
        if self.text.get(self.at).is_some_and(|&b| b != b'\n') {
            self.at += 1;
        }
    }

    fn push(&mut self, start: u32, quoted: bool) {
        let before = start - u32::from(quoted);
        let joined = self
            .tokens
            .last()
            .is_some_and(|last| last.end + u32::from(last.quoted) == before);
        self.tokens.push(Token {
            start,
            end: self.at as u32,
            line: self.line,
            quoted,
            joined,
        });
    }

    /// Refuses an entry that has no end. Where a parenthesis is open, guesses where the next entry
    /// begins: what stands in parentheses is nearly always indented, an owner or a directive is not.
    fn give_up(&mut self, error: LexError) {
        let first = self.tokens.first().map(|&token| Spot::from(token));
        let spot = match error {
            LexError::ParenthesisNotClosed => self.opened,
            _ => first.unwrap_or(self.opened),
        };
        self.error = Some((spot, error));
        if self.parentheses > 0 {
            (self.at, self.line) = (self.opened.offset as usize, self.opened.line);
        }
        loop {
            self.skip_line();
            match self.text.get(self.at) {
                Some(b' ' | b'\t' | b'\r' | b'\n' | b';' | b'(' | b')' | b'"') => {}
                _ => return,
            }
        }
    }

    fn skip_line(&mut self) {
        self.skip_comment();
        if self.at < self.text.len() {
            self.at += 1;
            self.line += 1;
        }
    }
}

/// The column of an offset: characters from the start of its line, from 1.
pub(super) fn column(text: &[u8], offset: u32) -> u32 {
    let before = &text[..(offset as usize).min(text.len())];
    let is_continuation = |b: u8| b & 0xc0 == 0x80;
    let characters = before
        .iter()
        .rev()
        .take_while(|&&b| b != b'\n')
        .filter(|&&b| !is_continuation(b))
        .count();
    characters as u32 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Entries as text: tokens joined by `|`, quoted ones in quotes; mistakes as `line:column`.
    fn lex(text: &str) -> Vec<String> {
        let text = text.as_bytes();
        let mut lexer = Lexer::new(text);
        let mut entries = Vec::new();
        while let Some(entry) = lexer.next_entry() {
            entries.push(match entry.tokens {
                Ok(tokens) => tokens
                    .iter()
                    .map(|t| {
                        let bytes = String::from_utf8_lossy(t.bytes(text)).into_owned();
                        if t.quoted {
                            format!("\"{bytes}\"")
                        } else {
                            bytes
                        }
                    })
                    .collect::<Vec<_>>()
                    .join("|"),
                Err((spot, error)) => {
                    format!("{}:{} {error:?}", spot.line, column(text, spot.offset))
                }
            });
        }
        entries
    }

    #[test]
    fn entries_end_at_line_feeds_outside_parentheses() {
        assert_eq!(lex("a b\r\n\n  ; none\nc d"), ["a|b", "c|d"]);
        assert_eq!(lex("a ( b ; one\n c\n) d\ne"), ["a|b|c|d", "e"]);
        assert_eq!(lex("a(b)c;d"), ["a|b|c"]);
    }

    #[test]
    fn quotes_and_escapes_keep_what_would_end_a_token() {
        assert_eq!(lex(r#"a "b ;(c" d\ e"#), [r#"a|"b ;(c"|d\ e"#]);
        assert_eq!(lex(r#""a\"b" """#), [r#""a\"b"|"""#]);
        assert_eq!(lex(r#"k="v" w"#), [r#"k=|"v"|w"#]);
    }

    #[test]
    fn a_value_that_follows_at_once_is_joined() {
        let mut lexer = Lexer::new(br#"k="v" "w""x" y"#);
        let entry = lexer.next_entry().unwrap().tokens.unwrap();
        let joined: Vec<_> = entry.iter().map(|t| t.joined).collect();
        assert_eq!(joined, [false, true, false, true, false]);
    }

    #[test]
    fn a_mistake_costs_its_entry_only() {
        assert_eq!(lex("a \"b\nc d"), ["1:3 QuoteNotClosed", "c|d"]);
        assert_eq!(lex("a ) b\nc d"), ["1:3 ParenthesisNotOpened", "c|d"]);
        assert_eq!(lex("é \u{1}b\nc"), ["1:3 ControlOctet(1)", "c"]);
        assert_eq!(lex("a ( \"b\n) c\nd"), ["1:5 QuoteNotClosed", "d"]);
    }

    #[test]
    fn after_an_unclosed_parenthesis_the_next_owner_begins_an_entry() {
        assert_eq!(
            lex("a (\n 1\n 2\nb c\nd e"),
            ["1:3 ParenthesisNotClosed", "b|c", "d|e"]
        );
    }

    #[test]
    fn an_entry_without_end_is_cut_off() {
        let text = format!("a (\n{}\nb c", " 1".repeat(TOKENS_MAX + 1));
        assert_eq!(lex(&text), ["1:1 TooManyTokens", "b|c"]);
    }
}
