//! The broker of a contained program: what it may ask for, and who is asked.
use crate::policy;
use allow_list::List;
use clavis::namespace::Namespace;
use clavis_broker::{Broker, Network, Person, Prompt, Terms};
use clavis_policy::{Draft, Policy};
use containment::Trouble;
use std::io::{BufReader, IsTerminal};
use std::sync::Arc;

/// Serves the program a broker, if it is to have one. What that grants is opened in the namespace
/// of `contain`.
pub(crate) fn serve(own: &Namespace, list: &List) -> Result<Option<Broker>, Trouble> {
    if !list.asks() {
        return Ok(None);
    }
    let person = person(list);
    let terms = Terms {
        grant: read(list.broker.as_deref())?.map_or_else(nothing, Ok)?,
        ask: read(list.ask.as_deref())?,
        person,
        network: Network::Absent,
    };
    let broker = Broker::serve(own.handle(), terms)
        .map_err(|error| Trouble::failed("the broker", &clavis::Error::from_errno(error.errno)))?;
    if person == Person::Present {
        let program = list.command.first().map_or("", String::as_str);
        let input = BufReader::new(std::io::stdin());
        broker.attend(Prompt::new(program, input, std::io::stderr()));
    }
    Ok(Some(broker))
}

/// Who answers questions: somebody at the terminal that `contain` reads from.
pub(crate) fn person(list: &List) -> Person {
    if list.ask.is_some() && std::io::stdin().is_terminal() {
        Person::Present
    } else {
        Person::Absent
    }
}

fn read(path: Option<&str>) -> Result<Option<Arc<Policy>>, Trouble> {
    path.map(|path| policy::read(path).map(Arc::new)).transpose()
}

fn nothing() -> Result<Arc<Policy>, Trouble> {
    let policy = Draft::new().seal().map_err(|mistake| Trouble::plain(mistake.to_string()))?;
    Ok(Arc::new(policy))
}
