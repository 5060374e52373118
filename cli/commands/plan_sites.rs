//! `plan --per-site`: how much each site needs, the step that helps most first.

use std::collections::BTreeMap;

use periplus_spec::{Bundle, Setting};
use serde::Serialize;

use super::plan::{
    command, goals, head_of, listed, method, minimized, stands, table_of, tell_common,
};
use super::whatif::put;
use crate::args::{AnswerFormat, PlanArgs};
use crate::failure::{Exit, Failure};
use crate::parallel;
use crate::render::{self, counted, strong, table};
use crate::report::{self, Asked, Planned};
use crate::whatif::bar::Bar;
use crate::whatif::draws::{SEEDS_OF_CANDIDATES, Sample, Uncertainty};
use crate::whatif::goal::{Candidate, Goal, choose, confidence_of_each};
use crate::whatif::measures::{self, require, told};
use crate::whatif::runs::Plan;
use crate::whatif::shard::Shard;
use crate::whatif::sites::{self, Bounds, Found, Levels, Measure, Measured, Step};
use crate::whatif::store::Store;
use crate::whatif::study::{self, Study, Subject};
use crate::whatif::tables::{Column, Table};
use crate::whatif::target::Target;

pub(super) fn run(args: &PlanArgs) -> Result<Exit, Failure> {
    let sites = Sites::new(args)?;
    let goals = goals(args)?;
    let sample = args.draws.sample(SEEDS_OF_CANDIDATES);
    let store = args.out.as_ref().map(Target::open).transpose()?;
    let jobs = parallel::jobs(args.jobs);
    let ends = [0, sites.values.len() - 1].map(|level| vec![level; sites.names.len()]);
    let ends = sites.study(args, ends, sample)?;
    let minimize = minimized(args, &ends);
    let confidence = confidence_of_each(goals.len());
    let frame = ends.frame(&ends.variants[0]);
    goals.iter().try_for_each(|goal| goal.require(&frame, confidence))?;
    let mut clerk = Clerk {
        args,
        sites: &sites,
        goals: &goals,
        minimize: &minimize,
        sample,
        confidence,
        store: store.as_deref(),
        jobs,
        gaps: None,
        known: BTreeMap::new(),
    };
    let bounds =
        Bounds { sites: sites.names.len(), levels: sites.values.len(), batch: 2 * jobs.max(1) };
    let found = sites::search(bounds, &mut clerk)?;
    let path = path_of(&found);
    let mut candidates: Vec<Candidate> = path.iter().map(|state| clerk.candidate(state)).collect();
    // What was chosen on some days is judged on others: on those it may have been lucky.
    clerk.sample = sample.fresh();
    clerk.known.clear();
    clerk.measure(std::slice::from_ref(&found.levels))?;
    let verified = clerk.candidate(&found.levels);
    choose(&mut candidates, &goals);
    let answer = Answer::new(&ends, &sites, &found, (&candidates, &verified), &goals, &minimize);
    if let Some(store) = &store {
        sites.table(&found).write(&**store, "sites")?;
        table_of(&goals, &candidates).write(&**store, "candidates")?;
        store.put("plan.json", render::to_json(&answer)?.as_bytes())?;
    }
    if let Some(file) = &args.report {
        let study = sites.study(args, path, sample)?;
        let plan = Plan {
            study: &study,
            store: store.as_deref(),
            shard: Shard::WHOLE,
            jobs,
            breakdowns: &[],
        };
        let runs = plan.run(&mut Bar::new())?;
        let chosen = verified.holds.then(|| candidates.len() - 1);
        let planned =
            Planned { minimize: &minimize, goals: &goals, candidates: &candidates, chosen };
        let (path, command) = (args.scenario.as_path(), command(args, &minimize));
        let (study, runs, closeness, plan) = (&study, runs.as_slice(), None, Some(planned));
        let asked = Asked { file: path, command, study, runs, jobs, closeness, plan };
        report::write(file, &report::gather(&asked)?)?;
        render::note(&format!("the report is in {}", file.display()));
    }
    match args.format {
        AnswerFormat::Human => {
            Teller { sites: &sites, found: &found, goals: &goals, minimize: &minimize }.tell(
                &ends,
                &candidates,
                &verified,
            );
        }
        AnswerFormat::Json => render::json(&answer)?,
        AnswerFormat::Csv | AnswerFormat::Parquet => put(&sites.table(&found), args.format)?,
    }
    Ok(if verified.holds { Exit::Held } else { Exit::Failed })
}

/// What is given to whom.
struct Sites {
    names: Vec<String>,
    /// The setting of each level, for all sites at once.
    values: Vec<Setting>,
    set: Vec<Setting>,
}

impl Sites {
    fn new(args: &PlanArgs) -> Result<Self, Failure> {
        let [over] = args.over.as_slice() else {
            return Err(Failure::Usage {
                message: "sites are sized by one thing at a time".into(),
                hint: "give one `--over`, as in `clusters[tier=edge].nodePools[0].nodes=0..3`"
                    .into(),
            });
        };
        let values = study::values(over)?;
        let bundle = Bundle::read(&args.scenario).map_err(Failure::Files)?;
        let names: Vec<String> =
            values[0].subjects(&bundle.documents).map(ToString::to_string).collect();
        if names.is_empty() || values.len() < 2 {
            return Err(Failure::Usage {
                message: format!("`{over}` gives no site a choice"),
                hint: "select clusters, and say at least two values, the least first".into(),
            });
        }
        Ok(Self { names, values, set: study::settings(&args.set)? })
    }

    /// The settings that levels stand for.
    fn settings(&self, levels: &[usize]) -> Result<Vec<Setting>, Failure> {
        let mut settings = self.set.clone();
        settings.push(self.values[0].clone());
        for (name, level) in self.names.iter().zip(levels).filter(|(_, level)| **level > 0) {
            let path = self.values[*level].path_in(name);
            settings.push(Setting::new(&path, self.value(*level)).map_err(study::refused)?);
        }
        Ok(settings)
    }

    /// What a level is.
    fn value(&self, level: usize) -> &str {
        let text = self.values[level].text();
        Setting::split(text).map_or(text, |(_, value)| value)
    }

    fn study(
        &self,
        args: &PlanArgs,
        states: impl IntoIterator<Item = Levels>,
        sample: Sample,
    ) -> Result<Study, Failure> {
        let settings = states.into_iter().map(|levels| self.settings(&levels));
        let settings: Vec<Vec<Setting>> = settings.collect::<Result<_, _>>()?;
        Study::of(Subject::Scenario(&args.scenario), settings, sample)
    }

    /// A row for each site.
    fn table(&self, found: &Found) -> Table {
        let values = found.levels.iter().map(|level| self.value(*level).to_owned()).collect();
        Table::default()
            .with("site", Column::Text(self.names.clone()))
            .with("value", Column::Text(values))
    }
}

/// The beginning, what came out after each step, and the end where steps were taken back.
fn path_of(found: &Found) -> Vec<Levels> {
    let mut state = vec![0; found.levels.len()];
    let mut path = vec![state.clone()];
    for Step { site, level, .. } in &found.steps {
        state[*site] = *level;
        path.push(state.clone());
    }
    if state != found.levels {
        path.push(found.levels.clone());
    }
    path
}

/// Runs what is to be measured.
struct Clerk<'a> {
    args: &'a PlanArgs,
    sites: &'a Sites,
    goals: &'a [Goal],
    minimize: &'a str,
    sample: Sample,
    confidence: f64,
    store: Option<&'a dyn Store>,
    jobs: usize,
    /// What was missing to each goal at the beginning.
    gaps: Option<Vec<f64>>,
    known: BTreeMap<Levels, Candidate>,
}

impl Measure for Clerk<'_> {
    fn measure(&mut self, levels: &[Levels]) -> Result<Vec<Measured>, Failure> {
        let study = self.sites.study(self.args, levels.iter().cloned(), self.sample)?;
        let (store, jobs) = (self.store, self.jobs);
        let plan = Plan { study: &study, store, shard: Shard::WHOLE, jobs, breakdowns: &[] };
        let mut bar = Bar::new();
        let runs = plan.run(&mut bar)?;
        bar.finish();
        let mut measured = Vec::new();
        for (state, runs) in levels.iter().zip(runs.chunks(study.seeds.len())) {
            for measure in
                self.goals.iter().map(|goal| goal.measure.as_str()).chain([self.minimize])
            {
                require(measure, &runs[0].measures)?;
            }
            let gaps: Vec<f64> =
                self.goals.iter().map(|goal| goal.gap(runs, self.confidence)).collect();
            let first = self.gaps.get_or_insert_with(|| gaps.clone());
            let parts = gaps.iter().zip(first).map(|(gap, first)| match *first {
                first if first > 0.0 => gap / first,
                _ => *gap,
            });
            let gap = parts.sum();
            let (name, minimize) = (self.name_of(state), self.minimize);
            let candidate = Candidate::new(&name, runs, minimize, self.goals, self.confidence);
            measured.push(Measured { gap, price: candidate.price, holds: candidate.holds });
            self.known.insert(state.clone(), candidate);
        }
        Ok(measured)
    }
}

impl Clerk<'_> {
    fn candidate(&self, state: &Levels) -> Candidate {
        self.known.get(state).expect("it was measured").clone()
    }

    fn name_of(&self, levels: &[usize]) -> String {
        let given = self.sites.names.iter().zip(levels).filter(|(_, level)| **level > 0);
        let given: Vec<String> =
            given.map(|(name, level)| format!("{name}={}", self.sites.value(*level))).collect();
        if given.is_empty() { "the least everywhere".into() } else { given.join(", ") }
    }
}

/// What was found, as programs get it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    version: u16,
    scenario: String,
    uncertainty: Uncertainty,
    minimize: &'a str,
    goals: Vec<&'a str>,
    /// What each site is given.
    sites: BTreeMap<&'a str, &'a str>,
    /// From the least everywhere on, step by step.
    path: &'a [Candidate],
    /// The end, on days that it was not chosen on.
    verified: &'a Candidate,
    /// What would help most next.
    next: Vec<Next<'a>>,
}

#[derive(Serialize)]
struct Next<'a> {
    site: &'a str,
    value: &'a str,
    price: f64,
}

/// The version of the answer's shape.
const VERSION: u16 = 1;

impl<'a> Answer<'a> {
    fn new(
        study: &Study,
        sites: &'a Sites,
        found: &'a Found,
        (path, verified): (&'a [Candidate], &'a Candidate),
        goals: &'a [Goal],
        minimize: &'a str,
    ) -> Self {
        let values = found.levels.iter().map(|level| sites.value(*level));
        let next = found.next.iter().map(|step| Next {
            site: &sites.names[step.site],
            value: sites.value(step.level),
            price: step.measured.price,
        });
        Self {
            version: VERSION,
            scenario: study.name(),
            uncertainty: study.uncertainty(),
            minimize,
            goals: goals.iter().map(|goal| goal.text.as_str()).collect(),
            sites: sites.names.iter().map(String::as_str).zip(values).collect(),
            path,
            verified,
            next: next.collect(),
        }
    }
}

/// Says what was found.
struct Teller<'a> {
    sites: &'a Sites,
    found: &'a Found,
    goals: &'a [Goal],
    minimize: &'a str,
}

impl Teller<'_> {
    fn tell(&self, study: &Study, candidates: &[Candidate], verified: &Candidate) {
        let Self { sites, found, goals, minimize } = self;
        let runs = study.draws.told(study.seeds.len());
        let least = measures::label(minimize);
        let title = format!(
            "{}: {} over {runs}, one step after the other; {} for the least {least}",
            study.name(),
            counted(sites.names.len(), "site"),
            listed(goals)
        );
        render::line(&strong(&title));
        tell_common(study);
        let mut head = vec!["step".to_owned(), "site".into(), "gets".into(), least];
        head.extend(head_of(goals));
        let row = |step: String, site: String, value: &str, one: &Candidate| {
            let mut row = vec![step, site, value.to_owned(), told(minimize, one.price)];
            row.extend(stands(goals, one));
            row
        };
        let mut rows = vec![row("0".into(), "everywhere".into(), sites.value(0), &candidates[0])];
        for (number, (step, one)) in found.steps.iter().zip(&candidates[1..]).enumerate() {
            let name = sites.names[step.site].clone();
            rows.push(row((number + 1).to_string(), name, sites.value(step.level), one));
        }
        if !found.taken_back.is_empty() {
            let names: Vec<&str> =
                found.taken_back.iter().map(|site| sites.names[*site].as_str()).collect();
            let last = candidates.last().expect("there is always a beginning");
            rows.push(row("back".into(), names.join(", "), "less", last));
        }
        let head: Vec<&str> = head.iter().map(String::as_str).collect();
        render::line(table(&head, rows).trim_end());
        let holds = if verified.holds { "holds" } else { "misses" };
        let standings: Vec<String> = stands(goals, verified).collect();
        let given = found.levels.iter().filter(|level| **level > 0).count();
        render::line(&format!(
            "\n{}",
            strong(&format!(
                "{given} of {} get more than the least. On {runs} that were not looked at before it {holds}: {} ({} {})",
                counted(sites.names.len(), "site"),
                standings[0],
                head_of(goals).nth(1).unwrap_or_default(),
                standings[1],
            ))
        ));
        self.tell_next();
        render::paragraph(&method(study, self.goals));
    }

    fn tell_next(&self) {
        let Self { sites, found, minimize, .. } = self;
        let next: Vec<String> = found
            .next
            .iter()
            .map(|step| {
                let added = told(minimize, step.added.abs());
                let sign = if step.added < 0.0 { "−" } else { "+" };
                format!("{} = {} ({sign}{added})", sites.names[step.site], sites.value(step.level))
            })
            .collect();
        if !next.is_empty() {
            render::line(&format!("what would help most next: {}", next.join(", ")));
        }
    }
}
