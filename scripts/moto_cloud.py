"""A cloud to deploy to in tests: moto's server, on this machine only, with the
CloudFormation types of our stack that moto 5.2.1 does not know.

    python3 scripts/moto_cloud.py 15055

Without this, moto skips an unknown type with no more than a line in its log, and
a deployment "succeeds" with half of its resources. Each class below creates the
resource through moto's own backend, so that its API shows it afterwards. Test
only: nothing here checks what AWS would check.
"""

import json
import sys

from moto.athena.models import athena_backends
from moto.awslambda.models import LambdaBackend, lambda_backends
from moto.cloudwatch.models import Metric, MetricDataQuery, MetricStat, cloudwatch_backends
from moto.core.common_models import CloudFormationModel
from moto.events.models import EventBus, Rule
from moto.events.utils import EventTemplateParser
from moto.glue.models import glue_backends
from moto.kms.models import Key
from moto.s3.models import s3_backends
from moto.server import main
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends


def cloudformation(resource_type, name_property=""):
    """Makes a class the model of a resource type.

    moto finds only direct subclasses of CloudFormationModel, and files each under
    the second part of its module's name, which a script's classes do not have.
    """

    def register(added):
        added.TYPE, added.NAME_PROPERTY = resource_type, name_property
        names = {"__module__": "licenseguard.moto_cloud", "__doc__": added.__doc__}
        return type(CloudFormationModel)(added.__name__, (added, CloudFormationModel), names)

    return register


class Added:
    """What the types below share. A subclass creates in create() and, where the
    end of a stack must remove it, removes in remove()."""

    def __init__(self, name, properties, account, region):
        self.physical_resource_id = name
        self.properties = properties
        self.account = account
        self.region = region

    def create(self):
        raise NotImplementedError

    def remove(self):
        """Nothing to do where the resource goes with the one it belongs to."""

    def backend(self, backends):
        return backends[self.account][self.region]

    # What CloudFormationModel asks for.

    @classmethod
    def cloudformation_type(cls):
        return cls.TYPE

    @classmethod
    def cloudformation_name_type(cls):
        return cls.NAME_PROPERTY

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **_):
        resource = cls(resource_name, cloudformation_json["Properties"], account_id, region_name)
        resource.create()
        return resource

    @classmethod
    def update_from_cloudformation_json(cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name):
        original_resource.remove()
        return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)

    def delete(self, _account_id, _region_name):
        self.remove()

    @classmethod
    def has_cfn_attr(cls, _attribute):
        return False

    def is_created(self):
        return True


@cloudformation("AWS::SQS::QueuePolicy")
class QueuePolicy(Added):
    def create(self):
        policy = json.dumps(self.properties["PolicyDocument"])
        for url in self.properties["Queues"]:
            self.backend(sqs_backends).set_queue_attributes(url.rsplit("/", 1)[-1], {"Policy": policy})


@cloudformation("AWS::SNS::TopicPolicy")
class TopicPolicy(Added):
    def create(self):
        for topic in self.properties["Topics"]:
            self.backend(sns_backends).set_topic_attribute(topic, "_policy_json", self.properties["PolicyDocument"])


@cloudformation("AWS::SNS::Subscription")
class Subscription(Added):
    def create(self):
        p = self.properties
        subscription = self.backend(sns_backends).subscribe(p["TopicArn"], p["Endpoint"], p["Protocol"])
        self.physical_resource_id = subscription.arn

    def remove(self):
        self.backend(sns_backends).unsubscribe(self.physical_resource_id)


@cloudformation("AWS::S3::BucketPolicy")
class BucketPolicy(Added):
    """moto enforces a Deny but ignores its Condition: "deny what comes without
    TLS" would deny everything. So Denies that have a condition are left out."""

    def create(self):
        document = dict(self.properties["PolicyDocument"])
        document["Statement"] = [
            s for s in document["Statement"] if not (s["Effect"] == "Deny" and "Condition" in s)
        ]
        if document["Statement"]:
            buckets = s3_backends[self.account]["aws"]
            buckets.put_bucket_policy(self.properties["Bucket"], json.dumps(document).encode())


@cloudformation("AWS::Lambda::EventInvokeConfig")
class EventInvokeConfig(Added):
    def create(self):
        config = {k: v for k, v in self.properties.items() if k.startswith("Maximum")}
        self.backend(lambda_backends).put_function_event_invoke_config(self.properties["FunctionName"], config)


@cloudformation("AWS::Glue::Database")
class GlueDatabase(Added):
    def create(self):
        given = self.properties["DatabaseInput"]
        self.physical_resource_id = given["Name"]
        self.backend(glue_backends).create_database(given["Name"], given)

    def remove(self):
        self.backend(glue_backends).delete_database(self.physical_resource_id)


@cloudformation("AWS::Glue::Table")
class GlueTable(Added):
    """Goes with its database."""

    def create(self):
        given = self.properties["TableInput"]
        self.physical_resource_id = given["Name"]
        self.backend(glue_backends).create_table(self.properties["DatabaseName"], given["Name"], given)


@cloudformation("AWS::Athena::WorkGroup", name_property="Name")
class WorkGroup(Added):
    def create(self):
        p = self.properties
        self.backend(athena_backends).create_work_group(
            p["Name"], p["WorkGroupConfiguration"], p.get("Description", ""), []
        )

    def remove(self):
        self.backend(athena_backends).delete_work_group(self.physical_resource_id)


@cloudformation("AWS::Athena::NamedQuery")
class NamedQuery(Added):
    def create(self):
        p = self.properties
        self.physical_resource_id = self.backend(athena_backends).create_named_query(
            p["Name"], p.get("Description", ""), p["Database"], p["QueryString"], p["WorkGroup"]
        )

    def remove(self):
        self.backend(athena_backends).named_queries.pop(self.physical_resource_id)


@cloudformation("AWS::CloudWatch::Alarm", name_property="AlarmName")
class Alarm(Added):
    def create(self):
        p = self.properties
        self.backend(cloudwatch_backends).put_metric_alarm(
            name=self.physical_resource_id,
            namespace=p.get("Namespace"),
            metric_name=p.get("MetricName"),
            metric_data_queries=[self.query(q) for q in p.get("Metrics", [])] or None,
            comparison_operator=p["ComparisonOperator"],
            evaluation_periods=p["EvaluationPeriods"],
            period=p.get("Period"),
            threshold=p["Threshold"],
            statistic=p.get("Statistic"),
            description=p["AlarmDescription"],
            dimensions=p.get("Dimensions", []),
            alarm_actions=p["AlarmActions"],
            treat_missing_data=p["TreatMissingData"],
        )

    @staticmethod
    def query(q):
        stat = None
        if "MetricStat" in q:
            m = q["MetricStat"]["Metric"]
            metric = Metric(m["MetricName"], m["Namespace"], m["Dimensions"])
            stat = MetricStat(metric, q["MetricStat"]["Period"], q["MetricStat"]["Stat"], None)
        return MetricDataQuery(q["Id"], None, None, q["ReturnData"], q.get("Expression"), stat)

    def remove(self):
        self.backend(cloudwatch_backends).delete_alarms([self.physical_resource_id])


def mend_event_bus():
    """Ref of a bus is its name; moto gives the object, and the rule's call is a 500."""
    EventBus.physical_resource_id = property(lambda bus: bus.name)


def mend_key():
    """moto keeps the key's policy as it came from the template, not as text, and
    then fails to describe the key."""
    create = Key.create_from_cloudformation_json.__func__

    def create_with_text(cls, *args, **kwargs):
        key = create(cls, *args, **kwargs)
        if isinstance(key.policy, dict):
            key.policy = json.dumps(key.policy)
        return key

    Key.create_from_cloudformation_json = classmethod(create_with_text)


def mend_schedules():
    """A rule without a pattern has a schedule; moto gives it every event that comes,
    and fails on those that run functions."""
    send = Rule.send_to_targets

    def send_what_matches(rule, *args, **kwargs):
        if rule.event_pattern.get_pattern():
            send(rule, *args, **kwargs)

    Rule.send_to_targets = send_what_matches


def mend_streams():
    """No function runs here. moto tries to, in Docker, on each write to a table whose
    stream has a reader, and the write then fails for its binary values."""
    LambdaBackend.send_dynamodb_items = lambda *_: True


def mend_account():
    """AWS delivers an event with its account; moto's default leaves it out."""
    template = EventTemplateParser.DEFAULT_EVENT_INPUT_TEMPLATE
    EventTemplateParser.DEFAULT_EVENT_INPUT_TEMPLATE = template.replace("{", '{"account": "<account>", ', 1)


if __name__ == "__main__":
    mend_account()
    mend_event_bus()
    mend_schedules()
    mend_streams()
    mend_key()
    # Never another address: whoever reaches moto owns all that is in it.
    main(["-H", "127.0.0.1", "-p", sys.argv[1]])
