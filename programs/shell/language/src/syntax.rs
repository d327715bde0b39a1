//! What a program of the shell consists of.
use std::sync::Arc;

/// A list of chains, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// The chains.
    pub items: Vec<Item>,
}

/// A chain and whether the shell waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What to run.
    pub chain: Chain,
    /// Whether to wait.
    pub mode: Mode,
}

/// Whether the shell waits for a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It waits.
    Foreground,
    /// It goes on (`&`).
    Background,
}

/// Pipelines joined by `&&` and `||`, from left to right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The first pipeline.
    pub first: Pipeline,
    /// The others, each with what joins it to the status so far.
    pub rest: Vec<(Connector, Pipeline)>,
}

/// What joins two pipelines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connector {
    /// `&&`: run if the status is 0.
    And,
    /// `||`: run if the status is not 0.
    Or,
}

/// Commands joined by `|`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pipeline {
    /// Whether `!` stands before it.
    pub sense: Sense,
    /// The commands; at least one.
    pub commands: Vec<Command>,
}

/// How a pipeline's status is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sense {
    /// As it is.
    Plain,
    /// `!`: 0 becomes 1, all else 0.
    Negated,
}

/// One command of a pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Words and redirections.
    Simple(Simple),
    /// A compound command with its redirections.
    Compound(Compound, Vec<Redirection>),
}

/// Assignments, words and redirections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Simple {
    /// `NAME=value` before the first word.
    pub assignments: Vec<Assignment>,
    /// The words; the first is the command.
    pub words: Vec<Word>,
    /// The redirections, in order.
    pub redirections: Vec<Redirection>,
}

/// A command made of programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compound {
    /// `{ …; }`.
    Group(Program),
    /// `( … )`: changes of variables and directory stay inside.
    Subshell(Program),
    /// `if … then … elif … else … fi`.
    If {
        /// Conditions with what follows them.
        branches: Vec<(Program, Program)>,
        /// What follows `else`.
        otherwise: Option<Program>,
    },
    /// `while … do … done` and `until … do … done`.
    Loop {
        /// Which status of the condition goes on.
        sense: Sense,
        /// The condition.
        condition: Program,
        /// The body.
        body: Program,
    },
    /// `for NAME in WORDS; do … done`.
    For {
        /// The variable.
        name: String,
        /// The words; `None` without `in`: the positional parameters.
        words: Option<Vec<Word>>,
        /// The body.
        body: Program,
    },
    /// `case WORD in PATTERN | PATTERN) … ;; … esac`.
    Case {
        /// What is compared.
        word: Word,
        /// Patterns, and what follows the first of them that matches.
        arms: Vec<(Vec<Word>, Program)>,
    },
    /// `NAME() COMMAND`: defines what the name does from now on.
    Function {
        /// The name.
        name: String,
        /// What it does.
        body: Arc<Command>,
    },
}

/// `NAME=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The variable.
    pub name: String,
    /// Its value.
    pub value: Word,
}

/// A redirection of one descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirection {
    /// Number of the descriptor in the command.
    pub descriptor: u32,
    /// Where it goes.
    pub target: Target,
}

/// Where a redirection goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A file, opened so.
    File(How, Word),
    /// What another descriptor of the command is at that moment (`2>&1`).
    Descriptor(u32),
    /// Nowhere (`>&-`).
    Closed,
    /// A text that is read (`<<`).
    Text(Word),
}

/// How a redirection opens its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// `<`.
    Read,
    /// `>`: created or truncated.
    Write,
    /// `>>`: created, written at the end.
    Append,
    /// `<>`.
    ReadWrite,
}

/// A word before expansion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// Its parts, side by side.
    pub parts: Vec<Part>,
}

impl Word {
    /// The text, if the word is one piece of unquoted text.
    #[must_use]
    pub fn bare(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Text { text, quoting: Quoting::Bare }] => Some(text),
            _ => None,
        }
    }
}

/// Whether a part stood in quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quoting {
    /// Not in quotes: values are split at white space and globs are matched.
    Bare,
    /// In quotes: taken as it is.
    Quoted,
}

/// A part of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text.
    Text {
        /// The characters, without quotes and backslashes.
        text: String,
        /// Whether they stood in quotes.
        quoting: Quoting,
    },
    /// `$NAME`, `${NAME}`, `${NAME:-word}` and its kin.
    Variable {
        /// The name, or one of `? $ # ! @ * 0 1 …`.
        name: String,
        /// What follows the name.
        form: Form,
        /// Whether it stood in double quotes.
        quoting: Quoting,
    },
    /// `$(…)` or backquotes: what the program prints.
    Substitution {
        /// The program.
        program: Program,
        /// Whether it stood in double quotes.
        quoting: Quoting,
    },
    /// `$((…))`: the value of an expression.
    Arithmetic {
        /// The expression.
        expression: Word,
        /// Whether it stood in double quotes.
        quoting: Quoting,
    },
    /// `~`: the value of HOME.
    Home,
}

/// What `${NAME…}` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// The value.
    Value,
    /// `${#NAME}`: its length in characters.
    Length,
    /// `-`, `=`, `?` and `+` with their word; [`Empty::Counts`] with a colon before.
    Otherwise(Otherwise, Empty, Word),
    /// `#`, `##`, `%` and `%%`: the value without what a pattern matches at one end.
    Trimmed {
        /// Which end.
        end: End,
        /// Whether as much as possible is cut, or as little.
        longest: bool,
        /// The pattern.
        pattern: Word,
    },
}

/// An end of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Its front.
    Front,
    /// Its back.
    Back,
}

/// What to do when a variable is absent (for `+`: when it is there).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// `-`: use the word.
    Use,
    /// `=`: assign the word and use it.
    Assign,
    /// `?`: fail with the word as message.
    Fail,
    /// `+`: use the word if the variable is there, else nothing.
    Replace,
}

/// Whether an empty value counts as absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Empty {
    /// It counts as absent.
    Counts,
    /// It is a value.
    IsValue,
}
