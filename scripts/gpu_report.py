#!/usr/bin/env python3
"""Measures segma on this machine's GPU and writes a Markdown report. Run it as scripts/gpu-report.sh.

    scripts/gpu-report.sh                            every section with target/release/segma, into gpu-report.md
    scripts/gpu-report.sh --only passes --only peers
    scripts/gpu-report.sh --tiny --device lavapipe   the whole path on a software driver; its figures mean nothing

The report is written again after every result, so a run that is stopped leaves what it has. A section that fails shows
its error and the next one starts; the exit status is then 1. The quick and important sections come first, because the run
ends itself after `--limit` seconds.
"""
import argparse, hashlib, json, os, platform, shutil, signal, statistics, subprocess, sys, tempfile, threading, time
from concurrent.futures import ThreadPoolExecutor
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
SEED = 0

# n, d, k, and in ms a pass: the floor (a copy rate of 3.0 TB/s and 67 TFLOP/s of f32, an H100) and what is wanted.
TARGETS = [
    (10_000_000, 8, 8, 0.12, 0.20),
    (10_000_000, 16, 8, 0.23, 0.33),
    (10_000_000, 16, 16, 0.23, 0.33),
    (10_000_000, 16, 64, 0.31, 0.75),
    (10_000_000, 32, 16, 0.44, 0.63),
    (4_000_000, 32, 256, 0.98, 2.2),
    (2_000_000, 64, 1024, 3.9, 9),
]
PEERS = ["torch f32", "flash-kmeans tf32", "flash-kmeans f16"]

# The rows that the other sections take.
FULL = dict(same=(10_000_000, 16, 16), both=(500_000, 16, 8), sweep=(4_000_000, 16), big=(50_000_000, 16), iterations=20)
TINY = dict(same=(2_000, 16, 16), both=(2_000, 16, 8), sweep=(1_000, 16), big=(20_000, 16), iterations=5)


class Failed(Exception):
    """What goes into the report in place of a figure."""


class Report:
    """The sections, and the file that shows how far they are."""

    def __init__(self, path, title, sections):
        self.path, self.title, self.sections, self.start = path, title, sections, time.monotonic()

    def write(self):
        text = [self.title] + [s.text() for s in self.sections]
        part = self.path + ".part"
        with open(part, "w", encoding="utf-8") as f:
            f.write("\n\n".join(text) + "\n")
        os.replace(part, self.path)

    def seconds(self):
        return time.monotonic() - self.start


class Section:
    """A heading and its parts: texts, or functions that give the text as it stands."""

    def __init__(self, name, title, work):
        self.name, self.title, self.work = name, title, work
        self.parts, self.state, self.failed = [], "not run", False

    def text(self):
        parts = [p() if callable(p) else p for p in self.parts]
        return "\n\n".join([f"## {self.title}", f"*{self.state}*", *parts])

    def fail(self, what):
        self.failed = True
        self.parts.append("**FAILED**\n\n" + block(str(what)))

    def run(self, ctx):
        start, self.state = ctx.report.seconds(), "running"
        ctx.section = self
        ctx.report.write()
        try:
            self.work(ctx)
        except Exception as e:  # noqa: BLE001 - the other sections still have their turn
            self.fail(e if isinstance(e, Failed) else repr(e))
        self.state = f"{'FAILED, ' if self.failed else ''}{ctx.report.seconds() - start:.1f} s"
        ctx.report.write()
        print(f"{self.name}: {self.state}", flush=True)


class Context:
    """What the sections share: the options, the points made so far, the results that meet in one table."""

    def __init__(self, args, folder):
        self.args, self.folder = args, folder
        self.sizes = TINY if args.tiny else FULL
        self.targets = [tiny(t) for t in TARGETS] if args.tiny else TARGETS
        self.report, self.section = None, None
        self.rows, self.peers, self.no_peer = {}, {}, "not run"

    def add(self, part):
        self.section.parts.append(part)
        self.report.write()

    def left(self):
        left = self.args.limit - self.report.seconds()
        if left <= 0:
            raise Failed(f"not started: the limit of {self.args.limit} s for the whole report is reached")
        return left

    def call(self, *command, limit=150):
        """The output of a command, or `Failed` with what it said."""
        limit = min(limit, self.left())
        try:
            p = subprocess.run(command, capture_output=True, text=True, timeout=limit)
        except subprocess.TimeoutExpired:
            raise Failed(f"{' '.join(command)}\nstopped after {limit:.0f} s") from None
        if p.returncode:
            raise Failed(f"{' '.join(command)}\nexit {p.returncode}\n{(p.stdout[-1000:] + p.stderr[-2000:]).strip()}")
        return p.stdout

    def segma(self, *command, limit=150):
        return self.call(self.args.segma, *command, limit=limit)

    def bench(self, n, d, k, *devices):
        """The runs of `segma bench` from given first centroids, one after the other in one process."""
        x, c = self.points(n, d), self.centroids(n, d, k)
        picks = [word for device in devices for word in ("--device", device)]
        out = self.segma("bench", "--matrix", x, "--init", c, "--clusters", str(k), "--max-iter",
                         str(self.sizes["iterations"]), "--tol", "0", "--json", *picks)
        return json.loads(out)["runs"]

    def points(self, n, d):
        path = os.path.join(self.folder, f"x-{n}x{d}.npy")
        if not os.path.exists(path):
            self.left()
            customers(path, n, d)
        return path

    def centroids(self, n, d, k):
        path = os.path.join(self.folder, f"c-{n}x{d}x{k}.npy")
        if not os.path.exists(path):
            x = np.load(self.points(n, d), mmap_mode="r")
            np.save(path, x[np.sort(np.random.default_rng(SEED + 1).choice(n, k, replace=False))])
        return path


def tiny(target):
    n, d, k, _, _ = target
    return (1_200 if k >= 256 else 2_000), d, k, None, None


def customers(path, n, d):
    """A .npy of n x d f32, z-scored by its first rows: overlapping groups, half of the columns skewed like money and counts."""
    if shutil.disk_usage(os.path.dirname(path)).free < 4 * n * d + (1 << 28):
        raise Failed(f"no room for {4 * n * d / 1e9:.1f} GB of points in {os.path.dirname(path)}: name another folder with --tmp")
    r = np.random.default_rng(SEED)
    groups, half, step = 24, d // 2, 250_000
    mu = r.normal(size=(groups, d)).astype(np.float32) * np.float32(0.9)
    spread = r.uniform(0.4, 1.2, size=(groups, 1)).astype(np.float32)
    share = r.dirichlet(np.ones(groups) * 2)

    def rows(a):
        r = np.random.default_rng([SEED, a])
        size = min(step, n - a)
        z = r.choice(groups, size=size, p=share)
        x = mu[z] + spread[z] * r.standard_normal((size, d), dtype=np.float32)
        np.exp(x[:, :half] * np.float32(0.7), out=x[:, :half])
        return x

    first = rows(0)
    mean, deviation = (f(0, dtype=np.float64).astype(np.float32) for f in (first.mean, first.std))
    out = np.lib.format.open_memmap(path + ".part", mode="w+", dtype=np.float32, shape=(n, d))

    def fill(a):
        out[a:a + step] = (rows(a) - mean) / deviation

    with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        list(pool.map(fill, range(0, n, step)))
    out.flush()
    os.replace(path + ".part", path)


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(c) for c in line) + " |" for line in lines)


def block(text):
    return "```text\n" + text.rstrip() + "\n```"


# What this machine is.

PROBE = """
import importlib.metadata as m
for name in ("torch", "triton", "flash-kmeans"):
    try: print(name, m.version(name), sep="\\t")
    except m.PackageNotFoundError: print(name, "not here", sep="\\t")
import torch, time
print("CUDA (torch)", torch.version.cuda, sep="\\t")
if torch.cuda.is_available():
    print("device (torch)", torch.cuda.get_device_name(), sep="\\t")
    host = torch.empty(1 << 29, dtype=torch.uint8).pin_memory()
    there = host.cuda(non_blocking=True); torch.cuda.synchronize(); t = time.perf_counter()
    for _ in range(4): there.copy_(host, non_blocking=True)
    torch.cuda.synchronize()
    print("bus, pinned memory to device", f"{4 * host.numel() / (time.perf_counter() - t) / 1e9:.1f} GB/s", sep="\\t")
"""


def machine(ctx):
    with open(ctx.args.segma, "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    rows = [
        ("date", time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())),
        ("segma", f"{ctx.segma('--version').strip()}, sha256 of the program {digest[:12]}"),
        ("system", f"{platform.platform()}, {cpu_name()}, {os.cpu_count()} cores"),
        ("python", f"{platform.python_version()}, numpy {np.__version__}"),
    ]
    ctx.add(lambda: table(["what", "value"], rows))
    for gpu in json.loads(ctx.segma("devices", "--json"))["gpus"]:
        kind = "software, " if gpu["software"] else ""
        rows.append((gpu["device"], f"{gpu['name']} ({kind}{gpu['backend']}, driver {gpu['driver']} {gpu['driver_info']})"))
    p = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=min(90, ctx.left()))
    rows += [line.split("\t", 1) for line in p.stdout.splitlines() if "\t" in line]
    if p.returncode and "torch\tnot here" not in p.stdout:
        rows.append(("torch says", (p.stderr.strip().splitlines() or ["nothing"])[-1]))
    if shutil.which("nvidia-smi"):
        query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total,clocks.max.sm", "--format=csv,noheader"]
        out = subprocess.run(query, capture_output=True, text=True, timeout=30)
        rows.append(("nvidia-smi", (out.stdout or out.stderr).strip().replace("\n", "; ")))
    ctx.add("`segma devices`:\n\n" + block(ctx.segma("devices")))


def cpu_name():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as f:
            return next(line.split(":", 1)[1].strip() for line in f if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def selftest(ctx):
    ctx.add(block(ctx.segma("selftest")))


# Passes, and the peers beside them.

def passes(ctx):
    ctx.add(f"`pass_seconds / iterations` of `segma bench --max-iter {ctx.sizes['iterations']} --tol 0` from given first "
            "centroids, the median of three runs in one process (the first one compiles the shaders). Floor and wanted are for "
            "an H100 (3.0 TB/s, 67 TFLOP/s f32). Upload is `upload_seconds`, with the rate of the f32 points; the fit is "
            "`fit_seconds`, from the matrix in memory to the last labels. Of a peer: ms a pass, and in brackets "
            "the ratio peer / segma (above 1: segma is faster).")
    ctx.add(lambda: pass_table(ctx))
    runs = {}
    for n, d, k, _, _ in ctx.targets:
        try:
            runs[n, d, k] = three = ctx.bench(n, d, k, *[ctx.args.device] * 3)
            if len({(r["labels_sha256"], r["model_sha256"]) for r in three}) > 1:
                ctx.section.fail(f"{n} x {d}, k {k}: three runs, different answers")
            ctx.rows[n, d, k] = sorted(three, key=lambda r: r["pass_seconds"] / max(1, r["iterations"]))[1]
        except Failed as e:
            ctx.section.fail(f"{n} x {d}, k {k}: {e}")
        ctx.report.write()
    ctx.add(f"Ran on: {', '.join(sorted({r['adapter'] for three in runs.values() for r in three})) or 'nothing'}.")
    raw = "\n".join(json.dumps({"n": n, "d": d, "k": k, "run": r}) for (n, d, k), three in runs.items() for r in three)
    ctx.add(f"<details><summary>every run</summary>\n\n{block(raw)}\n\n</details>")


def tuner(ctx):
    ctx.add("`segma tune` for each shape of the passes above: what was fastest, beside what runs without a cache. The sections "
            "of this report do not make use of it.")
    rows = []
    ctx.add(lambda: table(["n", "d", "k", "planned", "ms a pass", "fastest", "ms a pass", "variants", "failed"], rows))
    passes = "1" if ctx.args.tiny else "7"
    # On a software driver every kernel takes a while to compile.
    for n, d, k, _, _ in ctx.targets[:1] if ctx.args.tiny else ctx.targets:
        try:
            said = json.loads(ctx.segma("tune", "--matrix", ctx.points(n, d), "--clusters", str(k), "--passes", passes, "--device",
                                        ctx.args.device, "--cache", os.path.join(ctx.folder, "tuned"), "--json"))
        except Failed as e:
            ctx.section.fail(f"{n} x {d}, k {k}: {e}")
            continue
        times = {v["variant"]: v["pass_seconds"] for v in said["variants"]}
        cells = [f"{1e3 * times[said[name]]:.3f}" for name in ("planned", "fastest")]
        failed = [f"{v['variant']}: {v['failure']}" for v in said["variants"] if v["failure"]]
        rows.append((f"{n:,}", d, f"{k:,}", said["planned"], cells[0], said["fastest"], cells[1], len(times), "; ".join(failed) or "none"))
        if failed:
            ctx.section.failed = True
        ctx.report.write()


def pass_table(ctx):
    head = ["n", "d", "k", "segma, ms a pass", "floor", "ratio", "wanted", "upload", "fit", "refereed", *PEERS]
    return table(head, [pass_row(ctx, *target) for target in ctx.targets])


def pass_row(ctx, n, d, k, floor, wanted):
    run = ctx.rows.get((n, d, k))
    peers = ctx.peers.get((n, d, k), {})
    own = 1e3 * run["pass_seconds"] / max(1, run["iterations"]) if run else None
    cells = [f"{n:,}", d, f"{k:,}", f"{own:.3f}" if run else "-", floor or "-"]
    cells += [f"{own / floor:.2f}" if run and floor else "-", f"<= {wanted}" if wanted else "-"]
    if run:
        rate = 4e-9 * n * d / run["upload_seconds"]
        cells += [f"{run['upload_seconds']:.3f} s ({rate:.1f} GB/s)", f"{run['fit_seconds']:.3f} s", f"{run['refereed_share']:.5%}"]
    else:
        cells += ["-"] * 3
    for name in PEERS:
        ratio = f" ({peers[name] / own:.2f})" if name in peers and own else ""
        cells.append(f"{peers[name]:.3f}{ratio}" if name in peers else ctx.no_peer)
    return cells


def peers(ctx):
    why = subprocess.run([sys.executable, "-c", "import torch; assert torch.cuda.is_available(), 'torch sees no CUDA device'"],
                         capture_output=True, text=True, timeout=min(90, ctx.left()))
    if why.returncode:
        ctx.no_peer = "not here"
        return ctx.add("Not here: " + (why.stderr.strip().splitlines() or ["no torch"])[-1])
    for n, d, k, _, _ in ctx.targets:
        ctx.centroids(n, d, k)
    shapes = ";".join(f"{n},{d},{k}" for n, d, k, _, _ in ctx.targets)
    command = [sys.executable, "-u", os.path.join(HERE, "gpu_peers.py"), "--segma", ctx.args.segma, "--device", ctx.args.device,
               "--points", ctx.folder, "--passes", str(ctx.sizes["iterations"]), "--shapes", shapes]
    ctx.add("What `gpu_peers.py` said; the table under Passes has its figures too. flash-kmeans given f32 multiplies in TF32, "
            "given f16 in f16: other answers than segma's.")
    lines, ctx.no_peer = [], "failed"
    ctx.add(lambda: block("\n".join(lines)))
    stream(ctx, command, min(240, ctx.left()), lambda line: (lines.append(line), note_peer(ctx, line), ctx.report.write()))
    ctx.no_peer = "not here"


def note_peer(ctx, line):
    """Keeps `n=.. d=.. k=.. <name> <ms> ms/pass ..`."""
    if line.startswith("n=") and " ms/pass" in line:
        words = line.split(" ms/pass")[0].split()
        shape = tuple(int(w.split("=")[1]) for w in words[:3])
        ctx.peers.setdefault(shape, {})[" ".join(words[3:-1])] = float(words[-1])


def stream(ctx, command, limit, take):
    """Runs a command and hands over each line as it comes."""
    with open(os.path.join(ctx.folder, "stderr"), "w+", encoding="utf-8", errors="replace") as errors:
        p = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        late = threading.Timer(limit, p.kill)
        late.start()
        try:
            for line in p.stdout:
                take(line.rstrip())
            code = p.wait()
        finally:
            stopped = not late.is_alive()
            late.cancel()
            p.kill()
        if code:
            errors.seek(0)
            how = f"stopped after {limit:.0f} s" if stopped else f"exit {code}"
            raise Failed(f"{' '.join(command)}\n{how}\n{errors.read()[-2000:]}")


# The answer.

def identity(ctx):
    n, d, k = ctx.sizes["same"]
    runs = []

    def so_far():
        rows = [(len(runs), len({r["labels_sha256"] for r in runs}), len({r["model_sha256"] for r in runs}))]
        last = runs[-1] if runs else {"labels_sha256": "-", "model_sha256": "-"}
        return (f"{n:,} x {d}, k {k}, each run its own process:\n\n" + table(["runs", "different labels", "different models"], rows)
                + f"\n\nlabels {last['labels_sha256'][:16]}, model {last['model_sha256'][:16]}")

    ctx.add(so_far)
    for _ in range(10):
        runs += ctx.bench(n, d, k, ctx.args.device)
        ctx.report.write()
    if answers(runs) != 1:
        ctx.section.fail(f"{answers(runs)} different answers in {len(runs)} runs")
    beside_cpu(ctx, *ctx.sizes["both"])


def beside_cpu(ctx, n, d, k):
    both = ctx.bench(n, d, k, ctx.args.device, "cpu")
    rows = [(r["device"], r["adapter"], r["iterations"], r["labels_sha256"][:16], r["model_sha256"][:16]) for r in both]
    ctx.add(f"{n:,} x {d}, k {k}, beside the CPU:\n\n" + table(["device", "adapter", "iterations", "labels", "model"], rows))
    if answers(both) != 1:
        ctx.section.fail("the CPU has another answer")


def answers(runs):
    return len({(r["labels_sha256"], r["model_sha256"], r["iterations"]) for r in runs})


# Whole fits.

def timed_run(ctx, verb, path, *options, limit=150):
    """A verb from a table to its folder: seconds of the process, and its run.json."""
    out = os.path.join(ctx.folder, "out")
    start = time.monotonic()
    said = ctx.segma(verb, path, *options, "--device", ctx.args.device, "-o", out, "--force", "--json", limit=limit)
    seconds = time.monotonic() - start
    with open(os.path.join(out, "run.json"), encoding="utf-8") as f:
        run = json.load(f)
    shutil.rmtree(out)
    return seconds, run, json.loads(said)


def start(ctx):
    n, d, k = ctx.sizes["both"]
    ctx.centroids(n, d, k)  # made, like the points, before a clock runs
    kept, rows = os.path.join(ctx.folder, "drivers"), []
    os.makedirs(kept)
    ctx.add(f"`segma bench` of {n:,} x {d}, k {k}, in a process of its own: first where the driver has never seen its kernels "
            "(with an empty folder for what drivers keep), then where it has. Compiling is what the kernels took one after "
            "another; it goes on while the points go up.")
    ctx.add(lambda: table(["what drivers keep", "whole process, s", "kernels", "compiling, s", "fit, s"], rows))
    # Where NVIDIA's driver and Mesa's keep compiled kernels.
    before = dict(os.environ)
    os.environ.update(__GL_SHADER_DISK_CACHE_PATH=kept, MESA_SHADER_CACHE_DIR=kept)
    try:
        for what in ("nothing", "these", "these"):
            began = time.monotonic()
            [run] = ctx.bench(n, d, k, ctx.args.device)
            seconds = time.monotonic() - began
            rows.append((what, f"{seconds:.2f}", run["kernels_compiled"], f"{run['compile_seconds']:.3f}", f"{run['fit_seconds']:.3f}"))
            ctx.report.write()
    finally:
        os.environ.clear()
        os.environ.update(before)


def sweep(ctx):
    n, d = ctx.sizes["sweep"]
    path, starts = ctx.points(n, d), "4"
    more = ["--max-iter", "5"] if ctx.args.tiny else []
    rows = []
    ctx.add(f"{n:,} x {d}, k-means++, to convergence. A fit's time is the phase `fit` of its run.json (seeding and passes), "
            "beside the whole process, which for `segma fit` also writes the segments. The second of two runs: the first "
            "one may compile shaders, which drivers then keep.")
    ctx.add(lambda: table(["what", "fit phase, s", "whole process, s", "iterations"], rows))

    def second(what, verb, *options):
        timed_run(ctx, verb, path, *options, *more)
        seconds, run, said = timed_run(ctx, verb, path, *options, *more)
        fit = run["phases_seconds"]["fit"]
        iterations = said["iterations"] if verb == "fit" else f"at most {max(f['iterations'] for f in said['fits'])}"
        rows.append((what, f"{fit:.3f}", f"{seconds:.2f}", iterations))
        ctx.report.write()
        return fit

    whole = second(f"sweep k=2..12, {starts} starts", "sweep", "--clusters", "2..12", "--n-init", starts, "--metrics", "none")
    fits = {k: second(f"fit k={k}, {starts} starts", "fit", "--clusters", str(k), "--n-init", starts) for k in range(2, 13)}
    slowest = max(fits, key=fits.get)
    one = second(f"fit k={slowest}, 1 start", "fit", "--clusters", str(slowest), "--n-init", "1")
    ctx.add(f"The sweep takes **{whole / fits[slowest]:.2f}** times the slowest fit with {starts} starts (k={slowest}), and "
            f"**{whole / one:.2f}** times that k with one start (wanted: at most 4 times the slowest single fit); all "
            f"{len(fits)} fits one after the other take {sum(fits.values()) / whole:.2f} times the sweep.")


def big(ctx):
    n, d = ctx.sizes["big"]
    start = time.monotonic()
    path = ctx.points(n, d)
    ctx.add(f"{n:,} x {d}, {4e-9 * n * d:.2f} GB of .npy, made in {time.monotonic() - start:.1f} s; "
            "`segma fit --clusters 8`, from the file to the segments of all rows.")
    more = ["--max-iter", "5"] if ctx.args.tiny else []
    try:
        seconds, run, said = timed_run(ctx, "fit", path, "--clusters", "8", *more, limit=300)
    finally:
        os.remove(path)
    rows = [("whole process", f"{seconds:.2f} s"), ("rows a second", f"{n / seconds:,.0f}"), ("ran on", run["device"])]
    rows += [(f"phase {name}", f"{value:.3f} s") for name, value in run["phases_seconds"].items()]
    rows += [("iterations", f"{said['iterations']}{'' if said['converged'] else ', not converged'}"),
             ("ms a pass", f"{1e3 * run['pass_seconds'] / max(1, said['iterations']):.3f}"),
             ("refereed", f"{run['refereed_rows'] / max(1, run['scored_rows']):.5%}"),
             ("memory at the peak", f"{run['peak_memory_bytes'] / 2**20:,.0f} MiB"),
             ("notes", "; ".join(note.get("text", str(note)) for note in run["notes"] + run["device_notes"]) or "none")]
    ctx.add(table(["what", "value"], rows))


SECTIONS = [
    ("machine", "Machine and versions", machine),
    ("selftest", "Selftest", selftest),
    ("start", "A first start", start),
    ("passes", "Passes", passes),
    ("identity", "The same bytes, run to run", identity),
    ("tune", "Tuner", tuner),
    ("sweep", "A sweep beside its fits", sweep),
    ("peers", "Peers", peers),
    ("big", "A large table, end to end", big),
]


def arguments():
    a = argparse.ArgumentParser(prog="gpu-report.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("segma", nargs="?", default=os.path.join(HERE, "..", "target", "release", "segma"),
                   help="the program [target/release/segma]")
    a.add_argument("-o", "--output", default="gpu-report.md", help="the report [gpu-report.md]")
    a.add_argument("--device", default="gpu", help="where segma runs, as in segma fit [gpu]")
    a.add_argument("--only", action="append", choices=[s[0] for s in SECTIONS], help="this section; may be given again")
    a.add_argument("--no-big", action="store_true", help="skip the table of 50 million rows")
    a.add_argument("--tiny", action="store_true", help="sizes for a software driver: shows that everything runs")
    a.add_argument("--limit", type=float, default=540, help="seconds for the whole report [540]")
    a.add_argument("--tmp", help="the folder to make the points in (about 10 GB) [the system's]")
    args = a.parse_args()
    args.segma = os.path.abspath(args.segma)
    if not os.access(args.segma, os.X_OK) or os.path.isdir(args.segma):
        a.error(f"no program at {args.segma}: cargo build --release makes it, or name it")
    if not os.path.isdir(os.path.dirname(os.path.abspath(args.output))):
        a.error(f"no folder to write {args.output} in")
    return args


def main():
    args = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the points are removed
    os.environ["SEGMA_CACHE"] = ""  # the figures are those of a machine on which nothing was tuned
    title = "# segma on a GPU" + ("\n\n**Tiny sizes, to show that everything runs. The figures mean nothing.**" if args.tiny else "")
    title += f"\n\nMade by `scripts/gpu-report.sh`, device `{args.device}`."
    with tempfile.TemporaryDirectory(prefix="segma-gpu-report-", dir=args.tmp) as folder:
        ctx = Context(args, folder)
        ctx.report = report = Report(args.output, title, [Section(*s) for s in SECTIONS])
        for section in report.sections:
            skip = section.name not in args.only if args.only else section.name == "big" and args.no_big
            if not skip:
                section.run(ctx)
    failed = [s.name for s in report.sections if s.failed]
    print(f"wrote {args.output} in {report.seconds():.1f} s" + (f"; FAILED: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
