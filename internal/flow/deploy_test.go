//go:build aws

package flow

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// stack is the template, deployed to moto: each resource is made from the template's
// own properties, after those that it refers to.
type stack struct {
	resolver
	moto    moto
	apiURL  string            // of the API Gateway stand-in
	secrets map[string]string // values that the test gives, by a part of the secret's logical id
	queues  map[string]string // URL of each queue that was made, by logical id
}

func (s *stack) deploy() {
	s.t.Helper()
	for _, id := range slices.Sorted(maps.Keys(s.tpl.Resources)) {
		s.identity(id)
	}
}

func arn(service, resource string) string {
	return "arn:aws:" + service + ":" + region + ":" + account + ":" + resource
}

// create makes a resource in moto, or only names it if no call of the flow needs it.
func (s *stack) create(id string, r resource) identity {
	switch r.Type {
	case "AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable":
		return s.table(id, r)
	case "AWS::SQS::Queue":
		return s.queue(id)
	case "AWS::SecretsManager::Secret":
		return s.secret(id, r)
	case "AWS::SSM::Parameter":
		name := s.text(r.Properties["Name"])
		s.moto.json("ssm", "AmazonSSM.PutParameter", map[string]any{"Name": name, "Type": "String", "Value": s.text(r.Properties["Value"])})
		return identity{name, map[string]string{"Value": s.text(r.Properties["Value"])}}
	case "AWS::ECS::Cluster":
		name := s.name(id, r, "ClusterName")
		s.moto.json("ecs", "AmazonEC2ContainerServiceV20141113.CreateCluster", map[string]any{"clusterName": name})
		return identity{name, map[string]string{"Arn": arn("ecs", "cluster/"+name)}}
	case "AWS::ECS::ClusterCapacityProviderAssociations":
		s.moto.json("ecs", "AmazonEC2ContainerServiceV20141113.PutClusterCapacityProviders", map[string]any{
			"cluster": s.text(r.Properties["Cluster"]), "capacityProviders": r.Properties["CapacityProviders"], "defaultCapacityProviderStrategy": r.Properties["DefaultCapacityProviderStrategy"],
		})
		return identity{ref: s.text(r.Properties["Cluster"])}
	case "AWS::ECR::Repository":
		name := strings.ToLower(s.name(id, r, "RepositoryName"))
		s.moto.json("ecr", "AmazonEC2ContainerRegistry_V20150921.CreateRepository", map[string]any{"repositoryName": name})
		return identity{name, map[string]string{"Arn": arn("ecr", "repository/"+name), "RepositoryUri": account + ".dkr.ecr." + region + ".amazonaws.com/" + name}}
	case "AWS::Events::EventBus":
		name := s.name(id, r, "Name")
		s.moto.json("events", "AWSEvents.CreateEventBus", map[string]any{"Name": name})
		return identity{name, map[string]string{"Arn": arn("events", "event-bus/"+name), "Name": name}}
	case "AWS::CodeBuild::Project":
		return s.project(id, r)
	}
	return s.named(id, r)
}

// named is the identity of a resource that moto need not have.
func (s *stack) named(id string, r resource) identity {
	name := id
	for _, property := range []string{"FunctionName", "RoleName", "StateMachineName", "LogGroupName", "Name", "GroupName"} {
		if v, ok := r.Properties[property]; ok && v != nil {
			name = s.text(v)
			break
		}
	}
	service, kind, form := "x", "", map[string]string{
		"AWS::Lambda::Function": "lambda function:", "AWS::StepFunctions::StateMachine": "states stateMachine:",
		"AWS::Logs::LogGroup": "logs log-group:", "AWS::Events::Rule": "events rule/", "AWS::S3::Bucket": "s3 ",
	}[r.Type]
	if form != "" {
		service, kind, _ = strings.Cut(form, " ")
	}
	made := identity{name, map[string]string{"Arn": arn(service, kind+name), "Name": name}}
	switch r.Type {
	case "AWS::IAM::Role":
		made.attributes["Arn"], made.attributes["RoleId"] = "arn:aws:iam::"+account+":role/"+name, "AROA"+strings.ToUpper(id)
	case "AWS::StepFunctions::StateMachine":
		made.ref = made.attributes["Arn"]
	case "AWS::Logs::LogGroup":
		made.attributes["Arn"] += ":*"
	case "AWS::ApiGatewayV2::Api":
		made.attributes["ApiEndpoint"], made.attributes["ApiId"] = s.apiURL, id
	case "AWS::EC2::SecurityGroup":
		made.attributes["GroupId"] = s.ec2("DescribeSecurityGroups", "groupId")
		made.ref = made.attributes["GroupId"]
	case "AWS::EC2::Subnet":
		made.ref = s.ec2("DescribeSubnets", "subnetId")
	}
	return made
}

// ec2 is the first thing of a kind that moto has from the start.
func (s *stack) ec2(action, name string) string {
	return element(s.t, s.moto.form("ec2", url.Values{"Action": {action}, "Version": {"2016-11-15"}}), name)
}

func (s *stack) name(id string, r resource, property string) string {
	if v, ok := r.Properties[property]; ok {
		return s.text(v)
	}
	return "flow-" + id
}

func (s *stack) table(id string, r resource) identity {
	name := s.name(id, r, "TableName")
	in := map[string]any{"TableName": name, "BillingMode": "PAY_PER_REQUEST"}
	for _, property := range []string{"AttributeDefinitions", "KeySchema"} {
		in[property] = s.value(r.Properties[property])
	}
	var indexes []any
	for _, index := range r.Properties["GlobalSecondaryIndexes"].([]any) {
		index := s.value(index).(map[string]any)
		indexes = append(indexes, map[string]any{"IndexName": index["IndexName"], "KeySchema": index["KeySchema"], "Projection": index["Projection"]})
	}
	in["GlobalSecondaryIndexes"] = indexes
	s.moto.json("dynamodb", "DynamoDB_20120810.CreateTable", in)
	return identity{name, map[string]string{"Arn": arn("dynamodb", "table/"+name)}}
}

func (s *stack) queue(id string) identity {
	out := s.moto.json("sqs", "AmazonSQS.CreateQueue", map[string]any{"QueueName": "flow-" + id})
	at := out["QueueUrl"].(string)
	s.queues[id] = at
	return identity{at, map[string]string{"Arn": arn("sqs", "flow-"+id), "QueueName": "flow-" + id, "QueueUrl": at}}
}

func (s *stack) secret(id string, r resource) identity {
	value := rand.Text()
	for part, given := range s.secrets {
		if strings.Contains(strings.ToLower(id), part) {
			value = given
		}
	}
	out := s.moto.json("secretsmanager", "secretsmanager.CreateSecret", map[string]any{"Name": s.name(id, r, "Name"), "SecretString": value, "ClientRequestToken": rand.Text() + rand.Text()})
	return identity{out["ARN"].(string), map[string]string{"Id": out["ARN"].(string)}}
}

func (s *stack) project(id string, r resource) identity {
	name := s.name(id, r, "Name")
	s.moto.json("codebuild", "CodeBuild_20161006.CreateProject", map[string]any{
		"name": name, "source": map[string]any{"type": "S3", "location": "assets/source.zip"}, "artifacts": map[string]any{"type": "NO_ARTIFACTS"},
		"environment": map[string]any{"type": "LINUX_CONTAINER", "image": "aws/codebuild/standard:7.0", "computeType": "BUILD_GENERAL1_SMALL"},
		"serviceRole": "arn:aws:iam::" + account + ":role/" + name,
	})
	return identity{name, map[string]string{"Arn": arn("codebuild", "project/"+name)}}
}

// statement is one of an IAM policy, resolved.
type statement struct {
	Effect    string
	Actions   []string
	Resources []string
	Condition map[string]any
}

// statements are all that a role of the template may do.
func (s *stack) statements(roleID string) (all []statement) {
	role := s.tpl.Resources[roleID]
	var documents []any
	if inline, ok := role.Properties["Policies"].([]any); ok {
		for _, policy := range inline {
			documents = append(documents, policy.(map[string]any)["PolicyDocument"])
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.tpl.Resources)) {
		r := s.tpl.Resources[id]
		if r.Type != "AWS::IAM::Policy" && r.Type != "AWS::IAM::ManagedPolicy" {
			continue
		}
		roles, _ := r.Properties["Roles"].([]any)
		for _, ref := range roles {
			if ref, ok := ref.(map[string]any); ok && ref["Ref"] == roleID {
				documents = append(documents, r.Properties["PolicyDocument"])
			}
		}
	}
	for _, document := range documents {
		resolved := s.value(document).(map[string]any)
		for _, one := range resolved["Statement"].([]any) {
			one := one.(map[string]any)
			condition, _ := one["Condition"].(map[string]any)
			all = append(all, statement{one["Effect"].(string), list(one["Action"]), list(one["Resource"]), condition})
		}
	}
	return all
}

// list is a value of IAM's that may be one text or several.
func list(v any) (texts []string) {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		for _, item := range v {
			texts = append(texts, fmt.Sprint(item))
		}
	}
	return texts
}

// roleOf is the logical id of a function's role.
func (s *stack) roleOf(functionID string) string {
	role := s.tpl.Resources[functionID].Properties["Role"].(map[string]any)
	return role["Fn::GetAtt"].([]any)[0].(string)
}

// environment is a function's, as the template sets it.
func (s *stack) environment(functionID string) map[string]string {
	env := map[string]string{}
	environment, _ := s.tpl.Resources[functionID].Properties["Environment"].(map[string]any)
	variables, _ := environment["Variables"].(map[string]any)
	for name, value := range variables {
		env[name] = s.text(value)
	}
	return env
}

// rule is one of the template's, with the bus that it listens on.
type rule struct {
	id, bus, pattern string
}

func (s *stack) rules() (rules []rule) {
	for _, id := range s.tpl.of("AWS::Events::Rule") {
		p := s.tpl.Resources[id].Properties
		pattern, ok := p["EventPattern"]
		if !ok {
			continue // a schedule
		}
		text, err := json.Marshal(s.value(pattern))
		if err != nil {
			s.t.Fatal(err)
		}
		bus := "default"
		if v, ok := p["EventBusName"]; ok {
			bus = s.text(v)
		}
		rules = append(rules, rule{id, bus, string(text)})
	}
	return rules
}
