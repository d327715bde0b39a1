//! The tools of a first session, in one program. It does what the name says that it was started
//! under; as `tools NAME …` it does the same, and `tools` alone lists the names.
#![forbid(unsafe_code)]

mod clock;
mod copy;
mod environment;
mod list;
mod make;
mod process;
mod remove;
mod services;
mod text;
mod tool;

use std::process::ExitCode;
use tool::{Applet, Stop, Tool};

const APPLETS: &[(&str, Applet, &str)] = &[
    ("cat", text::cat, "cat [FILE...]: print files"),
    ("cp", copy::cp, "cp [-r] FROM... TO: copy"),
    ("date", clock::date, "date [-s @SECONDS]: the time (UTC), or set it"),
    ("echo", environment::echo, "echo [-n] WORD...: print words"),
    ("env", environment::env, "env [-i] [NAME=VALUE...] [COMMAND...]: show or set the environment"),
    ("false", environment::no, "false: fail"),
    ("head", text::head, "head [-n LINES] [FILE...]: the first lines"),
    ("hexdump", text::hexdump, "hexdump [FILE...]: bytes as numbers"),
    ("kill", process::kill, "kill [-SIGNAL] PROCESS...: send a signal"),
    ("ln", make::ln, "ln [-s] TARGET NAME: make a link"),
    ("ls", list::ls, "ls [-1al] [PATH...]: list directories"),
    ("mkdir", make::mkdir, "mkdir [-p] DIRECTORY...: make directories"),
    ("mv", copy::mv, "mv FROM... TO: move or rename"),
    ("poweroff", process::poweroff, "poweroff: switch the machine off"),
    ("printenv", environment::printenv, "printenv [NAME...]: show the environment"),
    ("ps", process::ps, "ps: list processes"),
    ("pwd", environment::pwd, "pwd: print the current directory"),
    ("reboot", process::reboot, "reboot: restart the machine"),
    ("rm", remove::rm, "rm [-rf] PATH...: remove"),
    ("rmdir", remove::rmdir, "rmdir DIRECTORY...: remove empty directories"),
    ("services", services::services, "services: list what init supervises"),
    ("sleep", clock::sleep, "sleep SECONDS: wait"),
    ("stat", list::stat, "stat PATH...: what is known of a file"),
    ("tail", text::tail, "tail [-n LINES] [FILE...]: the last lines"),
    ("touch", make::touch, "touch FILE...: make a file, or set its time to now"),
    ("true", environment::yes, "true: succeed"),
    ("uname", environment::uname, "uname [-a]: the system's name"),
    ("wc", text::wc, "wc [-clw] [FILE...]: count lines, words and bytes"),
];

fn main() -> ExitCode {
    let mut arguments: Vec<_> = std::env::args_os().collect();
    let mut name = tool::own_name(arguments.first());
    if !arguments.is_empty() {
        arguments.remove(0);
    }
    if name == "tools" {
        if arguments.is_empty() {
            return list_applets();
        }
        name = arguments.remove(0).to_string_lossy().into_owned();
    }
    let Some((known, applet, usage)) = APPLETS.iter().find(|row| row.0 == name) else {
        eprintln!("tools: {name}: there is no such tool (`tools` lists them)");
        return ExitCode::from(tool::MISUSE);
    };
    let mut tool = Tool::new(known);
    if arguments.iter().any(|argument| argument == "--help") {
        println!("{usage}");
        return ExitCode::SUCCESS;
    }
    match applet(&mut tool, lexopt::Parser::from_args(arguments)) {
        Ok(()) => tool.status(),
        Err(Stop::Misuse(error)) => {
            eprintln!("{known}: {error}\nusage: {usage}");
            ExitCode::from(tool::MISUSE)
        }
        Err(Stop::Output(error)) => {
            // Nobody reads any more: that is no error of ours, and nobody wants to hear of it.
            if error.kind() != std::io::ErrorKind::BrokenPipe {
                tool.complain("standard output", &error);
            }
            ExitCode::FAILURE
        }
        Err(Stop::Status(status)) => ExitCode::from(status),
    }
}

fn list_applets() -> ExitCode {
    for (_, _, usage) in APPLETS {
        println!("{usage}");
    }
    ExitCode::SUCCESS
}
