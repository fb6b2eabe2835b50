//! Python packages: a virtual environment for each set of them, created when first needed and kept.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, id};
use std::sync::{Mutex, PoisonError};

/// The libraries that tests use as clients. Pinned, so that a test that passed yesterday passes today.
const LIBRARIES: [&str; 2] = ["Authlib==1.6.5", "requests==2.32.5"];
/// The build backend of `clients/python`.
const BACKEND: &str = "hatchling==1.27.0";

/// Runs a script with `arguments` and returns its output.
#[track_caller]
pub fn run(script: &str, arguments: &[&str]) -> String {
    let mut python = Environment::of(&LIBRARIES).python();
    let output = python.args(["-I", "-c", script]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The crate's folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A program of these packages.
pub fn program(name: &str, packages: &[&str]) -> PathBuf {
    Environment::of(packages).place.join("bin").join(name)
}

/// A Python with packages of its own.
pub struct Environment {
    place: PathBuf,
}

impl Environment {
    pub fn of(packages: &[&str]) -> Self {
        Self::by(Path::new("python3"), packages)
    }

    /// By this Python.
    pub fn by(python: &Path, packages: &[&str]) -> Self {
        static MAKING: Mutex<()> = Mutex::new(());
        let mut hasher = DefaultHasher::new();
        packages.hash(&mut hasher);
        if python != Path::new("python3") {
            python.hash(&mut hasher);
        }
        let name = packages[0].replace("==", "-");
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("venv-{name}-{:016x}", hasher.finish()));
        let _one_at_a_time = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
        if !place.exists() {
            make(&place, python, packages);
        }
        Self { place }
    }

    /// The pinned packages that a requirements file lists, and what builds those that it names by their folder.
    pub fn of_file(requirements: &str) -> Self {
        let text = fs::read_to_string(root().join(requirements)).unwrap();
        let mut packages: Vec<&str> = text.lines().filter(|line| line.contains("==")).collect();
        if !packages.contains(&BACKEND) {
            packages.push(BACKEND);
        }
        Self::of(&packages)
    }

    /// The text of a file in the environment's packages.
    pub fn file(&self, path: &str) -> String {
        let python = fs::read_dir(self.place.join("lib")).unwrap().next().unwrap().unwrap().path();
        fs::read_to_string(python.join("site-packages").join(path)).unwrap()
    }

    /// The environment's Python. Its HTTP goes directly to servers on this machine, past any proxy, and it writes no
    /// `__pycache__`.
    pub fn python(&self) -> Command {
        let mut python = Command::new(self.place.join("bin/python"));
        python.env("NO_PROXY", "*").env("PYTHONDONTWRITEBYTECODE", "1");
        python
    }

    /// Builds the package in a folder of the crate's and puts it, as users get it, into `place`.
    #[track_caller]
    pub fn install(&self, source: &str, place: &Path) {
        let mut pip = self.python();
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        pip.args(["--no-deps", "--no-build-isolation", "--target"]).arg(place).arg(root().join(source));
        let pip = pip.output().unwrap();
        assert!(pip.status.success(), "pip cannot install {source}:\n{}", String::from_utf8_lossy(&pip.stderr));
    }
}

/// A Python from 3.12 up, which can make environments: of the system, or of pyenv.
pub fn newest_python() -> Option<PathBuf> {
    let names = ["python3.14", "python3.13", "python3.12", "python3"];
    let home = std::env::home_dir().unwrap_or_default();
    let versions = fs::read_dir(home.join(".pyenv/versions")).into_iter().flatten().flatten();
    let of_pyenv = versions.flat_map(|version| names.map(|name| version.path().join("bin").join(name)));
    let mut found = names.map(PathBuf::from).into_iter().chain(of_pyenv);
    found.find(|python| {
        let check = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 12))";
        Command::new(python).args(["-c", check]).output().is_ok_and(|output| output.status.success())
    })
}

/// Builds an environment beside its final place and renames it, so that it is complete there even if two test runs
/// build it at once.
fn make(place: &Path, python: &Path, packages: &[&str]) {
    let unfinished = place.with_extension(format!("{}.unfinished", id()));
    let venv = Command::new(python).args(["-m", "venv"]).arg(&unfinished).output();
    let venv = venv.unwrap_or_else(|error| panic!("python3, which tests need: {error}; apt-get install python3-venv"));
    let words = String::from_utf8_lossy(&venv.stdout) + String::from_utf8_lossy(&venv.stderr);
    assert!(venv.status.success(), "the tests need python3 -m venv: apt-get install python3-venv\n{words}");
    let mut pip = Command::new(unfinished.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages);
    let pip = pip.output().unwrap();
    assert!(pip.status.success(), "pip cannot install {packages:?}:\n{}", String::from_utf8_lossy(&pip.stderr));
    if fs::rename(&unfinished, place).is_err() {
        assert!(place.exists(), "{} cannot be put in its place", unfinished.display());
        fs::remove_dir_all(unfinished).ok(); // another test run was faster
    }
}
