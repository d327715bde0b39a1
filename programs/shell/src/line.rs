//! Lines that a person edits: `liner` has the keys and the history, the shell's own descriptors
//! carry them.
use crate::state::Shell;
use crate::system::Directory;
use liner::{Completer, Context, Editor, Emacs, KeyMap, Prompt};
use shell_language::expand::Environment;
use shell_language::glob::Directory as _;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::sync::Arc;
use termion::event::{Event, parse_event};
use termion::raw::IntoRawMode;

/// Lines that can be called back.
const HISTORY: usize = 500;
/// Where they are kept for the next shell, in HOME.
const HISTORY_FILE: &str = ".history";

/// The terminal and what was typed there.
pub(crate) struct Lines {
    keys: Keys,
    screen: Arc<File>,
    context: Context,
}

impl Lines {
    /// On the shell's descriptors 0 and 1.
    pub(crate) fn new(shell: &Shell) -> Option<Lines> {
        let terminal = Arc::clone(shell.descriptors.get(&0)?);
        let screen = Arc::clone(shell.descriptors.get(&1)?);
        let mut context = Context::new();
        context.history.set_max_buffers_size(HISTORY);
        context.history.append_duplicate_entries = false;
        if let Some(home) = shell.variable("HOME") {
            context.history.inc_append = true;
            let path = format!("{}/{HISTORY_FILE}", home.trim_end_matches('/'));
            // Where no file can be made, what is typed is kept as long as the shell lives.
            _ = context.history.set_file_name_and_load_history(path);
        }
        Some(Lines { keys: Keys { terminal, typed: VecDeque::new() }, screen, context })
    }

    /// The lines that can be called back, oldest first.
    pub(crate) fn history(&self) -> Vec<String> {
        (&self.context.history).into_iter().map(|line| String::from(line.clone())).collect()
    }

    /// The next line with its line end; `None` at the end. The terminal is raw meanwhile, so that
    /// programs find it as they expect.
    ///
    /// # Errors
    /// `Interrupted` for Ctrl-C; what the terminal answers.
    pub(crate) fn next(
        &mut self,
        prompt: &str,
        directory: &Directory,
    ) -> io::Result<Option<String>> {
        let screen = Arc::clone(&self.screen).into_raw_mode()?;
        let mut editor = Editor::new(screen, Prompt::from(prompt), None, &mut self.context)?;
        let (mut keymap, mut names) = (Emacs::default(), Names(directory));
        keymap.init(&mut editor);
        let line: String = loop {
            let Some(first) = self.keys.next().transpose()? else { return Ok(None) };
            // What is no key (a terminal's answer, a cut character) is passed over.
            let Ok(Event::Key(key)) = parse_event(first, &mut self.keys) else { continue };
            match keymap.handle_key(key, &mut editor, &mut names) {
                Ok(true) => break editor.into(),
                Ok(false) => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
                Err(error) => return Err(error),
            }
        };
        if !line.trim().is_empty() {
            self.context.history.push(line.as_str().into())?;
        }
        Ok(Some(line + "\n"))
    }
}

/// Bytes of the terminal, one after the other.
struct Keys {
    terminal: Arc<File>,
    typed: VecDeque<u8>,
}

impl Iterator for Keys {
    type Item = io::Result<u8>;

    fn next(&mut self) -> Option<io::Result<u8>> {
        if self.typed.is_empty() {
            let mut chunk = [0; 256];
            match (&*self.terminal).read(&mut chunk) {
                Ok(count) => self.typed.extend(chunk.iter().take(count)),
                Err(error) => return Some(Err(error)),
            }
        }
        // The enter key of a raw terminal.
        let key = |byte| if byte == b'\r' { b'\n' } else { byte };
        self.typed.pop_front().map(key).map(Ok)
    }
}

/// Completes names of files as the shell's current directory has them.
struct Names<'a>(&'a Directory);

impl Completer for Names<'_> {
    fn completions(&mut self, start: &str) -> Vec<String> {
        let (directory, begun) = match start.rfind('/') {
            Some(end) => start.split_at(end + 1),
            None => ("", start),
        };
        let mut names = self.0.names(directory);
        names.retain(|name| name.starts_with(begun) && name != "." && name != "..");
        names.sort();
        names.into_iter().map(|name| format!("{directory}{name}")).collect()
    }
}
