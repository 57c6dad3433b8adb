//! `[web]`: how long a session lasts, and which proxy is believed what.

use core::net::IpAddr;
use std::time::Duration;

use super::duration;
use crate::decl::WebDecl;
use crate::finding::{Code, Finding, Place};
use crate::project::{Network, TrustedHeader, WebRules};

/// Headers that everybody sends, or that have a meaning of their own: what stands in them says nothing of who signed in.
const TAKEN: [&str; 9] =
    ["authorization", "cookie", "host", "origin", "referer", "user-agent", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"];

/// The rules, with what was left out filled in.
pub(super) fn resolve(decl: &WebDecl, place: &Place, findings: &mut Vec<Finding>) -> WebRules {
    let mut read = |key: &str, text: &Option<String>, ours: Duration| match text {
        None => ours,
        Some(text) => {
            let time = duration(text).and_then(|time| Duration::try_from(time).ok()).filter(|time| *time >= Duration::from_mins(1));
            time.unwrap_or_else(|| {
                let finding = Finding::new(Code::Quantity, format!("`{text}` is no time for a session"), place.clone().down(key));
                findings.push(finding.help("write at least a minute, such as `1h` or `12h`"));
                ours
            })
        }
    };
    let session = read("session", &decl.session, Duration::from_hours(12));
    let idle = read("session_idle", &decl.session_idle, Duration::from_hours(1));
    let url = decl.url.as_ref().map(|url| url.trim_end_matches('/').to_ascii_lowercase());
    if let Some(url) = &url {
        let host = ["https://", "http://"].iter().find_map(|scheme| url.strip_prefix(scheme));
        if host.is_none_or(|host| host.is_empty() || host.contains(['/', '?', '#', '@', ' '])) {
            let finding = Finding::new(Code::BaseUrl, format!("`{url}` is no address of pages"), place.clone().down("url"));
            findings.push(finding.help("write the scheme and the name alone, such as `https://calls.acme.example`"));
        }
    }
    let mut proxies = Vec::with_capacity(decl.trusted_proxies.len());
    for (at, text) in decl.trusted_proxies.iter().enumerate() {
        let at = place.clone().down("trusted_proxies").item(at);
        match network(text) {
            Some(Network { bits: 0, .. }) => {
                let finding = Finding::new(Code::TrustedProxies, format!("`{text}` is everybody"), at);
                findings.push(finding.help("name the proxies alone: whoever is in this range may say that they are anybody"));
            }
            Some(network) => proxies.push(network),
            None => {
                let finding = Finding::new(Code::TrustedProxies, format!("`{text}` is no address and no range"), at);
                findings.push(finding.help("write `10.0.0.7`, `10.0.0.0/8` or `fd00::/8`"));
            }
        }
    }
    let header = decl.trust_header.as_ref().map(|header| header.to_ascii_lowercase());
    if let Some(header) = &header {
        let at = place.clone().down("trust_header");
        let token = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if header.is_empty() || !header.chars().all(token) || TAKEN.contains(&header.as_str()) {
            let finding = Finding::new(Code::TrustedProxies, format!("`{header}` is no header that says who signed in"), at);
            findings.push(finding.help("write the one that the proxy sets, such as `x-forwarded-user`"));
        } else if decl.trusted_proxies.is_empty() {
            let message = format!("`{header}` is believed, and no proxy is named that may send it");
            let help = "name the proxies: `trusted_proxies = [\"10.0.0.0/8\"]`; without them anybody could say who they are";
            findings.push(Finding::new(Code::TrustedProxies, message, at).help(help));
        }
    } else if let Some(key) =
        [("roles", !decl.roles.is_empty()), ("default_role", decl.default_role.is_some())].iter().find(|(_, there)| *there)
    {
        let message = format!("`{}` is for people whom a proxy names, and no header is believed", key.0);
        let help = "add `trust_header` and `trusted_proxies`; the roles of users of our own are set by `aftercall user role`";
        findings.push(Finding::new(Code::TrustedProxies, message, place.clone().down(key.0).key()).help(help));
    }
    let trust = header.map(|name| TrustedHeader {
        name,
        roles: decl.roles.iter().map(|(name, role)| (name.clone(), *role)).collect(),
        default_role: decl.default_role,
    });
    WebRules { url, session, idle, proxies, trust }
}

/// `10.0.0.0/8`, or one address.
fn network(text: &str) -> Option<Network> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse::<u8>().ok()?)),
        None => (text, None),
    };
    let address: IpAddr = address.trim().parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.unwrap_or(most);
    (bits <= most).then_some(Network { address, bits })
}

#[cfg(test)]
mod tests {
    use super::network;

    #[track_caller]
    fn check(range: &str, address: &str, expected: Option<bool>) {
        let found = network(range).map(|network| network.contains(address.parse().expect("an address")));
        assert_eq!(found, expected, "{address} in {range}");
    }

    #[test]
    fn who_is_in_a_range() {
        check("10.0.0.0/8", "10.200.3.4", Some(true));
        check("10.0.0.0/8", "11.0.0.1", Some(false));
        check("10.0.0.7", "10.0.0.7", Some(true));
        check("10.0.0.7", "10.0.0.8", Some(false));
        check("192.168.4.0/23", "192.168.5.255", Some(true));
        check("192.168.4.0/23", "192.168.6.0", Some(false));
        check("10.0.0.0/8", "::ffff:10.1.2.3", Some(true));
        check("fd00::/8", "fd12::1", Some(true));
        check("fd00::/8", "10.0.0.1", Some(false));
        check("10.0.0.0/33", "10.0.0.1", None);
        check("acme.example", "10.0.0.1", None);
    }
}
