package runnerfleet

import (
	"encoding/json"
	"testing"
)

func TestWhoTrustsTasksOnly(t *testing.T) {
	for name, test := range map[string]struct {
		policy string
		want   bool
	}{
		"tasks":                     {`{"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ecs-tasks.amazonaws.com"}}]}`, true},
		"tasks of this account":     {`{"Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}}]}`, true},
		"tasks, and never others":   {`{"Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}}, {"Effect": "Deny", "Principal": {"AWS": "*"}}]}`, true},
		"another service":           {`{"Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}}]}`, false},
		"another service too":       {`{"Statement": [{"Effect": "Allow", "Principal": {"Service": ["ecs-tasks.amazonaws.com", "ec2.amazonaws.com"]}}]}`, false},
		"an account in a principal": {`{"Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com", "AWS": "123456789012"}}]}`, false},
		"an account beside tasks":   {`{"Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}}, {"Effect": "Allow", "Principal": {"AWS": "123456789012"}}]}`, false},
		"the whole world":           {`{"Statement": [{"Effect": "Allow", "Principal": "*"}]}`, false},
		"all but somebody":          {`{"Statement": [{"Effect": "Allow", "NotPrincipal": {"AWS": "123456789012"}}]}`, false},
		"nobody":                    {`{"Statement": []}`, false},
	} {
		var document any
		if err := json.Unmarshal([]byte(test.policy), &document); err != nil {
			t.Fatal(err)
		}
		if trustsTasksOnly(document) != test.want {
			t.Errorf("%s: got %t", name, !test.want)
		}
	}
}
