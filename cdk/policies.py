"""Holds every policy of CloudFormation templates to parliament, which knows each action
of AWS with its resources and condition keys.

What only a deployment knows is filled in by the form that it will have there. What
parliament says and is left so stands in LEFT, with the reason; a reason that nothing needs
any more is a problem too.
"""

import json
import re
import sys

import parliament

ACCOUNT = "123456789012"
REGION = "eu-west-1"
PSEUDO = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT, "AWS::URLSuffix": "amazonaws.com", "AWS::StackName": "stack"}

# How the ARNs of resources begin, and what their names have in front.
FORMS = {
    "AWS::CodeBuild::Project": ("codebuild", "project/"),
    "AWS::DynamoDB::Table": ("dynamodb", "table/"),
    "AWS::ECR::Repository": ("ecr", "repository/"),
    "AWS::ECS::Cluster": ("ecs", "cluster/"),
    "AWS::Events::EventBus": ("events", "event-bus/"),
    "AWS::Events::Rule": ("events", "rule/"),
    "AWS::Lambda::Function": ("lambda", "function:"),
    "AWS::Logs::LogGroup": ("logs", "log-group:"),
    "AWS::SNS::Topic": ("sns", ""),
    "AWS::SQS::Queue": ("sqs", ""),
    "AWS::SSM::Parameter": ("ssm", "parameter/"),
    "AWS::SecretsManager::Secret": ("secretsmanager", "secret:"),
    "AWS::StepFunctions::StateMachine": ("states", "stateMachine:"),
}
# Those whose Ref is their ARN.
REF_IS_ARN = {"AWS::SNS::Topic", "AWS::SecretsManager::Secret", "AWS::StepFunctions::StateMachine"}

# (issue, what the finding is about) → why it is left.
LEFT = {
    ("RESOURCE_MISMATCH", "states:SendTask(Success|Failure|Heartbeat)"):
        "The list has no resource for these. IAM takes the state machine's ARN, and names it when it denies: https://github.com/aws/aws-cdk/issues/8486",
    ("RESOURCE_MISMATCH", "states:DescribeExecution"):
        "The list has express executions too, whose ARN has another form. The fleet's are standard.",
    ("RESOURCE_MISMATCH", "ecr:BatchImportUpstreamImage"):
        "The list has no resource for it. AWS's own example names repositories: https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache-iam.html",
    ("RESOURCE_STAR", "ecs:ListTasks"):
        "The one resource that it knows are container instances, and Fargate has none. The cluster is a condition.",
    ("RESOURCE_STAR", "ecs:RegisterTaskDefinition"):
        "The list knows task definitions for it now. We have not tried whether IAM compares the name of a new family. If it does not, no job starts.",
}


class Template:
    def __init__(self, file):
        with open(file, encoding="utf-8") as text:
            self.resources = json.load(text)["Resources"]

    def arn(self, name):
        kind = self.resources[name]["Type"]
        if kind == "AWS::IAM::Role":
            return f"arn:aws:iam::{ACCOUNT}:role/{name}"
        service, before = FORMS[kind]
        after = ":*" if kind == "AWS::Logs::LogGroup" else "-AbCdEf" if kind == "AWS::SecretsManager::Secret" else ""
        return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{before}{name}{after}"

    def resolve(self, value):
        if isinstance(value, list):
            return [self.resolve(each) for each in value]
        if not isinstance(value, dict):
            return value
        match value:
            case {"Ref": name} if name in PSEUDO:
                return PSEUDO[name]
            case {"Ref": name} if name in self.resources:
                given = self.resources[name].get("Properties", {}).get("Name")
                return self.arn(name) if self.resources[name]["Type"] in REF_IS_ARN else given if isinstance(given, str) else name
            case {"Ref": name}:  # a parameter of the template
                return name.lower()
            case {"Fn::GetAtt": [name, "Arn"]}:
                return self.arn(name)
            case {"Fn::GetAtt": [name, attribute]}:
                return f"{name}-{attribute}"
            case {"Fn::Join": [between, parts]}:
                return between.join(self.resolve(parts))
            case {"Fn::Sub": str(text)}:
                return re.sub(r"\$\{([^}]+)\}", lambda m: PSEUDO.get(m[1], m[1]), text)
            case {"Fn::Select": [index, parts]}:
                return self.resolve(parts)[int(index)]
            case {"Fn::Split": [at, text]}:
                return self.resolve(text).split(at)
        return {key: self.resolve(each) for key, each in value.items()}

    def policies(self):
        """Yields all policies, each by the resource that has it. Who may assume a role is no
        policy to parliament: it names no resource."""
        for name, resource in self.resources.items():
            properties = resource.get("Properties", {})
            for policy in properties.get("Policies", []):
                yield name, self.resolve(policy["PolicyDocument"])
            if "PolicyDocument" in properties:  # of a queue or a topic
                yield name, self.resolve(properties["PolicyDocument"])


def main(files):
    needed, seen, problems = set(), set(), []
    for file in files:
        count = 0
        for name, policy in Template(file).policies():
            count += 1
            text = json.dumps(policy, sort_keys=True)
            if text in seen:
                continue
            seen.add(text)
            for finding in parliament.analyze_policy_string(text).findings:
                for about in finding.detail if isinstance(finding.detail, list) else [finding.detail]:
                    left = [key for key in LEFT if key[0] == finding.issue and re.search(key[1], str(about))]
                    needed.update(left)
                    if not left:
                        problems.append(f"{file}: {name}: {finding.issue}: {about} {finding.location}")
        if count == 0:
            problems.append(f"{file}: has no policy")
    problems += [f"nothing needs the reason for {key} any more" for key in LEFT if key not in needed]
    # A linter that finds nothing is none.
    broken = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sqs:SendMesage", "Resource": "*"}}'
    if not parliament.analyze_policy_string(broken).findings:
        problems.append("parliament accepts an action that there is not")
    if problems:
        sys.exit("\n".join(problems))
    print(f"parliament: {len(seen)} policies of {len(files)} templates; {len(LEFT)} kinds of findings are left so, each with its reason")


main(sys.argv[1:])
