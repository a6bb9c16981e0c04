#!/bin/bash
# A segmentation as a Slurm job that may be preempted, or run out of its time, at any moment: sbatch examples/slurm.sh
#
# Two minutes before the end Slurm sends SIGUSR1 to this script, which passes it on. segma saves a checkpoint at the end of the
# pass and exits with 75; the job is put in the queue again and goes on from there. The result is the same to the byte.
# A SIGTERM is passed on too, but the job is not queued again: it comes from scancel, or from a preemption after which Slurm
# does so itself.
#
# Checkpoints hold how far the fit is. Reading, measuring and writing are done anew each time, so a job of which they take longer
# than its time would be queued for ever; RESTARTS is an end to that.
#SBATCH --job-name=segments
#SBATCH --time=04:00:00
#SBATCH --cpus-per-task=16
#SBATCH --mem=32G
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append

set -u

table=${TABLE:-customers.parquet}
output=${OUTPUT:-segments}
checkpoint=${CHECKPOINT:-$output.checkpoint}
restarts=${RESTARTS:-50}

segma fit "$table" --id customer_id --clusters 12 --threads "${SLURM_CPUS_PER_TASK:-4}" \
    --output "$output" --checkpoint "$checkpoint" --resume &
segma=$!

# Without a trap bash would die of the signal and take segma with it.
out_of_time=no
trap 'out_of_time=yes; kill -USR1 "$segma" 2>/dev/null && waiting=yes' USR1
trap 'kill -TERM "$segma" 2>/dev/null && waiting=yes' TERM

# A signal ends `wait`, not segma: wait until it is really gone.
waiting=yes
while [ "$waiting" = yes ]; do
    waiting=no
    wait "$segma"
    code=$?
done

if [ "$code" -eq 75 ] && [ "$out_of_time" = yes ] && [ "${SLURM_RESTART_COUNT:-0}" -lt "$restarts" ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
