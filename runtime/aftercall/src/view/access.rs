//! Users and tokens, as lists.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::words::{bold, pad};
use crate::journal::{TokenRow, UserRow};

/// The users.
pub fn users(users: &[UserRow]) -> String {
    if users.is_empty() {
        return "no users: the pages answer only on this machine; `aftercall user add NAME --role admin` makes the first\n".to_owned();
    }
    let mut out = format!("{}\n", bold(&format!("{}{}{}{}", pad("NAME", 28), pad("ROLE", 10), pad("SINCE", 14), "STATE")));
    for user in users {
        let state = match (user.disabled, &user.hash) {
            (true, _) => "kept out",
            (false, Some(_)) => "may sign in",
            (false, None) => "signed in by the proxy alone",
        };
        let _ = writeln!(out, "{}{}{}{state}", pad(&user.name, 28), pad(user.role.word(), 10), pad(&day(user.created_at), 14));
    }
    out
}

/// The tokens.
pub fn tokens(tokens: &[TokenRow]) -> String {
    if tokens.is_empty() {
        return "no tokens; `aftercall user token add NAME --role viewer` makes one\n".to_owned();
    }
    let mut out =
        format!("{}\n", bold(&format!("{}{}{}{}{}", pad("NAME", 28), pad("ROLE", 10), pad("SINCE", 14), pad("ENDS", 14), "USED")));
    for token in tokens {
        let ends = token.ends_at.map_or_else(|| "never".to_owned(), day);
        let used = token.used_at.map_or_else(|| "never".to_owned(), |at| at.strftime("%Y-%m-%d %H:%MZ").to_string());
        let _ = writeln!(
            out,
            "{}{}{}{}{used}",
            pad(&token.name, 28),
            pad(token.role.word(), 10),
            pad(&day(token.created_at), 14),
            pad(&ends, 14)
        );
    }
    out
}

fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}
