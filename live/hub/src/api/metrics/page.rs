//! A page of metrics in Prometheus' text format, version 0.0.4:
//! <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>.

use std::fmt::{Display, Write};

/// The type that such a page is sent as.
pub(in crate::api) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A page of metrics.
#[derive(Debug, Default)]
pub(super) struct Page {
    text: String,
}

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Gauge,
    /// It only grows, and is nothing after a start. Its name ends with `_total`.
    Counter,
    /// A sum and a count.
    Summary,
}

/// The samples of one metric. Where there are none, the page does not have it.
#[derive(Debug)]
pub(super) struct Family<'a> {
    page: &'a mut Page,
    name: &'static str,
    kind: Kind,
    help: &'static str,
    is_begun: bool,
}

impl Page {
    /// Begins a metric. All of its samples stand together.
    pub(super) fn family(
        &mut self,
        name: &'static str,
        kind: Kind,
        help: &'static str,
    ) -> Family<'_> {
        assert_eq!(name.ends_with("_total"), kind == Kind::Counter, "{name}");
        Family { page: self, name, kind, help, is_begun: false }
    }

    /// A gauge of one sample.
    pub(super) fn gauge(&mut self, name: &'static str, help: &'static str, value: impl Display) {
        self.family(name, Kind::Gauge, help).add(&[], value);
    }

    /// A counter of one sample.
    pub(super) fn counter(&mut self, name: &'static str, help: &'static str, value: u64) {
        self.family(name, Kind::Counter, help).add(&[], value);
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}

impl Family<'_> {
    /// Adds a sample. No two have the same labels.
    pub(super) fn add(&mut self, labels: &[(&str, &str)], value: impl Display) -> &mut Self {
        self.sample("", labels, value)
    }

    /// Adds the sum and the count of a summary.
    pub(super) fn add_sum(&mut self, labels: &[(&str, &str)], sum: f64, count: u64) {
        assert_eq!(self.kind, Kind::Summary, "{}", self.name);
        self.sample("_sum", labels, sum);
        self.sample("_count", labels, count);
    }

    fn sample(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) -> &mut Self {
        self.begin();
        let text = &mut self.page.text;
        text.push_str(self.name);
        text.push_str(suffix);
        for (place, (label, value)) in labels.iter().enumerate() {
            text.push(if place == 0 { '{' } else { ',' });
            text.push_str(label);
            text.push_str("=\"");
            escape(value, text);
            text.push('"');
        }
        if !labels.is_empty() {
            text.push('}');
        }
        // Writing to a text does not fail.
        let _ = writeln!(text, " {value}");
        self
    }

    fn begin(&mut self) {
        if std::mem::replace(&mut self.is_begun, true) {
            return;
        }
        let kind = match self.kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
            Kind::Summary => "summary",
        };
        let (name, help) = (self.name, self.help);
        let _ = writeln!(self.page.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }
}

fn escape(value: &str, text: &mut String) {
    for next in value.chars() {
        match next {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_as_the_format_has_it() {
        let mut page = Page::default();
        page.gauge("a", "One.", 1);
        page.family("b_total", Kind::Counter, "Two.")
            .add(&[("x", "a\\b\"c\nd"), ("y", "")], 2)
            .add(&[("x", "e"), ("y", "f")], 3_u64);
        page.family("c", Kind::Gauge, "None.");
        page.family("d", Kind::Summary, "Sums.").add_sum(&[("x", "g")], 0.25, 4);
        let right = "# HELP a One.\n# TYPE a gauge\na 1\n\
                     # HELP b_total Two.\n# TYPE b_total counter\n\
                     b_total{x=\"a\\\\b\\\"c\\nd\",y=\"\"} 2\nb_total{x=\"e\",y=\"f\"} 3\n\
                     # HELP d Sums.\n# TYPE d summary\nd_sum{x=\"g\"} 0.25\nd_count{x=\"g\"} 4\n";
        assert_eq!(page.into_text(), right);
    }
}
