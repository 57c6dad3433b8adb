//! The searches of many callers in one request, and which row is whose.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use aftercall_config::decl::{FindDecl, FindManyDecl};
use aftercall_config::project::{Connection, Request};
use aftercall_plan::matching::{Query, fits, together};
use futures_util::future::{BoxFuture, join_all};
use serde_json::{Map, Value, json};

use super::{Door, Lines, Together, Waiting, halves, join};
use crate::connect::classify::{self, Effect};
use crate::connect::connections::Inner;
use crate::connect::failure::Failure;
use crate::connect::pointer;
use crate::connect::read::{Found, Reader, object as parts};
use crate::connect::request::{render, scope};
use crate::meters::course;

/// The searches in one account.
pub(in crate::connect) struct Finds {
    /// Callers in one search.
    callers: usize,
    /// Searches in one request.
    searches: usize,
}

pub(in crate::connect) struct Find {
    connection: Arc<Connection>,
    query: Query,
    /// `fields.OBJECT`, as templates see it.
    fields: Value,
}

fn declared(connection: &Connection) -> Option<(&FindDecl, &FindManyDecl, &Request)> {
    let connector = &connection.connector;
    let find = connector.decl.find.as_ref()?;
    let request = if connector.find_many.is_some() { &connector.find_many } else { &connector.find };
    Some((find, find.many.as_ref()?, request.as_ref()?))
}

/// Searches together with others; `None` where that is not possible now.
pub(in crate::connect) async fn find(
    inner: &Arc<Inner>,
    connection: &Arc<Connection>,
    query: &Query,
    fields: &Value,
) -> Option<Result<Found, Failure>> {
    let find = connection.connector.decl.find.as_ref()?;
    let many = find.many.as_ref()?;
    if !many.by.as_ref().unwrap_or(&find.by).contains(&query.key()) {
        return None;
    }
    let packs = connection.connector.pack.is_some();
    let searches = many.searches.filter(|_| packs).unwrap_or(1).max(1) as usize;
    let kind = || Finds { callers: many.max_callers.max(1) as usize, searches };
    let ask = Find { connection: Arc::clone(connection), query: query.clone(), fields: fields.clone() };
    join(inner, format!("{}/{}/{searches}", connection.id, many.max_callers), kind, ask).await
}

/// What templates see of these searches; `None` where they do not go together.
///
/// Shape: `callers`, a list of what each is searched by, and beside it, for a search that goes by lists, what all have in them.
pub(in crate::connect) fn place(queries: &[&Query], fields: &Value, lists: bool) -> Option<Map<String, Value>> {
    let mut place = Map::new();
    if lists {
        let all = together(queries.iter().copied())?;
        let near = all.near.iter().flat_map(|near| &near.emails);
        let addresses: BTreeSet<&String> = all.emails.iter().chain(near).collect();
        place.insert("addresses".to_owned(), json!(addresses));
        let Ok(Value::Object(all)) = serde_json::to_value(&all) else { return None };
        place.extend(all);
    }
    place.insert("callers".to_owned(), json!(queries));
    place.insert("fields".to_owned(), fields.clone());
    Some(place)
}

/// How many of these fit into one request; at least one.
fn fitting(first: &Find, queries: &[&Query]) -> usize {
    let Some((decl, many, request)) = declared(&first.connection) else { return 1 };
    let connection = &first.connection;
    let lists = connection.connector.find_many.is_some();
    let mut count = queries.len().min(many.max_callers.max(1) as usize);
    while count > 1 {
        let Some(place) = place(&queries[..count], &first.fields, lists) else {
            count -= 1;
            continue;
        };
        let Some(most) = many.max_chars.and_then(|most| usize::try_from(most).ok()) else { return count };
        let object = connection.connector.objects.get(&decl.object);
        let Ok(rendered) = render(request, &scope(connection, &connection.base_url, object, &place)) else { return 1 };
        let body = rendered.body.map_or(0, |body| body.to_string().chars().count());
        let chars = rendered.path.chars().count() + body;
        if chars <= most {
            return count;
        }
        count = (count * most / chars).clamp(1, count - 1);
    }
    1
}

impl Finds {
    /// Asks for all, and answers each.
    async fn go(self: Arc<Self>, inner: Arc<Inner>, mut together: Vec<Waiting<Self>>) {
        let mut groups = Vec::new();
        while !together.is_empty() {
            let queries: Vec<&Query> = together.iter().map(|waiting| &waiting.ask.query).collect();
            let count = fitting(&together[0].ask, &queries);
            let rest = together.split_off(count);
            groups.push(std::mem::replace(&mut together, rest));
        }
        let found = ask(&inner, &groups).await;
        let handed = groups.into_iter().zip(found).map(|(group, found)| self.hand_out(&inner, group, found));
        join_all(handed).await;
    }

    /// To each of a group what is his.
    async fn hand_out(self: &Arc<Self>, inner: &Arc<Inner>, group: Vec<Waiting<Self>>, found: Result<Found, Failure>) {
        if let [_] = group.as_slice() {
            // Alone he is asked about by himself: that is another request where there is one for many.
            return group.into_iter().for_each(Waiting::goes_alone);
        }
        let Some(connection) = group.first().map(|waiting| Arc::clone(&waiting.ask.connection)) else { return };
        let Some((decl, many, _)) = declared(&connection) else { return };
        match found {
            Ok(found) => {
                let full = many.max_rows.is_some_and(|most| found.candidates.len() >= most as usize);
                let object = connection.connector.objects.get(&decl.object);
                let Some(object) = object.filter(|_| !full && found.incomplete.is_none()) else {
                    return halves(self, inner, group).await;
                };
                for waiting in group {
                    let query = &waiting.ask.query;
                    let candidates: Vec<_> =
                        found.candidates.iter().filter(|row| fits(&object.decl, query, many.gaps, row)).cloned().collect();
                    let lists = candidates.iter().filter_map(|row| Some((row.id.clone(), found.candidate_lists.get(&row.id)?.clone())));
                    let own = Found { candidate_lists: lists.collect(), candidates, incomplete: None };
                    waiting.gets(Ok(own));
                }
            }
            Err(failure) if failure.of_the_data() => halves(self, inner, group).await,
            Err(failure) => group.into_iter().for_each(|waiting| waiting.gets(Err(failure.clone()))),
        }
    }
}

/// What is found for each of these groups: several in one request where the system packs reads.
async fn ask(inner: &Arc<Inner>, groups: &[Vec<Waiting<Finds>>]) -> Vec<Result<Found, Failure>> {
    let first = &groups[0][0].ask;
    let connection = &first.connection;
    let Some((decl, _, request)) = declared(connection) else { return Vec::new() };
    let lists = connection.connector.find_many.is_some();
    let object = connection.connector.objects.get(&decl.object);
    let unwritten = || Failure::invalid("the searches cannot be written together");
    let seen = |group: &[Waiting<Finds>]| {
        let queries: Vec<&Query> = group.iter().map(|waiting| &waiting.ask.query).collect();
        place(&queries, &first.fields, lists).ok_or_else(unwritten)
    };
    let reader = Reader::new(Arc::clone(inner));
    let (Some(pack), Some((outer, item)), true) = (&connection.connector.decl.pack, &connection.connector.pack, groups.len() > 1) else {
        return join_all(groups.iter().map(async |group| {
            // He goes alone afterwards.
            if group.len() == 1 {
                return Ok(Found::default());
            }
            let reply = reader.ask(connection, "find together", request, object, &seen(group)?).await?;
            Found::read(decl, &reply.body)
        }))
        .await;
    };
    let base_url = inner.account(connection).auth.base_url().unwrap_or_else(|| connection.base_url.clone());
    let mut items = Vec::with_capacity(groups.len());
    for (at, group) in groups.iter().enumerate().filter(|(_, group)| group.len() > 1) {
        let Ok(inner) = seen(group).and_then(|place| render(request, &scope(connection, &base_url, object, &place))) else { continue };
        let mut place = parts([("method", json!(inner.method)), ("path", json!(inner.path)), ("ref", json!(name(at)))]);
        place.extend(inner.body.map(|body| ("body".to_owned(), body)));
        items.extend(item.eval(&scope(connection, &base_url, None, &place)));
    }
    let place = parts([("items", Value::Array(items))]);
    let reply = match reader.ask(connection, "pack of searches", outer, None, &place).await {
        Ok(reply) => reply,
        Err(failure) => return groups.iter().map(|_| Err(failure.clone())).collect(),
    };
    let results = pointer::one(&reply.body, &pack.results).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let each = groups.iter().enumerate().map(|(at, group)| {
        if group.len() == 1 {
            return Ok(Found::default());
        }
        let named = |result: &&Value| pointer::first_text(result, &pack.result_ref).as_deref() == Some(&name(at));
        let status = |result: &Value| pointer::first_text(result, &pack.result_status)?.parse::<u16>().ok();
        let result = results.iter().find(named).and_then(|result| Some((result, status(result)?)));
        let Some((result, status)) = result else { return Err(Failure::lost("the answer says nothing about this search").of_read()) };
        let body = pointer::one(result, &pack.result_body).cloned().unwrap_or(Value::Null);
        if (200..300).contains(&status) {
            return Found::read(decl, &body);
        }
        let failure = classify::of_value(&connection.connector.decl, Effect::Read, status, &reply.headers, &body, "");
        course().failed(&connection.id, failure.class.as_str());
        Err(failure)
    });
    each.collect()
}

/// A search's name inside a pack.
fn name(at: usize) -> String {
    format!("find{at}")
}

impl Together for Finds {
    type Ask = Find;
    type Got = Result<Found, Failure>;
    const READS: bool = true;

    fn lines(door: &Door) -> &Lines<Self> {
        &door.finds
    }

    fn most(&self) -> usize {
        self.callers * self.searches
    }

    fn pick(&self, line: &mut VecDeque<Waiting<Self>>) -> Vec<Waiting<Self>> {
        let Some(first) = line.front() else { return Vec::new() };
        let same =
            |other: &&Waiting<Self>| Arc::ptr_eq(&other.ask.connection, &first.ask.connection) && other.ask.fields == first.ask.fields;
        // In their order and without gaps: who stands behind somebody of another config waits for the next request.
        let queries: Vec<&Query> = line.iter().take_while(same).map(|waiting| &waiting.ask.query).collect();
        let mut count = 0;
        for _ in 0..self.searches {
            let rest = &queries[count..queries.len().min(count + self.callers)];
            if rest.is_empty() {
                break;
            }
            count += fitting(&first.ask, rest);
        }
        line.drain(..count).collect()
    }

    fn send(self: Arc<Self>, inner: Arc<Inner>, together: Vec<Waiting<Self>>) -> BoxFuture<'static, ()> {
        Box::pin(self.go(inner, together))
    }

    fn lost() -> Self::Got {
        Err(Failure::lost("the search was given up").of_read())
    }
}
