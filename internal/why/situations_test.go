package why

import (
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// situations are what an on-call engineer may be asked about, each as a file of testdata.
var situations = map[string]func() *world{
	// Nothing has happened yet.
	"queued":                     func() *world { return newWorld().after(2 * time.Second) },
	"queued_and_nothing_happens": func() *world { return newWorld().after(9 * time.Minute) },
	"approval":                   func() *world { return newWorld().change(fleet.Run.Wait).after(3 * time.Hour) },

	// Warm runners.
	"warm_idle": func() *world { return newWorld().warm().about("ci-w1-1").after(2 * time.Hour) },
	"warm_starting": func() *world {
		w := newWorld().warm().about("ci-w1-1")
		w.runners[0].Status, w.runners[0].TaskStatus = fleet.RunnerStarting, fleet.TaskPending
		for _, stage := range []fleet.Stage{fleet.StageContainerUp, fleet.StageClaimed, fleet.StageRegistered} {
			delete(w.runners[0].Times, stage)
		}
		return w.after(2 * time.Second)
	},
	"warm_lost": func() *world {
		w := newWorld().warm().about("ci-w1-1").after(2 * time.Minute)
		r := w.runners[0]
		r.Phase, r.Status, r.TaskStatus = fleet.Closed, fleet.RunnerOffline, fleet.TaskStopped
		r.Reason = "ended while it idled: GitHub deletes the registrations of runners that wait for some minutes (actions/runner#4726)"
		w.runners[0] = r.Mark(fleet.StageClosed, w.now.Add(-time.Minute))
		return w
	},
	"warm_none_idle": func() *world {
		w := newWorld().warm()
		w.runners, w.capacity = nil, fleet.Capacity{}
		return w.launch().after(10 * time.Second)
	},
	"warm_expects": func() *world { return newWorld().warm().launch().after(time.Second) },
	"warm_runs": func() *world {
		return newWorld().warm().launch().after(time.Second).took(theJob, "ci-w1-1").after(time.Minute)
	},

	// Room.
	"room": func() *world { return newWorld().full(20).launch().after(5 * time.Minute) },
	"room_share": func() *world {
		w := newWorld()
		w.policy.MaxPerRepository = 4
		return w.full(4).launch().after(5 * time.Minute)
	},
	"room_kept_for_others": func() *world {
		w := newWorld()
		w.policy.Repositories = []string{"octo-org/app", "octo-org/web", "octo-org/api"}
		w.policy.MaxRunners = 20
		w.capacity = fleet.Capacity{Open: 19, OpenOf: map[string]int{"octo-org/app": 10, "octo-org/web": 9}}
		return w.launch().after(5 * time.Minute)
	},
	"room_rule": func() *world {
		w := newWorld()
		w.policy.Rules = []fleet.Rule{{Name: "large-ones", Class: fleet.Patterns{"large"}, Allow: true, MaxRunners: 2}}
		w.capacity = fleet.Capacity{Open: 2, OpenOf: map[string]int{"octo-org/app": 2}, OpenOfRule: map[string]int{"large-ones": 2}}
		return w.change(func(r fleet.Run) fleet.Run { return r.Want(w.policy.Wants(r.Job)) }).launch().after(90 * time.Second)
	},
	"room_of_one": func() *world {
		w := newWorld()
		w.policy.MaxRunners = 1
		return w.full(1).launch().after(5 * time.Minute)
	},
	"room_rule_of_one": func() *world {
		w := newWorld()
		w.policy.Rules = []fleet.Rule{{Name: "large-ones", Class: fleet.Patterns{"large"}, Allow: true, MaxRunners: 1}}
		w.capacity = fleet.Capacity{Open: 1, OpenOf: map[string]int{"octo-org/app": 1}, OpenOfRule: map[string]int{"large-ones": 1}}
		return w.change(func(r fleet.Run) fleet.Run { return r.Want(w.policy.Wants(r.Job)) }).launch().after(90 * time.Second)
	},
	"room_pace": func() *world {
		w := newWorld()
		w.policy.MaxRunners = 500
		w.capacity = fleet.Capacity{Open: 80, OpenOf: map[string]int{"octo-org/app": 80}, Pace: fleet.Pace{Slot: w.now.Unix() / 10, Counts: []int{80}}}
		return w.launch().after(20 * time.Second)
	},
	"room_behind_pace": func() *world {
		w := newWorld()
		w.policy.MaxRunners, w.behind = 500, true
		w.capacity = fleet.Capacity{Open: 70, OpenOf: map[string]int{"octo-org/app": 70}, Pace: fleet.Pace{Slot: w.now.Unix()/10 - 1, Counts: []int{0, 60}}}
		return w.launch().after(20 * time.Second)
	},
	"room_pace_then_full": func() *world {
		w := newWorld()
		w.policy.MaxRunners, w.behind = 100, true
		w.capacity = fleet.Capacity{Open: 80, OpenOf: map[string]int{"octo-org/app": 80}, Pace: fleet.Pace{Slot: w.now.Unix() / 10, Counts: []int{80}}}
		w.launch()
		w.capacity.Open = 100
		return w.after(20 * time.Second)
	},
	"room_turn": func() *world {
		w := newWorld().full(20).launch().after(time.Minute)
		w.capacity.Open = 19
		return w.after(time.Second)
	},
	"paused": func() *world {
		w := newWorld()
		w.capacity = w.capacity.Pause(fleet.Operator{By: ada.By, Reason: "moving to other subnets, back at 14:00"}.Act(fleet.CommandPause, "1", noon.Add(-20*time.Minute)))
		return w.launch().after(5 * time.Minute)
	},
	"room_then_runner": func() *world {
		w := newWorld().full(20).launch().after(4 * time.Minute)
		w.capacity.Open = 19
		return w.launch().comesTo(fleet.StageTaskStarted).after(10 * time.Second)
	},

	// Setbacks.
	"setback_capacity": func() *world {
		return newWorld().fails(fleet.RunnerNoCapacity, "RunTask: Capacity is unavailable at this time. Please try again later").after(20 * time.Second)
	},
	"setback_capacity_quota": func() *world {
		return newWorld().fails(fleet.RunnerQuotaExceeded, "You've reached the limit on the number of vCPUs you can run concurrently").after(20 * time.Second)
	},
	"setback_capacity_tried_by_another": func() *world {
		w := newWorld().fails(fleet.RunnerNoCapacity, "no capacity").after(70 * time.Second)
		for key, h := range w.holds {
			h.Tries = []string{"ci-20000000010-1", "ci-20000000011-1", "ci-20000000012-1"}
			w.holds[key] = h
		}
		return w
	},
	"setback_spot_taken_back_before_the_job": func() *world {
		return newWorld().launch().comesTo(fleet.StageContainerUp).after(time.Second).stops(fleet.StopSpotInterruption, -1, "").
			closes(fleet.RunnerSpotInterrupted, "Fargate Spot took its capacity back before the runner had a job").after(5 * time.Second)
	},
	"setback_build": func() *world {
		return newWorld().image("image:node:22").fails(fleet.ImageBuildFailed, "step 3 of the Dockerfile: apt-get: exit status 100").after(time.Minute)
	},
	"setback_source": func() *world {
		return newWorld().image("image:node:22").fails(fleet.ImageSourceUnavailable, "docker.io: toomanyrequests: You have reached your pull rate limit").after(10 * time.Second)
	},
	"setback_quota": func() *world {
		return newWorld().image("image:node:22").fails(fleet.ImageBuildsSpent, "octo-org/app has had its 10 builds of today").after(10 * time.Minute)
	},
	"setback_start": func() *world {
		return newWorld().launch().comesTo(fleet.StageTaskStarted).after(time.Second).stops(fleet.StopTaskFailedToStart, -1, "CannotPullContainerError: pull image manifest has been retried 1 time(s): i/o timeout").
			closes(fleet.RunnerCannotPullContainer, "CannotPullContainerError: pull image manifest has been retried 1 time(s): i/o timeout").after(20 * time.Second)
	},
	"setback_start_out_of_memory": func() *world {
		return newWorld().launch().comesTo(fleet.StageContainerUp).after(time.Second).stops(fleet.StopEssentialContainerExited, 137, "OutOfMemoryError: Container killed due to memory usage").
			closes(fleet.RunnerStoppedEarly, "the runner was killed because it ran out of memory").after(20 * time.Second)
	},
	"setback_configuration": func() *world {
		return newWorld().fails(fleet.RunnerLaunchFailed, "RunTask: InvalidParameterException: No Fargate configuration exists for given values").after(20 * time.Minute)
	},
	"setback_credential": func() *world {
		return newWorld().launch().after(time.Second).closes(fleet.GitHubUnauthorized, "GET /repos/octo-org/app/actions/jobs/20000000005: 401 Bad credentials").after(30 * time.Second)
	},
	"runner_group_missing": func() *world {
		return newWorld().launch().after(time.Second).closes(fleet.GitHubNoRunnerGroup, `organization octo-org has no runner group "fleet" (it has Default, Fleets): make it in the organization's settings, under Actions, Runner groups, or correct runner_group`).after(30 * time.Second)
	},
	"setback_access": func() *world {
		return newWorld().launch().after(time.Second).closes(fleet.GitHubNoAccess, "POST /repos/octo-org/app/actions/runners/generate-jitconfig: 403 Resource not accessible by personal access token").after(30 * time.Second)
	},
	"setback_job": func() *world {
		return newWorld().launch().after(time.Second).closes(fleet.GitHubNotFound, "GET /repos/octo-org/app/actions/jobs/20000000005: 404").after(30 * time.Second)
	},
	"setback_github": func() *world {
		return newWorld().launch().after(time.Second).closes(fleet.GitHubUnavailable, "GET /repos/octo-org/app/actions/jobs/20000000005: 502").after(30 * time.Second)
	},
	"setback_idle": func() *world {
		return newWorld().launch().comesTo(fleet.StageRegistered).after(5*time.Minute).
			closes(fleet.RunnerIdleTimeout, "the runner got no job for 5m0s: another runner had it, GitHub holds it back (max-parallel, a concurrency group), or a label or runner group keeps it from this one").after(15 * time.Second)
	},
	"setback_outage": func() *world {
		w := newWorld()
		w.holds["outage"] = fleet.Hold{Key: "outage", Kind: fleet.SetbackOutage, Met: map[string]time.Time{"octo-org/web 1": noon, "octo-org/api 2": noon}, InARow: 1, Needs: 1 << 60, Version: 1}
		return w.launch().comesTo(fleet.StageRegistered).after(5*time.Minute).closes(fleet.RunnerIdleTimeout, "the runner got no job for 5m0s").after(15 * time.Second)
	},
	"setback_fleet": func() *world {
		return newWorld().launch().comesTo(fleet.StageAdmitted).after(time.Second).closes(fleet.RecordsUnavailable, "DynamoDB did not answer").after(30 * time.Second)
	},
	"setback_due": func() *world {
		return newWorld().launch().comesTo(fleet.StageAdmitted).after(time.Second).closes(fleet.RecordsUnavailable, "DynamoDB did not answer").after(75 * time.Second)
	},
	"setback_many": func() *world {
		w := newWorld()
		for range 4 {
			w.fails(fleet.RunnerLaunchUnclear, "RunTask: no answer").after(31 * time.Minute)
		}
		return w.fails(fleet.RunnerLaunchUnclear, "RunTask: no answer").after(time.Minute)
	},
	"deadline_near": func() *world {
		return newWorld().fails(fleet.RunnerNoCapacity, "no capacity").after(23*time.Hour + 20*time.Minute)
	},
	"deadline_passed": func() *world {
		w := newWorld().fails(fleet.RecordsUnavailable, "DynamoDB did not answer").after(12*time.Hour).fails(fleet.RecordsUnavailable, "DynamoDB did not answer")
		return w.after(12*time.Hour + 10*time.Minute).launch().after(time.Minute)
	},

	// A runner is under way.
	"launched": func() *world { return newWorld().launch().after(time.Second) },
	"admitted": func() *world { return newWorld().launch().comesTo(fleet.StageAdmitted).after(300 * time.Millisecond) },
	"image_being_built": func() *world {
		w := newWorld().image("image:node:22").launch().comesTo(fleet.StageAdmitted)
		w.lock = fleet.BuildLock{Owner: fleet.BuildOwner("ci-20000000005-1", w.now), Waiters: []string{"ci-20000000005-1", "ci-20000000010-1"}, Until: w.now.Add(15 * time.Minute)}
		return w.newest(func(r fleet.Runner) fleet.Runner { return r.Progress(fleet.RunnerImageCreating) }).after(4 * time.Minute)
	},
	"image_built_again": func() *world {
		w := newWorld().image("image:node:22").launch().comesTo(fleet.StageAdmitted)
		w.lock = fleet.BuildLock{Owner: fleet.BuildOwner("ci-20000000005-1", w.now), Waiters: []string{"ci-20000000005-1"}, Until: w.now.Add(15 * time.Minute)}
		w.record = &fleet.ImageRecord{Failure: &fleet.BuildFailure{At: noon.Add(-10 * time.Minute), Reason: "step 3 of the Dockerfile: apt-get: exit status 100"}}
		return w.newest(func(r fleet.Runner) fleet.Runner { return r.Progress(fleet.RunnerImageCreating) }).after(90 * time.Second)
	},
	"image_build_queued": func() *world {
		w := newWorld().image("image:node:22").launch().comesTo(fleet.StageAdmitted)
		return w.newest(func(r fleet.Runner) fleet.Runner {
			r.Reason = "Image.BuildQueueFull: 5 builds of images that jobs name run already"
			return r.Progress(fleet.RunnerImageCreating)
		}).after(4 * time.Minute)
	},
	"no_room_at_the_platform": func() *world {
		return newWorld().launch().comesTo(fleet.StageImageReady).newest(func(r fleet.Runner) fleet.Runner {
			r.Reason = "Runner.NoCapacity: Capacity is unavailable at this time"
			return r
		}).after(time.Minute)
	},
	"task_being_started": func() *world { return newWorld().launch().comesTo(fleet.StageImageReady).after(time.Second) },
	"container_pulled":   func() *world { return newWorld().launch().comesTo(fleet.StageTaskStarted).after(25 * time.Second) },
	"container_up":       func() *world { return newWorld().launch().comesTo(fleet.StageContainerUp).after(3 * time.Minute) },
	"claimed_not_registered": func() *world {
		w := newWorld().launch().comesTo(fleet.StageClaimed)
		return w.newest(func(r fleet.Runner) fleet.Runner { r.Asks, r.AskAt = 3, w.now.Add(80*time.Second); return r }).after(50 * time.Second)
	},
	"idle": func() *world { return newWorld().launch().comesTo(fleet.StageRegistered).after(2 * time.Minute) },
	"stopped_early": func() *world {
		return newWorld().launch().comesTo(fleet.StageContainerUp).after(time.Second).stops(fleet.StopEssentialContainerExited, 127, "").after(time.Second)
	},
	"being_ended": func() *world {
		w := newWorld().launch().comesTo(fleet.StageRegistered)
		return w.newest(func(r fleet.Runner) fleet.Runner { r, _ = r.BeginEnd(fleet.TerminatedByOperator, w.now); return r }).after(2 * time.Second)
	},

	// It runs.
	"running": func() *world { return running().after(7 * time.Minute) },
	"running_elsewhere": func() *world {
		return newWorld().change(func(r fleet.Run) fleet.Run {
			return r.Move(fleet.RunRunning, "GitHub gave the job to runner mac-mini-3, which is not this fleet's")
		}).after(time.Minute)
	},
	"running_on_a_lost_runner": func() *world {
		return running().after(7*time.Minute).stops(fleet.StopSpotInterruption, -1, "").closes("", "").after(2 * time.Minute)
	},
	"running_on_a_lost_runner_of_an_organization": func() *world {
		return running().ofOrganization().after(7*time.Minute).stops(fleet.StopSpotInterruption, -1, "").closes("", "").after(2 * time.Minute)
	},
	"running_queued_again": func() *world {
		w := running().after(7 * time.Minute)
		return w.change(func(r fleet.Run) fleet.Run { r, _ = r.NoteQueuedAgain(w.now); return r }).after(time.Minute)
	},
	"taken_back_by_github": func() *world {
		w := running().after(7 * time.Minute)
		w.stops(fleet.StopEssentialContainerExited, 0, "").closes("", "")
		return w.change(func(r fleet.Run) fleet.Run { return r.TakeBack(w.now) }).after(10 * time.Second)
	},

	// Runners and jobs that GitHub mixed.
	"displaced": func() *world {
		w := newWorld().launch().comesTo(fleet.StageRegistered).after(time.Second).receive(queuedJob(otherJob))
		return w.took(otherJob, "ci-20000000005-1").after(2 * time.Second)
	},
	"displaced_and_launched_again": func() *world {
		w := newWorld().launch().comesTo(fleet.StageRegistered).after(time.Second).receive(queuedJob(otherJob))
		return w.took(otherJob, "ci-20000000005-1").after(time.Second).launch().comesTo(fleet.StageTaskStarted).after(time.Second)
	},
	"swapped": func() *world {
		w := newWorld().receive(queuedJob(otherJob)).launch().launchFor(otherJob).comesToOf(otherJob, fleet.StageRegistered)
		return w.took(theJob, "ci-20000000010-1").after(3 * time.Minute)
	},
	"swapped_with_a_later_runner": func() *world { // as a faster image has it
		w := newWorld().launch().comesTo(fleet.StageImageReady).after(20*time.Second).receive(queuedJob(otherJob)).launchFor(otherJob).comesToOf(otherJob, fleet.StageRegistered)
		return w.took(theJob, "ci-20000000010-1").after(20 * time.Second).completes("success").after(time.Minute)
	},
	"swapped_the_other_run": func() *world {
		w := newWorld().receive(queuedJob(otherJob)).launch().launchFor(otherJob).comesToOf(otherJob, fleet.StageRegistered)
		w.asked = "job-20000000010"
		return w.took(theJob, "ci-20000000010-1").after(20 * time.Second)
	},

	"swapped_with_an_idle_runner": func() *world { // which was there before the job
		idle := queuedJob(otherJob)
		w := newWorld()
		w.runs, w.now = map[int64]fleet.Run{}, noon.Add(-3*time.Minute)
		w.receive(idle).launchFor(otherJob).comesToOf(otherJob, fleet.StageRegistered)
		w.now = noon.Add(time.Second)
		return w.receive(queuedJob(theJob)).launch().after(2*time.Second).took(theJob, "ci-20000000010-1").after(time.Minute)
	},

	// Refused.
	"refused_class":     func() *world { return refusedFor("self-hosted", "class:huge") },
	"refused_near_miss": func() *world { return refusedFor("self-hosted", "class=large") },
	"refused_registry":  func() *world { return refusedFor("self-hosted", "image:registry.evil.example/x:1") },
	"refused_public": func() *world {
		w := newWorld()
		job := queuedJob(theJob)
		job.Private = false
		d := w.policy.Admit(job)
		return w.refused(d.Rule, d.Reason).after(time.Minute)
	},
	"refused_by_policy_and_shown": func() *world {
		w := newWorld()
		w.policy.Rules = []fleet.Rule{{Name: "no-large", Class: fleet.Patterns{"large"}, Refuse: "class large is for the release workflows only: use class:small"}}
		d := w.policy.Admit(queuedJob(theJob))
		return w.refused(d.Rule, d.Reason).change(func(r fleet.Run) fleet.Run {
			r.Notice = &fleet.Notice{As: "a failed commit status", Of: r.RunID}
			return r
		}).after(time.Minute)
	},
	"refused_by_the_hook": func() *world { // GitHub gave the runner of another job this one
		w := newWorld().receive(queuedJob(otherJob)).launchFor(otherJob).comesToOf(otherJob, fleet.StageRegistered)
		w.newestOf(otherJob, func(r fleet.Runner) fleet.Runner {
			r.Hook = fleet.HookAsks
			r.Judged = &fleet.Judged{JobID: theJob, Verdict: fleet.Refused, Rule: "policy.no-forks", Reason: "forks are not run here"}
			return r
		})
		return w.took(theJob, "ci-20000000010-1").after(3 * time.Second).completes("failure").after(time.Minute)
	},
	"refused_before_its_task": func() *world { // by Validate, which knows a policy that the webhook did not
		w := newWorld().launch().after(300 * time.Millisecond)
		w.policy.Classes = map[string]fleet.Class{"small": w.policy.Classes["small"]}
		return w.refusedByValidate().after(time.Minute)
	},
	"refused_and_taken":   func() *world { return refusedAndTaken(fleet.HookAsks).after(30 * time.Second) },
	"refused_and_goes_on": func() *world { return refusedAndTaken(fleet.HookAsks).after(6 * time.Minute) },
	"refused_and_admitted_since": func() *world { // by a newer policy
		return refusedAndTaken(fleet.HookAsks).newestOf(otherJob, func(r fleet.Runner) fleet.Runner {
			r.Judged = &fleet.Judged{JobID: theJob, Verdict: fleet.Admitted}
			return r
		}).after(6 * time.Minute)
	},
	"refused_and_ended_unanswered": func() *world {
		return refusedAndTaken(fleet.HookAsks).after(time.Minute).completes("failure").after(time.Minute)
	},
	"refused_and_stopped_by_the_sweep": func() *world {
		return refusedAndTaken(fleet.HookAsks).after(5*time.Minute+20*time.Second).stoppedFor(otherJob, fleet.StoppedByPolicy).completes("cancelled").after(time.Minute)
	},
	"stopped_by_policy": func() *world {
		return refusedAndTaken("").after(3*time.Second).stoppedFor(otherJob, fleet.StoppedByPolicy).completes("cancelled").after(time.Minute)
	},
	"refused_on_its_way": func() *world { // its own runner was refused, and the stop of the other one goes on
		w := newWorld().launch().after(300 * time.Millisecond)
		w.policy.Rules = []fleet.Rule{{Name: "no-large", Class: fleet.Patterns{"large"}, Refuse: "class large is for the release workflows only"}}
		w.refusedByValidate().receive(queuedJob(otherJob)).launchFor(otherJob).comesToOf(otherJob, fleet.StageRegistered)
		return w.after(time.Second).took(theJob, "ci-20000000010-1").after(2 * time.Second)
	},
	"stopped_by_policy_and_failed": func() *world {
		w := refusedAndTaken("").after(3*time.Second).stoppedFor(otherJob, fleet.StoppedByPolicy).completes("failure").after(time.Minute)
		w.policy.Rules = nil // it was deployed without since
		return w
	},
	"stopped_by_policy_and_not_reported": func() *world {
		return refusedAndTaken("").after(3*time.Second).stoppedFor(otherJob, fleet.StoppedByPolicy).after(20 * time.Second)
	},
	"hook_missing": func() *world {
		return running().newest(func(r fleet.Runner) fleet.Runner { r.Hook = fleet.HookMissing; return r }).after(time.Minute)
	},
	"undecided_fork": func() *world {
		w := newWorld()
		fork := true
		w.policy.Rules = []fleet.Rule{{Name: "no-forks", Fork: &fork, Refuse: "forks are not run here"}}
		return w.launch().after(time.Second)
	},

	// Ended.
	"success": func() *world {
		return running().after(2*time.Minute + 3*time.Second).completes("success").after(time.Minute)
	},
	"failure": func() *world { return running().after(9 * time.Minute).completes("failure").after(time.Minute) },
	"failure_out_of_memory": func() *world {
		return running().after(9*time.Minute).stops(fleet.StopEssentialContainerExited, 137, "OutOfMemoryError: Container killed due to memory usage").completes("failure").after(time.Minute)
	},
	"failure_spot_taken_back": func() *world {
		return running().after(9*time.Minute).stops(fleet.StopSpotInterruption, -1, "").completes("failure").after(time.Minute)
	},
	"failure_spot_taken_back_and_rerun": func() *world {
		return running().after(9*time.Minute).stops(fleet.StopSpotInterruption, -1, "").change(func(r fleet.Run) fleet.Run {
			r.Rerun = &fleet.Rerun{At: noon.Add(12 * time.Minute)}
			return r
		}).completes("failure").after(3 * time.Minute)
	},
	"completed_without_runner": func() *world { return newWorld().launch().after(time.Second).completes("skipped").after(time.Minute) },
	"cancelled_before": func() *world {
		return newWorld().launch().comesTo(fleet.StageTaskStarted).after(8 * time.Second).completes("cancelled").after(time.Minute)
	},
	"cancelled_after_its_runner_was_stopped": func() *world {
		return newWorld().launch().comesTo(fleet.StageContainerUp).after(8*time.Second).stoppedFor(theJob, "Task stopped by user").completes("cancelled").after(time.Minute)
	},
	"cancelled_while_it_waited": func() *world {
		return newWorld().fails(fleet.RunnerNoCapacity, "no capacity").after(10 * time.Minute).completes("cancelled").after(time.Minute)
	},
	"cancelled_after_24_hours": func() *world {
		return newWorld().fails(fleet.RunnerNoCapacity, "no capacity").after(24 * time.Hour).completes("cancelled").after(time.Minute)
	},
	"cancelled_while_running": func() *world {
		return running().after(8*time.Minute).completes("cancelled").after(2*time.Second).stops(fleet.StopEssentialContainerExited, 0, "").after(time.Minute)
	},
	"cancelled_while_running_and_stopped": func() *world { // by the fleet, since the container stayed
		return running().after(8*time.Minute).completes("cancelled").after(90*time.Second).stoppedFor(theJob, "its job has ended").after(time.Minute)
	},
	"task_stopped_by_hand": func() *world {
		return running().after(8*time.Minute).stoppedFor(theJob, "Task stopped by user").completes("cancelled").after(time.Minute)
	},
	"workflow_run_over": func() *world {
		return newWorld().fails(fleet.RunnerNoCapacity, "no capacity").after(time.Hour).change(func(r fleet.Run) fleet.Run {
			r = r.Move(fleet.RunCancelled, fleet.WorkflowRunOver+" (failure), which still has the job queued").Mark(fleet.StageClosed, noon.Add(time.Hour))
			r.Conclusion = "failure"
			return r
		}).after(time.Minute)
	},
	"ended_by_operator": func() *world {
		return running().after(8*time.Minute).newest(func(r fleet.Runner) fleet.Runner { r.Reason = fleet.TerminatedByOperator; return r }).
			stops(fleet.StopUserInitiated, 143, "").completes("cancelled").after(time.Minute)
	},
	"stopped_by_operator": func() *world {
		return running().after(8*time.Minute).stoppedByOperator(fleet.CommandForceTerminate, "it hangs since the \x1b[31mmigration\x1b[0m").after(5*time.Second).stops(fleet.StopUserInitiated, 143, "").completes("cancelled").after(time.Minute)
	},
	"stopped_by_operator_and_not_reported": func() *world {
		return running().after(8*time.Minute).stoppedByOperator(fleet.CommandForceTerminate, "it hangs").after(5*time.Second).stoppedFor(theJob, fleet.TerminatedByOperator).after(30 * time.Second)
	},
	"stopped_by_operator_and_failed": func() *world {
		return running().after(8*time.Minute).stoppedByOperator(fleet.CommandForceTerminate, "").after(5*time.Second).stops(fleet.StopUserInitiated, 143, "").completes("failure").after(time.Minute)
	},
	"stopped_by_drain": func() *world {
		return running().after(8*time.Minute).stoppedByOperator(fleet.CommandDrainNow, "moving to another account").after(5*time.Second).stops(fleet.StopUserInitiated, 143, "").completes("cancelled").after(time.Minute)
	},
	"stopped_with_its_fleet": func() *world {
		return running().after(8*time.Minute).stoppedByOperator(fleet.CommandStopNow, "asked twice to stop").after(5*time.Second).stops(fleet.StopUserInitiated, 143, "").completes("cancelled").after(time.Minute)
	},
	"stopped_by_operator_after_its_end": func() *world { // what the operator did had no part in it
		return running().after(8*time.Minute).completes("failure").after(10*time.Second).stoppedByOperator(fleet.CommandForceTerminate, "").stops(fleet.StopUserInitiated, 143, "").after(time.Minute)
	},
	"ended_by_operator_before_its_job": func() *world {
		w := newWorld().launch().comesTo(fleet.StageRegistered)
		w.newest(func(r fleet.Runner) fleet.Runner {
			r, _ = r.BeginEnd(fleet.TerminatedByOperator, w.now)
			return r.Trace(w.acts(fleet.CommandTerminate, "an old image"))
		})
		return w.after(2 * time.Second)
	},
	"tried_again_by_operator": func() *world {
		w := newWorld().fails(fleet.RunnerNoCapacity, "no capacity").after(time.Minute)
		return w.change(func(r fleet.Run) fleet.Run { return r.Trace(w.acts(fleet.CommandRetry, "")) }).after(20 * time.Second)
	},
	"ended_by_max_runtime": func() *world {
		return running().after(6*time.Hour).newest(func(r fleet.Runner) fleet.Runner { r.Reason = "the job ran longer than max_runtime (6h0m0s)"; return r }).
			stops(fleet.StopUserInitiated, -1, "").completes("cancelled").after(time.Minute)
	},
	"ended_by_max_runtime_and_not_reported": func() *world {
		return running().after(6*time.Hour).newest(func(r fleet.Runner) fleet.Runner { r.Reason = "the job ran longer than max_runtime (6h0m0s)"; return r }).
			stoppedFor(theJob, "the job ran longer than max_runtime (6h0m0s)").after(20 * time.Second)
	},
	"gone": func() *world {
		return newWorld().after(36 * time.Hour).change(func(r fleet.Run) fleet.Run {
			return r.Move(fleet.RunGone, "GitHub has not known the job since 2026-07-01 12:00").Mark(fleet.StageClosed, noon.Add(36*time.Hour))
		}).after(time.Hour)
	},
	"lost_webhook": func() *world {
		job := queuedJob(theJob)
		job.RepositoryID, job.HookID = 0, 0
		w := newWorld().after(4 * time.Minute).receive(job)
		return w.launch().comesTo(fleet.StageRegistered).after(time.Second).took(theJob, "ci-20000000005-1").after(time.Minute)
	},

	"clocks_apart": func() *world { // GitHub's is ahead
		w := newWorld()
		w.now = noon.Add(-7 * time.Second)
		return w.receive(queuedJob(theJob)).launch().comesTo(fleet.StageTaskStarted).after(time.Second)
	},

	// URLs of other jobs with the id of this one.
	"url_of_another_github": func() *world {
		w := running().after(time.Minute)
		w.asked = "https://github.example.com/octo-org/app/actions/runs/7001/job/20000000005"
		return w
	},
	"url_of_another_repository": func() *world {
		w := running().after(time.Minute)
		w.asked = "https://github.com/octo-org/web/actions/runs/7001/job/20000000005"
		return w
	},
	"url_of_another_workflow_run": func() *world {
		w := running().after(time.Minute)
		w.asked = "https://github.com/octo-org/app/actions/runs/7002/job/20000000005"
		return w
	},

	// Runners that are asked about.
	"runner_running": func() *world { w := running().after(time.Minute); w.asked = "ci-20000000005-1"; return w },
	"runner_closed": func() *world {
		w := newWorld().launch().comesTo(fleet.StageRegistered).after(5*time.Minute).closes(fleet.RunnerIdleTimeout, "the runner got no job for 5m0s")
		w.holds = map[string]fleet.Hold{}
		w.after(2 * time.Minute).launch().comesTo(fleet.StageTaskStarted)
		w.asked = "ci-20000000005-1"
		return w.after(3 * time.Second)
	},
	"runner_of_a_swap": func() *world {
		w := newWorld().receive(queuedJob(otherJob)).launch().launchFor(otherJob).comesToOf(otherJob, fleet.StageRegistered)
		w.took(theJob, "ci-20000000010-1")
		w.asked = "ci-20000000010-1.1"
		return w.after(time.Minute).completesOn().after(time.Minute)
	},
	"runner_unknown":          func() *world { w := newWorld(); w.asked = "ci-1-1"; w.withheld = true; return w },
	"runner_of_another_fleet": func() *world { w := newWorld(); w.asked = "staging-1-1"; w.withheld = true; return w },

	// No record.
	"unknown_id": func() *world {
		w := unknown("4242")
		w.github.NotAsked = "a job's id alone does not say its repository: give the job's URL"
		return w
	},
	"unknown_with_labels":         func() *world { w := unknown("4242"); w.labels = []string{"self-hosted", "class:small"}; return w },
	"unknown_with_labels_refused": func() *world { w := unknown("4242"); w.labels = []string{"self-hosted", "class:huge"}; return w },
	"unknown_ignored": func() *world {
		w := unknown("https://github.com/octo-org/app/actions/runs/1/job/4242?pr=7#step:3:1")
		job := queuedJob(4242)
		job.Labels = []string{"ubuntu-latest"}
		w.github.Job = &job
		return w
	},
	"unknown_no_webhook": func() *world { return undelivered(Webhook{}) },
	"unknown_webhooks_may_not_be_seen": func() *world {
		return undelivered(Webhook{NotSeen: "GitHub.Unauthorized: the token may not see the webhooks of octo-org/app"})
	},
	"unknown_webhook_forbidden": func() *world {
		return answered(403, "Forbidden", `{"status":"forbidden","reason":"octo-org/app is not a repository of this fleet: add it to github_repo"}`)
	},
	"unknown_webhook_of_another_secret": func() *world { return answered(401, "Unauthorized", `{"status":"unauthorized"}`) },
	"unknown_webhook_ignored": func() *world {
		return answered(200, "OK", `{"status":"ignored","reason":"the job's status is \"waiting\", so it cannot start yet"}`)
	},
	"unknown_webhook_accepted": func() *world { return answered(202, "Accepted", `{"status":"accepted","run_id":"job-4242"}`) },
	"unknown_webhook_failed": func() *world {
		return answered(503, "Service Unavailable", `{"status":"unavailable","reason":"the event could not be stored just now"}`)
	},
	"unknown_webhook_unanswered": func() *world { return answered(502, "failed to connect", "") },
	"unknown_webhook_elsewhere":  func() *world { return answered(404, "Not Found", "<html>\x1b[2Jnot here</html>") },
	"unknown_pending": func() *world {
		w := unknown("https://github.com/octo-org/app/actions/runs/1/job/4242")
		job := queuedJob(4242)
		job.Status = fleet.JobPending
		w.github.Job = &job
		return w
	},
	"unknown_completed": func() *world {
		w := unknown("https://github.com/octo-org/app/actions/runs/1/job/4242")
		job := queuedJob(4242)
		job.Status, job.Conclusion = fleet.JobCompleted, "success"
		w.github.Job = &job
		return w
	},
	"unknown_fleet_is_new": func() *world {
		w := unknown("https://github.com/octo-org/app/actions/runs/1/job/4242")
		w.policy = fleet.Policy{FleetName: "ci", Limits: fleet.DefaultLimits()}
		return w
	},
	"unknown_repository_of_the_organization": func() *world {
		w := unknown("https://github.com/octo-org/other/actions/runs/1/job/4242")
		w.github.NotAsked = "there is no credential"
		return w.ofOrganization()
	},
	"unknown_to_an_app": func() *world {
		w := unknown("https://github.com/octo-org/app/actions/runs/1/job/4242")
		w.github.NotAsked = "there is no credential"
		w.policy.GitHubApp = true
		return w
	},
	"unknown_repository": func() *world { return unknown("https://github.com/octo-org/other/actions/runs/1/job/4242") },
	"unknown_github":     func() *world { return unknown("https://github.example.com/octo-org/app/actions/runs/1/job/4242") },
	"unknown_github_refuses": func() *world {
		w := unknown("https://github.com/octo-org/app/actions/runs/1/job/4242")
		w.github.Failed = "GET /repos/octo-org/app/actions/jobs/4242: 404"
		return w
	},

	// Hostile text.
	"hostile": func() *world {
		job := queuedJob(theJob)
		job.Name = "build\x1b[2J\x1b[31mred\r\nstatus           COMPLETED\u202ereversed"
		job.WorkflowName = strings.Repeat("w", 1<<20)
		job.Labels = append([]string{"class:large\x1b]0;title\x07\n", strings.Repeat("l", 1<<20)}, strings.Split(strings.Repeat("x ", 90), " ")...)
		w := newWorld().receive(job)
		d := w.policy.Admit(job)
		return w.refused(d.Rule, d.Reason+"\x1b[31m\n"+strings.Repeat("r", 1<<20)).after(time.Minute)
	},
}

// running has the job on its own runner.
func running() *world {
	return newWorld().launch().comesTo(fleet.StageRegistered).after(time.Second).took(theJob, "ci-20000000005-1")
}

// refusedByValidate ends the job's first runner by a policy that is newer than the run.
func (w *world) refusedByValidate() *world {
	run := w.runs[theJob]
	d := w.policy.Admit(run.Job)
	w.write(fleet.Close(fleet.CloseFacts{
		Runner: w.runners[0], Run: &run, Capacity: w.capacity, Plan: &fleet.Plan{Decision: d.Verdict, Rule: d.Rule, Reason: d.Reason}, Holds: w.holds, Deployment: "d1", Now: w.now,
	}).Changes)
	return w
}

// refusedAndTaken has the job, which policy refused, on a runner of another job: GitHub knows
// labels only.
func refusedAndTaken(hook fleet.JobHook) *world {
	w := newWorld()
	w.policy.Rules = []fleet.Rule{{Name: "no-large", Repository: fleet.Patterns{"octo-org/app"}, Refuse: "class large is for the release workflows only"}}
	d := w.policy.Admit(queuedJob(theJob))
	w.refused(d.Rule, d.Reason).receive(queuedJob(otherJob)).launchFor(otherJob).comesToOf(otherJob, fleet.StageRegistered)
	w.newestOf(otherJob, func(r fleet.Runner) fleet.Runner { r.Hook = hook; return r })
	return w.after(time.Second).took(theJob, "ci-20000000010-1")
}

// undelivered is a job that GitHub has queued and the fleet does not know.
func undelivered(webhook Webhook) *world {
	w := unknown("https://github.com/octo-org/app/actions/runs/1/job/4242")
	job := queuedJob(4242)
	w.github.Job, w.github.Webhook = &job, webhook
	return w
}

// answered is such a job whose webhook was answered four minutes ago.
func answered(status int, says, body string) *world {
	w := undelivered(Webhook{})
	w.github.Webhook.Delivered = &Delivered{At: w.now.Add(-4 * time.Minute), Status: status, Says: says, Body: body}
	return w
}

func unknown(asked string) *world {
	w := newWorld()
	w.asked, w.withheld = asked, true
	return w.after(5 * time.Minute)
}

func refusedFor(labels ...string) *world {
	w := newWorld()
	job := queuedJob(theJob)
	job.Labels = labels
	w.receive(job)
	d := w.policy.Admit(job)
	return w.refused(d.Rule, d.Reason).after(time.Minute)
}

// full has so many open runners, all of the job's repository.
func (w *world) full(n int) *world {
	w.capacity = fleet.Capacity{Open: n, OpenOf: map[string]int{"octo-org/app": n}}
	return w
}

// image makes the job ask for another image.
func (w *world) image(label string) *world {
	job := queuedJob(theJob)
	job.Labels = append(job.Labels, label)
	return w.receive(job)
}

// completesOn ends the job, and closes the runner that ran it.
func (w *world) completesOn() *world {
	w.completes("success")
	exit := 0
	for i, r := range w.runners {
		if r.Took == theJob {
			r.TaskStatus, r.ExitCode, r.Phase, r.Status = fleet.TaskStopped, &exit, fleet.Closed, fleet.RunnerOffline
			w.runners[i] = r.Mark(fleet.StageClosed, w.now)
		}
	}
	return w
}
