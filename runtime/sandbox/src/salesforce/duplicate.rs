//! The standard duplicate rule on Contact, for creates: same email, or much the same name and the same phone.
//!
//! Not for unique fields: those are `save`. The vendor's own matching is fuzzier than this.

use serde_json::{Value, json};

use super::{
    error::ApiError,
    org::{DuplicateRule, Org},
    save::Options,
    store::{Key, Row, last_digits},
};

impl Org {
    /// Refuses a contact that looks like one that is there, as far as the rule is switched on.
    pub(crate) fn check_duplicates(&self, table: usize, row: &Row, options: &Options) -> Result<(), ApiError> {
        let rule = self.settings.duplicate_rule;
        let passes = rule == DuplicateRule::Off || (rule == DuplicateRule::Alert && options.allow_duplicates);
        if passes || self.schema.objects[table].name != "Contact" {
            return Ok(());
        }
        let twins = self.twins(table, row);
        if twins.is_empty() {
            return Ok(());
        }
        let version = options.version;
        let matches: Vec<Value> = twins
            .iter()
            .map(|at| {
                let id = self.store.row(table, *at).id.to_string();
                json!({
                    "additionalInformation": [],
                    "fieldDiffs": [],
                    "matchConfidence": 100.0,
                    "record": {
                        "attributes": {
                            "type": "Contact",
                            "url": format!("/services/data/v{version}.0/sobjects/Contact/{id}"),
                        },
                        "Id": id,
                    },
                })
            })
            .collect();
        let message = "Use one of these records?";
        let result = json!({
            "allowSave": rule == DuplicateRule::Alert,
            "duplicateRule": "Standard_Contact_Duplicate_Rule",
            "duplicateRuleEntityType": "Contact",
            "errorMessage": message,
            "matchResults": [{
                "entityType": "Contact",
                "errors": [],
                "matchEngine": "FuzzyMatchEngine",
                "matchRecords": matches,
                "rule": "Standard_Contact_Match_Rule_v1_1",
                "size": twins.len(),
                "success": true,
            }],
        });
        let error = ApiError::save("DUPLICATES_DETECTED", message, &[]);
        Err(ApiError { extra: Some(Box::new(("duplicateResult", result))), ..error })
    }

    fn twins(&self, table: usize, row: &Row) -> Vec<u32> {
        let object = &self.schema.objects[table];
        let at = |name: &str| object.slot(name).unwrap_or(usize::MAX);
        let mut twins = Vec::new();
        if let Some(email) = row.text(at("Email")) {
            twins.extend(self.store.look_up(table, at("Email"), &Key::text(email)).unwrap_or_default());
        }
        let alike = |other: &Row| {
            let close = |name: &str, most: usize| {
                let lower = |row: &Row| row.text(at(name)).unwrap_or_default().to_lowercase();
                distance(&lower(row), &lower(other)) <= most
            };
            close("LastName", 1) && close("FirstName", 2)
        };
        for phone in self.store.phones(table).iter().filter_map(|field| row.text(*field)) {
            let same = self.store.by_digits(table, &last_digits(phone));
            twins.extend(same.iter().copied().filter(|at| alike(self.store.row(table, *at))));
        }
        twins.sort_unstable();
        twins.dedup();
        twins
    }
}

/// How many letters differ (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let change = diagonal + usize::from(left != *right);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
