//! How options, environment and file become one configuration.

use std::collections::BTreeMap;

use super::options::{GroupArgs, ProcessArgs};
use crate::config::environment::Variables;
use crate::config::settings::Door;
use crate::config::{Config, Environment, Error, Group, HTTP, REPORT_EVERY, file, state_folder};
use crate::telemetry::Log;

/// Lays the options over the environment, and that over the file.
pub(super) fn build(
    file: file::File,
    group: GroupArgs,
    process: ProcessArgs,
    variables: Variables,
    env: Environment<'_>,
) -> Result<Config, Error> {
    let mut warnings = file.warnings;
    let above = group.over(&variables.settings, variables.password_file, &mut warnings)?;
    let mut groups = Vec::new();
    let mut errors = Vec::new();
    for (name, nodes, settings) in file.groups {
        match above.clone().over(&settings).into_group(name, nodes) {
            Ok(group) => groups.push(group),
            Err(error) => errors.push(error),
        }
    }
    errors.extend(shared_door(&groups));
    if !errors.is_empty() {
        return Err(Error::all(&errors));
    }
    warnings.extend(variables.warnings);
    let process = process
        .settings(&mut warnings)?
        .over(variables.process)
        .over(file.process);
    Ok(Config {
        state_folder: state_folder::resolve(process.state_folder, env)?,
        etcd: process.store.into_etcd().map_err(Error::new)?,
        log: Log {
            format: process.log_format.unwrap_or_default(),
            level: process.log_level.unwrap_or_default(),
        },
        report_every: process.report_every.unwrap_or(REPORT_EVERY),
        sentinel: process.sentinel.into_sentinel().map_err(Error::new)?,
        http: process.http.unwrap_or(Door::At(HTTP)).address(),
        proxy: file.proxy,
        groups,
        webhooks: file.webhooks,
        warnings,
    })
}

/// Every group has doors of its own.
fn shared_door(groups: &[Group]) -> Option<String> {
    let mut taken = BTreeMap::new();
    let doors = groups.iter().flat_map(|group| {
        let doors = [group.proxy, group.proxy_replicas].into_iter().flatten();
        doors.map(|address| (address, &group.name))
    });
    let mut doors = doors.filter(|(address, _)| address.port() != 0);
    doors.find_map(|(address, group)| {
        let owner = taken.insert(address, group)?;
        let which = if owner == group {
            format!("both proxies of the group {group}")
        } else {
            format!("the proxies of the groups {owner} and {group}")
        };
        Some(format!(
            "{which} have the same address {address}; give each one of its own in the file"
        ))
    })
}
