//! Describe: what the org tells about its objects and fields.
//!
//! Not for the fields themselves: those are `objects`. Layouts, actions and record types are not modelled.

use serde_json::{Value, json};

use super::{
    Salesforce,
    call::{Answer, Call},
    error::ApiError,
    org::Org,
    schema::{Default, Field, Kind, Object},
};

impl Salesforce {
    pub(crate) fn describe(&self, name: &str, call: &Call) -> Result<Answer, ApiError> {
        let table = self.org.schema.find(name).ok_or_else(ApiError::not_found)?;
        if call.modified_since.is_some_and(|since| self.org.schema_changed <= since) {
            return Ok(Answer::empty(304));
        }
        Ok(Answer::ok(self.org.describe_object(table, call.options.version)))
    }
}

impl Org {
    pub(crate) fn describe_global(&self, version: u32) -> Value {
        let objects: Vec<_> = self.schema.objects.iter().map(|object| summary(object, version)).collect();
        json!({ "encoding": "UTF-8", "maxBatchSize": 200, "sobjects": objects })
    }

    pub(crate) fn describe_basic(&self, table: usize, version: u32) -> Value {
        json!({ "objectDescribe": summary(&self.schema.objects[table], version), "recentItems": [] })
    }

    fn describe_object(&self, table: usize, version: u32) -> Value {
        let object = &self.schema.objects[table];
        let mut out = summary(object, version);
        out["fields"] = object.visible().map(|(_, field)| describe_field(object, field)).collect();
        out["childRelationships"] = object
            .children
            .iter()
            .map(|children| {
                json!({
                    "cascadeDelete": false,
                    "childSObject": children.object,
                    "deprecatedAndHidden": false,
                    "field": children.field,
                    "junctionIdListNames": [],
                    "junctionReferenceTo": [],
                    "relationshipName": children.relation,
                    "restrictedDelete": false,
                })
            })
            .collect();
        out["recordTypeInfos"] = json!([{
            "active": true,
            "available": true,
            "defaultRecordTypeMapping": true,
            "developerName": "Master",
            "master": true,
            "name": "Master",
            "recordTypeId": "012000000000000AAA",
        }]);
        out["supportedScopes"] = json!([{ "label": "All records", "name": "everything" }]);
        out
    }
}

fn summary(object: &Object, version: u32) -> Value {
    let url = format!("/services/data/v{version}.0/sobjects/{}", object.name);
    // Users are made by other means than the API of this stand-in, but can be changed.
    json!({
        "activateable": false,
        "createable": true,
        "custom": false,
        "customSetting": false,
        "deletable": object.name != "User",
        "deprecatedAndHidden": false,
        "feedEnabled": true,
        "hasSubtypes": false,
        "isSubtype": false,
        "keyPrefix": object.prefix,
        "label": object.label,
        "labelPlural": object.plural,
        "layoutable": true,
        "mergeable": matches!(object.name, "Account" | "Contact" | "Lead" | "Case"),
        "mruEnabled": true,
        "name": object.name,
        "queryable": true,
        "replicateable": true,
        "retrieveable": true,
        "searchable": object.name != "OpportunityContactRole",
        "triggerable": true,
        "undeletable": object.name != "User",
        "updateable": true,
        "urls": {
            "sobject": url,
            "describe": format!("{url}/describe"),
            "rowTemplate": format!("{url}/{{ID}}"),
        },
    })
}

fn describe_field(object: &Object, field: &Field) -> Value {
    let default = match field.default {
        Default::Bool(value) => Value::Bool(value),
        _ => Value::Null,
    };
    let chosen = match field.default {
        Default::Text(text) => text,
        _ => "",
    };
    let values: Vec<_> = field
        .values
        .iter()
        .map(|value| json!({ "active": true, "defaultValue": value == chosen, "label": value, "validFor": null, "value": value }))
        .collect();
    let named = matches!((object.name, field.name.as_str()), (_, "Name") | ("Case", "CaseNumber") | ("Task" | "Event", "Subject"));
    let compound = match (object.name, field.name.as_str()) {
        ("Contact" | "Lead" | "User", "FirstName" | "LastName" | "Salutation") => Value::from("Name"),
        _ => Value::Null,
    };
    let (precision, scale, digits) = match field.kind {
        Kind::Int => (0, 0, 8),
        Kind::Currency => (18, 2, 0),
        Kind::Double => (18, 6, 0),
        Kind::Percent => (3, 0, 0),
        _ => (0, 0, 0),
    };
    let text = field.kind.is_text();
    let mut out = json!({
        "aggregatable": field.kind != Kind::Boolean && field.is_filterable(),
        "autoNumber": field.name == "CaseNumber",
        "byteLength": field.length * if matches!(field.kind, Kind::Id | Kind::Reference) { 1 } else { 3 },
        "compoundFieldName": compound,
        "createable": field.createable,
        "custom": field.is_custom(),
        "defaultValue": default,
        "defaultedOnCreate": field.default != Default::No,
        "digits": digits,
        "externalId": field.external_id,
        "extraTypeInfo": (field.kind == Kind::TextArea).then_some("plaintextarea"),
        "filterable": field.is_filterable(),
        "groupable": field.is_filterable() && !matches!(field.kind, Kind::DateTime | Kind::Currency | Kind::Double | Kind::Percent),
        "idLookup": field.id_lookup || field.kind == Kind::Id,
        "label": field.label,
        "length": if text || matches!(field.kind, Kind::Id | Kind::Reference) { field.length } else { 0 },
        "name": field.name,
        "nameField": named,
        "namePointing": field.refers_to.len() > 1,
        "nillable": field.nillable,
        "permissionable": field.nillable,
        "picklistValues": values,
        "polymorphicForeignKey": field.refers_to.len() > 1,
        "precision": precision,
        "referenceTo": field.refers_to,
        "relationshipName": field.relation,
        "restrictedPicklist": field.restricted,
        "scale": scale,
        "soapType": soap_type(field.kind),
        "sortable": field.is_filterable(),
        "type": field.kind.name(),
        "unique": field.unique,
        "updateable": field.updateable,
    });
    // Nothing here is calculated, encrypted, dependent or hidden.
    for name in [
        "calculated",
        "cascadeDelete",
        "caseSensitive",
        "dependentPicklist",
        "deprecatedAndHidden",
        "encrypted",
        "htmlFormatted",
        "restrictedDelete",
        "writeRequiresMasterRead",
    ] {
        out[name] = Value::Bool(false);
    }
    for name in ["calculatedFormula", "controllerName", "defaultValueFormula", "inlineHelpText"] {
        out[name] = Value::Null;
    }
    out
}

fn soap_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Id | Kind::Reference => "tns:ID",
        Kind::Boolean => "xsd:boolean",
        Kind::Int => "xsd:int",
        Kind::Double | Kind::Currency | Kind::Percent => "xsd:double",
        Kind::Date => "xsd:date",
        Kind::DateTime => "xsd:dateTime",
        _ => "xsd:string",
    }
}
