//! What the commands ask on a terminal, which is a real one, made by `script`.
#![allow(clippy::disallowed_methods, reason = "PATH, for a command with an environment of its own")]

use std::env;
use std::fs;
use std::io::{PipeWriter, Write, pipe};
use std::process::Command;
use std::time::Duration;

use unicode_width::UnicodeWidthStr;

use super::{PASSWORD, create_user, done, json_of, key_in, migrated, refused, try_login};
use crate::on_both;
use crate::support::app::TestDatabase;
use crate::support::eventually;
use crate::support::process::{Jeton, Process};

const LIMIT: Duration = Duration::from_secs(20);

/// How wide the terminal is.
const COLUMNS: usize = 80;

/// A person at a terminal, in front of a command.
struct Person {
    process: Process,
    hands: PipeWriter,
    terminal: String,
}

impl Person {
    fn runs(jeton: &Jeton, database: &TestDatabase, args: &str) -> Self {
        let jeton_here = env!("CARGO_BIN_EXE_jeton");
        Self::at_shell(jeton, database, &format!("exec {jeton_here} {args}"))
    }

    /// Runs shell commands.
    fn at_shell(jeton: &Jeton, database: &TestDatabase, commands: &str) -> Self {
        let place = jeton.dir.path().join("tty");
        fs::remove_file(&place).ok(); // the previous person's
        let (read, hands) = pipe().unwrap();
        let command = format!("stty cols {COLUMNS} rows 24; tty >tty.new; mv tty.new tty; {commands}");
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

    fn a_key_is_asked_for_without_echo(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "amy", &[]);
        let key = key_in(&done(&jeton, &["token", "create", "amy"]), "amy");
        let mut amy = Person::runs(&jeton, &database, "token explain");
        amy.sees("Key: ");
        amy.types_unseen(&format!(" Token {key} "));
        let (status, screen) = amy.end();
        assert_eq!(status, 0, "{screen}");
        assert!(screen.lines().any(|line| line == "active") && screen.contains("token.id"), "{screen}");
        assert!(!screen.contains(&key), "{screen}");
    }

    fn a_key_that_is_broken_by_line_ends_is_read_whole_and_nothing_is_left_for_the_shell(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        create_user(&jeton, "amy", &[]);
        let key = key_in(&done(&jeton, &["token", "create", "amy"]), "amy");
        // What the shell would read after the command.
        let jeton_here = env!("CARGO_BIN_EXE_jeton");
        let commands = format!("{jeton_here} token explain; stty -echo -icanon min 0 time 5; cat >left");
        for text in [
            format!("Token {}\n{}", &key[..30], &key[30..]),
            format!("{}\r{}\r{}", &key[..9], &key[9..30], &key[30..]),
            format!("x\u{15}{key}0\u{7f}"),
        ] {
            let mut amy = Person::at_shell(&jeton, &database, &commands);
            amy.sees("Key: ");
            amy.types_unseen(&text);
            let (_, screen) = amy.end();
            assert!(screen.lines().any(|line| line == "active"), "{text:?}: {screen}");
            assert!(!screen.contains(&key[30..]), "{screen}");
            assert_eq!(fs::read_to_string(jeton.dir.path().join("left")).unwrap(), "", "{text:?}");
        }
        let mut amy = Person::runs(&jeton, &database, "token explain");
        amy.sees("Key: ");
        amy.types_unseen("9944\u{3}");
        let (status, screen) = amy.end();
        assert!(status == 1 && screen.lines().any(|line| line == "cancelled"), "{screen}");
    }

    fn tables_fit_the_terminal(db) {
        let database = TestDatabase::new(db);
        let jeton = migrated(&database);
        for name in ["李小龍", "a-name-of-somebody-who-has-a-long-one"] {
            create_user(&jeton, name, &["--email", "somebody.with.a.long.address@subdomain.example.com", "--group", "billing"]);
            done(&jeton, &["token", "create", name, "--name", "the nightly report of all the branches", "--scope", "reports:read users:read"]);
        }
        done(&jeton, &["client", "create", "billing"]);
        for args in ["user list", "token list", "client list", "audit"] {
            let (status, screen) = Person::runs(&jeton, &database, args).end();
            assert_eq!(status, 0, "{args}: {screen}");
            assert!(screen.lines().all(|line| line.width() <= COLUMNS), "{args}: {screen}");
            let piped = done(&jeton, &args.split(' ').collect::<Vec<_>>());
            assert!(piped.lines().any(|line| line.width() > COLUMNS) || args == "client list", "{args}: {piped}");
            // To the microsecond for scripts, to the minute for people.
            let times = |text: &str| text.split_whitespace().filter(|word| word.starts_with("20") && word.ends_with('Z')).count();
            assert!(args == "user list" || times(&piped) > 0, "{piped}");
            assert_eq!(times(&screen), 0, "{screen}");
        }
        let (_, screen) = Person::runs(&jeton, &database, "token list").end();
        let lines: Vec<&str> = screen.lines().collect();
        assert!(lines[0].starts_with("ID  USER") && lines[1].contains("李小龍") && lines[2].contains('…'), "{screen}");
        assert!(lines.last().unwrap().starts_with("the terminal is too narrow for: CREATED"), "{screen}");
        let column = |line: &str, word: &str| line.split_once(word).unwrap().0.width();
        assert_eq!(column(lines[1], "the"), column(lines[2], "the"), "wide characters take two columns: {screen}");
        let piped = done(&jeton, &["token", "list"]);
        assert!(!piped.contains('…') && piped.contains("the nightly report of all the branches"), "{piped}");
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
                let last = screen.lines().next_back().unwrap_or_default();
                assert_eq!(last == "cancelled", status == 1, "a no is no error: {screen}");
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
