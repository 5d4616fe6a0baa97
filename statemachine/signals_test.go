//go:build moto

package statemachine_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// signalScene is what happens to an execution's task tokens.
type signalScene struct {
	answers map[string]answer
	edit    func(definition document)
	play    func(*scene) execution
	differs *difference // if it is known that moto is different
}

const (
	took    = `{"outcome":"took","seconds":1800}`
	tookOne = `{"outcome":"took","seconds":1}` // AwaitCompletion's time-out follows
	stopped = `{"outcome":"stopped","seconds":1}`
)

// limits is a plan with these limits for RunTask, in seconds.
func limits(start, idle int) map[string]answer {
	return map[string]answer{"Validate": {Returns: fmt.Appendf(nil, `{"decision":"admitted","start_seconds":%d,"idle_seconds":%d}`, start, idle)}}
}

// catching makes RunTask's Catch for time-outs ask for these names only.
func catching(names ...any) func(document) {
	return func(definition document) {
		clauses := definition["States"].(map[string]any)["RunTask"].(map[string]any)["Catch"].([]any)
		for _, c := range clauses {
			if clause := c.(map[string]any); clause["Next"] == "InspectRunner" {
				clause["ErrorEquals"] = names
			}
		}
	}
}

func signalScenes() map[string]signalScene {
	// silent plays an execution that gets no signal, and says how long RunTask waited.
	silent := func(seconds int) func(*scene) execution {
		return func(s *scene) execution {
			s.waiting(1)
			s.timed("RunTask", seconds, func() { s.left("RunTask") })
			return s.ended()
		}
	}
	return map[string]signalScene{
		"SendTaskSuccess completes each task": {play: func(s *scene) execution {
			s.succeed(s.waiting(1), took)
			s.succeed(s.waiting(2), stopped)
			return s.ended()
		}},
		"SendTaskFailure is caught by its name": {play: func(s *scene) execution {
			s.fail(s.waiting(1), "Runner.NotWanted")
			return s.ended()
		}},
		"SendTaskFailure is caught by States.ALL": {play: func(s *scene) execution {
			s.fail(s.waiting(1), "Runner.SpotInterrupted")
			return s.ended()
		}},

		// Heartbeats and time-outs. Which name is reported shows in $.error, which name
		// catches it in the states that follow.
		"a heartbeat that stays away": {answers: limits(20, 2), play: silent(2)},
		"a heartbeat that stays away, caught as HeartbeatTimeout": {answers: limits(20, 2), edit: catching("States.HeartbeatTimeout"), play: silent(2), differs: &difference{
			reason: "moto matches States.Timeout only; AWS documents States.HeartbeatTimeout for Retry and Catch. Both report States.Timeout, and runner.asl.json names both",
			ours:   "InspectRunner AfterInspection RecordStatus; SUCCEEDED",
			moto:   "RunTask RecordFailure Failed; FAILED Runner.StoppedEarly",
		}},
		"a heartbeat that stays away, caught as Timeout":        {answers: limits(20, 2), edit: catching("States.Timeout"), play: silent(2)},
		"a heartbeat that stays away, not caught as TaskFailed": {answers: limits(20, 2), edit: catching("States.TaskFailed"), play: silent(2)},
		"a task's time-out, caught as Timeout":                  {answers: limits(2, 20), edit: catching("States.Timeout"), play: silent(2)},
		"a task's time-out, not caught as HeartbeatTimeout":     {answers: limits(2, 20), edit: catching("States.HeartbeatTimeout"), play: silent(2)},
		"a task's time-out, not caught as TaskFailed":           {answers: limits(2, 20), edit: catching("States.TaskFailed"), play: silent(2)},
		"the time-out of a state without heartbeat, from $.wait": {play: func(s *scene) execution {
			s.succeed(s.waiting(1), tookOne)
			return s.ended()
		}},
		"the execution's time-out": {
			edit: func(definition document) { definition["TimeoutSeconds"] = 3 },
			play: func(s *scene) execution {
				s.waiting(1)
				return s.ended()
			},
			differs: &difference{
				reason: "moto's DescribeExecution and history know no error and no ExecutionTimedOut",
				ours:   "IsImageReady RegisterTaskDefinition RunTask; TIMED_OUT States.Timeout",
				moto:   "IsImageReady RegisterTaskDefinition RunTask; TIMED_OUT",
			},
		},
		"heartbeats keep a task alive": {answers: limits(20, 3), play: func(s *scene) execution {
			token := s.waiting(1)
			for range 5 {
				time.Sleep(time.Second)
				s.beat(token)
			}
			s.succeed(token, took)
			s.succeed(s.waiting(2), stopped)
			return s.ended()
		}},
		"heartbeats do not move the task's time-out": {answers: limits(6, 5), play: func(s *scene) execution {
			token := s.waiting(1)
			s.timed("RunTask", 6, func() {
				time.Sleep(3500 * time.Millisecond)
				s.beat(token)
				s.left("RunTask") // not 5 seconds after the heartbeat
			})
			return s.ended()
		}},
		"after a time-out the task has another token": {
			answers: map[string]answer{
				"Validate":      limits(20, 3)["Validate"],
				"InspectRunner": {Returns: json.RawMessage(`{"outcome":"waiting","seconds":1}`)},
			},
			play: func(s *scene) execution {
				first := s.waiting(1)
				second := s.waiting(2)
				s.note("another token: %t", first != second)
				s.succeed(second, took)
				s.succeed(s.waiting(3), stopped)
				return s.ended()
			},
		},

		// Signals that come at another time than the usual.
		"a signal before the function has answered": {
			answers: map[string]answer{"AwaitCompletion": {Slow: 2 * time.Second}},
			play: func(s *scene) execution {
				s.succeed(s.waiting(1), took)
				s.called("AwaitCompletion")
				s.succeed(s.token(), stopped)
				return s.ended()
			},
			differs: &difference{
				reason: "moto still notes TaskSubmitted, before TaskSucceeded, when the function answers at last; the states are the same",
				ours:   "RunTask AwaitCompletion RecordStatus; SUCCEEDED; SendTaskSuccess: done; SendTaskSuccess: done",
				moto:   "RunTask AwaitCompletion RecordStatus; SUCCEEDED; SendTaskSuccess: done; SendTaskSuccess: done",
			},
		},
		"a signal before the function of a task with a heartbeat has answered": {
			answers: map[string]answer{"Validate": limits(30, 8)["Validate"], "RunTask": {Slow: 5 * time.Second}},
			play: func(s *scene) execution {
				s.patience = 40 * time.Second
				s.called("RunTask")
				s.succeed(s.token(), took)
				if x := s.left("RunTask"); x.path[6] == "AwaitCompletion" {
					s.succeed(s.waiting(1), stopped)
				}
				return s.ended()
			},
			differs: &difference{
				reason: "moto forgets such a signal and lets the heartbeat time out; AWS takes a token from the moment that it is made",
				ours:   "RunTask AwaitCompletion RecordStatus; SUCCEEDED; SendTaskSuccess: done; SendTaskSuccess: done",
				moto:   "InspectRunner AfterInspection RecordStatus; SUCCEEDED; SendTaskSuccess: done",
			},
		},
		"signals to a task that has succeeded": {
			play: func(s *scene) execution {
				first := s.waiting(1)
				s.succeed(first, took)
				second := s.waiting(2)
				s.succeed(first, took)
				s.beat(first)
				s.fail(first, "Runner.NotWanted")
				s.succeed(second, stopped)
				return s.ended()
			},
			differs: &difference{
				reason: "moto accepts signals to a closed task and forgets them; AWS answers TaskTimedOut",
				ours:   "RunTask AwaitCompletion RecordStatus; SUCCEEDED; SendTaskSuccess: done; SendTaskSuccess: TaskTimedOut; SendTaskHeartbeat: TaskTimedOut; SendTaskFailure: TaskTimedOut; SendTaskSuccess: done",
				moto:   "RunTask AwaitCompletion RecordStatus; SUCCEEDED; SendTaskSuccess: done; SendTaskSuccess: done; SendTaskHeartbeat: done; SendTaskFailure: done; SendTaskSuccess: done",
			},
		},
		"signals to a task that has timed out": {
			answers: map[string]answer{
				"Validate":      limits(20, 2)["Validate"],
				"InspectRunner": {Returns: json.RawMessage(`{"outcome":"busy","seconds":1800}`)},
			},
			play: func(s *scene) execution {
				first := s.waiting(1)
				second := s.waiting(2)
				s.beat(first)
				s.succeed(first, took)
				s.succeed(second, stopped)
				return s.ended()
			},
			differs: &difference{
				reason: "moto accepts signals to a closed task and forgets them; AWS answers TaskTimedOut",
				ours:   "AfterInspection AwaitCompletion RecordStatus; SUCCEEDED; SendTaskHeartbeat: TaskTimedOut; SendTaskSuccess: TaskTimedOut; SendTaskSuccess: done",
				moto:   "AfterInspection AwaitCompletion RecordStatus; SUCCEEDED; SendTaskHeartbeat: done; SendTaskSuccess: done; SendTaskSuccess: done",
			},
		},
		"signals to an execution that has ended": {
			play: func(s *scene) execution {
				token := s.waiting(1)
				s.fail(token, "Runner.NotWanted")
				x := s.ended()
				s.succeed(token, took)
				s.beat(token)
				return x
			},
			differs: &difference{
				reason: "moto answers InvalidToken; AWS documents TaskTimedOut for a task that is closed",
				ours:   "RegisterTaskDefinition RunTask RecordStatus; SUCCEEDED; SendTaskFailure: done; SendTaskSuccess: TaskTimedOut; SendTaskHeartbeat: TaskTimedOut",
				moto:   "RegisterTaskDefinition RunTask RecordStatus; SUCCEEDED; SendTaskFailure: done; SendTaskSuccess: InvalidToken; SendTaskHeartbeat: InvalidToken",
			},
		},
		"signals to an execution that was stopped": {
			play: func(s *scene) execution {
				token := s.waiting(1)
				s.tell("StopExecution", s.stop(s.runner))
				s.patience = 3 * time.Second
				x := s.ended()
				s.succeed(token, took)
				return x
			},
			differs: &difference{
				reason: "moto does not stop an execution that waits for a token",
				ours:   "IsImageReady RegisterTaskDefinition RunTask; ABORTED Stopped; StopExecution: done; SendTaskSuccess: TaskTimedOut",
				moto:   "IsImageReady RegisterTaskDefinition RunTask; RUNNING; StopExecution: done; does not end; SendTaskSuccess: done",
			},
		},
		"a token that is none": {play: func(s *scene) execution {
			token := s.waiting(1)
			s.succeed("no token", took)
			s.beat("no token")
			s.fail("no token", "Runner.NotWanted")
			s.fail(token, "Runner.NotWanted")
			return s.ended()
		}},
		"an output that is not JSON": {
			play: func(s *scene) execution {
				token := s.waiting(1)
				s.succeed(token, `{`)
				time.Sleep(time.Second) // for moto to trip over it
				s.fail(token, "Runner.NotWanted")
				return s.ended()
			},
			differs: &difference{
				reason: "moto takes the output and fails the state with States.Runtime; AWS answers InvalidOutput",
				ours:   "RegisterTaskDefinition RunTask RecordStatus; SUCCEEDED; SendTaskSuccess: InvalidOutput; SendTaskFailure: done",
				moto:   "RunTask RecordFailure Failed; FAILED Runner.StoppedEarly; SendTaskSuccess: done; SendTaskFailure: done",
			},
		},
		"a retry after SendTaskFailure has another token": {
			play: func(s *scene) execution {
				first := s.waiting(1)
				s.fail(first, "Runner.NoCapacity")
				second := s.waiting(2)
				s.note("another token: %t", first != second)
				s.succeed(second, took)
				s.succeed(s.waiting(3), stopped)
				return s.ended()
			},
			differs: &difference{
				reason: "moto gives every attempt of a state the same token; AWS documents a new one",
				ours:   "RunTask AwaitCompletion RecordStatus; SUCCEEDED; SendTaskFailure: done; another token: true; SendTaskSuccess: done; SendTaskSuccess: done",
				moto:   "RunTask AwaitCompletion RecordStatus; SUCCEEDED; SendTaskFailure: done; another token: false; SendTaskSuccess: done; SendTaskSuccess: done",
			},
		},

		// The name of an execution.
		"a name that is running is started again with the same input": {play: func(s *scene) execution {
			token := s.waiting(1)
			s.tell("StartExecution", s.start(s.runner, s.input))
			s.fail(token, "Runner.NotWanted")
			return s.ended()
		}},
		"a name that is running is not started with another input": {play: func(s *scene) execution {
			token := s.waiting(1)
			s.tell("StartExecution", s.start(s.runner, json.RawMessage(`{"run_id":"job-2"}`)))
			s.fail(token, "Runner.NotWanted")
			return s.ended()
		}},
		"a name that has ended is not started again": {play: func(s *scene) execution {
			s.fail(s.waiting(1), "Runner.NotWanted")
			x := s.ended()
			s.tell("StartExecution", s.start(s.runner, s.input))
			return x
		}},
	}
}

// called waits until the function of a state with a token has been called.
func (s *scene) called(state string) {
	s.t.Helper()
	s.until("the call of "+state, func(execution) bool {
		s.script.mu.Lock()
		defer s.script.mu.Unlock()
		return slices.ContainsFunc(s.script.calls, func(c call) bool { return c.State == state })
	})
}

// left waits until the execution has gone on from its latest state, which is this.
func (s *scene) left(state string) execution {
	s.t.Helper()
	return s.until("the end of "+state, func(x execution) bool {
		return slices.Contains(x.path, state) && x.path[len(x.path)-1] != state
	})
}

// timed notes whether what f waits for took so many seconds. On a busy machine that it has
// begun is seen late, so it may have begun as early as the execution; and it may end late.
func (s *scene) timed(what string, seconds int, f func()) {
	began := time.Now()
	f()
	longest, shortest, want := time.Since(s.begun), time.Since(began), time.Duration(seconds)*time.Second
	if longest < want-time.Second || shortest > want+4*time.Second {
		s.note("%s waited for %s to %s and not %s", what, shortest, longest, want)
	}
}
