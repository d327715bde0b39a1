//! `objects`: how many kernel objects of each type were made and destroyed since boot, with the
//! frames that are free and the answers that nobody waited for.
#![forbid(unsafe_code)]

use clavis::abi::error;
use clavis_render::handle::printable;
use clavis_render::reason;
use clavis_render::table::{Align, Table};
use std::process::ExitCode;

fn main() -> ExitCode {
    let rows = match clavis::object::counters() {
        Ok(rows) => rows,
        Err(error) => {
            let reason = match error.errno() {
                error::ENOENT => "this process was not given them".to_owned(),
                _ => reason::of_error(&error.into(), clavis::error::last_denial),
            };
            eprintln!("objects: counters: {reason}");
            return ExitCode::FAILURE;
        }
    };
    use Align::{Left, Right};
    let heading = [("OBJECT", Left), ("MADE", Right), ("DESTROYED", Right), ("NOW", Right)];
    let mut table = Table::with_heading(heading);
    for row in rows {
        let now = row.created.saturating_sub(row.destroyed);
        let cells = [row.created, row.destroyed, now].map(|count| count.to_string());
        let [created, destroyed, now] = cells;
        table.row([printable(&row.name), created, destroyed, now]);
    }
    print!("{}", table.text());
    ExitCode::SUCCESS
}
