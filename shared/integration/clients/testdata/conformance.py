"""Calls every operation that licenseguard has of AWS License Manager through
boto3, and holds each response against the service's own model: no member that
the model does not know, none of another type, none missing that it requires.
Each error that a client can cause is caused once.

usage: conformance.py ENDPOINT ACCOUNT
"""
import json
import re
import sys
import threading

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT, ACCOUNT = sys.argv[1], sys.argv[2]
REGION = "us-east-1"
AMI = f"arn:aws:ec2:{REGION}::image/ami-0aaaaaaaaaaaaaaaa"
INSTANCE = "arn:aws:ec2:%s:%s:instance/%s"
RUNNING = INSTANCE % (REGION, ACCOUNT, "i-0000000000000000a")
SMALL = INSTANCE % (REGION, ACCOUNT, "i-0000000000000000b")
ENDING = INSTANCE % (REGION, ACCOUNT, "i-0000000000000000c")

client = boto3.client(
    "license-manager", endpoint_url=ENDPOINT, region_name=REGION,
    aws_access_key_id="test", aws_secret_access_key="test",
    config=Config(retries={"max_attempts": 0}, parameter_validation=False),
)
model = client.meta.service_model
called, raised, problems = {}, {}, []


def check(condition, text):
    if not condition:
        problems.append(text)


def hold(shape, value, path):
    """Compares a decoded JSON value with a shape of the model."""
    if value is None:
        return problems.append(f"{path} is null")
    kind = shape.type_name
    if kind == "structure":
        if not isinstance(value, dict):
            return problems.append(f"{path} is no structure: {value!r}")
        names = {m.serialization.get("name", n): m for n, m in shape.members.items()}
        for name in value:
            if name not in names:
                problems.append(f"{path}.{name} is not in the model")
            else:
                hold(names[name], value[name], f"{path}.{name}")
        for name in shape.required_members:
            check(name in value, f"{path}.{name} is missing")
    elif kind == "list":
        if not isinstance(value, list):
            return problems.append(f"{path} is no list: {value!r}")
        for i, item in enumerate(value):
            hold(shape.member, item, f"{path}[{i}]")
    elif kind == "map":
        for key, item in value.items():
            hold(shape.value, item, f"{path}[{key}]")
    elif kind in ("integer", "long"):
        check(isinstance(value, int) and not isinstance(value, bool), f"{path} is no {kind}: {value!r}")
    elif kind == "timestamp":
        check(isinstance(value, (int, float)) and not isinstance(value, bool), f"{path} is no time in seconds: {value!r}")
    elif kind == "boolean":
        check(isinstance(value, bool), f"{path} is no boolean: {value!r}")
    elif kind == "string":
        check(isinstance(value, str), f"{path} is no string: {value!r}")
        if isinstance(value, str):
            check(not shape.enum or value in shape.enum, f"{path} is {value!r}, none of {shape.enum}")
            pattern = shape.metadata.get("pattern")
            check(not pattern or re.search(pattern, value), f"{path} is {value!r}, which is not of the form {pattern}")


def received(http_response, parsed, model, **_):
    called.setdefault(model.name, 0)
    if http_response.status_code < 300:
        called[model.name] += 1
        if model.output_shape is not None:
            hold(model.output_shape, json.loads(http_response.content or b"{}"), model.name)
        return
    error = json.loads(http_response.content)["__type"]
    known = [e.name for e in model.error_shapes]
    check(error in known, f"{model.name} answers {error}, which it does not declare: {known}")
    raised.setdefault(error, set()).add(model.name)
    check(http_response.status_code < 500, f"{model.name} answers {http_response.status_code}")


client.meta.events.register("after-call.license-manager", received)


def refused(error, call, text="", **arguments):
    try:
        call(**arguments)
        problems.append(f"{call.__name__}{arguments} is not refused, want {error}")
    except ClientError as e:
        code, message = e.response["Error"]["Code"], e.response["Error"]["Message"]
        check(code == error, f"{call.__name__}{arguments} answers {code}: {message}; want {error}")
        check(text in message, f"{call.__name__}: {message!r} does not say {text!r}")
        check(bool(message), f"{call.__name__}: {code} says nothing")


def create(name, kind="vCPU", **more):
    return client.create_license_configuration(Name=name, LicenseCountingType=kind, **more)["LicenseConfigurationArn"]


INVALID = "InvalidParameterValueException"
GONE = "Invalid license configuration ARN"

# Configurations.
expiry = 1893456000
arn = create(
    "SQL Server", LicenseCount=8, LicenseCountHardLimit=True, Description="per vCPU",
    LicenseRules=["#minimumVcpus=2", "#allowedTenancy=EC2-Default"], LicenseExpiry=expiry, DisassociateWhenNotFound=True,
    Tags=[{"Key": "Vendor", "Value": "Microsoft"}, {"Key": "licenseguard:alert-at", "Value": "50 90"}],
    ProductInformationList=[{"ResourceType": "SSM_MANAGED", "ProductInformationFilterList": [
        {"ProductInformationFilterName": "Application Name", "ProductInformationFilterComparator": "EQUALS",
         "ProductInformationFilterValue": ["Microsoft SQL Server 2022 (64-bit)"]}]}],
)
check(re.fullmatch(r"arn:aws:license-manager:us-east-1:\d{12}:license-configuration:lic-[0-9a-f]{32}", arn), arn)
got = client.get_license_configuration(LicenseConfigurationArn=arn)
for member, want in {
    "Name": "SQL Server", "LicenseCountingType": "vCPU", "LicenseCount": 8, "LicenseCountHardLimit": True, "Description": "per vCPU",
    "LicenseRules": ["#minimumVcpus=2", "#allowedTenancy=EC2-Default"], "LicenseExpiry": expiry, "DisassociateWhenNotFound": True,
    "ConsumedLicenses": 0, "Status": "AVAILABLE", "OwnerAccountId": ACCOUNT, "LicenseConfigurationArn": arn,
    "LicenseConfigurationId": arn.split(":")[-1],
}.items():
    check(got.get(member) == want, f"Get: {member} is {got.get(member)!r}, want {want!r}")
check({t["Key"]: t["Value"] for t in got["Tags"]} == {"Vendor": "Microsoft", "licenseguard:alert-at": "50 90"}, f"Get: tags {got['Tags']}")
check(got["ProductInformationList"][0]["ProductInformationFilterList"][0]["ProductInformationFilterName"] == "Application Name", "Get: products")
check({s["ResourceType"] for s in got["ConsumedLicenseSummaryList"]} >= {"EC2_INSTANCE", "EC2_HOST", "SYSTEMS_MANAGER_MANAGED_INSTANCE"}, "Get: consumed summary")
check({s["ResourceType"] for s in got["ManagedResourceSummaryList"]} >= {"EC2_INSTANCE", "EC2_HOST", "EC2_AMI", "SYSTEMS_MANAGER_MANAGED_INSTANCE"}, "Get: managed summary")

for name, arguments in {
    "an empty name": dict(Name="", LicenseCountingType="vCPU"),
    "no name": dict(LicenseCountingType="vCPU"),
    "an unknown counting type": dict(Name="x", LicenseCountingType="CPU"),
    "a negative count": dict(Name="x", LicenseCountingType="vCPU", LicenseCount=-1),
    "a hard limit without a count": dict(Name="x", LicenseCountingType="vCPU", LicenseCountHardLimit=True),
    "an unknown rule": dict(Name="x", LicenseCountingType="vCPU", LicenseRules=["#nosuchrule=1"]),
    "a rule of another counting type": dict(Name="x", LicenseCountingType="vCPU", LicenseRules=["#minimumCores=1"]),
    "a wrong setting": dict(Name="x", LicenseCountingType="vCPU", Tags=[{"Key": "licenseguard:on-violation", "Value": "terminate"}]),
    "an unknown setting": dict(Name="x", LicenseCountingType="vCPU", Tags=[{"Key": "licenseguard:nonsense", "Value": "1"}]),
    "a wrong product": dict(Name="x", LicenseCountingType="vCPU", ProductInformationList=[{"ResourceType": "FAX", "ProductInformationFilterList": []}]),
}.items():
    refused(INVALID, client.create_license_configuration, **arguments)
missing = arn[:-1] + ("0" if arn[-1] != "0" else "1")
refused(INVALID, client.get_license_configuration, GONE, LicenseConfigurationArn=missing)
refused(INVALID, client.update_license_configuration, GONE, LicenseConfigurationArn=missing, Name="x")
refused(INVALID, client.delete_license_configuration, GONE, LicenseConfigurationArn=missing)
refused(INVALID, client.get_license_configuration, LicenseConfigurationArn="nonsense")

# Pages and filters.
others = [create(f"other {i}", "Instance", LicenseCount=i) for i in range(7)]
pages = list(client.get_paginator("list_license_configurations").paginate(PaginationConfig={"PageSize": 3}))
listed = [c["LicenseConfigurationArn"] for page in pages for c in page["LicenseConfigurations"]]
check(len(pages) >= 3 and len(listed) == len(set(listed)) and set(others + [arn]) <= set(listed), f"list: {len(pages)} pages, {len(listed)} configurations")
check(all("Tags" not in c for page in pages for c in page["LicenseConfigurations"]), "list tells tags")
check([c["LicenseConfigurationArn"] for c in client.list_license_configurations(LicenseConfigurationArns=[arn])["LicenseConfigurations"]] == [arn], "list by ARN")
for filters, want in (
    ([{"Name": "licenseCountingType", "Values": ["vCPU"]}], lambda c: c["LicenseCountingType"] == "vCPU"),
    ([{"Name": "enforceLicenseCount", "Values": ["true"]}], lambda c: c["LicenseCountHardLimit"]),
    ([{"Name": "usagelimitExceeded", "Values": ["true"]}], lambda c: c["ConsumedLicenses"] > c.get("LicenseCount", float("inf"))),
):
    all_of = [c for page in client.get_paginator("list_license_configurations").paginate() for c in page["LicenseConfigurations"]]
    got = [c for page in client.get_paginator("list_license_configurations").paginate(Filters=filters) for c in page["LicenseConfigurations"]]
    check([c["LicenseConfigurationArn"] for c in got] == [c["LicenseConfigurationArn"] for c in all_of if want(c)], f"filter {filters}: {len(got)} of {len(all_of)}")
refused(INVALID, client.list_license_configurations, Filters=[{"Name": "nonsense", "Values": ["1"]}])
refused(INVALID, client.list_license_configurations, MaxResults=0)
refused(INVALID, client.list_license_configurations, NextToken="nonsense")
refused("FilterLimitExceededException", client.list_license_configurations, Filters=[{"Name": "licenseCountingType", "Values": ["vCPU"]}] * 20)
organization = client.list_license_configurations_for_organization(MaxResults=100)
check(set(others) <= {c["LicenseConfigurationArn"] for c in organization["LicenseConfigurations"]}, "organization")

# Associations and usage.
client.update_license_specifications_for_resource(ResourceArn=AMI, AddLicenseSpecifications=[{"LicenseConfigurationArn": arn}])
specifications = [s for page in client.get_paginator("list_license_specifications_for_resource").paginate(ResourceArn=AMI) for s in page["LicenseSpecifications"]]
check([s["LicenseConfigurationArn"] for s in specifications] == [arn], f"specifications of the AMI: {specifications}")
associations = [a for page in client.get_paginator("list_associations_for_license_configuration").paginate(LicenseConfigurationArn=arn) for a in page["LicenseConfigurationAssociations"]]
check(AMI in [a["ResourceArn"] for a in associations], f"associations: {associations}")
usage = [u for page in client.get_paginator("list_usage_for_license_configuration").paginate(LicenseConfigurationArn=arn) for u in page["LicenseConfigurationUsageList"]]
check([(u["ResourceArn"], u["ConsumedLicenses"], u["ResourceType"], u["ResourceOwnerId"]) for u in usage] == [(RUNNING, 8, "EC2_INSTANCE", ACCOUNT)], f"usage by the AMI: {usage}")
check(client.get_license_configuration(LicenseConfigurationArn=arn)["ConsumedLicenses"] == 8, "consumed by the AMI's instance")
for name, value, n in (("resourceArn", RUNNING, 1), ("resourceType", "EC2_INSTANCE", 1), ("resourceType", "EC2_HOST", 0), ("resourceAccount", ACCOUNT, 1)):
    got = client.list_usage_for_license_configuration(LicenseConfigurationArn=arn, Filters=[{"Name": name, "Values": [value]}])
    check(len(got["LicenseConfigurationUsageList"]) == n, f"usage with {name}={value}: {got['LicenseConfigurationUsageList']}")
refused("FilterLimitExceededException", client.list_usage_for_license_configuration, LicenseConfigurationArn=arn, Filters=[{"Name": "resourceType", "Values": ["EC2_HOST"]}] * 20)

# One that does not fit: refused, listed as a failure, and counted all the same.
refused("LicenseUsageException", client.update_license_specifications_for_resource, ResourceArn=SMALL, AddLicenseSpecifications=[{"LicenseConfigurationArn": arn}])
after = client.get_license_configuration(LicenseConfigurationArn=arn)
check(after["ConsumedLicenses"] == 10, f"what does not fit is counted: {after['ConsumedLicenses']}, want 10 of 8")
failures = client.list_failures_for_license_configuration_operations(LicenseConfigurationArn=arn)["LicenseOperationFailureList"]
check(len(failures) == 1 and failures[0]["ResourceArn"] == SMALL and failures[0]["ErrorMessage"], f"failures: {failures}")
exceeded = client.list_license_configurations(Filters=[{"Name": "usagelimitExceeded", "Values": ["true"]}])["LicenseConfigurations"]
check(arn in [c["LicenseConfigurationArn"] for c in exceeded], "usagelimitExceeded")
refused("InvalidResourceStateException", client.update_license_specifications_for_resource, ResourceArn=ENDING, AddLicenseSpecifications=[{"LicenseConfigurationArn": arn}])
refused(INVALID, client.update_license_specifications_for_resource, ResourceArn="nonsense", AddLicenseSpecifications=[{"LicenseConfigurationArn": arn}])
refused(INVALID, client.update_license_specifications_for_resource, ResourceArn=AMI, AddLicenseSpecifications=[{"LicenseConfigurationArn": missing}])

# Updates.
client.update_license_configuration(LicenseConfigurationArn=arn, LicenseCount=4, Name="SQL Server 2022", LicenseRules=["#maximumVcpus=64"], LicenseConfigurationStatus="AVAILABLE")
got = client.get_license_configuration(LicenseConfigurationArn=arn)
check((got["Name"], got["LicenseCount"], got["LicenseRules"], got["ConsumedLicenses"]) == ("SQL Server 2022", 4, ["#maximumVcpus=64"], 10), f"after the update: {got}")
refused(INVALID, client.update_license_configuration, LicenseConfigurationArn=arn, LicenseCount=-5)
refused(INVALID, client.update_license_configuration, LicenseConfigurationArn=arn, LicenseConfigurationStatus="PERHAPS")

# Tags.
client.tag_resource(ResourceArn=arn, Tags=[{"Key": "Team", "Value": "databases"}, {"Key": "licenseguard:on-violation", "Value": "tag"}])
client.untag_resource(ResourceArn=arn, TagKeys=["Vendor", "licenseguard:alert-at"])
tags = {t["Key"]: t["Value"] for t in client.list_tags_for_resource(ResourceArn=arn)["Tags"]}
check(tags == {"Team": "databases", "licenseguard:on-violation": "tag"}, f"tags: {tags}")
for call, arguments in (
    (client.tag_resource, dict(ResourceArn=missing, Tags=[{"Key": "a", "Value": "b"}])),
    (client.tag_resource, dict(ResourceArn=arn, Tags=[{"Key": "licenseguard:grace", "Value": "soon"}])),
    (client.tag_resource, dict(ResourceArn=arn, Tags=[{"Key": f"k{i}", "Value": "v"} for i in range(60)])),
    (client.untag_resource, dict(ResourceArn=missing, TagKeys=["a"])),
    (client.list_tags_for_resource, dict(ResourceArn=missing)),
):
    refused(INVALID, call, **arguments)

# Settings.
client.update_service_settings(OrganizationConfiguration={"EnableIntegration": True}, EnableCrossAccountsDiscovery=True)
settings = client.get_service_settings()
check(settings["OrganizationConfiguration"]["EnableIntegration"] is True and settings["EnableCrossAccountsDiscovery"] is True, f"settings: {settings}")
refused(INVALID, client.update_service_settings, SnsTopicArn="arn:aws:sns:us-east-1:999999999999:somebody-elses")

# Inventory.
inventory = [r for page in client.get_paginator("list_resource_inventory").paginate(PaginationConfig={"PageSize": 1}) for r in page["ResourceInventoryList"]]
check({RUNNING, SMALL} <= {r["ResourceArn"] for r in inventory}, f"inventory: {inventory}")
one = client.list_resource_inventory(Filters=[{"Name": "resource_id", "Condition": "EQUALS", "Value": "i-0000000000000000a"}])["ResourceInventoryList"]
check([r["ResourceId"] for r in one] == ["i-0000000000000000a"], f"inventory by id: {one}")
refused("FailedDependencyException", client.list_resource_inventory, Filters=[{"Name": "application_name", "Condition": "EQUALS", "Value": "x"}])
refused(INVALID, client.list_resource_inventory, Filters=[{"Name": "nonsense", "Condition": "EQUALS", "Value": "x"}])
refused("FilterLimitExceededException", client.list_resource_inventory, Filters=[{"Name": "account_id", "Condition": "EQUALS", "Value": ACCOUNT}] * 20)

# Report generators.
report = dict(ReportGeneratorName="weekly", Type=["LicenseConfigurationSummaryReport"], ReportContext={"licenseConfigurationArns": [arn]},
              ReportFrequency={"value": 1, "period": "WEEK"}, Description="for the auditor")
generator = client.create_license_manager_report_generator(ClientToken="token-1", Tags=[{"Key": "a", "Value": "b"}], **report)["LicenseManagerReportGeneratorArn"]
check(generator == client.create_license_manager_report_generator(ClientToken="token-1", Tags=[{"Key": "a", "Value": "b"}], **report)["LicenseManagerReportGeneratorArn"], "the same client token makes a second generator")
got = client.get_license_manager_report_generator(LicenseManagerReportGeneratorArn=generator)["ReportGenerator"]
check((got["ReportGeneratorName"], got["ReportType"], got["ReportFrequency"]) == ("weekly", report["Type"], report["ReportFrequency"]), f"generator: {got}")
listed = client.list_license_manager_report_generators(Filters=[{"Name": "LicenseConfigurationArn", "Values": [arn]}])["ReportGenerators"]
check([g["LicenseManagerReportGeneratorArn"] for g in listed] == [generator], f"generators: {listed}")
client.update_license_manager_report_generator(LicenseManagerReportGeneratorArn=generator, ClientToken="token-2", **{**report, "ReportGeneratorName": "daily", "ReportFrequency": {"value": 1, "period": "DAY"}})
check(client.get_license_manager_report_generator(LicenseManagerReportGeneratorArn=generator)["ReportGenerator"]["ReportGeneratorName"] == "daily", "renamed generator")
no_generator = generator[:-1] + ("0" if generator[-1] != "0" else "1")
refused("ResourceNotFoundException", client.get_license_manager_report_generator, LicenseManagerReportGeneratorArn=no_generator)
refused("ResourceNotFoundException", client.update_license_manager_report_generator, LicenseManagerReportGeneratorArn=no_generator, ClientToken="t", **report)
refused("ResourceNotFoundException", client.delete_license_manager_report_generator, LicenseManagerReportGeneratorArn=no_generator)
for wrong in ({"ReportGeneratorName": ""}, {"ReportGeneratorName": "x" * 101}, {"Type": []}, {"Type": ["Nonsense"]}, {"ReportFrequency": {"value": 2, "period": "DAY"}},
              {"ReportFrequency": {"value": 1, "period": "YEAR"}}, {"ReportContext": {"licenseConfigurationArns": []}}, {"ReportContext": {"licenseConfigurationArns": [missing]}}):
    try:
        client.create_license_manager_report_generator(ClientToken="t", **{**report, **wrong})
        problems.append(f"generator with {wrong} is not refused")
    except ClientError as e:
        check(e.response["Error"]["Code"] in ("ValidationException", INVALID, "ResourceNotFoundException"), f"generator with {wrong}: {e}")
refused(INVALID, client.delete_license_configuration, LicenseConfigurationArn=arn)

# Licenses that sellers issued: none yet.
check(client.list_received_licenses()["Licenses"] == [], "received licenses")

# Two updates at once: one wins, or both after each other; never half of each.
results = []


def update(i):
    own = boto3.client("license-manager", endpoint_url=ENDPOINT, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test", config=Config(retries={"max_attempts": 0}))
    try:
        own.update_license_configuration(LicenseConfigurationArn=arn, Name=f"name {i}", Description=f"by {i}", LicenseCount=100 + i)
        results.append(None)
    except ClientError as e:
        results.append(e.response["Error"]["Code"])


threads = [threading.Thread(target=update, args=(i,)) for i in range(8)]
[t.start() for t in threads]
[t.join() for t in threads]
check(set(results) <= {None, "ConflictException"} and None in results, f"updates at once: {results}")
got = client.get_license_configuration(LicenseConfigurationArn=arn)
check(got["Name"][5:] == got["Description"][3:] == str(got["LicenseCount"] - 100), f"half of each: {got}")

# Deletion: refused while it is used, which is not taken for gone.
try:
    client.delete_license_configuration(LicenseConfigurationArn=arn)
    problems.append("what is in use is deleted")
except ClientError as e:
    check(GONE not in str(e), f"in use is told as gone: {e}")
client.delete_license_manager_report_generator(LicenseManagerReportGeneratorArn=generator)
client.update_license_specifications_for_resource(ResourceArn=AMI, RemoveLicenseSpecifications=[{"LicenseConfigurationArn": arn}])
client.update_license_specifications_for_resource(ResourceArn=SMALL, RemoveLicenseSpecifications=[{"LicenseConfigurationArn": arn}])
for other in others:
    client.delete_license_configuration(LicenseConfigurationArn=other)
    refused(INVALID, client.get_license_configuration, GONE, LicenseConfigurationArn=other)
    refused(INVALID, client.delete_license_configuration, GONE, LicenseConfigurationArn=other)

# What licenseguard does not have yet says so.
for name, arguments in (("list_licenses", {}), ("list_received_grants", {}), ("get_access_token", {"Token": "t"})):
    try:
        getattr(client, name)(**arguments)
        problems.append(f"{name} answers as if it were there")
    except ClientError as e:
        operation = client.meta.method_to_api_mapping[name]
        check(operation in e.response["Error"]["Message"], f"{name}: {e} does not name {operation}")
        problems[:] = [p for p in problems if not p.startswith(operation + " answers")]  # no error of the model says that
        raised.pop(e.response["Error"]["Code"], None)

print("operations answered:")
for name in sorted(n for n, times in called.items() if times):
    print(f"  {name} {called[name]}")
print("errors caused:")
for name in sorted(raised):
    print(f"  {name}: {', '.join(sorted(raised[name]))}")
if problems:
    print("\n".join(["problems:"] + problems))
    sys.exit(1)
