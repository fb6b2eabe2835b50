//! `DATABASE_URL`: an invalid URL is reported, creates no file, and no error shows its password.

use std::fs;

use crate::commands::done;
use crate::support::process::Jeton;

#[test]
fn an_invalid_url_is_refused_and_creates_no_file() {
    for url in [
        "",
        "sqlite:x",
        "sqlite:x.db",
        "sqlite:/x.db",
        "sqlite://",
        "sqlite://missing/x.db",
        "sqlite://.",
        "sqlite://..",
        "sqlite:///",
        "sqlite://:memory:",
        "mysql://h/d",
        "postgres:oops",
        "postgres",
        "postgres:/h/d",
        "Postgres://h/d",
        "jeton.db",
        "./jeton.db",
        "http://h/d",
        " sqlite://jeton.db",
        "postgres://h:port/d",
    ] {
        for args in [&["serve"][..], &["migrate"], &["user", "list"]] {
            let jeton = Jeton::new().env("DATABASE_URL", url);
            let output = jeton.run(args);
            assert!(matches!(output.status, 1 | 2) && output.stdout.is_empty(), "{url:?}: {output:?}");
            assert!(output.stderr.starts_with("error: DATABASE_URL: "), "{url:?}: {output:?}");
            assert_eq!(fs::read_dir(&jeton.dir).unwrap().count(), 0, "{url:?}");
        }
    }
    for flag in ["--database-url=", "--database-url=sqlite:x"] {
        let jeton = Jeton::new();
        assert!(jeton.run(&["migrate", flag]).stderr.starts_with("error: DATABASE_URL: "), "{flag}");
        assert_eq!(fs::read_dir(&jeton.dir).unwrap().count(), 0, "{flag}");
    }
}

#[test]
fn a_path_is_everything_after_the_two_slashes() {
    for (path, flag) in
        [("a.db", "sqlite://a.db"), ("a b%20c?d=e.db", "sqlite://a b%20c?d=e.db"), ("file:a", "sqlite://file:a")]
    {
        let jeton = Jeton::new();
        done(&jeton, &["migrate", "--database-url", flag]);
        assert!(jeton.dir.path().join(path).is_file(), "{flag}");
    }
    let jeton = Jeton::new();
    let absolute = jeton.dir.path().join("x.db");
    done(&jeton, &["migrate", "--database-url", &format!("sqlite://{}", absolute.display())]);
    assert!(absolute.is_file());
}

/// The process list shows the arguments of every command.
#[test]
fn a_password_on_the_command_line_is_refused() {
    for url in [
        "postgres://amy:hunter22@127.0.0.1:1/d",
        "postgresql://amy:hunter22@/d?host=/tmp",
        "postgres://127.0.0.1:1/d?user=amy&password=hunter22",
        "postgres://amy@127.0.0.1:1/d?sslpassword=hunter22",
        "postgres://amy@127.0.0.1:1/d?p%61ssw%6Frd=hunter22",
    ] {
        for command in ["config", "serve", "migrate", "user list"] {
            let jeton = Jeton::new();
            let output = jeton.run(&[&["--database-url", url], &command.split(' ').collect::<Vec<_>>()[..]].concat());
            assert_eq!((output.status, output.stdout.as_str()), (2, ""), "{output:?}");
            assert!(
                output.stderr.starts_with("error: DATABASE_URL: ") && output.stderr.lines().count() == 1,
                "{output:?}"
            );
            assert!(output.stderr.contains("DATABASE_URL_FILE") && output.stderr.contains("PGPASSWORD"), "{output:?}");
            assert!(!output.stderr.contains("hunter22"), "{output:?}");
        }
        let jeton = Jeton::new();
        let output = jeton.run(&["import", "django", "--from", url]);
        assert_eq!((output.status, output.stdout.as_str(), output.stderr.lines().count()), (1, "", 1), "{output:?}");
        assert!(output.stderr.starts_with("error: --from: ") && output.stderr.contains("PGPASSWORD"), "{output:?}");
        assert!(!output.stderr.contains("hunter22") && fs::read_dir(&jeton.dir).unwrap().count() == 0, "{output:?}");
        // The process list does not show the environment.
        assert_eq!(Jeton::new().env("DATABASE_URL", url).run(&["config"]).status, 0);
    }
    assert_eq!(Jeton::new().run(&["config", "--database-url", "postgres://amy@h/d"]).status, 0);
}

#[test]
fn no_error_shows_the_password() {
    for url in [
        "mysql://amy:hunter22@h/d",
        "postgres:amy:hunter22@h/d",
        "amy:hunter22@h/d",
        "postgress://amy:hunter22@h/d",
        "postgres://amy:hunter22@[::1/d",
        "postgres://amy:hunter22@h:port/d",
        "postgres://amy:hunter22/x@127.0.0.1:1/d",
        "postgres://amy:1/hunter22@127.0.0.1:1/d",
        "postgres://amy:x@hunter22@127.0.0.1:1/d",
        "postgres://amy:x hunter22@127.0.0.1:1/d",
        "postgres://amy:hunter22%zz@127.0.0.1:1/d",
        "postgres://amy:x?hunter22@127.0.0.1:1/d",
        "postgres://amy:hunter22@127.0.0.1:1/d?nonsense=1",
        "postgres://amy@127.0.0.1:1/d?password=hunter22%zz",
    ] {
        let jeton =
            Jeton::new().env("DATABASE_URL", url).env("JETON_LOG", "trace").env("JETON_DATABASE_TIMEOUT", "100ms");
        for args in [["config"], ["migrate"]] {
            let output = jeton.run(&args);
            let words = format!("{}{}", output.stdout, output.stderr);
            assert!(!words.contains("hunter22"), "{url}: {words}");
            assert!(args[0] == "config" || output.status != 0, "{url}: {output:?}");
        }
    }
}
