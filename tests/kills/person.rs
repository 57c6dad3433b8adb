//! The person whom the service asks: looks into the systems, and says what is there and what is not.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::books::{Books, Entry};
use crate::platform::{Made, text};
use crate::support::aftercall;

/// Answers all of these calls, several at a time. How many questions that were.
pub(crate) fn answer(root: &Path, held: &[String], calls: &[Made], books: &Books) -> usize {
    let answered = AtomicUsize::new(0);
    let open = Mutex::new(held.iter());
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                loop {
                    let next = open.lock().expect("nobody panics here").next();
                    let Some(id) = next else { break };
                    answered.fetch_add(one(root, id, calls, books), Ordering::Relaxed);
                }
            });
        }
    });
    answered.into_inner()
}

fn one(root: &Path, id: &str, calls: &[Made], books: &Books) -> usize {
    let story = aftercall(root, &["show", id, "--format", "json"], b"").exits(0).json();
    let call = calls.iter().find(|call| id.ends_with(&call.id)).unwrap_or_else(|| panic!("nobody made {id}"));
    let mut args = vec!["retry".to_owned(), id.to_owned(), "--reason".to_owned(), "looked it up".to_owned()];
    let mut questions = 0;
    for write in story["story"]["writes"].as_array().into_iter().flatten().filter(|write| write["state"] == "unknown") {
        let write = text(&write["write"]);
        let entry = |entries: &[Entry]| entries.iter().find(|entry| entry.call == call.id).map(|entry| entry.id.clone());
        let there = match write.as_str() {
            "contact" => books.contacts.iter().find(|contact| contact.phone == call.phone).map(|contact| contact.id.clone()),
            "call" => entry(&books.logs),
            "follow_up" => entry(&books.tasks),
            "appointment" => entry(&books.events),
            other => panic!("{id} asks about {other}"),
        };
        args.extend(match there {
            Some(record) => ["--found".to_owned(), format!("{write}={record}")],
            None => ["--absent".to_owned(), write],
        });
        questions += 1;
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let ran = aftercall(root, &args, b"");
    // 1: something else of it is open now, which the next look will find.
    assert!(matches!(ran.code, Some(0 | 1)), "{}", ran.seen());
    questions
}
