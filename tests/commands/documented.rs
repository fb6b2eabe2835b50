//! docs/operating.md, "Users and tokens": every block runs as it is written there.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use serde_json::json;

use super::{create_user, done, json_of, migrated};
use crate::on_both;
use crate::support::app::TestDatabase;
use crate::support::process::BINARY;

fn blocks() -> Vec<String> {
    let document = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operating.md")).unwrap();
    let (_, section) = document.split_once("\n## Users and tokens\n").expect("the section");
    let section = section.split("\n## ").next().unwrap();
    section.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

on_both! {
    fn the_everyday_commands_work_as_they_are_written(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "bob", &[]);
        done(&jeton, &["token", "create", "bob", "--name", "ci", "--expires-in", "7d"]);
        let folder = jeton.dir.path();
        symlink(BINARY, folder.join("jeton")).unwrap();
        let settings = jeton.command(&[]);
        let mut printed = String::new();
        for block in blocks() {
            let mut shell = Command::new("bash");
            shell.args(["-euc", &format!("PATH=$PWD:$PATH\n{block}")]).current_dir(folder).env_clear();
            shell.envs(settings.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("HOME", folder);
            let ran = shell.output().unwrap();
            assert!(ran.status.success(), "{block}{ran:?}");
            printed += &String::from_utf8(ran.stdout).unwrap();
        }
        assert!(printed.contains("user.update") && printed.contains("named"), "{printed}");
        let robert = json_of(&done(&jeton, &["user", "show", "robert", "--json"]));
        assert_eq!((&robert["groups"], &robert["is_staff"]), (&json!(["billing"]), &json!(false)));
        let left = json_of(&done(&jeton, &["token", "list", "robert", "--json"]));
        assert_eq!(left.as_array().unwrap().len(), 1, "the newest login token alone: {left}");
        for made in ["share/bash-completion/completions/jeton", "share/man/man1/jeton-token-create.1"] {
            assert!(folder.join(".local").join(made).exists(), "{made}");
        }
    }
}
