//! `get`: what a running service knows.

use serde_json::Value;

use crate::args::{Format, GetArgs, What};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::render::{self, table};

pub(super) fn run(args: &GetArgs) -> Result<Exit, Failure> {
    let client = Client::new(&args.client)?;
    let name = args.name.as_deref();
    let answer = match (args.what, name) {
        (What::State, Some(name)) => {
            return Err(Failure::Usage {
                message: format!("there is one state, and none is called `{name}`"),
                hint: "leave the name out".into(),
            });
        }
        (What::State, None) => client.get(&["v1", "state"], &[])?,
        (What::Apps, Some(name)) => client.get(&["v1", "apps", name], &[])?,
        (What::Apps, None) => client.get(&["v1", "apps"], &[])?,
        (What::Clusters, Some(name)) => client.get(&["v1", "clusters", name], &[])?,
        (What::Clusters, None) => client.get(&["v1", "clusters"], &[])?,
        (What::Decisions, app) => {
            let app = app.map(|app| ("app", app.to_owned()));
            client.get(&["v1", "decisions"], app.as_slice())?
        }
    };
    if args.format == Format::Json {
        render::json(&answer)?;
        return Ok(Exit::Held);
    }
    match args.what {
        What::State => state(&answer),
        What::Apps => apps(&answer),
        What::Clusters => clusters(&answer),
        What::Decisions => decisions(&answer),
    }
    Ok(Exit::Held)
}

fn state(answer: &Value) {
    let at = text(&answer["at"]);
    let mut lines =
        vec![format!("mode {}, as of {at}, {} records", text(&answer["mode"]), answer["seq"])];
    if answer["paused"] == true {
        lines.push("paused: it decides and records, and changes nothing".into());
    }
    let counts = &answer["counts"];
    lines.push(format!(
        "{} apps in {} clusters for {} zones: {} components are placed",
        counts["apps"], counts["clusters"], counts["zones"], counts["bindings"]
    ));
    lines.push(format!("{} effects are not done yet", answer["outstandingEffects"]));
    lines.extend(list(&answer["missing"]).map(|missing| format!("missing: {}", text(missing))));
    lines.extend(list(&answer["holds"]).map(hold));
    lines.iter().for_each(|line| render::line(line));
}

fn apps(answer: &Value) {
    let all = list(&answer["apps"]).chain(answer.get("app"));
    let mut rows = Vec::new();
    let mut holds = Vec::new();
    for app in all {
        holds.extend(list(&app["holds"]).map(hold));
        let mut placed = false;
        for group in list(&app["groups"]) {
            for place in list(&group["places"]) {
                placed = true;
                rows.push(row(app, text(&group["name"]), place));
            }
        }
        if !placed {
            let (name, rps) = (text(&app["name"]), rate(&app["rps"]));
            rows.push(vec![name, "-".into(), "nowhere".into(), "-".into(), "-".into(), rps]);
        }
    }
    render::line(&table(&["app", "group", "cluster", "stage", "ready", "rps"], rows));
    holds.iter().for_each(|line| render::line(line));
}

/// A group of an app in a cluster.
fn row(app: &Value, group: String, place: &Value) -> Vec<String> {
    let replicas = |field: &str| -> u64 {
        let bindings = list(&place["bindings"]);
        bindings.filter_map(|binding| binding["replicas"][field].as_u64()).sum()
    };
    let ready = format!("{}/{}", replicas("ready"), replicas("wanted"));
    let cluster = text(&place["cluster"]);
    vec![text(&app["name"]), group, cluster, text(&place["stage"]), ready, rate(&place["rps"])]
}

fn clusters(answer: &Value) {
    let all = list(&answer["clusters"]).chain(answer.get("cluster"));
    let rows = all.map(|cluster| {
        let mut known = text(&cluster["known"]);
        for (flag, word) in [("cordoned", ", cordoned"), ("draining", ", draining")] {
            if cluster[flag] == true {
                known.push_str(word);
            }
        }
        let watching = &cluster["watching"];
        let watched = match watching["connected"].as_bool() {
            Some(true) => "watched".to_owned(),
            Some(false) => {
                let wrong = text(&watching["lastError"]["what"]);
                if wrong.is_empty() { "not connected".to_owned() } else { wrong }
            }
            None if cluster["reporting"].is_object() => reported(&cluster["reporting"]),
            None => "not watched".to_owned(),
        };
        let applied = applied(&cluster["applying"]);
        let room = &cluster["room"];
        let cores = room["cpuMilli"].as_f64().unwrap_or_default() / 1_000.0;
        let gib = room["memoryMebibytes"].as_f64().unwrap_or_default() / 1_024.0;
        let (heard, held) = (text(&cluster["lastHeard"]), cluster["bindings"].to_string());
        vec![
            text(&cluster["name"]),
            known,
            watched + &applied,
            heard,
            format!("{cores:.1}"),
            format!("{gib:.1}"),
            held,
        ]
    });
    let head = ["cluster", "known as", "API", "heard of", "cores", "GiB", "components"];
    render::line(&table(&head, rows.collect()));
}

/// How the applying to a cluster without an agent goes; nothing where there is none.
fn applied(applying: &Value) -> String {
    match applying["complete"].as_bool() {
        None => String::new(),
        Some(true) => ", applied".to_owned(),
        Some(false) => format!(", not all applied: {}", text(&applying["lastError"]["what"])),
    }
}

/// How a cluster that is not watched speaks for itself.
fn reported(reporting: &Value) -> String {
    let word = if reporting["complete"] == true {
        "reports"
    } else if reporting["lastReport"].is_string() {
        "reports, not all yet"
    } else {
        "alerts only"
    };
    word.to_owned()
}

fn decisions(answer: &Value) {
    for record in list(&answer["decisions"]) {
        for line in list(&record["lines"]) {
            render::line(&format!("{}  {:>8}  {}", text(&record["at"]), record["seq"], text(line)));
        }
    }
}

/// What waits for a person, and how it is let go.
fn hold(hold: &Value) -> String {
    let what = match hold["kind"].as_str() {
        Some("blind") => {
            let (silent, clusters) = (&hold["silent"], &hold["clusters"]);
            format!("{silent} of {clusters} clusters are silent at once, and are not replaced")
        }
        Some("massDrain") => {
            format!("{} of {} components would go", hold["removals"], hold["bindings"])
        }
        Some("rollout") => {
            format!("new content of {} has come to its first cluster", text(&hold["app"]))
        }
        _ => "something new".to_owned(),
    };
    let id = &hold["id"];
    if hold["approved"] == true {
        return format!("hold {id}, approved: {what}");
    }
    format!("hold {id} waits for you: {what} (periplus approve {id})")
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn rate(value: &Value) -> String {
    format!("{:.1}", value.as_f64().unwrap_or_default())
}
