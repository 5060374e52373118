//! Studies in object stores: the same answer, and what is told when a store fails. Nothing but loopback is asked.

mod fake;

use std::collections::BTreeMap;

use fake::{Fake, Mood};

use crate::place::Place;
use crate::study::{STUDY, tables, tables_in};

/// What must never be told or kept.
const SECRETS: [&str; 3] = ["hiddenSecretKey/+", "hiddenSessionToken", "aGlkZGVuQXp1cmVLZXk="];

/// What each kind of store needs to find a store on loopback.
fn environment(kind: &str, store: &str) -> Vec<(&'static str, String)> {
    let fixed = |pairs: &[(&'static str, &str)]| {
        pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect::<Vec<_>>()
    };
    let mut variables = match kind {
        "s3" => fixed(&[
            ("AWS_ENDPOINT_URL", store),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_ACCESS_KEY_ID", "somebody"),
            ("AWS_SECRET_ACCESS_KEY", SECRETS[0]),
            ("AWS_SESSION_TOKEN", SECRETS[1]),
        ]),
        "gs" => fixed(&[
            ("GOOGLE_BASE_URL", store),
            ("GOOGLE_ALLOW_HTTP", "true"),
            ("GOOGLE_BEARER_TOKEN", SECRETS[1]),
        ]),
        _ => fixed(&[
            ("AZURE_STORAGE_ENDPOINT", store),
            ("AZURE_ALLOW_HTTP", "true"),
            ("AZURE_STORAGE_ACCOUNT_NAME", "somebody"),
            ("AZURE_STORAGE_ACCOUNT_KEY", SECRETS[2]),
        ]),
    };
    variables.push(("NO_PROXY", "127.0.0.1".into()));
    variables
}

/// Runs the study into `out` with a store's environment, and sees that nothing secret is told.
fn study(place: &Place, variables: &[(&str, String)], out: &str, more: &[&'static str]) -> String {
    let study = STUDY.map(|word| if word == "study" { out } else { word });
    let variables: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let told = place.periplus_with(&variables, &[&study[..], more].concat());
    for secret in SECRETS {
        assert!(!answer(&told).contains(secret), "{told}");
    }
    told
}

/// What was said, without the command.
fn answer(told: &str) -> &str {
    told.split_once('\n').unwrap().1
}

#[test]
fn every_kind_of_store_comes_to_what_a_folder_comes_to() {
    let plain = Place::new();
    let told = plain.periplus(&STUDY);
    let names = ["runs", "apps", "differences", "cluster-hour"];
    let names = names.iter().flat_map(|name| [format!("{name}.csv"), format!("{name}.parquet")]);
    let names: Vec<String> = names.chain(["answer.json".into()]).collect();
    for kind in ["s3", "gs", "az"] {
        let store = Fake::start(Mood::Broken(3));
        let variables = environment(kind, &store.url());
        let out = format!("{kind}://bucket/some/study");
        let place = Place::new();
        for shard in ["1/2", "2/2", "1/2"] {
            let told = study(&place, &variables, &out, &["--shard", shard]);
            assert!(told.ends_with("exit 0\n"), "{told}");
        }
        let merged = study(&place, &variables, &out, &[]);
        assert_eq!(answer(&merged), answer(&told), "{kind}");
        let kept: BTreeMap<String, Vec<u8>> = store.objects();
        for (name, wanted) in names.iter().zip(tables(&plain)) {
            let found = kept.get(&format!("some/study/{name}"));
            assert!(found == Some(&wanted), "{name} in {kind} differs: {:?}", kept.keys());
        }
        let runs = kept.keys().filter(|name| name.starts_with("some/study/runs/"));
        let parts = kept.keys().filter(|name| name.ends_with("-of-0002.parquet"));
        assert_eq!((runs.count(), parts.count()), (6, 2), "{kind}");
        for (name, bytes) in &kept {
            let text = String::from_utf8_lossy(bytes);
            assert!(SECRETS.iter().all(|secret| !text.contains(secret)), "{name} has a secret");
        }
    }
}

#[test]
fn a_bucket_that_is_not_there_is_told_before_anything_runs() {
    for kind in ["s3", "gs", "az"] {
        let store = Fake::start(Mood::Fine);
        let variables = environment(kind, &store.url());
        let told = study(&Place::new(), &variables, &format!("{kind}://other/study"), &[]);
        let wanted = "the store answers 404 Not Found (NoSuchBucket: There is no such bucket.)";
        assert!(told.contains(wanted) && told.ends_with("exit 4\n"), "{told}");
        assert!(told.contains(&format!("cannot read {kind}://other/study/runs/")), "{told}");
        assert!(told.contains("hint: make it, or name another place with `--out`"), "{told}");
        // As many as there are jobs may have asked at once; nothing was begun after the first answer.
        assert!(store.requests() < 6, "{} requests", store.requests());
    }
}

#[test]
fn a_store_that_refuses_is_told_and_repeats_nothing_secret() {
    let store = Fake::start(Mood::Refusing);
    for (kind, credentials) in [
        ("s3", "AWS_ACCESS_KEY_ID"),
        ("gs", "GOOGLE_APPLICATION_CREDENTIALS"),
        ("az", "AZURE_STORAGE_ACCOUNT_KEY"),
    ] {
        let variables = environment(kind, &store.url());
        let told = study(&Place::new(), &variables, &format!("{kind}://bucket/study"), &[]);
        assert!(told.contains("the store answers 403 Forbidden (AccessDenied: GET /"), "{told}");
        assert!(told.contains(credentials) && told.ends_with("exit 4\n"), "{told}");
    }
}

#[test]
fn credentials_that_do_not_fit_together_are_told() {
    let lone = [("AWS_SECRET_ACCESS_KEY", SECRETS[0].to_owned())];
    let told = study(&Place::new(), &lone, "s3://bucket/study", &[]);
    assert!(told.contains("cannot open s3://bucket/study: ") && told.ends_with("exit 4\n"));
    assert!(told.contains("AWS_ACCESS_KEY_ID"), "{told}");
    let told = study(&Place::new(), &[], "s3://key:hiddenSessionToken@bucket/study", &[]);
    assert!(answer(&told).contains("credentials come from the environment"), "{told}");
}

/// What is waited for when a store does not answer is waited for once, for all of these together.
#[test]
fn a_store_that_does_not_answer_is_tried_again_so_often_and_no_more() {
    let gone = Fake::start(Mood::GoneAfter(3));
    let broken = Fake::start(Mood::Broken(usize::MAX));
    let nobody = "http://127.0.0.1:1";
    let roleless = vec![
        ("AWS_ENDPOINT_URL", nobody.to_owned()),
        ("AWS_ALLOW_HTTP", "true".into()),
        ("AWS_METADATA_ENDPOINT", nobody.into()),
        ("NO_PROXY", "127.0.0.1".into()),
    ];
    let cases = [
        (
            environment("s3", &gone.url()),
            "no answer: connection closed before message completed",
            "goes on from it",
        ),
        (environment("gs", &broken.url()), "500 Internal Server Error", "goes on from it"),
        (environment("az", nobody), "no answer: Connection refused", "goes on from it"),
        (roleless, "no credentials: Connection refused", "none were found"),
    ];
    std::thread::scope(|scope| {
        for ((variables, message, hint), kind) in cases.into_iter().zip(["s3", "gs", "az", "s3"]) {
            scope.spawn(move || {
                let out = format!("{kind}://bucket/study");
                let told = study(&Place::new(), &variables, &out, &["--jobs", "1"]);
                assert!(told.contains(message) && told.contains(hint), "{told}");
                assert!(told.contains(", also after 8 retries"), "{told}");
                assert!(told.ends_with("exit 4\n"), "{told}");
            });
        }
    });
    assert_eq!(gone.objects().len(), 3);
    assert_eq!(broken.requests(), 9);
}

#[test]
fn a_folder_that_is_named_by_a_url_comes_to_the_same() {
    let plain = Place::new();
    let told = plain.periplus(&STUDY);
    let place = Place::new();
    let url = format!("file://{}", place.path("far/away").display());
    let away = |more: &[&'static str]| {
        let study = STUDY.map(|word| if word == "study" { url.as_str() } else { word });
        place.periplus(&[&study[..], more].concat())
    };
    for shard in ["2/3", "1/3", "3/3"] {
        let told = away(&["--shard", shard]);
        assert!(told.ends_with("exit 0\n"), "{told}");
    }
    assert_eq!(answer(&away(&[])), answer(&told));
    assert!(tables_in(&place.path("far/away")) == tables(&plain), "the tables differ");
    let goal = ["plan", "harbour.yaml", "--goal", "p50 <= 26", "--over", "demand.growth=1,2"];
    let planned = place.periplus(&[&goal[..], &["--seeds", "2", "--out", &url]].concat());
    assert!(place.read("far/away/plan.json").contains("\"goals\""), "{planned}");
}
