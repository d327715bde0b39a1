//! Brokers: what is asked for by name comes back narrow, under a lease, or with a reason.
use super::support::{Peer, at, check, refused};
use crate::run::{Case, Verdict};
use clavis::abi::error::EREVOKED;
use clavis::handle::query;
use clavis::namespace::Namespace;
use clavis::{Handle, Place, Rights};
use clavis_broker::{Ask, Broker, Client, Grant, Network, Person, Refusal, Terms};
use clavis_policy::{Draft, Policy};
use std::fs;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;
use syscall::flag::{O_CREAT, O_DIRECTORY, O_RDONLY, O_RDWR};

pub(crate) const CASES: &[Case] = &[
    Case { name: "what_a_broker_grants_is_narrow_and_taken_back", run: granted },
    Case { name: "a_broker_says_why_it_gives_nothing", run: reasons },
    Case { name: "limits_of_a_broker_only_shrink", run: shrunk },
    Case { name: "a_person_decides_what_a_broker_gives", run: asked },
    Case { name: "a_broker_that_is_silent_or_dies_costs_a_deadline_at_most", run: faithless },
];

fn policy(text: &str) -> Result<Arc<Policy>, String> {
    let none = &mut |_: &str| Err("nothing is included".to_owned());
    let draft = Draft::new().read("case", text, none).and_then(Draft::seal);
    draft.map(Arc::new).map_err(|mistake| mistake.to_string())
}

fn broker(grant: &str, ask: Option<&str>, person: Person) -> Result<(Broker, Client), String> {
    let ask = ask.map(policy).transpose()?;
    let terms = Terms { grant: policy(grant)?, ask, person, network: Network::Absent };
    let names = at("namespace", Namespace::current())?;
    let broker = Broker::serve(names.handle(), terms);
    let broker = broker.map_err(|error| format!("serve: {error}"))?;
    let own = at("own handle", Handle::duplicate(broker.root(), Place::Upper))?;
    Ok((broker, Client::from_handle(own)))
}

fn gives<T>(what: &str, result: Result<T, Refusal>) -> Result<T, String> {
    result.map_err(|refusal| format!("{what}: {refusal}"))
}

fn says<T>(what: &str, result: Result<T, Refusal>, refusal: Refusal) -> Result<(), String> {
    match result {
        Err(found) if found == refusal => Ok(()),
        Err(found) => Err(format!("{what}: {found} instead of {refusal}")),
        Ok(_) => Err(format!("{what}: it was given instead of {refusal}")),
    }
}

/// A directory for a case, with `file` and `secret/file` in it.
fn files(name: &str) -> Result<String, String> {
    let path = format!("/tmp/broker-{name}");
    let made = fs::create_dir_all(format!("{path}/secret"))
        .and_then(|()| fs::write(format!("{path}/file"), "hello"))
        .and_then(|()| fs::write(format!("{path}/secret/file"), "hidden"));
    made.map_err(|error| format!("{path}: {error}"))?;
    Ok(path)
}

fn granted() -> Verdict {
    let work = files("granted")?;
    let text =
        format!("allow r {work}/***\nhide {work}/secret/***\nmask {work}/id\nallow rc {work}/made");
    let (broker, client) = broker(&text, None, Person::Absent)?;
    let file = gives("a file", client.open(&format!("{work}/file"), O_RDONLY))?;
    let mut bytes = [0; 8];
    let count = at("read", file.read_at(&mut bytes, 0))?;
    check(&bytes[..count] == b"hello", "it holds something else")?;
    let info = at("query", query(&file))?;
    check(info.lease.is_some(), "it is under no lease")?;
    check(!info.rights.intersects(Rights::WRITE | Rights::SET_ATTR), "it has more than was given")?;
    check(!info.inherit.intersects(Rights::WRITE), "it leads to more than was given")?;
    let masked = gives("a masked file", client.open(&format!("{work}/id"), O_RDONLY))?;
    check(at("read", masked.read_at(&mut bytes, 0))? == 0, "a masked file is not empty")?;
    let directory = gives("the directory", client.open(&work, O_RDONLY | O_DIRECTORY))?;
    check(Handle::open_at(&directory, "secret/file", 0).is_err(), "it leads to what is hidden")?;
    check(Handle::open_at(&directory, "../..", 0).is_err(), "it leads up")?;
    gives("a new file", client.open(&format!("{work}/made"), O_CREAT))?;
    gives("random bytes", client.open("/scheme/rand", O_RDONLY))
        .map_or(Ok(()), |_| Err("random bytes were given that no line allows".to_owned()))?;
    let copy = at("copy", Handle::duplicate(&file, Place::Upper))?;
    broker.revoke().map_err(|error| format!("revoke: {error}"))?;
    for (what, handle) in [("the file", &file), ("its copy", &copy), ("the directory", &directory)]
    {
        refused(what, Handle::duplicate(handle, Place::Upper), EREVOKED)?;
    }
    says("after that", client.open(&format!("{work}/file"), O_RDONLY), Refusal::Revoked)
}

fn reasons() -> Verdict {
    let work = files("reasons")?;
    let link = format!("{work}/link");
    _ = fs::remove_file(&link);
    std::os::unix::fs::symlink("secret/file", &link).map_err(|error| format!("{link}: {error}"))?;
    let text = format!(
        "allow r {work}/***\nhide {work}/secret/***\ndeny {work}/key\nallow r /scheme/net/***\n\
         allow r /scheme/rand"
    );
    let ask = format!("allow rw {work}/***");
    let (_broker, client) = broker(&text, Some(&ask), Person::Absent)?;
    let open = |name: &str, flags| client.open(&format!("{work}/{name}"), flags);
    says("to write", open("file", O_RDWR), Refusal::Denied)?;
    says("a file that never was", open("none", O_RDONLY), Refusal::Absent)?;
    says("what only a person gives", open("key", O_RDONLY), Refusal::NobodyToAsk)?;
    says("what is nobody's to give", client.open("/never", O_RDONLY), Refusal::Absent)?;
    says("a host", client.resolve("example.org"), Refusal::NoNetwork)?;
    says("a clock", client.time(1), Refusal::Absent)?;
    says("a climbing path", open("../../etc", O_RDONLY), Refusal::Absent)?;
    check(open("link", O_RDONLY).is_err(), "a link led to what is hidden")?;
    let random = gives("random bytes", client.random())?;
    let mut bytes = [0; 8];
    check(at("read", random.read_at(&mut bytes, 0)).is_ok_and(|count| count == 8), "none came")
}

fn shrunk() -> Verdict {
    let work = files("shrunk")?;
    let (_broker, client) = broker(&format!("allow rw {work}/***"), None, Person::Absent)?;
    let file = format!("{work}/file");
    let less = gives("limit", client.shrunk(&format!("allow rx {work}/***\nallow all /***")))?;
    gives("more by a limit", less.open("/etc", O_RDONLY))
        .map_or(Ok(()), |_| Err("a limit gave more".to_owned()))?;
    let less = gives("limit", less.shrunk(&format!("allow r {work}/***")))?;
    gives("to read", less.open(&file, O_RDONLY))?;
    says("to write", less.open(&file, O_RDWR), Refusal::Denied)?;
    gives("to write, without the limit", client.open(&file, O_RDWR))?;
    let none = gives("limit", less.shrunk(""))?;
    says("under no line", none.open(&file, O_RDONLY), Refusal::Absent)?;
    check(client.shrunk("allow").is_err(), "a mistake became a limit")
}

/// Somebody who says what comes through a channel, and what was asked.
struct Told(Receiver<bool>, Sender<Grant>);

impl Ask for Told {
    fn ask(&mut self, grant: &Grant) -> bool {
        _ = self.1.send(grant.clone());
        self.0.recv().unwrap_or(false)
    }
}

fn asked() -> Verdict {
    let work = files("asked")?;
    let file = format!("{work}/file");
    let (broker, client) = broker("", Some(&format!("allow r {work}/***")), Person::Present)?;
    let hasty = Client::from_handle(at("copy", Handle::duplicate(broker.root(), Place::Upper))?)
        .with_patience(Duration::from_millis(50));
    says("before anybody attends", hasty.open(&file, O_RDONLY), Refusal::TimedOut)?;
    let ((say, hears), (tells, question)) = (channel(), channel());
    broker.attend(Told(hears, tells));
    for yes in [true, false] {
        say.send(yes).map_err(|error| error.to_string())?;
        let given = client.open(&file, O_RDONLY);
        let asked = question.recv().map_err(|error| error.to_string())?;
        check(asked.path == file, &format!("the person was asked about {}", asked.path))?;
        if yes {
            let info = at("query", query(&gives("what was allowed", given)?))?;
            check(!info.rights.contains(Rights::WRITE), "it can be written")?;
        } else {
            says("what was refused", given, Refusal::Denied)?;
        }
    }
    Ok(())
}

fn faithless() -> Verdict {
    for (mode, refusal) in [("deaf", Refusal::TimedOut), ("die", Refusal::Gone)] {
        let peer = Peer::start(mode)?;
        let root = at("copy", Handle::duplicate(&peer.root, Place::Upper))?;
        let client = Client::from_handle(root).with_patience(Duration::from_millis(200));
        says(mode, client.open("/tmp", O_RDONLY), refusal)?;
        // Nothing is left of the deadline.
        std::thread::sleep(Duration::from_millis(1));
        at("a call without it", Handle::open("/tmp", O_RDONLY as u64))?;
    }
    Ok(())
}
