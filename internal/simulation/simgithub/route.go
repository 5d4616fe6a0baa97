package simgithub

import (
	"net/http"
	"strconv"
	"strings"
)

// route is what a request asks for.
type route struct {
	operation string // github.…, also the name of its kernel.Call
	owner     string // of the repository, with its name; "" if the id is given
	name      string
	id        int64 // of the repository
	// organization is set, to its name or id, for what is an organization's own; ofApp for
	// what the App asks about itself, and installed for what is its installation's.
	organization     string
	ofApp, installed bool
	rest             string
	first            int64 // the first id in the rest
	second           int64
	answer           func(*GitHub, *request) answer
}

// parse finds out what a request asks for. It takes the paths of api.github.com and,
// below /api/v3, those of an Enterprise Server.
func parse(req *http.Request) route {
	path := strings.TrimPrefix(strings.TrimPrefix(req.URL.Path, "/api/v3"), "/")
	kind, path, _ := strings.Cut(path, "/")
	var r route
	switch kind {
	case "repos":
		r.owner, path, _ = strings.Cut(path, "/")
		r.name, r.rest, _ = strings.Cut(path, "/")
	case "orgs":
		r.organization, r.rest, _ = strings.Cut(path, "/")
	case "organizations":
		var id string
		id, r.rest, _ = strings.Cut(path, "/")
		r.id, r.organization = number(id), id
	case "installation", "app":
		r.rest = path
		r.operation, r.answer = "github.unknown", (*GitHub).unknown
		if r.ofApp = kind == "app"; r.ofApp {
			r.findApp(req, path)
		} else if r.rest = kind + "/" + path; path == "repositories" && req.Method == http.MethodGet {
			r.installed = true
			r.operation, r.answer = "github.installation_repositories", (*GitHub).listInstalled
		}
		return r
	case "repositories":
		var id string
		id, r.rest, _ = strings.Cut(path, "/")
		r.id = number(id)
	default:
		r.operation, r.answer = "github.unknown", (*GitHub).unknown
		return r
	}
	r.find(req)
	return r
}

func (r *route) find(req *http.Request) {
	r.operation, r.answer = "github.unknown", (*GitHub).unknown
	var part [6]string
	rest := r.rest
	n := 0
	for more := rest != ""; more && n < len(part); n++ {
		part[n], rest, more = strings.Cut(rest, "/")
	}
	set := func(operation string, answer func(*GitHub, *request) answer, ids ...string) {
		r.operation, r.answer = operation, answer
		if len(ids) > 0 {
			r.first = number(ids[0])
		}
		if len(ids) > 1 {
			r.second = number(ids[1])
		}
	}
	switch method, one, two := req.Method, part[0], part[1]; {
	case one == "installation" && n == 1 && method == http.MethodGet:
		set("github.installation", (*GitHub).getInstallation)
		r.ofApp = true
	case r.organization != "" && one == "repos" && n == 1 && method == http.MethodGet:
		set("github.org_repositories", (*GitHub).listRepositories)
		if strings.Contains(req.URL.RawQuery, "sort=pushed") {
			r.operation = "github.org_pushed"
		}
	case r.organization != "" && one == "actions" && two == "runner-groups" && n == 2 && method == http.MethodGet:
		set("github.runner_groups", (*GitHub).listRunnerGroups)
	case r.organization != "" && one != "hooks" && (one != "actions" || two != "runners"):
	case one == "actions" && two == "jobs" && n == 3 && method == http.MethodGet:
		set("github.job", (*GitHub).getJob, part[2])
	case one == "actions" && two == "runs" && method == http.MethodGet:
		switch {
		case n == 2:
			set("github.runs", (*GitHub).listRuns)
		case n == 3:
			set("github.run", (*GitHub).getRun, part[2])
		case n == 4 && part[3] == "jobs":
			set("github.run_jobs", (*GitHub).listRunJobs, part[2])
		}
	case one == "actions" && two == "runs" && n == 4 && part[3] == "rerun-failed-jobs" && method == http.MethodPost:
		set("github.rerun_failed_jobs", (*GitHub).rerunFailedJobs, part[2])
	case one == "actions" && two == "runners":
		r.findRunners(req, part[2], n, set)
	case one == "hooks":
		switch {
		case n == 1 && method == http.MethodGet:
			set("github.hooks", (*GitHub).listHooks)
		case n == 3 && part[2] == "deliveries" && method == http.MethodGet:
			set("github.deliveries", (*GitHub).listDeliveries, two)
		case n == 5 && part[2] == "deliveries" && part[4] == "attempts" && method == http.MethodPost:
			set("github.redeliver", (*GitHub).postAttempt, two, part[3])
		}
	case one == "statuses" && n == 2 && method == http.MethodPost:
		set("github.status", (*GitHub).postStatus)
	case one == "releases" && two == "tags" && n == 3 && method == http.MethodGet:
		set("github.releases", (*GitHub).getRelease)
	}
}

func (r *route) findRunners(req *http.Request, last string, n int, set func(string, func(*GitHub, *request) answer, ...string)) {
	switch method := req.Method; {
	case n == 2 && method == http.MethodGet && strings.Contains(req.URL.RawQuery, "name="):
		set("github.runner_by_name", (*GitHub).listRunners)
	case n == 2 && method == http.MethodGet:
		set("github.runners", (*GitHub).listRunners)
	case n == 3 && last == "downloads" && method == http.MethodGet:
		set("github.downloads", (*GitHub).listDownloads)
	case n == 3 && last == "generate-jitconfig" && method == http.MethodPost:
		set("github.generate_jitconfig", (*GitHub).postJITConfig)
	case n == 3 && method == http.MethodGet:
		set("github.runner", (*GitHub).getRunner, last)
	case n == 3 && method == http.MethodDelete:
		set("github.delete_runner", (*GitHub).deleteRunner, last)
	}
}

// number is an id in a path; 0, which nothing has, if it is none.
func number(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}

func (g *GitHub) unknown(*request) answer { return notFound() }
