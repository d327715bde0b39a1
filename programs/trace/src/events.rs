//! Events of real handles, passed on to who waits for those of their stand-ins.
use crate::boundary::{Boundary, Stood, lock};
use clavis::handle::control;
use clavis::{AsNumber, Error, Handle, Result, object};
use std::collections::HashMap;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use syscall::data::Event;
use syscall::flag::{EventFlags, F_SETFL, O_NONBLOCK};

/// What is watched.
#[derive(Default)]
pub(crate) struct Events(Mutex<Watched>);

#[derive(Default)]
struct Watched {
    /// Tells of all of them.
    queue: Option<Arc<Handle>>,
    /// What was said to be ready when interest in it began: the queue says so once more.
    said: HashMap<usize, EventFlags>,
}

/// Registers interest in a handle.
fn register(queue: &Handle, object: &Stood, flags: EventFlags) -> Result<()> {
    let event = Event { id: object.real.number().raw(), flags, data: object.number };
    let mut queue = queue;
    queue.write_all(&event).map_err(failed)
}

fn failed(error: std::io::Error) -> Error {
    use clavis::abi::error::EIO;
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(error) => *error,
        None => Error::from_errno(error.raw_os_error().unwrap_or(EIO)),
    }
}

fn read(mut queue: &Handle) -> std::io::Result<Event> {
    let mut event = Event::default();
    queue.read_exact(&mut event)?;
    Ok(event)
}

impl Events {
    /// The program is interested in events of an object. Answers which are there now.
    pub(crate) fn watch(
        boundary: &Arc<Boundary>,
        object: &Stood,
        flags: EventFlags,
    ) -> Result<usize> {
        let mut watched = lock(&boundary.events.0);
        let queue = match &watched.queue {
            Some(queue) => Arc::clone(queue),
            None => {
                let queue = Arc::new(object::event_queue()?);
                watched.queue = Some(Arc::clone(&queue));
                let (boundary, told) = (Arc::clone(boundary), Arc::clone(&queue));
                std::thread::spawn(move || pass_on(&boundary, &told));
                queue
            }
        };
        watched.said.remove(&object.number);
        register(&queue, object, flags)?;
        if flags.is_empty() {
            return Ok(0);
        }
        // A queue of its own tells what is there at this moment.
        let now = object::event_queue()?;
        control(&now, F_SETFL, O_NONBLOCK)?;
        register(&now, object, flags)?;
        let Ok(ready) = read(&now) else { return Ok(0) };
        watched.said.insert(object.number, ready.flags);
        Ok(ready.flags.bits())
    }

    /// An object is gone.
    pub(crate) fn forget(&self, object: &Stood) {
        let mut watched = lock(&self.0);
        watched.said.remove(&object.number);
        if let Some(queue) = &watched.queue {
            // There may have been no interest.
            _ = register(queue, object, EventFlags::empty());
        }
    }
}

/// Passes events on until the endpoint ends.
fn pass_on(boundary: &Boundary, queue: &Handle) {
    while let Ok(event) = read(queue) {
        let said = lock(&boundary.events.0).said.remove(&event.data);
        if said != Some(event.flags)
            && boundary.receiver.post(event.data, event.flags.bits()).is_err()
        {
            return;
        }
    }
}
