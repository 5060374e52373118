//! `plan`: the settings that hold a goal for least.

use serde::Serialize;

use super::plan_sites;
use super::whatif::put;
use crate::args::{AnswerFormat, PlanArgs};
use crate::failure::{Exit, Failure, pasted};
use crate::parallel;
use crate::render::{self, counted, strong, table};
use crate::report::{self, Asked, Planned};
use crate::whatif::bar::Bar;
use crate::whatif::compare::CONFIDENCE;
use crate::whatif::draws::{Draws, SEEDS_OF_CANDIDATES, Uncertainty};
use crate::whatif::goal::{Candidate, Goal, choose, confidence_of_each};
use crate::whatif::measures::{self, ANNUAL, path_of, require, told};
use crate::whatif::rows;
use crate::whatif::runs::Plan;
use crate::whatif::shard::Shard;
use crate::whatif::study::{Base, Study, Subject};
use crate::whatif::tables::{Column, Table};
use crate::whatif::target::Target;

pub(super) fn run(args: &PlanArgs) -> Result<Exit, Failure> {
    if args.per_site {
        return plan_sites::run(args);
    }
    let goals = goals(args)?;
    let sample = args.draws.sample(SEEDS_OF_CANDIDATES);
    let subject = Subject::Scenario(&args.scenario);
    let study = Study::new(subject, &args.set, &args.over, sample, Base::None)?;
    let confidence = confidence_of_each(study.variants.len() * goals.len());
    let frame = study.frame(&study.variants[0]);
    goals.iter().try_for_each(|goal| goal.require(&frame, confidence))?;
    let minimize = minimized(args, &study);
    let store = args.out.as_ref().map(Target::open).transpose()?;
    let store = store.as_deref();
    let jobs = parallel::jobs(args.jobs);
    let plan = Plan { study: &study, store, shard: Shard::WHOLE, jobs, breakdowns: &[] };
    let mut bar = Bar::new();
    let runs = plan.run(&mut bar)?;
    bar.finish();
    for measure in goals.iter().map(|goal| &goal.measure).chain([&minimize]) {
        require(measure, &runs[0].measures)?;
    }
    let groups = study.variants.iter().zip(runs.chunks(study.seeds.len()));
    let mut candidates: Vec<Candidate> = groups
        .map(|(variant, runs)| Candidate::new(&variant.name, runs, &minimize, &goals, confidence))
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
        let (file, command) = (args.scenario.as_path(), command(args, minimize));
        let (study, runs, closeness, plan) = (&study, &runs, None, Some(planned));
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

/// What must hold.
pub(super) fn goals(args: &PlanArgs) -> Result<Vec<Goal>, Failure> {
    args.goal.iter().map(|text| Goal::parse(text)).collect()
}

/// What is to be as small as it can be.
pub(super) fn minimized(args: &PlanArgs, study: &Study) -> String {
    let invests = |scenario: &periplus_spec::scenario::Scenario| {
        scenario.fleet.clusters.iter().any(|cluster| cluster.upkeep.0 > 0)
    };
    let invested = study.variants.iter().any(|variant| invests(variant.scenario()));
    let usual = if invested { ANNUAL } else { "cost" };
    path_of(args.minimize.as_deref().unwrap_or(usual))
}

/// What is asked, as it can be asked again: not where the answer goes.
pub(super) fn command(args: &PlanArgs, minimize: &str) -> String {
    let scenario = args.scenario.to_string_lossy();
    let draws = args.draws.words(SEEDS_OF_CANDIDATES);
    let mut words = vec!["plan", &*scenario];
    args.goal.iter().for_each(|text| words.extend(["--goal", text]));
    words.extend(["--minimize", minimize]);
    args.over.iter().for_each(|text| words.extend(["--over", text]));
    words.extend(args.per_site.then_some("--per-site"));
    args.set.iter().for_each(|text| words.extend(["--set", text]));
    words.extend(draws.iter().map(String::as_str));
    pasted(words)
}

/// The version of the answer's shape.
const VERSION: u16 = 2;

/// What was found, as programs get it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    version: u16,
    scenario: String,
    seeds: Vec<u64>,
    confidence: f64,
    uncertainty: Uncertainty,
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
            uncertainty: study.uncertainty(),
            minimize: minimize.into(),
            goals: goals.iter().map(|goal| goal.text.clone()).collect(),
            chosen: chosen.map(|place| candidates[place].name.clone()),
            candidates,
        }
    }
}

/// One row per candidate.
pub(super) fn table_of(goals: &[Goal], candidates: &[Candidate]) -> Table {
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
        let found = candidates.iter().map(|one| Some(one.standings[place].found)).collect();
        let bounds = candidates.iter().map(|one| Some(one.standings[place].bound)).collect();
        table = table
            .with(goal.measure.clone(), Column::Number(found))
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
    let title = format!(
        "{}: {} over {}; {} for the least {}",
        study.name(),
        counted(candidates.len(), "candidate"),
        study.draws.told(study.seeds.len()),
        listed(goals),
        measures::label(minimize)
    );
    render::line(&strong(&title));
    tell_common(study);
    let least = measures::label(minimize);
    let mut head = vec!["candidate".to_owned(), String::new(), least];
    head.extend(head_of(goals));
    head.push(String::new());
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by(|a, b| candidates[*a].price.total_cmp(&candidates[*b].price));
    let rows = order.into_iter().map(|place| {
        let one = &candidates[place];
        let mark = if chosen == Some(place) { "◀" } else { "" };
        let mut row = vec![one.name.clone(), mark.into(), told(minimize, one.price)];
        row.extend(stands(goals, one));
        let holds = if one.holds { "holds" } else { "misses" };
        row.push(if one.frontier { format!("{holds}, frontier") } else { holds.into() });
        row
    });
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    render::line(table(&head, rows.collect()).trim_end());
    render::line(&match chosen {
        Some(place) => format!("\n{}", strong(&candidates[place].name)),
        None => "\nno candidate holds".into(),
    });
    render::paragraph(&method(study, goals));
}

/// What holds for every candidate, and a line that parts it from what follows.
pub(super) fn tell_common(study: &Study) {
    if !study.common.is_empty() {
        render::line(&format!("with {}", study.common.join(", ")));
    }
    render::line("");
}

/// What must hold, in words.
pub(super) fn listed(goals: &[Goal]) -> String {
    let texts: Vec<&str> = goals.iter().map(|goal| goal.text.as_str()).collect();
    texts.join(" and ")
}

/// Two columns for each goal: what was found, and what the truth is not worse than.
pub(super) fn head_of(goals: &[Goal]) -> impl Iterator<Item = String> + '_ {
    goals.iter().flat_map(|goal| {
        let bound = if goal.at_least || goal.part.is_some() { "at least" } else { "at most" };
        [measures::label(&goal.measure), bound.into()]
    })
}

pub(super) fn stands(goals: &[Goal], one: &Candidate) -> impl Iterator<Item = String> {
    let pairs = goals.iter().zip(&one.standings);
    pairs.flat_map(|(goal, standing)| [goal.told(standing.found), goal.told(standing.bound)])
}

/// What bounds are, and what they cover.
pub(super) fn method(study: &Study, goals: &[Goal]) -> String {
    if study.seeds.len() < 2 {
        return "One run tells nothing about luck: there is no bound but the value itself.".into();
    }
    let method = format!(
        "All bounds together hold with {:.0} % confidence: those of means by Student's t after Hall's \
         transformation, those of parts by Clopper and Pearson, each by Bonferroni. They cover {}.",
        CONFIDENCE * 1e2,
        study.uncertainty().told()
    );
    let means_of_days = study.draws == Draws::Days && goals.iter().any(|goal| goal.part.is_none());
    if means_of_days {
        let rarer = study.seeds.len();
        format!(
            "{method} A mean that hangs on days rarer than one in {rarer} needs more of them; a goal \
             `in 95% of days` does not."
        )
    } else {
        method
    }
}
