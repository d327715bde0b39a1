//! What scenario tests share.
use clavis_abi::error::{EINVAL, Result};
use clavis_sim::world::Programs;
use clavis_sim::{SimMachine, Thread, World};

/// A world whose init runs that code.
pub(crate) fn world(init: impl FnOnce(&mut Thread) + Send + 'static) -> World {
    let programs = Programs::default();
    let entry = programs.add_thread(move |t| {
        init(t);
        // Init stays, so that what it started is seen as it left it.
        let _ = t.sleep(u64::MAX >> 2);
    });
    World::boot(SimMachine::new(4096, 1), programs, entry)
}

/// Boots, runs that code as init to its end, checks all the time, and looks that everything goes
/// back at the end.
pub(crate) fn scene(init: impl FnOnce(&mut Thread) + Send + 'static) {
    let mut world = world(move |t| {
        init(t);
        t.exit(0);
    });
    world.run();
    world.end();
}

/// The error number of a result.
///
/// # Panics
/// When it is none.
pub(crate) fn errno<T: std::fmt::Debug>(result: Result<T>) -> i32 {
    match result {
        Err(error) => error.errno,
        Ok(value) => panic!("{value:?} where an error is expected (and not {EINVAL})"),
    }
}
