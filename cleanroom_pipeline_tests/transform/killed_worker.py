"""A worker of Dagster that brews the batch, for a test to kill.

Here: one run of the job, in a process of its own. Not here: who kills it, and what is expected.
"""

import sys

import dagster as dg

from cleanroom_pipeline_tests.transform.brewing import BATCH
from cleanroom_pipeline_tests.transform.test_databrew_ops import QUIET, brew_job

if __name__ == "__main__":
    with dg.DagsterInstance.local_temp(sys.argv[1], QUIET) as instance:
        brew_job().execute_in_process(
            instance=instance, partition_key=BATCH, run_id=sys.argv[2], raise_on_error=False
        )
