//! What the figures were measured on: without it they mean nothing.

use std::{fs, path::Path};

/// The machine, as its kernel describes it.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The processor's name.
    pub processor: String,
    /// How many of it the system sees.
    pub cores: usize,
    /// Memory, in bytes.
    pub memory: u64,
    /// The kernel's release.
    pub kernel: String,
    /// The kind of file system under the databases. On `tmpfs` a commit costs nothing and the figures are worthless.
    pub file_system: String,
}

impl Machine {
    /// Reads it; what the kernel doesn't say is `unknown`.
    pub fn read(data: &Path) -> Self {
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let (cpu, memory, mounts) = (text("/proc/cpuinfo"), text("/proc/meminfo"), text("/proc/mounts"));
        let kilobytes = after(&memory, "MemTotal:").and_then(|value| value.trim_end_matches("kB").trim().parse().ok());
        Self {
            processor: after(&cpu, "model name")
                .map_or("unknown", |value| value.trim_start_matches([':', ' ']))
                .to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory: kilobytes.unwrap_or(0_u64) * 1024,
            kernel: text("/proc/sys/kernel/osrelease").trim().to_owned(),
            file_system: file_system(&mounts, &data.canonicalize().unwrap_or_else(|_| data.to_owned())).to_owned(),
        }
    }
}

fn after<'a>(text: &'a str, field: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(field)).map(str::trim)
}

/// The type of the mount that lies closest above the path.
fn file_system<'a>(mounts: &'a str, path: &Path) -> &'a str {
    let entries = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let above = entries.filter(|(point, _)| path.starts_with(point));
    above.max_by_key(|(point, _)| point.len()).map_or("unknown", |(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_mount_counts() {
        let mounts = "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/b /tmp/data xfs rw 0 0\n";
        for (path, kind) in [("/home", "ext4"), ("/tmp/x", "tmpfs"), ("/tmp/data/x", "xfs"), ("/tmpfoo", "ext4")] {
            assert_eq!(file_system(mounts, Path::new(path)), kind, "{path}");
        }
    }

    #[test]
    fn this_machine_has_cores_and_memory() {
        let machine = Machine::read(Path::new("/"));
        assert!(machine.cores > 0 && machine.memory > 0 && !machine.kernel.is_empty());
    }
}
