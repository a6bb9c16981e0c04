#!/usr/bin/env bash
# Measures segma on this machine's GPU and writes gpu-report.md: `scripts/gpu-report.sh --help`.
# Needs a built segma and Python 3 with numpy; torch and flash-kmeans are used where they are. PYTHON names another Python.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
if ! "$python" -c 'import numpy' 2>/dev/null; then
    echo "gpu-report: $python has no numpy: install it (apt install python3-numpy), or name another Python: PYTHON=... $0" >&2
    exit 2
fi
exec "$python" "$here/gpu_report.py" "$@"
