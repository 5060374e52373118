//! Answers as Prometheus gives them, and as nobody should.

use std::fmt::Write;
use std::time::{Duration, Instant as Now};

use reqwest::Url;

use super::*;
use crate::signals::samples::Refused;
use crate::signals::signal::Endpoint;

fn asked() -> Asked {
    let url = Url::parse("http://localhost:9090").unwrap();
    let timeout = Duration::from_secs(1);
    Asked {
        endpoint: Endpoint { url, timeout, token_file: None, ca_file: None },
        query: "x".into(),
        range: None,
        app: NamedBy::Label("app".into()),
        zone: NamedBy::Label("pop".into()),
        per_seconds: 1.0,
    }
}

fn read_body(status: u16, body: &str) -> Result<(Found, Option<String>), String> {
    let answer = Answer { status, body: body.as_bytes().to_vec() };
    read(&answer, &asked()).map_err(|fault| fault.to_string())
}

fn names(found: &Found) -> Vec<(&str, &str)> {
    found.series.iter().map(|(app, zone)| (app.as_str(), zone.as_str())).collect()
}

#[test]
fn a_vector_is_summed_by_app_and_zone() {
    let body = r#"{"status":"success","data":{"resultType":"vector","result":[
        {"metric":{"__name__":"x","app":"shop","pop":"hill","gw":"1"},"value":[1700000000.125,"1.5"]},
        {"metric":{"app":"shop","pop":"hill","gw":"2"},"value":[1700000000.125,"2"]},
        {"metric":{"pop":"sea","app":"sh\u006fp"},"value":[1700000000.125,"0"]},
        {"metric":{"app":"shop"},"value":[1700000000.125,"9"]},
        {"metric":{"app":"","pop":"sea"},"value":[1700000000.125,"9"]},
        {"metric":{"app":"nan","pop":"sea"},"value":[1700000000.125,"NaN"]},
        {"metric":{"app":"inf","pop":"sea"},"value":[1700000000.125,"+Inf"]},
        {"metric":{"app":"hist","pop":"sea"},"histogram":[1700000000.125,{"count":"1"}]}
    ]}}"#;
    let (found, warning) = read_body(200, body).unwrap();
    let at = 1_700_000_000_125;
    let shop = names(&found).iter().position(|name| *name == ("shop", "hill")).unwrap();
    assert_eq!(found.points, [(at, shop, 3_500), (at, shop + 1, 0)]);
    let refused = Refused { unnamed: 2, not_a_rate: 3, ..Refused::default() };
    assert_eq!((found.refused, warning), (refused, None));
}

#[test]
fn a_matrix_and_a_scalar_are_read_too_whatever_comes_first() {
    let body = r#"{"data":{"result":[{"values":[[1,"1"],[2,"2"]],"metric":{"app":"a","pop":"z"}}],"resultType":"matrix"},"status":"success","warnings":["a store is gone"]}"#;
    let (found, warning) = read_body(200, body).unwrap();
    assert_eq!(found.points, [(1_000, 0, 1_000), (2_000, 0, 2_000)]);
    assert_eq!(warning.as_deref(), Some("a store is gone"));

    let body = r#"{"status":"success","data":{"resultType":"scalar","result":[5,"90"]}}"#;
    let always = |name: &str| NamedBy::Always(name.into());
    let asked = Asked { app: always("a"), zone: always("z"), per_seconds: 60.0, ..asked() };
    let answer = Answer { status: 200, body: body.as_bytes().to_vec() };
    let (found, _) = read(&answer, &asked).unwrap();
    assert_eq!(found.points, [(5_000, 0, 1_500)]);
}

#[test]
fn faults_are_told_in_the_words_of_who_refused() {
    let table = [
        (
            400,
            r#"{"status":"error","errorType":"bad_data","error":"1:4: parse error: unclosed left parenthesis"}"#,
            "the query was refused (bad_data): 1:4: parse error: unclosed left parenthesis",
        ),
        (401, "<h1>Go\n away</h1>", "HTTP status 401: <h1>Go away</h1>"),
        (404, "{}", "HTTP status 404: {}"),
        (200, "{}", "the answer cannot be read: there is no `data` in it"),
        (
            200,
            r#"{"status":"success","data":{"resultType":"string","result":[1,"x"]}}"#,
            "the answer cannot be read: it is a text, not rates",
        ),
    ];
    for (status, body, expected) in table {
        assert_eq!(read_body(status, body).unwrap_err(), expected);
    }
    let cut = r#"{"status":"success","data":{"resultType":"vector","result":[{"me"#;
    assert!(read_body(200, cut).unwrap_err().starts_with("the answer cannot be read: EOF"));
}

#[test]
fn a_hundred_thousand_series_are_read_in_one_go() {
    let mut body = String::from(r#"{"status":"success","data":{"resultType":"vector","result":["#);
    for number in 0..100_000 {
        let (app, zone) = (number % 1_000, number / 1_000);
        let comma = if number > 0 { "," } else { "" };
        write!(body, r#"{comma}{{"metric":{{"app":"app-{app}","pop":"zone-{zone}","job":"gateway","instance":"10.0.0.1:9100"}},"value":[1700000000.125,"{number}.25"]}}"#).unwrap();
    }
    body.push_str("]}}");
    let began = Now::now();
    let (found, _) = read_body(200, &body).unwrap();
    let took = began.elapsed();
    assert_eq!((found.series.len(), found.points.len()), (100_000, 100_000));
    assert!(took < Duration::from_secs(30), "{took:?} for {} bytes", body.len());
}
