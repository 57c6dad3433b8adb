//! One list about many contacts: which records belong to whom, then the records.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use aftercall_config::decl::{RelatedDecl, RelatedManyDecl};
use aftercall_config::project::{Connection, Request};
use aftercall_plan::context::Record;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::{Door, Lines, Together, Waiting, halves, join};
use crate::connect::connections::Inner;
use crate::connect::failure::Failure;
use crate::connect::pointer;
use crate::connect::read::{Reader, object, records, rows};

/// One list in one account.
pub(in crate::connect) struct Lists {
    name: String,
    most: usize,
}

pub(in crate::connect) struct List {
    connection: Arc<Connection>,
    contact: String,
    /// `fields.OBJECT`, as templates see it.
    fields: Value,
}

impl List {
    fn decl(&self, name: &str) -> Option<(&RelatedDecl, &RelatedManyDecl, &Request, &Request)> {
        let connector = &self.connection.connector;
        let decl = connector.decl.related.get(name)?;
        let (links, request) = connector.related_many.get(name)?;
        Some((decl, decl.many.as_ref()?, links, request))
    }
}

/// Reads the list together with others; `None` where that is not possible now.
pub(in crate::connect) async fn list(
    inner: &Arc<Inner>,
    connection: &Arc<Connection>,
    name: &str,
    contact: &str,
    fields: &Value,
) -> Option<Result<Vec<Record>, Failure>> {
    let many = connection.connector.decl.related.get(name)?.many.as_ref()?;
    let kind = || Lists { name: name.to_owned(), most: many.max.max(1) as usize };
    let ask = List { connection: Arc::clone(connection), contact: contact.to_owned(), fields: fields.clone() };
    join(inner, format!("{}/{name}/{}", connection.id, many.max), kind, ask).await
}

impl Lists {
    /// The records of each contact. `None` where somebody has more than one request takes.
    async fn read(&self, inner: &Arc<Inner>, first: &List, contacts: &[&str]) -> Result<Option<BTreeMap<String, Vec<Record>>>, Failure> {
        let Some((decl, many, links, request)) = first.decl(&self.name) else { return Ok(None) };
        let reader = Reader::new(Arc::clone(inner));
        let object_of = first.connection.connector.objects.get(&decl.object);
        let named: Vec<Value> = contacts.iter().map(|id| json!({"id": id})).collect();
        let place = object([("contacts", json!(named)), ("contact_ids", json!(contacts))]);
        let reply = reader.ask(&first.connection, &self.name, links, object_of, &place).await?;
        let mut of: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in rows(&reply.body, &many.link_rows)? {
            if let Some(from) = pointer::first_text(row, &many.from) {
                of.entry(from).or_default().extend(pointer::texts(row, &many.to));
            }
        }
        let most = many.max_ids.max(1) as usize;
        if of.values().any(|ids| ids.len() > most) {
            return Ok(None);
        }
        // All of a contact's in one request, so that their order is the system's.
        let mut requests: Vec<(Vec<&String>, Vec<&String>)> = Vec::new();
        for (contact, ids) in of.iter().filter(|(_, ids)| !ids.is_empty()) {
            match requests.last_mut().filter(|(_, asked)| asked.len() + ids.len() <= most) {
                Some((contacts, asked)) => {
                    contacts.push(contact);
                    asked.extend(ids.iter());
                }
                None => requests.push((vec![contact], ids.iter().collect())),
            }
        }
        let mut found: BTreeMap<String, Vec<Record>> = BTreeMap::new();
        for (contacts, ids) in requests {
            let place = object([("ids", json!(ids)), ("fields", first.fields.clone())]);
            let reply = reader.ask(&first.connection, &self.name, request, object_of, &place).await?;
            let all = records(rows(&reply.body, &decl.rows)?, &decl.object, &decl.id, &decl.fields);
            for contact in contacts {
                let own = all.iter().filter(|record| of.get(contact).is_some_and(|ids| ids.contains(&record.id)));
                found.insert(contact.clone(), own.take(many.most as usize).cloned().collect());
            }
        }
        Ok(Some(found))
    }
}

impl Lists {
    /// Asks for all, and answers each.
    async fn go(self: Arc<Self>, inner: Arc<Inner>, together: Vec<Waiting<Self>>) {
        let Some(first) = together.first().map(|waiting| &waiting.ask) else { return };
        let mut contacts: Vec<&str> = together.iter().map(|waiting| waiting.ask.contact.as_str()).collect();
        contacts.sort_unstable();
        contacts.dedup();
        match self.read(&inner, first, &contacts).await {
            Ok(Some(found)) => {
                for waiting in together {
                    let own = found.get(&waiting.ask.contact).cloned().unwrap_or_default();
                    waiting.gets(Ok(own));
                }
            }
            Ok(None) => halves(&self, &inner, together).await,
            Err(failure) if failure.of_the_data() => halves(&self, &inner, together).await,
            Err(failure) => together.into_iter().for_each(|waiting| waiting.gets(Err(failure.clone()))),
        }
    }
}

impl Together for Lists {
    type Ask = List;
    type Got = Result<Vec<Record>, Failure>;
    const READS: bool = true;

    fn lines(door: &Door) -> &Lines<Self> {
        &door.related
    }

    fn most(&self) -> usize {
        self.most
    }

    fn pick(&self, line: &mut VecDeque<Waiting<Self>>) -> Vec<Waiting<Self>> {
        let Some(first) = line.front() else { return Vec::new() };
        let same =
            |other: &&Waiting<Self>| Arc::ptr_eq(&other.ask.connection, &first.ask.connection) && other.ask.fields == first.ask.fields;
        let count = line.iter().take_while(same).take(self.most).count();
        line.drain(..count).collect()
    }

    fn send(self: Arc<Self>, inner: Arc<Inner>, together: Vec<Waiting<Self>>) -> BoxFuture<'static, ()> {
        Box::pin(self.go(inner, together))
    }

    fn lost() -> Self::Got {
        Err(Failure::lost("the read was given up").of_read())
    }
}
