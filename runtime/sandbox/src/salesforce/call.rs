//! One API call and its answer, whether it came by itself or inside a composite request.
//!
//! Not for sockets: the vendor trait's request and answer are outside of this.

use jiff::fmt::rfc2822;
use serde_json::Value;

use super::{error::ApiError, save::Options};
use crate::text;

/// A call below `/services/data/vNN.0`.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: String,
    /// Decoded parts of the path.
    pub(crate) path: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Value,
    pub(crate) options: Options,
    /// `If-Modified-Since`, in seconds since 1970.
    pub(crate) modified_since: Option<i64>,
    /// `Sforce-Query-Options: batchSize=n`.
    pub(crate) batch_size: usize,
}

impl Call {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Reads a path such as `/services/data/v67.0/sobjects/Contact`: the version, and the parts behind it.
    pub(crate) fn split(path: &str) -> Option<(u32, Vec<String>)> {
        let rest = path.strip_prefix("/services/data/v")?;
        let (version, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let version: u32 = version.strip_suffix(".0")?.parse().ok()?;
        let parts = rest.split('/').filter(|part| !part.is_empty()).map(|part| text::decode(part, false));
        (version >= 50).then(|| (version, parts.collect()))
    }

    /// Takes in one header; names are in lower case.
    pub(crate) fn header(&mut self, name: &str, value: &str) {
        let option = |key: &str| {
            value.split([';', ',']).find_map(|part| {
                let (name, value) = part.split_once('=')?;
                name.trim().eq_ignore_ascii_case(key).then(|| value.trim().to_owned())
            })
        };
        match name {
            "sforce-duplicate-rule-header" => {
                self.options.allow_duplicates = option("allowSave").is_some_and(|value| value.eq_ignore_ascii_case("true"));
            }
            "sforce-query-options" => {
                let size = option("batchSize").and_then(|value| value.parse::<usize>().ok());
                self.batch_size = size.map_or(2_000, |size| size.clamp(200, 2_000));
            }
            "if-unmodified-since" => self.options.unmodified_since = http_date(value),
            "if-modified-since" => self.modified_since = http_date(value),
            _ => {}
        }
    }
}

/// Seconds since 1970 of an HTTP date; one that cannot be read is ignored, as the vendor does.
fn http_date(value: &str) -> Option<i64> {
    rfc2822::DateTimeParser::new().parse_timestamp(value).ok().map(|time| time.as_second())
}

#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Option<Value>,
    pub(crate) location: Option<String>,
}

impl Answer {
    pub(crate) fn ok(body: Value) -> Self {
        Self { status: 200, body: Some(body), location: None }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, body: None, location: None }
    }

    pub(crate) fn is_error(&self) -> bool {
        // 304 and 204 are fine; 300 means that nothing was written.
        self.status >= 400 || self.status == 300
    }
}

impl From<ApiError> for Answer {
    fn from(error: ApiError) -> Self {
        Self { status: error.status, body: Some(Value::Array(vec![error.to_json()])), location: None }
    }
}
