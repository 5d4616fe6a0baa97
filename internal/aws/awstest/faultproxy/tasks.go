package faultproxy

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Task is a task whose state an accepted call has changed.
type Task struct {
	ARN        string          `json:"taskArn"`
	ClusterARN string          `json:"clusterArn"`
	StartedBy  string          `json:"startedBy"`
	JSON       json.RawMessage `json:"-"` // all of it, in the form that ECS's events have as their detail
	Stopped    bool            `json:"-"` // by StopTask; else started by RunTask
}

// TaskChanges calls the hook for every task that RunTask has started and every one that
// StopTask has stopped, before the client gets its answer. It calls it once for each
// such change: not for a repeated call. The hook may make calls itself, so switch this
// rule on after TaskTokens, outside of it.
func TaskChanges(hook func(Task)) Rule {
	var mu sync.Mutex
	type change struct {
		arn     string
		stopped bool
	}
	known := map[change]bool{}
	isNew := func(t Task) bool {
		mu.Lock()
		defer mu.Unlock()
		c := change{t.ARN, t.Stopped}
		old := known[c]
		known[c] = true
		return !old
	}
	return Rule{Name: "task changes", Match: Match{Service: "ecs"}, Act: func(r *Request, forward func() Answer) Answer {
		answer := forward()
		for _, task := range changed(r.Operation, answer) {
			if isNew(task) {
				hook(task)
			}
		}
		return answer
	}}
}

// changed are the tasks in an answer of RunTask or StopTask.
func changed(operation string, answer Answer) []Task {
	var out struct {
		Tasks []json.RawMessage `json:"tasks"` // of RunTask
		Task  json.RawMessage   `json:"task"`  // of StopTask
	}
	if answer.Lost || answer.Status != http.StatusOK || json.Unmarshal(answer.Body, &out) != nil {
		return nil
	}
	switch operation {
	case "RunTask":
	case "StopTask":
		out.Tasks = []json.RawMessage{out.Task}
	default:
		return nil
	}
	var tasks []Task
	for _, raw := range out.Tasks {
		task := Task{JSON: raw, Stopped: operation == "StopTask"}
		if json.Unmarshal(raw, &task) == nil {
			tasks = append(tasks, task)
		}
	}
	return tasks
}

// UnknownTasks answers as ECS does for tasks that the emulation does not know:
// DescribeTasks with a failure MISSING for each, StopTask with an exception, where moto
// returns nothing or breaks down.
func UnknownTasks() Rule {
	return Rule{Name: "unknown tasks", Match: Match{Service: "ecs"}, Act: func(r *Request, forward func() Answer) Answer {
		answer := forward()
		switch {
		case r.Operation == "StopTask" && answer.Status == http.StatusInternalServerError && !answer.Lost:
			return r.exception(http.StatusBadRequest, "InvalidParameterException", "The referenced task was not found.", nil)
		case r.Operation == "DescribeTasks" && answer.Status == http.StatusOK && !answer.Lost:
			return withMissing(r.Body, answer)
		}
		return answer
	}}
}

func withMissing(request []byte, answer Answer) Answer {
	var in struct {
		Tasks []string `json:"tasks"`
	}
	var out map[string]json.RawMessage
	var found []Task
	if json.Unmarshal(request, &in) != nil || json.Unmarshal(answer.Body, &out) != nil || json.Unmarshal(out["tasks"], &found) != nil {
		return answer
	}
	failures := []map[string]string{}
	for _, id := range in.Tasks {
		known := slices.ContainsFunc(found, func(t Task) bool { return t.ARN == id || strings.HasSuffix(t.ARN, "/"+id) })
		if !known {
			failures = append(failures, map[string]string{"arn": id, "reason": "MISSING"})
		}
	}
	return answerJSON(http.StatusOK, map[string]any{"tasks": out["tasks"], "failures": failures})
}
