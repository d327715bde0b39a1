//! From a draft to a policy.
use crate::alphabet::Alphabet;
use crate::draft::Draft;
use crate::hash::Hash;
use crate::lazy::Machine;
use crate::limits;
use crate::mistake::Mistake;
use crate::nodes::Growing;
use crate::policy::Policy;
use crate::rule::{Effect, Rule};

pub(crate) fn compile(draft: Draft) -> Result<Policy, Mistake> {
    let Draft { rules, files, .. } = draft;
    let mut growing = Growing::new();
    let mistake = |rule: &Rule, what: String| {
        let file = files.get(rule.file as usize).cloned().unwrap_or_default();
        Mistake { file, line: rule.number, column: 1, what }
    };
    for (line, rule) in (0..).zip(&rules) {
        growing.put(&rule.glob, line);
        if growing.len() > limits::NODES {
            let what = format!("patterns of more than {} nodes together", limits::NODES);
            return Err(mistake(rule, what));
        }
    }
    let effects: Vec<Effect> = rules.iter().map(|rule| rule.effect).collect();
    let alphabet = Alphabet::new(rules.iter().map(|rule| &rule.glob));
    if let Some(last) = rules.last().filter(|_| alphabet.len() > limits::LETTERS) {
        let what = format!("patterns that tell more than {} characters apart", limits::LETTERS);
        return Err(mistake(last, what));
    }
    let nodes = growing.done(&effects);
    let hash = Hash::of(&rules);
    Ok(Policy { machine: Machine::new(nodes, alphabet, effects), rules, files, hash })
}
