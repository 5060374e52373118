//! `plan`: the settings that hold a goal for least.

use std::path::Path;

use serde::Serialize;

use crate::args::{Format, PlanArgs};
use crate::failure::{Exit, Failure};
use crate::parallel;
use crate::render::{self, strong, table};
use crate::whatif::bar::Bar;
use crate::whatif::compare::CONFIDENCE;
use crate::whatif::goal::{Candidate, Goal, choose};
use crate::whatif::measures::{path_of, require, told};
use crate::whatif::runs::{Run, Shard, run_all, write_tables};
use crate::whatif::study::{Base, Study};

pub(super) fn run(args: &PlanArgs) -> Result<Exit, Failure> {
    let minimize = path_of(&args.minimize);
    let goals = args.goal.iter().map(|text| Goal::parse(text));
    let goals: Vec<Goal> = goals.collect::<Result<_, _>>()?;
    let study = Study::new(&args.scenario, &args.set, &args.over, args.seeds, Base::None)?;
    let mut bar = Bar::new();
    let (out, jobs) = (args.out.as_deref(), parallel::jobs(args.jobs));
    let runs = run_all(&study, out, Shard::WHOLE, jobs, &mut bar)?;
    bar.finish();
    let runs: Vec<Run> = runs.into_iter().flatten().collect();
    for measure in goals.iter().map(|goal| &goal.measure).chain([&minimize]) {
        require(measure, &runs[0].measures)?;
    }
    let groups = study.variants.iter().zip(runs.chunks(study.seeds.len()));
    let mut candidates: Vec<Candidate> = groups
        .map(|(variant, runs)| Candidate::new(&variant.name, runs, &minimize, &goals))
        .collect();
    let chosen = choose(&mut candidates, &goals);
    let answer = Answer::new(&study, &minimize, &goals, &candidates, chosen);
    if let Some(out) = out {
        write_tables(out, &runs)?;
        write(out, &answer)?;
    }
    match args.format {
        Format::Human => tell(&study, &minimize, &goals, &candidates, chosen),
        Format::Json => render::json(&answer)?,
    }
    Ok(if chosen.is_some() { Exit::Held } else { Exit::Failed })
}

/// The version of the answer's shape.
const VERSION: u16 = 1;

/// What was found, as programs get it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    version: u16,
    scenario: String,
    seeds: Vec<u64>,
    confidence: f64,
    minimize: String,
    goals: Vec<String>,
    chosen: Option<String>,
    candidates: &'a [Candidate],
}

impl<'a> Answer<'a> {
    fn new(
        study: &Study,
        minimize: &str,
        goals: &[Goal],
        candidates: &'a [Candidate],
        chosen: Option<usize>,
    ) -> Self {
        Self {
            version: VERSION,
            scenario: study.variants[0].scenario.name.clone(),
            seeds: study.seeds.clone(),
            confidence: CONFIDENCE,
            minimize: minimize.into(),
            goals: goals.iter().map(|goal| goal.text.clone()).collect(),
            chosen: chosen.map(|place| candidates[place].name.clone()),
            candidates,
        }
    }
}

fn write(out: &Path, answer: &Answer<'_>) -> Result<(), Failure> {
    let path = out.join("plan.json");
    let failed = |error: std::io::Error| Failure::io("write", &path, &error);
    let text = serde_json::to_string_pretty(answer).map_err(|error| failed(error.into()))?;
    std::fs::write(&path, text + "\n").map_err(failed)
}

fn tell(
    study: &Study,
    minimize: &str,
    goals: &[Goal],
    candidates: &[Candidate],
    chosen: Option<usize>,
) {
    let texts: Vec<&str> = goals.iter().map(|goal| goal.text.as_str()).collect();
    let title = format!(
        "{}: {} candidates over {} seeds; {} for the least {minimize}",
        study.variants[0].scenario.name,
        candidates.len(),
        study.seeds.len(),
        texts.join(" and ")
    );
    render::line(&format!("{}\n", strong(&title)));
    let mut head = vec!["candidate", "", minimize];
    for goal in goals {
        head.extend([goal.measure.as_str(), if goal.at_least { "at least" } else { "at most" }]);
    }
    head.push("");
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by(|a, b| candidates[*a].price.total_cmp(&candidates[*b].price));
    let rows = order.into_iter().map(|place| {
        let one = &candidates[place];
        let mark = if chosen == Some(place) { "◀" } else { "" };
        let mut row = vec![one.name.clone(), mark.into(), told(minimize, one.price)];
        for (goal, standing) in goals.iter().zip(&one.standings) {
            row.extend([standing.mean, standing.bound].map(|value| told(&goal.measure, value)));
        }
        let holds = if one.holds { "holds" } else { "misses" };
        row.push(if one.frontier { format!("{holds}, frontier") } else { holds.into() });
        row
    });
    render::line(table(&head, rows.collect()).trim_end());
    let percent = (CONFIDENCE * 100.0).round();
    render::line(&match chosen {
        Some(place) => format!("\n{}", strong(&candidates[place].name)),
        None => "\nno candidate holds".into(),
    });
    render::line(&if study.seeds.len() > 1 {
        format!(
            "The bounds hold for the mean with {percent} % confidence (Student's t over seeds). They cover the luck \
             of single runs,\nnot other days, growth or failures than the scenario has."
        )
    } else {
        "One seed tells nothing about luck: there is no bound but the value itself.".into()
    });
}
