//! Property definitions: what HubSpot ships with, and what an administrator has prepared here.
//!
//! Source: the property tables of HubSpot's guides on each object. Only the properties that a
//! call's outcome can touch are here. Not for checking values: that is `value`.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::kind::Kind;

/// The data types of properties that this stand-in checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Text,
    Number,
    Date,
    Datetime,
    Enumeration,
    Bool,
    Phone,
}

impl Type {
    /// The API's word for it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Number => "number",
            Self::Date => "date",
            Self::Datetime => "datetime",
            Self::Enumeration => "enumeration",
            Self::Bool => "bool",
            Self::Phone => "phone_number",
        }
    }

    pub(super) fn named(word: &str) -> Option<Self> {
        [Self::Text, Self::Number, Self::Date, Self::Datetime, Self::Enumeration, Self::Bool, Self::Phone]
            .into_iter()
            .find(|kind| kind.word() == word)
    }
}

/// One property of one object type.
#[derive(Clone, Debug)]
pub(super) struct Property {
    pub(super) name: Arc<str>,
    pub(super) label: String,
    pub(super) kind: Type,
    pub(super) field: String,
    pub(super) group: String,
    pub(super) description: String,
    /// Label and value of each option; empty for other types and for owners.
    pub(super) options: Vec<(String, String)>,
    pub(super) unique: bool,
    pub(super) read_only: bool,
    pub(super) calculated: bool,
    /// Whether HubSpot ships it.
    pub(super) shipped: bool,
    /// Whether its options are the account's owners.
    pub(super) owner: bool,
}

impl Property {
    /// The definition as the properties endpoint answers it.
    pub(super) fn json(&self) -> Value {
        let options: Vec<Value> = self
            .options
            .iter()
            .enumerate()
            .map(|(order, (label, value))| json!({"label": label, "value": value, "displayOrder": order, "hidden": false}))
            .collect();
        let mut out = json!({
            "updatedAt": super::EPOCH, "createdAt": super::EPOCH,
            "name": &*self.name, "label": self.label, "type": self.kind.word(), "fieldType": self.field,
            "description": self.description, "groupName": self.group, "options": options,
            "displayOrder": -1, "calculated": self.calculated, "externalOptions": self.owner,
            "archived": false, "hasUniqueValue": self.unique, "hidden": false,
            "modificationMetadata": {
                "archivable": !self.shipped, "readOnlyDefinition": self.shipped,
                "readOnlyValue": self.read_only, "readOnlyOptions": self.shipped,
            },
            "formField": false, "dataSensitivity": "non_sensitive",
        });
        if self.shipped {
            out["hubspotDefined"] = json!(true);
        }
        if self.owner {
            out["referencedObjectType"] = json!("OWNER");
        }
        out
    }
}

/// The properties of one object type, in display order.
pub(super) type Schema = IndexMap<Arc<str>, Property>;

/// How a shipped property differs from a plain one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Plain,
    Unique,
    ReadOnly,
    Calculated,
    Owner,
}
use Mark::{Calculated, Plain, ReadOnly, Unique};
use Type::{Bool, Date, Datetime, Enumeration, Number, Phone, Text};

/// Name, label, type, field type, mark.
type Row = (&'static str, &'static str, Type, &'static str, Mark);

const COMMON: &[Row] = &[
    ("hs_object_id", "Record ID", Number, "number", ReadOnly),
    ("hubspot_owner_id", "Owner", Enumeration, "select", Mark::Owner),
    ("hubspot_owner_assigneddate", "Owner Assigned Date", Datetime, "date", ReadOnly),
    ("hs_merged_object_ids", "Merged Record IDs", Text, "text", ReadOnly),
    ("hs_object_source", "Record source", Text, "text", ReadOnly),
    ("hs_object_source_label", "Record source", Text, "text", ReadOnly),
];

const CONTACT: &[Row] = &[
    ("email", "Email", Text, "text", Unique),
    ("hs_additional_emails", "Additional email addresses", Enumeration, "checkbox", Plain),
    ("firstname", "First Name", Text, "text", Plain),
    ("lastname", "Last Name", Text, "text", Plain),
    ("phone", "Phone Number", Text, "phonenumber", Plain),
    ("mobilephone", "Mobile Phone Number", Text, "phonenumber", Plain),
    ("hs_whatsapp_phone_number", "WhatsApp Phone Number", Text, "phonenumber", Plain),
    ("hs_calculated_phone_number", "Calculated Phone Number with country code", Text, "text", Calculated),
    ("hs_calculated_mobile_number", "Calculated Mobile Number with country code", Text, "text", Calculated),
    ("hs_searchable_calculated_phone_number", "Calculated Phone Number", Text, "text", Calculated),
    ("hs_searchable_calculated_mobile_number", "Calculated Mobile Number", Text, "text", Calculated),
    ("company", "Company Name", Text, "text", Plain),
    ("jobtitle", "Job Title", Text, "text", Plain),
    ("salutation", "Salutation", Text, "text", Plain),
    ("website", "Website URL", Text, "text", Plain),
    ("address", "Street Address", Text, "text", Plain),
    ("city", "City", Text, "text", Plain),
    ("state", "State/Region", Text, "text", Plain),
    ("zip", "Postal Code", Text, "text", Plain),
    ("country", "Country/Region", Text, "text", Plain),
    ("date_of_birth", "Date of birth", Text, "text", Plain),
    ("hs_timezone", "Time Zone", Text, "text", Plain),
    ("hs_language", "Preferred language", Text, "text", Plain),
    ("message", "Message", Text, "textarea", Plain),
    ("lifecyclestage", "Lifecycle Stage", Enumeration, "radio", Plain),
    ("hs_lead_status", "Lead Status", Enumeration, "radio", Plain),
    ("hs_email_optout", "Unsubscribed from all email", Bool, "booleancheckbox", ReadOnly),
    ("notes_last_contacted", "Last Contacted", Datetime, "date", Calculated),
    ("notes_last_updated", "Last Activity Date", Datetime, "date", Calculated),
    ("notes_next_activity_date", "Next Activity Date", Datetime, "date", Calculated),
    ("associatedcompanyid", "Primary Associated Company ID", Number, "number", ReadOnly),
    ("num_associated_deals", "Number of Associated Deals", Number, "number", Calculated),
    ("createdate", "Create Date", Datetime, "date", ReadOnly),
    ("lastmodifieddate", "Last Modified Date", Datetime, "date", ReadOnly),
];

const COMPANY: &[Row] = &[
    ("name", "Company name", Text, "text", Plain),
    ("domain", "Company Domain Name", Text, "text", Plain),
    ("phone", "Phone Number", Text, "phonenumber", Plain),
    ("website", "Website URL", Text, "text", Plain),
    ("address", "Street Address", Text, "text", Plain),
    ("city", "City", Text, "text", Plain),
    ("state", "State/Region", Text, "text", Plain),
    ("zip", "Postal Code", Text, "text", Plain),
    ("country", "Country/Region", Text, "text", Plain),
    ("description", "Description", Text, "textarea", Plain),
    ("lifecyclestage", "Lifecycle Stage", Enumeration, "radio", Plain),
    ("createdate", "Create Date", Datetime, "date", ReadOnly),
    ("hs_lastmodifieddate", "Last Modified Date", Datetime, "date", ReadOnly),
];

const DEAL: &[Row] = &[
    ("dealname", "Deal Name", Text, "text", Plain),
    ("pipeline", "Pipeline", Enumeration, "select", Plain),
    ("dealstage", "Deal Stage", Enumeration, "radio", Plain),
    ("dealtype", "Deal Type", Enumeration, "radio", Plain),
    ("amount", "Amount", Number, "number", Plain),
    ("closedate", "Close Date", Datetime, "date", Plain),
    ("description", "Deal Description", Text, "textarea", Plain),
    ("hs_priority", "Priority", Enumeration, "select", Plain),
    ("hs_next_step", "Next step", Text, "text", Plain),
    ("hs_is_closed", "Is Deal Closed?", Bool, "booleancheckbox", Calculated),
    ("hs_is_closed_won", "Is Closed Won", Bool, "booleancheckbox", Calculated),
    ("notes_last_contacted", "Last Contacted", Datetime, "date", Calculated),
    ("notes_last_updated", "Last Activity Date", Datetime, "date", Calculated),
    ("createdate", "Create Date", Datetime, "date", Plain),
    ("hs_lastmodifieddate", "Last Modified Date", Datetime, "date", ReadOnly),
];

const TICKET: &[Row] = &[
    ("subject", "Ticket name", Text, "text", Plain),
    ("content", "Ticket description", Text, "textarea", Plain),
    ("hs_pipeline", "Pipeline", Enumeration, "select", Plain),
    ("hs_pipeline_stage", "Ticket status", Enumeration, "select", Plain),
    ("hs_ticket_priority", "Priority", Enumeration, "select", Plain),
    ("hs_ticket_category", "Category", Enumeration, "checkbox", Plain),
    ("source_type", "Source", Enumeration, "select", Plain),
    ("hs_is_closed", "Is Ticket Closed?", Bool, "booleancheckbox", Calculated),
    ("createdate", "Create date", Datetime, "date", Plain),
    ("hs_lastmodifieddate", "Last Modified Date", Datetime, "date", ReadOnly),
];

const ACTIVITY: &[Row] = &[
    ("hs_timestamp", "Activity date", Datetime, "date", Plain),
    ("hs_attachment_ids", "Attached file IDs", Text, "text", Plain),
    ("hs_createdate", "Create date", Datetime, "date", ReadOnly),
    ("hs_lastmodifieddate", "Last modified date", Datetime, "date", ReadOnly),
];

const CALL: &[Row] = &[
    ("hs_call_title", "Call Title", Text, "text", Plain),
    ("hs_call_body", "Call notes", Text, "html", Plain),
    ("hs_call_direction", "Call direction", Enumeration, "select", Plain),
    ("hs_call_duration", "Call duration", Number, "number", Plain),
    ("hs_call_from_number", "From Number", Text, "text", Plain),
    ("hs_call_to_number", "To Number", Text, "text", Plain),
    ("hs_call_status", "Call Status", Enumeration, "select", Plain),
    ("hs_call_disposition", "Call outcome", Enumeration, "select", Plain),
    ("hs_call_recording_url", "Recording URL", Text, "text", Plain),
    ("hs_call_source", "Call Source", Enumeration, "select", Plain),
    ("hs_call_has_transcript", "Transcript Available", Bool, "booleancheckbox", ReadOnly),
    ("hs_activity_type", "Call and meeting type", Enumeration, "select", Plain),
];

const NOTE: &[Row] = &[("hs_note_body", "Note body", Text, "html", Plain)];

const TASK: &[Row] = &[
    ("hs_task_subject", "Task Title", Text, "text", Plain),
    ("hs_task_body", "Task Notes", Text, "html", Plain),
    ("hs_task_status", "Task Status", Enumeration, "select", Plain),
    ("hs_task_priority", "Priority", Enumeration, "select", Plain),
    ("hs_task_type", "Task Type", Enumeration, "select", Plain),
    ("hs_task_reminders", "Reminder", Text, "text", Plain),
    ("hs_task_is_completed", "Is completed", Number, "number", Calculated),
];

const MEETING: &[Row] = &[
    ("hs_meeting_title", "Meeting Name", Text, "text", Plain),
    ("hs_meeting_body", "Meeting description", Text, "html", Plain),
    ("hs_internal_meeting_notes", "Internal meeting notes", Text, "html", Plain),
    ("hs_meeting_location", "Location", Text, "text", Plain),
    ("hs_meeting_external_url", "External URL", Text, "text", Plain),
    ("hs_meeting_start_time", "Meeting start time", Datetime, "date", Plain),
    ("hs_meeting_end_time", "Meeting end time", Datetime, "date", Plain),
    ("hs_meeting_outcome", "Meeting outcome", Enumeration, "select", Plain),
    ("hs_activity_type", "Call and meeting type", Enumeration, "select", Plain),
];

/// Lifecycle stages in the order in which a record moves through them.
pub(super) const LIFECYCLE: &[&str] =
    &["subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer", "evangelist", "other"];

/// The options of a shipped enumeration; pipelines and stages are set from `pipeline`.
fn options(name: &str) -> &'static [&'static str] {
    match name {
        "lifecyclestage" => LIFECYCLE,
        "hs_lead_status" => &["NEW", "OPEN", "IN_PROGRESS", "OPEN_DEAL", "UNQUALIFIED", "ATTEMPTED_TO_CONTACT", "CONNECTED", "BAD_TIMING"],
        "dealtype" => &["newbusiness", "existingbusiness"],
        "hs_priority" => &["low", "medium", "high"],
        "hs_ticket_priority" => &["LOW", "MEDIUM", "HIGH", "URGENT"],
        "hs_ticket_category" => &["PRODUCT_ISSUE", "BILLING_ISSUE", "FEATURE_REQUEST", "GENERAL_INQUIRY"],
        "source_type" => &["CHAT", "EMAIL", "FORM", "PHONE"],
        "hs_call_direction" => &["INBOUND", "OUTBOUND"],
        "hs_call_status" => {
            &["BUSY", "CALLING_CRM_USER", "CANCELED", "COMPLETED", "CONNECTING", "FAILED", "IN_PROGRESS", "NO_ANSWER", "QUEUED", "RINGING"]
        }
        // Busy, connected, left live message, left voicemail, no answer, wrong number.
        "hs_call_disposition" => &[
            "9d9162e7-6cf3-4944-bf63-4dff82258764",
            "f240bbac-87c9-4f6e-bf70-924b57d47db7",
            "a4c4c377-d246-4b32-a13b-75a56a4cd0ff",
            "b2cf5968-551e-4856-9783-52b3da59a7d0",
            "73a0d17f-1163-4015-bdd5-ec830791da20",
            "17b47fee-58de-441e-a44c-c6300d46f273",
        ],
        "hs_call_source" => &["INTEGRATIONS_PLATFORM", "MANUAL_LOG", "TWILIO_CALLING"],
        "hs_activity_type" => &["Consultation", "Follow-up", "Intake", "Introduction", "Support"],
        "hs_task_status" => &["NOT_STARTED", "IN_PROGRESS", "WAITING", "COMPLETED", "DEFERRED"],
        "hs_task_priority" => &["NONE", "LOW", "MEDIUM", "HIGH"],
        "hs_task_type" => &["EMAIL", "CALL", "TODO"],
        // The guide writes the label's form with a space, accounts hold the internal one: both are taken.
        "hs_meeting_outcome" => &["SCHEDULED", "COMPLETED", "RESCHEDULED", "NO_SHOW", "NO SHOW", "CANCELED"],
        _ => &[],
    }
}

fn shipped(row: &Row, group: &str) -> Property {
    let &(name, label, kind, field, mark) = row;
    Property {
        name: name.into(),
        label: label.to_owned(),
        kind,
        field: field.to_owned(),
        group: group.to_owned(),
        description: String::new(),
        options: options(name).iter().map(|value| ((*value).to_owned(), (*value).to_owned())).collect(),
        unique: mark == Unique,
        read_only: matches!(mark, ReadOnly | Calculated),
        calculated: mark == Calculated,
        shipped: true,
        owner: mark == Mark::Owner,
    }
}

/// The properties of a kind as the stand-in starts: HubSpot's own, then the administrator's.
///
/// The administrator has made `aftercall_key` (text, unique) on contacts, tickets and activities and
/// `preferred_language` (english, spanish, french) on contacts.
pub(super) fn schema(kind: Kind) -> Schema {
    let group = format!("{}information", kind.singular());
    let own: &[Row] = match kind {
        Kind::Contact => CONTACT,
        Kind::Company => COMPANY,
        Kind::Deal => DEAL,
        Kind::Ticket => TICKET,
        Kind::Call => CALL,
        Kind::Note => NOTE,
        Kind::Task => TASK,
        Kind::Meeting => MEETING,
    };
    let activity: &[Row] = if kind.is_activity() { ACTIVITY } else { &[] };
    let mut all: Vec<Property> = own.iter().chain(activity).chain(COMMON).map(|row| shipped(row, &group)).collect();
    let custom = |row: &Row| Property { shipped: false, ..shipped(row, &group) };
    if !matches!(kind, Kind::Company | Kind::Deal) {
        all.push(custom(&("aftercall_key", "Aftercall key", Text, "text", Unique)));
    }
    if kind == Kind::Contact {
        let mut language = custom(&("preferred_language", "Preferred language", Enumeration, "select", Plain));
        language.options = ["English", "Spanish", "French"].map(|word| (word.to_owned(), word.to_lowercase())).into();
        all.push(language);
    }
    all.into_iter().map(|property| (property.name.clone(), property)).collect()
}

/// Reads a definition from the body of `POST /crm/v3/properties/{type}`.
///
/// Errors: a sentence for the `message` of a VALIDATION_ERROR.
pub(super) fn parse(body: &Value) -> Result<Property, String> {
    let text = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
    let missing: Vec<&str> = ["name", "label", "type", "fieldType", "groupName"]
        .into_iter()
        .filter(|key| text(key).is_none_or(|value| value.is_empty()))
        .collect();
    if !missing.is_empty() {
        return Err(format!("Invalid input JSON on line 1, column 2. Some required fields were not set: [{}]", missing.join(", ")));
    }
    let name = text("name").unwrap_or_default();
    let starts = name.starts_with(|first: char| first.is_ascii_lowercase());
    if !starts || !name.chars().all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_') {
        return Err(format!("Property name {name} is invalid: it must start with a letter and hold only a-z, 0-9, _"));
    }
    let word = text("type").unwrap_or_default();
    let kind = Type::named(&word).ok_or_else(|| format!("Property type {word} is not a known type"))?;
    let unique = body.get("hasUniqueValue").and_then(Value::as_bool).unwrap_or(false);
    if unique && !matches!(kind, Text | Number) {
        return Err(format!("Property {name} of type {word} cannot have unique values"));
    }
    let field = text("fieldType").unwrap_or_default();
    let allowed: &[&str] = match kind {
        Text => &["text", "textarea", "html", "phonenumber", "file"],
        Number => &["number"],
        Date | Datetime => &["date"],
        Enumeration => &["select", "radio", "checkbox"],
        Bool => &["booleancheckbox"],
        Phone => &["phonenumber"],
    };
    if !allowed.contains(&field.as_str()) {
        return Err(format!("fieldType {field} is not valid for type {word}"));
    }
    let options = body.get("options").and_then(Value::as_array).into_iter().flatten();
    let options = options
        .map(|option| {
            let part = |key: &str| option.get(key).and_then(Value::as_str).map(str::to_owned);
            part("label").zip(part("value")).ok_or("Every option needs a label and a value".to_owned())
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Property {
        name: name.into(),
        label: text("label").unwrap_or_default(),
        kind,
        field,
        group: text("groupName").unwrap_or_default(),
        description: text("description").unwrap_or_default(),
        options,
        unique,
        read_only: false,
        calculated: false,
        shipped: false,
        owner: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: Value, expected: Result<&str, &str>) {
        let found = parse(&body);
        match expected {
            Ok(name) => assert_eq!(&*found.expect("parses").name, name),
            Err(part) => {
                let message = found.expect_err("is refused");
                assert!(message.contains(part), "{message}");
            }
        }
    }

    #[test]
    fn definitions_are_checked() {
        let good = json!({"name": "call_key", "label": "K", "type": "string", "fieldType": "text",
            "groupName": "g", "hasUniqueValue": true});
        check(good.clone(), Ok("call_key"));
        check(json!({"name": "call_key"}), Err("[label, type, fieldType, groupName]"));
        let with = |key: &str, value: Value| {
            let mut body = good.clone();
            body[key] = value;
            body
        };
        check(with("name", json!("Call Key")), Err("is invalid"));
        check(with("type", json!("bool")), Err("cannot have unique values"));
        check(with("fieldType", json!("date")), Err("fieldType date"));
    }

    #[test]
    fn prepared_properties_are_there() {
        assert!(schema(Kind::Call)["aftercall_key"].unique);
        assert_eq!(schema(Kind::Contact)["preferred_language"].options.len(), 3);
        assert!(!schema(Kind::Deal).contains_key("aftercall_key"));
    }
}
