//! Reading what came over the wire: path parts, queries, headers, base64; and writing JSON.
//!
//! Not for any vendor's shapes or error bodies: each stand-in has its own.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use serde_json::Value;

use crate::{
    text::decode,
    vendor::{Request, Response},
};

/// The value of a header, by its lower-case name.
pub(crate) fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// The first query parameter of that name.
pub(crate) fn query<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// All query parameters of that name, in order.
pub(crate) fn queries<'a>(request: &'a Request, name: &str) -> impl Iterator<Item = &'a str> {
    request.query.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// The token of an `Authorization: Bearer` header; the scheme's case does not matter.
pub(crate) fn bearer(request: &Request) -> Option<&str> {
    let (scheme, token) = header(request, "authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The parts of a path, each percent-decoded; empty parts are left out.
pub(crate) fn segments(path: &str) -> Vec<String> {
    path.split('/').filter(|part| !part.is_empty()).map(|part| decode(part, false)).collect()
}

/// An answer with a JSON body.
pub(crate) fn json(status: u16, body: &Value) -> Response {
    Response { status, headers: Vec::new(), content_type: "application/json;charset=utf-8".to_owned(), body: body.to_string().into_bytes() }
}

/// An answer without a body.
pub(crate) fn empty(status: u16) -> Response {
    Response { status, ..Response::default() }
}

/// Decodes base64, standard or URL-safe, padded or not; white space is skipped.
pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    let plain: String = text
        .chars()
        .filter(|char| !char.is_ascii_whitespace() && *char != '=')
        .map(|char| match char {
            '-' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    STANDARD_NO_PAD.decode(plain).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &str, expected: Option<&[u8]>) {
        assert_eq!(base64(input).as_deref(), expected);
    }

    #[test]
    fn base64_in_both_alphabets() {
        check("aGk_", Some(b"hi?"));
        check("aGk/", Some(b"hi?"));
        check("aA==", Some(b"h"));
        check("a*", None);
    }
}
