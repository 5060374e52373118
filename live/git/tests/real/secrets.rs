//! Nothing secret is told, kept or committed, whatever goes wrong.
//!
//! This program starts itself once more with a home of its own, in which git knows a credential helper.

use std::env;
use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use periplus_git::{
    Auth, FleetOptions, Options, Outcome, Signer, Target, TargetId, Writer, Writers,
};

use crate::common::{Home, done, failed, filed, git, options, said};
use crate::http::Plain;
use crate::proxy::{Proxy, Trouble};
use crate::web::{PASSWORD, web_options, web_target};
use periplus_support::git::web;

/// What a header makes of the user and the password.
const PRESSED: &str = "aHViOmh1bnRlcjItaHVudGVyMg==";
/// Where the one with a home of its own finds the server.
const PORT: &str = "PERIPLUS_GIT_PORT";

/// All that was said in a test.
#[derive(Default)]
struct Said(String);

impl Said {
    fn add(&mut self, what: &(impl Debug + ?Sized)) {
        self.0 += &format!("{what:?} {what:#?}\n");
    }

    fn outcome(&mut self, outcome: &Outcome) {
        self.add(outcome);
        if let Outcome::Failed(fault) | Outcome::Unknown(fault) = outcome {
            self.0 += &format!("{fault}\n");
        }
    }

    fn holds_nothing_secret(&self) {
        for secret in [PASSWORD, PRESSED, "hunter"] {
            assert!(!self.0.contains(secret), "{secret} is told: {}", self.0);
        }
    }
}

/// All files below a folder but those that hold the secret on purpose.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn no_fault_no_cache_and_no_commit_holds_a_secret() {
    let home = Home::new();
    let server = web(home.path(), "hub", PASSWORD);
    let proxy = Proxy::new(server.port());
    let mut said_all = Said::default();
    for url in [
        format!("https://hub:{PASSWORD}@git.example/fleet.git"),
        format!("ssh://hub:{PASSWORD}@git.example/fleet.git"),
        format!("https://git.example/fleet.git?private_token={PASSWORD}"),
        format!("hub:{PASSWORD}@git.example:fleet.git"),
    ] {
        let bad = Target::new(&url, "main").unwrap_err();
        said_all.add(&bad);
        said_all.add(&bad.to_string());
    }
    let with = |options: Options, port: u16, cache: &str| {
        Writer::open(&home.path().join(cache), web_target(port), options).unwrap()
    };
    let mut writer = with(web_options(&home), proxy.port, "cache");
    said_all.outcome(&writer.write(&filed(1)));
    for trouble in
        [Trouble::SwallowsAnswer, Trouble::CutsRequestAfter(300), Trouble::CutsAnswerAfter(100)]
    {
        proxy.does(trouble);
        said_all.outcome(&writer.write(&filed(2)));
        proxy.does(Trouble::None);
        said_all.outcome(&writer.write(&filed(2)));
    }
    home.hook("pre-receive", &format!("echo 'env: {PASSWORD} {PRESSED}' >&2; exit 1"));
    said_all.outcome(&writer.write(&filed(3)));
    fs::remove_file(home.remote().join("hooks/pre-receive")).unwrap();
    let key = home.path().join("key");
    fs::write(&key, PASSWORD).unwrap();
    let signer = Some(Signer::new(&key));
    said_all.outcome(
        &with(Options { signer, ..web_options(&home) }, proxy.port, "signing").write(&filed(4)),
    );
    fs::write(home.path().join("two-words"), format!("{PASSWORD} {PASSWORD}")).unwrap();
    let auth = Auth::Bearer(home.path().join("two-words"));
    said_all.outcome(
        &with(Options { auth, ..web_options(&home) }, proxy.port, "bearing").write(&filed(4)),
    );
    said_all.add(&writer);
    said_all.add(&web_options(&home));
    let mut writers = Writers::new(FleetOptions::default());
    writers.add(TargetId("one".to_owned()), writer);
    said_all.add(&writers);
    drop(writers);
    said_all.holds_nothing_secret();

    for cache in ["cache", "signing", "bearing"] {
        for path in files(&home.path().join(cache)) {
            let bytes = fs::read(&path).unwrap();
            let held = bytes.windows(PASSWORD.len()).any(|window| window == PASSWORD.as_bytes());
            assert!(!held, "{} holds a secret", path.display());
        }
    }
    let objects = said(&git(&home.remote(), &["cat-file", "--batch-all-objects", "--batch"]));
    assert!(objects.contains("Periplus-Seq: 2") && !objects.contains(PASSWORD));
}

/// What the one with a home of its own does; for everybody else, nothing.
#[test]
fn whoever_has_a_credential_helper_needs_no_token_file() {
    let Ok(port) = env::var(PORT) else { return };
    let target = Target::new(&format!("http://127.0.0.1:{port}/git/remote.git"), "main").unwrap();
    let options = Options { auth: Auth::Helper, http: Some(Arc::new(Plain)), ..options() };
    let cache = Path::new(&env::var("HOME").unwrap()).join("cache");
    let mut writer = Writer::open(&cache, target, options).unwrap();
    if env::var_os("KNOWN").is_some() {
        done(&writer.write(&filed(1)));
    } else {
        let outcome = writer.write(&filed(2));
        assert!(failed(&outcome).to_string().contains("credential.helper"), "{outcome:?}");
    }
}

#[test]
fn a_credential_helper_of_git_is_asked() {
    let home = Home::new();
    let server = web(home.path(), "hub", PASSWORD);
    let config = home.path().join(".gitconfig");
    let helper = format!("!f() {{ echo username=hub; echo password={PASSWORD}; }}; f");
    git(home.path(), &["config", "--file", config.to_str().unwrap(), "credential.helper", &helper]);
    let start = || {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "secrets::whoever_has_a_credential_helper_needs_no_token_file"]);
        command
            .env("HOME", home.path())
            .env("XDG_CONFIG_HOME", home.path())
            .env(PORT, server.port().to_string());
        command
    };
    let known = start().env("KNOWN", "").output().unwrap();
    assert!(known.status.success(), "{}", said(&known));
    fs::remove_file(&config).unwrap();
    let unknown = start().output().unwrap();
    assert!(unknown.status.success(), "{}", said(&unknown));
    assert_eq!(home.numbers(), [1]);
}
