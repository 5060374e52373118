//! `plan`: the settings that hold a goal for least.

use serde::Serialize;

use super::whatif::put;
use crate::args::{AnswerFormat, PlanArgs};
use crate::failure::{Exit, Failure, pasted};
use crate::parallel;
use crate::render::{self, strong, table};
use crate::report::{self, Asked, Planned};
use crate::whatif::bar::Bar;
use crate::whatif::compare::CONFIDENCE;
use crate::whatif::goal::{Candidate, Goal, choose};
use crate::whatif::measures::{path_of, require, told};
use crate::whatif::rows;
use crate::whatif::runs::Plan;
use crate::whatif::shard::Shard;
use crate::whatif::study::{Base, Study, Subject};
use crate::whatif::tables::{Column, Table};
use crate::whatif::target::Target;

pub(super) fn run(args: &PlanArgs) -> Result<Exit, Failure> {
    let minimize = path_of(&args.minimize);
    let goals = args.goal.iter().map(|text| Goal::parse(text));
    let goals: Vec<Goal> = goals.collect::<Result<_, _>>()?;
    let study = Study::new(
        Subject::Scenario(&args.scenario),
        &args.set,
        &args.over,
        args.seeds,
        Base::None,
    )?;
    let store = args.out.as_ref().map(Target::open).transpose()?;
    let store = store.as_deref();
    let plan = Plan {
        study: &study,
        store,
        shard: Shard::WHOLE,
        jobs: parallel::jobs(args.jobs),
        breakdowns: &[],
    };
    let mut bar = Bar::new();
    let runs = plan.run(&mut bar)?;
    bar.finish();
    for measure in goals.iter().map(|goal| &goal.measure).chain([&minimize]) {
        require(measure, &runs[0].measures)?;
    }
    let groups = study.variants.iter().zip(runs.chunks(study.seeds.len()));
    let mut candidates: Vec<Candidate> = groups
        .map(|(variant, runs)| Candidate::new(&variant.name, runs, &minimize, &goals))
        .collect();
    let chosen = choose(&mut candidates, &goals);
    let answer = Answer::new(&study, &minimize, &goals, &candidates, chosen);
    if let Some(store) = store {
        rows::write(store, &plan, &runs)?;
        table_of(&goals, &candidates).write(store, "candidates")?;
        store.put("plan.json", render::to_json(&answer)?.as_bytes())?;
    }
    if let Some(path) = &args.report {
        let (minimize, goals) = (minimize.as_str(), goals.as_slice());
        let planned = Planned { minimize, goals, candidates: &candidates, chosen };
        let (file, command) = (args.scenario.as_path(), command(args));
        let (jobs, plan) = (plan.jobs, Some(planned));
        let (study, runs, closeness) = (&study, &runs, None);
        let asked = Asked { file, command, study, runs, jobs, closeness, plan };
        report::write(path, &report::gather(&asked)?)?;
        render::note(&format!("the report is in {}", path.display()));
    }
    match args.format {
        AnswerFormat::Human => tell(&study, &minimize, &goals, &candidates, chosen),
        AnswerFormat::Json => render::json(&answer)?,
        AnswerFormat::Csv | AnswerFormat::Parquet => {
            put(&table_of(&goals, &candidates), args.format)?;
        }
    }
    Ok(if chosen.is_some() { Exit::Held } else { Exit::Failed })
}

/// What is asked, as it can be asked again: not where the answer goes.
fn command(args: &PlanArgs) -> String {
    let scenario = args.scenario.to_string_lossy();
    let seeds = args.seeds.to_string();
    let mut words = vec!["plan", &*scenario];
    args.goal.iter().for_each(|text| words.extend(["--goal", text]));
    words.extend(["--minimize", &args.minimize]);
    args.over.iter().for_each(|text| words.extend(["--over", text]));
    args.set.iter().for_each(|text| words.extend(["--set", text]));
    words.extend(["--seeds", &seeds]);
    pasted(words)
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
            scenario: study.name(),
            seeds: study.seeds.clone(),
            confidence: CONFIDENCE,
            minimize: minimize.into(),
            goals: goals.iter().map(|goal| goal.text.clone()).collect(),
            chosen: chosen.map(|place| candidates[place].name.clone()),
            candidates,
        }
    }
}

/// One row per candidate.
fn table_of(goals: &[Goal], candidates: &[Candidate]) -> Table {
    let flag = |is: fn(&Candidate) -> bool| {
        Column::Whole(candidates.iter().map(|one| i64::from(is(one))).collect())
    };
    let names = candidates.iter().map(|one| one.name.clone()).collect();
    let prices = candidates.iter().map(|one| Some(one.price)).collect();
    let mut table = Table::default()
        .with("candidate", Column::Text(names))
        .with("minimized", Column::Number(prices))
        .with("holds", flag(|one| one.holds))
        .with("frontier", flag(|one| one.frontier));
    for (place, goal) in goals.iter().enumerate() {
        let means = candidates.iter().map(|one| Some(one.standings[place].mean)).collect();
        let bounds = candidates.iter().map(|one| Some(one.standings[place].bound)).collect();
        table = table
            .with(goal.measure.clone(), Column::Number(means))
            .with(format!("{}.bound", goal.measure), Column::Number(bounds));
    }
    table
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
        study.name(),
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
