//! Percent-encoding and form bodies, as every vendor's API reads them.
//!
//! Not for JSON, and not for building URLs.

/// Decodes `%XX`; a broken escape stays as it is. `plus` also turns `+` into a space, as in forms and queries.
///
/// Bytes that are not UTF-8 become U+FFFD.
pub(crate) fn decode(text: &str, plus: bool) -> String {
    let bytes = text.as_bytes();
    if !bytes.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return text.to_owned();
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%').and_then(|pair| Some(hex(pair[0])? * 16 + hex(pair[1])?));
        match pair {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(if plus && bytes[at] == b'+' { b' ' } else { bytes[at] });
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Decodes a query string or an `application/x-www-form-urlencoded` body, in order.
pub(crate) fn form(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name, true), decode(value, true))
        })
        .collect()
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &str, expected: &[(&str, &str)]) {
        let expected: Vec<_> = expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        assert_eq!(form(input), expected);
    }

    #[test]
    fn forms_are_decoded() {
        check("q=a+b%2Bc&x", &[("q", "a b+c"), ("x", "")]);
        check("q=%zz%4", &[("q", "%zz%4")]);
        check("", &[]);
        check("n=%C3%A9", &[("n", "é")]);
    }
}
