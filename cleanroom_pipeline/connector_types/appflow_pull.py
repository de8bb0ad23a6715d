"""Connector type `AppFlowPullConnector`: AppFlow pulls from an application, on a schedule.

Here: what a pull adds to the common chain: its job and its schedule. Not here: the chain.
"""

import dagster as dg

from cleanroom_pipeline.connector_types.base import ConnectorBase
from cleanroom_pipeline.connector_types.completion_settings import CompletionSettings
from cleanroom_pipeline.connector_types.settings import ScheduleSettings, SourceSettings
from cleanroom_pipeline.inbound.appflow import PullSettings, build_pull_job
from cleanroom_pipeline.inbound.schedules import build_pull_schedule
from cleanroom_pipeline.model import CONNECTOR_TAG


class AppFlowPullConnector(ConnectorBase):
    """Data that AppFlow pulls from Salesforce Marketing Cloud."""

    source: SourceSettings
    schedule: ScheduleSettings
    completion: CompletionSettings = CompletionSettings(policy="provider_run")

    @property
    def pulled(self) -> bool:
        """AppFlow tells how many records it wrote."""
        return True

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Build the common chain, the pull job and its schedule."""
        job = build_pull_job(
            PullSettings(
                connector=self.name,
                secret=self.source.secret,
                profile=self.name,
                flow=self.name,
                entity=self.source.object,
                prefix=self.inbound.prefix,
                timeout_minutes=self.source.timeout_minutes,
            ),
            tags={CONNECTOR_TAG: self.name},
        )
        schedule = build_pull_schedule(
            self.name,
            job,
            cron=self.schedule.cron,
            timezone=self.schedule.timezone,
            default_status=dg.DefaultScheduleStatus[self.schedule.default_status],
        )
        return dg.Definitions.merge(
            super().build_defs(context), dg.Definitions(jobs=[job], schedules=[schedule])
        )
