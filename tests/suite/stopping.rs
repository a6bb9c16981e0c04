//! The program killed, stopped and resumed: the outputs are those of a run that was left alone, whole or not there at all.

use crate::data::{Random, root};
use crate::program::{Place, Run, checked};
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A fit of a second or so, most of it in passes.
const FIT: &str = "fit points.csv -k 24 --init random --n-init 6 --tol 0 --max-iter 60 --metrics none --device cpu";

/// What must come out the same.
const OUTPUTS: [&str; 5] = ["model.json", "segments.csv", "profile.csv", "metrics.json", "report.html"];

/// All that a run folder holds.
const FILES: [&str; 6] = ["metrics.json", "model.json", "profile.csv", "report.html", "run.json", "segments.csv"];

/// A folder with a table that takes many passes.
fn place() -> Place {
    let place = Place::new();
    let mut random = Random(5);
    let mut text = String::from("a,b,c,d\n");
    for _ in 0..24_000 {
        let row: Vec<String> = (0..4).map(|_| format!("{:.4}", random.uniform())).collect();
        text += &(row.join(",") + "\n");
    }
    place.put("points.csv", text);
    place
}

/// A run that is left alone, into the folder that others will go to, as the report shows it; then it is out of the way.
fn left_alone(place: &Place) {
    place.run(&format!("{FIT} -o run")).ended(0);
    fs::rename(place.path("run"), place.path("alone")).unwrap();
}

fn outputs(place: &Place, folder: &str) -> [Vec<u8>; 5] {
    OUTPUTS.map(|name| place.bytes(&format!("{folder}/{name}")))
}

fn start(place: &Place, words: &str) -> Child {
    place.command(words).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn ended(child: Child) -> Run {
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Run { code: output.status.code().unwrap_or(-1), stdout: String::new(), stderr: text(&output.stderr) }
}

fn signal(child: &Child, name: &str) {
    let kill = format!("kill -{name} {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

/// Waits until a file is there, while the program runs.
fn wait_for(path: &Path, child: &mut Child) {
    let begun = Instant::now();
    while !path.exists() {
        assert!(child.try_wait().unwrap().is_none(), "the program ended before {} was there", path.display());
        assert!(begun.elapsed() < Duration::from_secs(60), "no {}", path.display());
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Runs until the first checkpoint is there, and stops it with a signal.
fn stopped(place: &Place, words: &str, name: &str) -> Run {
    let mut child = start(place, &format!("{words} --checkpoint ck --checkpoint-every 0s"));
    wait_for(&place.path("ck/checkpoint.json"), &mut child);
    signal(&child, name);
    ended(child)
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_as_one_left_alone() {
    let place = place();
    let clock = Instant::now();
    left_alone(&place);
    let (alone, whole) = (outputs(&place, "alone"), clock.elapsed());
    let seed = std::env::var("SEGMA_TEST_SEED").map_or(8, |s| s.parse().unwrap());
    let mut killed = Killed { alone, whole, random: Random(seed), kills: 0, resumed: 0 };
    for round in 1..=4 {
        // Files are moved into a folder that is there one by one.
        let in_place = round % 2 == 0;
        while killed.kills < 10 * round {
            killed.until_done(&place, in_place, 10 * round);
            assert!(outputs(&place, "run") == killed.alone, "seed {seed}");
            // The last kill may have come before the empty folder was gone.
            assert!(!place.path("ck").exists() || place.names("ck").is_empty(), "seed {seed}");
        }
    }
    let Killed { kills, resumed, .. } = killed;
    println!("seed {seed}: killed {kills} times, resumed {resumed} times");
    assert!(resumed > 9, "seed {seed}: the kills came too early to test anything");
    place.run(&format!("{FIT} -o run --force")).ended(0);
    let left = [place.names(""), place.names("run")].concat();
    assert!(!left.iter().any(|n| n.ends_with(".partial")), "what was left is not removed: {left:?}");
}

/// What became of a run that is killed again and again.
struct Killed {
    alone: [Vec<u8>; 5],
    /// What a run takes that is left alone.
    whole: Duration,
    random: Random,
    kills: usize,
    resumed: usize,
}

impl Killed {
    /// Kills a run and resumes it until it is done; after enough kills it is left alone.
    fn until_done(&mut self, place: &Place, in_place: bool, enough: usize) {
        if place.path("run").exists() {
            fs::remove_dir_all(place.path("run")).unwrap();
        }
        if in_place {
            place.put_in("run", "other.txt", "kept");
        }
        loop {
            let child = start(place, &format!("{FIT} -o run --checkpoint ck --checkpoint-every 0s --resume"));
            let patience = self.whole.mul_f64(self.random.uniform() * 1.1);
            let run = killed_after(child, if self.kills < enough { patience } else { Duration::from_secs(100) });
            self.resumed += usize::from(run.stderr.contains("going on from"));
            if run.code == 0 {
                return;
            }
            assert_eq!(run.code, -1, "{}", run.stderr);
            self.kills += 1;
            nothing_is_torn(place, &self.alone, in_place);
            if place.path("run/run.json").exists() && !place.path("ck/checkpoint.json").exists() {
                return; // killed when all was done
            }
        }
    }
}

fn killed_after(mut child: Child, patience: Duration) -> Run {
    let clock = Instant::now();
    while clock.elapsed() < patience && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let _ = child.kill();
    ended(child)
}

/// Each file that can be seen is a whole one, and a folder with a run.json has them all.
fn nothing_is_torn(place: &Place, alone: &[Vec<u8>; 5], in_place: bool) {
    let there: Vec<String> = if place.path("run").exists() { place.names("run") } else { Vec::new() };
    for (name, bytes) in OUTPUTS.iter().zip(alone) {
        if there.iter().any(|n| n == name) {
            assert!(place.bytes(&format!("run/{name}")) == *bytes, "{name} is torn");
        }
    }
    let all = FILES.iter().all(|name| there.iter().any(|n| n == name));
    assert!(all || !there.iter().any(|n| n == "run.json"), "run.json came before the others: {there:?}");
    assert!(in_place || all || there.is_empty(), "half a folder: {there:?}");
}

#[test]
fn a_signal_stops_a_run_at_the_end_of_a_pass_and_it_is_resumed() {
    let place = place();
    left_alone(&place);
    for name in ["TERM", "INT", "USR1"] {
        let run = stopped(&place, &format!("{FIT} -o run"), name).ended(75);
        assert!(run.stderr.ends_with("stopped: saved checkpoint ck/checkpoint.json; run again with --resume\n"));
        assert!(!place.path("run").exists());
        assert!(!place.names("").iter().any(|n| n.ends_with(".partial")), "{:?}", place.names(""));
        if name == "INT" {
            place.put_in("run", "profile.csv", "as if killed while its files were put in place");
        }
        place.run(&format!("{FIT} -o run --checkpoint ck --resume")).ended(0).says(&["going on from ck, after pass "]);
        assert_eq!(outputs(&place, "run"), outputs(&place, "alone"), "{name}");
        assert!(!place.path("ck").exists());
        fs::remove_dir_all(place.path("run")).unwrap();
    }
}

#[test]
fn a_second_interrupt_ends_the_program_at_once() {
    let place = place();
    let mut child = start(&place, &format!("{FIT} -o run --checkpoint ck --checkpoint-every 0s"));
    wait_for(&place.path("ck/checkpoint.json"), &mut child);
    signal(&child, "INT");
    signal(&child, "INT");
    // Both may have come as one, or after the pass.
    assert!([130, 75].contains(&ended(child).code));
    assert!(!place.path("run").exists());
}

#[test]
fn a_stop_at_once_is_told_as_one_after_a_pass() {
    let place = place();
    let told = |words: &str, wait: &str, code: i32| {
        let mut child = place.command(&format!("{words} --json")).stdout(Stdio::piped()).spawn().unwrap();
        let path = place.path(&wait.replace("PROCESS", &child.id().to_string()));
        wait_for(&path, &mut child);
        signal(&child, "TERM");
        let output = child.wait_with_output().unwrap();
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((output.status.code(), &document["exit"]), (Some(code), &code.into()), "{document}");
        document["code"].clone()
    };
    let long = FIT.replace("--n-init 6", "--n-init 60");
    assert_eq!(told(&format!("{long} -o run"), ".segma-PROCESS.partial", 143), "interrupted");
    // Before the passes begin it stops at once.
    let run = format!("{long} -o run --checkpoint-every 0s --checkpoint");
    assert_eq!(told(&format!("{run} one"), ".segma-PROCESS.partial", 75), "stopped");
    assert_eq!(told(&format!("{run} other"), "other/checkpoint.json", 75), "stopped");
}

#[test]
fn a_time_limit_stops_a_run_as_often_as_it_takes() {
    let place = place();
    left_alone(&place);
    let limited = |millis: u64| place.run(&format!("{FIT} -o run --checkpoint ck --resume --time-limit {millis}ms"));
    limited(0).ended(75).says(&["stopped before the first checkpoint; run again with --resume"]);
    let done = (1..60).map(|n| limited(150 * n)).find(|run| run.code != 75).unwrap();
    done.ended(0);
    assert_eq!(outputs(&place, "run"), outputs(&place, "alone"));
}

#[test]
fn a_sweep_is_resumed_too() {
    let place = place();
    let sweep = "sweep points.csv -k 9..11 --n-init 3 --tol 0 --max-iter 50 --metrics simplified --device cpu";
    place.run(&format!("{sweep} -o alone")).ended(0);
    stopped(&place, &format!("{sweep} -o run"), "TERM").ended(75);
    place.run(&format!("{sweep} -o run --checkpoint ck --resume")).ended(0).says(&["going on from ck"]);
    for name in ["models/k=09.json", "models/k=10.json", "models/k=11.json"] {
        assert_eq!(place.bytes(&format!("run/{name}")), place.bytes(&format!("alone/{name}")), "{name}");
    }
}

#[test]
fn a_checkpoint_is_for_its_own_table_options_and_run() {
    let place = place();
    stopped(&place, &format!("{FIT} -o run"), "TERM").ended(75);
    let again = |more: &str| place.run(&format!("{FIT} -o run --checkpoint ck {more}"));
    again("").ended(8).says(&["ck/checkpoint.json: a checkpoint is here", "--resume", "--force"]);
    again("--resume --seed 7").ended(2).says(&["--seed is 7, but the checkpoint was made with 42"]);
    again("--resume --scale none").ended(3).says(&["the prepared values are not those of the checkpoint"]);
    again("--resume --columns a,b").ended(3).says(&["2 prepared columns, but the checkpoint is of 4"]);
    // A damaged one: the one before; if that is damaged too, an error.
    let newest = place.bytes("ck/checkpoint.json");
    place.put("ck/checkpoint.json", &newest[..newest.len() / 2]);
    place.put("ck/checkpoint-before.json", &newest[..newest.len() / 3]);
    again("--resume").ended(3).says(&["ck/checkpoint.json: not a checkpoint", "--force"]);
    place.put("ck/checkpoint-before.json", &newest);
    // It takes the place of the damaged one, which would else become the one before.
    again("--resume --seed 7").ended(2).says(&["not a checkpoint", "going on from the one before it"]);
    assert!(place.names("ck") == ["checkpoint.json"] && place.bytes("ck/checkpoint.json") == newest);
    // To start over takes the old one away, but only when nothing is in the way any more.
    again("--force --columns nothing").ended(3);
    assert_eq!(place.bytes("ck/checkpoint.json"), newest);
    // The output is the same one, however it is spelt.
    place.put_in("run", "profile.csv", "as if killed while its files were put in place");
    place.run(&format!("{FIT} -o ./run/ --checkpoint ck --resume")).ended(0);
    // Outputs that were there before are safe from a run that is resumed into another folder.
    stopped(&place, &format!("{FIT} -o other"), "TERM").ended(75);
    again("--resume").ended(8).says(&["run/model.json: exists already"]);
    place.run(&format!("{FIT} -o run --checkpoint ck --force")).ended(0);
    assert!(!place.path("ck").exists());
}

#[test]
fn flags_of_a_checkpoint_need_one() {
    let place = Place::with_customers();
    for flag in ["--resume", "--time-limit 3h"] {
        place.run(&format!("fit customers.csv -k 2 -o run {flag}")).ended(2).says(&["--checkpoint <FOLDER>"]);
    }
    place.run("fit customers.csv -k 2 -o run --checkpoint ck --time-limit soon").ended(2).says(&["90s, 45m or 2h30m"]);
    place.run("fit customers.csv -k 2 -o run --checkpoint customers.csv").ended(8).says(&["cannot hold a checkpoint"]);
    place.run("fit customers.csv -k 2 -o run --checkpoint ck --resume").ended(0).says(&["no checkpoint in ck"]);
}

#[test]
fn a_checkpoint_that_cannot_be_written_costs_a_note_and_no_result() {
    let place = place();
    left_alone(&place);
    let mut child = start(&place, &format!("{FIT} -o run --checkpoint ck --checkpoint-every 0s"));
    wait_for(&place.path("ck/checkpoint.json"), &mut child);
    while fs::remove_dir_all(place.path("ck")).is_err() {}
    ended(child).ended(0).says(&["note: no checkpoint: ck/checkpoint.json: "]);
    assert_eq!(outputs(&place, "run"), outputs(&place, "alone"));
}

#[test]
fn two_runs_cannot_share_a_checkpoint() {
    let place = place();
    let mut child = start(&place, &format!("{FIT} -o run --checkpoint ck --checkpoint-every 0s"));
    wait_for(&place.path("ck/checkpoint.json"), &mut child);
    place.run(&format!("{FIT} -o other --checkpoint ck --resume")).ended(8).says(&["another run saves"]);
    child.kill().unwrap();
    assert_eq!(ended(child).code, -1);
}

#[test]
fn a_signal_without_a_checkpoint_leaves_nothing_behind() {
    let place = place();
    let long = FIT.replace("--n-init 6", "--n-init 60");
    for (name, code) in [("USR1", 138), ("TERM", 143), ("INT", 130)] {
        let mut child = start(&place, &format!("{long} -o run"));
        let own = place.path(&format!(".segma-{}.partial", child.id()));
        wait_for(&own, &mut child);
        signal(&child, name);
        ended(child).ended(code).says(&["interrupted"]);
        assert_eq!(place.names(""), ["points.csv"], "{name}");
    }
}

#[test]
fn what_a_killed_run_left_is_removed_and_what_another_writes_is_not() {
    let place = Place::with_customers();
    let live = [".segma-1.partial", ".labels.csv.1-2.partial"];
    fs::create_dir(place.path(live[0])).unwrap();
    place.put(live[1], "in the making");
    let held = live.map(|name| File::open(place.path(name)).unwrap());
    held.iter().for_each(|file| file.lock().unwrap());
    for name in [".segma-99999999.partial", ".segma-99999999-1.partial"] {
        fs::create_dir(place.path(name)).unwrap();
        place.put(&format!("{name}/model.json"), "half");
    }
    let others = [".segma-x.partial", ".segma-5.partially"];
    others.iter().for_each(|name| place.put(name, "a user's"));
    place.put(".labels.csv.99999999.partial", "half");
    place.run("fit customers.csv --id customer_id -k 2 -o run").ended(0);
    place.run("predict run/model.json customers.csv -o labels.csv").ended(0);
    let mut left = vec!["customers.csv", "labels.csv", "run", others[0], others[1], live[0], live[1]];
    left.sort_unstable();
    assert_eq!(place.names(""), left);
}

#[test]
fn a_disk_that_is_full_is_a_clean_error() {
    let place = Place::with_customers();
    let words = "fit customers.csv --id customer_id -k 2 -o run";
    // Blocks of 512 or of 1024 bytes: in both cases too few.
    let limited = "ulimit -f 4; exec \"$0\" \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", limited, env!("CARGO_BIN_EXE_segma")]).args(words.split(' ')).current_dir(place.path(""));
    let run = checked(command, words).ended(8);
    assert!(run.stderr.contains("run/"), "{}", run.stderr);
    assert_eq!(place.names(""), ["customers.csv"]);
    place.run(words).ended(0);
}

#[test]
fn a_place_that_cannot_be_written_is_found_before_the_work() {
    let place = Place::with_customers();
    for target in ["customers.csv/run", "/proc/segma/run", "missing/deep/run"] {
        place.run(&format!("fit missing.csv -k 2 -o {target}")).ended(8).says(&["cannot be written"]);
    }
    place.run("fit missing.csv -k 2 -o run --checkpoint /proc/segma/ck").ended(8).says(&["cannot hold a checkpoint"]);
}

/// Runs the job script with programs of these texts in the place of `segma` and `scontrol`.
fn job(place: &Place, segma: &str, restarts: &str) -> Child {
    use std::os::unix::fs::PermissionsExt;
    for (name, text) in [("segma", segma), ("scontrol", "#!/bin/sh\necho \"$@\" > requeued\n")] {
        place.put_in("bin", name, text);
        fs::set_permissions(place.path(&format!("bin/{name}")), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:{}", place.path("bin").display(), std::env::var("PATH").unwrap());
    let mut script = Command::new("bash");
    script.arg(root().join("examples/slurm.sh")).current_dir(place.path("")).env("PATH", path);
    script
        .env("SLURM_JOB_ID", "7")
        .env("SLURM_RESTART_COUNT", restarts)
        .env("TABLE", "customers.csv")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn the_job_script_for_slurm_passes_the_signal_on_and_queues_the_job_again() {
    if Command::new("bash").arg("--version").output().is_err() {
        println!("skipped: no bash on this machine");
        return;
    }
    let place = Place::with_customers();
    let waits = "#!/bin/sh\ntrap 'sleep 0.2; exit 75' USR1 TERM\ntouch started\nwhile :; do sleep 0.02; done\n";
    let signalled = |name: &str, restarts: &str| {
        let mut child = job(&place, waits, restarts);
        wait_for(&place.path("started"), &mut child);
        signal(&child, name);
        ended(child).ended(75);
        fs::remove_file(place.path("started")).unwrap();
    };
    signalled("USR1", "49");
    assert_eq!(place.text("requeued"), "requeue 7\n");
    fs::remove_file(place.path("requeued")).unwrap();
    // One that was cancelled stays away, and so does one that has come too often.
    signalled("TERM", "0");
    signalled("USR1", "50");
    ended(job(&place, &format!("#!/bin/sh\nexec '{}' \"$@\"\n", env!("CARGO_BIN_EXE_segma")), "0")).ended(0);
    assert!(!place.path("requeued").exists() && place.path("segments/run.json").exists());
}
