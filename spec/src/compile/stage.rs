//! Stages: what the machine is told from the start, and at each later time.

use std::collections::{BTreeMap, BTreeSet};

use periplus_core::Input;
use periplus_core::ids::{AppId, ClusterId, SeriesId, TenantId, ZoneId};
use periplus_core::input::{BATCH_MAX, Command};
use periplus_core::policy::Policy;
use periplus_core::units::Span;

use crate::code::Code;
use crate::compile::app::{self, Compiled};
use crate::compile::component::Tables;
use crate::compile::context::Context;
use crate::compile::demand::Asked;
use crate::compile::roll::{By, Version, When};
use crate::compile::ways::{self, Ways};
use crate::compile::{delivery, fleet, gates, policy};
use crate::draft::PolicyDraft;
use crate::files::Files;
use crate::scenario::{Act, AppTruth, ClusterTruth, Delivery, Moment};

/// What the stages of a scenario are made from.
pub(crate) struct Stages<'s, 'a> {
    context: &'s mut Context<'a>,
    files: &'s mut Files,
    ways: Ways<'a>,
    policies: Vec<Version<'a, PolicyDraft>>,
    asked: &'s [Asked],
    until: Span,
    tables: Tables,
    apps: BTreeMap<usize, Compiled>,
    out: Outcome,
    /// Series that were declared.
    series: usize,
}

/// What came of it.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) setup: Vec<Input>,
    pub(crate) timeline: Vec<Moment>,
    /// What there is when it is declared first.
    pub(crate) clusters: Vec<ClusterTruth>,
    pub(crate) apps: Vec<Option<AppTruth>>,
    pub(crate) tenants: Vec<String>,
    pub(crate) delivery: Delivery,
}

impl<'s, 'a> Stages<'s, 'a> {
    pub(crate) fn new(
        context: &'s mut Context<'a>,
        files: &'s mut Files,
        ways: ways::Said<'a>,
        policies: Vec<Version<'a, PolicyDraft>>,
        asked: &'s [Asked],
        until: Span,
    ) -> Self {
        let ways = Ways::new(context, files, ways);
        Self {
            context,
            files,
            ways,
            policies,
            asked,
            until,
            tables: Tables::default(),
            apps: BTreeMap::new(),
            out: Outcome::default(),
            series: 0,
        }
    }

    /// Goes through all times at which something is declared.
    pub(crate) fn run(mut self) -> Outcome {
        for when in self.times() {
            let inputs = self.stage(when);
            if when == When::START {
                self.out.setup = inputs;
                self.warn_of_stranded();
            } else if !inputs.is_empty() {
                // Before what is different in the world from then on, which stands there already.
                let same = self.out.timeline.partition_point(|moment| moment.at < when.at);
                self.out.timeline.insert(same, Moment { at: when.at, act: Act::Inputs(inputs) });
            }
        }
        self.out
    }

    fn times(&self) -> BTreeSet<When> {
        let rolls = &self.context.rolls;
        let mut times = BTreeSet::from([When::START]);
        times.extend(self.policies.iter().map(|version| version.when));
        times.extend(rolls.apps.times());
        times.extend(rolls.clusters.times());
        times.extend(rolls.tenants.times());
        times.extend(rolls.zones.times());
        times
    }

    /// What the machine is told at one time, in the order that it needs.
    fn stage(&mut self, when: When) -> Vec<Input> {
        let mut commands = Vec::new();
        self.policy(when, &mut commands);
        self.tenants(when, &mut commands);
        let places = self.clusters(when, &mut commands) + self.zones(when, &mut commands);
        let mut inputs: Vec<Input> = commands.drain(..).map(Input::Command).collect();
        if places > 0 {
            inputs.extend(self.ways.tell(self.context, when));
        }
        self.apps(when, &mut commands);
        self.series(when, &mut commands);
        inputs.extend(commands.into_iter().map(Input::Command));
        let mut told = self.context.names.tell();
        told.extend(inputs);
        told
    }

    fn policy(&mut self, when: When, commands: &mut Vec<Command>) {
        let mut policy = (when == When::START).then(Policy::default);
        if let Some(version) = self.policies.iter().find(|version| version.when == when) {
            policy = Some(policy::policy(self.context, version.spec(), version.here));
        }
        commands.extend(policy.map(|policy| Command::DeclarePolicy(Box::new(policy))));
    }

    fn tenants(&mut self, when: When, commands: &mut Vec<Command>) {
        let mut specs = BTreeMap::new();
        if when == When::START {
            specs.insert(TenantId(0), fleet::default_tenant(self.context));
            self.out.tenants.push(fleet::DEFAULT_TENANT.to_owned());
            self.out.delivery.declare_tenant(TenantId(0), None);
        }
        for index in self.context.rolls.tenants.declared(when) {
            let tenant = self.context.tenant_id(index);
            let entity = &self.context.rolls.tenants.entities[index];
            let (object, here) = (entity.version(when).object, entity.version(when).here);
            self.out.delivery.declare_tenant(tenant, Some(entity.version(when)));
            if tenant.index() == self.out.tenants.len() {
                self.out.tenants.push(entity.name.to_owned());
            }
            specs.insert(tenant, fleet::tenant(self.context, object, here));
        }
        commands
            .extend(specs.into_iter().map(|(tenant, spec)| Command::DeclareTenant(tenant, spec)));
    }

    fn clusters(&mut self, when: When, commands: &mut Vec<Command>) -> usize {
        let declared = self.context.rolls.clusters.declared(when);
        for index in &declared {
            let id = ClusterId::from_index(*index);
            let version = *self.context.rolls.clusters.entities[*index].version(when);
            let first = self.context.rolls.clusters.entities[*index].born() == when;
            if version.when.at.0 > self.until.0 {
                let field = if version.when.by == By::File { "joinsAt" } else { "" };
                let here = version.here.path(&["spec", field]);
                let end = crate::values::Duration(self.until);
                let message = format!("this cluster joins after the scenario's end at {end}");
                self.context.complain(here, Code::OutOfTime, message);
            }
            self.out.delivery.declare_cluster(*index, &version);
            let (spec, mut truth) = fleet::cluster(self.context, self.files, &version, self.until);
            truth.joins = self.context.rolls.clusters.entities[*index].born().at;
            commands.push(Command::DeclareCluster(id, Box::new(spec)));
            if first {
                self.out.clusters.push(truth);
            } else {
                let act = Act::ClusterChanged { cluster: id, truth: Box::new(truth) };
                self.out.timeline.push(Moment { at: when.at, act });
            }
        }
        declared.len()
    }

    fn zones(&mut self, when: When, commands: &mut Vec<Command>) -> usize {
        let declared = self.context.rolls.zones.declared(when);
        for index in &declared {
            let object = self.context.rolls.zones.entities[*index].version(when).object;
            let spec = fleet::zone(self.context, object);
            commands.push(Command::DeclareZone(ZoneId::from_index(*index), spec));
        }
        declared.len()
    }

    fn apps(&mut self, when: When, commands: &mut Vec<Command>) {
        let declared = self.context.rolls.apps.declared(when);
        if !declared.is_empty() {
            gates::refuse_cycles(&self.context.rolls.apps, when, &mut self.context.complaints);
        }
        for index in declared {
            let id = AppId::from_index(index);
            let version = *self.context.rolls.apps.entities[index].version(when);
            let before = self.apps.get(&index);
            let first = self.context.rolls.apps.entities[index].born() == when;
            let brought = delivery::brought(self.context, self.files, &version);
            let compiled = app::app(self.context, &mut self.tables, &version, &brought, before);
            let truth = compiled.as_ref().map(|compiled| compiled.truth.clone());
            if let Some(compiled) = compiled {
                let components = &compiled.intent.components;
                let revisions = components.iter().map(|component| component.revision).collect();
                let tenant = compiled.intent.tenant;
                self.out.delivery.declare_app(index, &version, tenant, revisions, brought);
                commands.push(Command::DeclareApp(id, Box::new(compiled.intent.clone())));
                self.apps.insert(index, compiled);
            }
            if first {
                self.out.apps.push(truth);
            } else if let Some(truth) = truth {
                let act = Act::AppChanged { app: id, truth: Box::new(truth) };
                self.out.timeline.push(Moment { at: when.at, act });
            }
        }
    }

    fn series(&mut self, when: When, commands: &mut Vec<Command>) {
        let asked: Vec<_> = self.asked.iter().filter(|asked| asked.from == when).collect();
        for batch in asked.chunks(BATCH_MAX) {
            let first = SeriesId::from_index(self.series);
            let series = batch.iter().map(|asked| asked.truth.spec).collect();
            commands.push(Command::DeclareSeries { first, series });
            self.series += batch.len();
        }
    }

    fn warn_of_stranded(&mut self) {
        let zones = &self.context.rolls.zones.entities;
        let stranded: Vec<_> = self.ways.stranded().map(|zone| &zones[zone.index()]).collect();
        let Some(first) = stranded.first() else { return };
        let names: Vec<_> = stranded.iter().take(NAMED_MAX).map(|zone| zone.name).collect();
        let message = match stranded.len() {
            1 => format!("the zone `{}` reaches no cluster", first.name),
            count if count > NAMED_MAX => {
                format!("{count} zones reach no cluster: {}, …", crate::schema::listed(&names))
            }
            count => format!("{count} zones reach no cluster: {}", crate::schema::listed(&names)),
        };
        let here = first.first().here.path(&["metadata", "name"]);
        let wrong = here.error(Code::OutOfReach, message).as_warning();
        let help = "give them and some cluster a `location`, a wider `coverage`, or a measured way";
        self.context.complaints.push_missing(wrong.with_help(help));
    }
}

/// How many things a complaint names before it only counts them.
const NAMED_MAX: usize = 8;
