//! Names: each text once, with the symbol that stands for it in the machine.

use std::collections::BTreeMap;

use periplus_core::Input;
use periplus_core::ids::Symbol;
use periplus_core::input::{BATCH_MAX, Command};

/// All names that were met, in the order in which they were.
#[derive(Debug, Default)]
pub(crate) struct Names {
    symbols: BTreeMap<String, Symbol>,
    texts: Vec<String>,
    /// How many of them the machine has been told.
    told: usize,
}

impl Names {
    pub(crate) fn symbol(&mut self, text: &str) -> Symbol {
        if let Some(symbol) = self.symbols.get(text) {
            return *symbol;
        }
        let symbol = Symbol::from_index(self.texts.len());
        self.symbols.insert(text.to_owned(), symbol);
        self.texts.push(text.to_owned());
        symbol
    }

    /// The commands that tell the machine those names which it has not been told yet.
    pub(crate) fn tell(&mut self) -> Vec<Input> {
        let mut first = self.told;
        let batches = self.texts[first..].chunks(BATCH_MAX);
        let commands = batches.map(|texts| {
            let command = Command::Name { first: Symbol::from_index(first), texts: texts.to_vec() };
            first += texts.len();
            Input::Command(command)
        });
        let commands = commands.collect();
        self.told = self.texts.len();
        commands
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_once_in_batches() {
        let mut names = Names::default();
        let count = BATCH_MAX + 1;
        for number in 0..count {
            assert_eq!(names.symbol(&number.to_string()), Symbol::from_index(number));
        }
        assert_eq!(names.symbol("7"), Symbol(7));
        let told = names.tell();
        let firsts = told.iter().filter_map(|input| {
            let Input::Command(Command::Name { first, texts }) = input else { return None };
            Some((first.index(), texts.len()))
        });
        let firsts: Vec<_> = firsts.collect();
        assert_eq!(firsts, [(0, BATCH_MAX), (BATCH_MAX, 1)]);
        assert!(names.tell().is_empty());
    }
}
