//! From the file as written to what it means: every rule is checked here, and every broken one reported.
//!
//! Each raw table is taken apart field by field, so that a new key cannot be forgotten: the compiler asks what becomes
//! of it. A function gives `None` when something in it was wrong; the reason is then among the problems, and the rest
//! of the file is still checked.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use policies::model::ProviderName;
use policies::schedule::TimeZone;
use policies::units::{Currency, Span};

use crate::calendar::{self, CalendarError};
use crate::hints;
use crate::host::Host;
use crate::model::{Config, FleetConfig, ProviderConfig};
use crate::problem::{Collector, Place, Show, quoted};
use crate::raw;
use crate::raw::field::{Field, Found, List, Presence, Raw, Scalar};
use crate::raw::value::{Kind, Leaf, ZoneName};
use crate::tree::{Body, Node, push_key};

mod azure;
mod budget;
mod daemon;
mod demand;
mod fleet;
mod gcp;
mod hook;
mod launch;
mod pools;
mod ppio;
mod providers;
mod schedules;
mod source;
mod workers;

/// More pools in one configuration are refused: a round must stay far below a second. The planner is measured with
/// 5,000.
pub const MAX_POOLS: usize = 20_000;

/// The owner tag of a daemon whose file names none.
pub const DEFAULT_OWNER: &str = "spotfleet";

/// What lowering knows and gathers.
pub(crate) struct Lowering<'a, 's> {
    pub(crate) problems: &'a mut Collector<'s>,
    /// The directory that relative paths start at.
    pub(crate) directory: &'a Path,
    pub(crate) host: &'a dyn Host,
    /// The time zones that were asked for: many schedules share one.
    pub(crate) zones: BTreeMap<String, Result<Arc<TimeZone>, CalendarError>>,
}

/// A key of the file: where it stands and what it is called.
#[derive(Clone)]
pub(crate) struct At<'t> {
    /// The value, when there is one.
    node: Option<&'t Node>,
    /// The key, or the nearest place around it that exists.
    key: Place,
    /// It stands in a list: what should be its key is the value itself.
    in_list: bool,
    path: String,
}

impl<'t> At<'t> {
    /// The whole file.
    pub(crate) fn root(node: &'t Node) -> Self {
        Self { node: Some(node), key: Place::START, in_list: false, path: String::new() }
    }

    /// A key of this mapping.
    pub(crate) fn key(&self, name: &str) -> Self {
        let mut path = self.path.clone();
        push_key(&mut path, name);
        match self.node.map(|n| &n.body) {
            Some(Body::Mapping(mapping)) => match mapping.get(name) {
                Some((key, node)) => Self { node: Some(node), key, in_list: false, path },
                None => Self { node: None, path, ..self.clone() },
            },
            _ => Self { node: None, path, ..self.clone() },
        }
    }

    /// The same key, for a problem with the key itself.
    pub(crate) fn itself(&self) -> Self {
        Self { node: None, ..self.clone() }
    }

    /// An item of this list.
    pub(crate) fn item(&self, index: usize) -> Self {
        let path = format!("{}[{index}]", self.path);
        match self.node.map(|n| &n.body) {
            Some(Body::List(items)) => match items.get(index) {
                Some(node) => Self { node: Some(node), key: node.place, in_list: true, path },
                None => Self { node: None, path, ..self.clone() },
            },
            _ => Self { node: None, path, ..self.clone() },
        }
    }

    /// It stands in the file.
    pub(crate) const fn exists(&self) -> bool {
        self.node.is_some()
    }

    /// Where a problem with the value points: at a single value itself, else at its key.
    fn value_place(&self) -> Place {
        match self.node {
            Some(Node { place, body: Body::Scalar(text) }) if !text.is_empty() => *place,
            _ => self.key,
        }
    }

    /// A number as it is written in the file.
    fn written(&self, scalar: &Scalar) -> Scalar {
        match (scalar, self.node.map(|n| &n.body)) {
            (Scalar::Number(_), Some(Body::Scalar(text))) => Scalar::Number(text.clone()),
            _ => scalar.clone(),
        }
    }
}

impl Lowering<'_, '_> {
    /// A problem with a value.
    pub(crate) fn wrong(&mut self, at: &At<'_>, rule: impl Into<String>, hint: impl Into<String>) {
        self.problems.add(at.value_place(), Show::Line, &at.path, rule.into(), Some(hint.into()));
    }

    /// A problem with what stands at a key, whose value must not be shown.
    pub(crate) fn wrong_unshown(&mut self, at: &At<'_>, rule: impl Into<String>, hint: impl Into<String>) {
        let show = if at.in_list { Show::Nothing } else { Show::UpToPlace };
        self.hide(at);
        self.problems.add(at.key, show, &at.path, rule.into(), Some(hint.into()));
    }

    /// Keeps what stands at the key out of the excerpts of other problems.
    fn hide(&mut self, at: &At<'_>) {
        let mut nodes: Vec<&Node> = at.node.into_iter().collect();
        while let Some(node) = nodes.pop() {
            match &node.body {
                Body::Scalar(_) => self.problems.hide(node.place),
                Body::List(items) => nodes.extend(items),
                Body::Mapping(mapping) => nodes.extend(mapping.values()),
            }
        }
    }

    /// What stands at the key: a table, a list, a mapping or the text of a single value. Reports what is missing,
    /// wrong or unknown.
    pub(crate) fn open<'de, T: Raw<'de>>(&mut self, at: &At<'_>, field: Field<T>) -> Option<T> {
        match field {
            Field::Given(value, strays) => {
                for stray in strays.iter().filter(|s| *s != "<<") {
                    self.stray(at, stray, T::keys());
                }
                Some(value)
            }
            Field::Absent(Presence::Optional) => None,
            Field::Absent(Presence::Default(text)) => {
                let value = T::from_default(text);
                debug_assert!(value.is_some(), "the default of {} does not parse", at.path);
                value
            }
            Field::Absent(Presence::Required) => {
                let rule = format!("the key is missing; it takes {}", T::WANTED);
                self.problems.add(at.key, Show::UpToPlace, &at.path, rule, None);
                None
            }
            Field::Wrong(found) => {
                self.mismatch(at, T::WANTED, found);
                None
            }
        }
    }

    fn mismatch(&mut self, at: &At<'_>, wanted: &str, found: Found) {
        let rule = format!("expected {wanted}, found {}", found.name());
        let hint = match found {
            Found::Nothing if wanted == "a mapping" => "write `{}` for the defaults".to_owned(),
            Found::Nothing if wanted == "a list" => "write a list: [a, b]".to_owned(),
            Found::Nothing => "give it a value".to_owned(),
            Found::Text | Found::Number | Found::Flag if wanted == "a list" => "put it in brackets: [a, b]".to_owned(),
            Found::List if !wanted.starts_with("a mapping") => "give one value, not a list".to_owned(),
            _ => "compare the reference page or `spotfleet schema`".to_owned(),
        };
        // What stands here instead may be anything, also a secret.
        self.wrong_unshown(at, rule, hint);
    }

    fn stray(&mut self, at: &At<'_>, name: &str, known: &[raw::field::Key]) {
        let key = at.key(name);
        let rule = format!("unknown key {}", quoted(name));
        // Looking for a hint takes longer than all the rest, and a file can have very many unknown keys.
        let hint = if self.problems.is_full() { None } else { hints::for_unknown_key(name, known) };
        self.hide(&key);
        self.problems.add(key.key, Show::UpToPlace, &key.path, rule, hint);
    }

    /// The single value at the key.
    pub(crate) fn value<K: Kind>(&mut self, at: &At<'_>, field: Field<Leaf<K>>) -> Option<K::Value> {
        self.parse::<K>(at, field, false)
    }

    /// The single value at the key, which must not be shown.
    pub(crate) fn secret_value<K: Kind>(&mut self, at: &At<'_>, field: Field<Leaf<K>>) -> Option<K::Value> {
        self.parse::<K>(at, field, true)
    }

    fn parse<K: Kind>(&mut self, at: &At<'_>, field: Field<Leaf<K>>, secret: bool) -> Option<K::Value> {
        let leaf = self.open(at, field)?;
        match K::parse(&at.written(&leaf.scalar)) {
            Ok(value) => Some(value),
            Err(_) if secret => {
                self.wrong_unshown(at, format!("expected {}", K::WANTED), "quote it, if it is text");
                None
            }
            Err(mistake) => {
                self.problems.add(at.value_place(), Show::Line, &at.path, mistake.rule, mistake.hint);
                None
            }
        }
    }

    /// The time zone that is named at the key.
    pub(crate) fn zone(&mut self, at: &At<'_>, field: Field<Leaf<ZoneName>>) -> Option<Arc<TimeZone>> {
        let name = self.value(at, field)?;
        let known = self.zones.entry(name).or_insert_with_key(|name| calendar::time_zone(name).map(Arc::new)).clone();
        known.map_err(|CalendarError { rule, hint }| self.wrong(at, rule, hint)).ok()
    }

    /// The items of the list at the key, each with its place.
    pub(crate) fn items<'t, 'de, T: Raw<'de>>(
        &mut self,
        at: &At<'t>,
        field: Field<List<T>>,
    ) -> Option<Vec<(At<'t>, Field<T>)>> {
        let List(items) = self.open(at, field)?;
        Some(items.into_iter().enumerate().map(|(index, item)| (at.item(index), item)).collect())
    }

    /// The entries of the mapping at the key, by name, each with its place.
    pub(crate) fn entries<'t, 'de, T: Raw<'de>>(
        &mut self,
        at: &At<'t>,
        field: Field<raw::field::Dict<T>>,
    ) -> Option<Vec<(At<'t>, String, Field<T>)>> {
        let raw::field::Dict(entries) = self.open(at, field)?;
        Some(entries.into_iter().filter(|(name, _)| name != "<<").map(|(name, f)| (at.key(&name), name, f)).collect())
    }

    /// The single values of a list that needs at least one and none twice.
    pub(crate) fn distinct<'t, K: Kind>(
        &mut self,
        at: &At<'t>,
        field: Field<List<Leaf<K>>>,
    ) -> Option<Vec<(At<'t>, K::Value)>>
    where
        K::Value: PartialEq + Ord + Clone,
    {
        let items = self.items(at, field)?;
        if items.is_empty() {
            self.wrong(at, "the list is empty", "name at least one");
            return None;
        }
        let mut seen = std::collections::BTreeSet::new();
        let mut values = Vec::new();
        let mut whole = true;
        for (at, item) in items {
            let Some(value) = self.value(&at, item) else {
                whole = false;
                continue;
            };
            if seen.insert(value.clone()) {
                values.push((at, value));
            } else {
                self.wrong(&at, "this stands twice in the list", "remove one of the two");
                whole = false;
            }
        }
        whole.then_some(values)
    }

    /// The duration, when it lies within these bounds.
    pub(crate) fn within(&mut self, at: &At<'_>, value: Option<Span>, least: Span, most: Span) -> Option<Span> {
        let value = value?;
        if value < least {
            self.wrong(at, format!("{value} is too short"), format!("it must be {least} at least"));
        } else if value > most {
            self.wrong(at, format!("{value} is too long"), format!("it can be {most} at most"));
        } else {
            return Some(value);
        }
        None
    }

    /// The name, when it is made of these characters.
    pub(crate) fn named(&mut self, at: &At<'_>, name: Option<String>, rule: &NameRule) -> Option<String> {
        let name = name?;
        if rule.allows(&name) {
            return Some(name);
        }
        self.wrong(at, format!("{} is no {}", quoted(&name), rule.what), rule.hint);
        None
    }
}

/// What a name may look like.
pub(crate) struct NameRule {
    /// What it names.
    pub(crate) what: &'static str,
    pub(crate) hint: &'static str,
    /// In characters.
    pub(crate) longest: usize,
    pub(crate) first: fn(char) -> bool,
    pub(crate) rest: fn(char) -> bool,
}

impl NameRule {
    /// What is told in reports, views and metrics.
    pub(crate) const fn plain(what: &'static str) -> Self {
        Self {
            what,
            hint: "small letters, digits and dashes, at most 63",
            longest: 63,
            first: |c| c.is_ascii_lowercase() || c.is_ascii_digit(),
            rest: |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-',
        }
    }

    pub(crate) fn allows(&self, name: &str) -> bool {
        let mut chars = name.chars();
        chars.next().is_some_and(self.first) && chars.all(self.rest) && name.chars().count() <= self.longest
    }
}

/// Names that come from a cloud: regions, zones, instance types. No slash, as a pool prints with slashes.
pub(crate) const PLACE_NAME: NameRule = NameRule {
    what: "name of a region, zone or instance type",
    hint: "letters, digits, dots, dashes and underscores, at most 64",
    longest: 64,
    first: |c| c.is_ascii_alphanumeric(),
    rest: |c| c.is_ascii_alphanumeric() || ['.', '-', '_'].contains(&c),
};

/// A longest time of a week for waits that an operator chooses: longer ones are mistakes of a unit.
pub(crate) const WEEK: Span = Span::from_hours(7 * 24);

/// Further bound of times.
pub(crate) const MONTH: Span = Span::from_hours(30 * 24);

/// What fleets need to know of the providers.
pub(crate) struct Known<'c> {
    /// Every name, also of those that had problems of their own.
    pub(crate) names: Vec<String>,
    /// Those without problems.
    pub(crate) valid: &'c BTreeMap<ProviderName, ProviderConfig>,
    /// The currencies that can be converted.
    pub(crate) currencies: Vec<Currency>,
    /// `daemon.public_url`; `None` where the daemon's part has problems of its own.
    pub(crate) public_url: Option<Option<String>>,
}

/// The configuration that the file describes, when every rule holds.
pub(crate) fn lower(cx: &mut Lowering<'_, '_>, at: &At<'_>, file: Field<raw::File>) -> Option<Config> {
    let raw::File { version, daemon, providers, fleets } = cx.open(at, file)?;
    let version = cx.value(&at.key("version"), version);
    let (daemon, currencies) = daemon::lower(cx, &at.key("daemon"), daemon);
    let (names, valid) = providers::lower(cx, &at.key("providers"), providers, &currencies);
    let public_url = daemon.as_ref().map(|daemon| daemon.public_url.clone());
    let known = Known { names, valid: &valid, currencies, public_url };
    let fleets = lower_fleets(cx, &at.key("fleets"), fleets, &known);
    let has_labels = valid.values().any(|provider| matches!(provider, ProviderConfig::Gcp(_)));
    if let Some(daemon) = daemon.as_ref().filter(|daemon| has_labels && !gcp::LABEL.allows(&daemon.owner)) {
        let rule = format!("on Compute Engine the owner is a label, and {} cannot be one", quoted(&daemon.owner));
        cx.wrong(&at.key("daemon").key("owner"), rule, gcp::LABEL.hint);
    }
    let names_machines = valid.values().any(|provider| matches!(provider, ProviderConfig::Ppio(_)));
    let plain = NameRule::plain("owner");
    if let Some(daemon) = daemon.as_ref().filter(|daemon| names_machines && !plain.allows(&daemon.owner)) {
        let rule = format!("on PPIO the owner is part of each machine's name, and {} cannot be", quoted(&daemon.owner));
        cx.wrong(&at.key("daemon").key("owner"), rule, plain.hint);
    }
    version?;
    Some(Config { daemon: daemon?, fleets: fleets?, providers: valid })
}

fn lower_fleets(
    cx: &mut Lowering<'_, '_>,
    at: &At<'_>,
    fleets: Field<List<raw::Fleet>>,
    known: &Known<'_>,
) -> Option<Vec<FleetConfig>> {
    let items = cx.items(at, fleets)?;
    if items.is_empty() {
        cx.wrong(at, "the list is empty", "describe at least one fleet");
    }
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    let mut room = MAX_POOLS;
    let mut whole = true;
    let mut lowered = Vec::new();
    for (index, (at, item)) in items.into_iter().enumerate() {
        let (name, fleet) = fleet::lower(cx, &at, item, known, &mut room);
        if let Some(name) = name {
            if let Some(first) = names.get(&name) {
                let rule = format!("fleet {} is already defined, at fleets[{first}]", quoted(&name));
                cx.wrong(&at.key("name"), rule, "give each fleet a name of its own");
                whole = false;
            } else {
                names.insert(name, index);
            }
        }
        match fleet {
            Some(fleet) => lowered.push(fleet),
            None => whole = false,
        }
    }
    whole.then_some(lowered)
}
