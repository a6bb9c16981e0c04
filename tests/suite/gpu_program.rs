//! The program on every adapter of this machine, and where there is none.

use crate::data::{Kind, narrow, table};
use crate::gpu::adapters;
use crate::program::{Place, npy};
use segma::engine::gpu::Adapter;

#[test]
fn the_program_writes_the_same_files_from_every_adapter() {
    let place = Place::with_customers();
    let fit = "fit customers.csv --id customer_id -k 5";
    place.run(&format!("{fit} --device cpu -o cpu")).ended(0);
    for (i, adapter) in Adapter::all().iter().enumerate() {
        place.run(&format!("{fit} --device gpu:{i} -o gpu{i}")).ended(0);
        for file in ["model.json", "segments.csv", "profile.csv", "metrics.json"] {
            assert_eq!(
                place.bytes(&format!("cpu/{file}")),
                place.bytes(&format!("gpu{i}/{file}")),
                "{}",
                adapter.name()
            );
        }
        let predict = format!("predict cpu/model.json customers.csv --device gpu:{i} -o labels{i}.csv");
        place.run(&predict).ended(0);
        place.run(&format!("{fit} --device gpu:{i}+gpu:{i} --gpu-memory 100KiB -o both{i}")).ended(0);
        assert_eq!(place.bytes("cpu/model.json"), place.bytes(&format!("both{i}/model.json")), "{}", adapter.name());
        assert_eq!(place.bytes("cpu/segments.csv"), place.bytes(&format!("labels{i}.csv")), "{}", adapter.name());
    }
    place.run("selftest").ended(0);
    place.run_under(("SEGMA_GPU_CHUNK", "1MB"), "selftest").ended(2).says(&["SEGMA_GPU_CHUNK is '1MB'"]);
}

#[test]
fn a_run_says_what_it_really_ran_on() {
    let place = Place::with_customers();
    for (i, adapter) in adapters().iter().enumerate() {
        let fit = format!("fit customers.csv --id customer_id -k 5 --device gpu:{i}");
        let run = place.run(&format!("{fit} -o gpu{i}")).ended(0);
        assert!(run.stdout.contains(adapter.name()), "{}", run.stdout);
        // No room for anything: the probe passes all the same, and the CPU does the work.
        let run = place.run(&format!("{fit} --gpu-memory 1KiB -o cpu{i}")).ended(0);
        run.clone().says(&["do not fit", "running on the CPU"]);
        assert!(!run.stdout.contains(adapter.name()) && run.stdout.contains("cpu ("), "{}", run.stdout);
        assert!(place.json(&format!("cpu{i}/run.json"))["device"].as_str().unwrap().starts_with("cpu ("));
        place.run(&format!("{fit} --gpu-memory 1KiB --no-fallback -o none")).ended(6).says(&["do not fit"]);
    }
}

#[test]
fn the_text_of_the_shaders_that_ran_is_written_on_request() {
    let place = Place::new();
    let x = narrow(&table(Kind::Blobs, 3000, 4, 5));
    place.put("x.npy", npy(&[3000, 4], x.as_slice().unwrap()));
    for (i, _) in adapters().iter().enumerate() {
        let words = format!("bench --matrix x.npy -k 3 --device cpu --device gpu:{i} --dump-wgsl wgsl{i} --json");
        assert_eq!(place.run(&words).ended(0).json()["same"], true);
        let names = place.names(&format!("wgsl{i}"));
        assert!(names.iter().any(|n| n.starts_with("assign-binned") && n.contains("-d4-")), "{names:?}");
        for name in names {
            assert!(place.text(&format!("wgsl{i}/{name}")).contains("@compute"), "{name}");
        }
    }
}

#[test]
fn what_tune_keeps_later_runs_make_use_of_and_write_the_same_bytes() {
    let place = Place::new();
    let x = narrow(&table(Kind::Counts, 400, 3, 5));
    place.put("x.npy", npy(&[400, 3], x.as_slice().unwrap()));
    for (i, adapter) in adapters().iter().enumerate() {
        let bench =
            || place.run(&format!("bench --matrix x.npy -k 4 --device cpu --device gpu:{i} --json")).ended(0).json();
        let planned = bench();
        assert!(planned["runs"][0]["variant"].is_null());
        let tune = format!("tune --matrix x.npy -k 4 --passes 1 --device gpu:{i}");
        let said = place.run(&format!("{tune} --json")).ended(0).json();
        assert_eq!((&said["schema"], &said["adapter"]), (&"segma.tune/1".into(), &adapter.name().into()));
        let fastest = said["fastest"].as_str().unwrap();
        assert!(said["variants"].as_array().unwrap().iter().any(|v| v["variant"] == fastest), "{said}");
        let tuned = bench();
        let ran = tuned["runs"][1]["variant"].as_str().unwrap();
        assert!(ran.starts_with("assign-binned") && ran.contains(fastest), "{ran}");
        assert!(tuned["runs"][1]["label_bits"] == 8 && ran.contains("-labels8"), "{tuned}");
        for run in [&planned, &tuned] {
            assert_eq!(
                (&run["same"], &run["runs"][1]["model_sha256"]),
                (&true.into(), &planned["runs"][0]["model_sha256"])
            );
        }
        // A file that is broken is told and changes nothing.
        place.put("cache/tuning.json", "{");
        let bench = format!("bench --matrix x.npy -k 4 --device cpu --device gpu:{i}");
        place.run(&bench).ended(0).says(&["note: ", "tuning.json: is no JSON"]);
        place.put("cache/tuning.json", "");
    }
    if !adapters().is_empty() {
        place.put("file", "");
        let words = "tune --rows 70 --dims 2 -k 3 --weighted --passes 1 --device gpu:0";
        let text = place.run(&format!("{words} --cache elsewhere")).ended(0).stdout;
        assert!(text.contains("times the plan's") && text.contains("hold4"), "{text}");
        assert!(place.text("elsewhere/tuning.json").contains("segma.tuning/1"));
        place.run(&format!("{words} --cache file/folder")).ended(8).says(&["tuning.json"]);
        place.run(&format!("{words}+gpu:0")).ended(2).says(&["one at a time"]);
        place.run_under(("SEGMA_CACHE", ""), words).ended(2).says(&["--cache"]);
    }
    place.run("tune --rows 70 -k 3").ended(2).says(&["--dims"]);
    place.run("tune --rows 70 --dims 2 -k 3 --device cpu").ended(2).says(&["shares no rows"]);
}

#[test]
fn chunks_are_as_large_as_the_variable_says() {
    let place = Place::with_customers();
    for (i, _) in adapters().iter().enumerate() {
        // Where memory is short, chunks are small and stream; one chunk of all rows does not fit.
        let words = format!("fit customers.csv --id customer_id -k 3 --device gpu:{i} --gpu-memory 100KiB -o");
        let streamed = place.run(&format!("{words} small{i}")).ended(0);
        assert!(!streamed.stderr.contains("do not fit"), "{}", streamed.stderr);
        place.run_under(("SEGMA_GPU_CHUNK", "1GiB"), &format!("{words} whole{i}")).ended(0).says(&["do not fit"]);
        place.run_under(("SEGMA_GPU_CHUNK", "8KiB"), &format!("{words} tiny{i}")).ended(0);
        for run in ["whole", "tiny"] {
            let model = |run: &str| place.bytes(&format!("{run}{i}/model.json"));
            assert_eq!(model("small"), model(run), "{run}");
        }
    }
}

#[test]
fn bench_says_what_each_stage_took_on_the_device() {
    let place = Place::new();
    let x = narrow(&table(Kind::Blobs, 3000, 4, 5));
    place.put("x.npy", npy(&[3000, 4], x.as_slice().unwrap()));
    for (i, adapter) in adapters().iter().enumerate() {
        let words = format!("bench --matrix x.npy -k 7 --init random --tol 0 --device cpu --device gpu:{i} --json");
        let document = place.run(&words).ended(0).json();
        let [cpu, gpu] = [0, 1].map(|run| &document["runs"][run]);
        assert!(cpu["device_seconds"].is_null() && cpu["stages"].is_null(), "{cpu}");
        if !adapter.has_clock() {
            assert!(gpu["device_seconds"].is_null(), "{gpu}");
            continue;
        }
        let seconds = |stage: &str| gpu["stages"][stage].as_f64().unwrap();
        let (assign, update) = (seconds("assign"), seconds("update"));
        assert!(assign > 0.0 && update > 0.0 && gpu["stages"].as_object().unwrap().len() == 2, "{gpu}");
        assert!((gpu["device_seconds"].as_f64().unwrap() - assign - update).abs() < 1e-12, "{gpu}");
        assert!(assign + update < gpu["fit_seconds"].as_f64().unwrap(), "{gpu}");
        let ran = gpu["variant"].as_str().unwrap();
        assert!(ran.split(" + ").all(|kernel| kernel.contains("-d4-")), "not those of the probe: {ran}");
    }
}

/// A Vulkan loader that is told of no driver finds none, whatever the machine has.
#[cfg(target_os = "linux")]
#[test]
fn without_a_driver_gpu_is_exit_6_and_auto_a_note() {
    let none = ("VK_DRIVER_FILES", "/nonexistent.json");
    let place = Place::new();
    let values: Vec<f32> = (0..1u16 << 11).cycle().take(1 << 22).map(f32::from).collect();
    place.put("x.npy", npy(&[1 << 11, 1 << 11], &values));
    let bench = "bench --matrix x.npy -k 1 --max-iter 1";
    place.run_under(none, &format!("{bench} --device gpu")).ended(6).says(&["--device gpu", "no adapter was found"]);
    let run = place.run_under(none, &format!("{bench} --json")).ended(0).says(&["note: ", "running on the CPU"]);
    assert_eq!(run.json()["runs"][0]["device"], "cpu");
    let devices = place.run_under(none, "devices").ended(0).stdout;
    assert!(!devices.contains("running"), "nothing runs there: {devices}");
    place.run_under(none, "selftest").ended(0);
}

#[cfg(unix)]
#[test]
fn an_interrupt_in_a_pass_ends_the_program_at_once() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    let Some(adapter) = adapters().iter().position(|_| true) else { return };
    let place = Place::new();
    let x = narrow(&table(Kind::Blobs, 100_000, 8, 5));
    place.put("x.npy", npy(&[100_000, 8], x.as_slice().unwrap()));
    let words = format!("bench --matrix x.npy -k 64 --init random --max-iter 100000 --tol 0 -v --device gpu:{adapter}");
    let mut child = place.command(&words).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("iteration 2 of")), "it ended before the second pass");
    let interrupt = format!("kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &interrupt]).status().unwrap().success());
    let clock = std::time::Instant::now();
    assert!(lines.any(|line| line == "interrupted"));
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130), "{status:?}");
    assert!(clock.elapsed().as_secs() < 5, "{:?}", clock.elapsed());
}
