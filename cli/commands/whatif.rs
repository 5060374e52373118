//! `whatif`: the same scenario under other settings, and what differs.

use std::io::{IsTerminal, Write as _};

use periplus_core::units::Tick;

use crate::args::{AnswerFormat, Emit, WhatifArgs};
use crate::failure::{Exit, Failure, pasted};
use crate::parallel;
use crate::recorded::Recorded;
use crate::render::{self, counted, sparkline, strong, table};
use crate::report::{self, Asked};
use crate::whatif::answer::{Answer, Compared, Hours};
use crate::whatif::bar::Bar;
use crate::whatif::closeness::{self, Closeness};
use crate::whatif::compare::{CONFIDENCE, Difference};
use crate::whatif::draws::SEEDS_OF_VARIANTS;
use crate::whatif::emit;
use crate::whatif::guard::Guard;
use crate::whatif::measures::{Form, SHOWN, require};
use crate::whatif::rows;
use crate::whatif::runs::{Plan, Run};
use crate::whatif::shard::Shard;
use crate::whatif::store::Store;
use crate::whatif::study::{Base, Study, Subject, Way};
use crate::whatif::tables::Table;
use crate::whatif::target::Target;
use crate::wording::acts;

pub(super) fn run(args: &WhatifArgs) -> Result<Exit, Failure> {
    let nowhere = |what: &str, hint: &str| {
        Err(Failure::Usage { message: format!("{what} kept nowhere"), hint: hint.into() })
    };
    if args.out.is_none() && args.shard.is_some() {
        return nowhere(
            "a shard's runs are",
            "name a folder or a URL with `--out`, the same one for all shards or one for each",
        );
    }
    if let (Some(report), Some(_)) = (&args.report, args.shard) {
        return Err(Failure::Usage {
            message: format!("{} would be a report of all shards", report.display()),
            hint: "once all are done, give the same command without `--shard`".into(),
        });
    }
    if args.out.is_none() && !args.rows.is_empty() {
        return nowhere("these rows are", "name a folder for them with `--out`");
    }
    let guards = args.fail_if.iter().map(|text| Guard::parse(text));
    let guards: Vec<Guard> = guards.collect::<Result<_, _>>()?;
    let study = Study::new(
        subject(args)?,
        &args.set,
        &args.vary,
        args.draws.sample(SEEDS_OF_VARIANTS),
        Base::First,
    )?;
    if let Some(Emit::IndexedJob) = args.kubernetes.emit {
        render::line(emit::indexed_job(args, &study)?.trim_end());
        return Ok(Exit::Held);
    }
    if args.format == AnswerFormat::Human {
        warn_of_kept(&study);
    }
    let store = args.out.as_ref().map(Target::open).transpose()?;
    let store = store.as_deref();
    if let (Some(store), Some(shard)) = (store, args.shard) {
        shard.claim(store, &study)?;
    }
    let plan = Plan {
        study: &study,
        store,
        shard: args.shard.unwrap_or(Shard::WHOLE),
        jobs: parallel::jobs(args.jobs),
        breakdowns: &args.rows,
    };
    let mut bar = Bar::new();
    let runs = plan.run(&mut bar)?;
    bar.finish();
    if let (Some(store), Some(shard)) = (store, args.shard) {
        let part = shard.leave(store, &runs)?;
        tell_shard(shard, runs.len(), study.runs().len(), &store.told(&part));
        return Ok(Exit::Held);
    }
    let mut answer = Answer::new(&study, &runs);
    answer.closeness = study.recorded.as_deref().map(Recorded::closeness).transpose()?;
    for guard in &guards {
        require(&guard.measure, &runs[0].measures)?;
    }
    if let Some(store) = store {
        write(store, &plan, &runs, &answer)?;
    }
    if let Some(path) = &args.report {
        let (file, command) = (args.subject.as_path(), command(args));
        let closeness = answer.closeness.as_ref();
        let (study, runs, jobs) = (&study, &runs, plan.jobs);
        let asked = Asked { file, command, study, runs, jobs, closeness, plan: None };
        report::write(path, &report::gather(&asked)?)?;
        render::note(&format!("the report is in {}", path.display()));
    }
    match args.format {
        AnswerFormat::Human => tell(&answer),
        AnswerFormat::Json => render::json(&answer)?,
        AnswerFormat::Csv | AnswerFormat::Parquet => put(&answer.table(), args.format)?,
    }
    let mut exit = Exit::Held;
    for variant in &answer.variants {
        let found =
            |guard: &Guard| guard.broken(&variant.all.iter().find(|one| one.0 == guard.measure)?.1);
        for broken in guards.iter().filter_map(found) {
            render::error(&format!("{}: {broken}", variant.name));
            exit = Exit::Failed;
        }
    }
    Ok(exit)
}

fn subject(args: &WhatifArgs) -> Result<Subject<'_>, Failure> {
    if args.subject.is_dir() {
        let recorded = Recorded::open(&args.subject, args.scenario.as_deref(), args.from)?;
        if recorded.begins > Tick::ZERO {
            return Err(Failure::Usage {
                message: format!(
                    "{} no longer keeps what was before {}, and variants begin where everything began",
                    recorded.name(),
                    recorded.begins
                ),
                hint: "`periplus record` makes a scenario of what it keeps; ask that".into(),
            });
        }
        return Ok(Subject::Recorded(Box::new(recorded)));
    }
    let given = [("--from", args.from.is_some()), ("--scenario", args.scenario.is_some())];
    match given.into_iter().find(|(_, given)| *given) {
        Some((flag, _)) => Err(Failure::Usage {
            message: format!(
                "`{flag}` says something about a log; {} is none",
                args.subject.display()
            ),
            hint: "name the folder of a log, such as DIR/run.log, or leave it out".into(),
        }),
        None => Ok(Subject::Scenario(&args.subject)),
    }
}

/// What was left out of a log's timeline has left its traces in it all the same.
fn warn_of_kept(study: &Study) {
    for variant in &study.variants {
        let Way::Forked(fork) = &variant.world else { continue };
        let kept: Vec<String> =
            fork.kept.iter().filter_map(|moment| acts::act(&moment.act, &fork.scenario)).collect();
        if !kept.is_empty() {
            render::note(&format!(
                "{}: what happened in the log stays in it: {}",
                variant.name,
                kept.join("; ")
            ));
        }
    }
}

/// What is asked, as it can be asked again: not where the answer goes.
fn command(args: &WhatifArgs) -> String {
    let subject = args.subject.to_string_lossy();
    let draws = args.draws.words(SEEDS_OF_VARIANTS);
    let from = args.from.map(|from| from.to_string());
    let scenario = args.scenario.as_ref().map(|scenario| scenario.to_string_lossy());
    let mut words = vec!["whatif", &*subject];
    from.iter().for_each(|from| words.extend(["--from", from]));
    scenario.iter().for_each(|scenario| words.extend(["--scenario", scenario]));
    args.set.iter().for_each(|text| words.extend(["--set", text]));
    args.vary.iter().for_each(|text| words.extend(["--vary", text]));
    words.extend(draws.iter().map(String::as_str));
    pasted(words)
}

fn tell_shard(shard: Shard, runs: usize, of: usize, part: &str) {
    render::note(&format!(
        "shard {} of {} is done: {runs} of {of} runs are kept, and {part} of them. Once all shards are done, the same \
         command without `--shard` answers",
        shard.number, shard.of
    ));
}

/// Puts a table on stdout.
pub(super) fn put(table: &Table, format: AnswerFormat) -> Result<(), Failure> {
    let mut stdout = std::io::stdout();
    let bytes = if format == AnswerFormat::Parquet { table.to_parquet() } else { table.to_csv() };
    if format == AnswerFormat::Parquet && stdout.is_terminal() {
        return Err(Failure::Usage {
            message: "Parquet is nothing to be read on a terminal".into(),
            hint: "send it to a file with `> answer.parquet`, or ask for `--format csv`".into(),
        });
    }
    // A reader that has heard enough closes the pipe; that is not a failure.
    let _ = stdout.write_all(&bytes);
    Ok(())
}

fn tell(answer: &Answer) {
    let seeds = answer.seeds.len();
    let base = if answer.closeness.is_some() { "what was recorded" } else { "the base" };
    let title = format!(
        "{}: {base} and {} over {}{}",
        answer.scenario,
        counted(answer.variants.len(), "variant"),
        answer.draws.told(seeds),
        answer.closeness.as_ref().map_or_else(String::new, |closeness| {
            format!("; settings hold from {} on", closeness.from)
        })
    );
    render::line(&strong(&title));
    if let Some(closeness) = &answer.closeness {
        tell_closeness(closeness);
    }
    let base = if answer.closeness.is_some() { "recorded" } else { "base" };
    if answer.variants.is_empty() {
        let value = |path: &str| answer.base.get(path).copied();
        let rows = SHOWN.iter().filter(|shown| answer.is_told(shown.path)).filter_map(|shown| {
            Some(vec![shown.label.into(), shown.form.told(value(shown.path)?)])
        });
        render::line(&format!("\n{}", table(&[], rows.collect()).trim_end()));
        tell_hours(&[(base, &answer.base_hours)]);
    }
    for variant in &answer.variants {
        tell_variant(answer, base, variant);
        tell_hours(&[(base, &answer.base_hours), ("variant", &variant.hours)]);
    }
    if seeds > 1 && !answer.variants.is_empty() {
        let percent = (CONFIDENCE * 100.0).round();
        render::paragraph(&format!(
            "± is the {percent} % interval of the paired t-test over {}, for each line by itself; a difference that it \
             does not tell from nothing stands in brackets. It covers {}.",
            answer.draws.told(seeds),
            answer.uncertainty.told()
        ));
    }
}

/// Says how far what follows can be trusted.
fn tell_closeness(closeness: &Closeness) {
    let rows = closeness.told().into_iter().map(Vec::from).collect();
    render::line(&format!("\n{}", closeness.verdict()));
    render::line(&format!("\n{}", table(&closeness::HEAD, rows).trim_end()));
    render::paragraph(closeness::LEGEND);
}

fn tell_variant(answer: &Answer, base: &str, variant: &Compared) {
    let found = |path: &str| variant.all.iter().find(|one| one.0 == path).map(|one| &one.1);
    let shown = SHOWN.iter().filter(|shown| answer.is_told(shown.path));
    let rows = shown.filter_map(|shown| {
        let one = found(shown.path)?;
        let mut row = vec![shown.label.to_owned()];
        row.extend([one.base, one.variant].map(|value| shown.form.told(value)));
        row.push(told_difference(shown.form, one));
        Some(row)
    });
    let head = ["", base, "variant", "difference"];
    let told = table(&head, rows.collect());
    render::line(&format!("\n{}\n{}", strong(&variant.name), told.trim_end()));
}

/// Some numbers of all hours.
type Course = fn(&Hours) -> &[f64];

/// Fewer hours are no course that anybody could see.
const HOURS_MIN: usize = 3;

/// Draws how base and variants went hour by hour, each line on one scale.
fn tell_hours(columns: &[(&str, &Hours)]) {
    let rows: [(&str, Form, Course); 3] = [
        ("unserved", Form::Count, |hours| &hours.unserved),
        ("latency, p95", Form::Milliseconds, |hours| &hours.p95_ms),
        ("cost per hour", Form::Dollars, |hours| &hours.cost),
    ];
    if columns.iter().any(|(_, hours)| hours.offered.len() < HOURS_MIN) {
        return;
    }
    let rows = rows.map(|(label, form, of)| {
        let values = columns.iter().map(|(_, hours)| of(hours));
        let highest = values.clone().flatten().copied().fold(0.0, f64::max);
        let mut row = vec![label.to_owned()];
        row.extend(values.map(|values| sparkline(values, highest)));
        row.push(form.told(highest));
        row
    });
    let names = columns.iter().map(|(name, _)| *name);
    let head: Vec<&str> = ["hour by hour"].into_iter().chain(names).chain(["highest"]).collect();
    render::line(&format!("\n{}", table(&head, rows.to_vec()).trim_end()));
}

fn told_difference(form: Form, one: &Difference) -> String {
    if one.is_nothing() {
        return "none".into();
    }
    let mut text = form.told_difference(one.size(), one.margin);
    if let Some(relative) = one.relative().filter(|_| form != Form::Share) {
        text += &format!(" ({:+.1} %)", relative * 1e2).replace('-', "−");
    }
    if one.margin.is_some() && !one.is_sure() { format!("[{text}]") } else { text }
}

/// Writes all tables of a study, and its answer.
fn write(store: &dyn Store, plan: &Plan<'_>, runs: &[Run], answer: &Answer) -> Result<(), Failure> {
    rows::write(store, plan, runs)?;
    answer.table().write(store, "differences")?;
    store.put("answer.json", render::to_json(answer)?.as_bytes())
}
