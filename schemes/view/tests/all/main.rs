//! Views of file systems in memory.
mod hostile;
mod model;
mod world;
