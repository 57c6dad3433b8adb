//! A caller's name in two parts, as CRMs keep it.

use aftercall_config::call::Caller;

/// Words before a name that are no part of it.
const TITLES: &[&str] = &[
    "dr",
    "mr",
    "mrs",
    "ms",
    "miss",
    "mx",
    "prof",
    "professor",
    "doctor",
    "sir",
    "madam",
    "rev",
    "reverend",
    "father",
    "sister",
    "hon",
    "herr",
    "frau",
    "monsieur",
    "madame",
    "mme",
    "señor",
    "señora",
    "sr.",
    "sra",
];

/// Degrees behind a name that are no part of it.
const DEGREES: &[&str] = &["md", "phd", "dds", "dmd", "dvm", "esq", "cpa", "rn", "jd", "mba", "do"];

/// What tells apart people of one name; it stays with the last name.
const GENERATIONS: &[&str] = &["jr", "sr", "junior", "senior", "ii", "iii", "iv"];

/// Words that begin a last name of several words.
const PARTICLES: &[&str] = &[
    "van", "von", "vom", "der", "den", "de", "del", "della", "la", "le", "les", "di", "da", "das", "do", "dos", "du", "af", "av", "zu",
    "zum", "zur", "ter", "ten", "bin", "ibn", "al", "el", "st", "saint", "mac", "mc", "o",
];

/// What stands in the field where nobody gave a name.
const NOBODY: &[&str] = &[
    "unknown",
    "unknown caller",
    "anonymous",
    "caller",
    "wireless caller",
    "private",
    "private caller",
    "restricted",
    "unavailable",
    "n/a",
    "na",
    "none",
    "no name",
    "not provided",
    "not given",
    "null",
];

/// First and last name of a caller, each absent where it is not known.
///
/// Shape: what the source gives in parts is kept; what is missing is taken from the whole name. One word is a first
/// name, or with a title ("Mr. Lee") a last name. "Lee, Ann" is turned round. Titles and degrees are dropped, "Jr."
/// stays with the last name, and so do particles ("Ann van der Berg").
pub fn name(caller: &Caller) -> (Option<String>, Option<String>) {
    let given = |text: &Option<String>| text.as_deref().and_then(somebody);
    let (first, last) = (given(&caller.first_name), given(&caller.last_name));
    if first.is_some() && last.is_some() {
        return (first, last);
    }
    let (whole_first, whole_last) = caller.name.as_deref().and_then(somebody).map(|whole| split(&whole)).unwrap_or_default();
    match (first, last) {
        // Only what the parts do not say already: "Ann" beside the whole name "Ann" has no last name.
        (Some(first), None) => {
            let last = whole_last.filter(|last| !last.eq_ignore_ascii_case(&first));
            (Some(first), last)
        }
        (None, Some(last)) => {
            let first = whole_first.filter(|first| !first.eq_ignore_ascii_case(&last));
            (first, Some(last))
        }
        _ => (whole_first, whole_last),
    }
}

/// The text with single spaces, or `None` where it names nobody.
fn somebody(text: &str) -> Option<String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let named = text.chars().any(char::is_alphabetic) && !NOBODY.contains(&text.to_lowercase().as_str());
    named.then_some(text)
}

/// Without the dots of an abbreviation, in lower case.
fn word(text: &str) -> String {
    text.trim_matches(['.', ',']).replace('.', "").to_lowercase()
}

fn one_of(text: &str, list: &[&str]) -> bool {
    list.contains(&word(text).as_str())
}

fn split(whole: &str) -> (Option<String>, Option<String>) {
    // "Lee, Ann" is turned round; "Ann Lee, Jr." and "Ann Lee, DDS" are not.
    if let Some((last, first)) = whole.split_once(',')
        && !first.split_whitespace().all(|w| one_of(w, DEGREES) || one_of(w, GENERATIONS))
    {
        return (named(&drop_titles(first).0), named(&drop_titles(last).0));
    }
    let whole = whole.replace(',', " ");
    let (mut words, titled) = drop_titles(&whole);
    let mut generation = Vec::new();
    while words.len() > 1 && words.last().is_some_and(|w| one_of(w, GENERATIONS)) {
        generation.extend(words.pop());
    }
    // The last name begins with the first particle behind the first word, otherwise with the last word.
    let at = match words.len() {
        0 | 1 => usize::from(!titled),
        several => (1..several - 1).find(|at| one_of(words[*at], PARTICLES)).unwrap_or(several - 1),
    };
    let mut last = words.split_off(at.min(words.len()));
    last.extend(generation.into_iter().rev());
    (named(&words), named(&last))
}

fn named(words: &[&str]) -> Option<String> {
    (!words.is_empty()).then(|| words.join(" "))
}

/// The words without titles in front and degrees behind, and whether there was a title.
fn drop_titles(text: &str) -> (Vec<&str>, bool) {
    let mut words: Vec<&str> = text.split_whitespace().filter(|w| w.chars().any(char::is_alphanumeric)).collect();
    let mut titled = false;
    while words.len() > 1 && words.first().is_some_and(|w| one_of(w, TITLES)) {
        words.remove(0);
        titled = true;
    }
    // Degrees are written in capitals, so that the last name "Do" stays.
    while words.len() > 2 && words.last().is_some_and(|w| one_of(w, DEGREES) && !w.chars().any(char::is_lowercase) || word(w) == "phd") {
        words.pop();
    }
    (words, titled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(whole: &str, first: &str, last: &str) {
        let caller = Caller { name: Some(whole.to_owned()), ..Caller::default() };
        let (f, l) = name(&caller);
        assert_eq!((f.unwrap_or_default().as_str(), l.unwrap_or_default().as_str()), (first, last), "{whole}");
    }

    #[test]
    fn whole_names() {
        check("Ann Lee", "Ann", "Lee");
        check("  Ann   Lee ", "Ann", "Lee");
        check("Ann", "Ann", "");
        check("Lee, Ann", "Ann", "Lee");
        check("Mary Ann Smith", "Mary Ann", "Smith");
        check("Dr. Ann Lee", "Ann", "Lee");
        check("Mr. Lee", "", "Lee");
        check("Mrs Ann Lee DDS", "Ann", "Lee");
        check("Ann Lee, Ph.D.", "Ann", "Lee");
        check("Bob Lee Jr.", "Bob", "Lee Jr.");
        check("Bob Lee, Jr.", "Bob", "Lee Jr.");
        check("Ann van der Berg", "Ann", "van der Berg");
        check("Maria De La Cruz", "Maria", "De La Cruz");
        check("La Toya Jackson", "La Toya", "Jackson");
        check("van der Berg, Ann", "Ann", "van der Berg");
        check("Kim Do", "Kim", "Do");
        check("Ludwig von Beethoven", "Ludwig", "von Beethoven");
        check("Anh Nguyen", "Anh", "Nguyen");
        check("王伟", "王伟", "");
    }

    #[test]
    fn nobody() {
        for text in ["", "  ", "Unknown caller", "ANONYMOUS", "n/a", "+13125550142", ","] {
            check(text, "", "");
        }
    }

    #[test]
    fn parts_win() {
        let caller = |first: Option<&str>, last: Option<&str>, whole: Option<&str>| {
            let own = |t: Option<&str>| t.map(str::to_owned);
            name(&Caller { first_name: own(first), last_name: own(last), name: own(whole), ..Caller::default() })
        };
        assert_eq!(caller(Some("Annie"), None, Some("Ann Lee")), (Some("Annie".to_owned()), Some("Lee".to_owned())));
        assert_eq!(caller(None, Some("Lee"), Some("Ann Lee")), (Some("Ann".to_owned()), Some("Lee".to_owned())));
        assert_eq!(caller(Some("Ann"), Some("Lee"), Some("Bob Ray")), (Some("Ann".to_owned()), Some("Lee".to_owned())));
        assert_eq!(caller(Some("Ann"), None, None), (Some("Ann".to_owned()), None));
    }
}
