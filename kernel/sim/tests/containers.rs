//! Core's containers against models.
use clavis_core::container::{Arena, Deadline, DeadlineHeap, Id};
use clavis_core::memory::region::{Region, RegionTree};
use clavis_sim::SimMachine;
use std::collections::{BTreeMap, HashMap};

fn seed() -> u64 {
    let given = std::env::var("CLAVIS_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| fastrand::u64(..1 << 40));
    println!("CLAVIS_SEED={seed}");
    seed
}

enum ThingK {}

#[test]
fn an_arena_finds_what_lives_and_never_what_is_gone() {
    let (mut rng, mut machine) = (fastrand::Rng::with_seed(seed()), SimMachine::new(1, 0));
    let mut arena: Arena<u64, ThingK> = Arena::new();
    let mut live: Vec<(Id<ThingK>, u64)> = Vec::new();
    let mut gone: Vec<Id<ThingK>> = Vec::new();
    for value in 0..20_000u64 {
        if rng.bool() || live.is_empty() {
            live.push((arena.insert(&mut machine, value).unwrap(), value));
        } else {
            let (id, value) = live.swap_remove(rng.usize(..live.len()));
            assert_eq!(arena.remove(id), Some(value));
            gone.push(id);
        }
        if let Some(id) = gone.last() {
            assert!(arena.get(*id).is_none() && arena.remove(*id).is_none());
        }
    }
    assert!(live.iter().all(|(id, value)| arena.get(*id) == Some(value)));
    assert!(gone.iter().all(|id| arena.get(*id).is_none()));
    let (made, destroyed) = arena.counts();
    assert_eq!((made - destroyed) as usize, live.len());
    assert_eq!(arena.iter().count(), live.len());
}

#[test]
fn an_arena_that_may_not_grow_says_so_and_stays_whole() {
    let mut machine = SimMachine::new(1, 0);
    let mut arena: Arena<[u64; 64], ThingK> = Arena::new();
    machine.failures.nth = Some(2);
    let mut made = 0;
    while arena.insert(&mut machine, [made; 64]).is_ok() {
        made += 1;
    }
    assert_eq!(arena.iter().count() as u64, made);
    assert!(arena.insert(&mut machine, [made; 64]).is_ok(), "the next request succeeds");
}

#[derive(Default)]
struct Places(HashMap<u32, u32>);

impl Deadline<u32> for Places {
    fn placed(&mut self, who: u32, place: Option<u32>) {
        match place {
            Some(place) => self.0.insert(who, place),
            None => self.0.remove(&who),
        };
    }
}

#[test]
fn deadlines_come_in_order_and_can_be_taken_back() {
    let (mut rng, mut machine) = (fastrand::Rng::with_seed(seed()), SimMachine::new(1, 0));
    let (mut heap, mut places) = (DeadlineHeap::new(), Places::default());
    let mut model: BTreeMap<u32, u64> = BTreeMap::new();
    for _ in 0..300 {
        heap.add_owner(&mut machine).unwrap();
    }
    for now in 0..20_000u64 {
        let who = rng.u32(..300);
        match (model.contains_key(&who), rng.u8(..3)) {
            (false, 0) => {
                let when = now + rng.u64(..400);
                heap.insert(&mut places, when, who);
                model.insert(who, when);
            }
            (true, 1) => {
                let place = places.0[&who];
                heap.remove(&mut places, place);
                model.remove(&who);
            }
            _ => {
                let due = heap.pop_due(&mut places, now);
                let first = model.values().min().copied();
                assert_eq!(due.is_some(), first.is_some_and(|first| first <= now));
                if let Some(who) = due {
                    assert_eq!(model.remove(&who), first);
                }
            }
        }
        assert_eq!(heap.first(), model.values().min().copied());
        assert_eq!(places.0.len(), model.len());
    }
}

#[test]
fn a_region_tree_finds_what_a_map_finds() {
    let (mut rng, mut machine) = (fastrand::Rng::with_seed(seed()), SimMachine::new(1, 0));
    let mut regions: Arena<Region, Region, 16> = Arena::new();
    let (mut tree, mut model) = (RegionTree::default(), BTreeMap::new());
    let memory = Id::from_parts(0, 1).unwrap();
    for _ in 0..10_000 {
        let (start, pages) = (rng.u64(..2000), 1 + rng.u64(..20));
        let free = model
            .range(..start + pages)
            .next_back()
            .is_none_or(|(s, (n, _)): (&u64, &(u64, _))| s + n <= start);
        if free {
            let id = regions.insert(&mut machine, Region::new(start, pages, memory, 0)).unwrap();
            tree.insert(&mut regions, id, rng.u32(..));
            model.insert(start, (pages, id));
        } else if rng.bool() {
            let at = *model.range(..start + pages).next_back().unwrap().0;
            let (_, id) = model.remove(&at).unwrap();
            tree.remove(&mut regions, id);
            regions.remove(id);
        }
        let page = rng.u64(..2100);
        let holds = model.range(..=page).next_back().filter(|(s, (n, _))| page < *s + n);
        assert_eq!(tree.holding(&regions, page), holds.map(|(_, (_, id))| *id));
        let next = holds.or_else(|| model.range(page..).next()).map(|(_, (_, id))| *id);
        assert_eq!(tree.at_or_after(&regions, page), next);
        assert_eq!(tree.count() as usize, model.len());
    }
    let in_order: Vec<_> = tree.iter(&regions).collect();
    assert!(in_order.iter().eq(model.values().map(|(_, id)| id)));
}
