//! Handles that a program sends and receives.
use crate::boundary::Boundary;
use crate::boundary::Stood;
use crate::requests::{Line, failed};
use crate::workers::Worker;
use clavis::handle::query;
use clavis::relay::{self, Request};
use clavis::{Handle, Place, Result};
use trace_lines::{Outcome, Yield};

impl Boundary {
    /// Sends what the program sends; a stand-in becomes what it stands for, as narrow as it was.
    pub(crate) fn send(&self, request: Request, object: &Stood, line: &Line, worker: &mut Worker) {
        let [_, _, first, count, second, _] = request.args();
        let sent = self.receiver.obtain(&request, count as usize).and_then(|handles| {
            let real = |handle: Handle| match self.behind(&handle) {
                Some(object) => {
                    let info = query(&handle)?;
                    let (rights, inherit) = (info.rights, info.inherit);
                    Handle::derive_with(&object.real, rights, inherit, info.flags, Place::Upper)
                }
                None => Ok(handle),
            };
            let handles: Result<Vec<Handle>> = handles.into_iter().map(real).collect();
            relay::send(&object.real, handles?, [first, second])
        });
        self.finish(request, line, sent, Yield::Number, worker);
    }

    /// Receives what the program receives, and gives it stand-ins.
    pub(crate) fn receive(
        &self,
        request: Request,
        object: &Stood,
        line: &Line,
        worker: &mut Worker,
    ) {
        let [_, _, count, first, second, _] = request.args();
        let taken = relay::receive(&object.real, count as usize, [first, second]);
        let given = taken.and_then(|handles| {
            let found = handles.into_iter().map(|real| self.found(String::new(), 0, real));
            found.collect::<Result<Vec<(Handle, Yield)>>>()
        });
        match given {
            Ok(found) => {
                let (handles, shown): (Vec<Handle>, Vec<Yield>) = found.into_iter().unzip();
                let names = shown.into_iter().map(|one| Outcome::Yielded(one).shown()).collect();
                let outcome = match worker.finished(self, request.tag()) {
                    true => Outcome::GivenUp,
                    false => Outcome::Yielded(Yield::Objects(names)),
                };
                self.told.call(line.process, line.operation, &line.asked, &outcome);
                _ = self.receiver.give(request, handles);
            }
            Err(error) => {
                worker.finished(self, request.tag());
                self.told.call(line.process, line.operation, &line.asked, &failed(&error));
                _ = self.receiver.answer(request, Err(error.errno()));
            }
        }
    }
}
