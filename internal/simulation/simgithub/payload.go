package simgithub

import (
	"encoding/base64"
	"strconv"
)

const (
	webURL = "https://github.com/"
	apiURL = "https://api.github.com/repos/"

	workflowName = "CI"
	branch       = "main"
)

// payload is a webhook's body.
// https://docs.github.com/webhooks/webhook-events-and-payloads#workflow_job
func (g *GitHub) payload(action string, j *job) []byte {
	w := &writer{b: make([]byte, 0, 2048)}
	w.open('{').text("action", action).key("workflow_job")
	g.writeJob(w, j, j.now(), true)
	w.key("repository")
	g.writeRepository(w, j.repo())
	w.key("sender").open('{').fields(j.repo().user(g.cfg.Full)).close('}')
	if j.spec.Environment {
		w.key("deployment").open('{').fields(j.deployment()).close('}')
	}
	if g.cfg.App {
		w.key("installation").open('{').number("id", g.installation).close('}')
	}
	return w.close('}').b
}

// writeJob writes a job as it is in a state. REST and webhooks have the same fields.
func (g *GitHub) writeJob(w *writer, j *job, s jobState, full bool) {
	run, repo := strconv.FormatInt(j.run.id, 10), j.repo()
	id := strconv.FormatInt(j.id, 10)
	started := s.started
	if started.IsZero() {
		started = j.created // set even while queued
	}
	w.open('{').
		number("id", j.id).number("run_id", j.run.id).number("run_attempt", int64(j.attempt)).
		text("name", j.spec.Name).text("workflow_name", workflowName).text("head_branch", branch).text("head_sha", commit(j.run.id)).
		text("html_url", webURL+repo.name+"/actions/runs/"+run+"/job/"+id).
		text("status", s.status).textOrNull("conclusion", s.conclusion).
		time("created_at", j.created).time("started_at", started).time("completed_at", s.completed).
		texts("labels", j.spec.Labels)
	switch {
	case s.runnerID != 0:
		w.number("runner_id", s.runnerID).text("runner_name", s.runnerName).number("runner_group_id", s.group.id).text("runner_group_name", s.group.name)
	case s.status == completed:
		// Cancelled before a runner had it (actions/actions-runner-controller#2520).
		w.number("runner_id", 0).text("runner_name", "").number("runner_group_id", 0).text("runner_group_name", "")
	default:
		w.null("runner_id").null("runner_name").null("runner_group_id").null("runner_group_name")
	}
	if full {
		api := apiURL + repo.name
		w.text("run_url", api+"/actions/runs/"+run).text("url", api+"/actions/jobs/"+id).text("check_run_url", api+"/check-runs/"+id).
			text("node_id", nodeID("CheckRun", j.id))
		writeSteps(w, s)
	}
	w.close('}')
}

// writeSteps writes the one step that every job has, or none if no runner had it.
func writeSteps(w *writer, s jobState) {
	w.key("steps").open('[')
	if !s.started.IsZero() {
		w.open('{').text("name", "Set up job").number("number", 1).
			text("status", s.status).textOrNull("conclusion", s.conclusion).
			time("started_at", s.started).time("completed_at", s.completed).close('}')
	}
	w.close(']')
}

// writeRun writes a workflow run as it is in a state.
func (g *GitHub) writeRun(w *writer, r *run, s runState) {
	w.open('{').
		number("id", r.id).text("name", workflowName).number("run_attempt", int64(r.attempt)).
		text("status", s.status).textOrNull("conclusion", s.conclusion).
		text("event", "push").text("head_branch", branch).
		text("html_url", webURL+r.repo.name+"/actions/runs/"+strconv.FormatInt(r.id, 10)).
		time("created_at", r.created).time("updated_at", s.since).key("repository")
	g.writeRepository(w, r.repo)
	if g.cfg.Full {
		w.fields(r.rest())
	}
	w.close('}')
}

func (g *GitHub) writeRepository(w *writer, r *repository) {
	w.open('{').number("id", r.id).text("full_name", r.name).boolean("private", r.private).boolean("fork", r.fork)
	if g.cfg.Full {
		w.fields(r.rest())
	}
	w.close('}')
}

// writeRunner writes a registration. An ephemeral runner that has not connected is
// offline, of an unknown system and without a version.
func (g *GitHub) writeRunner(w *writer, r *runner, s runnerState) {
	system, online, version := "unknown", "offline", ""
	if s.used {
		system, version = "Linux", g.cfg.RunnerVersion
	}
	if s.online {
		online = "online"
	}
	w.open('{').number("id", r.id).number("runner_group_id", r.group.id).text("name", r.name).
		text("os", system).text("status", online).boolean("busy", s.busy).boolean("ephemeral", !r.foreign).
		textOrNull("version", version).key("labels").open('[')
	for i, l := range r.labels {
		kind := "custom"
		switch r.lower[i] {
		case "self-hosted", "linux", "x64", "arm64":
			kind = "read-only"
		}
		w.open('{').number("id", r.labelID+int64(i)).text("name", l).text("type", kind).close('}')
	}
	w.close(']').close('}')
}

// showDelivery writes an entry of a webhook's log. Every sweep asks for the newest hundred.
func (g *GitHub) showDelivery(w *writer, d *delivery) {
	if d.shown == nil {
		one := &writer{}
		g.writeDelivery(one, d)
		d.shown = one.b
	}
	w.raw(d.shown)
}

func (g *GitHub) writeDelivery(w *writer, d *delivery) {
	w.open('{').number("id", d.id).text("guid", d.guid).time("delivered_at", d.at).boolean("redelivery", d.redelivery).key("duration")
	w.b = strconv.AppendFloat(w.b, d.took.Seconds(), 'f', 2, 64)
	w.text("status", d.status).number("status_code", int64(d.code)).text("event", "workflow_job").text("action", d.action).number("repository_id", d.job.repo().id)
	if g.cfg.App {
		w.number("installation_id", g.installation)
	} else {
		w.null("installation_id")
	}
	if d.throttled {
		w.time("throttled_at", d.at)
	} else {
		w.null("throttled_at")
	}
	w.close('}')
}

func nodeID(kind string, id int64) string {
	return base64.RawStdEncoding.EncodeToString([]byte("simulated:" + kind + ":" + strconv.FormatInt(id, 10)))
}

// commit makes up the commit of a run.
func commit(run int64) string {
	const zeros = "0000000000000000000000000000000000000000"
	hex := strconv.FormatInt(run, 16)
	return zeros[len(hex):] + hex
}
