package calls

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/simsts"
)

// cluster is ECS: its tasks run the entrypoint, which claims, and then GitHub's runner.
type cluster struct {
	w *world
	// refuse says why there is no room for a task of a capacity provider; nil has room.
	refuse   func(provider string) string
	takeBack bool // Spot takes the next task back before its container is up

	mu         sync.Mutex
	tasks      []*task
	definition json.RawMessage
}

// task is one task.
type task struct {
	arn, runnerID, provider, status string
	env                             map[string]string
	stopped                         bool // by StopTask
}

func (t *task) id() string { return t.arn[strings.LastIndex(t.arn, "/")+1:] }

func (c *cluster) answer(operation string, body []byte) (any, error) {
	switch operation {
	case "DescribeTaskDefinition":
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.definition == nil {
			return nil, refusal{"ClientException", "Unable to describe task definition."}
		}
		return map[string]any{"taskDefinition": c.definition}, nil
	case "RegisterTaskDefinition":
		return c.register(body)
	case "RunTask":
		return c.run(body)
	case "DescribeTasks":
		return c.describe(body)
	case "ListTasks":
		return map[string]any{"taskArns": []any{}}, nil
	case "StopTask":
		return c.stop(body)
	case "ListTaskDefinitionFamilies":
		return map[string]any{"families": []any{}}, nil
	case "ListTaskDefinitions":
		return map[string]any{"taskDefinitionArns": []any{}}, nil
	}
	return nil, fmt.Errorf("nobody answers: %s", body)
}

func (c *cluster) register(body []byte) (any, error) {
	definition := map[string]any{}
	if err := json.Unmarshal(body, &definition); err != nil {
		return nil, err
	}
	definition["status"] = "ACTIVE"
	definition["taskDefinitionArn"] = fmt.Sprintf("arn:aws:ecs:%s:%s:task-definition/%s:1", region, account, definition["family"])
	text, err := json.Marshal(definition)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.definition = text
	return map[string]any{"taskDefinition": definition}, err
}

func (c *cluster) run(body []byte) (any, error) {
	var in struct {
		StartedBy string `json:"startedBy"`
		Strategy  []struct {
			Provider string `json:"capacityProvider"`
		} `json:"capacityProviderStrategy"`
		Overrides struct {
			Containers []struct {
				Environment []struct{ Name, Value string } `json:"environment"`
			} `json:"containerOverrides"`
		} `json:"overrides"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	provider := in.Strategy[0].Provider
	if c.refuse != nil {
		if why := c.refuse(provider); why != "" {
			return map[string]any{"tasks": []any{}, "failures": []any{map[string]string{"reason": why}}}, nil
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	made := &task{runnerID: in.StartedBy, provider: provider, status: "PROVISIONING", env: map[string]string{}}
	made.arn = fmt.Sprintf("arn:aws:ecs:%s:%s:task/ci/%032d", region, account, len(c.tasks)+1)
	for _, e := range in.Overrides.Containers[0].Environment {
		made.env[e.Name] = e.Value
	}
	c.tasks = append(c.tasks, made)
	go c.life(made)
	return map[string]any{"tasks": []any{made.described()}, "failures": []any{}}, nil
}

func (t *task) described() map[string]any {
	return map[string]any{"taskArn": t.arn, "clusterArn": clusterARN, "startedBy": t.runnerID, "lastStatus": t.status, "capacityProviderName": t.provider, "createdAt": 0}
}

func (c *cluster) describe(body []byte) (any, error) {
	var in struct{ Tasks []string }
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []any
	for _, t := range c.tasks {
		for _, asked := range in.Tasks {
			if asked == t.arn || asked == t.id() {
				found = append(found, t.described())
			}
		}
	}
	return map[string]any{"tasks": found, "failures": []any{}}, nil
}

// stop stops a task that has no job.
func (c *cluster) stop(body []byte) (any, error) {
	var in struct{ Task string }
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.tasks {
		if t.arn == in.Task && !t.stopped {
			t.stopped = true
			go c.event(t, "STOPPED", map[string]any{"stopCode": "UserInitiated", "stoppedReason": "needed no longer"})
		}
	}
	return map[string]any{}, nil
}

func (c *cluster) isStopped(t *task) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return t.stopped
}

// session is the task that signed a claim: its id is the session token here.
func (c *cluster) session(r *http.Request) simsts.Session {
	return simsts.Session{Partition: "aws", Account: account, RoleID: roleID, RoleName: "t", Name: r.URL.Query().Get("X-Amz-Security-Token")}
}

// life is that of a task: it is pulled, claims, runs a job and stops.
func (c *cluster) life(t *task) {
	c.w.pass("ECS, until PENDING")
	go c.event(t, "PENDING", nil)
	if c.takeBack {
		c.takeBack = false
		time.Sleep(time.Second)
		c.event(t, "STOPPED", map[string]any{"stopCode": "SpotInterruption", "stoppedReason": "Your Spot Task was interrupted."})
		return
	}
	c.w.pass("ECS, from PENDING to RUNNING")
	if c.isStopped(t) {
		return
	}
	go c.event(t, "RUNNING", nil)
	c.w.pass("the entrypoint, until it claims")
	name := c.claim(t)
	if name == "" {
		c.event(t, "STOPPED", map[string]any{"stopCode": "EssentialContainerExited", "containers": []any{map[string]any{"name": "runner", "exitCode": 0}}})
		return
	}
	c.w.pass("GitHub's runner, until it has a job")
	c.w.github.work(name)
	c.event(t, "STOPPED", map[string]any{"stopCode": "EssentialContainerExited", "stoppedReason": "Essential container in task exited", "containers": []any{map[string]any{"name": "runner", "lastStatus": "STOPPED", "exitCode": 0}}})
}

func (c *cluster) event(t *task, status string, more map[string]any) {
	c.mu.Lock()
	t.status = status
	c.mu.Unlock()
	detail := map[string]any{
		"taskArn": t.arn, "clusterArn": clusterARN, "startedBy": t.runnerID, "lastStatus": status, "desiredStatus": "RUNNING", "createdAt": time.Now().UTC(),
		"version": map[string]int{"PENDING": 2, "RUNNING": 4, "STOPPED": 7}[status],
	}
	if status == "RUNNING" {
		detail["startedAt"] = time.Now().UTC()
	}
	if status == "STOPPED" {
		detail["stoppedAt"], detail["desiredStatus"] = time.Now().UTC(), "STOPPED"
	}
	for k, v := range more {
		detail[k] = v
	}
	text, err := json.Marshal(detail)
	if err != nil {
		c.w.t.Error(err)
	}
	c.w.hear("aws.ecs", fleet.TaskEvent, status, text)
}

// claim is what the entrypoint does. It returns the runner's name, "" if it gets none.
func (c *cluster) claim(t *task) string {
	ask := fleet.ClaimRequest{Nonce: "nonce-of-" + t.id()}
	if t.env[fleet.EnvIdentityHost] != "" {
		ask.Identity = &fleet.Identity{
			Date: time.Now().UTC().Format("20060102T150405Z"), AccessKeyID: "ASIA0123456789ABCDEF", SessionToken: t.id(), Signature: strings.Repeat("0a", 32),
		}
	}
	body, err := json.Marshal(ask)
	if err != nil {
		c.w.t.Error(err)
	}
	request, err := json.Marshal(map[string]any{
		"routeKey": "POST /runners/{id}/claim", "pathParameters": map[string]string{"id": t.runnerID},
		"headers": map[string]string{"authorization": "Bearer " + t.env[fleet.EnvClaimToken]}, "body": string(body),
	})
	if err != nil {
		c.w.t.Error(err)
	}
	c.w.pass("API Gateway, a request")
	answer, err := c.w.invoke(context.Background(), "claim", "claim", request)
	if err != nil {
		c.w.t.Error(err)
	}
	var reply struct {
		StatusCode int    `json:"statusCode"`
		Body       string `json:"body"`
	}
	var given fleet.ClaimResponse
	if err := json.Unmarshal(answer, &reply); err != nil {
		c.w.t.Error(err)
	}
	if err := json.Unmarshal([]byte(reply.Body), &given); err != nil {
		c.w.t.Error(err)
	}
	if reply.StatusCode != http.StatusOK {
		c.w.t.Logf("a claim is answered %d: %s", reply.StatusCode, reply.Body)
		return ""
	}
	return given.RunnerName
}
