//! The reading calls of consoles, tools and auditors.

use serde_json::{Value, json};

use crate::call::Call;
use crate::identity::Caller;
use crate::scene::Scene;

/// A reading call: service, name and how its parameters are made.
#[derive(Clone, Copy)]
pub(crate) struct Read {
    service: &'static str,
    name: &'static str,
    request: fn() -> Value,
}

impl Read {
    /// The call, with its parameters.
    pub(crate) fn call(self) -> Call {
        Call::read(self.service, self.name).request((self.request)())
    }
}

impl Default for Read {
    fn default() -> Self {
        Self { service: "sts", name: "GetCallerIdentity", request: none }
    }
}

/// Lets `caller` make `count` of the calls of `table`, `gap` seconds apart; now and then one is throttled.
pub(crate) fn reads(scene: &mut Scene, caller: &Caller, table: &[Read], count: u64, gap: (u64, u64)) {
    for _ in 0..count {
        let read = scene.rng.pick(table);
        let call = if scene.rng.chance(12) { throttled(read) } else { read.call() };
        scene.record(caller, call);
        scene.wait(gap.0, gap.1);
    }
}

/// What a developer's console and tools read.
pub(crate) const DEVELOPER: &[Read] = &[
    read("ec2", "DescribeInstances", || json!({"maxResults": 100, "instancesSet": {}, "filterSet": {}})),
    read("ec2", "DescribeInstanceStatus", || json!({"instancesSet": {}, "filterSet": {}, "includeAllInstances": true})),
    read("ec2", "DescribeSecurityGroups", || json!({"securityGroupSet": {}, "securityGroupIdSet": {}, "filterSet": {}})),
    read("ec2", "DescribeVolumes", || json!({"volumeSet": {}, "filterSet": {}})),
    read("lambda", "ListFunctions20150331", || json!({"maxItems": 50})),
    read("lambda", "GetFunction20150331v2", || json!({"functionName": "orders-worker"})),
    read("logs", "DescribeLogGroups", || json!({"limit": 50})),
    read("logs", "FilterLogEvents", || json!({"logGroupName": "/aws/lambda/orders-worker", "limit": 100})),
    read("monitoring", "DescribeAlarms", || json!({"maxRecords": 100})),
    read("monitoring", "GetMetricData", || json!({"maxDatapoints": 300})),
    read("dynamodb", "ListTables", none),
    read("dynamodb", "DescribeTable", || json!({"tableName": "orders"})),
    read("cloudformation", "DescribeStacks", || json!({"stackName": "orders-service"})),
    read("rds", "DescribeDBInstances", || json!({"maxRecords": 100})),
    read("ecs", "ListServices", || json!({"cluster": "web"})),
];

/// What an auditor reads, who may look at settings but not at data.
pub(crate) const AUDITOR: &[Read] = &[
    read("ec2", "DescribeVpcs", || json!({"vpcSet": {}, "filterSet": {}})),
    read("ec2", "DescribeFlowLogs", || json!({"DescribeFlowLogsRequest": {"MaxResults": 100}})),
    read("ec2", "DescribeRegions", || json!({"regionSet": {}, "allRegions": false})),
    read("config", "DescribeConfigurationRecorders", none),
    read("config", "DescribeComplianceByConfigRule", || json!({"complianceTypes": ["NON_COMPLIANT"]})),
    read("guardduty", "ListDetectors", none),
    read("kms", "ListKeys", || json!({"limit": 100})),
    read("iam", "GetAccountPasswordPolicy", none),
    read("iam", "ListPolicies", || json!({"scope": "Local", "onlyAttached": false})),
    read("cloudtrail", "DescribeTrails", || json!({"trailNameList": [], "includeShadowTrails": true})),
    read("cloudtrail", "GetTrailStatus", || json!({"name": "management-events"})),
    read("acm", "ListCertificates", || json!({"maxItems": 100})),
];

/// What Terraform reads before each plan.
pub(crate) const TERRAFORM: &[Read] = &[
    read("ec2", "DescribeVpcAttribute", || json!({"vpcId": "vpc-0f1e2d3c4b5a69788", "attribute": "enableDnsSupport"})),
    read("ec2", "DescribeSubnets", || json!({"subnetSet": {}, "filterSet": {}})),
    read("ec2", "DescribeRouteTables", || json!({"routeTableIdSet": {}, "filterSet": {}})),
    read("ec2", "DescribeSecurityGroups", || json!({"securityGroupSet": {}, "securityGroupIdSet": {}, "filterSet": {}})),
    read("iam", "GetRole", || json!({"roleName": "orders-worker"})),
    read("iam", "ListRolePolicies", || json!({"roleName": "orders-worker"})),
    read("iam", "ListAttachedRolePolicies", || json!({"roleName": "orders-worker"})),
    read("lambda", "GetFunction20150331v2", || json!({"functionName": "orders-worker"})),
    read("dynamodb", "DescribeTable", || json!({"tableName": "orders"})),
    read("dynamodb", "DescribeContinuousBackups", || json!({"tableName": "orders"})),
    read("logs", "DescribeLogGroups", || json!({"logGroupNamePrefix": "/aws/lambda/orders-worker"})),
];

const fn read(service: &'static str, name: &'static str, request: fn() -> Value) -> Read {
    Read { service, name, request }
}

fn none() -> Value {
    Value::Null
}

fn throttled(read: Read) -> Call {
    let call = read.call();
    if read.service == "ec2" {
        call.error("Client.RequestLimitExceeded", "Request limit exceeded.".to_owned())
    } else {
        call.error("ThrottlingException", "Rate exceeded".to_owned())
    }
}
