//! What the commands ask on a terminal, which is a real one, made by `script`.
#![allow(clippy::disallowed_methods, reason = "PATH, for a command with an environment of its own")]

use std::env;
use std::fs;
use std::io::{PipeWriter, Write, pipe};
use std::process::Command;
use std::time::Duration;

use super::{PASSWORD, create_user, done, json_of, migrated, refused, try_login};
use crate::on_both;
use crate::support::app::TestDatabase;
use crate::support::eventually;
use crate::support::process::{Jeton, Process};

const LIMIT: Duration = Duration::from_secs(20);

/// A person at a terminal, in front of a command.
struct Person {
    process: Process,
    hands: PipeWriter,
    terminal: String,
}

impl Person {
    fn runs(jeton: &Jeton, database: &TestDatabase, args: &str) -> Self {
        let place = jeton.dir.path().join("tty");
        fs::remove_file(&place).ok(); // the previous person's
        let (read, hands) = pipe().unwrap();
        let command = format!("tty >tty.new; mv tty.new tty; exec {} {args}", env!("CARGO_BIN_EXE_jeton"));
        let mut script = Command::new("script");
        script.args(["-qec", &command, "/dev/null"]).current_dir(&jeton.dir).stdin(read);
        script.env_clear().env("PATH", env::var_os("PATH").unwrap());
        script.env("DATABASE_URL", &database.url).env("JETON_SECRET_KEY", crate::support::app::SECRET_KEY);
        script.env("JETON_ARGON2_MEMORY_KIB", "64").env("JETON_ARGON2_ITERATIONS", "1");
        let process = Process::start(&mut script);
        let terminal = eventually("a terminal", LIMIT, || fs::read_to_string(&place).ok());
        Self { process, hands, terminal: terminal.trim_end().to_owned() }
    }

    fn sees(&self, words: &str) {
        eventually(words, LIMIT, || self.process.stdout().contains(words).then_some(()));
    }

    fn types(&mut self, text: &str) {
        self.hands.write_all(format!("{text}\n").as_bytes()).unwrap();
    }

    /// Types after the terminal has stopped showing what is typed.
    fn types_unseen(&mut self, text: &str) {
        eventually("no echo", LIMIT, || {
            let stty = Command::new("stty").args(["-a", "-F", &self.terminal]).output().unwrap();
            String::from_utf8(stty.stdout).unwrap().contains(" -echo ").then_some(())
        });
        self.types(text);
    }

    /// The exit status of the command, and everything that the terminal has shown.
    fn end(self) -> (i32, String) {
        let output = self.process.output();
        (output.status, output.stdout)
    }
}

on_both! {
    fn a_password_is_asked_for_twice_without_echo(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        let mut amy = Person::runs(&jeton, &database, "user create amy");
        amy.sees("Password: ");
        amy.types_unseen(PASSWORD);
        amy.sees("Password (again): ");
        amy.types_unseen(PASSWORD);
        let (status, screen) = amy.end();
        assert_eq!(status, 0, "{screen}");
        assert!(screen.contains("created user amy (id 1)") && !screen.contains(PASSWORD), "{screen}");
        let server = jeton.serve();
        assert_eq!(try_login(&server, "amy", PASSWORD).status, 200);

        for (second, expected) in [("bright stars at night!", 1), ("bright stars at night", 0)] {
            let mut amy = Person::runs(&jeton, &database, "user set-password amy");
            amy.sees("Password: ");
            amy.types_unseen("bright stars at night");
            amy.sees("Password (again): ");
            amy.types_unseen(second);
            let (status, screen) = amy.end();
            assert_eq!((status, screen.contains("differ")), (expected, expected == 1), "{screen}");
            assert!(!screen.contains("bright"), "{screen}");
            assert_eq!(try_login(&server, "amy", "bright stars at night").status == 200, expected == 0);
        }
    }

    fn delete_asks_on_a_terminal(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "amy", &[]);
        done(&jeton, &["client", "create", "billing"]);
        for (answer, status) in [("n", 1), ("", 1), ("yonder", 1), ("y", 0)] {
            for what in ["user delete amy", "client delete billing"] {
                let mut person = Person::runs(&jeton, &database, what);
                person.sees("[y/N] ");
                person.types(answer);
                let (ended, screen) = person.end();
                assert_eq!(ended, status, "{what} {answer:?}: {screen}");
            }
        }
        assert_eq!(refused(&jeton, &["user", "show", "amy"]), "error: user amy does not exist");
        assert_eq!(json_of(&done(&jeton, &["client", "list", "--json"])), serde_json::json!([]));
        create_user(&jeton, "bob", &[]);
        let (status, screen) = Person::runs(&jeton, &database, "user delete bob --yes").end();
        assert_eq!((status, screen.contains("[y/N]")), (0, false), "{screen}");
    }

    fn commands_that_end_many_things_count_them_and_ask(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "root", &["--superuser"]);
        create_user(&jeton, "amy", &[]);
        done(&jeton, &["token", "create", "amy"]);
        for (what, count) in [
            ("token revoke --all", "1 live token of 1 user will be revoked."),
            ("user deactivate --all-but root", "1 active user will be deactivated: all except root."),
        ] {
            for (answer, status) in [("n", 1), ("", 1), ("y", 0)] {
                let mut person = Person::runs(&jeton, &database, what);
                person.sees("[y/N] ");
                person.types(answer);
                let (ended, screen) = person.end();
                assert!(ended == status && screen.contains(count), "{what} {answer:?}: {screen}");
            }
        }
    }
}
