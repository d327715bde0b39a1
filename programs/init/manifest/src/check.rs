//! What would not work.
use crate::model::{Give, Manifest, Problem, Service, Start, UseName};
use crate::parse::{is_factory, parse};
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

/// Reads a manifest and checks that it can work. `exists` says whether the image has a file.
///
/// # Errors
/// Everything that is wrong.
pub fn check(text: &str, exists: impl Fn(&str) -> bool) -> Result<Manifest, Vec<Problem>> {
    let manifest = parse(text)?;
    let mut problems = Vec::new();
    for service in &manifest.services {
        let mut report = |message| problems.push(Problem { line: service.line, message });
        one(&manifest, service, &exists, &mut report);
    }
    devices(&manifest, &mut problems);
    if problems.is_empty() {
        circles(&manifest, &mut problems);
    }
    if problems.is_empty() { Ok(manifest) } else { Err(problems) }
}

fn provider<'m>(manifest: &'m Manifest, name: &str) -> Option<(usize, &'m Service)> {
    let provides =
        |service: &Service| service.registers.iter().any(|registered| registered == name);
    manifest.services.iter().enumerate().find(|(_, service)| provides(service))
}

fn one(
    manifest: &Manifest,
    service: &Service,
    exists: &impl Fn(&str) -> bool,
    report: &mut impl FnMut(String),
) {
    let this = &service.name;
    if !exists(&service.program) {
        report(format!("{this}: the image has no {}", service.program));
    }
    for name in &service.registers {
        if is_factory(name) {
            report(format!("{this}: `{name}` is a name of the kernel"));
        }
        if let Some((_, other)) = provider(manifest, name)
            && other.name != *this
        {
            report(format!("{this}: `{name}` is registered by {} too", other.name));
        }
    }
    if service.keep.memory.is_some() && !service.keep.endpoints {
        report(format!("{this}: keeps memory, but no endpoints that it would matter to"));
    }
    if service.keep.endpoints && service.registers.is_empty() {
        report(format!("{this}: keeps endpoints, but registers no name"));
    }
    for using in &service.uses {
        let UseName::Name(name) = &using.name else { continue };
        match provider(manifest, name) {
            Some((_, other)) if other.name == *this => {
                report(format!("{this}: uses `{name}`, which it registers itself"));
            }
            None if !is_factory(name) => report(format!("{this}: nobody registers `{name}`")),
            _ => {}
        }
    }
    for name in &service.waits {
        match provider(manifest, name) {
            None => report(format!("{this}: waits for `{name}`, which nobody registers")),
            Some((_, other)) if other.start != Start::Always && other.start != service.start => {
                report(format!("{this}: waits for {}, which may not be started", other.name));
            }
            Some(_) => {}
        }
    }
}

/// Devices have one driver.
fn devices(manifest: &Manifest, problems: &mut Vec<Problem>) {
    let all = manifest.services.iter().flat_map(|service| {
        service.gives.iter().filter(|give| give.is_custom()).map(move |give| (service, give))
    });
    let all: Vec<_> = all.collect();
    for (at, (service, give)) in all.iter().enumerate() {
        let earlier = all.iter().take(at).find(|(_, other)| overlap(**give, **other));
        if let Some((other, _)) = earlier {
            let message =
                format!("{}: shares a device ({give:?}) with {}", service.name, other.name);
            problems.push(Problem { line: service.line, message });
        }
    }
}

fn overlap(one: Give, other: Give) -> bool {
    let meet = |a: (u64, u64), b: (u64, u64)| {
        a.0 < b.0.saturating_add(b.1) && b.0 < a.0.saturating_add(a.1)
    };
    match (one, other) {
        (Give::Irq(a), Give::Irq(b)) => a == b,
        (Give::Ports { first: a, count: n }, Give::Ports { first: b, count: m }) => {
            meet((a.into(), n.into()), (b.into(), m.into()))
        }
        (Give::Window { address: a, bytes: n }, Give::Window { address: b, bytes: m }) => {
            meet((a, n), (b, m))
        }
        _ => false,
    }
}

/// A service can come to wait for whoever provides a name that it waits for or uses: if that goes
/// round in a circle, all in it can wait for ever.
fn circles(manifest: &Manifest, problems: &mut Vec<Problem>) {
    let edges: Vec<Vec<usize>> =
        manifest.services.iter().map(|service| needs(manifest, service)).collect();
    // 0: not seen, 1: on the path, 2: done.
    let mut marks = vec![0_u8; edges.len()];
    for start in 0..edges.len() {
        let mut path: Vec<(usize, usize)> = Vec::new();
        if marks.get(start) == Some(&0) {
            path.push((start, 0));
        }
        while let Some((node, next)) = path.last_mut() {
            let node = *node;
            if let Some(mark) = marks.get_mut(node) {
                *mark = 1;
            }
            let target = edges.get(node).and_then(|targets| targets.get(*next)).copied();
            *next = next.saturating_add(1);
            let Some(target) = target else {
                if let Some(mark) = marks.get_mut(node) {
                    *mark = 2;
                }
                path.pop();
                continue;
            };
            match marks.get(target) {
                Some(0) => path.push((target, 0)),
                Some(1) => {
                    let circle = path.iter().map(|(node, _)| *node);
                    let circle = circle.skip_while(|node| *node != target);
                    problems.push(circle_problem(manifest, circle));
                    return;
                }
                _ => {}
            }
        }
    }
}

fn circle_problem(manifest: &Manifest, circle: impl Iterator<Item = usize>) -> Problem {
    let mut names: Vec<&str> = Vec::new();
    let mut line = 0;
    for node in circle {
        if let Some(service) = manifest.services.get(node) {
            if names.is_empty() {
                line = service.line;
            }
            names.push(&service.name);
        }
    }
    if let Some(first) = names.first().copied() {
        names.push(first);
    }
    Problem { line, message: format!("these can wait for each other: {}", names.join(" -> ")) }
}

fn needs(manifest: &Manifest, service: &Service) -> Vec<usize> {
    let mut needs = Vec::new();
    let mut add = |index: usize| {
        if !needs.contains(&index) {
            needs.push(index);
        }
    };
    for using in &service.uses {
        match &using.name {
            UseName::Name(name) => {
                if let Some((index, _)) = provider(manifest, name) {
                    add(index);
                }
            }
            UseName::All => {
                for (index, other) in manifest.services.iter().enumerate() {
                    if !other.registers.is_empty() && other.name != service.name {
                        add(index);
                    }
                }
            }
        }
    }
    for name in &service.waits {
        if let Some((index, _)) = provider(manifest, name) {
            add(index);
        }
    }
    needs
}
