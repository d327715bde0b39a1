//! `warden`: what `contain` becomes where somebody has to stay with the program that it runs, or
//! to say something: it serves views of files by a policy and a broker, learns what a program uses,
//! takes orders while it runs, and explains.
#![forbid(unsafe_code)]

mod broker;
mod control;
mod dry;
mod guarded;
mod learn;
mod live;
mod orders;
mod overlaid;
mod policy;

use allow_list::List;
use clavis::account::Account;
use clavis::namespace::{Namespace, permissions};
use clavis::{Handle, Place};
use clavis_broker::{Broker, Person};
use clavis_policy::{Guard, Lock, Running};
use containment::{FAILED, Own, Trouble};
use control::{Control, Known};
use live::Live;
use std::process::ExitCode;
use std::sync::Arc;

const USAGE: &str = "\
usage: contain [OPTION...] PROGRAM [ARGUMENT...]
run a program that gets what is listed here and nothing else

  -a, --allow RIGHTS:PATH          a directory with all below it, or a file, at its own path
  -s, --scheme NAME[:RIGHTS]       a name of the namespace
  -l, --limit NAME=NUMBER,...      memory=64M, handles=1024, threads=64 unless said otherwise;
                                   changes=32M is what a dry run keeps
  -e, --env NAME[=VALUE]           an environment variable
  -t, --terminal                   let it control the terminal: raw mode, jobs
  -p, --policy FILE                what paths give, instead of --allow and --scheme
  -b, --broker FILE                a broker, which gives what that policy allows when it is asked
      --ask FILE                   what you are asked about, at this terminal, when it asks
  -n, --name NAME                  let who runs it look at it and take away from it meanwhile
      --dry-run                    keep what it changes in files from them; when it has ended, say what
                                   that is, and change what you accept, at this terminal
      --dry-run=show               the same, and ask nobody: nothing is changed
      --explain PATH               say which line of the policy decides, and run nothing
      --learn FILE                 run it with every file, write the least policy for what it used,
                                   and run it again under that

to a program that runs under a name:
      contain --status NAME            say what it has
      contain --shrink NAME LINE...    take away what lines of a policy say (deny, hide, mask)
      contain --seal NAME              let nothing be taken away any more
      contain --revoke NAME            take back what its broker granted

RIGHTS are letters: r read, w write, x run, c create and remove, a append; or names of rights
joined by + (caps --legend lists them). Rights of a directory hold for all below it; a directory
within may be given more. A program that starts others needs the name `memory`.
The status is the program's own; 125: nothing came of it, 126: it does not start, 127: not found;
124: it ended well in a dry run, and not all that it changed was committed.";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == "--help") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let list = match allow_list::read(&words) {
        Ok(list) => list,
        Err(misuse) => {
            complain(&format!("{misuse} (contain --help)"));
            return ExitCode::from(FAILED);
        }
    };
    let outcome = match (&list.order, &list.policy) {
        (Some((name, order)), _) => orders::carry_out(name, order),
        (None, Some(path)) if !list.explained.is_empty() => policy::explain(path, &list.explained),
        _ => run(&list),
    };
    match outcome {
        Ok(status) => ExitCode::from(status),
        Err(trouble) => {
            complain(&trouble.why);
            ExitCode::from(trouble.status)
        }
    }
}

/// Says it in one piece: standard error has no buffer, and others write there too.
fn complain(why: &str) {
    let line = format!("contain: {why}\n");
    eprint!("{line}");
}

fn run(list: &List) -> Result<u8, Trouble> {
    let own = Namespace::current().map_err(|error| Trouble::failed("namespace", &error))?;
    if let Some(dry) = list.dry {
        return dry::run(list, &own, dry);
    }
    // What it granted ends with it.
    let broker = broker::serve(&own, list)?.map(Arc::new);
    let account = containment::account(list)?;
    let mut live = None;
    let view = match (&list.policy, &list.learned, &list.name) {
        (Some(path), _, Some(_)) => {
            let guard = Guard::new(Arc::new(policy::read(path)?), Lock::ShrinkOnly);
            let built = Live::build(&own, &Arc::new(Running::new(guard)), broker.as_deref())?;
            let view = built.namespace.shrink(permissions::LIST);
            live = Some(built);
            view.map_err(|error| Trouble::failed("namespace", &error))?
        }
        (Some(path), _, None) => {
            guarded::build(&own, &Arc::new(policy::guard(path)?), broker.as_deref())?
        }
        (None, Some(file), _) => return learn::learn(list, &own, file),
        (None, None, _) => containment::build(&own, list, broker.as_deref().map(Broker::root))?,
    };
    let _control = match &list.name {
        None => None,
        Some(name) => {
            let copy = Handle::duplicate(&account, Place::Upper);
            let copy = copy.map_err(|error| Trouble::failed("account", &error))?;
            let command = list.command.join(" ").escape_debug().to_string();
            let account = Account::from_handle(copy);
            let known = Known { command, live, broker: broker.clone(), account };
            Some(Control::serve(own, name, known)?)
        }
    };
    contained(list, &view, &account)
}

/// Runs the program in a namespace, and answers its status.
fn contained(list: &List, view: &Namespace, account: &Account) -> Result<u8, Trouble> {
    let directory = std::env::current_dir().ok().map(|path| path.to_string_lossy().into_owned());
    let own = Own {
        variable: &|name| std::env::var(name).ok(),
        directory: directory.as_deref(),
        answers: broker::person(list) == Person::Present,
    };
    let ended = containment::contained(list, &own, view, account)?;
    if let Some(said) = &ended.said {
        complain(said);
    }
    Ok(ended.code)
}
