#!/usr/bin/env python3
"""On a machine with an NVIDIA GPU: times segma's GPU passes beside flash-kmeans (Triton) and a PyTorch Lloyd loop.

    pip install flash-kmeans==0.3.1 fast-pytorch-kmeans==0.2.2     (torch and triton present)
    python3 scripts/gpu_peers.py --segma target/release/segma        [--shapes "10000000,16,8;10000000,32,64"]

flash-kmeans given f32 multiplies in TF32 (its Triton default), given f16 in f16: both are less exact than segma. Every
program gets the same f32 points, already on the device, and the same initial centroids; the figure is the mean time of
one pass over `--passes` passes, after a first run that compiles. `roof` is max(bytes / measured copy rate,
flops / 67 TFLOP/s) for one pass. The points are made here, or are the files x-<n>x<d>.npy and c-<n>x<d>x<k>.npy (the
initial centroids) of the folder `--points`, as gpu-report.sh makes them.
"""
import argparse, json, os, subprocess, tempfile, time
import numpy as np
import torch

SHAPES = "10000000,8,8;10000000,16,8;10000000,16,64;10000000,32,16;4000000,32,256;2000000,64,1024"


def clock(f, n=1):
    torch.cuda.synchronize()
    t = time.perf_counter()
    for _ in range(n):
        f()
    torch.cuda.synchronize()
    return (time.perf_counter() - t) / n


def torch_pass(x, c, chunk=1 << 20):
    k, d = c.shape
    sums, n = torch.zeros_like(c), torch.zeros(k, device=c.device)
    h = 0.5 * (c * c).sum(1)
    for a in range(0, len(x), chunk):
        b = x[a:a + chunk]
        lab = (h - b @ c.T).argmin(1)
        sums.index_add_(0, lab, b)
        n += torch.bincount(lab, minlength=k)
    return torch.where(n[:, None] > 0, sums / n[:, None].clamp(min=1), c)


def files(folder, n, d, k):
    return os.path.join(folder, f"x-{n}x{d}.npy"), os.path.join(folder, f"c-{n}x{d}x{k}.npy")


def load(folder, n, d, k):
    return [torch.from_numpy(np.load(f)).cuda() for f in files(folder, n, d, k)]


def make(n, d, k):
    g = torch.Generator("cuda").manual_seed(0)
    x = torch.randn(n, d, device="cuda", generator=g) + 1.5 * torch.randn(24, d, device="cuda", generator=g)[
        torch.randint(24, (n,), device="cuda", generator=g)]
    return x, x[torch.randperm(n, device="cuda", generator=g)[:k]].clone()


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--segma", required=True)
    a.add_argument("--shapes", default=SHAPES)
    a.add_argument("--passes", type=int, default=20)
    a.add_argument("--device", default="gpu", help="segma's")
    a.add_argument("--points", help="a folder that holds the points, instead of made ones")
    args = a.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = False
    buf = torch.empty(1 << 28, device="cuda")
    dst = torch.empty_like(buf)
    clock(lambda: dst.copy_(buf), 3)
    gbs = 2 * buf.numel() * 4 / clock(lambda: dst.copy_(buf), 10) / 1e9
    print(f"{torch.cuda.get_device_name()}  copy {gbs:.0f} GB/s (read + write)")
    del buf, dst
    for n, d, k in [tuple(map(int, s.split(","))) for s in args.shapes.split(";")]:
        x, c = load(args.points, n, d, k) if args.points else make(n, d, k)
        roof = max(4 * n * d / (gbs * 1e9), 2 * n * d * k / 67e12)
        rows = {}
        torch_pass(x, c)
        state = [c]

        def step():
            state[0] = torch_pass(x, state[0])
        rows["torch f32"] = clock(step, args.passes)
        try:
            from flash_kmeans import batch_kmeans_Euclid
            f = lambda: batch_kmeans_Euclid(x[None], k, max_iters=args.passes, tol=-1.0, init_centroids=c[None])
            f()
            rows["flash-kmeans tf32"] = clock(f) / args.passes
            xh, ch = x.half(), c.half()
            f = lambda: batch_kmeans_Euclid(xh[None], k, max_iters=args.passes, tol=-1.0, init_centroids=ch[None])
            f()
            rows["flash-kmeans f16"] = clock(f) / args.passes
            del xh
        except Exception as e:  # noqa: BLE001
            print("  flash-kmeans:", repr(e)[:200])
        with tempfile.TemporaryDirectory() as tmp:
            xf, cf = files(args.points or tmp, n, d, k)
            if not args.points:
                np.save(xf, x.cpu().numpy()), np.save(cf, c.cpu().numpy())
            del x
            torch.cuda.empty_cache()
            p = subprocess.run([args.segma, "bench", "--matrix", xf, "--init", cf, "--clusters", str(k), "--max-iter",
                                str(args.passes), "--tol", "0", "--device", args.device, "--device", args.device, "--json"],
                               capture_output=True, text=True)
        if p.returncode:
            print("  segma:", p.returncode, p.stderr.strip()[:400])
        else:
            r = json.loads(p.stdout)["runs"][-1]  # the first run of a process compiles its shaders
            rows["segma gpu"] = r["pass_seconds"] / max(1, r["iterations"])
            print("  segma fit_seconds", r["fit_seconds"], "iterations", r["iterations"], "upload", r.get("upload_seconds"))
        for name, t in rows.items():
            print(f"n={n} d={d} k={k} {name:18s} {t * 1e3:9.3f} ms/pass  of_roofline={roof / t:5.2f}", flush=True)


if __name__ == "__main__":
    main()
