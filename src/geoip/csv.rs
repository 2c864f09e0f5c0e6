//! One line of comma-separated values (RFC 4180), with comments as in RFC 8805.

use std::mem;

/// A field and where it begins: columns count characters from 1.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub text: String,
    pub column: u32,
}

impl Field {
    fn at(column: u32) -> Self {
        Field {
            text: String::new(),
            column,
        }
    }
}

/// The fields of a line, without the blanks around them. A `#` outside of quotes ends the line; a
/// line with nothing before it has no fields.
///
/// # Errors
///
/// The column of a quotation mark that is never closed.
pub(super) fn fields(line: &str) -> Result<Vec<Field>, u32> {
    let mut fields = Vec::new();
    let mut field = Field::at(1);
    let mut quote = None;
    let mut characters = (1..).zip(line.chars()).peekable();
    while let Some((column, character)) = characters.next() {
        match (character, quote) {
            // Inside of quotes, two of them stand for one.
            ('"', Some(_)) if characters.next_if(|&(_, next)| next == '"').is_some() => {
                field.text.push('"');
            }
            ('"', Some(_)) => quote = None,
            (_, Some(_)) => field.text.push(character),
            ('"', None) => quote = Some(column),
            (',', None) => fields.push(mem::replace(&mut field, Field::at(column + 1))),
            ('#', None) => break,
            (blank, None) if field.text.is_empty() && blank.is_whitespace() => {
                field.column = column + 1;
            }
            (_, None) => field.text.push(character),
        }
    }
    if let Some(column) = quote {
        return Err(column);
    }
    if fields.is_empty() && field.text.is_empty() {
        return Ok(fields);
    }
    fields.push(field);
    for field in &mut fields {
        field.text.truncate(field.text.trim_end().len());
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> Vec<(String, u32)> {
        let fields = fields(line).unwrap().into_iter();
        fields.map(|field| (field.text, field.column)).collect()
    }

    #[test]
    fn blanks_around_fields_are_no_part_of_them() {
        let expected = [("a", 1), ("b c", 4), ("", 9)].map(|(t, c)| (t.to_owned(), c));
        assert_eq!(split("a, b c ,"), expected);
    }

    #[test]
    fn commas_and_hashes_inside_of_quotes_are_text() {
        let expected = [("x,\"y\"#", 1), ("z", 12)].map(|(t, c)| (t.to_owned(), c));
        assert_eq!(split("\"x,\"\"y\"\"#\",z # comment"), expected);
    }

    #[test]
    fn blank_lines_and_comments_have_no_fields() {
        for line in ["", "   ", "# a, b", "  # a"] {
            assert_eq!(split(line), []);
        }
    }

    #[test]
    fn an_open_quote_is_a_mistake_at_its_column() {
        assert_eq!(fields("a,\"b"), Err(3));
    }
}
