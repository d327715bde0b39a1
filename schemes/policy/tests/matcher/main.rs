//! The matcher: against a slow one, against others, and against hostile input.
mod hostile;
mod matching;
mod others;
mod reference;
