//! The cases, by what they are about.
mod apart;
mod book;
mod brokers;
mod c_formats;
mod c_library;
mod c_processes;
pub(crate) mod c_streams;
mod c_waiting;
mod capsicum;
mod contain;
mod contained_brokers;
mod cpu_time;
mod crowds;
mod crypts;
mod cwd;
mod demonstrated;
mod dry_runs;
mod graphs;
mod hostile;
mod jobs;
mod leases;
mod machine;
mod names;
mod place;
mod policies;
mod posix;
mod processes;
mod promises;
mod rights;
mod running_sandboxes;
mod sandbox;
mod seen;
mod servers;
mod shared_memory;
mod std_environment;
mod std_files;
mod std_library;
mod std_threads;
mod supervision;
mod support;
mod system;
mod terminal_limits;
mod terminals;
pub(crate) mod traced_sockets;
mod traces;
mod unix_sockets;
pub(crate) mod unveil;
mod views;
pub(crate) mod ways_out;

use crate::run::Case;

/// Every case.
pub(crate) const CASES: &[&[Case]] = &[
    names::CASES,
    rights::CASES,
    contain::CASES,
    ways_out::native::CASES,
    ways_out::views::CASES,
    ways_out::confined::CASES,
    ways_out::acts::CASES,
    ways_out::calls::CASES,
    ways_out::races::CASES,
    ways_out::swaps::CASES,
    ways_out::scripts::CASES,
    sandbox::CASES,
    views::CASES,
    crypts::CASES,
    policies::CASES,
    contained_brokers::CASES,
    dry_runs::CASES,
    running_sandboxes::CASES,
    demonstrated::CASES,
    capsicum::CASES,
    promises::CASES,
    unveil::CASES,
    cwd::CASES,
    leases::CASES,
    servers::CASES,
    book::CASES,
    brokers::CASES,
    supervision::CASES,
    crowds::CASES,
    system::CASES,
    seen::CASES,
    traces::CASES,
    traced_sockets::CASES,
    graphs::CASES,
    processes::CASES,
    hostile::CASES,
    machine::CASES,
    posix::CASES,
    jobs::CASES,
    unix_sockets::CASES,
    terminal_limits::CASES,
    terminals::CASES,
    shared_memory::CASES,
    std_library::CASES,
    std_files::CASES,
    std_threads::CASES,
    std_environment::CASES,
    c_formats::CASES,
    c_library::CASES,
    c_processes::CASES,
    c_streams::CASES,
    c_waiting::CASES,
    cpu_time::CASES,
];
