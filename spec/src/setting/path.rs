//! Paths: where in a document a setting leads, and setting what is there.

use crate::diagnostic::Span;
use crate::schema::nearest;
use crate::yaml::{Entry, Node, Scalar, Style, Value};

/// A step further into a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A field; in a list, the field of every item.
    Key(String),
    /// One item of a list.
    Item(usize),
    /// The items of a list that have this value.
    Where(String, String),
}

/// A path and a value, at the first `=` that is not in brackets.
pub(super) fn split(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_u32;
    for (place, letter) in text.char_indices() {
        match letter {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            '=' if depth == 0 => return Some((&text[..place], &text[place + 1..])),
            _ => {}
        }
    }
    None
}

/// The steps of a path: fields with dots between them, brackets behind them.
pub(super) fn steps(path: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let (inner, behind) = inside
                .split_once(']')
                .ok_or_else(|| format!("a `[` in `{path}` is never closed"))?;
            steps.push(match (inner.split_once('='), inner.parse()) {
                (Some((key, value)), _) => Step::Where(key.trim().into(), value.trim().into()),
                (None, Ok(item)) => Step::Item(item),
                (None, Err(_)) => Step::Where("name".into(), inner.trim().into()),
            });
            rest = behind;
        } else {
            let word = rest.strip_prefix('.').filter(|_| !steps.is_empty()).unwrap_or(rest);
            let end = word.find(['.', '[']).unwrap_or(word.len());
            if end == 0 {
                return Err(format!("`{path}` has an empty step"));
            }
            steps.push(Step::Key(word[..end].into()));
            rest = &word[end..];
        }
    }
    Ok(steps)
}

/// Sets the field at the end of a path. Says how many it was.
pub(super) fn set(node: &mut Node, path: &[Step], value: &Node) -> Result<usize, String> {
    let Some((step, rest)) = path.split_first() else {
        *node = placed(value, node.span);
        return Ok(1);
    };
    match (step, &mut node.value) {
        (Step::Key(_), Value::List(items)) => {
            items.iter_mut().map(|item| set(item, path, value)).sum()
        }
        (Step::Key(key), Value::Map(_) | Value::Null) => {
            let span = node.head();
            let field = entry_mut(node, key, span).expect("it is a mapping, or becomes one");
            set(field, rest, value)
        }
        (Step::Item(item), Value::List(items)) => {
            let count = items.len();
            let found = items.get_mut(*item);
            set(
                found.ok_or_else(|| format!("the list has {count} items, none is [{item}]"))?,
                rest,
                value,
            )
        }
        (Step::Where(key, wanted), Value::List(items)) => {
            let mut fields = 0;
            let mut names: Vec<String> = Vec::new();
            for item in items.iter_mut() {
                let text = item.get(key).and_then(Node::text).map(str::to_owned);
                if text.as_ref() == Some(wanted) {
                    fields += set(item, rest, value)?;
                }
                names.extend(text);
            }
            if fields > 0 {
                return Ok(fields);
            }
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let known = nearest(wanted, &names).map(|near| format!("; did you mean `{near}`?"));
            Err(format!("no item has `{key}: {wanted}`{}", known.unwrap_or_default()))
        }
        (Step::Key(key), Value::Scalar(_)) => {
            Err(format!("`{key}` is looked for in {}", node.noun()))
        }
        (Step::Item(_) | Step::Where(..), _) => {
            Err(format!("brackets stand behind {}, not a list", node.noun()))
        }
    }
}

/// The value under a key, made if there is none; nothing where the node is no mapping.
pub(super) fn entry_mut<'a>(node: &'a mut Node, key: &str, span: Span) -> Option<&'a mut Node> {
    if node.is_null() {
        node.value = Value::Map(Vec::new());
    }
    let Value::Map(entries) = &mut node.value else { return None };
    let place = entries.iter().position(|entry| entry.key == key).unwrap_or_else(|| {
        entries.push(Entry { key: key.into(), key_span: span, value: Node::null(span) });
        entries.len() - 1
    });
    Some(&mut entries[place].value)
}

/// A value as it stands at another place.
fn placed(value: &Node, span: Span) -> Node {
    let value = match &value.value {
        Value::Null => Value::Null,
        Value::Scalar(Scalar { text, style: Style::Plain }) => {
            Value::Scalar(Scalar { text: text.clone(), style: Style::Filled })
        }
        Value::Scalar(scalar) => Value::Scalar(scalar.clone()),
        Value::List(items) => Value::List(items.iter().map(|item| placed(item, span)).collect()),
        Value::Map(entries) => Value::Map(
            entries
                .iter()
                .map(|entry| Entry {
                    key: entry.key.clone(),
                    key_span: span,
                    value: placed(&entry.value, span),
                })
                .collect(),
        ),
    };
    Node { span, value }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::diagnostic::Source;
    use crate::yaml;

    pub(crate) fn tree(text: &str) -> Node {
        let source = Arc::new(Source { name: "test".into(), text: text.into() });
        yaml::parse(&source).unwrap().remove(0)
    }

    pub(crate) fn said(node: &Node) -> String {
        match &node.value {
            Value::Null => "~".into(),
            Value::Scalar(scalar) => scalar.text.clone(),
            Value::List(items) => {
                format!("[{}]", items.iter().map(said).collect::<Vec<_>>().join(", "))
            }
            Value::Map(entries) => {
                let entries =
                    entries.iter().map(|one| format!("{}: {}", one.key, said(&one.value)));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
            }
        }
    }

    fn set_in(text: &str, path: &str, value: &str) -> Result<String, String> {
        let mut node = tree(text);
        set(&mut node, &steps(path)?, &tree(value))
            .map(|fields| format!("{fields} {}", said(&node)))
    }

    #[test]
    fn a_field_is_set_where_the_path_leads() {
        let set = |text, path, value| set_in(text, path, value).unwrap();
        assert_eq!(set("{a: {b: 1}}", "a.b", "2"), "1 {a: {b: 2}}");
        assert_eq!(set("{}", "a.b", "{c: 2}"), "1 {a: {b: {c: 2}}}");
        assert_eq!(set("{a: [{b: 1}, {b: 2}]}", "a.b", "3"), "2 {a: [{b: 3}, {b: 3}]}");
        assert_eq!(set("{a: [{b: 1}, {b: 2}]}", "a[1].b", "3"), "1 {a: [{b: 1}, {b: 3}]}");
        assert_eq!(
            set("{a: [{name: x, b: 1}, {name: y, b: 2}]}", "a[name=y].b", "3"),
            "1 {a: [{name: x, b: 1}, {name: y, b: 3}]}"
        );
        assert_eq!(set("{a: [{name: x, b: 1}]}", "a[x].b", "3"), "1 {a: [{name: x, b: 3}]}");
    }

    #[test]
    fn what_cannot_be_set_says_why() {
        let why = |text, path| set_in(text, path, "1").unwrap_err();
        assert_eq!(why("{a: [1]}", "a[3]"), "the list has 1 items, none is [3]");
        assert_eq!(why("{a: x}", "a.b"), "`b` is looked for in a text");
        assert_eq!(why("{a: {}}", "a[0]"), "brackets stand behind a mapping, not a list");
        assert_eq!(
            why("{a: [{name: edge}]}", "a[name=egde].b"),
            "no item has `name: egde`; did you mean `edge`?"
        );
    }
}
