//! Authority never grows: what any process can do with an object after an entry into the kernel,
//! somebody could do before it.
use clavis_abi::params::handle_flags;
use clavis_core::handle::Handle;
use clavis_core::kernel::Kernel;
use clavis_core::machine::Machine;
use std::collections::HashMap;

/// Every handle that there was after the last entry, by what it points to.
#[derive(Debug, Default)]
pub struct Authority {
    before: HashMap<(u32, u32), Vec<Handle>>,
}

impl Authority {
    /// Looks at every handle after an entry: in tables, pipes, slots, and on its way. One to what was
    /// there before must be no more than one that was there: in rights, in what it can pass on, in
    /// what confines it, and in what it ends with.
    ///
    /// # Panics
    /// When one is more.
    pub fn look<M: Machine>(&mut self, kernel: &Kernel<M>) {
        let mut after: HashMap<_, Vec<Handle>> = HashMap::new();
        for handle in kernel.handles() {
            let of = (handle.description.index(), handle.description.generation());
            let known = after.entry(of).or_default();
            if !known.contains(&handle) {
                known.push(handle);
            }
        }
        for (of, handles) in &after {
            let Some(before) = self.before.get(of) else { continue };
            for handle in handles {
                let comes_of = |source: &Handle| comes_of(kernel, handle, source);
                assert!(before.iter().any(comes_of), "{handle:?} is more than any of {before:?}");
            }
        }
        self.before = after;
    }
}

fn comes_of<M: Machine>(kernel: &Kernel<M>, handle: &Handle, source: &Handle) -> bool {
    let sticky = source.flags & handle_flags::STICKY as u8;
    source.rights.contains(handle.rights)
        && source.inherit.contains(handle.inherit)
        && handle.flags & sticky == sticky
        && kernel.ends_with(handle, source)
}
