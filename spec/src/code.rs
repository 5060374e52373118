//! The codes of diagnostics: stable words for scripts, for searching, and for the reference.

use std::fmt;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $slug:literal,)+) => {
        /// What kind of complaint a diagnostic is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Code {
            /// All codes.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The code as it stands in output.
            #[must_use]
            pub const fn slug(self) -> &'static str {
                match self {
                    $(Self::$name => $slug,)+
                }
            }

            /// What it means, for the reference.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc),+),)+
                }
            }
        }
    };
}

codes! {
    /// An IP address, a range of them or a DNS name is not as it is written.
    BadAddress = "bad-address",
    /// A coordinate is not a decimal number of degrees.
    BadCoordinate = "bad-coordinate",
    /// A date and time is not as RFC 3339 writes it, or a time of day not `HH:MM`.
    BadTime = "bad-time",
    /// A distance is not a number, a space, and `m` or `km`.
    BadDistance = "bad-distance",
    /// A duration is not as Go writes it.
    BadDuration = "bad-duration",
    /// A label's key or value is not as Kubernetes allows it.
    BadLabel = "bad-label",
    /// An amount of money is not a decimal number of dollars.
    BadMoney = "bad-money",
    /// A name is not an RFC 1123 label.
    BadName = "bad-name",
    /// A number is not a decimal number.
    BadNumber = "bad-number",
    /// A part of a whole is not a percentage.
    BadPercentage = "bad-percentage",
    /// A quantity is not as Kubernetes writes it.
    BadQuantity = "bad-quantity",
    /// A row of a table cannot be read.
    BadRow = "bad-row",
    /// A label selector contradicts itself.
    BadSelector = "bad-selector",
    /// A field cannot be set otherwise as it was asked for.
    BadSetting = "bad-setting",
    /// Components wait for each other in a circle.
    DependencyCycle = "dependency-cycle",
    /// Two demands are declared for the same app and zone.
    DuplicateDemand = "duplicate-demand",
    /// A key stands twice in one mapping.
    DuplicateKey = "duplicate-key",
    /// Two things of one kind have the same name.
    DuplicateName = "duplicate-name",
    /// A list needs at least one entry.
    EmptyList = "empty-list",
    /// Not exactly one of several fields is given.
    ExactlyOne = "exactly-one",
    /// A component is in two groups.
    GroupRepeats = "group-repeats",
    /// A component is in no group.
    GroupMisses = "group-misses",
    /// Files include each other in a circle.
    IncludeCycle = "include-cycle",
    /// A path leaves the folder that files may be read from.
    IncludeEscapes = "include-escapes",
    /// A lower bound lies above the upper one.
    InvertedRange = "inverted-range",
    /// Clusters of one kind disagree on what the kind is.
    KindDisagrees = "kind-disagrees",
    /// A field that must be given is not.
    MissingField = "missing-field",
    /// A file holds no scenario.
    NoScenario = "no-scenario",
    /// A selection matches nothing.
    NothingSelected = "nothing-selected",
    /// Nothing can be done before the scenario starts or after it has ended.
    OutOfTime = "out-of-time",
    /// A number is not within its bounds.
    OutOfRange = "out-of-range",
    /// A zone reaches no cluster.
    OutOfReach = "out-of-reach",
    /// A changed app does not keep its components.
    ShapeChanged = "shape-changed",
    /// No number of replicas meets the promise.
    SloImpossible = "slo-impossible",
    /// Lists and mappings are nested too deep.
    TooDeep = "too-deep",
    /// A file, or a list in it, is too large.
    TooLarge = "too-large",
    /// There are more of something than can be counted.
    TooMany = "too-many",
    /// Calls grow without end along a circle.
    TrafficCycle = "traffic-cycle",
    /// No call leads to a component that works on requests.
    UncalledComponent = "uncalled-component",
    /// What is declared cannot be rendered for a cluster.
    Undeliverable = "undeliverable",
    /// No app has this name.
    UnknownApp = "unknown-app",
    /// No cluster has this name.
    UnknownCluster = "unknown-cluster",
    /// A table has no such column.
    UnknownColumn = "unknown-column",
    /// The app has no such component.
    UnknownComponent = "unknown-component",
    /// The app has no such group.
    UnknownGroup = "unknown-group",
    /// The kind has no such field.
    UnknownKey = "unknown-key",
    /// There is no such kind.
    UnknownKind = "unknown-kind",
    /// No cluster or zone has this name.
    UnknownPlace = "unknown-place",
    /// No tenant has this name.
    UnknownTenant = "unknown-tenant",
    /// A word is none of those that may stand here.
    UnknownValue = "unknown-value",
    /// The version is not supported.
    UnknownVersion = "unknown-version",
    /// No zone has this name.
    UnknownZone = "unknown-zone",
    /// A file cannot be read.
    UnreadableFile = "unreadable-file",
    /// YAML that is not supported here: tags, keys that are not texts, aliases into themselves.
    UnsupportedYaml = "unsupported-yaml",
    /// A setting of the service cannot be used as it is.
    UnusableSetting = "unusable-setting",
    /// A field is given that has no meaning beside another one.
    UselessField = "useless-field",
    /// A value has the wrong type.
    WrongType = "wrong-type",
    /// The text is not YAML.
    YamlSyntax = "yaml-syntax",
}

impl fmt::Display for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.slug())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_different_and_kebab_case() {
        let slugs: BTreeSet<_> = Code::ALL.iter().map(|code| code.slug()).collect();
        assert_eq!(slugs.len(), Code::ALL.len());
        let kebab = |slug: &str| slug.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        assert!(slugs.into_iter().all(kebab));
    }
}
