//! Options of the commands that ask a running monitor for something.

use clap::Args as ClapArgs;
use rcm_core::id::{Address, GroupName};

use super::args::Output;

/// `redis-cluster-monitor switchover`.
#[derive(Debug, ClapArgs)]
pub struct SwitchoverArgs {
    /// The replica that becomes the primary [default: the one that is preferred and least behind]
    #[arg(long, value_name = "HOST:PORT")]
    pub to: Option<Address>,
    /// The group [default: the only one]
    #[arg(long, value_name = "NAME")]
    pub group: Option<GroupName>,
    /// Where the monitor serves HTTP
    #[arg(
        long,
        value_name = "ADDR",
        env = "RCM_HTTP",
        default_value = "127.0.0.1:8379",
        value_parser = address
    )]
    pub http: String,
    /// How to show what came of it
    #[arg(long, value_name = "FORM", default_value = "table")]
    pub output: Output,
}

fn address(text: &str) -> Result<String, String> {
    let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    if port.is_some_and(|(_, port)| port.parse::<u16>().is_ok_and(|port| port != 0)) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "`{text}` is no address of a monitor; write HOST:PORT, such as 127.0.0.1:8379"
    ))
}
