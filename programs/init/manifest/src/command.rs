//! What the command line asks for.
use crate::model::{Manifest, Start};
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

/// A service to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Its index in the manifest.
    pub service: usize,
    /// The rest of its `start` line: one more argument.
    pub argument: Option<String>,
}

/// The services that a boot with these lines starts, in the order of the manifest, and the names
/// that `start` lines ask for in vain. Lines that say nothing of services are ignored.
pub fn select<'l>(
    manifest: &Manifest,
    lines: impl Iterator<Item = &'l str>,
) -> (Vec<Selection>, Vec<&'l str>) {
    let mut asked: Vec<Option<Option<String>>> = vec![None; manifest.services.len()];
    let mut unknown = Vec::new();
    let mut any = false;
    for line in lines {
        let Some(rest) = line.trim().strip_prefix("start ") else { continue };
        any = true;
        let rest = rest.trim_start();
        let (name, argument) = rest.split_once(' ').unwrap_or((rest, ""));
        let index = manifest.services.iter().position(|service| service.name == name);
        match index.and_then(|index| asked.get_mut(index)) {
            Some(place) => {
                *place = Some(Some(argument).filter(|text| !text.is_empty()).map(String::from));
            }
            None => unknown.push(name),
        }
    }
    let selected = manifest.services.iter().zip(asked).enumerate();
    let selected = selected.filter_map(|(index, (service, asked))| {
        let starts = match service.start {
            Start::Always => true,
            Start::Interactive => !any,
            Start::Optional => false,
        };
        let argument = match asked {
            Some(argument) => argument,
            None if starts => None,
            None => return None,
        };
        Some(Selection { service: index, argument })
    });
    (selected.collect(), unknown)
}
