//! How much memory a run may take: what `--memory` says, else what the control group of this process leaves.

use segma::budget::{Budget, Limit, Work};
use segma::engine::width::Width;
use segma::error::Result;
use segma::features::Prepared;
use segma::kmeans::ValidParams;
use segma::matrix::Rows;
use segma::store::Store;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// The memory of a run.
#[derive(Debug)]
pub(super) struct Memory {
    budget: Budget,
    table: Store,
}

impl Memory {
    /// Under a limit that was asked for, or else the control group's.
    pub(super) fn new(asked: Option<u64>) -> Self {
        let budget = budget(asked);
        Self { budget, table: budget.table() }
    }

    /// Where the columns of the table go.
    pub(super) fn table(&self) -> Store {
        self.table.clone()
    }

    /// Where the points go, once the table is read.
    pub(super) fn points(&self, work: &Work) -> Result<Store> {
        self.budget.points(work, self.table.in_memory())
    }

    /// Bytes that the columns of the table may take in memory.
    pub(super) fn room(&self) -> u64 {
        self.budget.table_room()
    }

    /// The limit, if there is one.
    pub(super) fn limit(&self) -> Option<u64> {
        self.budget.limit.map(|limit| limit.bytes)
    }

    /// Whether the points will be in memory beside so many bytes of the table there.
    pub(super) fn holds(&self, work: &Work, table: u64) -> Result<bool> {
        let store = self.budget.points(work, table)?;
        Ok(u64::try_from(work.points_bytes()).is_ok_and(|bytes| store.has_room(bytes)))
    }

    /// What lies where, for programs.
    pub(super) fn json(&self, points: &Store) -> Value {
        json!({
            "limit_bytes": self.budget.limit.map(|limit| limit.bytes),
            "table_bytes": self.table.in_memory() + self.table.in_file(),
            "table_bytes_in_file": self.table.in_file(),
            "points_bytes_in_file": points.in_file(),
        })
    }
}

/// How large the fits of prepared rows are.
pub(super) fn work(prepared: &Prepared<'_>, weighted: bool, params: &[ValidParams]) -> Work {
    let fits = params.iter().map(|p| (p.k(), p.starts()));
    of_sets(prepared, weighted, fits.flat_map(|(k, starts)| std::iter::repeat_n(k, starts)))
}

/// How large the work on prepared rows is, with centroid sets of so many clusters.
pub(super) fn of_sets(prepared: &Prepared<'_>, weighted: bool, k: impl Iterator<Item = usize>) -> Work {
    let (rows, dims) = (prepared.count() as u64, prepared.dims() as u64);
    let (sets, label_bytes) = k.fold((0, 0), |(sets, bytes), k| (sets + 1, bytes + Width::of(k).bytes()));
    Work { rows, dims, sets, label_bytes, weighted }
}

/// The budget under a limit that was asked for, or else the one of the control group, on the threads of this pool.
fn budget(asked: Option<u64>) -> Budget {
    let group = || group_limit(Path::new("/")).map(|bytes| Limit { bytes: part(bytes), strict: false });
    let limit = asked.map(|bytes| Limit { bytes, strict: true }).or_else(group);
    Budget { limit, threads: rayon::current_num_threads() }
}

/// The part of a control group's limit that is planned for: the kernel's own share of it, and other processes, are not ours
/// to count.
fn part(limit: u64) -> u64 {
    limit / 10 * 8
}

/// The tightest memory limit of this process's control group and of those it is in, below `root`; `None` if there is none.
fn group_limit(root: &Path) -> Option<u64> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    groups.lines().filter_map(|line| of_line(root, line)).min()
}

/// The limit of a line `number:controllers:path`; that of version 2 has no controllers.
fn of_line(root: &Path, line: &str) -> Option<u64> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (controllers, path) = (parts.next()?, parts.next()?.trim_start_matches('/'));
    let (top, file) = match controllers {
        "" => ("sys/fs/cgroup", "memory.max"),
        many if many.split(',').any(|c| c == "memory") => ("sys/fs/cgroup/memory", "memory.limit_in_bytes"),
        _ => return None,
    };
    let top = root.join(top);
    let folders = Path::new(path).ancestors().map(|folder| top.join(folder));
    folders.filter_map(|folder| limit_in(&folder.join(file))).min()
}

/// The number of bytes in a file, unless it says that there is no limit: `max`, or one larger than any memory.
fn limit_in(file: &PathBuf) -> Option<u64> {
    const NO_LIMIT: u64 = 1 << 60;
    fs::read_to_string(file).ok()?.trim().parse().ok().filter(|bytes| *bytes < NO_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The limit that is found in a made-up file system.
    fn found(files: &[(&str, &str)]) -> Option<u64> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        group_limit(root.path())
    }

    #[test]
    fn the_tightest_group_on_the_way_up_counts() {
        let own = ("proc/self/cgroup", "0::/batch/job\n");
        let (job, batch) = ("sys/fs/cgroup/batch/job/memory.max", "sys/fs/cgroup/batch/memory.max");
        assert_eq!(found(&[own, (job, "1073741824\n"), (batch, "max\n")]), Some(1 << 30));
        assert_eq!(found(&[own, (job, "1073741824\n"), (batch, "4096\n")]), Some(4096));
        assert_eq!(found(&[own, (job, "max\n")]), None);
        // In a container the own group is the root of what is seen.
        assert_eq!(found(&[own, ("sys/fs/cgroup/memory.max", "67108864\n")]), Some(64 << 20));
    }

    #[test]
    fn groups_of_version_1_count_too_and_none_is_no_limit() {
        let own = ("proc/self/cgroup", "5:cpu:/x\n4:hugetlb,memory:/docker/abc\n");
        let limit = "sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes";
        assert_eq!(found(&[own, (limit, "268435456\n")]), Some(256 << 20));
        assert_eq!(found(&[own, (limit, "9223372036854771712\n")]), None);
        assert_eq!(found(&[("proc/self/cgroup", "nonsense\n")]), None);
        assert_eq!(found(&[]), None);
    }

    #[test]
    fn a_limit_that_was_asked_for_is_kept_strictly() {
        assert_eq!(budget(Some(5)).limit, Some(Limit { bytes: 5, strict: true }));
        assert_eq!(part(100), 80);
    }
}
