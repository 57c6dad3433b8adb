//! The objects of the org and their fields: the standard ones, and those that an admin would have added.
//!
//! Lengths and flags are those of a standard org. Not for behaviour: that is `rules`.

use super::schema::{Children, Default, Field, Kind, Object, Schema};

/// Stages of an opportunity: name, closed, won, probability, forecast category.
pub(crate) const STAGES: &[(&str, bool, bool, f64, &str)] = &[
    ("Prospecting", false, false, 10.0, "Pipeline"),
    ("Qualification", false, false, 10.0, "Pipeline"),
    ("Needs Analysis", false, false, 20.0, "Pipeline"),
    ("Value Proposition", false, false, 50.0, "Pipeline"),
    ("Id. Decision Makers", false, false, 60.0, "Pipeline"),
    ("Perception Analysis", false, false, 70.0, "Pipeline"),
    ("Proposal/Price Quote", false, false, 75.0, "Best Case"),
    ("Negotiation/Review", false, false, 90.0, "Commit"),
    ("Closed Won", true, true, 100.0, "Closed"),
    ("Closed Lost", true, false, 0.0, "Omitted"),
];

/// Users that are there from the start: id, first name, last name, email.
pub(crate) const USERS: &[(&str, &str, &str, &str)] = &[
    ("005Sb0000000001", "Ana", "Alvarez", "ana@acme.example"),
    ("005Sb0000000002", "Ben", "Brooks", "ben@acme.example"),
    ("005Sb0000000003", "Olivia", "Office", "office.manager@acme.example"),
];

const INDUSTRIES: &[&str] = &[
    "Agriculture",
    "Banking",
    "Construction",
    "Consulting",
    "Education",
    "Energy",
    "Finance",
    "Government",
    "Healthcare",
    "Hospitality",
    "Insurance",
    "Manufacturing",
    "Media",
    "Retail",
    "Technology",
    "Transportation",
    "Utilities",
    "Other",
];
const SOURCES: &[&str] = &["Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other"];
const SALUTATIONS: &[&str] = &["Mr.", "Ms.", "Mrs.", "Dr.", "Prof.", "Mx."];

/// The org as it is when the stand-in starts.
pub(crate) fn schema() -> Schema {
    Schema { objects: vec![user(), account(), contact(), lead(), opportunity(), contact_role(), case(), task(), event()] }
}

fn text(name: &str, label: &str, length: usize) -> Field {
    Field::text(name, label, length)
}

fn of(kind: Kind, name: &str, label: &str) -> Field {
    Field::of(kind, name, label)
}

fn children(of: &[(&'static str, &'static str, &'static str)]) -> Vec<Children> {
    of.iter().map(|&(relation, object, field)| Children { relation, object, field }).collect()
}

/// The fields that every object has.
fn audit(id_label: &str) -> Vec<Field> {
    vec![
        of(Kind::Id, "Id", id_label).read_only().system(),
        of(Kind::Boolean, "IsDeleted", "Deleted").read_only(),
        of(Kind::DateTime, "CreatedDate", "Created Date").read_only().system(),
        unindexed(Field::reference("CreatedById", "Created By ID", &["User"]).read_only().system()),
        of(Kind::DateTime, "LastModifiedDate", "Last Modified Date").read_only().system(),
        unindexed(Field::reference("LastModifiedById", "Last Modified By ID", &["User"]).read_only().system()),
        of(Kind::DateTime, "SystemModstamp", "System Modstamp").read_only().system(),
    ]
}

/// One user writes everything here, so an index on who did would only cost.
fn unindexed(field: Field) -> Field {
    Field { indexed: false, ..field }
}

fn owner() -> Field {
    Field::reference("OwnerId", "Owner ID", &["User"]).system()
}

fn last_activity() -> Field {
    of(Kind::Date, "LastActivityDate", "Last Activity").read_only()
}

fn address(prefix: &str, label: &str) -> Vec<Field> {
    vec![
        Field::textarea(&format!("{prefix}Street"), &format!("{label}Street"), 255),
        text(&format!("{prefix}City"), &format!("{label}City"), 40),
        text(&format!("{prefix}State"), &format!("{label}State/Province"), 80),
        text(&format!("{prefix}PostalCode"), &format!("{label}Zip/Postal Code"), 20),
        text(&format!("{prefix}Country"), &format!("{label}Country"), 80),
    ]
}

fn caller_key() -> Field {
    text("Caller_Key__c", "Caller Key", 255).external_id(true)
}

fn call_key() -> Field {
    text("Call_Key__c", "Call Key", 255).external_id(true)
}

fn object(names: [&'static str; 4], id_label: &str, fields: Vec<Field>, of: &[(&'static str, &'static str, &'static str)]) -> Object {
    let [name, label, plural, prefix] = names;
    let mut all = audit(id_label);
    all.extend(fields);
    Object::new(name, label, plural, prefix, all, children(of))
}

fn user() -> Object {
    let fields = vec![
        text("Username", "Username", 80).required().id_lookup(),
        text("LastName", "Last Name", 80).required(),
        text("FirstName", "First Name", 40),
        text("Name", "Full Name", 121).read_only().system(),
        of(Kind::Email, "Email", "Email").required().sized(128),
        text("Alias", "Alias", 8),
        text("Title", "Title", 80),
        text("Department", "Department", 80),
        of(Kind::Phone, "Phone", "Phone"),
        of(Kind::Phone, "MobilePhone", "Mobile"),
        of(Kind::Boolean, "IsActive", "Active").defaulted(Default::Bool(true)),
        text("TimeZoneSidKey", "Time Zone", 40),
        text("UserType", "User Type", 40).read_only(),
    ];
    object(["User", "User", "Users", "005"], "User ID", fields, &[])
}

fn account() -> Object {
    let mut fields = vec![
        text("Name", "Account Name", 255).required(),
        Field::picklist("Type", "Account Type", &["Prospect", "Customer - Direct", "Customer - Channel", "Partner", "Other"]),
        Field::reference("ParentId", "Parent Account ID", &["Account"]),
        of(Kind::Phone, "Phone", "Account Phone"),
        of(Kind::Phone, "Fax", "Account Fax"),
        text("AccountNumber", "Account Number", 40),
        of(Kind::Url, "Website", "Website"),
        Field::picklist("Industry", "Industry", INDUSTRIES),
        of(Kind::Currency, "AnnualRevenue", "Annual Revenue"),
        of(Kind::Int, "NumberOfEmployees", "Employees"),
        of(Kind::TextArea, "Description", "Account Description"),
        Field::picklist("AccountSource", "Account Source", SOURCES),
        Field::picklist("Rating", "Account Rating", &["Hot", "Warm", "Cold"]),
        owner(),
        last_activity(),
    ];
    fields.extend(address("Billing", "Billing "));
    fields.extend(address("Shipping", "Shipping "));
    object(
        ["Account", "Account", "Accounts", "001"],
        "Account ID",
        fields,
        &[
            ("Contacts", "Contact", "AccountId"),
            ("Opportunities", "Opportunity", "AccountId"),
            ("Cases", "Case", "AccountId"),
            ("Tasks", "Task", "WhatId"),
            ("Events", "Event", "WhatId"),
            ("ChildAccounts", "Account", "ParentId"),
        ],
    )
}

fn contact() -> Object {
    let mut fields = vec![
        Field::reference("MasterRecordId", "Master Record ID", &["Contact"]).read_only(),
        Field::reference("AccountId", "Account ID", &["Account"]),
        text("LastName", "Last Name", 80).required().indexed(),
        text("FirstName", "First Name", 40),
        Field::picklist("Salutation", "Salutation", SALUTATIONS),
        text("Name", "Full Name", 121).read_only().system(),
        of(Kind::Phone, "Phone", "Business Phone"),
        of(Kind::Phone, "Fax", "Business Fax"),
        of(Kind::Phone, "MobilePhone", "Mobile Phone"),
        of(Kind::Phone, "HomePhone", "Home Phone"),
        of(Kind::Phone, "OtherPhone", "Other Phone"),
        of(Kind::Phone, "AssistantPhone", "Asst. Phone"),
        Field::reference("ReportsToId", "Reports To ID", &["Contact"]),
        of(Kind::Email, "Email", "Email").id_lookup(),
        text("Title", "Title", 128),
        text("Department", "Department", 80),
        text("AssistantName", "Assistant's Name", 40),
        Field::picklist("LeadSource", "Lead Source", SOURCES),
        of(Kind::Date, "Birthdate", "Birthdate"),
        of(Kind::TextArea, "Description", "Contact Description"),
        owner(),
        of(Kind::Boolean, "HasOptedOutOfEmail", "Email Opt Out"),
        of(Kind::Boolean, "HasOptedOutOfFax", "Fax Opt Out"),
        of(Kind::Boolean, "DoNotCall", "Do Not Call"),
        last_activity(),
        of(Kind::DateTime, "LastViewedDate", "Last Viewed Date").read_only(),
        caller_key(),
        Field::picklist("Preferred_Language__c", "Preferred Language", &["English", "Spanish", "French"]).restricted(),
    ];
    fields.extend(address("Mailing", "Mailing "));
    fields.extend(address("Other", "Other "));
    object(
        ["Contact", "Contact", "Contacts", "003"],
        "Contact ID",
        fields,
        &[
            ("OpportunityContactRoles", "OpportunityContactRole", "ContactId"),
            ("Cases", "Case", "ContactId"),
            ("Tasks", "Task", "WhoId"),
            ("Events", "Event", "WhoId"),
        ],
    )
}

fn lead() -> Object {
    let mut fields = vec![
        text("LastName", "Last Name", 80).required(),
        text("FirstName", "First Name", 40),
        Field::picklist("Salutation", "Salutation", SALUTATIONS),
        text("Name", "Full Name", 121).read_only().system(),
        text("Title", "Title", 128),
        text("Company", "Company", 255).required(),
        of(Kind::Phone, "Phone", "Phone"),
        of(Kind::Phone, "MobilePhone", "Mobile Phone"),
        of(Kind::Phone, "Fax", "Fax"),
        of(Kind::Email, "Email", "Email").id_lookup(),
        of(Kind::Url, "Website", "Website"),
        of(Kind::TextArea, "Description", "Description"),
        Field::picklist("LeadSource", "Lead Source", SOURCES),
        Field::picklist(
            "Status",
            "Status",
            &["Open - Not Contacted", "Working - Contacted", "Closed - Converted", "Closed - Not Converted"],
        )
        .required()
        .defaulted(Default::Text("Open - Not Contacted")),
        Field::picklist("Industry", "Industry", INDUSTRIES),
        Field::picklist("Rating", "Rating", &["Hot", "Warm", "Cold"]),
        of(Kind::Currency, "AnnualRevenue", "Annual Revenue"),
        of(Kind::Int, "NumberOfEmployees", "Employees"),
        owner(),
        of(Kind::Boolean, "HasOptedOutOfEmail", "Email Opt Out"),
        of(Kind::Boolean, "DoNotCall", "Do Not Call"),
        of(Kind::Boolean, "IsConverted", "Converted").read_only(),
        of(Kind::Date, "ConvertedDate", "Converted Date").read_only(),
        Field::reference("ConvertedAccountId", "Converted Account ID", &["Account"]).read_only(),
        Field::reference("ConvertedContactId", "Converted Contact ID", &["Contact"]).read_only(),
        Field::reference("ConvertedOpportunityId", "Converted Opportunity ID", &["Opportunity"]).read_only(),
        of(Kind::Boolean, "IsUnreadByOwner", "Unread By Owner").defaulted(Default::Bool(true)),
        last_activity(),
        caller_key(),
    ];
    fields.extend(address("", ""));
    object(["Lead", "Lead", "Leads", "00Q"], "Lead ID", fields, &[("Tasks", "Task", "WhoId"), ("Events", "Event", "WhoId")])
}

fn opportunity() -> Object {
    let stages: Vec<_> = STAGES.iter().map(|stage| stage.0).collect();
    let forecasts = &["Omitted", "Pipeline", "Best Case", "Commit", "Closed"];
    let fields = vec![
        Field::reference("AccountId", "Account ID", &["Account"]),
        text("Name", "Name", 120).required(),
        of(Kind::TextArea, "Description", "Description"),
        Field::picklist("StageName", "Stage", &stages).required(),
        of(Kind::Currency, "Amount", "Amount"),
        of(Kind::Percent, "Probability", "Probability (%)").defaulted(Default::System),
        of(Kind::Date, "CloseDate", "Close Date").required(),
        Field::picklist("Type", "Opportunity Type", &["Existing Business", "New Business"]),
        text("NextStep", "Next Step", 255),
        Field::picklist("LeadSource", "Lead Source", SOURCES),
        of(Kind::Boolean, "IsClosed", "Closed").read_only(),
        of(Kind::Boolean, "IsWon", "Won").read_only(),
        Field::picklist("ForecastCategory", "Forecast Category", forecasts).read_only().system(),
        Field::picklist("ForecastCategoryName", "Forecast Category", forecasts).defaulted(Default::System),
        Field { relation: None, ..Field::reference("ContactId", "Contact ID", &["Contact"]) }.create_only(),
        owner(),
        last_activity(),
    ];
    object(
        ["Opportunity", "Opportunity", "Opportunities", "006"],
        "Opportunity ID",
        fields,
        &[
            ("OpportunityContactRoles", "OpportunityContactRole", "OpportunityId"),
            ("Tasks", "Task", "WhatId"),
            ("Events", "Event", "WhatId"),
        ],
    )
}

fn contact_role() -> Object {
    let roles = &[
        "Business User",
        "Decision Maker",
        "Economic Buyer",
        "Economic Decision Maker",
        "Evaluator",
        "Executive Sponsor",
        "Influencer",
        "Technical Buyer",
        "Other",
    ];
    let fields = vec![
        Field::reference("OpportunityId", "Opportunity ID", &["Opportunity"]).required().create_only(),
        Field::reference("ContactId", "Contact ID", &["Contact"]).required(),
        Field::picklist("Role", "Role", roles),
        of(Kind::Boolean, "IsPrimary", "Primary"),
    ];
    object(["OpportunityContactRole", "Opportunity Contact Role", "Opportunity Contact Roles", "00K"], "Contact Role ID", fields, &[])
}

fn case() -> Object {
    let fields = vec![
        text("CaseNumber", "Case Number", 30).read_only().system().indexed(),
        Field::reference("ContactId", "Contact ID", &["Contact"]),
        Field::reference("AccountId", "Account ID", &["Account"]),
        Field::reference("ParentId", "Parent Case ID", &["Case"]),
        text("SuppliedName", "Name", 80),
        of(Kind::Email, "SuppliedEmail", "Email Address"),
        text("SuppliedPhone", "Phone", 40).indexed(),
        text("SuppliedCompany", "Company", 80),
        Field::picklist("Type", "Case Type", &["Mechanical", "Electrical", "Electronic", "Structural", "Other"]),
        Field::picklist("Status", "Status", &["New", "Working", "Escalated", "Closed"]).defaulted(Default::Text("New")),
        Field::picklist("Reason", "Case Reason", &["Installation", "Performance", "Breakdown", "Feedback", "Other"]),
        Field::picklist("Origin", "Case Origin", &["Phone", "Email", "Web"]),
        text("Subject", "Subject", 255),
        Field::picklist("Priority", "Priority", &["High", "Medium", "Low"]).defaulted(Default::Text("Medium")),
        of(Kind::TextArea, "Description", "Description"),
        of(Kind::Boolean, "IsClosed", "Closed").read_only(),
        of(Kind::DateTime, "ClosedDate", "Closed Date").read_only(),
        of(Kind::Boolean, "IsEscalated", "Escalated"),
        owner(),
        of(Kind::Phone, "ContactPhone", "Contact Phone").read_only(),
        of(Kind::Phone, "ContactMobile", "Contact Mobile").read_only(),
        of(Kind::Email, "ContactEmail", "Contact Email").read_only(),
        of(Kind::TextArea, "Comments", "Internal Comments").sized(4_000),
        call_key(),
    ];
    object(
        ["Case", "Case", "Cases", "500"],
        "Case ID",
        fields,
        &[("Tasks", "Task", "WhatId"), ("Events", "Event", "WhatId"), ("Cases", "Case", "ParentId")],
    )
}

/// What Task and Event share; custom fields of Activity appear on both.
fn activity() -> Vec<Field> {
    vec![
        Field::reference("WhoId", "Name ID", &["Contact", "Lead"]),
        Field::reference("WhatId", "Related To ID", &["Account", "Case", "Opportunity"]),
        of(Kind::Combobox, "Subject", "Subject"),
        of(Kind::Date, "ActivityDate", "Due Date Only"),
        Field { label: "Assigned To ID".to_owned(), ..owner() },
        of(Kind::TextArea, "Description", "Description"),
        Field::reference("AccountId", "Account ID", &["Account"]).read_only(),
        of(Kind::Boolean, "IsReminderSet", "Reminder Set"),
        of(Kind::DateTime, "ReminderDateTime", "Reminder Date/Time"),
        of(Kind::Boolean, "IsArchived", "Archived").read_only(),
        call_key(),
        of(Kind::Url, "Recording_URL__c", "Recording URL"),
    ]
}

fn task() -> Object {
    let mut fields = activity();
    fields.extend([
        Field::picklist("Status", "Status", &["Not Started", "In Progress", "Completed", "Waiting on someone else", "Deferred"])
            .required()
            .defaulted(Default::Text("Not Started")),
        Field::picklist("Priority", "Priority", &["High", "Normal", "Low"]).required().defaulted(Default::Text("Normal")),
        of(Kind::Boolean, "IsHighPriority", "High Priority").read_only(),
        of(Kind::Boolean, "IsClosed", "Closed").read_only(),
        of(Kind::DateTime, "CompletedDateTime", "Completed Date/Time").read_only(),
        of(Kind::Int, "CallDurationInSeconds", "Call Duration"),
        Field::picklist("CallType", "Call Type", &["Internal", "Inbound", "Outbound"]),
        text("CallDisposition", "Call Result", 255),
        text("CallObject", "Call Object Identifier", 255).indexed(),
        Field::picklist("TaskSubtype", "Task Subtype", &["Task", "Email", "ListEmail", "Call", "LinkedIn", "Cadence"])
            .restricted()
            .create_only()
            .defaulted(Default::Text("Task")),
    ]);
    object(["Task", "Task", "Tasks", "00T"], "Activity ID", fields, &[])
}

fn event() -> Object {
    let mut fields = activity();
    fields.extend([
        text("Location", "Location", 255),
        of(Kind::Boolean, "IsAllDayEvent", "All-Day Event"),
        of(Kind::DateTime, "ActivityDateTime", "Due Date Time"),
        of(Kind::Int, "DurationInMinutes", "Duration"),
        of(Kind::DateTime, "StartDateTime", "Start Date Time"),
        of(Kind::DateTime, "EndDateTime", "End Date Time"),
        of(Kind::Date, "EndDate", "End Date").read_only(),
        of(Kind::Boolean, "IsPrivate", "Private"),
        Field::picklist("ShowAs", "Show Time As", &["Busy", "OutOfOffice", "Free"]).restricted().defaulted(Default::Text("Busy")),
        of(Kind::Boolean, "IsChild", "Is Child").read_only(),
        of(Kind::Boolean, "IsGroupEvent", "Is Group Event").read_only(),
        of(Kind::Boolean, "IsRecurrence", "Create Recurring Series of Events").read_only(),
        Field::picklist("EventSubtype", "Event Subtype", &["Event"]).restricted().create_only().defaulted(Default::Text("Event")),
    ]);
    object(["Event", "Event", "Events", "00U"], "Event ID", fields, &[])
}
