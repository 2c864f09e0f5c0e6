//! Texts in which `{host}` and the like stand for something of the request.

use std::fmt;

/// What can be named in braces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variable {
    /// `http` or `https`.
    Scheme,
    /// Without a port.
    Host,
    /// As the client asked for it, in its normal form; without the query.
    Path,
    /// With its `?`; empty where there is none.
    Query,
    /// Path and query.
    Uri,
    Method,
    /// The address of the client.
    Client,
    /// The name of the route.
    Route,
}

const NAMES: [(&str, Variable); 8] = [
    ("scheme", Variable::Scheme),
    ("host", Variable::Host),
    ("path", Variable::Path),
    ("query", Variable::Query),
    ("uri", Variable::Uri),
    ("method", Variable::Method),
    ("client", Variable::Client),
    ("route", Variable::Route),
];

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Box<str>),
    Variable(Variable),
}

/// A text with placeholders; `{{` and `}}` are braces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template(Box<[Part]>);

/// What is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateError {
    /// A brace that has no other.
    Brace,
    Unknown(String),
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TemplateError::Brace => f.write_str("a brace that is not closed or opened"),
            TemplateError::Unknown(name) => write!(f, "no placeholder is called {{{name}}}"),
        }
    }
}

impl Template {
    /// The names that may stand in braces.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }

    /// # Errors
    /// The first mistake.
    pub fn parse(written: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut left = written;
        while let Some(at) = left.find(['{', '}']) {
            text.push_str(&left[..at]);
            let brace = &left[at..=at];
            left = &left[at + 1..];
            if let Some(rest) = left.strip_prefix(brace) {
                text.push_str(brace);
                left = rest;
                continue;
            }
            let Some((name, rest)) = left.split_once('}').filter(|_| brace == "{") else {
                return Err(TemplateError::Brace);
            };
            let known = NAMES.iter().find(|(known, _)| *known == name);
            let (_, variable) =
                known.ok_or_else(|| TemplateError::Unknown(name.chars().take(40).collect()))?;
            if !text.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut text).into()));
            }
            parts.push(Part::Variable(*variable));
            left = rest;
        }
        text.push_str(left);
        if !text.is_empty() {
            parts.push(Part::Text(text.into()));
        }
        Ok(Template(parts.into()))
    }

    /// The text, if it has no placeholders.
    pub fn fixed(&self) -> Option<&str> {
        match &*self.0 {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The text of which `value` appends what the placeholders stand for.
    pub fn fill(&self, mut value: impl FnMut(Variable, &mut String)) -> String {
        let mut filled = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Variable(variable) => value(*variable, &mut filled),
            }
        }
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_and_doubled_braces_are_braces() {
        let template = Template::parse("https://{host}{uri}/{{x}}").expect("a template");
        assert_eq!(template.fixed(), None);
        let filled = template.fill(|variable, text| match variable {
            Variable::Host => text.push_str("a.example"),
            _ => text.push_str("/b?c"),
        });
        assert_eq!(filled, "https://a.example/b?c/{x}");
        assert_eq!(
            Template::parse("plain").expect("a template").fixed(),
            Some("plain")
        );
    }

    #[test]
    fn mistakes_are_told() {
        for (written, expected) in [
            ("{", TemplateError::Brace),
            ("a}", TemplateError::Brace),
            ("{hos", TemplateError::Brace),
            ("{hots}", TemplateError::Unknown("hots".into())),
            ("{}", TemplateError::Unknown(String::new())),
        ] {
            assert_eq!(Template::parse(written), Err(expected), "{written}");
        }
    }
}
