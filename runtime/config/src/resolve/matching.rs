//! Match rules: levels parsed, tables built, and everything that contradicts itself found.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Typed, Written, insert};
use crate::decl::{AdjustDecl, CompareDecl, CompareOn, LevelDecl, MatchDecl, TableDecl, TableKind};
use crate::finding::{Code, Documents, Finding, Place};
use crate::rules::{Adjustment, Comparison, Is, Level, MatchRules, Reference};
use crate::schema::{self, Kind};
use crate::source::{Document, Files};
use crate::tables::{Line, Tables};

/// The tables of a project and the files that they come from.
#[derive(Debug, Default)]
pub(super) struct Built {
    tables: Arc<Tables>,
    files: Vec<Arc<str>>,
}

/// Rules by the name that pipelines use, resolved once for all of them.
pub(super) type Rules = BTreeMap<String, Arc<MatchRules>>;

/// Builds the tables of all files, in the order of their names.
pub(super) fn build<'a>(files: impl Iterator<Item = &'a Typed<TableDecl>>, findings: &mut Vec<Finding>) -> Built {
    let mut tables = Tables::default();
    let mut names = Vec::new();
    let mut seen: BTreeSet<(TableKind, Line)> = BTreeSet::new();
    for typed in files {
        names.push(typed.document.file.clone());
        let kind = typed.decl.table;
        let place = typed.document.place(&[]).down("lines");
        for (index, text) in typed.decl.lines.iter().enumerate() {
            match Line::parse(kind, text) {
                Ok(line) if !seen.insert((kind, line.clone())) => {
                    findings.push(Finding::new(
                        Code::TableTwice,
                        format!("an earlier line says `{text}` already"),
                        place.clone().item(index),
                    ));
                }
                Ok(line) => tables.add(kind, line),
                Err(wrong) => {
                    let finding = Finding::new(Code::TableLine, format!("this line {wrong}"), place.clone().item(index));
                    findings.push(finding.help("write `head: word, word`, or words between commas where the table needs no heads"));
                }
            }
        }
    }
    Built { tables: Arc::new(tables), files: names }
}

/// Rules and tables by themselves, without a project.
pub(crate) fn alone(file: &str, files: &Files, documents: &mut Documents) -> (Option<MatchRules>, Vec<Finding>) {
    let mut findings = Vec::new();
    let mut written = Written::default();
    for (path, text) in files.iter() {
        let kind = match Kind::of_path(path) {
            Some(Kind::MatchTable) => Kind::MatchTable,
            _ if path == file => Kind::Match,
            _ => continue,
        };
        let document = Arc::new(Document::parse(path, text, &mut findings));
        documents.insert(document.file.clone(), document.clone());
        if findings.iter().any(|f| &*f.at.file == path) || !schema::validate(kind, &document, &mut findings) {
            continue;
        }
        match kind {
            Kind::MatchTable => insert(&mut written.tables, path.to_owned(), document, Vec::new(), &mut findings),
            _ => insert(&mut written.matches, path.to_owned(), document, Vec::new(), &mut findings),
        };
    }
    let built = build(written.tables.values().map(|table| &**table), &mut findings);
    let rules = written.matches.get(file).map(|rules| resolve(rules, &built, &mut findings));
    (rules, findings)
}

/// Resolves rules; what contradicts itself is a finding.
pub(super) fn resolve(rules: &Typed<MatchDecl>, built: &Built, findings: &mut Vec<Finding>) -> MatchRules {
    let place = rules.document.place(&[]);
    let compiled = MatchRules { table_files: built.files.clone(), ..compile(&rules.decl, built.tables.clone()) };
    check_thresholds(&compiled, &place, findings);
    let mut seen: Vec<CompareOn> = Vec::new();
    for (index, compare) in rules.decl.compare.iter().enumerate() {
        let at = place.clone().down("compare").item(index);
        if seen.contains(&compare.on) {
            let message = format!("`{}` is compared twice", compare.on.as_str());
            findings.push(Finding::new(Code::MatchTwice, message, at.clone().down("on")));
        }
        seen.push(compare.on);
        check_levels(compare, &at, findings);
        check_tables(compare, &built.tables, &at, findings);
    }
    for (index, adjust) in rules.decl.adjust.iter().enumerate() {
        check_adjust(adjust, &compiled, &place.clone().down("adjust").item(index), findings);
    }
    let mut keys = Vec::new();
    for (index, key) in rules.decl.retrieve.key.iter().enumerate() {
        if keys.contains(&key.id) {
            let message = format!("`{}` is searched by twice", key.id.as_str());
            let at = place.clone().down("retrieve").down("key").item(index).down("id");
            findings.push(Finding::new(Code::MatchTwice, message, at));
        }
        keys.push(key.id);
    }
    compiled
}

/// From what was written to what is compared; what cannot be read is left out.
pub(crate) fn compile(decl: &MatchDecl, tables: Arc<Tables>) -> MatchRules {
    MatchRules {
        decide: decl.decide.clone(),
        retrieve: decl.retrieve.clone(),
        compare: decl.compare.iter().map(comparison).collect(),
        adjust: decl.adjust.iter().map(adjustment).collect(),
        values: decl.values.clone(),
        tables,
        table_files: Vec::new(),
    }
}

fn comparison(decl: &CompareDecl) -> Comparison {
    let mut levels: Vec<Level> = decl
        .levels
        .iter()
        .filter_map(|level| {
            let share_cap = level.share.map(|_| level.share_cap.unwrap_or(f64::INFINITY));
            Some(Level { is: is(decl.on, &level.is).ok()?, name: level.is.clone(), bits: level.bits, share_cap })
        })
        .collect();
    for (bits, is, name) in [(decl.equal, Is::Equal, "equal"), (decl.differ, Is::Differ, "differ")] {
        if let Some(bits) = bits {
            levels.push(Level { is, name: name.to_owned(), bits, share_cap: None });
        }
    }
    let tables = decl.tables.iter().filter_map(|name| TableKind::ALL.into_iter().find(|kind| kind.as_str() == name)).collect();
    Comparison { on: decl.on, levels, tables, exclusive_equal: decl.exclusive_equal }
}

fn adjustment(decl: &AdjustDecl) -> Adjustment {
    let list = |names: &[String]| names.iter().filter_map(|name| reference(name).ok()).collect();
    Adjustment { id: decl.id.clone(), all: list(&decl.all), any: list(&decl.any), none: list(&decl.none), bits: decl.bits, cap: decl.cap }
}

/// Reads a level.
///
/// Errors: a phrase.
fn is(on: CompareOn, text: &str) -> Result<Is, String> {
    let number =
        |prefix: &str| text.strip_prefix(prefix).map(|rest| rest.trim().parse::<f64>().map_err(|_| format!("`{text}` lacks a number")));
    let is = match text {
        "equal" => Is::Equal,
        "near" => Is::Near,
        "last7" => Is::Last7,
        "domain" => Is::Domain,
        "spelling" => Is::Spelling,
        "nickname" => Is::Nickname,
        "similar" => Is::Similar,
        "lookalike" => Is::Lookalike,
        "middle" => Is::Middle,
        "part" => Is::Part,
        "initial" => Is::Initial,
        "initial_differs" => Is::InitialDiffers,
        "swapped" => Is::Swapped,
        "senior_vs_none" => Is::SeniorVsNone,
        "none_vs_senior" => Is::NoneVsSenior,
        "none_vs_junior" => Is::NoneVsJunior,
        "junior_vs_none" => Is::JuniorVsNone,
        "differ" | "other" => Is::Differ,
        "missing" => Is::Missing,
        _ => {
            if let Some(letters) = number("edit<=") {
                let letters = letters?;
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be 1, 2 or 3")]
                return if on == CompareOn::Email && [1.0, 2.0, 3.0].contains(&letters) {
                    Ok(Is::Edit(letters as u8))
                } else {
                    Err(format!("`{text}` is no level of `{}`", on.as_str()))
                };
            }
            if let Some(part) = number("overlap>=") {
                let part = part?;
                return if on == CompareOn::Account && part > 0.0 && part <= 1.0 {
                    Ok(Is::Overlap(part))
                } else {
                    Err(format!("`{text}` is no level of `{}`", on.as_str()))
                };
            }
            return Err(format!("`{text}` is no level of `{}`", on.as_str()));
        }
    };
    if on.levels().contains(&is.word()) { Ok(is) } else { Err(format!("`{text}` is no level of `{}`", on.as_str())) }
}

/// Reads `number` or `first_name:differ`.
fn reference(text: &str) -> Result<Reference, String> {
    let (name, level) = text.split_once(':').map_or((text, None), |(name, level)| (name, Some(level)));
    let on = CompareOn::ALL
        .into_iter()
        .find(|on| on.as_str() == name.trim())
        .ok_or_else(|| format!("there is no comparison `{}`", name.trim()))?;
    let level = level.map(|level| is(on, level.trim())).transpose()?;
    Ok(Reference { on, level })
}

fn check_thresholds(rules: &MatchRules, place: &Place, findings: &mut Vec<Finding>) {
    let decide = &rules.decide;
    let at = |key: &str| place.clone().down("decide").down(key);
    if decide.margin < 0.0 {
        findings.push(Finding::new(Code::Threshold, "a margin below 0 lets a weaker candidate win", at("margin")));
    }
    if decide.accept <= 0.0 {
        let finding = Finding::new(Code::Threshold, "with nothing that speaks for it, any record would be the caller's", at("accept"));
        findings.push(finding.help("write a number above 0: 4.3 bits are 95 to 5"));
    }
    let best = |c: &Comparison| c.levels.iter().map(|level| level.bits.max(0.0)).fold(0.0, f64::max);
    let best: f64 = rules.compare.iter().map(best).sum();
    if best < decide.accept {
        let message = format!("no candidate can reach {}: all comparisons together give {best}", decide.accept);
        findings.push(Finding::new(Code::Threshold, message, at("accept")).help("lower `accept`, or raise the weights"));
    }
    if let Some(review) = decide.review
        && review > decide.accept
    {
        let message = format!("`review` ({review}) lies above `accept` ({}), so nothing would ever be reviewed", decide.accept);
        findings.push(Finding::new(Code::MatchThreshold, message, at("review")));
    }
    if let Some(margin) = decide.margin_no_name
        && margin < decide.margin
    {
        let message = format!("without a name a lead of {margin} would do, and with one it takes {}", decide.margin);
        findings.push(Finding::new(Code::MatchThreshold, message, at("margin_no_name")).help("knowing less cannot need less"));
    }
    if let Some(cap) = decide.name_only_cap
        && cap >= decide.accept
    {
        let message = format!("a cap of {cap} does not keep a name alone below `accept` ({})", decide.accept);
        findings.push(Finding::new(Code::MatchThreshold, message, at("name_only_cap")));
    }
    let retrieve = &rules.retrieve;
    for (key, value) in [("max_requests", retrieve.max_requests), ("max_candidates", retrieve.max_candidates)] {
        if value == 0 {
            let message = format!("with a `{key}` of 0 nobody is ever found");
            findings.push(Finding::new(Code::MatchThreshold, message, place.clone().down("retrieve").down(key)));
        }
    }
}

fn check_levels(compare: &CompareDecl, at: &Place, findings: &mut Vec<Finding>) {
    if compare.levels.is_empty() && compare.equal.is_none() {
        let message = format!("`{}` is compared, but no level has a weight", compare.on.as_str());
        findings.push(Finding::new(Code::MatchWeight, message, at.clone().down("on")).help("give it `levels`, or `equal`"));
    }
    let mut seen: Vec<(String, f64)> = Vec::new();
    let mut add = |name: &str, bits: f64, place: Place, findings: &mut Vec<Finding>| {
        if seen.iter().any(|(other, _)| other == name) {
            findings.push(Finding::new(Code::MatchLevel, format!("the level `{name}` stands twice"), place));
            return;
        }
        // Stronger agreement may not count for less: agreeing evidence would lower a score then.
        let clash = seen.iter().find(|(other, theirs)| {
            let stronger = strength(compare.on, name).cmp(&strength(compare.on, other));
            name != "missing" && other != "missing" && (stronger.is_lt() && bits > *theirs || stronger.is_gt() && bits < *theirs)
        });
        if let Some((other, theirs)) = clash {
            let (code, message) = match name {
                "differ" => (Code::Threshold, "differing counts for more than being equal".to_owned()),
                _ => (Code::MatchWeight, format!("`{name}` counts for {bits} and `{other}` for {theirs}: the stronger counts for less")),
            };
            findings.push(Finding::new(code, message, place));
        }
        seen.push((name.to_owned(), bits));
    };
    for (index, level) in compare.levels.iter().enumerate() {
        let place = at.clone().down("levels").item(index);
        match is(compare.on, &level.is) {
            Ok(_) => {
                let name = if level.is == "other" { "differ" } else { &level.is };
                add(name, level.bits, place.clone().down("bits"), findings);
                check_share(level, &place, findings);
            }
            Err(message) => {
                let finding = Finding::new(Code::MatchLevel, message, place.down("is"));
                findings.push(match level.is.split_once("<=").or_else(|| level.is.split_once(">=")) {
                    Some(("edit", _)) if compare.on == CompareOn::Email => finding.help("write `edit<=1`, `edit<=2` or `edit<=3`"),
                    Some(("overlap", _)) if compare.on == CompareOn::Account => finding.help("write a part of 1, such as `overlap>=0.85`"),
                    _ => finding.suggest(&level.is, compare.on.levels().iter().copied()),
                });
            }
        }
    }
    for (name, bits) in [("equal", compare.equal), ("differ", compare.differ)] {
        if let Some(bits) = bits {
            add(name, bits, at.clone().down(name), findings);
        }
    }
    if compare.exclusive_equal.is_some_and(|bits| bits > 0.0) {
        let message = "look-alikes of a rival's name would gain";
        findings.push(
            Finding::new(Code::MatchWeight, message, at.clone().down("exclusive_equal")).help("write what they lose: a number below 0"),
        );
    }
    if compare.exclusive_equal.is_some() && !matches!(compare.on, CompareOn::FirstName | CompareOn::LastName) {
        let message = format!("`exclusive_equal` is about names, not about `{}`", compare.on.as_str());
        findings.push(Finding::new(Code::MatchLevel, message, at.clone().down("exclusive_equal").key()));
    }
}

/// Higher for stronger agreement. Levels that take a number stand where their word does, the stricter first.
fn strength(on: CompareOn, name: &str) -> i32 {
    let order = on.levels();
    let rank = |word: &str| order.iter().position(|level| *level == word).and_then(|at| i32::try_from(at).ok()).unwrap_or(99);
    #[expect(clippy::cast_possible_truncation, reason = "a small number of the rules")]
    let numbered = |rest: &str, sign: f64| (rest.trim().parse::<f64>().unwrap_or(0.0) * 100.0 * sign) as i32;
    if let Some(rest) = name.strip_prefix("edit<=") {
        return -1000 * rank("edit<=") - numbered(rest, 1.0);
    }
    if let Some(rest) = name.strip_prefix("overlap>=") {
        return -1000 * rank("overlap>=") + numbered(rest, 1.0);
    }
    -1000 * rank(name)
}

fn check_share(level: &LevelDecl, place: &Place, findings: &mut Vec<Finding>) {
    if level.share.is_none() && level.share_cap.is_some() {
        let message = "a cap on what sharing takes, and sharing takes nothing";
        findings.push(Finding::new(Code::MatchWeight, message, place.clone().down("share_cap").key()).help("add `share = \"log2\"`"));
    }
    if level.share_cap.is_some_and(|cap| cap < 0.0) {
        findings.push(Finding::new(Code::MatchWeight, "what sharing takes is written without a sign", place.clone().down("share_cap")));
    }
}

fn check_tables(compare: &CompareDecl, tables: &Tables, at: &Place, findings: &mut Vec<Finding>) {
    const NAMES: [&str; 4] = ["nicknames", "transliterations", "sounds", "given_names"];
    for (index, name) in compare.tables.iter().enumerate() {
        let place = at.clone().down("tables").item(index);
        let kind = TableKind::ALL.into_iter().find(|kind| kind.as_str() == name).filter(|kind| NAMES.contains(&kind.as_str()));
        match kind {
            None => findings
                .push(Finding::new(Code::UnknownTable, format!("names are not looked up in a table `{name}`"), place).suggest(name, NAMES)),
            Some(_) if !matches!(compare.on, CompareOn::FirstName | CompareOn::LastName) => {
                let message = format!("`{}` looks nothing up in tables", compare.on.as_str());
                findings.push(Finding::new(Code::UnknownTable, message, place));
            }
            Some(kind) if !tables.has_table(kind) => {
                let message = format!("no file below `mappings/match/tables` has the table `{name}`");
                findings.push(Finding::new(Code::UnknownTable, message, place));
            }
            Some(_) => {}
        }
    }
}

fn check_adjust(adjust: &AdjustDecl, rules: &MatchRules, at: &Place, findings: &mut Vec<Finding>) {
    for (key, names) in [("all", &adjust.all), ("any", &adjust.any), ("none", &adjust.none)] {
        for (index, name) in names.iter().enumerate() {
            let place = at.clone().down(key).item(index);
            match reference(name) {
                Err(message) => {
                    let finding = Finding::new(Code::MatchReference, message, place);
                    let (comparison, level) = name.split_once(':').map_or((name.as_str(), ""), |(c, level)| (c.trim(), level.trim()));
                    findings.push(match CompareOn::ALL.into_iter().find(|on| on.as_str() == comparison) {
                        Some(on) => finding.suggest(level, on.levels().iter().copied()),
                        None => finding.suggest(comparison, rules.compare.iter().map(|c| c.on.as_str())),
                    });
                }
                Ok(reference) => {
                    let Some(comparison) = rules.on(reference.on) else {
                        let message = format!("these rules do not compare `{}`", reference.on.as_str());
                        findings.push(Finding::new(Code::MatchReference, message, place));
                        continue;
                    };
                    let bits = |is: Is| comparison.levels.iter().find(|level| level.is == is).map(|level| level.bits);
                    // What agreeing adds at least: with sharing at its most, and of any level that adds.
                    let least = |level: &Level| level.bits - level.share_cap.unwrap_or(0.0);
                    let adds = comparison.levels.iter().filter(|level| level.bits > 0.0 && reference.level.is_none_or(|is| is == level.is));
                    let adds = adds.map(least).fold(f64::INFINITY, f64::min);
                    let agrees = reference.level.is_none_or(|level| bits(level).is_some_and(|bits| bits > 0.0));
                    // Evidence told twice may count less together, as long as each piece still adds something.
                    if key != "none" && agrees && (adds + adjust.bits < 0.0 || adjust.cap.is_some()) {
                        let message = format!("agreeing on `{name}` would lower the sum");
                        let finding = Finding::new(Code::MatchWeight, message, place);
                        findings.push(finding.help("name what disagrees, or write under `none` what must not agree"));
                    }
                }
            }
        }
    }
    if adjust.bits == 0.0 && adjust.cap.is_none() {
        findings.push(
            Finding::new(Code::MatchWeight, "a correction that corrects nothing", at.clone().down("id")).help("give it `bits` or a `cap`"),
        );
    }
}
