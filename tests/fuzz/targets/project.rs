//! What an operator writes: one file of a small project replaced by anything. Checking ends with findings that can be drawn, or with a
//! project; the same text gives the same.
#![no_main]

use aftercall_config::finding::to_json;
use aftercall_config::resolve::load;
use aftercall_config::source::Files;
use libfuzzer_sys::fuzz_target;

const FILES: &[(&str, &str)] = &[
    ("aftercall.toml", include_str!("../../../runtime/plan/src/testing/project/aftercall.toml")),
    ("pipelines/front-desk.toml", include_str!("../../../runtime/plan/src/testing/project/front-desk.toml")),
    ("mappings/crm/contact.toml", include_str!("../../../runtime/plan/src/testing/project/contact.toml")),
    ("mappings/crm/connector.toml", include_str!("../../../runtime/plan/src/testing/project/crm.toml")),
    ("mappings/json/source.toml", include_str!("../../../runtime/plan/src/testing/project/json-source.toml")),
    ("mappings/match/person.toml", include_str!("../../../runtime/plan/src/testing/project/person.toml")),
    ("mappings/match/tables/fillers.toml", include_str!("../../../mappings/match/tables/fillers.toml")),
    ("mappings/cal/connector.toml", include_str!("../../../runtime/plan/src/testing/project/cal.toml")),
    ("mappings/cal/event.toml", include_str!("../../../runtime/plan/src/testing/project/event.toml")),
    ("mappings/crm/call.toml", include_str!("../../../runtime/plan/src/testing/project/call.toml")),
    ("mappings/crm/deal.toml", include_str!("../../../runtime/plan/src/testing/project/deal.toml")),
    ("mappings/crm/task.toml", include_str!("../../../runtime/plan/src/testing/project/task.toml")),
];

fuzz_target!(|bytes: &[u8]| {
    let Some((which, rest)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let mut files = Files::new();
    for (path, own) in FILES {
        files.insert(*path, *own);
    }
    files.insert(FILES[usize::from(*which) % FILES.len()].0, text);
    let loaded = load(&files);
    assert_eq!(loaded.project.is_none(), loaded.has_errors());
    let drawn = loaded.render(false);
    let _ = to_json(&loaded.findings, &loaded.documents);
    if let Some(project) = &loaded.project {
        assert!(project.files.iter().all(|path| files.get(path).is_some()), "{drawn}");
        assert_eq!(load(&files).project.map(|again| again.version), Some(project.version.clone()), "{drawn}");
    }
});
