//! SOQL text to tokens, and the vendor's way to point into a query.
//!
//! Not for grammar: that is `parse`.

use crate::salesforce::error::ApiError;

/// One token and where it starts, in bytes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: TokenKind<'a>,
    pub(crate) at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum TokenKind<'a> {
    /// A name, maybe with dots, or a word of the language.
    Word(&'a str),
    /// What stands between quotes, escapes as written.
    Quoted(&'a str),
    /// A number, date or time, not looked at yet.
    Bare(&'a str),
    Symbol(&'a str),
    End,
}

impl TokenKind<'_> {
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Word(text) | Self::Quoted(text) | Self::Bare(text) | Self::Symbol(text) => text,
            Self::End => "<EOF>",
        }
    }
}

/// Cuts a query into tokens; the last one is `End`.
pub(crate) fn lex(query: &str) -> Result<Vec<Token<'_>>, ApiError> {
    let bytes = query.as_bytes();
    let mut tokens = Vec::with_capacity(query.len() / 4);
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let run = |from: usize, test: fn(u8) -> bool| {
            bytes[from..].iter().position(|byte| !test(*byte)).map_or(bytes.len(), |length| from + length)
        };
        let (kind, end) = match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {
                at += 1;
                continue;
            }
            b'\'' => {
                let end = closing_quote(bytes, at + 1).ok_or_else(|| {
                    malformed(query, query.len(), format!("line 1:{} mismatched character '<EOF>' expecting '''", query.len()))
                })?;
                (TokenKind::Quoted(&query[at + 1..end]), end + 1)
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                let end = run(at, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'));
                (TokenKind::Word(&query[at..end]), end)
            }
            b'0'..=b'9' | b'+' | b'-' | b'.' => {
                let end = run(at + 1, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'.' | b'+' | b'-'));
                (TokenKind::Bare(&query[at..end]), end)
            }
            b'!' | b'<' | b'>' if matches!(bytes.get(at + 1), Some(b'=')) || query[at..].starts_with("<>") => {
                (TokenKind::Symbol(&query[at..at + 2]), at + 2)
            }
            b'=' | b'<' | b'>' | b'(' | b')' | b',' | b':' => (TokenKind::Symbol(&query[at..=at]), at + 1),
            _ => {
                let found = query[at..].chars().next().unwrap_or_default();
                return Err(malformed(query, at, format!("line 1:{at} no viable alternative at character '{found}'")));
            }
        };
        tokens.push(Token { kind, at });
        at = end;
    }
    tokens.push(Token { kind: TokenKind::End, at: query.len() });
    Ok(tokens)
}

fn closing_quote(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        match bytes.get(at)? {
            b'\\' => at += 2,
            b'\'' => return Some(at),
            _ => at += 1,
        }
    }
}

/// Undoes the escapes of a quoted text; `None` for one that the language does not have.
pub(crate) fn unescape(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        out.push(match chars.next()? {
            'n' | 'N' => '\n',
            'r' | 'R' => '\r',
            't' | 'T' => '\t',
            'f' | 'F' => '\u{c}',
            'b' | 'B' => '\u{8}',
            'u' => {
                let code: String = chars.by_ref().take(4).collect();
                u32::from_str_radix(&code, 16).ok().and_then(char::from_u32)?
            }
            c @ ('\'' | '"' | '\\' | '%' | '_') => c,
            _ => return None,
        });
    }
    Some(out)
}

/// An error that points into the query, as the vendor draws it.
pub(crate) fn pointing(code: &'static str, query: &str, at: usize, message: impl AsRef<str>) -> ApiError {
    // The vendor shows some twenty characters on each side.
    let chars: Vec<char> = query.chars().collect();
    let at = query.get(..at).map_or(chars.len(), |front| front.chars().count());
    let from = at.saturating_sub(20);
    let shown: String = chars[from..chars.len().min(at + 20)].iter().collect();
    let space = " ".repeat(at - from);
    let row = chars[..at].iter().filter(|c| **c == '\n').count() + 1;
    let column = at - chars[..at].iter().rposition(|c| *c == '\n').map_or(0, |newline| newline + 1) + 1;
    let message = format!("\n{shown}\n{space}^\nERROR at Row:{row}:Column:{column}\n{}", message.as_ref());
    ApiError::new(400, code, message)
}

pub(crate) fn malformed(query: &str, at: usize, message: impl AsRef<str>) -> ApiError {
    pointing("MALFORMED_QUERY", query, at, message)
}
