//! E-mail addresses as they are compared.

/// The address that `text` stands for in lower case, or `None` where it is none.
///
/// Shape: `Ann@Example.com`, `mailto:ann@example.com?subject=x`, `Ann Lee <ann@example.com>`. Only the form is looked
/// at: one `@`, something before it, a host with a dot behind it. What was spoken ("ann at example dot com") is none.
pub fn email(text: &str) -> Option<String> {
    let mut text = text.trim();
    if let Some((_, inner)) = text.rsplit_once('<') {
        text = inner.split_once('>').map_or(inner, |(address, _)| address).trim();
    }
    if text.get(..7).is_some_and(|head| head.eq_ignore_ascii_case("mailto:")) {
        text = text[7..].split_once('?').map_or(&text[7..], |(address, _)| address);
    }
    let text = text.trim_matches(|c: char| c.is_whitespace() || ",;.\"'()".contains(c)).to_lowercase();
    let (local, host) = text.split_once('@')?;
    (text.len() <= 254 && is_local(local) && is_host(host)).then_some(text)
}

fn is_local(local: &str) -> bool {
    !local.is_empty()
        && local.len() <= 64
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local.chars().all(|c| c.is_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(c))
}

fn is_host(host: &str) -> bool {
    let mut labels = host.split('.');
    let whole = labels.clone().count() >= 2
        && labels.all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        });
    // A top-level domain has a letter in it: `ann@10.0.0.1` is a machine.
    whole && host.rsplit('.').next().is_some_and(|top| top.chars().any(char::is_alphabetic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(email(text).as_deref(), expected, "{text}");
    }

    #[test]
    fn addresses() {
        check(" Ann@Example.COM ", Some("ann@example.com"));
        check("mailto:ann@example.com?subject=Hello", Some("ann@example.com"));
        check("MAILTO:ann@example.com", Some("ann@example.com"));
        check("Ann Lee <ann.lee+crm@example.co.uk>", Some("ann.lee+crm@example.co.uk"));
        check("<ann@example.com>", Some("ann@example.com"));
        check("ann@example.com.", Some("ann@example.com"));
        check("o'brien@example.com", Some("o'brien@example.com"));
        check("anna@müller.example", Some("anna@müller.example"));
    }

    #[test]
    fn none() {
        for text in [
            "",
            "none",
            "n/a",
            "ann",
            "ann@",
            "@example.com",
            "ann@example",
            "ann lee@example.com",
            "a@b@example.com",
            "ann@exa mple.com",
            "ann..lee@example.com",
            "ann@-example.com",
            "ann@10.0.0.1",
            "ann at example dot com",
            "mailto:",
        ] {
            check(text, None);
        }
    }
}
