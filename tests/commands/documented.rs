//! docs/operating.md, "Users and tokens": every block runs as it is written there.

use serde_json::json;

use super::{create_user, done, jeton, json_of, migrated};
use crate::documents::blocks::blocks;
use crate::documents::shell::Shell;
use crate::on_both;
use crate::support::app::TestDatabase;

on_both! {
    fn the_everyday_commands_work_as_they_are_written(db) {
        let database = TestDatabase::new(db);
        let made = migrated(&database);
        create_user(&made, "bob", &[]);
        done(&made, &["token", "create", "bob", "--name", "ci", "--expires-in", "7d"]);
        let shell = Shell::new(jeton(&database));
        let printed = shell.paste(&blocks("docs/operating.md", "Users and tokens"));
        assert!(printed.contains("user.update") && printed.contains("named"), "{printed}");
        let robert = json_of(&done(&made, &["user", "show", "robert", "--json"]));
        assert_eq!((&robert["groups"], &robert["is_staff"]), (&json!(["billing"]), &json!(false)));
        let left = json_of(&done(&made, &["token", "list", "robert", "--json"]));
        assert_eq!(left.as_array().unwrap().len(), 1, "the newest login token alone: {left}");
        for made in ["share/bash-completion/completions/jeton", "share/man/man1/jeton-token-create.1"] {
            assert!(shell.folder().join(".local").join(made).exists(), "{made}");
        }
    }
}
