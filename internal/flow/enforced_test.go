//go:build aws

package flow

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// TestTheFlowWithPoliciesEnforced runs a job once more, with moto as the judge: it
// checks every request against its signature and the policy of the role that signed it.
// moto looks at actions alone and ignores conditions, so its copies of the policies
// have only actions; TestPermissionsAreUsed checks resources.
func TestTheFlowWithPoliciesEnforced(t *testing.T) {
	w := startWith(t, setup{enforced: true})
	ids := []int64{w.github.Queue(job()), w.github.Queue(job("image:node:22"))}
	w.awaitEnd(ids...)
	for _, id := range ids {
		if run := w.run(id); run.Conclusion != "success" {
			t.Errorf("run %+v", run)
		}
	}
	w.sweep()
	denied, allowed := 0, 0
	for _, call := range w.proxy.Calls() {
		if call.Service == "states" {
			continue // answered by the stand-in
		}
		if call.Status == http.StatusForbidden {
			denied++
			t.Errorf("%s was denied %s:%s", call.Client, call.Service, call.Operation)
		} else {
			allowed++
		}
	}
	if allowed == 0 {
		t.Error("moto judged nothing")
	}
	// The judge refuses what no policy allows.
	claim := w.stack.moto
	claim.credentials = w.credentials["claim"]
	status := claim.try("ecs", "AmazonEC2ContainerServiceV20141113.ListTasks", map[string]any{"cluster": w.environment("dispatch")["CLUSTER_ARN"]})
	if status != http.StatusForbidden {
		t.Errorf("claim may list tasks: %d", status)
	}
	w.leftNothing()
}

// assume makes a role as the template has it, and returns credentials of it.
func (w *world) assume(name, functionID string) aws.Credentials {
	w.t.Helper()
	m := w.stack.moto
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}]}`
	m.form("iam", url.Values{"Action": {"CreateRole"}, "Version": {"2010-05-08"}, "RoleName": {name}, "AssumeRolePolicyDocument": {trust}})
	m.form("iam", url.Values{"Action": {"PutRolePolicy"}, "Version": {"2010-05-08"}, "RoleName": {name}, "PolicyName": {"grants"}, "PolicyDocument": {w.actionsOnly(functionID)}})
	xml := m.form("sts", url.Values{"Action": {"AssumeRole"}, "Version": {"2011-06-15"}, "RoleSessionName": {name}, "RoleArn": {"arn:aws:iam::" + account + ":role/" + name}})
	return aws.Credentials{AccessKeyID: element(w.t, xml, "AccessKeyId"), SecretAccessKey: element(w.t, xml, "SecretAccessKey"), SessionToken: element(w.t, xml, "SessionToken")}
}

// actionsOnly is the policy of a function's role, for a judge that looks at actions.
func (w *world) actionsOnly(functionID string) string {
	type allow struct{ Effect, Action, Resource string }
	var statements []allow
	for _, s := range w.stack.statements(w.stack.roleOf(functionID)) {
		for _, action := range s.Actions {
			if s.Effect == "Allow" {
				statements = append(statements, allow{"Allow", action, "*"})
			}
			// DynamoDB asks for the actions of a transaction's parts; moto for this.
			if action == "dynamodb:PutItem" {
				statements = append(statements, allow{"Allow", "dynamodb:TransactWriteItems", "*"})
			}
		}
	}
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// admin is the identity that deploys and runs these tests.
var admin = aws.Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "test"}

// makeAdmin gives the test a user who may do anything, before moto checks.
func (w *world) makeAdmin() {
	w.t.Helper()
	m := w.stack.moto
	m.form("iam", url.Values{"Action": {"CreateUser"}, "Version": {"2010-05-08"}, "UserName": {"admin"}})
	m.form("iam", url.Values{"Action": {"PutUserPolicy"}, "Version": {"2010-05-08"}, "UserName": {"admin"}, "PolicyName": {"all"},
		"PolicyDocument": {`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`}})
	xml := m.form("iam", url.Values{"Action": {"CreateAccessKey"}, "Version": {"2010-05-08"}, "UserName": {"admin"}})
	was := admin
	admin = aws.Credentials{AccessKeyID: element(w.t, xml, "AccessKeyId"), SecretAccessKey: element(w.t, xml, "SecretAccessKey")}
	w.stack.moto.credentials = admin
	w.t.Cleanup(func() { admin = was })
}

// judge sets from which request on moto checks: 0 is now, inf never.
func (w *world) judge(from string) {
	w.t.Helper()
	resp, err := http.Post(w.stack.moto.url+"/moto-api/reset-auth", "text/plain", strings.NewReader(from))
	if err != nil {
		w.t.Fatal(err)
	}
	if resp.Body.Close(); resp.StatusCode != http.StatusOK {
		w.t.Fatalf("moto: %s", resp.Status)
	}
}
