//! The cookie that stands for a session, and where a request really comes from.

use std::net::IpAddr;

use aftercall_config::project::WebRules;
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, header};

use crate::intake::Peer;

/// The cookie over plain HTTP.
const PLAIN: &str = "aftercall";

/// The cookie over HTTPS. What begins with `__Host-` no other host can have set, not even one of the same domain.
const SECURE: &str = "__Host-aftercall";

/// Whether the other end of the connection is a proxy that is believed.
pub(super) fn by_proxy(rules: &WebRules, extensions: &Extensions) -> bool {
    peer(extensions).is_some_and(|peer| rules.proxies.iter().any(|network| network.contains(peer)))
}

fn peer(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<Peer>().map(|peer| peer.0.ip().to_canonical())
}

/// The address that a try at signing in counts for: the nearest one that is no proxy of ours.
pub(super) fn address(rules: &WebRules, headers: &HeaderMap, extensions: &Extensions) -> Option<IpAddr> {
    let peer = peer(extensions);
    if !by_proxy(rules, extensions) {
        return peer;
    }
    let named = headers.get_all("x-forwarded-for").into_iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let named: Vec<IpAddr> = named.filter_map(|text| text.trim().parse().ok()).map(|address: IpAddr| address.to_canonical()).collect();
    // From the right: what stands further left, whoever sent it can have written.
    named.into_iter().rev().find(|address| !rules.proxies.iter().any(|network| network.contains(*address))).or(peer)
}

/// Whether the browser's end of it is encrypted.
pub(super) fn is_https(rules: &WebRules, headers: &HeaderMap, extensions: &Extensions) -> bool {
    let said = || headers.get("x-forwarded-proto").is_some_and(|proto| proto.as_bytes().eq_ignore_ascii_case(b"https"));
    match &rules.url {
        Some(url) => url.starts_with("https://"),
        None => by_proxy(rules, extensions) && said(),
    }
}

/// The session's id in a request.
pub(super) fn id(headers: &HeaderMap, https: bool) -> Option<&str> {
    let name = if https { SECURE } else { PLAIN };
    let pairs = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(one, id)| *one == name && (1..=128).contains(&id.len())).map(|(_, id)| id)
}

/// The header that gives a browser its session's id, or takes it back where it is empty. `Lax`, so that a link in a message leads to the
/// call and not to a password; what changes anything is a form with a proof.
pub(super) fn cookie(id: &str, https: bool) -> Option<(HeaderName, HeaderValue)> {
    let (name, secure) = if https { (SECURE, "; Secure") } else { (PLAIN, "") };
    let gone = if id.is_empty() { "; Max-Age=0" } else { "" };
    let text = format!("{name}={id}; Path=/; HttpOnly; SameSite=Lax{secure}{gone}");
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some((header::SET_COOKIE, value))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aftercall_config::project::Network;

    use super::*;

    fn rules(url: Option<&str>) -> WebRules {
        let proxies = vec![Network { address: IpAddr::from([10, 0, 0, 0]), bits: 8 }];
        WebRules { url: url.map(str::to_owned), session: Duration::from_hours(1), idle: Duration::from_hours(1), proxies, trust: None }
    }

    fn from(ip: [u8; 4]) -> Extensions {
        let mut extensions = Extensions::new();
        extensions.insert(Peer((ip, 9999).into()));
        extensions
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(n, v)| (n.parse::<HeaderName>().expect("a name"), v.parse().expect("a value"))).collect()
    }

    #[test]
    fn only_a_proxy_of_ours_is_believed() {
        let said = headers(&[("x-forwarded-for", "203.0.113.9, 198.51.100.7, 10.0.0.3"), ("x-forwarded-proto", "https")]);
        let counts = |ip, said: &HeaderMap| address(&rules(None), said, &from(ip)).map(|ip| ip.to_string()).unwrap_or_default();
        assert_eq!(counts([10, 0, 0, 2], &said), "198.51.100.7", "the nearest one, since the rest can be made up");
        assert_eq!(counts([192, 0, 2, 1], &said), "192.0.2.1");
        assert_eq!(counts([10, 0, 0, 2], &headers(&[])), "10.0.0.2");
        assert!(is_https(&rules(None), &said, &from([10, 0, 0, 2])) && !is_https(&rules(None), &said, &from([192, 0, 2, 1])));
        assert!(is_https(&rules(Some("https://calls.acme.example")), &headers(&[]), &from([192, 0, 2, 1])));
    }

    #[test]
    fn a_cookie_of_ours_is_found() {
        let sent = headers(&[("cookie", "a=b; aftercall=one; __Host-aftercall=two")]);
        assert_eq!((id(&sent, false), id(&sent, true), id(&headers(&[("cookie", "aftercall=")]), false)), (Some("one"), Some("two"), None));
        let text = |id, https| cookie(id, https).and_then(|(_, value)| value.to_str().map(str::to_owned).ok()).unwrap_or_default();
        assert_eq!(text("one", true), "__Host-aftercall=one; Path=/; HttpOnly; SameSite=Lax; Secure");
        assert_eq!(text("", false), "aftercall=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
        assert!(cookie("one\r\nset-cookie: two=2", false).is_none());
    }
}
