//! Rows of the files: a contact, a call, the right answer, a decision; one JSON object a line.

use aftercall_config::call::Caller;
use serde::{Deserialize, Serialize};

/// A contact as people typed it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ContactRow {
    /// Key.
    pub contact_id: String,
    /// The account.
    pub account_id: Option<String>,
    /// Its name.
    pub account_name: Option<String>,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// Junior, Senior.
    pub suffix: Option<String>,
    /// An address.
    pub email: Option<String>,
    /// Another.
    pub other_email: Option<String>,
    /// A number.
    pub phone: Option<String>,
    /// Another.
    pub mobile: Option<String>,
    /// A third.
    pub other_phone: Option<String>,
    /// The country of numbers without a country code: a code or a word.
    pub country: Option<String>,
}

/// What was captured on a call.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct CallRow {
    /// Key.
    pub call_id: String,
    /// Default country of the line.
    pub region: Option<String>,
    /// The number from the network, or a word for a withheld one.
    pub from_number: Option<String>,
    /// The name that the network shows.
    pub caller_id_name: Option<String>,
    /// The name that was said.
    pub name_said: Option<String>,
    /// The address that was said.
    pub email_said: Option<String>,
    /// The company that was said.
    pub company_said: Option<String>,
    /// The number that was said.
    pub callback_said: Option<String>,
}

impl CallRow {
    /// The same as a call outcome has it.
    pub fn caller(&self) -> Caller {
        Caller {
            phone: self.from_number.clone(),
            callback_phone: self.callback_said.clone(),
            email: self.email_said.clone(),
            name: self.name_said.clone(),
            company: self.company_said.clone(),
            caller_id_name: self.caller_id_name.clone(),
            ..Caller::default()
        }
    }
}

/// The right answer for a call.
#[derive(Clone, Debug, Deserialize)]
pub struct TruthRow {
    /// The call.
    pub call_id: String,
    /// The kind of case.
    #[serde(default)]
    pub scenario: Option<String>,
    /// What is right.
    pub outcome: Outcome,
    /// Whose it may be.
    #[serde(default)]
    pub contact_ids: Vec<String>,
    /// Decisions that are not the best and no error either.
    #[serde(default)]
    pub also_ok: Vec<Word>,
}

/// What is right for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The caller is one of the contacts.
    Match,
    /// The caller has no record.
    New,
    /// The evidence cannot single one out: a person must look.
    Ambiguous,
}

/// A decision, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// Written to a contact.
    #[serde(alias = "match")]
    Matched,
    /// A new record.
    Created,
    /// A new record, and a person looks.
    Review,
}

/// One line of a decision file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct DecisionRow {
    /// The call.
    pub call_id: String,
    /// What was decided.
    pub decision: Word,
    /// Of `matched`, the contact; of `review`, the likeliest one.
    pub contact_id: Option<String>,
}
