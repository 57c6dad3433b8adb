//! Stories of `aftercall fmt`: the shape of a file changes, and nothing that it says.

use crate::support::Desk;

/// Story: a colleague's file is formatted; its comments, the order of its keys and the config version stay. What is no TOML is left alone, and said.
#[test]
fn a_file_changes_its_shape_alone() {
    let desk = Desk::salesforce();
    let version = desk.run(&["check", "--format", "json"]).exits(0).json();
    desk.edit("mappings/acme/contact.toml", "[fields]\n", "[fields]\n\n\n   # Who it was.   \n");
    desk.edit("pipelines/front-desk.toml", "id = \"contact\"\n", "id     =   'contact'   \n");
    let check = desk.run(&["fmt", "--check"]).exits(1);
    assert!(check.stdout.contains("mappings/acme/contact.toml") && check.stdout.contains("pipelines/front-desk.toml"), "{}", check.seen());
    desk.run(&["fmt"]).exits(0);
    let read = |path: &str| std::fs::read_to_string(desk.root().join(path)).expect("it is there");
    assert!(read("pipelines/front-desk.toml").contains("\nid = 'contact'\n"));
    assert!(read("mappings/acme/contact.toml").contains("\n# Who it was."));
    assert_eq!(desk.run(&["check", "--format", "json"]).exits(0).json(), version, "it means what it meant");
    assert_eq!(desk.run(&["fmt", "--check"]).exits(0).stdout, "", "once is enough");
    desk.write("pipelines/broken.toml", "name = \"broken\nwhen = 3\n");
    let broken = desk.run(&["fmt"]).exits(1);
    assert!(broken.stderr.contains("pipelines/broken.toml:1"), "{}", broken.stderr);
    assert_eq!(read("pipelines/broken.toml"), "name = \"broken\nwhen = 3\n");
    let piped = crate::support::aftercall(desk.root(), &["fmt", "-"], b"a=1 # one\n").exits(0);
    assert_eq!(piped.stdout, "a = 1 # one\n");
}
